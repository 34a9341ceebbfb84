"""Corpus of phantoms: recordings in which nobody speaks, and speech followed or preceded by something else.

Nothing may come out of the former, and of the latter nothing but the speech. All of it is made of random numbers with
fixed seeds, and of the speech in `tests/speech` and `tests/corpora`. Sounds that are made of voices stand apart.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from bench import recordings
from bench.recordings import LEVEL, Piece, Recording, Rng, Sound, join, loudness, quantize, stillness
from tests.corpora import repetitions
from whisperx_worker import SAMPLE_RATE_HZ, Seconds

if TYPE_CHECKING:
    from collections.abc import Callable

DURATION_S = 14.0
TAIL_S = 25.0
"""Length of what follows the speech: nearly a whole window of Whisper."""


@dataclass(frozen=True)
class Phantom:
    """A recipe of a recording."""

    name: str
    kind: str
    make_sound: Callable[[int, Rng], Sound]
    """Makes a number of samples."""
    level_db: float = 20 * np.log10(LEVEL)
    """Root mean square, in dB below full scale."""
    speech: str = ""
    """Clip that is spoken before the sound, or after it where the kind is "before speech"."""

    def make(self) -> Recording:
        """Make the recording; its words are those of the speech."""
        draw = np.random.default_rng(list(self.name.encode()))
        sound = self.make_sound(round((TAIL_S if self.speech else DURATION_S) * SAMPLE_RATE_HZ), draw)
        if loud := loudness(sound):
            sound = sound * np.float32(10 ** (self.level_db / 20) / loud)
        pieces = [Piece(np.asarray(sound, np.float32))]
        if self.speech:
            spoken = join([stillness(0.3), repetitions.read_clip(self.speech), stillness(0.3)])
            pieces = [*pieces, spoken] if self.kind == "before speech" else [spoken, *pieces]
        return quantize(self.name, join(pieces))


def silence(samples: int, _draw: Rng) -> Sound:
    """Make digital silence."""
    return np.zeros(samples, np.float32)


def constant(samples: int, _draw: Rng) -> Sound:
    """Make a DC offset."""
    return np.ones(samples, np.float32)


def noise(samples: int, draw: Rng, *, slope: float, low_hz: float = 20.0, high_hz: float = 8_000.0) -> Sound:
    """Make noise whose amplitude falls by a power of the frequency: 0 white, 0.5 pink, 1 brown."""
    hertz = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE_HZ)
    spectrum = np.fft.rfft(draw.standard_normal(samples)) * np.maximum(hertz, 20.0) ** -slope
    spectrum[(hertz < low_hz) | (hertz > high_hz)] = 0
    return np.asarray(np.fft.irfft(spectrum, samples), np.float32)


def waving(samples: int, draw: Rng, *, slope: float, period_s: Seconds, low_hz: float, high_hz: float) -> Sound:
    """Make noise that swells and fades irregularly: breath, wind, waves."""
    knots = 2 + int(samples / SAMPLE_RATE_HZ / period_s * 2)
    levels = np.where(np.arange(knots) % 2, draw.uniform(0.5, 1.0, knots), draw.uniform(0.0, 0.15, knots))
    envelope = np.interp(np.linspace(0, knots - 1, samples), np.arange(knots), levels)
    return np.asarray(noise(samples, draw, slope=slope, low_hz=low_hz, high_hz=high_hz) * envelope, np.float32)


def tones(samples: int, _draw: Rng, *, hertz: tuple[float, ...], on_s: Seconds = 1.0, off_s: Seconds = 0.0) -> Sound:
    """Make tones together, on and off in turn: lines, alarms, signals of the exchange."""
    time_s = np.arange(samples) / SAMPLE_RATE_HZ
    wave = sum(np.sin(2 * np.pi * one * time_s) / (place + 1) for place, one in enumerate(hertz))
    return np.asarray(wave * (time_s % (on_s + off_s) < on_s), np.float32)


def dtmf(samples: int, draw: Rng) -> Sound:
    """Make keys of a telephone, 0.12 s each."""
    time_s = np.arange(samples) / SAMPLE_RATE_HZ
    key = (time_s // 0.3).astype(int)
    low = draw.choice([697, 770, 852, 941], key[-1] + 1)[key]
    high = draw.choice([1209, 1336, 1477], key[-1] + 1)[key]
    wave = np.sin(2 * np.pi * low * time_s) + np.sin(2 * np.pi * high * time_s)
    return np.asarray(wave * (time_s % 0.3 < 0.12), np.float32)


def modem(samples: int, draw: Rng) -> Sound:
    """Make a fax or a modem: tones that change 300 times a second."""
    steps = samples * 300 // SAMPLE_RATE_HZ + 1
    hertz = np.repeat(draw.choice([1070.0, 1270.0, 2025.0, 2225.0], steps), SAMPLE_RATE_HZ // 300 + 1)[:samples]
    return np.asarray(np.sin(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE_HZ), np.float32)


def siren(samples: int, _draw: Rng) -> Sound:
    """Make a siren between 500 and 1,300 Hz, with overtones."""
    time_s = np.arange(samples) / SAMPLE_RATE_HZ
    phase = 2 * np.pi * np.cumsum(900 + 400 * np.sin(2 * np.pi * 0.4 * time_s)) / SAMPLE_RATE_HZ
    return np.asarray(np.sin(phase) + 0.4 * np.sin(2 * phase) + 0.2 * np.sin(3 * phase), np.float32)


def birds(samples: int, draw: Rng) -> Sound:
    """Make chirps between 2 and 5 kHz."""
    return hits(samples, draw, rate_hz=3.0, make=_chirp)


def knocks(samples: int, draw: Rng) -> Sound:
    """Make knocks on wood, or steps."""
    return hits(samples, draw, rate_hz=2.0, make=_knock)


def keyboard(samples: int, draw: Rng) -> Sound:
    """Make clicks of a keyboard."""
    return hits(samples, draw, rate_hz=7.0, make=_click)


def applause(samples: int, draw: Rng) -> Sound:
    """Make the applause of a hall."""
    return hits(samples, draw, rate_hz=120.0, make=_click)


def drums(samples: int, draw: Rng) -> Sound:
    """Make a beat of 120 a minute: bass drum, snare and hats."""
    sound = np.zeros(samples + SAMPLE_RATE_HZ, np.float32)
    for beat in range(int(samples / SAMPLE_RATE_HZ * 4)):
        hit = _chord_hit(60.0) if beat % 4 == 0 else _click(draw) * (3.0 if beat % 4 == 2 else 0.7)
        first = beat * SAMPLE_RATE_HZ // 4
        sound[first : first + len(hit)] += hit
    return sound[:samples]


def organ(samples: int, draw: Rng) -> Sound:
    """Make chords of an organ, two seconds each."""
    return _chords(samples, draw, overtones=(1.0, 0.6, 0.3, 0.5, 0.1, 0.2), vibrato=0.0, chord_s=2.0)


def strings(samples: int, draw: Rng) -> Sound:
    """Make chords of strings with vibrato."""
    return _chords(samples, draw, overtones=tuple(1 / n for n in range(1, 12)), vibrato=0.006, chord_s=3.0)


def flute(samples: int, draw: Rng) -> Sound:
    """Make a slow melody of one voice with vibrato, without chords."""
    return _chords(samples, draw, overtones=(1.0, 0.3, 0.1), vibrato=0.004, chord_s=0.6, notes=1)


def whistle(samples: int, draw: Rng) -> Sound:
    """Make a gliding whistle."""
    knots = 2 + samples // (SAMPLE_RATE_HZ // 2)
    hertz = np.interp(np.linspace(0, knots - 1, samples), np.arange(knots), draw.uniform(900, 2000, knots))
    return np.asarray(np.sin(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE_HZ), np.float32)


def engine(samples: int, draw: Rng) -> Sound:
    """Make an engine: a buzz of changing speed in brown noise."""
    time_s = np.arange(samples) / SAMPLE_RATE_HZ
    phase = 2 * np.pi * np.cumsum(45 + 12 * np.sin(2 * np.pi * 0.15 * time_s)) / SAMPLE_RATE_HZ
    buzz = sum(np.sin(n * phase) / n for n in range(1, 20))
    rumble = noise(samples, draw, slope=1.0)
    return np.asarray(buzz / loudness(np.asarray(buzz)) + rumble / loudness(rumble), np.float32)


def train(samples: int, draw: Rng) -> Sound:
    """Make a train: brown noise with double knocks of the rails."""
    rumble = noise(samples, draw, slope=1.0)
    sound = np.pad(rumble / np.float32(loudness(rumble)), (0, SAMPLE_RATE_HZ))
    for pair in range(int(samples / SAMPLE_RATE_HZ / 1.1)):
        for offset_s in (0.0, 0.18):
            first, hit = round((pair * 1.1 + offset_s) * SAMPLE_RATE_HZ), 6 * _knock(draw)
            sound[first : first + len(hit)] += hit
    return np.asarray(sound[:samples], np.float32)


def music(samples: int, draw: Rng) -> Sound:
    """Make the plucked music of the benchmark."""
    return recordings.music(samples / SAMPLE_RATE_HZ, draw).sound


def over_telephone(samples: int, draw: Rng, *, make: Callable[[int, Rng], Sound]) -> Sound:
    """Pass a sound through a telephone line, loud enough for its µ-law."""
    sound = make(samples, draw)
    return recordings.over_telephone(Piece(np.asarray(sound * np.float32(LEVEL / loudness(sound)), np.float32)), draw)


def reversed_speech(samples: int, _draw: Rng, *, voices: int) -> Sound:
    """Play one voice or several backwards: no words, but made of speech."""
    known = [piece.sound for split in recordings.SPLITS for piece in recordings.utterances(split)]
    lines = [np.concatenate(known[first::voices])[:samples][::-1] for first in range(voices)]
    return np.asarray(sum(lines), np.float32)


def shaped_noise(samples: int, draw: Rng) -> Sound:
    """Make noise with the loudness of a voice over time: no voice in it."""
    speech = np.abs(reversed_speech(samples, draw, voices=1))
    envelope = np.convolve(speech, np.ones(400, np.float32) / 400, "same")
    return np.asarray(noise(samples, draw, slope=0.5, low_hz=100, high_hz=5_000) * envelope, np.float32)


def sung_vowel(samples: int, draw: Rng) -> Sound:
    """Make a hummed melody: pulses with vibrato through the formants of an open vowel."""
    time_s = np.arange(samples) / SAMPLE_RATE_HZ
    steps = draw.choice([146.8, 164.8, 174.6, 196.0, 220.0], samples // SAMPLE_RATE_HZ + 2)
    hertz = steps[time_s.astype(int)] * (1 + 0.01 * np.sin(2 * np.pi * 5.5 * time_s))
    phase = 2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE_HZ
    spectrum = np.fft.rfft(sum(np.sin(n * phase) for n in range(1, 30)))
    bins = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE_HZ)
    formants = ((700.0, 90.0, 1.0), (1_200.0, 110.0, 0.5), (2_600.0, 160.0, 0.2))
    passed = sum(gain / (1 + ((bins - centre) / width) ** 2) for centre, width, gain in formants)
    return np.asarray(np.fft.irfft(spectrum * passed, samples), np.float32)


def hits(samples: int, draw: Rng, *, rate_hz: float, make: Callable[[Rng], Sound]) -> Sound:
    """Place short sounds at random times."""
    sound = np.zeros(samples + SAMPLE_RATE_HZ, np.float32)
    for first in draw.integers(0, samples, draw.poisson(rate_hz * samples / SAMPLE_RATE_HZ)):
        hit = make(draw)
        sound[first : first + len(hit)] += hit
    return sound[:samples]


def _decay(duration_s: Seconds) -> Sound:
    size = round(duration_s * SAMPLE_RATE_HZ)
    return np.exp(-6 * np.arange(size, dtype=np.float32) / size)


def _click(draw: Rng) -> Sound:
    decay = _decay(float(draw.uniform(0.005, 0.03)))
    return np.asarray(draw.standard_normal(len(decay)) * decay * draw.uniform(0.3, 1.0), np.float32)


def _knock(draw: Rng) -> Sound:
    decay = _decay(0.12)
    time_s = np.arange(len(decay)) / SAMPLE_RATE_HZ
    wave = np.sin(2 * np.pi * draw.uniform(120, 300) * time_s) + 0.5 * draw.standard_normal(len(decay))
    return np.asarray(wave * decay, np.float32)


def _chirp(draw: Rng) -> Sound:
    size = round(draw.uniform(0.05, 0.2) * SAMPLE_RATE_HZ)
    hertz = np.linspace(*draw.uniform(2_000, 5_000, 2), size)
    wave = np.sin(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE_HZ)
    return np.asarray(wave * np.hanning(size), np.float32)


def _chord_hit(hertz: float) -> Sound:
    decay = _decay(0.3)
    return np.asarray(4 * np.sin(2 * np.pi * hertz * np.arange(len(decay)) / SAMPLE_RATE_HZ) * decay, np.float32)


def _chords(
    samples: int, draw: Rng, *, overtones: tuple[float, ...], vibrato: float, chord_s: Seconds, notes: int = 3
) -> Sound:
    """Make chords of a scale, each with its attack and release."""
    scale = np.array([0, 2, 4, 5, 7, 9, 11])
    size = round(chord_s * SAMPLE_RATE_HZ)
    time_s = np.arange(size) / SAMPLE_RATE_HZ
    bend = 1 + vibrato * np.sin(2 * np.pi * 5.5 * time_s)
    edges = np.minimum(1.0, np.minimum(time_s, chord_s - time_s) / (chord_s / 10))
    parts = []
    for _ in range(samples // size + 1):
        root = int(draw.integers(0, 7))
        degrees = [root + 2 * note for note in range(notes)]
        hertz = [220.0 * 2 ** (degree // 7 + scale[degree % 7] / 12) for degree in degrees]
        phases = [2 * np.pi * np.cumsum(one * bend) / SAMPLE_RATE_HZ for one in hertz]
        waves = [gain * np.sin(n * phase) for phase in phases for n, gain in enumerate(overtones, 1)]
        parts.append(np.asarray(sum(waves) * edges, np.float32))
    return np.concatenate(parts)[:samples]


_WHITE, _PINK, _BROWN = (partial(noise, slope=slope) for slope in (0.0, 0.5, 1.0))
_HUM = partial(tones, hertz=(50.0, 100.0, 150.0, 200.0, 250.0))
_RING = partial(tones, hertz=(425.0,), on_s=1.0, off_s=4.0)
_BUSY = partial(tones, hertz=(425.0,), on_s=0.4, off_s=0.4)
_FAN = partial(noise, slope=0.7, low_hz=60.0, high_hz=1_500.0)
_BREATH = partial(waving, slope=0.3, period_s=3.5, low_hz=300.0, high_hz=4_000.0)
_WIND = partial(waving, slope=1.0, period_s=2.5, low_hz=30.0, high_hz=1_200.0)
_WAVES = partial(waving, slope=0.5, period_s=7.0, low_hz=60.0, high_hz=6_000.0)
_ALARM = partial(tones, hertz=(2_000.0, 4_000.0), on_s=0.1, off_s=0.4)
_MAINS_60 = partial(tones, hertz=(60.0, 180.0, 300.0, 420.0))

WITHOUT_SPEECH = (
    Phantom("digital silence", "silence", silence),
    Phantom("DC offset", "silence", constant, -30.0),
    *(Phantom(f"white noise {db} dB", "noise", _WHITE, db) for db in (-15.0, -26.0, -45.0, -65.0)),
    *(Phantom(f"pink noise {db} dB", "noise", _PINK, db) for db in (-15.0, -26.0, -45.0, -65.0)),
    *(Phantom(f"brown noise {db} dB", "noise", _BROWN, db) for db in (-15.0, -26.0, -45.0, -65.0)),
    Phantom("pink noise on a telephone", "noise", partial(over_telephone, make=_PINK)),
    Phantom("mains hum 50 Hz", "hum", _HUM),
    Phantom("mains hum 50 Hz, quiet", "hum", _HUM, -50.0),
    Phantom("mains hum 60 Hz", "hum", _MAINS_60),
    Phantom("mains hum on a telephone", "hum", partial(over_telephone, make=_MAINS_60)),
    Phantom("plucked music", "music", music),
    Phantom("plucked music, loud", "music", music, -14.0),
    Phantom("organ", "music", organ),
    Phantom("strings", "music", strings),
    Phantom("flute", "music", flute),
    Phantom("drums", "music", drums),
    Phantom("whistling", "music", whistle),
    Phantom("music on a telephone", "music", partial(over_telephone, make=music)),
    Phantom("strings on a telephone", "music", partial(over_telephone, make=strings)),
    Phantom("ring tone", "signal", _RING),
    Phantom("busy tone", "signal", _BUSY),
    Phantom("dialling", "signal", dtmf),
    Phantom("modem", "signal", modem),
    Phantom("alarm clock", "signal", _ALARM),
    Phantom("siren", "signal", siren),
    Phantom("keyboard", "clicks", keyboard),
    Phantom("knocks", "clicks", knocks),
    Phantom("applause", "clicks", applause),
    Phantom("birds", "clicks", birds),
    Phantom("breath", "air", _BREATH),
    Phantom("breath, quiet", "air", _BREATH, -48.0),
    Phantom("wind", "air", _WIND, -15.0),
    Phantom("waves", "air", _WAVES),
    Phantom("fan", "machine", _FAN),
    Phantom("engine", "machine", engine),
    Phantom("train", "machine", train),
)
"""Recordings in which nobody speaks."""

LIKE_SPEECH = (
    Phantom("noise as loud as a voice", "like speech", shaped_noise),
    Phantom("sung vowel", "like speech", sung_vowel),
    Phantom("one voice backwards", "like speech", partial(reversed_speech, voices=1)),
    Phantom("four voices backwards", "like speech", partial(reversed_speech, voices=4)),
    Phantom("twelve voices backwards", "like speech", partial(reversed_speech, voices=12)),
)
"""Recordings without a word, but voices are in them, backwards; text of them is wrong, and no failure of a detector."""

_TAILS: tuple[tuple[str, Callable[[int, Rng], Sound], float], ...] = (
    ("silence", silence, 0.0),
    ("quiet room", _PINK, -70.0),
    ("white noise", _WHITE, -35.0),
    ("brown noise", _BROWN, -26.0),
    ("hum", _HUM, -30.0),
    ("music", music, -26.0),
    ("strings", strings, -26.0),
    ("ring tone", _RING, -26.0),
    ("breath", _BREATH, -40.0),
    ("fan", _FAN, -30.0),
)
_SPOKEN = ("ru_18894140", "vm-msgforwarded", "rhvoice-anna-1", "ru_18965550", "privacy-incorrect")

WITH_SPEECH = (
    *(
        Phantom(f"{name} after speech", "after speech", make, level_db, _SPOKEN[place % len(_SPOKEN)])
        for place, (name, make, level_db) in enumerate(_TAILS)
    ),
    *(
        Phantom(f"{name} before speech", "before speech", make, level_db, _SPOKEN[(place + 2) % len(_SPOKEN)])
        for place, (name, make, level_db) in enumerate(_TAILS[4:])
    ),
)
"""Speech followed or preceded by something else, where models put farewells and credits."""


@dataclass(frozen=True)
class PhantomText:
    """Text of a model where nobody speaks, with its scores."""

    name: str
    """The recording, or why the text is known."""
    kind: str
    text: str
    start: Seconds
    end: Seconds
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float

    def __str__(self) -> str:
        """The recording, the scores and the beginning of the text."""
        return f"{self.name} ({self.avg_logprob:.2f}, {self.no_speech_prob:.2f}): {self.text[:60]}"


def phantom_texts() -> list[PhantomText]:
    """Read what Whisper base makes of the recordings, window by window and without a detector.

    Beam 5 at temperature 0, one sample at 0.6 and at 1; see README.md.
    """
    lines = (repetitions.FOLDER / "phantom_texts.jsonl").read_text(encoding="utf-8").splitlines()
    return [PhantomText(**json.loads(line)) for line in lines]


KNOWN = (
    "Субтитры сделал DimaTorzok",
    "Субтитры создавал DimaTorzok",
    "Субтитры подогнал «Симон»",
    "Редактор субтитров А.Семкин Корректор А.Егорова",
    "Редактор субтитров А.Синецкая Корректор А.Егорова",
    "Субтитры: студия «Кубик в кубе»",
    "Продолжение следует...",
    "Спасибо за просмотр!",
    "Подписывайтесь на канал!",
    "Спасибо за субтитры Алексею Дубровскому!",
    "Ставьте лайки и подписывайтесь на канал.",
    "До новых встреч!",
    "Thanks for watching!",
    "Thank you for watching. Please subscribe.",
    "Subtitles by the Amara.org community",
    "Transcribed by https://otter.ai",
    "ТРЕВОЖНАЯ МУЗЫКА",
    "СПОКОЙНАЯ МУЗЫКА",
    "ДИНАМИЧНАЯ МУЗЫКА",
    "ПОЁТ НА ИНОСТРАННОМ ЯЗЫКЕ",
    "ТЕЛЕФОННЫЙ ЗВОНОК",
    "АПЛОДИСМЕНТЫ",
    "И и и и и и и и и и и и и и и и и и и и и и и и и и и и и и и",
    "О, о, о, о, о, о, о, о, о, о, о, о, о, о, о, о, о, о, о, о, о, о, о, о, о, о, о, о",
    "Да, да, да, да, да, да, да, да, да, да, да, да, да, да, да, да, да, да, да, да, да, да, да, да, да, да, да, да",
    "Я не знаю, что я не знаю, что я не знаю, что я не знаю, что я не знаю, что я не знаю, что я не знаю, что я",
)
"""Texts that models of this family are known for, where nobody speaks or less than half a second of something is there."""
