"""Reasons to ask RunPod for a fresh worker, and how many jobs this one takes meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker.runtime.machine import memory_gb
from whisperx_worker.runtime.process import held_mb

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.runtime.health import Health

_SHARE_OF_MEMORY = 0.9


def reason_to_refresh(settings: Settings, given_up: Sequence[threading.Thread], health: Health) -> str | None:
    """Return why RunPod should replace this worker, or None.

    Args:
        settings: For the memory that it may hold.
        given_up: Threads of abandoned jobs.
        health: Of its process.
    """
    if health.fault:
        return health.fault.reason
    now_mb, most_mb = held_mb(), most_memory_mb(settings)
    if now_mb > most_mb:
        return f"it holds {now_mb:.0f} MB, more than {most_mb:.0f} MB"
    if any(thread.is_alive() for thread in given_up):
        return "a job that was given up has not stopped"
    if any(thread.is_alive() for thread in health.left_behind):
        return "a plugin that did not end in its time has not stopped"
    return None


def most_memory_mb(settings: Settings) -> float:
    """Return the memory above which the worker takes one job at a time, and wants to be replaced."""
    return settings.max_memory_mb or _SHARE_OF_MEMORY * 1000 * memory_gb()[0]


def jobs_at_once(settings: Settings) -> int:
    """Return how many jobs a worker should have now."""
    return settings.jobs_at_once if held_mb() <= most_memory_mb(settings) else 1
