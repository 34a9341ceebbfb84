"""Response of a job: the contract's fields and the texts of the output formats."""

from __future__ import annotations

import json
import logging
import resource
from typing import TYPE_CHECKING, Any

from whisperx_worker.logs import redaction
from whisperx_worker.results.formats.result_json import as_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from whisperx_worker.hooks.host import Host
    from whisperx_worker.hooks.job import Job
    from whisperx_worker.types import Result

log = logging.getLogger(__name__)


def response_of(job: Job, result: Result, outputs: Mapping[str, str]) -> dict[str, Any]:
    """Return the contract's response of a job, without its `logs`.

    Args:
        job: The job, for its warnings and, with `debug`, its notes and timings.
        result: What the pipeline found.
        outputs: The texts of the formats.
    """
    response = as_json(result)
    if outputs:
        response["outputs"] = dict(outputs)
    response["warnings"] = [redaction.for_client(str(warned)) for warned in job.warnings]
    if job.request.debug:
        peak_mb = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        response["timings"] = dict(job.timings)
        response["debug"] = {**_masked(job.notes), "memory_peak_mb": peak_mb}
    return response


def _masked(value: Any) -> Any:  # noqa: ANN401
    """Return a plugin's note with its secrets masked."""
    if isinstance(value, str):
        return redaction.mask(value)
    if isinstance(value, dict):
        return {_masked(name): _masked(item) for name, item in value.items()}
    return [_masked(item) for item in value] if isinstance(value, list | tuple) else value


def write_outputs(job: Job, result: Result, host: Host, names: Iterable[str]) -> dict[str, str]:
    """Return the result in each format; leave out and warn of a format that fails."""
    written = {}
    for name in dict.fromkeys(names):
        try:
            text = host.outputs[name].write(result)
            json.dumps(text).encode()
        except Exception as error:
            log.error("the output format %s raised", name, exc_info=error)  # noqa: TRY400  the client gets a warning
            job.health.note(error)
            job.warn(f"the output format {name} failed ({type(error).__name__}) and is left out")
        else:
            written[name] = text
    return written


def error_response(error: Exception) -> dict[str, Any]:
    """Return the response to a job that failed in an unforeseen way."""
    return {"error": f"the worker failed on this job ({type(error).__name__}); its log has the details"}
