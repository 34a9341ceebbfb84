"""What can go wrong, each as one sentence that a client may read: no path of the machine, no secret, no traceback."""

from __future__ import annotations

NO_ROOM = "the worker has no room to keep the audio"
"""What a client is told when the disk is full."""


class WorkerError(Exception):
    """Base of every error whose text is fit for a client."""


class BadInputError(WorkerError, ValueError):
    """The request, or the audio that it points to, is wrong; the client can mend it."""


class FetchError(WorkerError, OSError):
    """The audio could not be brought here."""


class ModelNotFoundError(WorkerError, LookupError):
    """No folder was found for a model's name, and the hub may not be asked or did not have it."""


class GatedModelError(ModelNotFoundError):
    """The model is there for those who accepted its terms, and the token is not one of theirs."""


class DeviceError(WorkerError, RuntimeError):
    """The GPU that models must run on cannot be used; no later job of this process fares better."""


class MemoryExhaustedError(WorkerError, RuntimeError):
    """The smallest batch of a stage does not fit into memory."""


class SettingsError(WorkerError, ValueError):
    """An environment variable, or what it names, cannot be used; the worker does not start."""


class PluginError(WorkerError, RuntimeError):
    """A plugin raised, declined or returned something else than its hook promises."""


class StrictError(WorkerError, RuntimeError):
    """The job asked for `strict`, and something happened that would have been a warning."""


class JobCancelledError(WorkerError, RuntimeError):
    """Whoever asked for the job does not want it any more."""


class OutOfTimeError(JobCancelledError):
    """The job has had the time that it was given."""
