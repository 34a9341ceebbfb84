"""Fixture for pytest, for those who name it: `from whisperx_worker.testing.fixtures import open_plugins`.

Nothing registers it with pytest by itself, so tests of other projects load nothing of this package.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from whisperx_worker.contract.settings import PREFIX
from whisperx_worker.models.cache import ModelCache
from whisperx_worker.pipeline.worker import Worker
from whisperx_worker.testing.plugins import load_plugins, make_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from whisperx_worker.hooks.host import Host


@pytest.fixture
def open_plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Host]]:
    """Load plugins as `load_plugins` does; the machine's settings are hidden, and `shutdown` hooks run at the end."""
    for variable in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(variable)
    workers: list[Worker] = []

    def open_(**given: object) -> Host:
        host = load_plugins(**given)  # type: ignore[arg-type]
        workers.append(Worker(host.settings or make_settings(), host, ModelCache()))
        return host

    yield open_
    for worker in workers:
        worker.shut_down()
