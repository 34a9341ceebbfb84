"""Transcription of the recordings that are measured."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from whisperx_worker.audio import decode_server
from whisperx_worker.evaluate.hypothesis import Hypothesis, read_response
from whisperx_worker.hooks.job import NO_OBSERVERS
from whisperx_worker.logs import redaction
from whisperx_worker.pipeline.outcome import run_request
from whisperx_worker.pipeline.worker import new_job, open_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.evaluate.reference import Reference
    from whisperx_worker.hooks.job import Observers
    from whisperx_worker.pipeline.worker import Worker
    from whisperx_worker.types import Seconds


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
    return replace(read_response(outcome.response), duration_s=duration_s)


def with_durations(found: Mapping[str, Hypothesis], references: Sequence[Reference]) -> dict[str, Hypothesis]:
    """Add the lengths of recordings that are there to results made before."""
    audio = {reference.name: reference.audio for reference in references}
    return {
        name: one if one.duration_s or not audio.get(name) else replace(one, duration_s=sound_duration_s(audio[name]))
        for name, one in found.items()
    }


def sound_duration_s(path: Path | None) -> Seconds | None:
    """Return the length in a sound file's header, or None where soundfile cannot read it."""
    try:
        import soundfile
    except ImportError:
        return None
    try:
        return float(soundfile.info(str(path)).duration)
    except (OSError, RuntimeError):
        return None
