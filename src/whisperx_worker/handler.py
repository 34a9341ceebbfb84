"""RunPod's side of the worker: `python -m whisperx_worker.handler`.

The event loop stays free: a job runs in a thread, and the loop only waits for it. It decides nothing about audio.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import os
import re
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, cast

# RunPod's SDK prints whole jobs, tokens included, at its default level.
if os.environ.get("RUNPOD_LOG_LEVEL", "").upper() in {"", "DEBUG", "TRACE"}:
    os.environ["RUNPOD_LOG_LEVEL"] = "INFO"

from whisperx_worker import decoder, joblog
from whisperx_worker.errors import JobCancelledError, SettingsError
from whisperx_worker.runpod_sdk import import_runpod
from whisperx_worker.settings import load_settings
from whisperx_worker.worker import Worker, answer, open_worker, warm_up

if TYPE_CHECKING:
    from collections.abc import Mapping

    from whisperx_worker.job import Job

MAX_RESULT_MB = 18.0
"""RunPod drops a result above some 20 MB and calls the job completed."""

_PROGRESS_EVERY_S = 2.0
_LAST_PROGRESS_S = 10.0
"""How long a result waits for the progress that is still on its way."""

log = logging.getLogger(__name__)


async def handler(job: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one RunPod job.

    Args:
        job: `{"id": ..., "input": {...}}`.

    Returns:
        The contract's response; a failure has `error` at the top, which makes RunPod mark the job FAILED.

    Raises:
        asyncio.CancelledError: When RunPod cancels the job; its thread stops at the next batch.
    """
    progress = _Progress(job)
    running: list[Job] = []
    unwanted = threading.Event()

    def started(begun: Job) -> None:
        running.append(begun)
        if unwanted.is_set():
            begun.cancel()

    try:
        response = await asyncio.to_thread(
            answer,
            worker(),
            str(job.get("id", "")),
            job.get("input"),
            on_progress=progress.report,
            started=started,
        )
    except asyncio.CancelledError:
        unwanted.set()
        progress.stop()
        for begun in running:
            begun.cancel()
        raise
    except JobCancelledError as error:  # not by RunPod, which would hear of a traceback
        response = {"error": str(error)}
    await asyncio.to_thread(progress.finish)
    return sendable(response)


@functools.cache
def worker() -> Worker:
    """This process's worker and its log, opened once.

    Raises:
        SettingsError: When the environment cannot be used.
        OSError: When the log file cannot be written.
    """
    settings = load_settings()
    joblog.start_logging(settings.log_file, console=__name__ == "__main__")
    return open_worker(settings)


def sendable(response: dict[str, Any]) -> dict[str, Any]:
    """The response, or an error where RunPod would lose it: for its size, or because it is no JSON.

    Half of a surrogate pair, which JSON can carry and UTF-8 cannot, becomes a question mark.
    """
    try:
        text = json.dumps(response, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        log.exception("the response is no JSON")
        return {"error": f"the result cannot be written as JSON ({type(error).__name__}); the worker's log has more"}
    content = text.encode("utf-8", "replace")
    size_mb = len(content) / 1e6
    if size_mb > MAX_RESULT_MB:
        return {
            "error": f"the result has {size_mb:.1f} MB, more than the {MAX_RESULT_MB:g} MB that RunPod carries; "
            "send the recording in parts, or ask for fewer output_formats"
        }
    return response if text.isascii() or content.decode() == text else cast("dict[str, Any]", json.loads(content))


class _Progress:
    """Sends a job's progress to RunPod: not more often than it makes sense, and never after the result."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._job = dict(job)
        # Without it the SDK has nowhere to send to: a local run.
        self._wanted = "RUNPOD_WEBHOOK_POST_OUTPUT" in os.environ
        self._sent_s = float("-inf")
        self._sending: list[threading.Thread] = []
        self._lock = threading.Lock()

    def report(self, stage: str, fraction: float) -> None:
        with self._lock:
            now_s = time.monotonic()
            if not self._wanted or now_s - self._sent_s < _PROGRESS_EVERY_S:
                return
            self._sent_s = now_s
            # The SDK sends in a thread that it does not give out, and a late one would reopen a finished job.
            before = set(threading.enumerate())
            import_runpod().serverless.progress_update(self._job, {"stage": stage, "fraction": round(fraction, 3)})
            begun = set(threading.enumerate()) - before
            self._sending += [thread for thread in begun if thread.name.endswith("(_thread_target)")]

    def stop(self) -> None:
        """Send nothing from now on."""
        self._wanted = False

    def finish(self) -> None:
        """Send nothing from now on, and wait for what is on its way."""
        with self._lock:
            self.stop()
        latest_s = time.monotonic() + _LAST_PROGRESS_S
        for thread in self._sending:
            thread.join(timeout=max(0.0, latest_s - time.monotonic()))


def main() -> None:
    """Start the worker as RunPod's SDK wants it, with its arguments (`--test_input`, `--rp_serve_api`, ...)."""
    if re.search(r"--rp_log_level[ =](DEBUG|TRACE)", " ".join(sys.argv)):
        sys.exit("the worker cannot start: at this --rp_log_level RunPod's SDK would print jobs with their tokens")
    try:
        opened = worker()
    except SettingsError as error:
        sys.exit(f"the worker cannot start: {error}")
    except OSError as error:
        sys.exit(f"the worker cannot start: its log file cannot be written ({error.strerror})")
    decoder.start()
    if opened.settings.warm_up:
        threading.Thread(target=warm_up, args=(opened,), daemon=True).start()
    try:
        import_runpod().serverless.start({"handler": handler})
    except json.JSONDecodeError as error:
        sys.exit(f"--test_input is not valid JSON: {error}")


if __name__ == "__main__":
    main()
