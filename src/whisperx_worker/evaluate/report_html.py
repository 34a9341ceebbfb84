"""Report as one HTML page without outside resources, the worst recordings first. Pure."""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from whisperx_worker.evaluate.measures import BY_KEY
from whisperx_worker.evaluate.report_text import HEAD, NO_DIFFERENCE, difference_row, figure_row, method, summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from whisperx_worker.evaluate.evaluation import Difference, Evaluation
    from whisperx_worker.evaluate.scoring import Score, Step

MAX_OPEN = 3
"""Recordings shown with an open alignment at first."""
_STYLE = """
:root { color-scheme: light dark; --wrong: #b00020; --missing: #8a5a00; --more: #00539c; }
@media (prefers-color-scheme: dark) { :root { --wrong: #ff8a80; --missing: #ffcc80; --more: #90caf9; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }
th, td { border-bottom: 1px solid #8886; padding: .3rem .8rem; text-align: left; }
td:not(:first-child) { font-variant-numeric: tabular-nums; }
details { border: 1px solid #8886; border-radius: .4rem; margin: .5rem 0; padding: .3rem .8rem; }
summary { cursor: pointer; overflow-wrap: anywhere; }
p.words { line-height: 2; overflow-wrap: anywhere; }
del, ins { padding: .1rem .2rem; border-radius: .2rem; border: 1px solid; }
del { text-decoration: none; color: var(--missing); }
ins { text-decoration: underline; color: var(--more); }
.s del, .s ins { color: var(--wrong); }
.s del { text-decoration: line-through; }
.failure { color: var(--wrong); font-weight: bold; }
""".strip()
_LEGEND = (
    '<p>Marks: <del title="deleted">−missing</del> a word of the reference is missing; '
    '<ins title="inserted">+more</ins> a word too many; '
    '<span class="s"><del>reference</del>→<ins>result</ins></span> one in place of another.</p>'
)


def report_html(evaluations: Sequence[Evaluation], differences: Sequence[Difference] = ()) -> str:
    """Return the page; all text of recordings and results is escaped."""
    body = ["<h1>Evaluation</h1>"]
    for evaluation in evaluations:
        body.append(f"<h2>{escape(summary(evaluation))}</h2>")
        body += _table(HEAD, [figure_row(figure) for figure in evaluation.figures])
    if differences:
        titles = " less ".join(evaluation.title for evaluation in reversed(evaluations))
        head = (titles, "difference", "95 % interval", "paired test")
        body += ["<h2>Paired test</h2>", *_table(head, [difference_row(one) for one in differences])]
    elif len(evaluations) > 1:
        body += ["<h2>Paired test</h2>", f"<p>{NO_DIFFERENCE}</p>"]
    body += ["<h2>Recordings, the worst first</h2>", _LEGEND, *_recordings(evaluations)]
    body += ["<h2>Method</h2>", "<ul>", *(f"<li>{escape(line.removeprefix('- '))}</li>" for line in method()), "</ul>"]
    keys = {figure.key for evaluation in evaluations for figure in evaluation.figures}
    meanings = [(one.title, one.meaning) for key, one in BY_KEY.items() if key in keys]
    body += ["<h2>Measures</h2>", *_table(("measure", "what it counts; less is better"), meanings)]
    return "\n".join([*_head(), *body, "</body>", "</html>", ""])


def _head() -> list[str]:
    return [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        "<title>Evaluation</title>",
        f"<style>\n{_STYLE}\n</style>",
        "</head>",
        "<body>",
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    cells = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    return [f"<table>\n<tr>{cells}</tr>", *(f"<tr>{line}</tr>" for line in lines), "</table>"]


def _recordings(evaluations: Sequence[Evaluation]) -> Iterator[str]:
    """Yield a block for each recording in the first configuration's order, with every configuration's alignment."""
    others = [{one.name: one for one in evaluation.scores} for evaluation in evaluations]
    for place, first in enumerate(evaluations[0].worst_first):
        is_open = " open" if place < MAX_OPEN and (first.failure or first.wer) else ""
        rates = ", ".join(
            f"{evaluation.title}: {_rate(scores[first.name])}"
            for evaluation, scores in zip(evaluations, others, strict=True)
        )
        yield f"<details{is_open}>\n<summary>{escape(first.name)} – {escape(rates)}</summary>"
        for evaluation, scores in zip(evaluations, others, strict=True):
            yield from _recording(scores[first.name], evaluation.title if len(evaluations) > 1 else "")
        yield "</details>"


def _rate(one: Score) -> str:
    if one.failure:
        return "failed"
    if not one.words:
        return "no text to compare"
    errors = one.words
    rate = f"WER {one.wer:.1%}" if errors.length else "no words in the reference"
    return f"{rate} ({errors.substituted} S, {errors.deleted} D, {errors.inserted} I of {errors.length})"


def _recording(one: Score, title: str) -> Iterator[str]:
    if title:
        yield f"<h3>{escape(title)}</h3>"
    if one.failure:
        yield f'<p class="failure">failed: {escape(one.failure)}; counted as all wrong</p>'
    shown = [
        f"{measure.title} {measure.shown(ratio.errors / ratio.total)}"
        for key, measure in BY_KEY.items()
        if (ratio := one.ratios.get(key)) and ratio.total and not measure.title.startswith("–")
    ]
    yield f"<p>{escape('; '.join(shown))}</p>"
    yield from (f"<p>note: {escape(note)}</p>" for note in one.notes)
    if one.alignment:
        yield f'<p class="words">{" ".join(_steps(one.alignment))}</p>'


def _steps(steps: Iterable[Step]) -> Iterator[str]:
    for kind, run in groupby(steps, key=lambda step: step.kind):
        if kind == "equal":
            yield escape(" ".join(step.reference for step in run))
            continue
        for step in run:
            true, found = escape(step.reference), escape(step.hypothesis)
            yield {
                "delete": f'<del title="deleted">−{true}</del>',
                "insert": f'<ins title="inserted">+{found}</ins>',
                "substitute": f'<span class="s" title="substituted"><del>{true}</del>→<ins>{found}</ins></span>',
            }[kind]
