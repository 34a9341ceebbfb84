"""Sounds beside speech: steady noises, babble, hum, the tones of telephones; each with a level of `LEVEL`."""

from __future__ import annotations

import base64
import io
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from bench.real_voices import speech_level
from bench.recordings import LEVEL, Piece, in_room, loudness, music, stillness
from whisperx_worker import SAMPLE_RATE_HZ, Seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from bench.recordings import Rng, Sound

MINUTE_S: Seconds = 60.0
STEEP_EDGES_HZ = (299.9, 300.0, 3_400.0, 3_400.1)
CLIPPED_SHARE = 0.025
OFFSET = 0.1
BABBLERS = 8
MAINS_HZ = 50.0
LEVELS_DB = (-34.0, -19.0, -4.0, 11.0)
"""Levels of a noise in turn, in relation to `LEVEL`: -60 to -15 dB of full scale."""


def to_flac_base64(sound: Sound, rate_hz: int) -> str:
    """Write FLAC of 16 bits at a sample rate, in base64."""
    import soundfile
    import soxr

    file = io.BytesIO()
    samples = sound if rate_hz == SAMPLE_RATE_HZ else soxr.resample(sound, SAMPLE_RATE_HZ, rate_hz)
    soundfile.write(file, samples, rate_hz, format="FLAC", subtype="PCM_16")
    return base64.b64encode(file.getvalue()).decode()


def levelled(sound: NDArray[np.floating]) -> Sound:
    """Scale a sound to a root mean square of `LEVEL`."""
    return np.asarray(sound * (LEVEL / max(loudness(sound), 1e-9)), np.float32)


def steady_noise(duration_s: Seconds, draw: Rng, *, exponent: float) -> Sound:
    """Make noise, the power of which falls with the frequency from 20 Hz on.

    Args:
        duration_s: Length in seconds.
        draw: Random numbers.
        exponent: Of the power: 0 white, 1 pink, 2 brown.
    """
    samples = round(duration_s * SAMPLE_RATE_HZ)
    spectrum = np.fft.rfft(draw.standard_normal(samples))
    hertz = np.maximum(np.fft.rfftfreq(samples, 1 / SAMPLE_RATE_HZ), 20.0)
    return levelled(np.fft.irfft(spectrum * hertz ** (-exponent / 2), samples))


white = partial(steady_noise, exponent=0.0)
pink = partial(steady_noise, exponent=1.0)
brown = partial(steady_noise, exponent=2.0)


def rising(duration_s: Seconds, draw: Rng, *, make: Callable[[Seconds, Rng], Sound]) -> Sound:
    """Make a sound in four levels, the loudest last."""
    part_s = duration_s / len(LEVELS_DB)
    return np.concatenate([make(part_s, draw) * np.float32(10 ** (db / 20)) for db in LEVELS_DB])


def babble(voices: Sequence[Sound], samples: int, draw: Rng) -> Sound:
    """Make several people speak at once, each without pause.

    Args:
        voices: Clips of speech, of which each speaker gets some in turn.
        samples: Length.
        draw: Random numbers.
    """
    whole = np.zeros(samples)
    for number in range(BABBLERS):
        own = [voice / speech_level(voice) for voice in voices[number::BABBLERS]] or [
            voices[0] / speech_level(voices[0])
        ]
        stream = np.concatenate([own[place] for place in draw.permutation(len(own))])
        whole += np.roll(np.resize(stream, samples), int(draw.integers(samples)))
    return levelled(whole)


def hum(duration_s: Seconds, draw: Rng) -> Sound:
    """Make the hum of the mains with overtones; its frequency wavers by a fifth of a percent."""
    samples = round(duration_s * SAMPLE_RATE_HZ)
    knots = 2 + int(duration_s)
    drift = np.interp(np.linspace(0, knots - 1, samples), np.arange(knots), draw.uniform(-0.1, 0.1, knots))
    phase = 2 * np.pi * np.cumsum(MAINS_HZ + drift) / SAMPLE_RATE_HZ
    overtones = {1: 1.0, 2: 0.7, 3: 0.5, 4: 0.3, 5: 0.25, 6: 0.2, 8: 0.12, 10: 0.1, 12: 0.05}
    waves = [gain * np.sin(order * phase + draw.uniform(0, 2 * np.pi)) for order, gain in overtones.items()]
    return levelled(sum(waves, np.zeros(samples)))


def melody(duration_s: Seconds, draw: Rng) -> Sound:
    """Make music of plucked notes."""
    return music(duration_s, draw).sound


def tones(duration_s: Seconds, *, hertz: Sequence[float], on_s: Seconds, off_s: Seconds) -> Sound:
    """Make a tone of several frequencies that comes and goes."""
    time_s = np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    sounding = time_s % (on_s + off_s) < on_s
    return np.asarray(LEVEL * sounding * sum(np.sin(2 * np.pi * one * time_s) for one in hertz), np.float32)


def ringing(duration_s: Seconds, _draw: Rng) -> Sound:
    """Make the ring tone and then the busy tone of a Russian exchange."""
    ring = tones(duration_s / 2, hertz=(425.0,), on_s=1.0, off_s=4.0)
    return np.concatenate([ring, tones(duration_s / 2, hertz=(425.0,), on_s=0.35, off_s=0.35)])


def dialling(duration_s: Seconds, draw: Rng) -> Sound:
    """Make the tones of dialled digits."""
    keys = [(low, high) for low in (697.0, 770.0, 852.0, 941.0) for high in (1209.0, 1336.0, 1477.0)]
    each_s = 0.3
    order = draw.integers(len(keys), size=round(duration_s / each_s))
    return np.concatenate([tones(each_s, hertz=keys[key], on_s=0.1, off_s=0.2) for key in order])


def breathing(duration_s: Seconds, draw: Rng) -> Sound:
    """Make noise like breath, in and out 16 times a minute."""
    samples = round(duration_s * SAMPLE_RATE_HZ)
    spectrum = np.fft.rfft(draw.standard_normal(samples))
    hertz = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE_HZ)
    shape = np.interp(hertz, (0, 250, 600, 1_600, 3_500, 8_000), (0, 0.3, 1.0, 0.5, 0.2, 0.03))
    phase = 2 * np.pi * 16 / 60 * np.arange(samples) / SAMPLE_RATE_HZ
    envelope = np.maximum(0.0, np.sin(phase)) ** 2 + 0.6 * np.maximum(0.0, -np.sin(phase)) ** 3
    return np.asarray(0.3 * levelled(np.fft.irfft(spectrum * shape, samples) * envelope), np.float32)


def nothing(duration_s: Seconds, _draw: Rng) -> Sound:
    """Make digital silence."""
    return stillness(duration_s).sound


def room(duration_s: Seconds, draw: Rng) -> Sound:
    """Make a very quiet room."""
    return in_room(Piece(nothing(duration_s, draw)), draw).sound


WITHOUT_SPEECH: Mapping[str, Callable[[Seconds, Rng], Sound]] = {
    "digital silence": nothing,
    "quiet room": room,
    "white noise": partial(rising, make=white),
    "pink noise": partial(rising, make=pink),
    "brown noise": partial(rising, make=brown),
    "hum": partial(rising, make=hum),
    "music": melody,
    "ringing and busy tones": ringing,
    "dialled digits": dialling,
    "breath": breathing,
}
"""Makers of recordings without speech, by name."""
