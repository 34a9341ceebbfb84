"""Recordings made of real voices, as they are and under the conditions of calls; and such without speech.

A row has one sentence of each speaker, all equally loud; every distortion is one of the same row. Random numbers have
fixed seeds: the same recordings are made of the same voices every time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from bench import real_sounds as sounds
from bench.real_voices import speech_level
from bench.recordings import (
    LEVEL,
    TELEPHONE_RATE_HZ,
    Piece,
    Recording,
    TimedWord,
    in_room,
    join,
    narrowed,
    noisy,
    over_telephone,
    quantize,
    stillness,
    through_codec,
)
from whisperx_worker import SAMPLE_RATE_HZ, Seconds, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bench.real_voices import Clip, Voices
    from bench.recordings import Range, Rng, Sound

PAUSES_S = (0.15, 2.0)
LONG_PAUSES_S = (10.0, 40.0)
MAX_LONG_PAUSES = 12
MAX_ROUNDS = 8
"""Turns of one speaker in a dialogue."""
PROMPTS_OF_A_CALL = 8
RUSSIAN = "ru"
LANGUAGES = ("en", "de", "fr", "es", "pl", "cs", "tr", "ar")
"""Languages that Whisper knows and that put spaces between words."""
OTHER_LANGUAGES = ("zh-CN", "tt", "ky", "eo")
UNTRANSCRIBED = "Speech without a transcript"
WITHOUT_SPEECH = "Nothing spoken"


@dataclass(frozen=True)
class Turn:
    """Uninterrupted speech of one person in a recording."""

    text: str | None
    """Transcript, None where it is not known."""
    language: str
    speaker: str
    start: Seconds
    end: Seconds


@dataclass(frozen=True, eq=False)
class RealRecording(Recording):
    """Recording of real voices."""

    turns: tuple[Turn, ...] = ()
    """In time order; those of meetings may overlap."""
    language: str | None = RUSSIAN
    """Language that the systems are given, None where they have to find it."""
    rate_hz: int = SAMPLE_RATE_HZ
    """Sample rate of the file."""

    @property
    def speech(self) -> list[Span]:
        """Intervals of the turns."""
        return [Span(turn.start, turn.end) for turn in self.turns]

    @cached_property
    def flac_base64(self) -> str:
        """FLAC in base64 at the file's rate."""
        return sounds.to_flac_base64(self.sound, self.rate_hz)


@dataclass(frozen=True)
class RealCondition:
    """A row of a table."""

    group: str
    name: str
    make: Callable[[Voices], list[RealRecording]]
    """Maker of the recordings; none where the folder has no voices for them."""


# --- composition


def as_piece(clip: Clip) -> Piece:
    """Return a clip as loud as all others, with its words."""
    return Piece(clip.sound * np.float32(LEVEL / speech_level(clip.sound)), clip.words)


def compose(clips: Iterable[Clip], draw: Rng, pauses_s: Range = PAUSES_S) -> Piece:
    """Join clips with pauses, of which short ones are more frequent, in a quiet room."""
    parts = [stillness(0.2)]
    for clip in clips:
        parts += [as_piece(clip), stillness(float(np.exp(draw.uniform(*np.log(pauses_s)))))]
    return in_room(join(parts), draw)


def record(  # noqa: PLR0913 - the last two are of few recordings
    name: str,
    clips: Sequence[Clip],
    piece: Piece,
    sound: Sound | None = None,
    *,
    language: str | None = RUSSIAN,
    rate_hz: int = SAMPLE_RATE_HZ,
) -> RealRecording:
    """Make a recording of composed clips.

    Args:
        name: For messages.
        clips: The clips, in the order in which the piece has their words.
        piece: What `compose` made of them.
        sound: Distorted sound of the same length; by default the piece's.
        language: Language that the systems are given.
        rate_hz: Sample rate of the file.
    """
    quantized = quantize(name, piece if sound is None else replace(piece, sound=sound))
    words, turns = iter(piece.words), []
    for clip in clips:
        own = list(islice(words, len(clip.words)))
        turns.append(Turn(clip.text, clip.language, clip.speaker, own[0].start, own[-1].end))
    return RealRecording(name, quantized.sound, piece.words, tuple(turns), language, rate_hz)


def one_of_each(clips: Iterable[Clip]) -> list[Clip]:
    """Return the first clip of each speaker."""
    return list({clip.speaker: clip for clip in reversed(list(clips))}.values())[::-1]


def seeded(name: str) -> Rng:
    """Return the random numbers of a recording."""
    return np.random.default_rng(list(name.encode()))


def row(
    voices: Voices, *, name: str = "row", distort: Callable[[Piece, Rng, Voices], Sound] = lambda piece, *_: piece.sound
) -> list[RealRecording]:
    """Make one recording with a Russian sentence of every speaker."""
    clips = one_of_each(voices.russian)
    if not clips:
        return []
    piece = compose(clips, seeded("row"))
    return [record(name, clips, piece, distort(piece, seeded(name), voices))]


def single_sentences(voices: Voices) -> list[RealRecording]:
    """Make a recording of each Russian sentence."""
    return [record(clip.path.stem, [clip], as_piece(clip)) for clip in voices.russian]


def dialogues(voices: Voices) -> list[RealRecording]:
    """Make dialogues of two, three and four people by turns, each person in one of them."""
    of_speaker: dict[str, list[Clip]] = {}
    for clip in voices.russian:
        of_speaker.setdefault(clip.speaker, []).append(clip)
    talkative = sorted(of_speaker.values(), key=len, reverse=True)  # stable: by the index among equals
    made = []
    for size, first in ((2, 0), (3, 2), (4, 5)):
        people = talkative[first : first + size]
        if len(people) == size:
            turns = [own[place] for place in range(MAX_ROUNDS) for own in people if place < len(own)]
            name = f"dialogue of {size}"
            made.append(record(name, turns, compose(turns, seeded(name))))
    return made


def long_pauses(voices: Voices) -> list[RealRecording]:
    """Make one recording of sentences that long pauses separate."""
    clips = one_of_each(voices.russian)[:MAX_LONG_PAUSES]
    name = "long pauses"
    return [record(name, clips, compose(clips, seeded(name), LONG_PAUSES_S))] if clips else []


def prompts(voices: Voices) -> list[RealRecording]:
    """Make calls of telephone prompts, as files at 8 kHz."""
    calls = [voices.prompts[at : at + PROMPTS_OF_A_CALL] for at in range(0, len(voices.prompts), PROMPTS_OF_A_CALL)]
    return [
        record(name, call, compose(call, seeded(name)), rate_hz=TELEPHONE_RATE_HZ)
        for call, name in ((call, f"call {number}") for number, call in enumerate(calls, 1))
    ]


def in_languages(voices: Voices, *, languages: Sequence[str]) -> list[RealRecording]:
    """Make a recording of all sentences of each language."""
    found = {language: [c for c in voices.in_language(language) if not c.is_prompt] for language in languages}
    return [
        record(language, clips, compose(clips, seeded(language)), language=language)
        for language, clips in found.items()
        if clips
    ]


def code_switched(voices: Voices) -> list[RealRecording]:
    """Make one recording of Russian and English sentences by turns, without a given language."""
    pairs = zip(one_of_each(voices.russian), one_of_each(voices.in_language("en")), strict=False)
    clips = [clip for pair in pairs for clip in pair]
    name = "code-switched"
    return [record(name, clips, compose(clips, seeded(name)), language=None)] if clips else []


def readers(voices: Voices) -> list[RealRecording]:
    """Make a recording of each person without a transcript."""
    of_speaker: dict[str, list[Clip]] = {}
    for clip in voices.untranscribed:
        of_speaker.setdefault(clip.speaker, []).append(clip)
    return [
        record(name, clips, compose(clips, seeded(name)), language=clips[0].language)
        for name, clips in of_speaker.items()
    ]


def meetings(voices: Voices) -> list[RealRecording]:
    """Return the meetings as they are."""
    made = []
    for meeting in voices.meetings:
        words = tuple(TimedWord("", span.start, span.end, exact=False) for span, _ in meeting.turns)
        turns = tuple(Turn(None, "en", speaker, span.start, span.end) for span, speaker in meeting.turns)
        made.append(RealRecording(meeting.path.stem, meeting.sound, words, turns, "en"))
    return made


def without_speech(_voices: Voices, *, name: str, make: Callable[[Seconds, Rng], Sound]) -> list[RealRecording]:
    """Make a minute without speech."""
    sound = quantize(name, Piece(make(sounds.MINUTE_S, seeded(name)))).sound
    return [RealRecording(name, sound, ())]


# --- distortions of the row


def in_noise(piece: Piece, draw: Rng, _voices: Voices, *, snr_db: float) -> Sound:
    """Add noise of changing colour."""
    return noisy(piece, draw, snr_db=snr_db)


def in_babble(piece: Piece, draw: Rng, voices: Voices, *, snr_db: float) -> Sound:
    """Add the voices of others, who all speak at once and other languages."""
    others = [clip.sound for clip in one_of_each(voices.clips) if clip.language != RUSSIAN] or [
        clip.sound for clip in voices.russian
    ]
    babble = sounds.babble(others, len(piece.sound), draw)
    return mixed(piece, babble, snr_db)


def with_sound(
    piece: Piece, draw: Rng, _voices: Voices, *, make: Callable[[Seconds, Rng], Sound], snr_db: float
) -> Sound:
    """Add a sound of a root mean square of `LEVEL`, so many dB below speech."""
    return mixed(piece, make(len(piece.sound) / SAMPLE_RATE_HZ, draw), snr_db)


def mixed(piece: Piece, other: Sound, snr_db: float) -> Sound:
    """Add a sound of a root mean square of `LEVEL`, so many dB below speech."""
    return np.asarray(piece.sound + other * np.float32(10 ** (-snr_db / 20)), np.float32)


def by_gentle_telephone(piece: Piece, draw: Rng, _voices: Voices) -> Sound:
    """Pass the sound through a telephone line with gentle edges."""
    return over_telephone(piece, draw)


def by_telephone(piece: Piece, _draw: Rng, _voices: Voices) -> Sound:
    """Pass the sound through a telephone line of exactly 300 to 3,400 Hz."""
    return through_codec(narrowed(piece.sound, sounds.STEEP_EDGES_HZ), len(piece.sound))


def by_loud_telephone(piece: Piece, _draw: Rng, _voices: Voices) -> Sound:
    """Pass the sound through such a line so loud that 2.5 % of its samples are clipped."""
    line = narrowed(piece.sound, sounds.STEEP_EDGES_HZ)
    gain = 1.0 / np.quantile(np.abs(line), 1.0 - sounds.CLIPPED_SHARE)
    return through_codec(np.clip(gain * line, -1.0, 1.0), len(piece.sound))


def softened(piece: Piece, _draw: Rng, _voices: Voices, *, by_db: float) -> Sound:
    """Lower the level."""
    return np.asarray(piece.sound * 10 ** (-by_db / 20), np.float32)


def offset(piece: Piece, _draw: Rng, _voices: Voices) -> Sound:
    """Add a constant."""
    return np.asarray(piece.sound + sounds.OFFSET, np.float32)


def rows(group: str) -> Iterable[RealCondition]:
    """Yield the conditions of the row of all speakers."""
    distortions: dict[str, Callable[[Piece, Rng, Voices], Sound]] = {
        **{f"noise, {snr_db} dB below": partial(in_noise, snr_db=snr_db) for snr_db in (10, 5, 0)},
        **{f"babble, {snr_db} dB below": partial(in_babble, snr_db=snr_db) for snr_db in (10, 5, 0)},
        "white noise, 10 dB below": partial(with_sound, make=sounds.white, snr_db=10),
        "pink noise, 5 dB below": partial(with_sound, make=sounds.pink, snr_db=5),
        "music, 10 dB below": partial(with_sound, make=sounds.melody, snr_db=10),
        "hum, 5 dB below": partial(with_sound, make=sounds.hum, snr_db=5),
        "telephone": by_gentle_telephone,
        "telephone, nothing outside of 300–3400 Hz": by_telephone,
        "the same telephone, 2.5 % clipped": by_loud_telephone,
        "30 dB softer": partial(softened, by_db=30),
        "40 dB softer": partial(softened, by_db=40),
        "constant offset of 0.1": offset,
    }
    yield RealCondition(group, "one sentence of each speaker in a row", row)
    for name, distort in distortions.items():
        yield RealCondition(group, f"the row, {name}", partial(row, name=name, distort=distort))


CONDITIONS = (
    RealCondition("Russian", "single sentences", single_sentences),
    RealCondition("Russian", "dialogues of 2, 3 and 4 people", dialogues),
    *rows("Russian"),
    RealCondition("Russian", "sentences with pauses of 10 to 40 s", long_pauses),
    RealCondition("Russian", "telephone prompts, 8 kHz", prompts),
    RealCondition("Other languages", "Russian and English by turns", code_switched),
    RealCondition("Other languages", f"{len(LANGUAGES)} other languages", partial(in_languages, languages=LANGUAGES)),
    RealCondition(
        UNTRANSCRIBED, f"{len(OTHER_LANGUAGES)} more languages", partial(in_languages, languages=OTHER_LANGUAGES)
    ),
    RealCondition(UNTRANSCRIBED, "English readers", readers),
    RealCondition(UNTRANSCRIBED, "meetings", meetings),
    *(
        RealCondition(WITHOUT_SPEECH, name, partial(without_speech, name=name, make=make))
        for name, make in sounds.WITHOUT_SPEECH.items()
    ),
)
