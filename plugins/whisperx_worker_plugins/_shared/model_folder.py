"""Torch models of a folder, loaded once per process and device."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from whisperx_worker import find_model, folder_mb, torch_device, torch_stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pydantic import SecretStr

    from whisperx_worker import ModelCache, Settings

T = TypeVar("T")


@contextmanager
def use_model_folder(  # noqa: PLR0913  the model, and how it is loaded
    name: str,
    models: ModelCache,
    settings: Settings,
    token: SecretStr | None,
    *,
    plugin: str,
    stage: str,
    load: Callable[[Path, str], T],
) -> Iterator[T]:
    """Use the model of a folder, and give GPU memory back after the stage.

    Args:
        name: Name of the model, as `find_model` takes it.
        models: Cache of loaded models.
        settings: For the device and the models folder.
        token: For a gated model.
        plugin: Name of the plugin, for the model's key in the cache.
        stage: Name of the stage that runs the model.
        load: Makes the model of its folder on a device, "cpu" or "cuda".

    Raises:
        WorkerError: When the model is nowhere, or there is no such device.
    """
    device = torch_device(settings)
    folder = find_model(name, settings, token)
    key = (plugin, str(folder), device)
    with models.use(key, lambda: load(folder, device), folder_mb(folder)) as model, torch_stage(stage, device):
        yield model
