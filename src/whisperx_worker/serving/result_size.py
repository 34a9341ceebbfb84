"""Limit on the size of a result: a larger one goes to the bucket."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, cast

from whisperx_worker.errors import WorkerError
from whisperx_worker.operate import bucket

if TYPE_CHECKING:
    from whisperx_worker.contract.settings import Settings

MAX_RESULT_MB = 18.0
"""RunPod drops a result above some 20 MB and calls the job completed."""

_ALSO_WITHOUT_SEGMENTS = ("detected_language", "language_probability", "warnings", "logs")

log = logging.getLogger(__name__)


def fit_result(response: dict[str, Any], job_id: str, settings: Settings) -> dict[str, Any]:
    """Return the response, or its URL in the bucket, or an error, within RunPod's limit.

    Half of a surrogate pair, which JSON can carry and UTF-8 cannot, becomes a question mark.
    """
    try:
        text = json.dumps(response, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        log.exception("the response is no JSON")
        return {"error": f"the result cannot be written as JSON ({type(error).__name__}); the worker's log has more"}
    content = text.encode("utf-8", "replace")
    if len(content) / 1e6 > MAX_RESULT_MB:
        return _in_the_bucket(response, content, job_id, settings)
    return response if text.isascii() or content.decode() == text else cast("dict[str, Any]", json.loads(content))


def _in_the_bucket(response: dict[str, Any], content: bytes, job_id: str, settings: Settings) -> dict[str, Any]:
    """Upload the response and return its URL with the small fields."""
    too_large = f"the result has {len(content) / 1e6:.1f} MB, more than the {MAX_RESULT_MB:g} MB that RunPod carries"
    if not bucket.is_there():
        return {
            "error": f"{too_large}, and this worker has no bucket to put it in ({bucket.VARIABLES[0]}); "
            "send the recording in parts, or ask for fewer output_formats"
        }
    try:
        url = bucket.upload(job_id, content, settings.bucket_name)
    except WorkerError as error:
        return {"error": f"{too_large}, and {error}"}
    small: dict[str, Any] = {name: response[name] for name in _ALSO_WITHOUT_SEGMENTS if name in response}
    return {"result_url": url, "result_bytes": len(content), **small}
