"""Command `evaluate`: errors on recordings of one's own, with the options of `transcribe`."""

from __future__ import annotations

from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from whisperx_worker.cli.files import make_folder, write_atomically
from whisperx_worker.cli.progress import progress_bar
from whisperx_worker.cli.transcribe_options import (
    Transcription,
    WithTranscribeOptions,
    option_names,
    transcription_of,
)
from whisperx_worker.contract.fields import joined
from whisperx_worker.errors import BadInputError, WorkerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from whisperx_worker.evaluate.evaluation import Difference, Evaluation
    from whisperx_worker.evaluate.hypothesis import Hypothesis
    from whisperx_worker.evaluate.reference import Reference
    from whisperx_worker.hooks.job import Observers

Configuration: TypeAlias = "Path | Transcription"
"""Folder of results, or what is transcribed with."""

TITLES = ("A", "B")
JSON_FILE, PAGE_FILE = "evaluation.json", "evaluation.html"
_LIBRARIES = ("whisperx-worker", "jiwer", "meeteval", "pyannote.metrics", "num2words")

app = typer.Typer()


@app.command(cls=WithTranscribeOptions)
def evaluate(
    context: typer.Context,
    source: Annotated[
        Path, typer.Argument(metavar="FOLDER|FILE|MANIFEST", help="Recordings, or a manifest in JSON lines.")
    ],
    refs: Annotated[
        list[Path] | None,
        typer.Option("--refs", help="Folder of references, or a .stm, .ctm, .rttm or .jsonl file; repeatable."),
    ] = None,
    results: Annotated[
        Path | None, typer.Option("--results", help="Folder of results in JSON, to measure without transcribing.")
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option("--compare", help="Folder of other results, or other options such as '--beam-size 1'."),
    ] = None,
    enrolled: Annotated[
        list[str] | None,
        typer.Option("--enrolled", metavar="NAME", help="Person whom results may name; else those of --speaker."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", "-o", help=f"Folder for {JSON_FILE} and {PAGE_FILE}.")
    ] = None,
) -> None:
    """Measure errors on your recordings: words, speakers, times, names.

    A reference lies beside its recording: .txt, .stm, .srt, .ctm, .rttm or .json. Takes the options of `transcribe`.
    """
    from whisperx_worker.evaluate import evaluation
    from whisperx_worker.evaluate.libraries import check_libraries
    from whisperx_worker.evaluate.report_text import report_text
    from whisperx_worker.evaluate.source import describe, find_references

    configurations = _configurations(context, results, compare)
    needs_sound = any(isinstance(one, Transcription) for one in configurations)
    folders = [one for one in (*configurations, report) if isinstance(one, Path)]
    references = find_references(source, refs or (), needs_sound=needs_sound, ignored=folders)
    check_libraries(references)
    read = _check(configurations, references)
    if report:
        make_folder(report, "the report")
    typer.echo(describe(references, enrolled or ()), err=True)
    evaluations = [
        _evaluation(title, references, read.get(place), one, enrolled or ())
        for place, (title, one) in enumerate(zip(TITLES, configurations, strict=False))
    ]
    differences = evaluation.compare(*evaluations) if compare else ()
    typer.echo(report_text(evaluations, differences), nl=False)
    if report:
        _write_report(report, evaluations, differences)
    empty = [one for one in evaluations if len(one.failed) == len(one.scores)]
    if empty:
        reasons = dict.fromkeys(f"{one.title}: every recording failed; {one.failed[0].failure}" for one in empty)
        raise WorkerError(joined(reasons))


def _configurations(context: typer.Context, results: Path | None, compare: str | None) -> list[Configuration]:
    """Return one configuration, or the two that are compared.

    Raises:
        BadInputError: When options have no effect, or `compare` is neither a folder nor options.
    """
    has_options = compare is not None and compare.lstrip().startswith("-")
    given = option_names(context)
    if results and given and not has_options:
        raise BadInputError(f"--results are measured as they are, so {given[0]} has no effect")
    found: list[Configuration] = [results or transcription_of(context)]
    if compare is None:
        return found
    if has_options:
        return [*found, transcription_of(context, compare)]
    if not Path(compare).is_dir():
        raise BadInputError(
            f"--compare must be a folder of results or options of transcribe such as '--beam-size 1', not {compare!r}"
        )
    return [*found, Path(compare)]


def _check(
    configurations: Sequence[Configuration], references: Sequence[Reference]
) -> dict[int, dict[str, Hypothesis]]:
    """Return the results that are there, by place of the configuration; no model is loaded.

    Raises:
        BadInputError: With the mistakes of both configurations.
    """
    from whisperx_worker.evaluate.durations import with_durations
    from whisperx_worker.evaluate.hypothesis import read_results
    from whisperx_worker.evaluate.running import check_request

    read, mistakes = {}, []
    for place, one in enumerate(configurations):
        try:
            if isinstance(one, Path):
                read[place] = with_durations(read_results(one, references), references)
            else:
                check_request(one.settings, one.request, references)
        except BadInputError as error:
            mistakes.append(str(error))
    if mistakes:
        raise BadInputError(joined(mistakes))
    return read


def _evaluation(
    title: str,
    references: Sequence[Reference],
    read: Mapping[str, Hypothesis] | None,
    configuration: Configuration,
    enrolled: Sequence[str],
) -> Evaluation:
    """Transcribe where there are no results yet, and score."""
    from whisperx_worker.evaluate.evaluation import evaluate as score_all
    from whisperx_worker.evaluate.running import transcribe_references

    if isinstance(configuration, Transcription):
        settings, request = configuration.settings, configuration.request
        read = transcribe_references(settings, request, references, _observed(len(references), configuration.quiet))
        enrolled = enrolled or [sample["name"] for sample in request.get("speaker_samples", ())]
        language = request.get("language")
    else:
        language = None
    return score_all(title, references, read or {}, enrolled=frozenset(enrolled), language=language)


def _observed(recordings: int, quiet: bool) -> Any:  # noqa: ANN401
    """Return a context for each recording, which shows its place and its progress."""
    from whisperx_worker.hooks.job import Observers

    places = iter(range(1, recordings + 1))

    @contextmanager
    def observed(name: str) -> Iterator[Observers]:
        if not quiet:
            typer.echo(f"{next(places)}/{recordings} {name}", err=True)
        with progress_bar(quiet=quiet) as bar:
            yield Observers(progress=bar)

    return observed


def _write_report(folder: Path, evaluations: Sequence[Evaluation], differences: Sequence[Difference]) -> None:
    from whisperx_worker.evaluate.report_html import report_html
    from whisperx_worker.evaluate.report_json import report_json

    write_atomically(folder / JSON_FILE, report_json(evaluations, differences, _versions()))
    write_atomically(folder / PAGE_FILE, report_html(evaluations, differences))


def _versions() -> dict[str, str]:
    found = {}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found
