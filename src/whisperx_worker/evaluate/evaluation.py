"""Evaluation of configurations on recordings: pooled measures with intervals, and their comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from whisperx_worker.evaluate.bootstrap import Interval, interval, interval_of, paired_interval, pooled
from whisperx_worker.evaluate.measures import MEASURES
from whisperx_worker.evaluate.name_errors import equal_error_rate
from whisperx_worker.evaluate.scoring import Scope, Score, score

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from whisperx_worker.evaluate.hypothesis import Hypothesis
    from whisperx_worker.evaluate.reference import Reference


@dataclass(frozen=True)
class Figure:
    """Pooled measure of a configuration."""

    key: str
    value: float | None
    """None where there is nothing to be wrong: errors of nothing are no share."""
    interval: Interval | None
    """None for fewer than two recordings."""
    errors: float
    total: float
    recordings: int
    """Recordings that it is measured on."""


@dataclass(frozen=True)
class Difference:
    """Second configuration less the first, on the recordings of both."""

    key: str
    value: float
    interval: Interval | None
    verdict: str


@dataclass(frozen=True)
class Evaluation:
    """Scores of one configuration."""

    title: str
    scores: tuple[Score, ...]
    """In the order of the recordings."""
    figures: tuple[Figure, ...]

    @property
    def failed(self) -> tuple[Score, ...]:
        """Recordings without a result, which count as all wrong."""
        return tuple(one for one in self.scores if one.failure)

    @property
    def worst_first(self) -> tuple[Score, ...]:
        """Scores by falling word error rate, failed recordings first."""
        return tuple(
            sorted(self.scores, key=lambda one: (not one.failure, -one.wer, -(one.words.total if one.words else 0)))
        )


def evaluate(
    title: str,
    references: Sequence[Reference],
    hypotheses: Mapping[str, Hypothesis],
    *,
    enrolled: frozenset[str] = frozenset(),
    language: str | None = None,
) -> Evaluation:
    """Score a configuration's results on all recordings.

    Args:
        title: Name of the configuration in the report.
        references: What is true.
        hypotheses: Results by name of the recording.
        enrolled: People whom the configuration may name.
        language: Language of the numerals; else each reference's or result's own.
    """
    scope = Scope(any(found.has_speakers for found in hypotheses.values()), enrolled, language)
    scores = tuple(score(reference, hypotheses[reference.name], scope) for reference in references)
    figures = [_figure(measure.key, scores) for measure in MEASURES if measure.key != "eer"]
    found = [figure for figure in [*figures, _figure_of_eer(scores)] if figure]
    return Evaluation(title, scores, tuple(found))


def _figure(key: str, scores: Sequence[Score]) -> Figure | None:
    ratios = [one.ratios[key] for one in scores if key in one.ratios]
    errors, total = sum(ratio.errors for ratio in ratios), sum(ratio.total for ratio in ratios)
    if not ratios or not (errors or total or key == "wer"):
        return None
    return Figure(key, pooled(ratios), interval(ratios), errors, total, len(ratios))


def _figure_of_eer(scores: Sequence[Score]) -> Figure | None:
    having = [one.trials for one in scores if one.trials]
    trials = [trial for listed in having for trial in listed]
    value = equal_error_rate(trials) if trials else None
    if value is None:
        return None
    drawn = interval_of(
        len(having), lambda indices: equal_error_rate([trial for index in indices for trial in having[index]])
    )
    return Figure("eer", value, drawn, value * len(trials), len(trials), len(having))


def compare(first: Evaluation, second: Evaluation) -> tuple[Difference, ...]:
    """Return the paired differences of measures that both have, and what they show."""
    differences = []
    for measure in MEASURES:
        pairs = [
            (one.ratios[measure.key], other.ratios[measure.key])
            for one, other in zip(first.scores, second.scores, strict=True)
            if measure.key in one.ratios and measure.key in other.ratios
        ]
        ours, theirs = [one for one, _ in pairs], [other for _, other in pairs]
        before, after = pooled(ours), pooled(theirs)
        if before is not None and after is not None:
            drawn = paired_interval(ours, theirs)
            differences.append(Difference(measure.key, after - before, drawn, _verdict(drawn, first, second)))
    return tuple(differences)


def _verdict(drawn: Interval | None, first: Evaluation, second: Evaluation) -> str:
    if drawn is None:
        return "one recording: no test"
    if drawn.low <= 0 <= drawn.high:
        return "no difference shown"
    return f"{(first if drawn.low > 0 else second).title} is better"
