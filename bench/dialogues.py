"""Dialogues of real voices with known speakers: alternate clips, short replies, overlaps.

Short replies are one or two words, cut out of clips by the times of their words. Random numbers have fixed seeds, and
people are in one of two halves by their label: rules are made on `DESIGN`, figures are of `REPORT`.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from bench.real_voices import Clip, speech_level
from bench.recordings import LEVEL
from bench.word_times import align_clips
from tools.lock import ROOT
from tools.real_models import WHISPER
from whisperx_worker import SAMPLE_RATE_HZ, Seconds, Segment, Span, SpeakerTurn, Transcript, Word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bench.real_voices import Voices
    from bench.recordings import Rng, Sound, TimedWord

KEPT = ROOT / "build" / "speaker-labels"
DESIGN, REPORT = "design", "report"
TURNS = 16
PEOPLE = (2, 4)
MAX_SEGMENT_S: Seconds = 20.0
SEGMENT_PAUSE_S: Seconds = 1.0
CUT_MARGIN_S: Seconds = 0.04
FADE_S: Seconds = 0.01


@dataclass(frozen=True, eq=False)
class Line:
    """Speech of one person with its written words."""

    speaker: str
    language: str
    sound: Sound
    words: tuple[Word, ...]
    """In time order, all with times from the start of the sound."""

    @property
    def span(self) -> Span:
        """Interval from the first to the last word."""
        return Span(self.words[0].start or 0.0, self.words[-1].end or 0.0)


@dataclass(frozen=True, eq=False)
class Dialogue:
    """Recording of several people."""

    name: str
    language: str
    sound: Sound
    words: tuple[Word, ...]
    """In time order, each with its true speaker and the times of its clip."""
    turns: tuple[SpeakerTurn, ...]
    """True turns in time order; they may overlap."""


@dataclass(frozen=True)
class Style:
    """Kind of dialogue."""

    name: str
    replies: float
    """Share of turns that are one or two words."""
    overlapping: float
    """Share of turns that begin before the previous one ends."""
    pauses_s: tuple[Seconds, Seconds]
    """Shortest and longest pause; short ones are more frequent."""


STYLES = (
    Style("sentences", 0.0, 0.0, (0.15, 2.0)),
    Style("short replies", 0.45, 0.0, (0.15, 2.0)),
    Style("without pauses", 0.45, 0.0, (0.02, 0.15)),
    Style("overlaps", 0.3, 0.4, (0.15, 1.0)),
)


def half_of(speaker: str) -> str:
    """Return the half that a person is in."""
    return (DESIGN, REPORT)[hashlib.sha256(speaker.encode()).digest()[0] % 2]


# --- lines


def russian_lines(voices: Voices) -> list[Line]:
    """Return the read Russian sentences with the times of their words."""
    return _lines_of(voices.russian)


def foreign_lines(voices: Voices, language: str) -> list[Line]:
    """Return the read sentences of a language with the times of their words."""
    return _lines_of(voices.in_language(language))


def english_lines(voices: Voices) -> list[Line]:
    """Return speech without a transcript, with the words of Whisper base."""
    path = KEPT / "english.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    clips = {hashlib.sha256(clip.sound.tobytes()).hexdigest(): clip for clip in voices.untranscribed}
    if missing := [key for key in clips if key not in kept]:
        from faster_whisper import WhisperModel

        model = WhisperModel(str(WHISPER), device="cpu", compute_type="int8", cpu_threads=1)
        for key in missing:
            found, _ = model.transcribe(clips[key].sound, language="en", word_timestamps=True)
            kept[key] = [(word.word.strip(), word.start, word.end) for part in found for word in part.words or ()]
        KEPT.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(kept), encoding="utf-8")
    lines = [(clip, tuple(Word(*word) for word in kept[key])) for key, clip in clips.items()]
    return [_line(clip, words) for clip, words in lines if words]


def _lines_of(clips: Iterable[Clip]) -> list[Line]:
    clips = list(clips)
    times = align_clips(clips)
    return [_line(clip, written_words(clip.text or "", times[clip.speaker, clip.text])) for clip in clips]


def _line(clip: Clip, words: tuple[Word, ...]) -> Line:
    return Line(clip.speaker, clip.language, clip.sound * np.float32(LEVEL / speech_level(clip.sound)), words)


def written_words(text: str, spoken: Sequence[TimedWord]) -> tuple[Word, ...]:
    """Give the words of a text the times of spoken ones.

    Args:
        text: Text with punctuation.
        spoken: Words or parts of them without punctuation; some may be missing.
    """
    letters = [(letter, word) for word in spoken for letter in word.text.casefold() if letter.isalnum()]
    words: list[Word] = []
    place = 0
    for token in text.split():
        own = []
        for letter in filter(str.isalnum, token.casefold()):
            after = next((at for at in range(place, min(place + 4, len(letters))) if letters[at][0] == letter), None)
            if after is not None:
                own.append(letters[after][1])
                place = after + 1
        if own:
            words.append(Word(token, own[0].start, own[-1].end))
        elif words:
            words[-1] = replace(words[-1], word=f"{words[-1].word} {token}" if token.isalnum() else words[-1].word)
    return tuple(words)


def short_reply(line: Line, draw: Rng) -> Line | None:
    """Cut one or two words out of a line, or return None."""
    count = int(draw.integers(1, 3))
    if len(line.words) <= count:
        return None
    at = int(draw.integers(len(line.words) - count + 1))
    words = line.words[at : at + count]
    before = line.words[at - 1].end if at else 0.0
    after = line.words[at + count].start if at + count < len(line.words) else len(line.sound) / SAMPLE_RATE_HZ
    start = max(_middle(before, words[0].start), (words[0].start or 0.0) - CUT_MARGIN_S)
    end = min(_middle(words[-1].end, after), (words[-1].end or 0.0) + CUT_MARGIN_S)
    sound = line.sound[round(start * SAMPLE_RATE_HZ) : round(end * SAMPLE_RATE_HZ)].copy()
    fade = min(round(FADE_S * SAMPLE_RATE_HZ), len(sound) // 2)
    if not fade:
        return None
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    sound[:fade] *= ramp
    sound[-fade:] *= ramp[::-1]
    bare = [word.word.strip(".,!?;:«»\"'…-–—()") for word in words]
    if not all(bare):
        return None
    written = [bare[0][:1].upper() + bare[0][1:], *bare[1:]]
    written[-1] += str(draw.choice([".", ".", "?", "!"]))
    moved = [
        Word(text, (word.start or 0.0) - start, (word.end or 0.0) - start)
        for text, word in zip(written, words, strict=True)
    ]
    return Line(line.speaker, line.language, sound, tuple(moved))


def _middle(one: Seconds | None, other: Seconds | None) -> Seconds:
    return ((one or 0.0) + (other or 0.0)) / 2


# --- composition


def make_dialogues(lines: Sequence[Line], style: Style, half: str, count: int) -> Iterator[Dialogue]:
    """Yield dialogues of people of one half."""
    own = [line for line in lines if half_of(line.speaker) == half]
    people = sorted({line.speaker for line in own})
    for number in range(count):
        draw = np.random.default_rng([number, *f"{style.name}{half}".encode()])
        size = min(len(people), int(draw.integers(PEOPLE[0], PEOPLE[1] + 1)))
        speaking = draw.choice(people, size, replace=False).tolist()
        yield compose(f"{style.name} {half} {number}", _spoken(own, speaking, style, draw), style, draw)


def _spoken(lines: Sequence[Line], speaking: Sequence[str], style: Style, draw: Rng) -> list[Line]:
    """Draw the lines of a dialogue, with a change of speaker at each."""
    spoken: list[Line] = []
    while len(spoken) < TURNS:
        others = [one for one in speaking if not spoken or one != spoken[-1].speaker]
        speaker = others[int(draw.integers(len(others)))]
        own = [line for line in lines if line.speaker == speaker]
        line: Line | None = own[int(draw.integers(len(own)))]
        if line and draw.random() < style.replies:
            line = short_reply(line, draw)
        if line:
            spoken.append(line)
    return spoken


def compose(name: str, lines: Sequence[Line], style: Style, draw: Rng) -> Dialogue:
    """Lay lines one after the other, with pauses or overlaps."""
    placed: list[tuple[int, Line]] = []
    end = 0.2
    for number, line in enumerate(lines):
        if number and draw.random() < style.overlapping:
            pause_s = -float(draw.uniform(0.2, min(0.8, 0.5 * placed[-1][1].span.duration_s + 0.2)))
        else:
            pause_s = float(math.exp(draw.uniform(*np.log(style.pauses_s))))
        start = max(0.0, end + pause_s - line.span.start)
        placed.append((round(start * SAMPLE_RATE_HZ), line))
        end = max(end, start + line.span.end)
    sound = np.zeros(max(at + len(line.sound) for at, line in placed) + SAMPLE_RATE_HZ // 2, np.float32)
    sound += (draw.standard_normal(len(sound)) * LEVEL * 1e-3).astype(np.float32)
    words, turns = [], []
    for at, line in placed:
        sound[at : at + len(line.sound)] += line.sound
        offset = at / SAMPLE_RATE_HZ
        words += [
            Word(word.word, offset + (word.start or 0.0), offset + (word.end or 0.0), speaker=line.speaker)
            for word in line.words
        ]
        turns.append(SpeakerTurn(offset + line.span.start, offset + line.span.end, line.speaker))
    return Dialogue(
        name, lines[0].language, sound, tuple(sorted(words, key=attrgetter("start"))),
        tuple(sorted(turns, key=attrgetter("start"))),
    )  # fmt: skip


def transcript_of(dialogue: Dialogue, *, punctuated: bool) -> Transcript:
    """Return the true words without speakers, in segments of several people."""
    segments: list[list[Word]] = []
    for word in dialogue.words:
        text = word.word if punctuated else word.word.strip(".,!?;:«»\"'…-–—()").lower() or word.word
        last = segments[-1] if segments else None
        if (
            last
            and (word.start or 0.0) - (last[-1].end or 0.0) < SEGMENT_PAUSE_S
            and (word.end or 0.0) - (last[0].start or 0.0) < MAX_SEGMENT_S
        ):
            last.append(Word(text, word.start, word.end))
        else:
            segments.append([Word(text, word.start, word.end)])
    return Transcript(
        tuple(
            Segment(
                own[0].start or 0.0, max(word.end or 0.0 for word in own),
                " ".join(word.word for word in own), tuple(own),
            )
            for own in segments
        ),
        dialogue.language,
    )  # fmt: skip


def disturbed(turns: Sequence[SpeakerTurn], draw: Rng, *, by_s: Seconds) -> tuple[SpeakerTurn, ...]:
    """Move each edge of the turns at random; none is shorter than 0.1 s."""
    moved = []
    for turn in turns:
        start, end = (np.array([turn.start, turn.end]) + draw.uniform(-by_s, by_s, 2)).tolist()
        moved.append(SpeakerTurn(max(0.0, start), max(0.0, start, end, start + 0.1), turn.speaker))
    return tuple(sorted(moved, key=attrgetter("start")))
