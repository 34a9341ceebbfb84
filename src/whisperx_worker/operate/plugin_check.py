"""Check of one plugin alone: its load, its hooks on made values, and a whole job without models."""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from whisperx_worker.contract.fields import did_you_mean
from whisperx_worker.errors import BadInputError, JobRefusedError, WorkerError
from whisperx_worker.hooks.dispatch import failure, run_chain, run_engine, texts_unseen_by
from whisperx_worker.hooks.host import DISTRIBUTION, Candidate, kind_of, taking_part
from whisperx_worker.hooks.job import Observers
from whisperx_worker.hooks.load_time import slow_load
from whisperx_worker.hooks.loading import file_candidate, installed, load_host, mounted
from whisperx_worker.hooks.plugin_call import call
from whisperx_worker.hooks.trace import changes
from whisperx_worker.models.cache import ModelCache
from whisperx_worker.operate.made_values import DURATION_S, MadeValue, made_recording, made_talk, made_values
from whisperx_worker.operate.plugin_details import plugin_details
from whisperx_worker.operate.plugin_log import PluginLog, watched_log
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import Worker
from whisperx_worker.testing import make_job
from whisperx_worker.testing.engines import NAME as ENGINES_NAME
from whisperx_worker.testing.engines import Engines
from whisperx_worker.testing.plugins import make_settings
from whisperx_worker.types import Diarization, Language, Speech, Transcript
from whisperx_worker.voices.embeddings import VoiceEmbeddings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.hooks.host import Host
    from whisperx_worker.hooks.job import Job
    from whisperx_worker.types import Seconds

MAX_CALL_S: Seconds = 1.0
"""Time from which a call on a few seconds of sound is slow."""
_ANSWERS: Mapping[str, type] = {
    "detect_speech": Speech, "identify_language": Language, "transcribe": Transcript, "align": Transcript,
    "diarize": Diarization, "embed_voices": VoiceEmbeddings, "verify_speakers": Sequence,
}  # fmt: skip
"""What each engine answers with."""
_GIVEN_BY_HOST = {"job", "options", "next_engine"}


@dataclass(frozen=True)
class CheckFinding:
    """Something that is missing or wrong."""

    severity: Literal["error", "warning"]
    what: str


def find_plugin(place: str, settings: Settings) -> Candidate:
    """Return the plugin in a file or folder, or the installed one with that name.

    Raises:
        BadInputError: When there is none.
    """
    path = Path(place)
    if path.is_file():
        return file_candidate(path)
    if path.is_dir():
        folder = path.resolve()
        for file in (folder / "__init__.py", folder / f"{folder.name}.py"):
            if file.is_file():
                return file_candidate(file)
        raise BadInputError(f"{place} has neither __init__.py nor {folder.name}.py")
    known = {one.name: one for one in (*installed(), *mounted(settings.plugins_dir))}
    if place not in known:
        raise BadInputError(f"there is no file, folder or installed plugin {place!r}{did_you_mean(place, known)}")
    return known[place]


def check_plugin(candidate: Candidate, max_call_s: Seconds = MAX_CALL_S) -> list[CheckFinding]:
    """Load a plugin alone, try its hooks and a whole job, and return what is wrong.

    Args:
        candidate: The plugin.
        max_call_s: Time from which a call is slow.
    """
    engines = Candidate(ENGINES_NAME, DISTRIBUTION, "-", load=lambda: Engines(made_talk()))
    with watched_log(candidate.name) as log:
        host = load_host(make_settings(), [candidate, engines])
        record = next(one for one in host.records if one.name == candidate.name)
        if record.state != "active":
            return [CheckFinding("error", f"it cannot be loaded: {record.reason}")]
        jobs: list[Job] = []
        found = [
            *_description_findings(host, candidate.name),
            *_hook_findings(host, candidate.name, log, jobs),
        ]
        found += _job_findings(host, candidate.name, log, jobs, found)
    found += _slow_calls(candidate.name, jobs, max_call_s)
    if log.printed:
        found.append(CheckFinding("warning", f"it prints, which goes to the log; use logging: {log.printed[0]!r}"))
    return sorted(dict.fromkeys(found), key=lambda one: one.severity)


def _description_findings(host: Host, name: str) -> Iterator[CheckFinding]:
    """Yield what an operator would miss, and a load that is slow."""
    (plugin,) = [one for one in plugin_details(host, make_settings()) if one.record.name == name]
    if slow := slow_load(plugin.record):
        yield CheckFinding("warning", slow)
    if not plugin.record.description:
        yield CheckFinding("warning", "it has no docstring; the first line of one is its description")
    for option in plugin.options:
        if not option.description:
            yield CheckFinding("warning", f"its option {option.name!r} has no description; write one line under it")
    if name in texts_unseen_by(host, _named(host, name)):
        what = "it is closed and has no partial: jobs with stream are refused, and debug has no texts"
        yield CheckFinding("warning", what)


def _named(host: Host, name: str) -> Job:
    """Return a job that names the plugin, which takes part and is the engine of its steps then."""
    return make_job(host, plugins={name: {}}, debug=True)


def _hook_findings(host: Host, name: str, log: PluginLog, jobs: list[Job]) -> Iterator[CheckFinding]:
    """Yield what is wrong with the answers of each hook on made values."""
    hooks = next(one.hooks for one in host.records if one.name == name)
    values = made_values(_named(host, name).request)
    for hook in hooks:
        arguments = [one for one in host.arguments(hook) if one not in _GIVEN_BY_HOST]
        first = arguments[0] if arguments else ""
        if kind_of(hook) == "setup" or not values.keys() >= set(arguments):
            continue
        tried = values.get(first, [MadeValue("a job", None)])
        for made in tried if kind_of(hook) != "engine" else tried[:1]:
            job = _named(host, name)
            jobs.append(job)
            given = {argument: values[argument][0].value for argument in arguments}
            given |= {first: made.value} if first else {}
            yield from _findings_of_call(host, hook, name, given, job, made.name, log)


def _findings_of_call(  # noqa: PLR0913  the parts of one call
    host: Host, hook: str, name: str, given: dict[str, Any], job: Job, made: str, log: PluginLog
) -> Iterator[CheckFinding]:
    kept, options = copy.deepcopy(given), copy.deepcopy(job.options.get(name))
    log.raised.clear()
    answered: object = None
    try:
        answered = _run(host, hook, name, given, job)
    except JobRefusedError as error:
        yield CheckFinding("warning", f"{hook} refuses the job on {made}: {error}")
    except WorkerError as error:
        yield CheckFinding("error", f"{log.explained(str(error))} (on {made})")
    for warned in job.warnings:
        what = str(warned).removesuffix("; its change is left out")
        yield CheckFinding("error", f"{log.explained(what)} (on {made})")
    changed = [key for key, value in given.items() if changes(kept[key], value)]
    if changed:
        yield CheckFinding("error", f"{hook} changes its {changed[0]} in place; return a new one, made with replace()")
    if options != job.options.get(name):
        yield CheckFinding("error", f"{hook} changes its options, which are those of the whole job")
    if lost := _lost_words(given, answered):
        yield CheckFinding("warning", f"{hook} returns {lost} segments without the words that they had (on {made})")


def _run(host: Host, hook: str, name: str, given: Mapping[str, Any], job: Job) -> object:
    """Call a hook as a job does; an observer so that its error is seen."""
    if kind_of(hook) == "engine":
        return run_engine(host, hook, _ANSWERS[hook], job, **given) if hook in _ANSWERS else None
    if kind_of(hook) == "chain":
        first, *others = given
        return run_chain(host, hook, given[first], job, **{other: given[other] for other in others})
    for implementation in taking_part(host, hook, job):
        if implementation.plugin_name == name:
            try:
                call(implementation, given, job)
            except Exception as error:
                raise WorkerError(f"plugin {name} failed in {hook}: {failure(error)}") from error
    return None


def _lost_words(given: Mapping[str, Any], answered: object) -> int:
    """Return how many segments of a transcript or result lack words, where all had some."""
    before, after = given.get("transcript") or given.get("result"), answered
    before, after = (getattr(one, "transcript", one) for one in (before, after))
    if not (isinstance(before, Transcript) and isinstance(after, Transcript)) or not before.segments:
        return 0
    if not all(one.words for one in before.segments):
        return 0
    return sum(bool(one.text.strip()) and not one.words for one in after.segments)


def _job_findings(
    host: Host, name: str, log: PluginLog, jobs: list[Job], known: Sequence[CheckFinding]
) -> Iterator[CheckFinding]:
    """Yield what is new in a whole job with words, speakers, names and the plugin's output formats."""
    if importlib.util.find_spec("av") is None:
        yield CheckFinding("warning", "no whole job was run: it needs the library av")
        return
    sound = made_recording()
    formats = [output for output, plugin in host.output_plugins.items() if plugin == name]
    data = {
        "audio_base64": sound, "align_output": True, "diarization": True, "debug": True,
        "speaker_samples": [{"name": "Анна", "audio_base64": sound}], "output_formats": ["json", *formats],
        "plugins": {name: {}}, "stream": name not in texts_unseen_by(host, _named(host, name)),
    }  # fmt: skip
    log.raised.clear()
    worker = Worker(make_settings(), host, ModelCache())
    response = answer(worker, "check", data, observers=Observers(started=jobs.append))
    for wrong in [response["error"]] if "error" in response else response["warnings"]:
        sentence = log.explained(wrong).removesuffix("; its change is left out")
        if not any(sentence in one.what for one in known):
            yield CheckFinding("error", f"in a whole job: {sentence}")


def _slow_calls(name: str, jobs: Sequence[Job], max_call_s: Seconds) -> Iterator[CheckFinding]:
    """Yield the hooks with a call that takes too long."""
    slowest: dict[str, Seconds] = {}
    for one in (one for job in jobs for one in job.calls if one.plugin == name):
        slowest[one.hook] = max(one.seconds, slowest.get(one.hook, 0.0))
    for hook, seconds in slowest.items():
        if seconds > max_call_s:
            yield CheckFinding("warning", f"{hook} takes {seconds:.1f} s on {DURATION_S:g} s of sound")
