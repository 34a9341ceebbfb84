"""Progress and stream of a running job, sent to RunPod."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from whisperx_worker.logs import redaction
from whisperx_worker.runtime.runpod_sdk import import_runpod

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from whisperx_worker.types import Segment

MAX_PIECE_MB = 0.9
"""RunPod takes pieces of a stream of up to 1 MB."""

_PROGRESS_EVERY_S = 2.0
_LAST_S = 10.0
"""How long a result waits for what is still on its way."""

log = logging.getLogger(__name__)


class ProgressSender:
    """Sender of a job's progress and, with `stream`, its segments; none after the answer.

    The SDK's own `progress_update` sends in threads that cannot be joined, and a late one puts a finished job back
    among those in progress. It streams what generators yield, but then there is no other answer. This sends both with
    the functions that the SDK sends them with. To be made in the event loop; what it gets may come from any thread.

    A piece of the stream is `{"partial": [...]}`, with text and times that may still change, and in the end
    `{"segments": [...]}`, which make up the answer's segments.
    """

    def __init__(self, job: Mapping[str, Any]) -> None:
        data = job.get("input")
        self._job = dict(job)
        # Without these the SDK has nowhere to send to: a local run.
        self._sends_progress = "RUNPOD_WEBHOOK_POST_OUTPUT" in os.environ
        self._streams = (
            isinstance(data, Mapping) and data.get("stream") is True and "RUNPOD_WEBHOOK_POST_STREAM" in os.environ
        )
        self._sent_s = float("-inf")
        self._loop = asyncio.get_running_loop()
        self._messages: asyncio.Queue[_Message | None] = asyncio.Queue()
        self._sending = self._loop.create_task(self._send())

    def progress(self, stage: str, fraction: float) -> None:
        """Send how far a stage is, unless something was sent a moment ago."""
        now_s = time.monotonic()
        if not self._sends_progress or now_s - self._sent_s < _PROGRESS_EVERY_S:
            return
        self._sent_s = now_s
        far = {"stage": redaction.for_client(stage), "fraction": round(fraction, 3)}
        self._post(_Message({"status": "IN_PROGRESS", "output": far}))

    def segments(self, segments: Sequence[Segment]) -> None:
        """Send what was recognised."""
        if self._streams:
            partial = [{"start": one.start, "end": one.end, "text": one.text} for one in segments]
            for piece in _pieces("partial", partial):
                self._post(_Message({"output": piece}, is_piece=True))

    def stop(self) -> None:
        """Send nothing from now on."""
        self._sending.cancel()

    async def finish(self, response: Mapping[str, Any]) -> None:
        """Send the final segments, wait until everything is sent, and send nothing from now on."""
        if self._streams:
            for piece in _pieces("segments", response.get("segments", ())):
                self._messages.put_nowait(_Message({"output": piece}, is_piece=True))
        self._messages.put_nowait(None)
        try:
            await asyncio.wait_for(self._sending, _LAST_S)
        except asyncio.TimeoutError:
            log.warning("progress and stream could not be sent in %g s", _LAST_S)

    def _post(self, message: _Message) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and the worker with it
            self._loop.call_soon_threadsafe(self._messages.put_nowait, message)

    async def _send(self) -> None:
        if not (self._sends_progress or self._streams):
            return
        import_runpod()
        from runpod.http_client import AsyncClientSession
        from runpod.serverless.modules.rp_http import send_result, stream_result

        async with AsyncClientSession() as session:
            while (message := await self._messages.get()) is not None:
                try:
                    await (stream_result if message.is_piece else send_result)(session, message.body, self._job)
                except Exception:  # the answer is what matters, and it comes later
                    log.exception("a piece of progress or stream could not be sent")


@dataclass(frozen=True)
class _Message:
    body: dict[str, Any]
    is_piece: bool = False


def _pieces(name: str, items: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Yield items in lists small enough for RunPod."""
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
