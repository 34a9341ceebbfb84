"""Archive of short recordings of one to three people each, made of real clips."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.real_voices import speech_level
from bench.recordings import LEVEL, Piece, in_room, join, noisy, over_telephone, stillness
from whisperx_worker import SAMPLE_RATE_HZ, Seconds, Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bench.real_voices import Clip
    from bench.recordings import Rng, Sound

PEOPLE = 16
RECORDINGS = 200
MAX_PEOPLE_OF_RECORDING = 3
MIN_CLIPS, MAX_CLIPS = 2, 3
"""Clips of each person in a recording."""
GAINS_DB = (-12.0, 6.0)
NOISES_DB = (15.0, 25.0)
PAUSE_S: Seconds = 0.4
CONDITIONS = ("clean", "clean", "telephone", "noise")


@dataclass(frozen=True, eq=False)
class ArchiveRecording:
    """One recording with the truth of its turns."""

    name: str
    condition: str
    sound: Sound
    turns: tuple[tuple[Span, str], ...]
    """Intervals and people, in time order, without overlap."""

    def sound_of(self, person: str) -> NDArray[np.float32]:
        """Return a person's speech, joined, shape (n,)."""
        edges = [(round(span.start * SAMPLE_RATE_HZ), round(span.end * SAMPLE_RATE_HZ)) for span in self.spans(person)]
        return np.concatenate([self.sound[start:end] for start, end in edges])

    def spans(self, person: str) -> list[Span]:
        """Return the turns of a person."""
        return [span for span, speaker in self.turns if speaker == person]

    @property
    def people(self) -> tuple[str, ...]:
        """People in the order in which they first speak."""
        return tuple(dict.fromkeys(person for _, person in self.turns))


def people_of(clips: Sequence[Clip], count: int = PEOPLE) -> dict[str, list[Clip]]:
    """Return the people with the most clips and their clips, at least two each."""
    found: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        found[clip.speaker].append(clip)
    talkative = sorted(found, key=lambda person: (-len(found[person]), person))
    return {person: found[person] for person in talkative[:count] if len(found[person]) > 1}


def compose_archive(people: dict[str, list[Clip]], count: int = RECORDINGS, seed: int = 17) -> list[ArchiveRecording]:
    """Make recordings of one to three people each, in a random condition; the same for the same seed."""
    draw = np.random.default_rng(seed)
    return [_compose(f"recording {number:03d}", people, draw) for number in range(1, count + 1)]


def _compose(name: str, people: dict[str, list[Clip]], draw: Rng) -> ArchiveRecording:
    present = draw.choice(sorted(people), draw.integers(1, MAX_PEOPLE_OF_RECORDING + 1), replace=False)
    clips = [
        clip
        for person in present
        for clip in draw.choice(np.asarray(people[person], object), _clip_count(people[person], draw), replace=False)
    ]
    draw.shuffle(clips)
    parts, turns, at_s = [stillness(PAUSE_S)], [], PAUSE_S
    for clip in clips:
        parts += [Piece(clip.sound * np.float32(LEVEL / speech_level(clip.sound))), stillness(PAUSE_S)]
        turns.append((Span(at_s, at_s + clip.duration_s), clip.speaker))
        at_s += clip.duration_s + PAUSE_S
    piece = in_room(join(parts), draw)
    condition = str(draw.choice(CONDITIONS))
    sound = piece.sound
    if condition == "telephone":
        sound = over_telephone(piece, draw)
    elif condition == "noise":
        sound = noisy(piece, draw, snr_db=float(draw.uniform(*NOISES_DB)))
    gain = 10 ** (draw.uniform(*GAINS_DB) / 20)
    return ArchiveRecording(name, condition, np.clip(sound * gain, -1, 1).astype(np.float32), tuple(turns))


def _clip_count(clips: Sequence[Clip], draw: Rng) -> int:
    return min(len(clips), int(draw.integers(MIN_CLIPS, MAX_CLIPS + 1)))
