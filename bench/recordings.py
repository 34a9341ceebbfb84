"""Recordings whose truth is known, made of the held-out speech in `tests/speech`, and of what is no speech at all.

Chance comes from seeds alone: the same recordings are made every time. The conditions of one group have the same
sentences in the same order, and their noise differs by loudness only.
"""

from __future__ import annotations

import base64
import functools
import io
import json
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from demo.demo import plain
from whisperx_worker import SAMPLE_RATE_HZ, Seconds, Span, intervals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SPEECH = Path(__file__).parent.parent / "tests" / "speech"
SPLITS = ("heldout", "unheard_voice", "unheard_engine")
LEVEL = 0.05
"""Root mean square of a sentence."""
FLOOR_DB = -60.0
"""Level of the room below that of speech."""
GAINS_DB = (-3.0, 3.0)
NOISE_STRETCH_S: Seconds = 15.0
EDGE_S: Seconds = 0.3
"""So near to a word nothing counts as silence: its echo, and the inaccuracy of times."""
LEAST_PAUSE_S: Seconds = 0.4

Sound: TypeAlias = NDArray[np.float32]
"""Shape (n,), mono, nominally in -1..1, at 16,000 Hz."""
Range: TypeAlias = tuple[float, float]
Rng: TypeAlias = np.random.Generator


@dataclass(frozen=True)
class TimedWord:
    """A word without capitals and punctuation, as words are compared."""

    text: str
    start: Seconds
    end: Seconds
    exact: bool = True
    """False where its times are only those of the text around it."""


@dataclass(frozen=True, eq=False)
class Piece:
    """Sound, and what is said in it when."""

    sound: Sound
    words: tuple[TimedWord, ...] = ()
    """In time order, in seconds from the start of the piece."""


@dataclass(frozen=True, eq=False)
class Recording:
    """What the systems get, and the truth about it."""

    name: str
    sound: Sound
    """Of numbers that 16 bits hold, so that a file of it is the same."""
    words: tuple[TimedWord, ...]

    @property
    def duration_s(self) -> Seconds:
        """Its length."""
        return len(self.sound) / SAMPLE_RATE_HZ

    @cached_property
    def flac_base64(self) -> str:
        """The recording as a job carries it."""
        import soundfile

        file = io.BytesIO()
        soundfile.write(file, self.sound, SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
        return base64.b64encode(file.getvalue()).decode()

    @cached_property
    def silences(self) -> list[Span]:
        """Where certainly nobody speaks, in time order: pauses of a second and more, without their edges."""
        speech = intervals.merge((Span(word.start - EDGE_S, word.end + EDGE_S) for word in self.words), LEAST_PAUSE_S)
        return intervals.gaps(speech, 0.0, self.duration_s)


@dataclass(frozen=True)
class Condition:
    """A row of a table: what recordings of one kind are like."""

    group: str
    name: str
    make: Callable[[float], list[Recording]]
    """Makes the recordings, a share of 0..1 of each."""


# --- how recordings are put together


def conversations(
    share: float,
    *,
    sentences: int = 40,
    pauses_s: Range = (0.2, 1.5),
    spoil: Callable[[Piece, Rng], Sound] = lambda piece, _: piece.sound,
) -> list[Recording]:
    """One recording of each split: sentence, pause, sentence.

    Args:
        share: How much of it to make.
        sentences: Of each split, none of them twice.
        pauses_s: Length of a pause, of which short ones are more frequent.
        spoil: What becomes of the sound; it keeps its length.
    """
    made = []
    for split in SPLITS:
        draw = np.random.default_rng(list(split.encode()))
        known = utterances(split)
        order = draw.permutation(len(known))[: max(1, round(sentences * share))]
        whole = in_room(joined(part for place in order for part in said(known[place], pauses_s, draw)), draw)
        made.append(finished(split, replace(whole, sound=spoil(whole, draw))))
    return made


def half_hour(share: float) -> list[Recording]:
    """One long recording: all sentences again and again in other orders, and every few minutes something else."""
    draw = np.random.default_rng(1800)
    known = [piece for split in SPLITS for piece in utterances(split)]
    parts: list[Piece] = []
    length_s, waited_s, fillers = 0.0, 0.0, 0
    while length_s < 1800.0 * share:
        for place in draw.permutation(len(known)):
            added = said(known[place], (0.2, 3.0), draw)
            if waited_s > 100.0:  # noqa: PLR2004 - seconds of speech between two stretches of something else
                added.append(FILLERS[fillers % len(FILLERS)](float(draw.uniform(20.0, 40.0)), draw))
                waited_s, fillers = 0.0, fillers + 1
            added_s = sum(len(part.sound) for part in added) / SAMPLE_RATE_HZ
            length_s, waited_s, parts = length_s + added_s, waited_s + added_s, parts + added
            if length_s >= 1800.0 * share:
                break
    return [finished("half_hour", in_room(joined(parts), draw))]


def nobody(share: float, *, filler: Callable[[Seconds, Rng], Piece], duration_s: Seconds = 150.0) -> list[Recording]:
    """One recording in which nobody speaks."""
    draw = np.random.default_rng(150)
    return [finished(filler.__name__, filler(duration_s * share, draw))]


def said(piece: Piece, pauses_s: Range, draw: Rng) -> list[Piece]:
    """A sentence, a little louder or softer, and the pause after it."""
    gain = np.float32(10 ** (draw.uniform(*GAINS_DB) / 20))
    return [replace(piece, sound=gain * piece.sound), stillness(float(np.exp(draw.uniform(*np.log(pauses_s)))))]


def joined(parts: Iterable[Piece]) -> Piece:
    """One piece after the other."""
    sounds: list[Sound] = []
    words: list[TimedWord] = []
    samples = 0
    for part in parts:
        at = samples / SAMPLE_RATE_HZ
        words += [replace(word, start=at + word.start, end=at + word.end) for word in part.words]
        sounds.append(part.sound)
        samples += len(part.sound)
    return Piece(np.concatenate(sounds), tuple(words))


def in_room(piece: Piece, draw: Rng) -> Piece:
    """With the faint noise that every room has."""
    room = draw.standard_normal(len(piece.sound), np.float32) * np.float32(LEVEL * 10 ** (FLOOR_DB / 20))
    return replace(piece, sound=piece.sound + room)


def finished(name: str, piece: Piece) -> Recording:
    """A recording of 16 bits."""
    sound = np.round(np.clip(piece.sound, -1.0, 1.0 - 2.0**-15) * 2.0**15) / 2.0**15
    return Recording(name, sound.astype(np.float32), piece.words)


@functools.cache
def utterances(split: str) -> tuple[Piece, ...]:
    """The sentences of one split of the test speech, all equally loud."""
    import soundfile

    found = []
    for entry in json.loads((SPEECH / "index.json").read_text(encoding="utf-8")):
        if entry["split"] == split:
            first, last = round(entry["start"] * SAMPLE_RATE_HZ), round(entry["end"] * SAMPLE_RATE_HZ)
            sound, _ = soundfile.read(SPEECH / entry["file"], start=first, stop=last, dtype="float32")
            words = tuple(TimedWord(plain(word), start, end) for word, start, end in entry["words"])
            found.append(Piece(sound * np.float32(LEVEL / loudness(sound)), words))
    return tuple(found)


# --- what is no speech


def stillness(duration_s: Seconds, _draw: Rng | None = None) -> Piece:
    """Nothing at all."""
    return Piece(np.zeros(round(duration_s * SAMPLE_RATE_HZ), np.float32))


def silence(duration_s: Seconds, draw: Rng) -> Piece:
    """Nothing at all, then a very quiet room."""
    return joined([stillness(duration_s / 2), in_room(stillness(duration_s / 2), draw)])


def noise(duration_s: Seconds, draw: Rng) -> Piece:
    """Stretches of white to brown noise, each of another loudness, which in half of them changes all the time."""
    stretches = [stillness(0.0)]
    while sum(len(stretch.sound) for stretch in stretches) < duration_s * SAMPLE_RATE_HZ:
        gain = np.float32(LEVEL * 10 ** (draw.uniform(-20.0, 6.0) / 20))
        stretches.append(Piece(gain * coloured(round(NOISE_STRETCH_S * SAMPLE_RATE_HZ), draw)))
    return Piece(joined(stretches).sound[: round(duration_s * SAMPLE_RATE_HZ)])


def music(duration_s: Seconds, draw: Rng) -> Piece:
    """A melody of plucked notes that wanders over a scale, with a chord below it every four beats."""
    samples = round(duration_s * SAMPLE_RATE_HZ)
    sound = np.zeros(samples + 8 * SAMPLE_RATE_HZ, np.float32)
    scale = np.array([0, 2, 4, 5, 7, 9, 11])
    beat_s, root_hz, step, beats = draw.uniform(0.35, 0.7), draw.uniform(180.0, 330.0), 0, 0.0
    while beats * beat_s < duration_s:
        first = round(beats * beat_s * SAMPLE_RATE_HZ)
        step = int(np.clip(step + draw.integers(-3, 4), -5, 12))
        degrees = [(step, 1.0), *([(degree - 7, 0.6) for degree in (0, 2, 4)] if beats % 4 == 0 else [])]
        for degree, gain in degrees:
            hertz = root_hz * 2.0 ** (degree // 7 + scale[degree % 7] / 12)
            note = gain * plucked(hertz, beat_s * float(draw.uniform(1.0, 4.0)))
            sound[first : first + len(note)] += note
        beats += float(draw.choice([0.5, 1.0, 1.0, 2.0]))
    sound = sound[:samples]
    return Piece(sound * np.float32(LEVEL / max(loudness(sound), 1e-6)))


def plucked(hertz: float, duration_s: Seconds) -> Sound:
    """One note of a string: it begins at once, and its overtones fade sooner than its ground."""
    time_s = np.arange(round(duration_s * SAMPLE_RATE_HZ), dtype=np.float32) / SAMPLE_RATE_HZ
    overtones = [order for order in range(1, 9) if order * hertz < SAMPLE_RATE_HZ / 2]
    waves = [np.sin(2 * np.pi * n * hertz * time_s) * np.exp(-(1 + n) * time_s / duration_s) / n for n in overtones]
    edges = np.minimum(1.0, np.minimum(time_s, duration_s - time_s) / 0.01)
    return np.asarray(sum(waves) * edges, np.float32)


def coloured(samples: int, draw: Rng) -> Sound:
    """Noise whose power falls with the frequency, from not at all to as its square; its loudness is about 1."""
    spectrum = np.fft.rfft(draw.standard_normal(samples))
    spectrum *= (np.linspace(0.0, 1.0, len(spectrum)) + 0.005) ** -draw.uniform(0.0, 1.0)
    sound = np.fft.irfft(spectrum, samples)
    if draw.random() < 0.5:  # noqa: PLR2004 - one half
        knots = 2 + samples // (SAMPLE_RATE_HZ // 2)
        sound *= np.interp(np.linspace(0, knots - 1, samples), np.arange(knots), 10 ** draw.uniform(-0.5, 0.2, knots))
    return np.asarray(sound / loudness(sound), np.float32)


def loudness(sound: NDArray[np.floating]) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(sound)))) if len(sound) else 0.0


# --- what spoils speech


def noisy(piece: Piece, draw: Rng, *, snr_db: float) -> Sound:
    """Under noise, its colour changing now and then, so many dB below speech."""
    size, stretch = len(piece.sound), round(NOISE_STRETCH_S * SAMPLE_RATE_HZ)
    whole = np.concatenate([coloured(stretch, draw) for _ in range(0, size, stretch)])[:size]
    return np.asarray(piece.sound + whole * np.float32(LEVEL * 10 ** (-snr_db / 20)), np.float32)


def over_telephone(piece: Piece, _draw: Rng) -> Sound:
    """What a telephone line leaves: 300 to 3,400 Hz, at 8 kHz, in 8 bits of µ-law."""
    import soundfile
    import soxr

    rate_hz = 8_000
    narrow = soxr.resample(piece.sound, SAMPLE_RATE_HZ, rate_hz)
    hertz = np.fft.rfftfreq(len(narrow), 1 / rate_hz)
    passed = np.interp(hertz, (200.0, 350.0, 3_300.0, 3_600.0), (0.0, 1.0, 1.0, 0.0))
    file = io.BytesIO()
    line = np.fft.irfft(np.fft.rfft(narrow) * passed, len(narrow))
    soundfile.write(file, line, rate_hz, format="WAV", subtype="ULAW")
    file.seek(0)
    heard, _ = soundfile.read(file, dtype="float32")
    wide = soxr.resample(heard, rate_hz, SAMPLE_RATE_HZ)[: len(piece.sound)]
    return np.asarray(np.pad(wide, (0, len(piece.sound) - len(wide))), np.float32)


def with_music(piece: Piece, draw: Rng) -> Sound:
    """With music that comes and goes: nearly as loud as speech in pauses, 14 dB below it under words."""
    gain_db = np.full(len(piece.sound), -80.0, np.float32)
    at_s = float(draw.uniform(0.0, 3.0))
    while at_s * SAMPLE_RATE_HZ < len(gain_db):
        end_s = at_s + float(draw.uniform(5.0, 15.0))
        gain_db[round(at_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)] = -3.0
        at_s = end_s + float(draw.uniform(2.0, 6.0))
    for span in intervals.merge((Span(word.start, word.end) for word in piece.words), LEAST_PAUSE_S):
        under = slice(round(span.start * SAMPLE_RATE_HZ), round(span.end * SAMPLE_RATE_HZ))
        gain_db[under] = np.minimum(gain_db[under], -14.0)
    fade = np.full(SAMPLE_RATE_HZ // 10, 10.0 / SAMPLE_RATE_HZ, np.float32)
    gain = np.convolve(10 ** (gain_db / 20), fade, "same")
    return np.asarray(piece.sound + gain * music(len(gain) / SAMPLE_RATE_HZ, draw).sound, np.float32)


FILLERS: tuple[Callable[[Seconds, Rng], Piece], ...] = (stillness, noise, music)

CONDITIONS = (
    Condition("Speech", "clean", conversations),
    Condition("Speech", "telephone", partial(conversations, spoil=over_telephone)),
    Condition("Speech", "noise, 20 dB below", partial(conversations, spoil=partial(noisy, snr_db=20.0))),
    Condition("Speech", "noise, 10 dB below", partial(conversations, spoil=partial(noisy, snr_db=10.0))),
    Condition("Speech", "noise, 5 dB below", partial(conversations, spoil=partial(noisy, snr_db=5.0))),
    Condition(
        "Speech and something else", "pauses of 3 to 20 s", partial(conversations, sentences=14, pauses_s=(3, 20))
    ),
    Condition(
        "Speech and something else",
        "music in pauses and under words",
        partial(conversations, sentences=20, pauses_s=(1, 6), spoil=with_music),
    ),
    Condition("Nobody speaks", "silence", partial(nobody, filler=silence)),
    Condition("Nobody speaks", "noise", partial(nobody, filler=noise)),
    Condition("Nobody speaks", "music", partial(nobody, filler=music)),
    Condition("Half an hour", "speech, silence, noise and music in turn", half_hour),
)
