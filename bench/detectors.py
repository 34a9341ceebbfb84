"""Detectors of speech on real voices under every condition: `python -m bench.detectors`.

All detectors get the same thresholds, shortest pause and shortest speech, and no padding; this worker's has what it
comes with. A word is missed if its middle is further than 0.1 s from all found speech. The words' times are those of
the clean clips, by the attention of Whisper base to the transcript, which are not more exact than that.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import sys
import time
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import numpy as np
import typer

from bench.real_conditions import CONDITIONS
from bench.real_voices import OWN_FOLDER, read_voices
from bench.recordings import EDGE_S, TELEPHONE_RATE_HZ
from bench.word_times import align_clips, with_times
from whisperx_worker import SAMPLE_RATE_HZ, Audio, Seconds, Span, intervals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from bench.real_conditions import RealRecording
    from bench.recordings import Sound

    Detect: TypeAlias = Callable[[Sound], Sequence[Span]]
    """Detector of speech, from samples at 16 kHz."""

ONSET, OFFSET = 0.5, 0.363
MIN_PAUSE_S: Seconds = 0.1
MIN_SPEECH_S: Seconds = 0.1
TOLERANCE_S: Seconds = 0.1
SILERO_FRAMES: Mapping[int, tuple[int, int]] = {8_000: (256, 32), 16_000: (512, 64)}
"""Samples of a frame, and of what precedes it, at each rate."""

app = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class Found:
    """What a detector found, summed up over recordings."""

    words: int = 0
    missed_words: int = 0
    speech_s: Seconds = 0.0
    """Length of the turns."""
    missed_s: Seconds = 0.0
    """Part of the turns that was not found; it contains their short pauses."""
    found_s: Seconds = 0.0
    false_s: Seconds = 0.0
    """Found seconds that are further than 0.3 s from every turn."""
    audio_s: Seconds = 0.0
    cpu_s: Seconds = 0.0

    def __add__(self, other: Found) -> Found:
        return Found(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


def compare(recording: RealRecording, found: Sequence[Span], cpu_s: Seconds = 0.0) -> Found:
    """Compare the speech that a detector found with a recording's turns and words.

    Args:
        recording: The recording.
        found: Intervals in any order.
        cpu_s: Processor time of the detector.
    """
    speech = intervals.merge(found)
    turns = intervals.merge(recording.speech)
    around = intervals.merge(Span(turn.start - EDGE_S, turn.end + EDGE_S) for turn in turns)
    middles = [(word.start + word.end) / 2 for word in recording.words if word.text]
    missed = sum(not intervals.within(speech, middle - TOLERANCE_S, middle + TOLERANCE_S) for middle in middles)
    return Found(
        len(middles),
        missed,
        intervals.total_s(turns),
        intervals.total_s(turns) - intervals.total_s(intervals.intersect(turns, speech)),
        intervals.total_s(speech),
        intervals.total_s(speech) - intervals.total_s(intervals.intersect(speech, around)),
        recording.duration_s,
        cpu_s,
    )


def threshold(probabilities: NDArray[np.floating], frame_s: Seconds) -> list[Span]:
    """Turn probabilities of frames into intervals.

    >>> threshold(np.array([0.1, 0.4, 0.6, 0.4, 0.4, 0.1, 0.2, 0.9]), 0.25)
    [Span(start=0.5, end=1.25), Span(start=1.75, end=2.0)]
    """
    spans, begin = [], None
    for number, probability in enumerate(probabilities):
        if begin is None and probability >= ONSET:
            begin = number
        elif begin is not None and probability < OFFSET:
            spans.append(Span(begin * frame_s, number * frame_s))
            begin = None
    if begin is not None:
        spans.append(Span(begin * frame_s, len(probabilities) * frame_s))
    return [span for span in intervals.merge(spans, MIN_PAUSE_S) if span.duration_s >= MIN_SPEECH_S]


# --- detectors


def asset(package: str, name: str) -> Path:
    """Return a file of an installed package, which is not imported."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise FileNotFoundError(f"{package} is not installed, whose {name} this detector needs")
    return Path(found.origin).parent / name


def load_session(path: Path) -> Callable[[Mapping[str, object]], list[NDArray[np.float32]]]:
    """Load an ONNX model on one thread; return its call."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), sess_options=options, providers=["CPUExecutionProvider"])
    return partial(session.run, None)


def framed(sound: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
    """Cut a sound into Silero's frames, each behind the end of the one before it."""
    size, before = SILERO_FRAMES[rate_hz]
    frames = np.pad(sound, (0, -len(sound) % size)).reshape(-1, size)
    contexts = np.concatenate([np.zeros((1, before), np.float32), frames[:-1, -before:]])
    return np.concatenate([contexts, frames], axis=1)


def silero_sequence(package: str, name: str) -> Detect:
    """Load a Silero model that takes all frames at once, at 16 kHz."""
    run = load_session(asset(package, name))
    state = np.zeros((1, 1, 128), np.float32)

    def detect(sound: Sound) -> list[Span]:
        probabilities = run({"input": framed(sound, SAMPLE_RATE_HZ), "h": state, "c": state})[0]
        return threshold(probabilities.reshape(-1), SILERO_FRAMES[SAMPLE_RATE_HZ][0] / SAMPLE_RATE_HZ)

    return detect


def silero_narrow() -> Detect:
    """Load Silero's own model at 8 kHz, which takes frame by frame."""
    import soxr

    run = load_session(asset("silero_vad", "data/silero_vad.onnx"))
    rate = np.array(TELEPHONE_RATE_HZ)

    def detect(sound: Sound) -> list[Span]:
        narrow = np.asarray(soxr.resample(sound, SAMPLE_RATE_HZ, TELEPHONE_RATE_HZ), np.float32)
        state, probabilities = np.zeros((2, 1, 128), np.float32), []
        for frame in framed(narrow, TELEPHONE_RATE_HZ):
            probability, state = run({"input": frame[None], "state": state, "sr": rate})
            probabilities.append(float(probability[0, 0]))
        return threshold(np.array(probabilities), SILERO_FRAMES[TELEPHONE_RATE_HZ][0] / TELEPHONE_RATE_HZ)

    return detect


def pyannote_segmentation() -> Detect:
    """Load the segmentation that whisperX carries, with its windows of 5 s in steps of 0.5 s."""
    import torch
    from whisperx.vads.pyannote import load_vad_model

    pipeline = load_vad_model(torch.device("cpu"), ONSET, OFFSET)

    def detect(sound: Sound) -> list[Span]:
        scores = pipeline({"waveform": torch.from_numpy(sound.copy())[None], "sample_rate": SAMPLE_RATE_HZ})
        return threshold(scores.data.max(axis=1), scores.sliding_window.step)

    return detect


def this_worker() -> Detect:
    """Load this worker's detector, with its padding."""
    from whisperx_worker_plugins.silero_detection.speech_detection import detect_speech

    def detect(sound: Sound) -> tuple[Span, ...]:
        return detect_speech(Audio(sound), onset=ONSET, offset=OFFSET).spans

    return detect


DETECTORS: Mapping[str, Callable[[], Detect]] = {
    "this worker": this_worker,
    "faster-whisper": partial(silero_sequence, "faster_whisper", "assets/silero_vad_v6.onnx"),
    "silero 16 kHz": partial(silero_sequence, "silero_vad", "data/silero_vad_16k_sequence.onnx"),
    "silero 8 kHz": silero_narrow,
    "pyannote": pyannote_segmentation,
}
"""Loaders of the detectors."""


# --- the comparison


@app.command()
def main(
    *,
    only: Annotated[str, typer.Option(help="only conditions whose name has this in it")] = "",
    names: Annotated[str, typer.Option("--detectors", help=f"some of {','.join(DETECTORS)}")] = ",".join(DETECTORS),
    voices: Annotated[Path, typer.Option(help="folder of voices with an index.jsonl")] = OWN_FOLDER,
    json_path: Annotated[Path | None, typer.Option("--json", help="file for all numbers")] = None,
) -> None:
    """Compare the detectors on all conditions."""
    chosen = names.split(",")
    if unknown := sorted(set(chosen) - set(DETECTORS)):
        raise typer.BadParameter(f"there is no detector {unknown[0]!r}; known are {', '.join(DETECTORS)}")
    with contextlib.redirect_stdout(sys.stderr):
        loaded = {name: DETECTORS[name]() for name in chosen}
        available = read_voices(voices)
        times, speech = align_clips(available.clips), {(c.speaker, c.text): c.speech for c in available.clips}
        made = {
            condition.name: [with_times(recording, times, speech) for recording in condition.make(available)]
            for condition in CONDITIONS
            if only in condition.name
        }
        rows = {
            condition: {name: run(detect, recordings) for name, detect in loaded.items()}
            for condition, recordings in made.items()
            if recordings
        }
    for shown in table(rows, chosen):
        typer.echo(shown)
    if json_path:
        numbers = {condition: {name: asdict(one) for name, one in row.items()} for condition, row in rows.items()}
        json_path.write_text(json.dumps(numbers, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def run(detect: Detect, recordings: Sequence[RealRecording]) -> Found:
    """Run a detector on recordings and sum up."""
    whole = Found()
    for recording in recordings:
        began_s = time.process_time()
        found = detect(recording.sound)
        whole += compare(recording, found, time.process_time() - began_s)
    return whole


def table(rows: Mapping[str, Mapping[str, Found]], names: Sequence[str]) -> Iterable[str]:
    """Yield a Markdown table: missed words, missed seconds in percent of the turns, false seconds."""
    yield "Words missed (share of the turns that was not found, %; seconds found outside of them).\n"
    yield "| recordings | " + " | ".join(names) + " |"
    yield "|" + " --- |" * (1 + len(names))
    for condition, row in rows.items():
        some = next(iter(row.values()))
        size = f"{some.words} words, " if some.words else ""
        yield f"| {condition} ({size}{some.audio_s:.0f} s) | " + " | ".join(cell(row[name]) for name in names) + " |"
    totals = [sum((row[name] for row in rows.values()), Found()) for name in names]
    cpu = [f"{3_600 * whole.cpu_s / whole.audio_s:.1f}" for whole in totals]
    yield f"| all ({totals[0].words} words) | " + " | ".join(map(cell, totals)) + " |"
    yield "| processor seconds for an hour | " + " | ".join(cpu) + " |"


def cell(found: Found) -> str:
    """Format a cell."""
    if not found.speech_s:
        return f"{found.false_s:.1f}"
    missed = f"{found.missed_words} " if found.words else ""
    return f"{missed}({100 * found.missed_s / found.speech_s:.1f}; {found.false_s:.1f})"


if __name__ == "__main__":
    app()
