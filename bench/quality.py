"""Accuracy of words and times beside whisperX and faster-whisper: `python -m bench.quality`.

The recordings are synthetic, and the models small: the numbers compare the systems, and are no measure for real speech.
Prints a Markdown table for each group of conditions, and, where it was all of them at full length, writes all numbers
into `quality.json`.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench import recordings, systems
from bench.recordings import CONDITIONS, Condition, Recording
from bench.scores import METRICS, Score, score
from whisperx_worker.runtime.machine import cores

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.recordings import TimedWord
    from bench.systems import Transcribe

RESULTS = Path(__file__).parent / "quality.json"
QUICK_SHARE = 1 / 8
LIBRARIES = ("whisperx-worker", "whisperx", "faster-whisper", "ctranslate2")

app = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class Row:
    """Scores of the systems in one condition."""

    group: str
    condition: str
    scores: Mapping[str, Score]
    """By system; this worker is the first."""


@app.command()
def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="a small part of each recording, in two minutes")] = False,
    threads: Annotated[int, typer.Option(help="of each system; 0 is all that this process may use")] = 0,
    only: Annotated[str, typer.Option(help="only conditions whose name has this in it")] = "",
    texts: Annotated[Path | None, typer.Option(help="folder for what was said and what each system heard")] = None,
) -> None:
    """Compare the systems on all conditions."""
    threads = threads or cores()
    share = QUICK_SHARE if quick else 1.0
    chosen = [condition for condition in CONDITIONS if only in condition.name]
    if not chosen:
        raise typer.BadParameter(f"no condition has {only!r} in its name")
    with contextlib.redirect_stdout(sys.stderr):
        loaded = systems.load_systems(threads)
        warm_up(loaded)
        rows = [measure(condition, share, loaded, texts) for condition in chosen]
    for group, members in groupby(rows, key=attrgetter("group")):
        typer.echo(f"\n### {group}\n\n{table(list(members))}")
    typer.echo("\n" + "\n".join(verdict(rows)))
    if not (only or quick):
        RESULTS.write_text(to_json(rows, threads), encoding="utf-8")


def warm_up(loaded: Mapping[str, Transcribe]) -> None:
    """Run each system on a short recording, so that no first time is measured."""
    recording = recordings.conversations(0.05)[0]
    for transcribe in loaded.values():
        transcribe(recording)


def measure(condition: Condition, share: float, loaded: Mapping[str, Transcribe], texts: Path | None) -> Row:
    """Run all systems on a condition's recordings and sum up their scores."""
    sums = dict.fromkeys(loaded, Score())
    for recording in condition.make(share):
        hypotheses = {}
        for name, transcribe in loaded.items():
            hypotheses[name], took_s = time_transcription(transcribe, recording)
            found = score(recording.words, hypotheses[name], recording.silences)
            sums[name] += replace(found, audio_s=recording.duration_s, took_s=took_s)
            typer.echo(f"{condition.name}, {recording.name}: {name} took {took_s:.1f} s", err=True)
        if texts:
            save_words(texts / f"{condition.name} {recording.name}.json", recording, hypotheses)
    return Row(condition.group, condition.name, sums)


def time_transcription(transcribe: Transcribe, recording: Recording) -> tuple[list[TimedWord], float]:
    """Transcribe with a fixed seed; return the words and the seconds."""
    import ctranslate2

    ctranslate2.set_random_seed(0)
    _ = recording.flac_base64  # made before the clock runs
    began_s = time.perf_counter()
    words = transcribe(recording)
    return words, time.perf_counter() - began_s


def save_words(path: Path, recording: Recording, hypotheses: Mapping[str, Sequence[TimedWord]]) -> None:
    """Write the reference and the hypotheses of one recording."""
    path.parent.mkdir(parents=True, exist_ok=True)
    words = {"said": recording.words, **hypotheses}
    lists = {
        name: [[word.text, round(word.start, 3), round(word.end, 3)] for word in listed]
        for name, listed in words.items()
    }
    path.write_text(json.dumps(lists, ensure_ascii=False), encoding="utf-8")


def table(rows: Sequence[Row]) -> str:
    """Format a table with a row for each condition and system."""
    lines = [("condition", "system", *(metric.title for metric in METRICS)), ("---",) * (2 + len(METRICS))]
    for row in rows:
        for name, found in row.scores.items():
            first = f"{row.condition} ({found.words} words, {found.audio_s:.0f} s)" if name == systems.OURS else ""
            lines.append((first, name, *(metric.format(found) for metric in METRICS)))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def verdict(rows: Sequence[Row]) -> Iterable[str]:
    """List where this worker is worse than another, and its invented and deleted words."""
    worse = list(defeats(rows))
    yield f"This worker is worse than another system in {len(worse)} places" + (":" if worse else ".")
    yield from (f"- {line}" for line in worse)
    totals = {name: sum((row.scores[name] for row in rows), Score()) for name in rows[0].scores}
    ours, *others = totals.values()
    fewer = all(ours.deleted < other.deleted for other in others)
    for name, total in totals.items():
        minutes = total.silent_s / 60
        yield f"- {name}: {total.invented} words in {minutes:.1f} min without speech, {total.deleted} words deleted"
    yield f"No word where nobody speaks: {yes(not ours.invented)}. Fewer words deleted than by both: {yes(fewer)}."


def defeats(rows: Sequence[Row]) -> Iterable[str]:
    """List each rounded number of this worker that is above another system's."""
    for row in rows:
        ours, *others = row.scores
        for metric in (metric for metric in METRICS if metric.judged):
            value = metric.of(row.scores[ours])
            better = {
                name: metric.format(row.scores[name])
                for name in others
                if value is not None and (other := metric.of(row.scores[name])) is not None and other < value
            }
            if better:
                beside = ", ".join(f"{name} {shown}" for name, shown in better.items())
                yield f"{row.condition}: {metric.title} {metric.format(row.scores[ours])}, {beside}"


def yes(value: bool) -> str:  # noqa: FBT001 - its only argument
    """Format a truth value."""
    return "yes" if value else "no"


def to_json(rows: Sequence[Row], threads: int) -> str:
    """Format all numbers as JSON."""
    found = [
        {"group": row.group, "condition": row.condition, "system": name, **numbers(score)}
        for row in rows
        for name, score in row.scores.items()
    ]
    versions = {library: metadata.version(library) for library in LIBRARIES}
    whole = {"versions": versions, "threads": threads, "rows": found}
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def numbers(found: Score) -> dict[str, float | None]:
    """Return a score's sums and rates, without each word's error."""
    sums = {name: value for name, value in asdict(found).items() if name != "errors_ms"}
    rates = {"wer": found.wer, "invented_per_min": found.invented_per_min, "boundary_ms": found.boundary_ms}
    return {name: round(value, 3) if value is not None else None for name, value in {**sums, **rates}.items()}


if __name__ == "__main__":
    app()
