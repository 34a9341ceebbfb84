"""Recordings of real people: a folder with `index.jsonl` and, of meetings, `ami/ami.rttm`.

`bench/voices` is the project's own folder; any other one of this layout is read by its path. A line of the index has
path, text, language, speaker, seconds, kind, licence and source.
"""

from __future__ import annotations

import functools
import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.real_scores import normalise
from bench.recordings import TimedWord
from whisperx_worker import SAMPLE_RATE_HZ, Seconds, Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.recordings import Sound

OWN_FOLDER = Path(__file__).parent / "voices"
FRAME_S: Seconds = 0.02
SPEECH_RANGE_DB = 30.0
"""Active frames are at most so far below the loudest tenth of a clip."""
ROOM_RANGE_DB = 6.0
"""Frames of speech are so far above the quietest frames of a clip."""


@dataclass(frozen=True)
class Clip:
    """A recording of one person."""

    path: Path
    text: str | None
    """Transcript, None where it is not known."""
    language: str
    speaker: str
    licence: str
    kind: str
    source: str

    @cached_property
    def sound(self) -> Sound:
        """Decoded sound, shape (n,), mono at 16,000 Hz."""
        return read_sound(self.path)

    @property
    def duration_s(self) -> Seconds:
        """Length in seconds."""
        return len(self.sound) / SAMPLE_RATE_HZ

    @cached_property
    def words(self) -> tuple[TimedWord, ...]:
        """Spoken words, spread by letters over the frames of speech; one without a text."""
        frames = np.flatnonzero(speech_frames(self.sound))
        texts = normalise(self.text or "", self.language) or [""]
        letters = np.cumsum([0, *(len(text) or 1 for text in texts)])
        edges = np.round(letters * (len(frames) / letters[-1])).astype(int)
        return tuple(
            TimedWord(
                text, float(frames[first] * FRAME_S), float((frames[max(first, after - 1)] + 1) * FRAME_S), exact=False
            )
            for text, first, after in zip(texts, edges, edges[1:], strict=False)
        )

    @property
    def speech(self) -> Span:
        """Interval from the first to the last frame of speech."""
        return Span(self.words[0].start, self.words[-1].end)

    @property
    def is_prompt(self) -> bool:
        """Whether it is a telephone prompt."""
        return "prompt" in self.kind


@dataclass(frozen=True)
class Meeting:
    """A stretch of a meeting, with its turns but without words."""

    path: Path
    turns: tuple[tuple[Span, str], ...]
    """Intervals and labels of speakers, in time order; they may overlap."""

    @cached_property
    def sound(self) -> Sound:
        """Decoded sound, shape (n,), mono at 16,000 Hz."""
        return read_sound(self.path)


@dataclass(frozen=True, eq=False)
class Voices:
    """All recordings of a folder."""

    clips: tuple[Clip, ...]
    meetings: tuple[Meeting, ...] = ()

    @cached_property
    def russian(self) -> tuple[Clip, ...]:
        """Read Russian sentences, without prompts."""
        return tuple(clip for clip in self.clips if clip.language == "ru" and clip.text and not clip.is_prompt)

    @cached_property
    def prompts(self) -> tuple[Clip, ...]:
        """Telephone prompts."""
        return tuple(clip for clip in self.clips if clip.is_prompt)

    @cached_property
    def untranscribed(self) -> tuple[Clip, ...]:
        """Speech without a transcript."""
        return tuple(clip for clip in self.clips if clip.text is None)

    def in_language(self, language: str) -> tuple[Clip, ...]:
        """Return the transcribed clips in a language."""
        return tuple(clip for clip in self.clips if clip.language == language and clip.text)


def read_voices(folder: Path = OWN_FOLDER) -> Voices:
    """Read the index of a folder.

    Args:
        folder: Folder with `index.jsonl`.

    Raises:
        FileNotFoundError: The folder has no index.
        ValueError: A line lacks a field, or names a file that is not there.
    """
    index = folder / "index.jsonl"
    if not index.is_file():
        raise FileNotFoundError(f"{folder} is no folder of voices: it has no index.jsonl")
    lines = index.read_text(encoding="utf-8").splitlines()
    clips = tuple(read_clip(folder, line, number) for number, line in enumerate(lines, 1))
    return Voices(clips, read_meetings(folder / "ami"))


def read_clip(folder: Path, line: str, number: int) -> Clip:
    """Read a line of the index."""
    entry = json.loads(line)
    try:
        clip = Clip(
            folder / entry["path"],
            entry["text"],
            entry["language"],
            entry["speaker"],
            entry["licence"],
            entry["kind"],
            entry["source"],
        )
    except KeyError as error:
        raise ValueError(f"line {number} of {folder / 'index.jsonl'} has no field {error}") from None
    if not clip.path.is_file():
        raise ValueError(f"line {number} of {folder / 'index.jsonl'} names {entry['path']}, which is not there")
    return clip


def read_meetings(folder: Path) -> tuple[Meeting, ...]:
    """Read the meetings of a folder that has an RTTM file; none where it has no such file."""
    reference = folder / "ami.rttm"
    if not reference.is_file():
        return ()
    turns: dict[str, list[tuple[Span, str]]] = defaultdict(list)
    for line in reference.read_text(encoding="utf-8").splitlines():
        _, name, _, start, duration, _, _, speaker, *_ = line.split()
        turns[name].append((Span(float(start), float(start) + float(duration)), speaker))
    paths = {name: folder / f"{name}.flac" for name in sorted(turns)}
    return tuple(
        Meeting(path, tuple(sorted(turns[name], key=start_of))) for name, path in paths.items() if path.is_file()
    )


def start_of(turn: tuple[Span, str]) -> Seconds:
    """Return a turn's start."""
    return turn[0].start


@functools.lru_cache(maxsize=512)
def read_sound(path: Path) -> Sound:
    """Decode a file to mono at 16,000 Hz."""
    import soundfile
    import soxr

    sound, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    return np.asarray(soxr.resample(sound.mean(axis=1), rate_hz, SAMPLE_RATE_HZ), np.float32)


def active_frames(sound: Sound) -> NDArray[np.bool_]:
    """Find the frames of speech in a clean clip, by energy.

    Args:
        sound: Shape (n,), at least one frame long.

    Returns:
        Shape (n // 320,): whether each frame of 20 ms is near enough to the loudest tenth.
    """
    power = frame_power(sound)
    return np.asarray(power >= np.quantile(power, 0.9) * 10 ** (-SPEECH_RANGE_DB / 10))


def speech_frames(sound: Sound) -> NDArray[np.bool_]:
    """Find the frames that are active and louder than the room; argument and result as of `active_frames`."""
    power = frame_power(sound)
    room = np.quantile(power, 0.03) * 10 ** (ROOM_RANGE_DB / 10)
    loud = np.quantile(power, 0.9)
    return np.asarray(active_frames(sound) & (power >= min(room, loud / 10)))


def frame_power(sound: Sound) -> NDArray[np.float64]:
    """Compute the mean square of each frame."""
    size = round(FRAME_S * SAMPLE_RATE_HZ)
    frames = sound[: len(sound) // size * size].reshape(-1, size).astype(np.float64)
    return np.asarray(np.mean(np.square(frames), axis=1))


def speech_level(sound: Sound) -> float:
    """Compute the root mean square of the active frames."""
    return float(np.sqrt(np.mean(frame_power(sound)[active_frames(sound)])))
