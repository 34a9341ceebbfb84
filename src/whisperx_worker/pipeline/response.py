"""Response of a job: the contract's fields and the output formats."""

from __future__ import annotations

import base64
import json
import logging
import resource
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from whisperx_worker.errors import JobEndError, WorkerError
from whisperx_worker.hooks.dispatch import texts_unseen_by
from whisperx_worker.hooks.plugin_failure import call_contained
from whisperx_worker.logs import redaction
from whisperx_worker.results.formats.result_json import as_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from whisperx_worker.hooks.host import Host
    from whisperx_worker.hooks.job import Job
    from whisperx_worker.results.formats.output_format import OutputFormat
    from whisperx_worker.types import Audio, Result

log = logging.getLogger(__name__)

ANY_BYTES = "application/octet-stream"
"""Media type of bytes in a format that declares none."""


def response_of(job: Job, result: Result, host: Host, outputs: Mapping[str, str | bytes]) -> dict[str, Any]:
    """Return the contract's response of a job, without its `logs`.

    Args:
        job: The job, for its warnings and, with `debug`, its notes and timings.
        result: What the pipeline found.
        host: The plugins, for the media types of the formats.
        outputs: Contents by name of the format.
    """
    response = as_json(result)
    if outputs:
        response["outputs"] = {name: _in_json(content, host.outputs[name]) for name, content in outputs.items()}
    response["warnings"] = [redaction.for_client(str(warned)) for warned in job.warnings]
    if job.request.debug:
        peak_mb = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        response["timings"] = dict(job.timings)
        calls = [asdict(one) for one in job.calls]
        notes = {redaction.mask(str(name)): _masked(note) for name, note in job.notes.items()}
        response["debug"] = {**notes, **_noted_texts(job, host), "memory_peak_mb": peak_mb, "plugins": calls}
    return response


def _noted_texts(job: Job, host: Host) -> dict[str, object]:
    """Return texts that are not in the answer, or why they are left out."""
    if plugins := texts_unseen_by(host, job):
        reason = f"{' and '.join(plugins)} changes text before anybody may see it, and not in pieces"
        return {"texts_left_out": reason}
    return {fate: _masked(noted) for fate, noted in job.noted_texts().items()}


def _masked(note: object) -> Any:  # noqa: ANN401
    """Return a plugin's note as JSON with its secrets masked, or what is wrong with it."""
    try:
        return call_contained(_as_json, note)
    except Exception as error:  # noqa: BLE001  its code may be the plugin's
        return f"it is no JSON ({type(error).__name__})"


def _as_json(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, str):
        return redaction.mask(value)
    if isinstance(value, dict):
        return {_as_json(str(name)): _as_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    json.dumps(value, allow_nan=False)
    return value


def _in_json(content: str | bytes, output: OutputFormat) -> str | dict[str, str]:
    """Return text as it is, and bytes as their media type and base64."""
    if isinstance(content, str):
        return content
    return {"media_type": output.media_type or ANY_BYTES, "base64": base64.b64encode(content).decode()}


def write_outputs(
    job: Job, result: Result, host: Host, names: Iterable[str], audio: Audio | None
) -> dict[str, str | bytes]:
    """Return the result in each format; leave out and warn of a format that fails.

    Args:
        job: The job, for warnings and options.
        result: What the pipeline found.
        host: The plugins.
        names: Formats.
        audio: The recording after pre_audio, where a format takes it.
    """
    written: dict[str, str | bytes] = {}
    for name in dict.fromkeys(names):
        options = job.options.get(host.output_plugins.get(name, ""))
        try:
            content = call_contained(
                host.outputs[name].content, {"result": result, "job": job, "options": options, "audio": audio}
            )
            if name in host.output_plugins and isinstance(content, str):
                content = redaction.mask_known(content)
            written[name] = content
        except JobEndError:
            raise
        except Exception as error:
            log.error("the output format %s failed", name, exc_info=error)  # noqa: TRY400  the client gets a warning
            job.health.note(error)
            reason = str(error) if isinstance(error, WorkerError) else type(error).__name__
            job.warn(f"the output format {name} failed ({reason}) and is left out")
    return written


def error_response(error: Exception) -> dict[str, Any]:
    """Return the response to a job that failed in an unforeseen way."""
    return {"error": f"the worker failed on this job ({type(error).__name__}); its log has the details"}
