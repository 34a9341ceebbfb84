"""Report as JSON. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from whisperx_worker.evaluate.bootstrap import CONFIDENCE, RESAMPLES, SEED, Interval
from whisperx_worker.evaluate.measures import BY_KEY
from whisperx_worker.evaluate.normaliser import RULES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from whisperx_worker.evaluate.evaluation import Difference, Evaluation, Figure
    from whisperx_worker.evaluate.scoring import Score

_DIGITS = 6


def report_json(
    evaluations: Sequence[Evaluation], differences: Sequence[Difference], versions: Mapping[str, str]
) -> str:
    """Return all figures, and the errors of each recording, as the text of a file."""
    report = {
        "method": {
            "normaliser": list(RULES),
            "confidence": CONFIDENCE,
            "bootstrap_samples": RESAMPLES,
            "seed": SEED,
            "versions": dict(versions),
        },
        "configurations": [_configuration(evaluation) for evaluation in evaluations],
        "differences": [
            {
                "measure": difference.key,
                "value": _scaled(difference.key, difference.value),
                "interval": _interval(difference.key, difference.interval),
                "verdict": difference.verdict,
            }
            for difference in differences
        ],
    }
    return json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _configuration(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "title": evaluation.title,
        "failed": len(evaluation.failed),
        "measures": [_figure(figure) for figure in evaluation.figures],
        "recordings": [_recording(one) for one in evaluation.worst_first],
    }


def _figure(figure: Figure) -> dict[str, Any]:
    measure = BY_KEY[figure.key]
    return {
        "measure": figure.key,
        "title": measure.title,
        "unit": measure.unit,
        "value": _scaled(figure.key, figure.value),
        "interval": _interval(figure.key, figure.interval),
        "errors": round(figure.errors, _DIGITS),
        "of": round(figure.total, _DIGITS),
        "recordings": figure.recordings,
    }


def _recording(one: Score) -> dict[str, Any]:
    sums = {key: {name: round(value, _DIGITS) for name, value in asdict(r).items()} for key, r in one.ratios.items()}
    found: dict[str, Any] = {"name": one.name, "sums": sums}
    if one.failure:
        found["failure"] = one.failure
    if one.notes:
        found["notes"] = list(one.notes)
    return found


def _scaled(key: str, value: float | None) -> float | None:
    return None if value is None else round(value * BY_KEY[key].scale, _DIGITS)


def _interval(key: str, interval: Interval | None) -> list[float | None] | None:
    return None if interval is None else [_scaled(key, interval.low), _scaled(key, interval.high)]
