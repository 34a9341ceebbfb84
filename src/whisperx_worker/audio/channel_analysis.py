"""Comparison of the channels of a recording: silence, noise, one sound in several, and people of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np

from whisperx_worker.audio.channel_relation import compare, find_lags
from whisperx_worker.audio.channel_spectra import LEVELS_PER_S, levels_of
from whisperx_worker.audio.track_levels import sample_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import BinaryIO

    from numpy.typing import NDArray

    from whisperx_worker.audio.channel_relation import Lag, Likeness

_LOUD_FRAMES = round(LEVELS_PER_S / 2)
"""Frames in which a channel reaches its loudness: half a second."""
_MIN_LOUD_DB = -80.0
_MAX_BELOW_LOUDEST_DB = 50.0
_MIN_RANGE_DB = 9.0
"""Loudness over the median level, up to which a channel with a steady level is noise."""
_STEADY_DB = 6.0
_ACTIVE_DB = 30.0
_OVER_FLOOR_DB = 6.0
_LEADS_DB = 8.0
"""Level over that of another channel, from which a channel's sound is its own."""
_MIN_LEADING = 0.5
"""Part of the time with sound in which one of two channels leads, if they differ."""
_MIN_OWN_S = 0.5
_MIN_OWN_PART = 0.02
_PAUSE_DB = 12.0
_MIN_PAUSES = 0.15
"""Part of the time that a channel with speech is far below its loudness."""
_COPY_DB = 9.0
_COPY_LAG_SAMPLES = 800

Kind = Literal["silent", "noise", "same", "inverse", "leak"]


@dataclass(frozen=True)
class Findings:
    """Comparison of the channels, numbered from 0."""

    kinds: Mapping[int, Kind]
    """Channels without a sound of their own."""
    sources: Mapping[int, int]
    """Channel with the sound of one that is the same, inverse, or a leak."""
    read: tuple[int, ...]
    """Channels that are worth reading."""
    differ: bool
    """Whether two channels have speech of their own."""
    lags: Mapping[tuple[int, int], tuple[Lag, ...]] = field(default_factory=dict)
    """Delays at which pairs of channels that are read have common sound."""
    levels: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)
    """Level of each channel with sound, in dB, in frames of 32 ms."""

    def about_silence(self) -> Iterator[str]:
        """Yield a sentence for each channel that is silent or has only noise."""
        texts: dict[str, str] = {"silent": "has no sound", "noise": "has only noise"}
        for number, kind in sorted(self.kinds.items()):
            if kind in texts:
                yield f"channel {number} {texts[kind]}"

    def about_copies(self) -> Iterator[str]:
        """Yield a sentence for each channel that has only the sound of another."""
        for number, source in sorted(self.sources.items()):
            text = {
                "same": f"has the sound of channel {source}",
                "inverse": f"has the sound of channel {source} with opposite phase",
                "leak": f"has only the sound of channel {source}, filtered or weaker",
            }[self.kinds[number]]
            yield f"channel {number} {text}"

    def sentences(self) -> Iterator[str]:
        """Yield sentences about the channels without a sound of their own, where others are read apart."""
        yield from self.about_silence()
        for sentence in self.about_copies():
            yield f"{sentence}, and was not read a second time"


def analyse_channels(stores: Sequence[BinaryIO], taken: Sequence[bool]) -> Findings:
    """Compare the channels of a recording.

    Args:
        stores: File of each channel.
        taken: Whether each is of a track without the same sound as a better one.
    """
    for store in stores:
        store.flush()
    length = max(map(sample_count, stores))
    levels = {number: levels_of(store, length) for number, store in enumerate(stores)}
    loud = {number: _loudness(each) for number, each in levels.items()}
    threshold = max(_MIN_LOUD_DB, max(loud.values()) - _MAX_BELOW_LOUDEST_DB)
    kinds: dict[int, Kind] = {number: "silent" for number, each in loud.items() if each <= threshold}
    steady = [number for number in levels if number not in kinds and _is_steady(levels[number])]
    # Where all channels are steady it may be music.
    if len(kinds) + len(steady) < len(levels):
        kinds |= dict.fromkeys(steady, "noise")
    sounding = [number for number, is_taken in enumerate(taken) if is_taken and number not in kinds]
    active = {number: is_active(levels[number]) for number in sounding}
    lags = find_lags({number: stores[number] for number in sounding}, active) if len(sounding) > 1 else {}
    sources: dict[int, int] = {}
    for one, other in combinations(sounding, 2):
        if one in sources or other in sources or not lags[one, other]:
            continue
        copy = _copy_of_pair(one, other, stores, lags[one, other][0], loud, active)
        if copy is not None:
            number, source, kinds[number] = copy
            sources[number] = source
    own = [number for number in sounding if number not in sources]
    differ = any(_differ(levels[one], levels[other]) for one, other in combinations(own, 2))
    read = [*own, *(number for number, kind in kinds.items() if kind == "noise" and taken[number])]
    kept = {pair: each for pair, each in lags.items() if each and set(pair) <= set(own)}
    return Findings(kinds, sources, tuple(sorted(read)), differ, kept, levels)


def _copy_of_pair(  # noqa: PLR0913
    one: int,
    other: int,
    stores: Sequence[BinaryIO],
    lag: Lag,
    loud: Mapping[int, float],
    active: Mapping[int, NDArray[np.bool_]],
) -> tuple[int, int, Kind] | None:
    """Return the channel of two without a sound of its own, that with its sound, and the kind."""
    forward = compare(stores[one], stores[other], lag, loud[other], active[other])
    turned = type(lag)(-lag.samples, lag.height)
    backward = compare(stores[other], stores[one], turned, loud[one], active[one])
    if not forward.explained and not backward.explained:
        return None
    if forward.explained and _is_copy(forward, lag):
        return other, one, "inverse" if forward.inverse else "same"
    if forward.explained and (forward.gain_db <= 0 or not backward.explained):
        return other, one, "leak"
    return one, other, "leak"


def _is_copy(likeness: Likeness, lag: Lag) -> bool:
    return abs(likeness.gain_db) <= _COPY_DB and abs(lag.samples) <= _COPY_LAG_SAMPLES


def _loudness(levels: NDArray[np.float32]) -> float:
    """Return the level in dB that a channel reaches for half a second, or throughout."""
    return float(np.sort(levels)[-min(_LOUD_FRAMES, len(levels))]) if len(levels) else _MIN_LOUD_DB


def _is_steady(levels: NDArray[np.float32]) -> bool:
    """Return whether a channel has noise at one level and nothing else."""
    low, middle = np.percentile(levels, [10, 50])
    return bool(_loudness(levels) - middle < _MIN_RANGE_DB and middle - low < _STEADY_DB)


def is_active(levels: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the frames in which a channel has sound rather than its noise."""
    floor = float(np.percentile(levels, 10)) if len(levels) else 0.0
    return np.asarray(levels > max(_loudness(levels) - _ACTIVE_DB, min(floor, _loudness(levels) - 12) + _OVER_FLOOR_DB))


def _differ(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Return whether two channels have speech of their own, by their levels."""
    active = is_active(one) | is_active(other)
    raw = _smoothed(one) - _smoothed(other)
    even = raw - (_loudness(one) - _loudness(other))
    leads = is_active(one) & ((raw >= _LEADS_DB) | (even >= _LEADS_DB))
    follows = is_active(other) & ((raw <= -_LEADS_DB) | (even <= -_LEADS_DB))
    leads, follows = leads & ~follows, follows & ~leads
    least = max(_MIN_OWN_S * LEVELS_PER_S, _MIN_OWN_PART * active.sum())
    return bool(
        min(leads.sum(), follows.sum()) >= least
        and leads.sum() + follows.sum() >= _MIN_LEADING * active.sum()
        and _has_pauses(one)
        and _has_pauses(other)
    )


def _has_pauses(levels: NDArray[np.float32]) -> bool:
    return bool(np.mean(levels < _loudness(levels) - _PAUSE_DB) >= _MIN_PAUSES)


def _smoothed(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average three frames."""
    padded = np.pad(levels, 1, mode="edge")
    return np.asarray((padded[:-2] + padded[1:-1] + padded[2:]) / 3, np.float32)
