"""Words on real voices, with real weights, beside three peers: `python -m bench.real_quality`.

Results of the peers are kept in `build/real-quality`, by the recording's content, the libraries' versions and the
weights: a second run takes the time of this worker only. Seconds are comparable where all ran with `--fresh` on a
machine that does nothing else. Prints Markdown; `--json` writes all numbers, and every text.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path  # noqa: TC003 - the command line reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from bench import real_systems as systems
from bench.real_conditions import CONDITIONS, UNTRANSCRIBED, WITHOUT_SPEECH, RealCondition, RealRecording
from bench.real_scores import Errors, Interval, compare, difference, normalise, total
from bench.real_systems import OURS, TITLES, Segment, Transcript, load_system
from bench.real_voices import OWN_FOLDER, read_voices
from tools.lock import ROOT
from whisperx_worker import SAMPLE_RATE_HZ
from whisperx_worker.runtime.machine import cores

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.real_systems import Transcribe
    from bench.real_voices import Voices
    from whisperx_worker import Seconds

KEPT = ROOT / "build" / "real-quality"
RUSSIAN = "ru"
WARM_UP_S = 4.0

app = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class Answer:
    """A system's answer and its cost."""

    transcript: Transcript
    took_s: Seconds
    cpu_s: Seconds
    """Processor time, that of finished child processes too."""
    is_kept: bool = False
    """Whether it is of another run."""


@dataclass(frozen=True)
class Result:
    """Answer to one recording, and its errors."""

    recording: str
    answer: Answer
    errors: tuple[Errors, ...]
    """Of each turn; one element with the invented words where nothing is spoken."""


@dataclass(frozen=True)
class Row:
    """Results in one condition."""

    group: str
    name: str
    clusters: tuple[object, ...]
    """Clip of each turn of all recordings, in their order."""
    results: Mapping[str, tuple[Result, ...]]
    """Results of all recordings by system."""

    def errors(self, system: str) -> list[Errors]:
        """Return the errors of each turn of all recordings."""
        return [one for result in self.results[system] for one in result.errors]

    def sum(self, system: str) -> Errors:
        """Sum the errors up."""
        return total(self.errors(system))


@app.command()
def main(  # noqa: PLR0913 - one parameter is one option of the command line
    *,
    only: Annotated[str, typer.Option(help="only conditions whose name has this in it")] = "",
    system_names: Annotated[str, typer.Option("--systems", help=f"some of {','.join(TITLES)}")] = ",".join(TITLES),
    voices: Annotated[Path, typer.Option(help="folder of voices with an index.jsonl")] = OWN_FOLDER,
    json_path: Annotated[Path | None, typer.Option("--json", help="file for all numbers and texts")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="run the peers again in place of their kept results")] = False,
    threads: Annotated[int, typer.Option(help="of each system; 0 is all that this process may use")] = 0,
) -> None:
    """Compare the systems on real voices."""
    names = system_names.split(",")
    if unknown := sorted(set(names) - set(TITLES)):
        raise typer.BadParameter(f"there is no system {unknown[0]!r}; known are {', '.join(TITLES)}")
    chosen = [condition for condition in CONDITIONS if condition.group != UNTRANSCRIBED and only in condition.name]
    if not chosen:
        raise typer.BadParameter(f"no condition has {only!r} in its name")
    with contextlib.redirect_stdout(sys.stderr):
        rows = run(chosen, read_voices(voices), names, threads or cores(), fresh=fresh)
    for line in report(rows, names):
        typer.echo(line)
    if json_path:
        json_path.write_text(to_json(rows, names), encoding="utf-8")


# --- running


def run(
    conditions: Sequence[RealCondition], voices: Voices, names: Sequence[str], threads: int, *, fresh: bool
) -> list[Row]:
    """Run one system after the other on all conditions, so that none waits for another one's threads."""
    made = {condition: condition.make(voices) for condition in conditions}
    made = {condition: recordings for condition, recordings in made.items() if recordings}
    results: dict[RealCondition, dict[str, tuple[Result, ...]]] = {condition: {} for condition in made}
    for name in names:
        system = System(name, threads, fresh=fresh)
        for condition, recordings in made.items():
            results[condition][name] = tuple(evaluate(system, recording) for recording in recordings)
            took_s = sum(result.answer.took_s for result in results[condition][name])
            typer.echo(f"{condition.name}: {TITLES[name]} took {took_s:.1f} s", err=True)
    return [
        Row(condition.group, condition.name, clips_of(recordings), results[condition])
        for condition, recordings in made.items()
    ]


class System:
    """A system, loaded when the first recording needs it."""

    def __init__(self, name: str, threads: int, *, fresh: bool) -> None:
        self._name = name
        self._threads = threads
        self._keeps = name != OURS
        self._fresh = fresh
        self._transcribe: Transcribe | None = None

    def answer(self, recording: RealRecording) -> Answer:
        """Return the kept answer to a recording, or transcribe it."""
        path = KEPT / f"{content_key(recording, systems.identity(self._name))}.json"
        if self._keeps and not self._fresh and path.is_file():
            return read_answer(path)
        if self._transcribe is None:
            self._transcribe = load_system(self._name, self._threads)
            warm_up(self._transcribe, recording)
        found = measure(self._transcribe, recording)
        if self._keeps:
            keep(path, found)
        return found


def content_key(recording: RealRecording, identity: Iterable[str]) -> str:
    """Hash a recording's sound and language, and what else the answer depends on."""
    digest = hashlib.sha256(recording.sound.tobytes())
    digest.update("\0".join([str(recording.language), *identity]).encode())
    return digest.hexdigest()


def keep(path: Path, answer: Answer) -> None:
    """Write an answer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(answer), ensure_ascii=False), encoding="utf-8")


def read_answer(path: Path) -> Answer:
    """Read a kept answer."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    segments = tuple(Segment(**segment) for segment in kept["transcript"]["segments"])
    return Answer(
        Transcript(segments, tuple(kept["transcript"]["warnings"])), kept["took_s"], kept["cpu_s"], is_kept=True
    )


def warm_up(transcribe: Transcribe, recording: RealRecording) -> None:
    """Transcribe a few seconds of a recording, so that no first time is measured."""
    transcribe(replace(recording, sound=recording.sound[: round(WARM_UP_S * SAMPLE_RATE_HZ)]))


def measure(transcribe: Transcribe, recording: RealRecording) -> Answer:
    """Transcribe with a fixed seed."""
    import ctranslate2

    ctranslate2.set_random_seed(0)
    _ = recording.flac_base64  # made before the clock runs
    began_s, began_cpu_s = time.perf_counter(), processor_s()
    transcript = transcribe(recording)
    return Answer(transcript, time.perf_counter() - began_s, processor_s() - began_cpu_s)


def processor_s() -> Seconds:
    """Return the processor time of this process and of its finished children."""
    return sum(os.times()[:4])


def evaluate(system: System, recording: RealRecording) -> Result:
    """Transcribe a recording and count the errors."""
    found = system.answer(recording)
    language = recording.language or RUSSIAN
    errors = compare(recording.turns, found.transcript.text, language) or [
        Errors(inserted=len(normalise(found.transcript.text, language)))
    ]
    return Result(recording.name, found, tuple(errors))


def clips_of(recordings: Sequence[RealRecording]) -> tuple[object, ...]:
    """Return the clip of each turn; a recording without turns is one of its own."""
    found: list[object] = []
    for recording in recordings:
        found += [(turn.speaker, turn.text) for turn in recording.turns] or [recording.name]
    return tuple(found)


# --- report


def report(rows: Sequence[Row], names: Sequence[str]) -> Iterable[str]:
    """Yield the lines of the tables in Markdown."""
    spoken = [row for row in rows if row.group != WITHOUT_SPEECH]
    silent = [row for row in rows if row.group == WITHOUT_SPEECH]
    peers = [name for name in names if name != OURS]
    compared = bool(peers) and OURS in names
    if spoken:
        yield "\nWord error rate in %, words deleted and inserted in brackets.\n"
        last = ["this worker less the best of the others (95 %)"] if compared else []
        yield from table_head(["recordings", *(TITLES[name] for name in names), *last])
        for row in spoken:
            cells = [cell(row.sum(name)) for name in names]
            yield line([f"{row.name}, {row.sum(names[0]).words} words", *cells, *best_difference(row, peers, compared)])
        pooled = [cell(total(row.sum(name) for row in spoken)) for name in names]
        words = total(row.sum(names[0]) for row in spoken).words
        yield line([f"all of these, {words} words", *pooled, *[""] * compared])
        yield ""
        if compared:
            for peer in peers:
                yield f"- this worker less {TITLES[peer]}, all of these: {pooled_difference(spoken, peer)} points"
    if silent:
        yield "\nWords where nothing is spoken.\n"
        yield from table_head(["recordings, a minute each", *(TITLES[name] for name in names)])
        for row in silent:
            yield line([row.name, *(str(row.sum(name).inserted) for name in names)])
    yield "\nSeconds, and of them processor time.\n"
    yield from table_head(["", *(TITLES[name] for name in names)])
    for title, some in (("real voices", spoken), ("nothing spoken", silent)):
        if some:
            yield line([title, *(seconds(some, name) for name in names)])


def table_head(cells: Sequence[str]) -> Iterable[str]:
    """Yield the two lines above a table's rows."""
    yield line(cells)
    yield line(["---"] * len(cells))


def line(cells: Iterable[str]) -> str:
    """Format a table's line."""
    return "| " + " | ".join(cells) + " |"


def cell(errors: Errors) -> str:
    """Format a sum of errors."""
    return f"{errors.wer or 0.0:.1f} ({errors.deleted}, {errors.inserted})"


def seconds(rows: Sequence[Row], name: str) -> str:
    """Format the cost of rows."""
    answers = [result.answer for row in rows for result in row.results[name]]
    shown = f"{sum(one.took_s for one in answers):.0f}, {sum(one.cpu_s for one in answers):.0f}"
    return f"{shown} (of an earlier run)" if any(one.is_kept for one in answers) else shown


def best_difference(row: Row, peers: Sequence[str], compared: bool) -> list[str]:  # noqa: FBT001 - one caller
    """Format this worker's difference to the best peer of a row."""
    if not compared:
        return []
    best = min(peers, key=lambda name: row.sum(name).wrong)
    return [str(difference(row.errors(OURS), row.errors(best), row.clusters))]


def pooled_difference(rows: Sequence[Row], peer: str) -> Interval:
    """Compute this worker's difference to a peer over all rows, drawn by clips."""
    return difference(
        [one for row in rows for one in row.errors(OURS)],
        [one for row in rows for one in row.errors(peer)],
        [clip for row in rows for clip in row.clusters],
    )


def to_json(rows: Sequence[Row], names: Sequence[str]) -> str:
    """Format all numbers and texts as JSON."""
    spoken = [row for row in rows if row.group != WITHOUT_SPEECH]
    found = [
        {
            "group": row.group,
            "condition": row.name,
            "systems": {name: {**asdict(row.sum(name)), "wer": row.sum(name).wer} for name in names},
            "recordings": {name: [asdict(result) for result in row.results[name]] for name in names},
        }
        for row in rows
    ]
    pooled = {
        peer: asdict(pooled_difference(spoken, peer)) for peer in names if OURS in names and peer != OURS and spoken
    }
    return json.dumps({"rows": found, "pooled_differences": pooled}, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    app()
