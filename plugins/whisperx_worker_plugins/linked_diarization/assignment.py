"""Speakers assigned to pieces, tracks and frames. Pure: numpy."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker_plugins.linked_diarization.clustering import EmbeddedPieces, cluster
from whisperx_worker_plugins.linked_diarization.local_tracks import cannot_link

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from whisperx_worker import Seconds
    from whisperx_worker_plugins.linked_diarization.clustering import SpeakerBounds
    from whisperx_worker_plugins.linked_diarization.local_tracks import LinkedTracks, Piece

MIN_SPEAKER_SHARE = 0.05
"""Share of the speech of a short recording that makes a speaker."""
DISCOUNT_FROM_S: Seconds = 90.0
"""Speech of a recording above which a second of it counts for less."""
DISCOUNT_POWER = 0.75
"""Strength of the discount.

Twice the speech counts 2 ** (1 - `DISCOUNT_POWER`) times as much. The longer a recording, the more groups resemble no
other by chance, and the more windows split one person into two.
"""
MAX_OVERLAP_SHARE = 0.3
"""Share of a track up to which a speaker may be active in it beforehand."""


def select_for_embedding(pieces: Sequence[Piece], min_frames: int, min_only_frames: int) -> list[int]:
    """Return the indices of the pieces that are long enough to embed.

    Args:
        pieces: All pieces.
        min_frames: Every piece of this length is selected.
        min_only_frames: The longest piece of a track without such a piece is selected from this length on.
    """
    longest: dict[int, int] = {}
    for number, piece in enumerate(pieces):
        if piece.track not in longest or piece.frames > pieces[longest[piece.track]].frames:
            longest[piece.track] = number
    return [
        number
        for number, piece in enumerate(pieces)
        if piece.frames >= min_frames or (longest[piece.track] == number and piece.frames >= min_only_frames)
    ]


def assign_speakers(
    pieces: Sequence[Piece],
    embeddings: NDArray[np.float32],
    linked: LinkedTracks,
    bounds: SpeakerBounds,
    frame_s: Seconds,
) -> NDArray[np.intp]:
    """Assign a speaker to each piece.

    Args:
        pieces: In any order.
        embeddings: Shape (pieces, d); NaN for pieces that were too short to embed: they get the speaker of the nearest
            embedded piece of their track.
        linked: The tracks that the pieces were cut from.
        bounds: Bounds of the number of speakers.
        frame_s: From one frame to the next.

    Returns:
        Shape (pieces,): numbers of speakers, from 0 without a gap.
    """
    embedded = np.flatnonzero(np.isfinite(embeddings).all(axis=1)).tolist()
    if not embedded:
        return np.zeros(len(pieces), np.intp)
    chosen = [pieces[number] for number in embedded]
    durations_s = np.array([piece.frames * frame_s for piece in chosen])
    speech_s = float(durations_s.sum())
    discount = min(1.0, (DISCOUNT_FROM_S / speech_s) ** DISCOUNT_POWER)
    items = EmbeddedPieces(
        embeddings[embedded] / np.linalg.norm(embeddings[embedded], axis=1, keepdims=True),
        discount * durations_s,
        np.array([piece.track for piece in chosen]),
        cannot_link(linked, chosen),
    )
    bounds = replace(bounds, min_speech_s=discount * min(bounds.min_speech_s, MIN_SPEAKER_SHARE * speech_s))
    speaker = np.full(len(pieces), -1)
    speaker[embedded] = cluster(items, bounds)
    of_track: dict[int, list[int]] = defaultdict(list)
    for number in embedded:
        of_track[pieces[number].track].append(number)
    for number in np.flatnonzero(speaker < 0).tolist():
        same = of_track[pieces[number].track] or embedded
        speaker[number] = speaker[_nearest_piece(pieces, same, pieces[number].start, pieces[number].end)]
    return speaker


def speaker_activity(linked: LinkedTracks, pieces: Sequence[Piece], speaker: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return the activity of each speaker in each frame.

    A track belongs to its piece's speaker from half-way to the piece before to half-way to the next one; a track
    without a piece, which is never exclusive, goes to the nearest speaker who is not active at the same time.

    Args:
        linked: The tracks.
        pieces: The pieces that were cut from them; at least one.
        speaker: Shape (pieces,): the speaker of each.

    Returns:
        Shape (frames, speakers), 0..1.
    """
    windows = linked.windows
    coverage = windows.coverage()
    activity = np.zeros((windows.frames, int(speaker.max()) + 1), np.float32)
    of_track: dict[int, list[int]] = defaultdict(list)
    for number in sorted(range(len(pieces)), key=lambda number: pieces[number].start):
        of_track[pieces[number].track].append(number)
    for number in sorted(range(len(linked.tracks)), key=lambda number: not of_track[number]):
        first = linked.tracks[number].first_window * windows.hop
        scores = linked.tracks[number].overlap_add(windows.scores, windows.hop)
        part = activity[first:][: len(scores)]
        scores /= coverage[first:][: len(scores)]
        members = of_track[number] or [_nearest_free_piece(pieces, speaker, part, scores, first)]
        between = [(pieces[before].end + pieces[after].start) // 2 - first for before, after in pairwise(members)]
        edges = pairwise([0, *between, len(scores)])
        for piece, (start, end) in zip(members, edges, strict=True):
            part[start:end, speaker[piece]] += scores[start:end]
    return np.minimum(activity, 1.0, out=activity)


def _nearest_free_piece(
    pieces: Sequence[Piece],
    speaker: NDArray[np.intp],
    part: NDArray[np.float32],
    scores: NDArray[np.float32],
    first: int,
) -> int:
    """Return the nearest piece of a speaker inactive in a track, else the nearest.

    Args:
        pieces: All pieces.
        speaker: Shape (pieces,): the speaker of each.
        part: Shape (frames of the track, speakers): activity that is already assigned.
        scores: Shape (frames of the track,): activity of the track.
        first: The track's first frame in the recording; distances are from the track's peak.
    """
    is_active = np.minimum(part, scores[:, None]).sum(axis=0) > MAX_OVERLAP_SHARE * scores.sum()
    peak = first + int(scores.argmax())
    return min(
        range(len(pieces)),
        key=lambda number: (is_active[speaker[number]], max(pieces[number].start - peak, peak - pieces[number].end)),
    )


def mean_embeddings(
    pieces: Sequence[Piece], embeddings: NDArray[np.float32], speaker: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return one embedding per speaker: the mean of their pieces, weighted by length.

    Args:
        pieces: All pieces.
        embeddings: Shape (pieces, d); NaN for pieces that are too short.
        speaker: Shape (pieces,): the speaker of each.

    Returns:
        Shape (speakers, d), of length 1; NaN where no piece of a speaker is long enough.
    """
    means = np.full((int(speaker.max()) + 1, embeddings.shape[1]), np.nan, np.float32)
    is_embedded = np.isfinite(embeddings).all(axis=1)
    length = np.array([piece.frames for piece in pieces])
    for number in set(speaker[is_embedded].tolist()):
        members = is_embedded & (speaker == number)
        unit = embeddings[members] / np.linalg.norm(embeddings[members], axis=1, keepdims=True)
        total = (unit * length[members, None]).sum(axis=0)
        means[number] = total / np.linalg.norm(total)
    return means


def _nearest_piece(pieces: Sequence[Piece], among: Sequence[int], start: int, end: int) -> int:
    return min(among, key=lambda number: max(pieces[number].start - end, start - pieces[number].end))
