"""Recordings with a known reference, made of the held-out speech in `tests/speech` and of other sounds.

Random numbers have fixed seeds: the same recordings are made every time. The conditions of one group have the same
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
"""Margin around a word that is no silence: its echo, and the inaccuracy of times."""
MIN_PAUSE_S: Seconds = 0.4
TELEPHONE_RATE_HZ = 8_000
LINE_EDGES_HZ = (200.0, 350.0, 3_300.0, 3_600.0)

Sound: TypeAlias = NDArray[np.float32]
"""Shape (n,), mono, nominally in -1..1, at 16,000 Hz."""
Range: TypeAlias = tuple[float, float]
Rng: TypeAlias = np.random.Generator


@dataclass(frozen=True)
class TimedWord:
    """A normalised word with its times."""

    text: str
    start: Seconds
    end: Seconds
    exact: bool = True
    """False if its times are only those of the text around it."""


@dataclass(frozen=True, eq=False)
class Piece:
    """Sound with its timed words."""

    sound: Sound
    words: tuple[TimedWord, ...] = ()
    """In time order, in seconds from the start of the piece."""


@dataclass(frozen=True, eq=False)
class Recording:
    """Input of the systems, and its reference."""

    name: str
    sound: Sound
    """Sound in steps of 16 bits, so that a file of it is the same."""
    words: tuple[TimedWord, ...]

    @property
    def duration_s(self) -> Seconds:
        """Length in seconds."""
        return len(self.sound) / SAMPLE_RATE_HZ

    @cached_property
    def flac_base64(self) -> str:
        """FLAC in base64, as in a request."""
        import soundfile

        file = io.BytesIO()
        soundfile.write(file, self.sound, SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
        return base64.b64encode(file.getvalue()).decode()

    @cached_property
    def silences(self) -> list[Span]:
        """Pauses of a second and more in time order, without their edges."""
        speech = intervals.merge((Span(word.start - EDGE_S, word.end + EDGE_S) for word in self.words), MIN_PAUSE_S)
        return intervals.gaps(speech, 0.0, self.duration_s)


@dataclass(frozen=True)
class Condition:
    """A row of a table: recordings of one kind."""

    group: str
    name: str
    make: Callable[[float], list[Recording]]
    """Maker of the recordings, a share of 0..1 of each."""


# --- composition of recordings


def conversations(
    share: float,
    *,
    sentences: int = 40,
    pauses_s: Range = (0.2, 1.5),
    distort: Callable[[Piece, Rng], Sound] = lambda piece, _: piece.sound,
) -> list[Recording]:
    """Make one recording of each split: sentence, pause, sentence.

    Args:
        share: How much of it to make.
        sentences: Of each split, none of them twice.
        pauses_s: Length of a pause, of which short ones are more frequent.
        distort: Distortion of the sound, of the same length.
    """
    made = []
    for split in SPLITS:
        draw = np.random.default_rng(list(split.encode()))
        known = utterances(split)
        order = draw.permutation(len(known))[: max(1, round(sentences * share))]
        whole = in_room(join(part for place in order for part in with_pause(known[place], pauses_s, draw)), draw)
        made.append(quantize(split, replace(whole, sound=distort(whole, draw))))
    return made


def half_hour(share: float) -> list[Recording]:
    """Make one long recording: all sentences in changing orders, and every few minutes another sound."""
    draw = np.random.default_rng(1800)
    known = [piece for split in SPLITS for piece in utterances(split)]
    parts: list[Piece] = []
    length_s, waited_s, fillers = 0.0, 0.0, 0
    while length_s < 1800.0 * share:
        for place in draw.permutation(len(known)):
            added = with_pause(known[place], (0.2, 3.0), draw)
            if waited_s > 100.0:  # noqa: PLR2004 - seconds of speech between two stretches of something else
                added.append(FILLERS[fillers % len(FILLERS)](float(draw.uniform(20.0, 40.0)), draw))
                waited_s, fillers = 0.0, fillers + 1
            added_s = sum(len(part.sound) for part in added) / SAMPLE_RATE_HZ
            length_s, waited_s, parts = length_s + added_s, waited_s + added_s, parts + added
            if length_s >= 1800.0 * share:
                break
    return [quantize("half_hour", in_room(join(parts), draw))]


def without_speech(
    share: float, *, filler: Callable[[Seconds, Rng], Piece], duration_s: Seconds = 150.0
) -> list[Recording]:
    """Make one recording without speech."""
    draw = np.random.default_rng(150)
    return [quantize(filler.__name__, filler(duration_s * share, draw))]


def with_pause(piece: Piece, pauses_s: Range, draw: Rng) -> list[Piece]:
    """Return a sentence, a little louder or softer, and the pause after it."""
    gain = np.float32(10 ** (draw.uniform(*GAINS_DB) / 20))
    return [replace(piece, sound=gain * piece.sound), stillness(float(np.exp(draw.uniform(*np.log(pauses_s)))))]


def join(parts: Iterable[Piece]) -> Piece:
    """Concatenate pieces."""
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
    """Add the faint noise of a room."""
    room = draw.standard_normal(len(piece.sound), np.float32) * np.float32(LEVEL * 10 ** (FLOOR_DB / 20))
    return replace(piece, sound=piece.sound + room)


def quantize(name: str, piece: Piece) -> Recording:
    """Quantize a piece to 16 bits."""
    sound = np.round(np.clip(piece.sound, -1.0, 1.0 - 2.0**-15) * 2.0**15) / 2.0**15
    return Recording(name, sound.astype(np.float32), piece.words)


@functools.cache
def utterances(split: str) -> tuple[Piece, ...]:
    """Read the sentences of one split of the test speech, all equally loud."""
    import soundfile

    found = []
    for entry in json.loads((SPEECH / "index.json").read_text(encoding="utf-8")):
        if entry["split"] == split:
            first, last = round(entry["start"] * SAMPLE_RATE_HZ), round(entry["end"] * SAMPLE_RATE_HZ)
            sound, _ = soundfile.read(SPEECH / entry["file"], start=first, stop=last, dtype="float32")
            words = tuple(TimedWord(plain(word), start, end) for word, start, end in entry["words"])
            found.append(Piece(sound * np.float32(LEVEL / loudness(sound)), words))
    return tuple(found)


# --- sounds without speech


def stillness(duration_s: Seconds, _draw: Rng | None = None) -> Piece:
    """Make digital silence."""
    return Piece(np.zeros(round(duration_s * SAMPLE_RATE_HZ), np.float32))


def silence(duration_s: Seconds, draw: Rng) -> Piece:
    """Make digital silence, then a very quiet room."""
    return join([stillness(duration_s / 2), in_room(stillness(duration_s / 2), draw)])


def noise(duration_s: Seconds, draw: Rng) -> Piece:
    """Make stretches of white to brown noise, each of another level.

    In half of them the level varies.
    """
    stretches = [stillness(0.0)]
    while sum(len(stretch.sound) for stretch in stretches) < duration_s * SAMPLE_RATE_HZ:
        gain = np.float32(LEVEL * 10 ** (draw.uniform(-20.0, 6.0) / 20))
        stretches.append(Piece(gain * coloured_noise(round(NOISE_STRETCH_S * SAMPLE_RATE_HZ), draw)))
    return Piece(join(stretches).sound[: round(duration_s * SAMPLE_RATE_HZ)])


def music(duration_s: Seconds, draw: Rng) -> Piece:
    """Make a melody of plucked notes on a scale.

    A chord sounds below it every four beats.
    """
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
    """Make one note of a string, with overtones that fade sooner than the fundamental."""
    time_s = np.arange(round(duration_s * SAMPLE_RATE_HZ), dtype=np.float32) / SAMPLE_RATE_HZ
    overtones = [order for order in range(1, 9) if order * hertz < SAMPLE_RATE_HZ / 2]
    waves = [np.sin(2 * np.pi * n * hertz * time_s) * np.exp(-(1 + n) * time_s / duration_s) / n for n in overtones]
    edges = np.minimum(1.0, np.minimum(time_s, duration_s - time_s) / 0.01)
    return np.asarray(sum(waves) * edges, np.float32)


def coloured_noise(samples: int, draw: Rng) -> Sound:
    """Make white to brown noise with a root mean square of about 1."""
    spectrum = np.fft.rfft(draw.standard_normal(samples))
    spectrum *= (np.linspace(0.0, 1.0, len(spectrum)) + 0.005) ** -draw.uniform(0.0, 1.0)
    sound = np.fft.irfft(spectrum, samples)
    if draw.random() < 0.5:  # noqa: PLR2004 - one half
        knots = 2 + samples // (SAMPLE_RATE_HZ // 2)
        sound *= np.interp(np.linspace(0, knots - 1, samples), np.arange(knots), 10 ** draw.uniform(-0.5, 0.2, knots))
    return np.asarray(sound / loudness(sound), np.float32)


def loudness(sound: NDArray[np.floating]) -> float:
    """Compute the root mean square."""
    return float(np.sqrt(np.mean(np.square(sound)))) if len(sound) else 0.0


# --- distortions of speech


def noisy(piece: Piece, draw: Rng, *, snr_db: float) -> Sound:
    """Add noise of changing colour, so many dB below speech."""
    size, stretch = len(piece.sound), round(NOISE_STRETCH_S * SAMPLE_RATE_HZ)
    whole = np.concatenate([coloured_noise(stretch, draw) for _ in range(0, size, stretch)])[:size]
    return np.asarray(piece.sound + whole * np.float32(LEVEL * 10 ** (-snr_db / 20)), np.float32)


def over_telephone(piece: Piece, _draw: Rng) -> Sound:
    """Pass the sound through a telephone line.

    The line passes 300 to 3,400 Hz at a rate of 8 kHz, with µ-law in 8 bits.
    """
    return through_codec(narrowed(piece.sound), len(piece.sound))


def narrowed(sound: Sound, edges_hz: tuple[float, float, float, float] = LINE_EDGES_HZ) -> NDArray[np.floating]:
    """Limit a sound to the band of a telephone, at 8 kHz.

    Args:
        sound: Shape (n,), at 16 kHz.
        edges_hz: Frequencies between which the line begins to pass, and ceases to.
    """
    import soxr

    narrow = soxr.resample(sound, SAMPLE_RATE_HZ, TELEPHONE_RATE_HZ)
    hertz = np.fft.rfftfreq(len(narrow), 1 / TELEPHONE_RATE_HZ)
    passed = np.interp(hertz, edges_hz, (0.0, 1.0, 1.0, 0.0))
    return np.asarray(np.fft.irfft(np.fft.rfft(narrow) * passed, len(narrow)))


def through_codec(line: NDArray[np.floating], samples: int) -> Sound:
    """Write and read µ-law at 8 kHz, and return that at 16 kHz with so many samples."""
    import soundfile
    import soxr

    file = io.BytesIO()
    soundfile.write(file, line, TELEPHONE_RATE_HZ, format="WAV", subtype="ULAW")
    file.seek(0)
    received, _ = soundfile.read(file, dtype="float32")
    wide = soxr.resample(received, TELEPHONE_RATE_HZ, SAMPLE_RATE_HZ)[:samples]
    return np.asarray(np.pad(wide, (0, samples - len(wide))), np.float32)


def with_music(piece: Piece, draw: Rng) -> Sound:
    """Add intermittent music: nearly as loud as speech in pauses, 14 dB below it under words."""
    gain_db = np.full(len(piece.sound), -80.0, np.float32)
    at_s = float(draw.uniform(0.0, 3.0))
    while at_s * SAMPLE_RATE_HZ < len(gain_db):
        end_s = at_s + float(draw.uniform(5.0, 15.0))
        gain_db[round(at_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)] = -3.0
        at_s = end_s + float(draw.uniform(2.0, 6.0))
    for span in intervals.merge((Span(word.start, word.end) for word in piece.words), MIN_PAUSE_S):
        under = slice(round(span.start * SAMPLE_RATE_HZ), round(span.end * SAMPLE_RATE_HZ))
        gain_db[under] = np.minimum(gain_db[under], -14.0)
    fade = np.full(SAMPLE_RATE_HZ // 10, 10.0 / SAMPLE_RATE_HZ, np.float32)
    gain = np.convolve(10 ** (gain_db / 20), fade, "same")
    return np.asarray(piece.sound + gain * music(len(gain) / SAMPLE_RATE_HZ, draw).sound, np.float32)


FILLERS: tuple[Callable[[Seconds, Rng], Piece], ...] = (stillness, noise, music)

CONDITIONS = (
    Condition("Speech", "clean", conversations),
    Condition("Speech", "telephone", partial(conversations, distort=over_telephone)),
    Condition("Speech", "noise, 20 dB below", partial(conversations, distort=partial(noisy, snr_db=20.0))),
    Condition("Speech", "noise, 10 dB below", partial(conversations, distort=partial(noisy, snr_db=10.0))),
    Condition("Speech", "noise, 5 dB below", partial(conversations, distort=partial(noisy, snr_db=5.0))),
    Condition(
        "Speech and something else", "pauses of 3 to 20 s", partial(conversations, sentences=14, pauses_s=(3, 20))
    ),
    Condition(
        "Speech and something else",
        "music in pauses and under words",
        partial(conversations, sentences=20, pauses_s=(1, 6), distort=with_music),
    ),
    Condition("Nobody speaks", "silence", partial(without_speech, filler=silence)),
    Condition("Nobody speaks", "noise", partial(without_speech, filler=noise)),
    Condition("Nobody speaks", "music", partial(without_speech, filler=music)),
    Condition("Half an hour", "speech, silence, noise and music in turn", half_hour),
)
