"""Report as a table for a terminal. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker.evaluate.bootstrap import RESAMPLES
from whisperx_worker.evaluate.measures import BY_KEY, Measure
from whisperx_worker.evaluate.normaliser import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from whisperx_worker.evaluate.bootstrap import Interval
    from whisperx_worker.evaluate.evaluation import Difference, Evaluation, Figure

HEAD = ("measure", "value", "95 % interval", "errors", "of", "recordings")
WORST = 5
"""Recordings that are listed."""


def report_text(evaluations: Sequence[Evaluation], differences: Sequence[Difference] = ()) -> str:
    """Return the tables of one or two configurations, their comparison, and the worst recordings."""
    blocks = []
    for evaluation in evaluations:
        lines = [summary(evaluation), "", *columns([HEAD, *(figure_row(figure) for figure in evaluation.figures)])]
        worst = [one for one in evaluation.worst_first if one.failure or one.wer > 0][:WORST]
        if worst and len(evaluation.scores) > 1:
            listed = [(one.name, f"{one.wer:.1%}", one.failure) for one in worst]
            lines += ["", *columns([("worst recordings", "WER", ""), *listed])]
        notes = sorted({note for one in evaluation.scores for note in one.notes})
        blocks.append("\n".join([*lines, *([""] if notes else []), *(f"note: {note}" for note in notes)]))
    if differences:
        rows = [difference_row(difference) for difference in differences]
        titles = " less ".join(evaluation.title for evaluation in reversed(evaluations))
        blocks.append("\n".join(columns([(titles, "difference", "95 % interval", "paired test"), *rows])))
    blocks.append("\n".join(method()))
    return "\n\n".join(blocks) + "\n"


def summary(evaluation: Evaluation) -> str:
    """Return how much was measured, and how much of it failed."""
    words = sum(one.words.length for one in evaluation.scores if one.words)
    text = f"{evaluation.title}: {count(len(evaluation.scores), 'recording')}, {count(words, 'word')} of reference"
    failed = len(evaluation.failed)
    return text + (f"; {count(failed, 'recording')} failed and counted as all wrong" if failed else "")


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
