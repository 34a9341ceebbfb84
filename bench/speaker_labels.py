"""Speakers of words on real voices, beside whisperX's way: `python -m bench.speaker_labels`.

Both get the same words with times and the same turns. Turns are those of the shipped diarizer, and true ones with
every edge moved by up to 0.3 s. Words are the true ones with times of the recogniser's attention or of the shipped
aligner, or those that Whisper base recognises. What models answer is kept in `build/speaker-labels`. Prints Markdown.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
import time
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import chain
from pathlib import Path  # noqa: TC003 - the command line reads the annotations
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import numpy as np
import typer

from bench.dialogues import (
    DESIGN,
    KEPT,
    REPORT,
    STYLES,
    Dialogue,
    disturbed,
    english_lines,
    make_dialogues,
    russian_lines,
    transcript_of,
)
from bench.real_voices import OWN_FOLDER, read_voices
from tools.real_models import WHISPER
from whisperx_worker import Audio, Diarization, Segment, SpeakerTurn, Transcript, Word
from whisperx_worker.contract.settings import load_settings
from whisperx_worker.evaluate.bootstrap import Interval, interval, paired_interval, pooled
from whisperx_worker.evaluate.reference import Spoken, spoken_words
from whisperx_worker.evaluate.speaker_errors import Ratio, cp_and_tcp, wder
from whisperx_worker.evaluate.word_errors import Pair, align_words
from whisperx_worker.hooks.dispatch import run_engine
from whisperx_worker.pipeline.worker import Worker, new_job, open_worker
from whisperx_worker.results.speaker_assignment import assign_speakers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from bench.real_voices import Meeting, Voices
    from bench.recordings import Sound
    from whisperx_worker import Seconds

    Table: TypeAlias = "dict[str, dict[str, dict[str, list[Scored]]]]"
    """Scores by condition, system and dialogue."""

MOVED_S: Seconds = 0.3
MIN_SHARE_OF_TURN = 0.5
"""Share of a meeting's word in the one true turn that gives it its speaker."""
OURS, WHISPERX, NEAREST = "ours", "whisperX", "whisperX, nearest"

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, eq=False)
class Trial:
    """Words and turns that every system gets, and what is true."""

    condition: str
    dialogue: str
    """Dialogue or meeting: what the bootstrap draws."""
    audio: Audio
    true: tuple[Segment, ...]
    """True words with speakers, a segment for each."""
    transcript: Transcript
    diarization: Diarization
    same_words: bool = True
    """Whether the transcript has the true words, in their order."""
    fixed: tuple[str | None, ...] = ()
    """True speaker of each word, where only times tell."""


@dataclass(frozen=True)
class Scored:
    """Errors of one system in one trial."""

    wder: Ratio
    cpwer: Ratio
    took_s: Seconds


# --- systems


def assign_ours(trial: Trial) -> Transcript:
    """Assign speakers as the worker does."""
    return assign_speakers(trial.transcript, trial.diarization)


def assign_whisperx(trial: Trial, *, fill_nearest: bool = False) -> Transcript:
    """Assign speakers as whisperX does, by turns that may overlap."""
    import pandas as pd
    from whisperx.diarize import assign_word_speakers

    turns = [(turn.start, turn.end, turn.speaker) for turn in trial.diarization.turns]
    spoken: dict[str, Any] = {"segments": [asdict(segment) for segment in trial.transcript.segments]}
    frame = pd.DataFrame(turns, columns=["start", "end", "speaker"])
    found = assign_word_speakers(frame, spoken, fill_nearest=fill_nearest)["segments"]
    return replace(
        trial.transcript,
        segments=tuple(
            replace(
                segment,
                words=tuple(
                    replace(word, speaker=named.get("speaker"))
                    for word, named in zip(segment.words, own["words"], strict=True)
                ),
            )
            for segment, own in zip(trial.transcript.segments, found, strict=True)
        ),
    )


SYSTEMS: dict[str, Callable[[Trial], Transcript]] = {
    WHISPERX: assign_whisperx,
    NEAREST: lambda trial: assign_whisperx(trial, fill_nearest=True),
    OURS: assign_ours,
}


# --- models


@cache
def worker() -> Worker:
    """Return the worker with the shipped models."""
    return open_worker(load_settings(device="cpu", threads=1, models=WHISPER.parent))


def run_model(hook: str, expected: type[Any], people: int | None = None, **arguments: Any) -> Any:  # noqa: ANN401
    """Run an engine of the worker with the shipped models."""
    job = new_job(
        worker(), hook,
        {
            "audio_file": "https://example.com/a.wav", "language": "ru", "align_output": True, "diarization": True,
            "num_speakers": people,
            "plugins": {
                "wav2vec2_alignment": {"model": "demo-wav2vec2-ru"},
                "pyannote_diarization": {"model": "demo-diarization"},
            },
        },
    )  # fmt: skip
    return run_engine(worker().host, hook, expected, job, **arguments)


def kept(sound: Sound, what: str, make: Callable[[], object]) -> Any:  # noqa: ANN401
    """Return a model's kept answer to a sound, or make it."""
    key = hashlib.sha256(sound.tobytes() + what.encode()).hexdigest()
    path = KEPT / f"{key}.json"
    if not path.is_file():
        KEPT.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(make(), ensure_ascii=False), encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


def diarize(sound: Sound, people: int) -> Diarization:
    """Return the turns of the shipped diarizer for a number of people."""

    def make() -> object:
        found = run_model("diarize", Diarization, people, audio=Audio(sound))
        return [[[t.start, t.end, t.speaker] for t in turns] for turns in (found.turns, found.exclusive)]

    turns, exclusive = (tuple(SpeakerTurn(*one) for one in own) for own in kept(sound, f"turns of {people}", make))
    return Diarization(turns, exclusive, {})


def aligned(dialogue: Dialogue, transcript: Transcript) -> Transcript:
    """Return the words with the times of the shipped aligner where it has any."""

    def make() -> object:
        bare = replace(transcript, segments=tuple(replace(one, words=()) for one in transcript.segments))
        found = run_model("align", Transcript, audio=Audio(dialogue.sound), transcript=bare)
        return [[word.word, word.start, word.end] for segment in found.segments for word in segment.words]

    words = [Word(*word) for word in kept(dialogue.sound, f"words {transcript.text}", make)]
    if [word.word for word in words] != [word.word for segment in transcript.segments for word in segment.words]:
        return transcript
    rest = iter(words)
    return replace(
        transcript,
        segments=tuple(
            replace(
                segment,
                words=tuple(
                    replace(word, start=placed.start, end=placed.end) if placed.start is not None else word
                    for word, placed in zip(segment.words, rest, strict=False)
                ),
            )
            for segment in transcript.segments
        ),
    )


def recognised(sound: Sound, language: str) -> Transcript:
    """Return the words of Whisper base that have a length."""

    def make() -> object:
        from faster_whisper import WhisperModel

        model = WhisperModel(str(WHISPER), device="cpu", compute_type="int8", cpu_threads=1)
        found, _ = model.transcribe(sound, language=language, word_timestamps=True, vad_filter=True, temperature=0.0)
        return [[[word.word.strip(), word.start, word.end] for word in segment.words or ()] for segment in found]

    spoken = [[Word(*word) for word in own if word[1] < word[2]] for own in kept(sound, "recognised", make)]
    segments = [tuple(own) for own in spoken if own]
    return Transcript(
        tuple(Segment(own[0].start, own[-1].end, " ".join(w.word for w in own), own) for own in segments),  # type: ignore[arg-type]
        language,
    )


# --- trials


def true_segments(dialogue: Dialogue) -> tuple[Segment, ...]:
    """Return the true words, one segment each."""
    return tuple(single(dialogue.words))


def trials_of_dialogues(
    voices: Voices, half: str, count: int, recognised_count: int, *, quick: bool
) -> Iterator[Trial]:
    """Yield the trials of dialogues, each with several sorts of turns and words."""
    for language, lines in (("ru", russian_lines(voices)), ("en", english_lines(voices))):
        for style in STYLES:
            for number, dialogue in enumerate(make_dialogues(lines, style, half, count)):
                is_recognised = number < recognised_count and not quick
                yield from trials_of(dialogue, f"{language}, {style.name}", quick=quick, is_recognised=is_recognised)


def trials_of(dialogue: Dialogue, name: str, *, quick: bool, is_recognised: bool) -> Iterator[Trial]:
    """Yield the trials of one dialogue."""
    draw = np.random.default_rng(list(dialogue.name.encode()))
    moved = disturbed(dialogue.turns, draw, by_s=MOVED_S)
    turns = {"moved edges": Diarization(moved, (), {})}
    if not quick:
        turns["diarizer"] = diarize(dialogue.sound, len({turn.speaker for turn in dialogue.turns}))
    with_signs = transcript_of(dialogue, punctuated=True)
    words = {"": with_signs, ", no punctuation": transcript_of(dialogue, punctuated=False)}
    if not quick and dialogue.language == "ru":
        words[", aligner"] = aligned(dialogue, with_signs)
    true, audio = true_segments(dialogue), Audio(dialogue.sound)
    for source, diarization in turns.items():
        for kind, transcript in words.items():
            yield Trial(f"{name}; {source}{kind}", dialogue.name, audio, true, transcript, diarization)
        if is_recognised:
            words_found = recognised(dialogue.sound, dialogue.language)
            yield Trial(
                f"{name}; {source}, recognised words",
                dialogue.name,
                audio,
                true,
                words_found,
                diarization,
                same_words=False,
            )


def trials_of_meetings(meetings: Iterable[Meeting]) -> Iterator[Trial]:
    """Yield the trials of meetings, on recognised words."""
    for meeting in meetings:
        words_found = recognised(meeting.sound, "en")
        draw = np.random.default_rng(list(meeting.path.stem.encode()))
        spoken = tuple(SpeakerTurn(span.start, span.end, speaker) for span, speaker in meeting.turns)
        owners = tuple(speaker_by_time(word, spoken) for segment in words_found.segments for word in segment.words)
        for name, found in {
            "moved edges": Diarization(disturbed(spoken, draw, by_s=MOVED_S), (), {}),
            "diarizer": diarize(meeting.sound, len({turn.speaker for turn in spoken})),
        }.items():
            yield Trial(
                f"meetings; {name}, recognised words", meeting.path.stem, Audio(meeting.sound), (), words_found, found,
                fixed=owners,
            )  # fmt: skip


def speaker_by_time(word: Word, turns: Sequence[SpeakerTurn]) -> str | None:
    """Return the only speaker in a word, or None."""
    start, end = word.start or 0.0, max(word.end or 0.0, (word.start or 0.0) + 0.01)
    shares = {turn.speaker: 0.0 for turn in turns}
    for turn in turns:
        shares[turn.speaker] += max(0.0, min(end, turn.end) - max(start, turn.start)) / (end - start)
    having = [speaker for speaker, share in shares.items() if share > 0]
    return having[0] if len(having) == 1 and shares[having[0]] >= MIN_SHARE_OF_TURN else None


# --- scores


def score(trial: Trial, assign: Callable[[Trial], Transcript]) -> Scored:
    """Measure one system in one trial."""
    began_s = time.perf_counter()
    found = assign(trial)
    took_s = time.perf_counter() - began_s
    words = [word for segment in found.segments for word in segment.words]
    language = trial.transcript.language or "ru"
    if trial.same_words:
        speakers = trial.fixed or tuple(segment.speaker for segment in trial.true)
        sides = [(one, word) for one, word in zip(speakers, words, strict=True) if one]
        true = [Spoken(word.word, at, word.start, word.end, one) for at, (one, word) in enumerate(sides)]
        ours = [Spoken(word.word, at, word.start, word.end, word.speaker) for at, (_, word) in enumerate(sides)]
        pairs: Sequence[Pair] = [Pair("equal", at, at) for at in range(len(true))]
    else:
        true, ours = list(spoken_words(trial.true, language)), list(spoken_words(single(words), language))
        pairs = align_words([word.text for word in true], [word.text for word in ours])
    both = cp_and_tcp(true, single(true), ours, single(ours))
    if both is None:
        raise ValueError(f"{trial.dialogue} has too many speakers to measure")
    return Scored(wder(true, ours, pairs), both[0], took_s)


def single(words: Sequence[Word] | Sequence[Spoken]) -> list[Segment]:
    """Return a segment for each word."""
    return [
        Segment(w.start or 0.0, max(w.start or 0.0, w.end or 0.0), w.word, (w,), w.speaker)
        if isinstance(w, Word)
        else Segment(w.start or 0.0, max(w.start or 0.0, w.end or 0.0), w.text)
        for w in words
    ]


@app.command()
def main(
    *,
    voices: Annotated[Path, typer.Option(help="folder of voices with an index.jsonl")] = OWN_FOLDER,
    half: Annotated[str, typer.Option(help=f"{DESIGN} or {REPORT}: which people")] = REPORT,
    count: Annotated[int, typer.Option(help="dialogues of each style and language")] = 12,
    recognised_count: Annotated[
        int, typer.Option("--recognised", help="of these, dialogues whose words are recognised too")
    ] = 2,
    quick: Annotated[bool, typer.Option("--quick", help="only moved turns and true words: no model")] = False,
) -> None:
    """Compare the assignment of speakers on real voices."""
    read = read_voices(voices)
    scored: Table = {}
    with contextlib.redirect_stdout(sys.stderr):
        trials = trials_of_dialogues(read, half, count, recognised_count, quick=quick)
        for trial in trials if quick else chain(trials, trials_of_meetings(read.meetings)):
            for condition in (trial.condition, f"all; {trial.condition.partition('; ')[2]}"):
                for system, assign in SYSTEMS.items():
                    own = scored.setdefault(condition, {}).setdefault(system, {})
                    own.setdefault(trial.dialogue, []).append(score(trial, assign))
    for line in report(scored):
        typer.echo(line)


def report(scored: Table) -> Iterator[str]:
    """Yield a table of each measure, and the seconds of each system."""
    for measure, title in (("wder", "WDER"), ("cpwer", "cpWER")):
        yield f"\n| {title} % | words | {' | '.join(SYSTEMS)} | ours less whisperX | ours less nearest |"
        yield "|---" * (4 + len(SYSTEMS)) + "|"
        for condition in sorted(scored, key=lambda name: name.startswith("all; ")):
            ratios = {name: sums(own, measure) for name, own in scored[condition].items()}
            yield f"| {condition} | {row(ratios)} |"
    totals = {
        name: sum(one.took_s for own in scored.values() for at in own[name].values() for one in at) for name in SYSTEMS
    }
    yield f"\nSeconds: {', '.join(f'{name} {took_s / 2:.2f}' for name, took_s in totals.items())}"


def sums(scored: Mapping[str, Sequence[Scored]], measure: str) -> list[Ratio]:
    """Return the sums of each dialogue."""
    found = [[getattr(one, measure) for one in own] for own in scored.values()]
    return [Ratio(sum(one.errors for one in own), sum(one.total for one in own)) for own in found]


def row(ratios: Mapping[str, Sequence[Ratio]]) -> str:
    """Return the cells of a row."""
    words = int(sum(one.total for one in ratios[OURS]))
    cells = [percent(pooled(own), interval(own)) for own in ratios.values()]
    for other in (WHISPERX, NEAREST):
        less = (pooled(ratios[OURS]) or 0.0) - (pooled(ratios[other]) or 0.0)
        cells.append(percent(less, paired_interval(ratios[other], ratios[OURS]), "+"))
    return " | ".join([str(words), *cells])


def percent(value: float | None, around: Interval | None, sign: str = "") -> str:
    """Return a share in percent with its interval."""
    shown = f"{100 * (value or 0.0):{sign}.2f}"
    return f"{shown} ({100 * around.low:{sign}.2f} to {100 * around.high:{sign}.2f})" if around else shown


if __name__ == "__main__":
    app()
