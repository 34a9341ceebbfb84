"""Chains fold a value through all plugins, engines are one plugin by name, and a plugin's fault stays its own."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from whisperx_worker import (
    Audio,
    BadInputError,
    Diarization,
    JobCancelledError,
    ModelCache,
    PluginError,
    Result,
    StrictError,
    Transcript,
    VoiceEmbeddings,
    WorkerError,
    hookimpl,
)
from whisperx_worker.contract.settings import Settings
from whisperx_worker.hooks.dispatch import run_chain, run_engine
from whisperx_worker.hooks.host import Candidate
from whisperx_worker.hooks.loading import load_host
from whisperx_worker.logs import job_log
from whisperx_worker.pipeline import run as run_module
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import Worker, warm_up
from whisperx_worker.testing import make_audio, make_job, make_transcript

SAID = make_transcript("Алло")
EMBEDDED = VoiceEmbeddings(np.eye(1, 4, dtype=np.float32), "made", "1", 0.5)
NO_TURNS = Diarization((), exclusive=(), embeddings={})
ENGINES = [
    ("transcribe", Transcript, SAID),
    ("align", Transcript, SAID),
    ("diarize", Diarization, NO_TURNS),
    ("embed_voices", VoiceEmbeddings, EMBEDDED),
    ("verify_speakers", Sequence, []),
]
ARGUMENTS = {"audio": make_audio(), "sounds": [make_audio().samples], "transcript": SAID, "diarization": NO_TURNS}


def loaded(**plugins):
    """A host with these plugins, in this order."""
    candidates = [Candidate(name, "test", "0", load=lambda plugin=plugin: plugin) for name, plugin in plugins.items()]
    host = load_host(Settings(plugins_allow=tuple(plugins)), candidates)
    assert host.active == set(plugins)
    return host


def run(host, hook="post_align", value=SAID, job=None, **extra):
    return run_chain(host, hook, value, job or make_job(host), audio=make_audio(), **extra)


def outcome(host, value=SAID, **fields):
    """What a chain makes of a value, and its warnings."""
    job = make_job(host, **fields)
    return run(host, value=value, job=job), [str(warned) for warned in job.warnings]


class Appends:
    """Says its word at the end of the first segment."""

    def __init__(self, word):
        self.word = word

    @hookimpl
    def post_align(self, transcript):
        first = transcript.segments[0]
        return replace(transcript, segments=(replace(first, text=f"{first.text} {self.word}", words=()),))


class First(Appends):
    @hookimpl(tryfirst=True)
    def post_align(self, transcript):
        return Appends.post_align(self, transcript)


class Last(Appends):
    @hookimpl(trylast=True)
    def post_align(self, transcript):
        return Appends.post_align(self, transcript)


class Answers:
    """A chain plugin that answers the same to everything, or raises it."""

    def __init__(self, answer):
        self.answer = answer

    @hookimpl
    def post_align(self):
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class Engine:
    """An engine for every step that answers the same to everything, or raises it."""

    def __init__(self, answer):
        self.answer = answer

    def _answer(self):
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    @hookimpl
    def transcribe(self):
        return self._answer()

    @hookimpl
    def align(self):
        return self._answer()

    @hookimpl
    def diarize(self):
        return self._answer()

    @hookimpl
    def embed_voices(self):
        return self._answer()

    @hookimpl
    def verify_speakers(self):
        return self._answer()


# --- chains


def test_a_chain_hands_each_plugin_what_its_predecessor_made():
    host = loaded(
        a=Last("раз"), b=Appends("два"), c=First("три"), d=Appends("четыре"), e=First("пять"), f=Last("шесть")
    )
    assert run(host).text == "Алло три пять два четыре раз шесть"


def test_a_chain_without_plugins_gives_its_value_back():
    assert run(loaded()) is SAID


def test_none_leaves_the_value_unchanged():
    assert outcome(loaded(a=Answers(None))) == (SAID, [])


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("text", "it returned str instead of Transcript"),
        (make_audio(), "it returned Audio instead of Transcript"),
        (False, "it returned bool instead of Transcript"),
        (ValueError("all wrong"), "it raised ValueError"),
        (RecursionError(), "it raised RecursionError"),
        (SystemExit(1), "it tried to end the process"),
        (WorkerError("the dictionary is empty"), "the dictionary is empty"),
        (BadInputError("the text is too rude"), "the text is too rude"),
    ],
)
def test_a_plugin_that_fails_is_named_in_a_warning_and_left_out(answer, reason):
    host = loaded(a=Appends("до"), broken=Answers(answer), z=Appends("после"))
    text = "Алло до после"
    warning = f"plugin broken failed in post_align: {reason}; its change is left out"
    value, warnings = outcome(host)
    assert (value.text, warnings) == (text, [warning])


def test_in_a_strict_job_the_first_failure_ends_the_chain():
    host = loaded(broken=Answers(ValueError("all wrong")), z=Answers(AssertionError("called")))
    with pytest.raises(StrictError) as failed:
        outcome(host, strict=True)
    assert str(failed.value) == (
        "strict: plugin broken failed in post_align: it raised ValueError; its change is left out"
    )


def test_a_plugins_own_warning_does_not_undo_its_change():
    class Warns:
        @hookimpl
        def post_align(self, transcript, job):
            job.warn("the last word is a guess")
            return replace(transcript, language="uk")

    value, warnings = outcome(loaded(a=Warns()))
    assert (value.language, warnings) == ("uk", ["the last word is a guess"])


def test_a_plugins_own_warning_ends_a_strict_job():
    class Warns:
        @hookimpl
        def post_align(self, job):
            job.warn("the last word is a guess")

    with pytest.raises(StrictError) as failed:
        outcome(loaded(a=Warns()), strict=True)
    assert str(failed.value) == "strict: the last word is a guess"


def test_a_plugin_cannot_change_a_value_half_way():
    class Tampers:
        @hookimpl
        def post_align(self, transcript):
            transcript.segments[0].text = "испорчено"

    assert outcome(loaded(tampers=Tampers())) == (
        make_transcript("Алло"),
        ["plugin tampers failed in post_align: it raised FrozenInstanceError; its change is left out"],
    )


def test_a_plugin_cannot_write_into_the_recording():
    class Writes:
        @hookimpl
        def pre_audio(self, audio):
            audio.samples[0] = 1.0

    host, audio = loaded(writes=Writes()), make_audio()
    job = make_job(host)
    assert run_chain(host, "pre_audio", audio, job) is audio
    assert audio.samples[0] == 0.0
    assert [warned.message for warned in job.warnings] == [
        "plugin writes failed in pre_audio: it raised ValueError; its change is left out"
    ]


def test_an_answer_of_a_subclass_does_not_bind_the_next_plugin():
    class Stereo(Audio):
        pass

    class Widens:
        @hookimpl
        def pre_audio(self, audio):
            return Stereo(audio.samples)

    class Halves:
        @hookimpl
        def pre_audio(self, audio):
            return Audio(audio.samples / 2)

    host = loaded(a=Widens(), b=Halves())
    job = make_job(host)
    assert type(run_chain(host, "pre_audio", make_audio(), job)) is Audio
    assert job.warnings == ()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), JobCancelledError("the job was cancelled")])
def test_what_ends_a_job_goes_through_a_chain(error):
    with pytest.raises(type(error)):
        run(loaded(a=Answers(error)))


def test_finalize_is_a_chain_over_the_whole_result():
    class Forgets:
        @hookimpl
        def finalize(self, result):
            return replace(result, duration_s=0.0)

    host = loaded(a=Forgets())
    assert run_chain(host, "finalize", Result(SAID, 2.0), make_job(host)) == Result(SAID, 0.0)


# --- what a hook gets


@dataclass(frozen=True)
class Options:
    word: str = "стандарт"


class Optioned:
    @hookimpl
    def register_options(self):
        return Options

    @hookimpl
    def post_align(self, options, transcript):
        return Appends(options.word).post_align(transcript)


def test_each_plugin_gets_its_own_options():
    value, _ = outcome(
        loaded(a=Optioned(), b=Optioned(), c=Optioned()), plugins={"a": {"word": "а"}, "c": {"word": "в"}}
    )
    assert value.text == "Алло а стандарт в"


def test_a_plugin_without_a_schema_gets_none_as_its_options():
    seen = []

    class Looks:
        @hookimpl
        def post_align(self, options):
            seen.append(options)

    run(loaded(a=Looks()))
    assert seen == [None]


def test_a_hook_may_take_any_of_its_arguments_in_any_order():
    seen = []

    class Two:
        @hookimpl
        def post_align(self, job, transcript):
            seen.append((job.id, transcript))

    class All:
        @hookimpl
        def post_align(self, options, job, audio, transcript):
            seen.append((options, job.id, audio.duration_s, transcript))

    class NoneAtAll:
        @hookimpl
        def post_align(self):
            seen.append(())

    run(loaded(a=Two(), b=All(), c=NoneAtAll()))
    assert seen == [("test", SAID), (None, "test", 1.0, SAID), ()]


def test_an_argument_with_a_default_gets_its_value_too():
    seen = []

    class Defaults:
        @hookimpl
        def register_options(self):
            return Options

        @hookimpl
        def post_align(self, transcript, options=None, unknown="mine"):
            seen.append((transcript, options, unknown))

    run(loaded(a=Defaults()))
    assert seen == [(SAID, Options(), "mine")]


# --- engines


@pytest.mark.parametrize(("hook", "expected", "value"), ENGINES)
def test_the_only_engine_there_is_does_the_step(hook, expected, value):
    host = loaded(only=Engine(value), other=Appends("x"))
    assert run_engine(host, hook, expected, make_job(host), **ARGUMENTS) is value


def failure_of(host, hook="transcribe", expected=Transcript, job=None):
    with pytest.raises(PluginError) as failed:
        run_engine(host, hook, expected, job or make_job(host), **ARGUMENTS)
    return str(failed.value)


@pytest.mark.parametrize(("hook", "expected", "_value"), ENGINES)
def test_without_an_engine_the_step_fails(hook, expected, _value):
    assert failure_of(loaded(a=Appends("x")), hook, expected) == f"{hook}: no active plugin does this step"


@pytest.mark.parametrize(("hook", "expected", "value"), ENGINES)
def test_two_engines_and_none_named_is_an_error_that_lists_both(hook, expected, value):
    assert failure_of(loaded(zeta=Engine(value), alpha=Engine(value)), hook, expected) == (
        f"{hook}: several plugins do this step (alpha, zeta); "
        f"name one in WHISPERX_WORKER_{hook.upper()}_ENGINE or in the job's `plugins`"
    )


def chosen(host, *, by_setting=None, by_job=()):
    job = make_job(host, plugins={name: {} for name in by_job})
    job = replace(job, settings=Settings(transcribe_engine=by_setting))
    return run_engine(host, "transcribe", Transcript, job, **ARGUMENTS).text


@pytest.fixture
def two():
    return loaded(a=Engine(make_transcript("первый")), b=Engine(make_transcript("второй")), chain=Appends("x"))


def test_the_setting_names_the_engine(two):
    assert [chosen(two, by_setting=name) for name in ("a", "b")] == ["первый", "второй"]


def test_the_job_names_the_engine(two):
    assert [chosen(two, by_job=[name]) for name in ("a", "b")] == ["первый", "второй"]


def test_the_job_wins_over_the_setting(two):
    assert chosen(two, by_setting="a", by_job=["b"]) == "второй"


def test_plugins_of_other_kinds_in_the_job_choose_nothing(two):
    assert chosen(two, by_setting="b", by_job=["chain"]) == "второй"


def test_a_job_that_names_two_engines_leaves_the_choice_to_the_setting(two):
    assert chosen(two, by_setting="b", by_job=["a", "b"]) == "второй"


@pytest.mark.parametrize("name", ["gone", "chain"])
def test_a_setting_that_names_no_active_engine_is_an_error_even_where_there_is_one(name):
    host = loaded(a=Engine(SAID), chain=Appends("x"))
    job = replace(make_job(host), settings=Settings(transcribe_engine=name))
    assert (
        failure_of(host, job=job) == f"WHISPERX_WORKER_TRANSCRIBE_ENGINE names the plugin '{name}', which is not active"
    )


def test_a_job_that_names_a_plugin_that_is_not_active_is_refused(two):
    with pytest.raises(BadInputError) as refused:
        chosen(two, by_job=["gone"])
    assert str(refused.value) == 'plugins: there is no active plugin "gone" (there are: a, b, chain)'


@pytest.mark.parametrize(("hook", "expected", "_value"), ENGINES)
def test_an_engine_that_declines_is_named(hook, expected, _value):
    assert failure_of(loaded(shy=Engine(None)), hook, expected) == f"{hook}: plugin shy declined this job"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("text", "it returned str instead of Transcript"),
        (RuntimeError("shapes do not fit"), "it raised RuntimeError"),
        (RuntimeError("CUDA error: misaligned address"), "the worker's GPU failed (RuntimeError)"),
        (SystemExit(), "it tried to end the process"),
        (PluginError("the graphics card is too small"), "the graphics card is too small"),
    ],
)
def test_an_engine_that_fails_is_named_with_its_reason(answer, reason):
    assert failure_of(loaded(broken=Engine(answer))) == f"transcribe failed in plugin broken: {reason}"


@pytest.mark.parametrize(
    "error",
    [
        BadInputError("the recording has no speech"),
        StrictError("strict: x"),
        JobCancelledError("the job was cancelled"),
    ],
)
def test_what_is_not_the_engines_fault_goes_through_as_it_is(error):
    host = loaded(a=Engine(error))
    with pytest.raises(type(error)) as raised:
        run_engine(host, "transcribe", Transcript, make_job(host), **ARGUMENTS)
    assert raised.value is error


def test_keyboard_interrupt_goes_through_an_engine():
    host = loaded(a=Engine(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        run_engine(host, "transcribe", Transcript, make_job(host), **ARGUMENTS)


# --- what the client sees


SECRET = "hf_abcdefghijklmnop"
PRIVATE = f"no such file: /srv/models/private/model.bin (token {SECRET})"


@pytest.fixture
def client(monkeypatch, tmp_path):
    """Sends jobs to a worker with these plugins; its recording is a tone."""
    monkeypatch.setattr(run_module, "load_recording", lambda _job: make_audio())
    job_log.start_logging(tmp_path / "container_log.txt", console=False)

    def send(plugins, **fields):
        worker = Worker(Settings(), loaded(**plugins), ModelCache())
        return answer(worker, "job-1", {"audio_base64": "UklGRg==", **fields})

    yield send
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if getattr(handler, "whisperx_worker", False)]:
        root.removeHandler(handler)
        handler.close()
    logging.captureWarnings(capture=False)


def test_a_clients_own_mistake_reaches_it_as_it_is(client):
    mistake = BadInputError("the recording has no speech")
    assert client({"engine": Engine(mistake)}) == {"error": "the recording has no speech"}


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(PRIVATE), "it raised OSError"),
        (PluginError(PRIVATE), "no such file: model.bin (token hf_***)"),
    ],
)
def test_an_engines_secrets_and_paths_do_not_reach_the_client(client, error, told):
    assert client({"engine": Engine(error)}) == {"error": f"transcribe failed in plugin engine: {told}"}


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(PRIVATE), "it raised OSError"),
        (PluginError(PRIVATE), "no such file: model.bin (token hf_***)"),
    ],
)
def test_a_chains_secrets_and_paths_do_not_reach_the_client(client, error, told):
    response = client({"engine": Engine(SAID), "private": Answers(error)})
    assert response["warnings"] == [f"plugin private failed in post_align: {told}; its change is left out"]
    assert response["segments"][0]["text"] == "Алло"
    assert SECRET not in response["logs"]
    assert "/srv" not in response["logs"]


def test_the_log_file_has_what_the_client_is_not_told(client, tmp_path):
    client({"engine": Engine(OSError("no such file: /srv/models/private/model.bin"))})
    assert "OSError: no such file: /srv/models/private/model.bin" in (tmp_path / "container_log.txt").read_text(
        encoding="utf-8"
    )


def test_a_strict_job_fails_with_the_warning_as_its_error(client):
    assert client({"engine": Engine(SAID), "broken": Answers(ValueError())}, strict=True) == {
        "error": "strict: plugin broken failed in post_align: it raised ValueError; its change is left out"
    }


def test_without_its_aligner_a_job_still_has_its_text(client):
    class Hears:
        @hookimpl
        def transcribe(self):
            return replace(SAID, segments=(replace(SAID.segments[0], words=()),))

    class Shy:
        @hookimpl
        def align(self):
            return None

    response = client({"hears": Hears(), "shy": Shy()}, align_output=True)
    assert response["segments"] == [{"start": 0.0, "end": 1.0, "text": "Алло"}]
    assert response["warnings"] == [
        "align: plugin shy declined this job; segments keep their times and words have none"
    ]


# --- warming up


def test_a_plugin_that_cannot_warm_up_is_logged_and_the_others_do(caplog):
    warmed = []

    class Cold:
        @hookimpl
        def warm_up(self):
            raise SystemExit(1)

    class Warm:
        @hookimpl
        def warm_up(self, settings, models):
            warmed.append((settings.device, models.loaded()))

    warm_up(Worker(Settings(), loaded(a=Cold(), b=Warm()), ModelCache()))
    assert warmed == [("auto", [])]
    assert [line for line in caplog.messages if "failed" in line] == ["plugin a failed in warm_up"]
