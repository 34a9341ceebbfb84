"""Confidence intervals and paired tests by bootstrap over recordings, with a fixed seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from whisperx_worker.evaluate.speaker_errors import Ratio

SEED = 0
RESAMPLES = 5_000
SLOW_RESAMPLES = 1_000
"""For statistics that are computed anew for each sample."""
CONFIDENCE = 0.95
_BLOCK = 250
"""Samples drawn at once, so that thousands of recordings fit into memory."""


@dataclass(frozen=True)
class Interval:
    """Ends of a confidence interval."""

    low: float
    high: float


def pooled(ratios: Sequence[Ratio]) -> float | None:
    """Return the sum of errors by the sum of totals; None where there is nothing to be wrong."""
    total = sum(ratio.total for ratio in ratios)
    return sum(ratio.errors for ratio in ratios) / total if total else None


def interval(ratios: Sequence[Ratio]) -> Interval | None:
    """Return the interval of a pooled ratio, or None for fewer than two recordings."""
    if len(ratios) < 2:  # noqa: PLR2004  recordings to draw from
        return None
    return percentiles(np.concatenate([_rates(counts, ratios) for counts in _draws(len(ratios))]))


def paired_interval(first: Sequence[Ratio], second: Sequence[Ratio]) -> Interval | None:
    """Return the interval of the second pooled ratio less the first, on the same drawn recordings."""
    if len(first) < 2:  # noqa: PLR2004  recordings to draw from
        return None
    drawn = [_rates(counts, second) - _rates(counts, first) for counts in _draws(len(first))]
    return percentiles(np.concatenate(drawn))


def interval_of(recordings: int, statistic: Callable[[Sequence[int]], float | None]) -> Interval | None:
    """Return the interval of any statistic of drawn recordings, which it gets as indices."""
    if recordings < 2:  # noqa: PLR2004  recordings to draw from
        return None
    generator = np.random.default_rng(SEED)
    draws = (generator.integers(recordings, size=recordings).tolist() for _ in range(SLOW_RESAMPLES))
    values = [value for value in map(statistic, draws) if value is not None]
    return percentiles(np.array(values)) if values else None


def percentiles(values: NDArray[np.float64]) -> Interval | None:
    """Return the percentile interval of drawn values, those that are no number left out."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    low, high = np.quantile(finite, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(low), float(high))


def _draws(recordings: int) -> Iterator[NDArray[np.int64]]:
    """Yield how often each recording is drawn, of shape (samples, recordings)."""
    generator = np.random.default_rng(SEED)
    shares = np.full(recordings, 1 / recordings)
    for _ in range(RESAMPLES // _BLOCK):
        yield generator.multinomial(recordings, shares, size=_BLOCK)


def _rates(counts: NDArray[np.int64], ratios: Sequence[Ratio]) -> NDArray[np.float64]:
    errors, totals = (
        np.array(column, np.float64) for column in zip(*((r.errors, r.total) for r in ratios), strict=True)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        rates: NDArray[np.float64] = (counts @ errors) / (counts @ totals)
    return rates
