"""What goes out to RunPod: progress and stream while a job runs, and in the end a result of a size that it carries."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from whisperx_worker import bucket, masking
from whisperx_worker.errors import WorkerError
from whisperx_worker.runpod_sdk import import_runpod

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from whisperx_worker.settings import Settings
    from whisperx_worker.types import Segment

MAX_RESULT_MB = 18.0
"""RunPod drops a result above some 20 MB and calls the job completed."""
MAX_PIECE_MB = 0.9
"""RunPod takes pieces of a stream of up to 1 MB."""

_ALSO_WITHOUT_SEGMENTS = ("detected_language", "language_probability", "warnings", "logs")
_PROGRESS_EVERY_S = 2.0
_LAST_S = 10.0
"""How long a result waits for what is still on its way."""

log = logging.getLogger(__name__)


class Progress:
    """Sends a job's progress to RunPod: not more often than it makes sense, and never after the result."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._job = dict(job)
        # Without it the SDK has nowhere to send to: a local run.
        self._wanted = "RUNPOD_WEBHOOK_POST_OUTPUT" in os.environ
        self._sent_s = float("-inf")
        self._sending: list[threading.Thread] = []
        self._lock = threading.Lock()

    def report(self, stage: str, fraction: float) -> None:
        """Send how far a stage is, unless something was sent a moment ago."""
        with self._lock:
            now_s = time.monotonic()
            if not self._wanted or now_s - self._sent_s < _PROGRESS_EVERY_S:
                return
            self._sent_s = now_s
            # The SDK sends in a thread that it does not give out, and a late one would reopen a finished job.
            before = set(threading.enumerate())
            import_runpod().serverless.progress_update(
                self._job, {"stage": masking.for_client(stage), "fraction": round(fraction, 3)}
            )
            begun = set(threading.enumerate()) - before
            self._sending += [thread for thread in begun if thread.name.endswith("(_thread_target)")]

    def stop(self) -> None:
        """Send nothing from now on."""
        self._wanted = False

    def finish(self) -> None:
        """Send nothing from now on, and wait for what is on its way."""
        with self._lock:
            self.stop()
        latest_s = time.monotonic() + _LAST_S
        for thread in self._sending:
            thread.join(timeout=max(0.0, latest_s - time.monotonic()))


class Stream:
    """Sends segments to RunPod's `/stream` while the job runs, and all of the final ones before its answer.

    Pieces are `{"partial": [...]}`, with text and times that may still change, and in the end `{"segments": [...]}`,
    which make up the answer's segments. The SDK streams what generators yield, but then there is no other answer; this
    uses the function that it streams with.
    """

    def __init__(self, job: Mapping[str, Any]) -> None:
        data = job.get("input")
        asked = isinstance(data, Mapping) and data.get("stream") is True
        self._job = dict(job)
        self._pieces: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        # Without it the SDK has nowhere to send to: a local run.
        wanted = asked and "RUNPOD_WEBHOOK_POST_STREAM" in os.environ
        self._sending = self._loop.create_task(self._send()) if wanted else None

    def show(self, segments: Sequence[Segment]) -> None:
        """Send what a thread has recognised."""
        partial = [{"start": one.start, "end": one.end, "text": one.text} for one in segments]
        for piece in _pieces("partial", partial):
            self._loop.call_soon_threadsafe(self._pieces.put_nowait, piece)

    def stop(self) -> None:
        """Send nothing from now on."""
        if self._sending is not None:
            self._sending.cancel()

    async def finish(self, response: Mapping[str, Any]) -> None:
        """Send the final segments, and wait until everything is sent."""
        if self._sending is None or self._sending.cancelled():
            return
        for piece in (*_pieces("segments", response.get("segments", ())), None):
            self._pieces.put_nowait(piece)
        try:
            await asyncio.wait_for(self._sending, _LAST_S)
        except asyncio.TimeoutError:
            log.warning("the last pieces of the stream could not be sent in %g s", _LAST_S)

    async def _send(self) -> None:
        from runpod.http_client import AsyncClientSession
        from runpod.serverless.modules.rp_http import stream_result

        async with AsyncClientSession() as session:
            while (piece := await self._pieces.get()) is not None:
                await stream_result(session, {"output": piece}, self._job)


def _pieces(name: str, items: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Items in lists that RunPod takes at once."""
    piece: list[Any] = []
    size_mb = 0.0
    for item in items:
        item_mb = len(json.dumps(item, ensure_ascii=False).encode("utf-8", "replace")) / 1e6
        if piece and size_mb + item_mb > MAX_PIECE_MB:
            yield {name: piece}
            piece, size_mb = [], 0.0
        piece.append(item)
        size_mb += item_mb
    if piece:
        yield {name: piece}


def sendable(response: dict[str, Any], job_id: str, settings: Settings) -> dict[str, Any]:
    """What RunPod carries: the response, or where its result is, or an error where it would be lost.

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
    """The response without what makes it large, and where to get the whole of it."""
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
