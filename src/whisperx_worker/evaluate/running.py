"""Transcription of the recordings that are measured."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from whisperx_worker.audio import decode_server
from whisperx_worker.errors import BadInputError
from whisperx_worker.evaluate.hypothesis import Hypothesis, read_response
from whisperx_worker.hooks.job import NO_OBSERVERS
from whisperx_worker.logs import redaction
from whisperx_worker.pipeline.outcome import run_request
from whisperx_worker.pipeline.worker import new_job, open_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.evaluate.reference import Reference
    from whisperx_worker.hooks.job import Observers
    from whisperx_worker.pipeline.worker import Worker


def complete_request(request: Mapping[str, Any]) -> dict[str, Any]:
    """Add the output formats that are measured: with diarization, the turns."""
    return {**request, "output_formats": ["rttm"] if request.get("diarization") else []}


def check_request(settings: Settings, request: Mapping[str, Any], references: Sequence[Reference]) -> None:
    """Validate a request and its plugin options without loading a model.

    Raises:
        BadInputError: With all mistakes.
    """
    data = {**complete_request(request), "audio_file": str(references[0].audio)}
    new_job(open_worker(settings), "evaluate", data, local=True)


def transcribe_references(
    settings: Settings,
    request: Mapping[str, Any],
    references: Sequence[Reference],
    observed: Callable[[str], AbstractContextManager[Observers]] | None = None,
) -> dict[str, Hypothesis]:
    """Run a job for each recording, and return the results by its name.

    Args:
        settings: Of the worker.
        request: Without a recording.
        references: With their recordings.
        observed: Called with each recording's name; its context has the observers of the job.
    """
    decode_server.start()
    worker = open_worker(settings)
    found: dict[str, Hypothesis] = {}
    for reference in references:
        fault = worker.health.fault
        if fault and fault.is_gpu:
            found[reference.name] = Hypothesis(failure=f"not tried: {redaction.mask(fault.reason)}")
            continue
        with observed(reference.name) if observed else contextlib.nullcontext(NO_OBSERVERS) as observers:
            found[reference.name] = _transcribe(worker, request, reference, observers)
    return found


def _transcribe(worker: Worker, request: Mapping[str, Any], reference: Reference, observers: Observers) -> Hypothesis:
    data = {**complete_request(request), "audio_file": str(reference.audio)}
    outcome = run_request(worker, "evaluate", data, local=True, observers=observers)
    duration_s = outcome.result.duration_s if outcome.result else None
    try:
        return replace(read_response(outcome.response), duration_s=duration_s)
    except BadInputError as error:  # of a plugin; the other recordings are still measured
        return Hypothesis(failure=f"the result cannot be measured: {error}", duration_s=duration_s)
