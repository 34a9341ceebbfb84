"""Memory in use while something runs.

It is the GPU's as its driver sees it, else that of this process.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from whisperx_worker.runtime.process import held_mb

if TYPE_CHECKING:
    from typing_extensions import Self

_EVERY_S = 0.01


def used_mb(device: str) -> float:
    """Return the memory in use, in megabytes.

    On a GPU it is what the driver has given to all processes: CTranslate2 and torch count alike, with the memory that
    they cache, and so does every other process on this GPU.
    """
    if device == "cpu":
        return held_mb()
    import torch

    free, total = torch.cuda.mem_get_info()
    return (total - free) / 1e6


@dataclass
class Watch:
    """Sampler of the memory in use, every 10 ms while its block runs."""

    device: str
    before_mb: float = 0.0
    _seen: list[tuple[float, float]] = field(default_factory=list)
    """Seconds since the epoch, and megabytes."""
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.before_mb = used_mb(self.device)
        self._look()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread:
            self._thread.join()
        self._look()

    @property
    def peak_mb(self) -> float:
        """Peak of the block, in megabytes."""
        return max(used for _, used in self._seen)

    def peak_between(self, began_at: float, ended_at: float) -> float:
        """Return the peak in megabytes between two times since the epoch.

        For an interval without a sample it is the last sample before it.
        """
        within = [used for at, used in self._seen if began_at <= at <= ended_at]
        earlier = [used for at, used in self._seen if at <= began_at]
        return max(within or earlier[-1:] or [self.before_mb])

    def _look(self) -> None:
        self._seen.append((time.time(), used_mb(self.device)))

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY_S):
            self._look()


def torch_peaks_mb() -> tuple[float, float]:
    """Return the peaks of torch's allocated and reserved GPU memory, in megabytes."""
    import torch

    return torch.cuda.max_memory_allocated() / 1e6, torch.cuda.max_memory_reserved() / 1e6
