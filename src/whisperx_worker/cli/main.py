"""The command line: the same worker as on RunPod, with paths for recordings and files for results."""

from __future__ import annotations

import functools
import io
import json
import logging
import os
import signal
import sys
import threading
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeAlias

import typer

from whisperx_worker.cli import evaluate, operator, plugin_author, plugins, voices
from whisperx_worker.cli.files import make_folder, write_atomically
from whisperx_worker.cli.format_help import ListsFormats
from whisperx_worker.cli.progress import progress_bar
from whisperx_worker.errors import BadInputError, ModelNotFoundError, WorkerError
from whisperx_worker.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.hooks.job import Job
    from whisperx_worker.pipeline.known_voices import KnownVoices
    from whisperx_worker.pipeline.worker import Worker
    from whisperx_worker.results.formats.output_format import OutputFormat

_LAST_S = 2.0
"""How long threads may take to stop after Ctrl-C."""

app = typer.Typer(
    name="whisperx-worker",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # whose import takes longer than all of ours
)
app.add_typer(plugins.app)
app.add_typer(plugin_author.app)
app.add_typer(operator.app)
app.add_typer(evaluate.app)
app.add_typer(voices.app, name="voices")


def main() -> None:
    """Run the command line; a failure is one sentence and a non-zero exit."""
    signal.signal(signal.SIGINT, interrupt)
    logging.getLogger().addHandler(logging.NullHandler())  # what a command has to say, it prints
    logging.captureWarnings(capture=True)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a letter that the locale lacks does not cost the result
    try:
        add_plugin_commands()
        app()
    except WorkerError as error:
        sys.exit(f"whisperx-worker: {error}")
    except ImportError as error:
        sys.exit(f"whisperx-worker: {error.name} is not installed; `pip install '.[worker]'` brings the whole worker")
    except OSError as error:
        sys.exit(f"whisperx-worker: {error.strerror}")
    except KeyboardInterrupt:
        sys.exit(130)


def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    """Raise KeyboardInterrupt, and exit soon after it while threads still import or load."""
    leave = threading.Timer(_LAST_S, os._exit, (130,))
    leave.daemon = True
    leave.start()
    raise KeyboardInterrupt


def add_plugin_commands() -> None:
    """Add the commands of installed plugins: typer functions in the entry-point group `whisperx_worker.commands`."""
    for point in entry_points(group="whisperx_worker.commands"):
        try:
            app.command(point.name)(point.load())
        except (ImportError, AttributeError) as error:
            typer.echo(f"warning: the command {point.name} of {point.value} cannot be loaded: {error}", err=True)


ChannelsOption: TypeAlias = Annotated[
    str | None, typer.Option(help="separate: each channel is a speaker; auto: where they differ; else mixed.")
]
ChannelNames: TypeAlias = Annotated[
    list[str] | None, typer.Option("--channel-name", metavar="NAME", help="A channel's name, in order; repeatable.")
]
SpeakerFiles: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--speaker", metavar="NAME=FILE", help="A person's voice, to name them; repeatable."),
]
ThresholdOption: TypeAlias = Annotated[
    float | None, typer.Option(help="Similarity below which nobody is named; else the model's own.")
]
VoiceprintsOption: TypeAlias = Annotated[
    bool, typer.Option("--voiceprints", help="Give the speakers of json voiceprints; biometric data.")
]
LibraryOption: TypeAlias = Annotated[
    Path | None, typer.Option("--voices", metavar="LIBRARY", help="Name speakers from a library of voices.")
]
LearnOption: TypeAlias = Annotated[
    bool, typer.Option("--learn", help="Keep unknown voices in the library, as person_0001 and so on.")
]


@app.command(cls=ListsFormats)
def transcribe(
    context: typer.Context,
    recordings: Annotated[list[str], typer.Argument(help="Files, or http(s) URLs.")],
    language: Annotated[str | None, typer.Option(help="ISO code, such as ru; detected where it is not given.")] = None,
    model: Annotated[str | None, typer.Option(help="Name or folder of a CTranslate2 Whisper model.")] = None,
    align: Annotated[bool, typer.Option("--align", help="Give each word its times.")] = False,
    align_model: Annotated[str | None, typer.Option(help="Name or folder of a wav2vec2 model.")] = None,
    channels: ChannelsOption = None,
    channel_names: ChannelNames = None,
    audio_track: Annotated[int | None, typer.Option(help="Audio track of a video, from 0.")] = None,
    diarize: Annotated[bool, typer.Option("--diarize", help="Say who speaks when; with --align, to the word.")] = False,
    diarization_model: Annotated[str | None, typer.Option(help="Name or folder of a pyannote pipeline.")] = None,
    num_speakers: Annotated[int | None, typer.Option(help="How many speakers there are.")] = None,
    min_speakers: Annotated[int | None, typer.Option(help="At least so many.")] = None,
    max_speakers: Annotated[int | None, typer.Option(help="At most so many.")] = None,
    speakers: SpeakerFiles = None,
    speaker_model: Annotated[str | None, typer.Option(help="Name or folder of a SpeechBrain encoder.")] = None,
    speaker_threshold: ThresholdOption = None,
    voiceprints: VoiceprintsOption = False,
    library: LibraryOption = None,
    learn: LearnOption = False,
    formats: Annotated[list[str] | None, typer.Option("--format", "-f", help="Output format; repeatable.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the results; else they are printed.")
    ] = None,
    prompt: Annotated[str | None, typer.Option(help="Text that the recording might continue.")] = None,
    hotwords: Annotated[str | None, typer.Option(help="Words that are likely to occur.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Chunks decoded at once.")] = None,
    beam_size: Annotated[int | None, typer.Option(help="Width of the beam search.")] = None,
    compute_type: Annotated[str | None, typer.Option(help="int8, float16, float32, ...")] = None,
    plugin_options: Annotated[
        list[str] | None, typer.Option("--plugin", help="plugin.option=value, the value as JSON; repeatable.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="A warning becomes an error.")] = False,
    download: Annotated[bool, typer.Option("--download", help="Models may come from the Hugging Face hub.")] = False,
    trace: Annotated[bool, typer.Option("--trace", help="Print what each plugin took and changed.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show the log, with what plugins raise.")] = False,
) -> None:
    """Transcribe recordings. The result is printed, or written into a folder."""
    from whisperx_worker.contract.settings import load_settings

    models = {"align_model": align_model, "diarization_model": diarization_model, "speaker_model": speaker_model}
    chosen = {name: folder_or_name(model) for name, model in models.items()}
    settings = load_settings(**_given(**chosen, hub_models=("*",) if download else None))
    known = known_voices(library, settings, learn=learn, keeps_voiceprints=voiceprints)
    _start_log(settings, console=verbose)
    channels = channels or ("separate" if channel_names else None)
    request = _given(
        language=language, model=folder_or_name(model), align_output=align or bool(align_model),
        initial_prompt=prompt, hotwords=hotwords, batch_size=batch_size, beam_size=beam_size, compute_type=compute_type,
        diarization=diarize or any((num_speakers, min_speakers, max_speakers, known and channels != "separate")),
        num_speakers=num_speakers, min_speakers=min_speakers, max_speakers=max_speakers,
        channels=channels, channel_names=channel_names, audio_track=audio_track, speaker_threshold=speaker_threshold,
        speaker_samples=parse_speakers(speakers or []), plugins=parse_plugin_options(plugin_options or []),
        output_formats=formats or ["txt"], strict=strict, debug=trace, return_voiceprints=voiceprints or bool(known),
    )  # fmt: skip
    run = context.obj or functools.partial(transcribe_all, known=known)  # `evaluate` has its own way to run these
    if run(settings, recordings, request, output, quiet=quiet or verbose):
        raise typer.Exit(1)


def print_version(wanted: bool) -> None:
    """Print the version and exit, where the option is set."""
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=print_version)
    ] = False,
) -> None:
    """Transcribe speech: words, exact times, plugins."""


def transcribe_all(
    settings: Settings,
    recordings: list[str],
    request: dict[str, Any],
    folder: Path | None,
    *,
    quiet: bool,
    known: KnownVoices | None = None,
) -> int:
    """Run one job after the other, print failures, and return their number.

    Raises:
        WorkerError: Before any work, when the results cannot be written.
    """
    from whisperx_worker.audio import decode_server
    from whisperx_worker.logs import redaction
    from whisperx_worker.pipeline.worker import open_worker

    names = result_names(recordings)
    if folder:
        refuse_same_names(names)
        make_folder(folder)
    decode_server.start()
    worker = open_worker(settings)
    failures = 0
    for number, (recording, name) in enumerate(zip(recordings, names, strict=True)):
        if worker.health.fault and worker.health.fault.is_gpu:
            left = len(recordings) - number
            typer.echo(redaction.mask(f"whisperx-worker: {worker.health.fault.reason}; {left} not tried"), err=True)
            return failures + left
        try:
            written = _transcribe_one(worker, {**request, "audio_file": recording}, quiet=quiet, known=known)
            deliver(written, name, folder, titled=len(recordings) * len(written) > 1)
        except WorkerError as error:
            failures += 1
            which = f"{Path(recording).name}: " if len(recordings) > 1 else ""
            missing = isinstance(error.__cause__, ModelNotFoundError) and "*" not in settings.hub_models
            hint = "; --model names another, --download lets it be fetched" if missing else ""
            typer.echo(redaction.mask(f"whisperx-worker: {which}{error}{hint}"), err=True)
    return failures


def known_voices(
    library: Path | None, settings: Settings, *, learn: bool, keeps_voiceprints: bool
) -> KnownVoices | None:
    """Return the library that names speakers, opened once to find its faults before any work.

    Raises:
        WorkerError: It cannot be used.
    """
    if library is None and not learn:
        return None
    from whisperx_worker.pipeline.known_voices import KnownVoices

    note = functools.partial(typer.echo, err=True)
    known = KnownVoices(voices.library_path(library, settings), learn, keeps_voiceprints, note)
    known.check()
    return known


def _transcribe_one(
    worker: Worker, data: dict[str, Any], *, quiet: bool, known: KnownVoices | None
) -> dict[str, str | bytes]:
    """Return the contents of the results by the ending of their files.

    Raises:
        Exception: What ended the job.
    """
    from whisperx_worker.cli.trace_table import print_trace
    from whisperx_worker.hooks.job import Observers
    from whisperx_worker.pipeline.outcome import run_request
    from whisperx_worker.results.formats.result_json import as_json, json_text

    jobs: list[Job] = []
    with progress_bar(quiet=quiet) as report:
        observers = Observers(progress=report, started=jobs.append)
        outcome = run_request(
            worker,
            "cli",
            data,
            local=True,
            writes_json=True,
            observers=observers,
            name_speakers=known.name_speakers if known else None,
        )
    if jobs and jobs[0].request.debug:
        print_trace(jobs[0].calls)
    if outcome.error:
        try:
            raise outcome.error
        finally:
            del outcome  # else its error, through the traceback and this frame, keeps the audio
    written = dict(outcome.outputs)
    if "json" in written and outcome.result:
        written["json"] = json_text({**as_json(outcome.result), "warnings": outcome.warnings})
    for warned in outcome.warnings:
        typer.echo(f"warning: {warned}", err=True)
    endings = file_endings([worker.host.outputs[name] for name in written])
    return {endings[name]: content for name, content in written.items()}


def file_endings(formats: Sequence[OutputFormat]) -> dict[str, str]:
    """Return the ending of each format's file; those of plugins are named where a suffix is taken."""
    from whisperx_worker.results.formats.built_in import BUILT_IN_FORMATS

    suffixes = [one.suffix for one in formats]
    return {
        one.name: one.suffix if one.name in BUILT_IN_FORMATS or suffixes.count(one.suffix) == 1
        else f".{one.name}{one.suffix}"
        for one in formats
    }  # fmt: skip


def deliver(written: dict[str, str | bytes], name: str, folder: Path | None, *, titled: bool) -> None:
    """Write one recording's results into the folder, or print them where there is none.

    Raises:
        WorkerError: When one cannot be written, or is binary and would be printed among text or on a terminal.
    """
    for ending, content in written.items():
        if folder:
            write_atomically(folder / f"{name}{ending}", content)
            continue
        if isinstance(content, bytes) and (titled or sys.stdout.isatty()):
            raise WorkerError(f"{name}{ending} is binary and is not printed; --output names a folder for it")
        if titled:
            typer.echo(f"==> {name}{ending} <==")
        typer.echo(content, nl=False)


def folder_or_name(model: str | None) -> str | None:
    """Return a model's folder as an absolute path, or its name unchanged."""
    return str(Path(model).resolve()) if model and Path(model).is_dir() else model


def result_names(recordings: list[str]) -> list[str]:
    """Name each recording's results: the stem of its file, or "recording" where it has none."""
    from whisperx_worker.contract.audio_source import parse_source, source_stem

    return [source_stem(parse_source(recording, local=True)) or "recording" for recording in recordings]


def refuse_same_names(names: list[str]) -> None:
    """Refuse recordings with the same name of results.

    Raises:
        BadInputError: When two have one name.
    """
    for name in names:
        if names.count(name) > 1:
            raise BadInputError(
                f"two recordings would both be written as {name!r}; transcribe them into different folders"
            )


def parse_plugin_options(given: list[str]) -> dict[str, dict[str, Any]]:
    """Parse `plugin.option=value` into the request's `plugins`; a value that is no JSON is text.

    Raises:
        BadInputError: When one has another form.
    """
    options: dict[str, dict[str, Any]] = {}
    for text in given:
        place, equals, value = text.partition("=")
        plugin, dot, option = place.partition(".")
        if not (equals and dot and plugin and option):
            raise BadInputError(f"--plugin must look like plugin.option=value, not {text!r}")
        try:
            options.setdefault(plugin, {})[option] = json.loads(value)
        except ValueError:
            options.setdefault(plugin, {})[option] = value
    return options


def parse_speakers(given: list[str]) -> list[dict[str, str]]:
    """Parse `NAME=FILE` into the request's `speaker_samples`; the file may be a URL.

    Raises:
        BadInputError: With all that have another form.
    """
    parts = [text.partition("=") for text in given]
    wrong = [repr("".join(part)) for part in parts if not (part[0].strip() and part[2])]
    if wrong:
        raise BadInputError(f"--speaker must look like NAME=FILE, not {' or '.join(wrong)}")
    return [{"name": name, "url": place} for name, _, place in parts]


def _start_log(settings: Settings, *, console: bool) -> None:
    from whisperx_worker.logs import job_log

    # A person's folder gets a log file only where they ask for one.
    log_file = settings.log_file if "log_file" in settings.model_fields_set else None
    try:
        job_log.start_logging(log_file, console=console, log_format=settings.log_format)
    except OSError as error:
        raise WorkerError(f"the log file (WHISPERX_WORKER_LOG_FILE) cannot be written: {error.strerror}") from None


def _given(**values: Any) -> dict[str, Any]:  # noqa: ANN401
    return {name: value for name, value in values.items() if value is not None}
