"""Errors of the alignment."""

from whisperx_worker import WorkerError


class UnalignableError(WorkerError, ValueError):
    """Reason why a segment cannot be aligned: a clause after "could not be aligned:"."""
