"""Steps of a job: a timed stage that begins with the imports of its plugins."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from whisperx_worker.errors import JobEndError, PluginError, WorkerError
from whisperx_worker.hooks.dispatch import run_engine
from whisperx_worker.hooks.engine_choice import ENGINES, engine_for_job
from whisperx_worker.hooks.host import taking_part
from whisperx_worker.hooks.requirements import import_libraries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from whisperx_worker.hooks.host import Host
    from whisperx_worker.hooks.job import Job

T = TypeVar("T")


@contextmanager
def step(job: Job, host: Host, hook: str) -> Iterator[None]:
    """Time a stage, which begins with the imports of its plugins."""
    with job.stage(hook):
        import_for(host, hook, job)
        yield


def import_for(host: Host, hook: str, job: Job) -> None:
    """Import the libraries of a stage's plugins, one thread at a time."""
    try:
        doers = [engine_for_job(host, hook, job)] if hook in ENGINES else taking_part(host, hook, job)
    except PluginError:  # which is raised where the step is done
        doers = []
    for doer in doers:
        import_libraries(host, doer.plugin_name, job.settings)


def run_optional_engine(
    host: Host, hook: str, expected: type[T], job: Job, without: str, **arguments: object
) -> T | None:
    """Run an engine; where it fails, return None and warn what the result lacks."""
    try:
        with step(job, host, hook):
            return run_engine(host, hook, expected, job, **arguments)
    except JobEndError:
        raise
    except WorkerError as error:
        job.warn(f"{error}; {without}")
        return None
