"""Pieces of speech become people, and people are heard in every frame. Pure: numpy."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker_plugins.pyannote_diarization.tracks import apart
from whisperx_worker_plugins.pyannote_diarization.voices import Voices, speakers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from whisperx_worker import Seconds
    from whisperx_worker_plugins.pyannote_diarization.tracks import Linked, Piece
    from whisperx_worker_plugins.pyannote_diarization.voices import Bounds

LEAST_SHARE = 0.05
"""In a short recording, whoever speaks so much of it is a speaker."""
LONG_S: Seconds = 90.0
"""In a recording with more speech than this, a second of it counts for less."""
LONG_POWER = 0.75
"""How much less: twice the speech counts 2 ** (1 - `LONG_POWER`) times as much. Chance finds more groups that are like
nobody, and more windows that hear one person as two, the longer the recording is."""
MOST_TAKEN = 0.3
"""Whoever speaks during more of a track than this is not the one who speaks in it."""


def worth_embedding(pieces: Sequence[Piece], enough: int, least: int) -> list[int]:
    """Which pieces tell a voice.

    Args:
        pieces: All pieces.
        enough: Frames; every piece that is as long.
        least: Frames; of a track without such a piece, its longest one, if it is as long as this.
    """
    longest: dict[int, int] = {}
    for number, piece in enumerate(pieces):
        if piece.track not in longest or piece.frames > pieces[longest[piece.track]].frames:
            longest[piece.track] = number
    return [
        number
        for number, piece in enumerate(pieces)
        if piece.frames >= enough or (longest[piece.track] == number and piece.frames >= least)
    ]


def speaker_of_each(
    pieces: Sequence[Piece], embeddings: NDArray[np.float32], linked: Linked, bounds: Bounds, frame_s: Seconds
) -> NDArray[np.intp]:
    """Who speaks each piece.

    Args:
        pieces: In any order.
        embeddings: Shape (pieces, d); NaN for pieces that were too short to embed: they are spoken by whoever speaks
            nearest to them in their track.
        linked: What the pieces were cut from.
        bounds: How many speakers there may be.
        frame_s: From one frame to the next.

    Returns:
        Shape (pieces,): numbers of speakers, from 0 without a gap.
    """
    heard = np.flatnonzero(np.isfinite(embeddings).all(axis=1)).tolist()
    if not heard:
        return np.zeros(len(pieces), np.intp)
    told = [pieces[number] for number in heard]
    seconds = np.array([piece.frames * frame_s for piece in told])
    speech_s = float(seconds.sum())
    counts = min(1.0, (LONG_S / speech_s) ** LONG_POWER)
    voices = Voices(
        embeddings[heard] / np.linalg.norm(embeddings[heard], axis=1, keepdims=True),
        counts * seconds,
        np.array([piece.track for piece in told]),
        apart(linked, told),
    )
    bounds = replace(bounds, least_s=counts * min(bounds.least_s, LEAST_SHARE * speech_s))
    found = np.full(len(pieces), -1)
    found[heard] = speakers(voices, bounds)
    of_track: dict[int, list[int]] = defaultdict(list)
    for number in heard:
        of_track[pieces[number].track].append(number)
    for number in np.flatnonzero(found < 0).tolist():
        same = of_track[pieces[number].track] or heard
        found[number] = found[_nearest(pieces, same, pieces[number].start, pieces[number].end)]
    return found


def activity(linked: Linked, pieces: Sequence[Piece], speaker: NDArray[np.intp]) -> NDArray[np.float32]:
    """How surely each speaker speaks.

    A track is its piece's speaker's from half-way to the piece before to half-way to the next one; a track without a
    piece, which nobody says alone, is spoken by whoever speaks nearest to it and not at the same time.

    Args:
        linked: The tracks.
        pieces: What was cut from them; at least one.
        speaker: Shape (pieces,): who speaks each.

    Returns:
        Shape (frames, speakers), 0..1.
    """
    windows = linked.windows
    coverage = windows.coverage()
    heard = np.zeros((windows.frames, int(speaker.max()) + 1), np.float32)
    of_track: dict[int, list[int]] = defaultdict(list)
    for number in sorted(range(len(pieces)), key=lambda number: pieces[number].start):
        of_track[pieces[number].track].append(number)
    for number in sorted(range(len(linked.tracks)), key=lambda number: not of_track[number]):
        first = linked.tracks[number].window * windows.hop
        scores = linked.tracks[number].spread(windows.scores, windows.hop)
        part = heard[first:][: len(scores)]
        scores /= coverage[first:][: len(scores)]
        mine = of_track[number] or [_nearest_free(pieces, speaker, part, scores, first)]
        between = [(pieces[before].end + pieces[after].start) // 2 - first for before, after in pairwise(mine)]
        edges = pairwise([0, *between, len(scores)])
        for piece, (start, end) in zip(mine, edges, strict=True):
            part[start:end, speaker[piece]] += scores[start:end]
    return np.minimum(heard, 1.0, out=heard)


def _nearest_free(
    pieces: Sequence[Piece],
    speaker: NDArray[np.intp],
    part: NDArray[np.float32],
    scores: NDArray[np.float32],
    first: int,
) -> int:
    """The piece nearest to a track's loudest frame whose speaker is silent in the track, or else any.

    Args:
        pieces: All pieces.
        speaker: Shape (pieces,): who speaks each.
        part: Shape (frames of the track, speakers): what is heard there already.
        scores: Shape (frames of the track,): how surely the track speaks.
        first: The track's first frame in the recording.
    """
    taken = np.minimum(part, scores[:, None]).sum(axis=0) > MOST_TAKEN * scores.sum()
    peak = first + int(scores.argmax())
    return min(
        range(len(pieces)),
        key=lambda number: (taken[speaker[number]], max(pieces[number].start - peak, peak - pieces[number].end)),
    )


def mean_embeddings(
    pieces: Sequence[Piece], embeddings: NDArray[np.float32], speaker: NDArray[np.intp]
) -> NDArray[np.float32]:
    """One embedding per speaker, each of their pieces counting as much as it is long.

    Args:
        pieces: What is spoken alone.
        embeddings: Shape (pieces, d); NaN for pieces that are too short.
        speaker: Shape (pieces,): who speaks each.

    Returns:
        Shape (speakers, d), of length 1; NaN where no piece of a speaker is long enough.
    """
    means = np.full((int(speaker.max()) + 1, embeddings.shape[1]), np.nan, np.float32)
    heard = np.isfinite(embeddings).all(axis=1)
    length = np.array([piece.frames for piece in pieces])
    for number in set(speaker[heard].tolist()):
        mine = heard & (speaker == number)
        unit = embeddings[mine] / np.linalg.norm(embeddings[mine], axis=1, keepdims=True)
        total = (unit * length[mine, None]).sum(axis=0)
        means[number] = total / np.linalg.norm(total)
    return means


def _nearest(pieces: Sequence[Piece], among: Sequence[int], start: int, end: int) -> int:
    return min(among, key=lambda number: max(pieces[number].start - end, start - pieces[number].end))
