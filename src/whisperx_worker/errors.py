"""Errors with texts for clients, without paths of the machine, secrets and tracebacks."""

from __future__ import annotations

NO_ROOM = "the worker has no room to keep the audio"
"""Sentence for a client when the disk is full."""


class WorkerError(Exception):
    """Base of every error with a text that a client may read."""


class BadInputError(WorkerError, ValueError):
    """Mistake in the request, or in the audio that it names, which the client can correct."""


class FetchError(WorkerError, OSError):
    """Audio that could not be fetched."""


class ModelNotFoundError(WorkerError, LookupError):
    """Model without a folder, that the hub does not have or may not be used for."""


class GatedModelError(ModelNotFoundError):
    """Gated model that the token has no access to."""


class DeviceError(WorkerError, RuntimeError):
    """GPU that cannot be used, by this job or a later one of the process."""


class MemoryExhaustedError(WorkerError, RuntimeError):
    """Stage of which the smallest batch does not fit into memory."""


class SettingsError(WorkerError, ValueError):
    """Environment variable that cannot be used, so that the worker does not start."""


class PluginError(WorkerError, RuntimeError):
    """Plugin that raised, declined or returned a value of the wrong type."""


class JobEndError(WorkerError):
    """Error that ends the job, in whatever plugin it is raised."""


class StrictError(JobEndError, RuntimeError):
    """Warning in a `strict` job."""


class JobRefusedError(JobEndError, ValueError):
    """Refusal of a job by a plugin, with one sentence for the client."""


class ClosedPluginError(JobEndError, RuntimeError):
    """Failure of a plugin without which the job must not go on."""


class JobCancelledError(JobEndError, RuntimeError):
    """Job that was cancelled."""


class OutOfTimeError(JobCancelledError):
    """Job that exceeded its time limit."""
