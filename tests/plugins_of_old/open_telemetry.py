"""One OpenTelemetry span per job, and a child of it for each stage.

What a span says may go to strangers: numbers, the model's name, the job's id and kinds of errors. Never text, addresses
or names of people, so no error's text either.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from opentelemetry import trace

from whisperx_worker import hookimpl

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.util.types import AttributeValue

    from whisperx_worker import Job, Result, StageEnd

_stages: WeakKeyDictionary[Job, list[StageEnd]] = WeakKeyDictionary()
_found: WeakKeyDictionary[Job, dict[str, AttributeValue]] = WeakKeyDictionary()


@hookimpl(trylast=True)
def finalize(result: Result, job: Job) -> None:
    """Count what the job found, after every other plugin's change."""
    _found[job] = {
        "whisperx_worker.audio_s": result.duration_s,
        "whisperx_worker.segments": len(result.transcript.segments),
        "whisperx_worker.speakers": len({turn.speaker for turn in result.turns}),
    }


@hookimpl
def stage_ended(ended: StageEnd, job: Job) -> None:
    """Keep the stages until the job has ended, and make spans of them all: a child needs its parent first."""
    if ended.stage != "job":
        _stages.setdefault(job, []).append(ended)
        return
    model = job.request.model or job.settings.model
    asked: dict[str, AttributeValue] = {
        "whisperx_worker.job_id": job.id,
        "whisperx_worker.model": PurePath(model).name if PurePath(model).is_absolute() else model,
        "whisperx_worker.warnings": len(job.warnings),
    }
    whole = _span(ended, attributes={**asked, **_found.pop(job, {})})
    for stage in _stages.pop(job, []):
        _span(stage, context=trace.set_span_in_context(whole))


def _span(
    ended: StageEnd, context: Context | None = None, attributes: dict[str, AttributeValue] | None = None
) -> trace.Span:
    began_ns = round(ended.began_at * 1e9)
    tracer = trace.get_tracer("whisperx_worker")
    span = tracer.start_span(ended.stage, context, attributes=attributes, start_time=began_ns)
    if ended.error:
        span.set_status(trace.StatusCode.ERROR, type(ended.error).__name__)
    span.end(began_ns + round(ended.seconds * 1e9))
    return span
