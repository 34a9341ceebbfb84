"""Operator's bucket for results too large for RunPod, through RunPod's own uploader."""

from __future__ import annotations

import logging
import os
import re

from whisperx_worker.errors import WorkerError
from whisperx_worker.runtime.runpod_sdk import import_runpod

log = logging.getLogger(__name__)

VARIABLES = ("BUCKET_ENDPOINT_URL", "BUCKET_ACCESS_KEY_ID", "BUCKET_SECRET_ACCESS_KEY")


def is_there() -> bool:
    """Return whether the operator configured a bucket; else RunPod's uploader would write to the disk."""
    return all(os.environ.get(name) for name in VARIABLES)


def upload(job_id: str, content: bytes, bucket_name: str | None) -> str:
    """Upload a result into the bucket.

    Args:
        job_id: The result is `<job_id>/result.json` there.
        content: The result.
        bucket_name: None follows RunPod's rule, one bucket for each month, such as `11-26`.

    Returns:
        A signed URL, good for a week.

    Raises:
        WorkerError: When the bucket does not take it.
    """
    import_runpod()
    from runpod.serverless.utils import rp_upload

    # It is RunPod's choice, but whoever runs the worker over HTTP lets clients choose it.
    folder = re.sub(r"[^\w.\-]", "_", job_id) or "job"
    try:
        url: str = rp_upload.upload_in_memory_object("result.json", content, bucket_name=bucket_name, prefix=folder)
    except Exception as error:
        log.exception("the bucket did not take the result")
        raise WorkerError(f"the bucket did not take the result ({type(error).__name__})") from None
    return url
