"""Mixes dialogues from the held-out speech: two to five voices, pauses, backchannels, overlap, and who truly speaks when."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from whisperx_worker import SAMPLE_RATE_HZ, Audio, SpeakerTurn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SPEECH = Path(__file__).parent / "speech"

LEVEL = 0.05
"""Root mean square of an utterance."""
NOISE_DB = -45.0
"""Level of the room's noise below that of speech."""
LONGEST_GAP_IN_A_TURN_S = 0.3
LONGEST_BACKCHANNEL_S = 0.7

Times: TypeAlias = tuple[tuple[float, float], ...]
"""Start and end of every word, in seconds."""


@dataclass(frozen=True)
class Voice:
    """A voice of the held-out speech, or one made of it."""

    name: str
    pitch: float = 1.0
    """Pitch, formants and speed are multiplied by it: the recording is resampled."""

    def __str__(self) -> str:
        """The name, with the pitch where it is changed."""
        return self.name if self.pitch == 1.0 else f"{self.name}x{self.pitch:g}"


@dataclass(frozen=True, eq=False)
class Dialogue:
    """A recording and its truth."""

    name: str
    audio: Audio
    turns: tuple[SpeakerTurn, ...]
    """In time order; they may overlap."""


@dataclass(frozen=True, eq=False)
class _Utterance:
    samples: NDArray[np.float32]
    words: Times


ANNA, IRINA, ELENA = Voice("anna"), Voice("irina"), Voice("elena")
ALEKSANDR, STAFF = Voice("aleksandr"), Voice("msu_ru_nsh")
HIGH_ANNA, HIGH_STAFF, HIGH_ALEKSANDR = Voice("anna", 1.1), Voice("msu_ru_nsh", 1.12), Voice("aleksandr", 1.12)
LOW_IRINA, LOW_ELENA, LOW_STAFF = Voice("irina", 0.9), Voice("elena", 0.88), Voice("msu_ru_nsh", 0.9)

CASTS: tuple[tuple[Voice, ...], ...] = (
    (ANNA, ALEKSANDR),
    (ELENA, STAFF),
    (LOW_IRINA, HIGH_STAFF),
    (HIGH_ANNA, ALEKSANDR, LOW_ELENA),
    (STAFF, IRINA, ALEKSANDR),
    (ELENA, LOW_STAFF, ANNA),
    (ANNA, LOW_STAFF, ELENA, ALEKSANDR),
    (LOW_IRINA, HIGH_ALEKSANDR, ELENA, LOW_STAFF),
    (ANNA, IRINA, ELENA, ALEKSANDR, LOW_STAFF),
    (HIGH_ANNA, LOW_IRINA, ELENA, HIGH_ALEKSANDR, STAFF),
)
"""Who speaks in each dialogue of the standard set; one has both STAFF and ALEKSANDR, whose voices are hard to tell apart."""


def standard_dialogues() -> list[Dialogue]:
    """The set that the diarization's error rate is told on."""
    return [make_dialogue(cast, seed) for seed, cast in enumerate(CASTS)]


def make_dialogue(cast: Sequence[Voice], seed: int, duration_s: float = 50.0) -> Dialogue:
    """Let voices talk to each other.

    Args:
        cast: Who talks; each of them is heard at least once where the time allows it.
        seed: The same seed and cast make the same dialogue.
        duration_s: No turn begins later.
    """
    draw = np.random.default_rng(seed)
    gains = {voice: 10 ** (draw.uniform(-3, 3) / 20) for voice in cast}
    mix = np.zeros(round((duration_s + 30) * SAMPLE_RATE_HZ), np.float32)
    spoken: dict[Voice, list[tuple[float, float]]] = {voice: [] for voice in cast}
    end_s, previous, waiting = float(draw.uniform(0.2, 1.0)), None, list(cast)

    def say(voice: Voice, start_s: float, utterance: _Utterance) -> float:
        first = round(start_s * SAMPLE_RATE_HZ)
        mix[first : first + len(utterance.samples)] += gains[voice] * utterance.samples
        spoken[voice] += [(start_s + a, start_s + b) for a, b in utterance.words]
        return start_s + utterance.words[-1][1]

    while end_s < duration_s:
        others = [voice for voice in waiting or cast if voice != previous] or [v for v in cast if v != previous] or cast
        voice = others[int(draw.integers(len(others)))]
        waiting = [each for each in waiting if each != voice]
        began_s = end_s = max(0.0, end_s + _gap_s(draw))
        for _ in range(draw.integers(1, 4)):
            end_s = say(voice, end_s, _any(utterances(voice), draw)) + float(draw.uniform(0.05, 0.3))
        listeners = [each for each in cast if each != voice]
        if listeners and draw.random() < 0.3:
            listener = listeners[draw.integers(len(listeners))]
            say(listener, float(draw.uniform(began_s, end_s)), _any(backchannels(listener), draw))
        previous = voice
    samples = mix[: round((end_s + 0.5) * SAMPLE_RATE_HZ)]
    samples += (LEVEL * 10 ** (NOISE_DB / 20) * draw.standard_normal(len(samples))).astype(np.float32)
    name = f"{seed}: {', '.join(map(str, cast))}"
    turns = [SpeakerTurn(a, b, str(voice)) for voice, words in spoken.items() for a, b in _stretches(words)]
    return Dialogue(name, Audio(samples), tuple(sorted(turns, key=lambda turn: (turn.start, turn.end))))


@functools.cache
def utterances(voice: Voice) -> tuple[_Utterance, ...]:
    """All that the held-out speech has of a voice, at one level."""
    import soundfile
    import soxr

    found = []
    for entry in json.loads((SPEECH / "index.json").read_text(encoding="utf-8")):
        if entry["voice"] == voice.name:
            first, last = round(entry["start"] * SAMPLE_RATE_HZ), round(entry["end"] * SAMPLE_RATE_HZ)
            samples, _ = soundfile.read(SPEECH / entry["file"], start=first, stop=last, dtype="float32")
            samples = soxr.resample(samples, SAMPLE_RATE_HZ * voice.pitch, SAMPLE_RATE_HZ)
            words = tuple((start / voice.pitch, end / voice.pitch) for _, start, end in entry["words"])
            found.append(_Utterance(samples * (LEVEL / np.sqrt(np.mean(samples**2))), words))
    return tuple(found)


@functools.cache
def backchannels(voice: Voice) -> tuple[_Utterance, ...]:
    """Short words of a voice, cut out of its utterances."""
    found = []
    for utterance in utterances(voice):
        for start_s, end_s in utterance.words:
            if 0.2 <= end_s - start_s <= LONGEST_BACKCHANNEL_S:
                cut = utterance.samples[round(start_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)]
                found.append(_Utterance(cut, ((0.0, len(cut) / SAMPLE_RATE_HZ),)))
    return tuple(found)


def _gap_s(draw: np.random.Generator) -> float:
    """Seconds from the end of one turn to the beginning of the next; below 0 they overlap."""
    kind = draw.random()
    if kind < 0.2:
        return float(-draw.uniform(0.2, 0.9))
    return float(draw.uniform(1.5, 3.0) if kind < 0.3 else draw.uniform(0.1, 0.8))


def _any(choices: Sequence[_Utterance], draw: np.random.Generator) -> _Utterance:
    return choices[int(draw.integers(len(choices)))]


def _stretches(words: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Words of one voice that follow each other closely, as one stretch of speech."""
    stretches: list[tuple[float, float]] = []
    for start_s, end_s in sorted(words):
        if stretches and start_s - stretches[-1][1] <= LONGEST_GAP_IN_A_TURN_S:
            stretches[-1] = (stretches[-1][0], max(stretches[-1][1], end_s))
        else:
            stretches.append((start_s, end_s))
    return stretches
