"""Device that models run on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from whisperx_worker.errors import DeviceError
from whisperx_worker.runtime import machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from whisperx_worker.contract.settings import Settings


def torch_device(settings: Settings) -> Literal["cpu", "cuda"]:
    """Return the device of torch models.

    Raises:
        DeviceError: As `pick_device` does.
    """
    import torch

    return pick_device(settings, has_gpu=torch.cuda.is_available)


def pick_device(settings: Settings, has_gpu: Callable[[], bool]) -> Literal["cpu", "cuda"]:
    """Return the device of models of a library, by its own answer about GPUs.

    Raises:
        DeviceError: When the library cannot use a GPU, and the settings want one, or the machine has one that other
            libraries may use.
    """
    if settings.device == "cpu":
        return "cpu"
    if has_gpu():
        return "cuda"
    if settings.device == "cuda":
        raise DeviceError("models must run on the GPU, but there is none that can be used")
    if (driver := machine.known_driver()) and driver.gpus:
        raise DeviceError(
            "this machine has a GPU, but a library cannot use it; `whisperx-worker doctor` says more, and with "
            "WHISPERX_WORKER_DEVICE=cpu all models run on the CPU"
        )
    return "cpu"
