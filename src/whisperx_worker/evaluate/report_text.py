"""Report as a table for a terminal. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker.evaluate.bootstrap import RESAMPLES
from whisperx_worker.evaluate.measures import BY_KEY, UNDEFINED, Measure
from whisperx_worker.evaluate.normaliser import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from whisperx_worker.evaluate.bootstrap import Interval
    from whisperx_worker.evaluate.evaluation import Difference, Evaluation, Figure
    from whisperx_worker.evaluate.scoring import Score

HEAD = ("measure", "value", "95 % interval", "errors", "of", "recordings")
WORST = 5
"""Recordings that are listed."""
NO_DIFFERENCE = "no paired test: both have no measure with a value"


def report_text(evaluations: Sequence[Evaluation], differences: Sequence[Difference] = ()) -> str:
    """Return the tables of one or two configurations, their comparison, and the worst recordings."""
    blocks = []
    for evaluation in evaluations:
        lines = [summary(evaluation), "", *columns([HEAD, *(figure_row(figure) for figure in evaluation.figures)])]
        worst = [one for one in evaluation.worst_first if one.failure or one.wer > 0][:WORST]
        if worst and len(evaluation.scores) > 1:
            listed = [(one.name, _rate(one), one.failure) for one in worst]
            lines += ["", *columns([("worst recordings", "WER", ""), *listed])]
        notes = sorted({note for one in evaluation.scores for note in one.notes})
        blocks.append("\n".join([*lines, *([""] if notes else []), *(f"note: {note}" for note in notes)]))
    if len(evaluations) > 1 and not differences:
        blocks.append(NO_DIFFERENCE)
    if differences:
        rows = [difference_row(difference) for difference in differences]
        titles = " less ".join(evaluation.title for evaluation in reversed(evaluations))
        blocks.append("\n".join(columns([(titles, "difference", "95 % interval", "paired test"), *rows])))
    blocks.append("\n".join(method()))
    return "\n\n".join(blocks) + "\n"


def _rate(one: Score) -> str:
    return UNDEFINED if one.words and not one.words.length else f"{one.wer:.1%}"


def summary(evaluation: Evaluation) -> str:
    """Return how much was measured, how much failed, and what has no words."""
    words = sum(one.words.length for one in evaluation.scores if one.words)
    failed = len(evaluation.failed)
    silent = sum(one.words is not None and not one.words.length for one in evaluation.scores)
    parts = [
        f"{evaluation.title}: {count(len(evaluation.scores), 'recording')}, {count(words, 'word')} of reference",
        f"{count(failed, 'recording')} failed and counted as all wrong" if failed else "",
        f"{count(silent, 'reference')} without words, so every word of the result is inserted" if silent else "",
    ]
    undefined = ", and WER is undefined" if silent and not words else ""
    return "; ".join(part for part in parts if part) + undefined


def count(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}".replace(",", " ")


def method() -> Iterable[str]:
    """Yield how words were normalised and intervals made."""
    yield "before words are compared, on both sides:"
    yield from (f"- {rule}" for rule in RULES)
    yield f"intervals: {RESAMPLES:,} bootstrap samples of recordings, percentiles; none for one recording".replace(
        ",", " ", 1
    )


def figure_row(figure: Figure) -> tuple[str, ...]:
    """Return the cells of a measure."""
    measure = BY_KEY[figure.key]
    return (
        measure.title,
        measure.shown(figure.value),
        interval_text(figure.interval, measure),
        number(figure.errors),
        number(figure.total),
        str(figure.recordings),
    )


def difference_row(difference: Difference) -> tuple[str, ...]:
    """Return the cells of a difference."""
    measure = BY_KEY[difference.key]
    shown = measure.shown(difference.value).replace("%", " pp")  # percentage points, no share of the first value
    signed = shown if shown.startswith("-") else f"+{shown}"
    return measure.title, signed, interval_text(difference.interval, measure), difference.verdict


def interval_text(interval: Interval | None, measure: Measure) -> str:
    """Return the ends of an interval, or a dash."""
    if interval is None:
        return "–"
    low, high = (f"{end * measure.scale:.{measure.digits}f}" for end in (interval.low, interval.high))
    return f"{low} … {high}"


def number(value: float) -> str:
    """Return a sum without needless digits."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows with columns as wide as they must be."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
