"""Specifications of observers: hooks that measure a job and change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker.hooks.hookspecs import hookspec

if TYPE_CHECKING:
    from whisperx_worker.hooks.job import Job, StageEnd


@hookspec
def job_started(job: Job, options: object) -> None:
    """Observer. Take note that a job begins, before anything is fetched.

    Called once per job with a valid request. What it raises is logged.

    Example:
        >>> from whisperx_worker import Job, hookimpl
        >>> @hookimpl
        ... def job_started(job: Job) -> None:
        ...     print(job.id)
    """


@hookspec
def job_ended(error: BaseException | None, job: Job, options: object) -> None:
    """Observer. Take note that a job has ended, well or not; send a webhook.

    Called once for each `job_started`. `error` is what ended the job, None where it succeeded; its text may name files
    and hosts. What it raises is logged. The client waits for its answer until this returns.

    Example:
        >>> from whisperx_worker import Job, hookimpl
        >>> @hookimpl
        ... def job_ended(error: BaseException | None, job: Job) -> None:
        ...     print(job.id, "failed" if error else "done")
    """


@hookspec
def stage_ended(ended: StageEnd, job: Job, options: object) -> None:
    """Observer. Measure: a stage of the job has ended, and how long it took.

    Called after each stage in the thread that did it (`diarize` has one of its own), so answer quickly, and expect two
    calls at the same time. `ended` has the stage's name, its times and what ended it, if anything did; `align`,
    `diarize` and `verify_speakers` may fail in a job that goes on. The last one is "job", all of them and what
    lies between; a request that was refused has no stages. What a job found is
    seen in `finalize`. An error's text, like the transcript, is nothing for strangers: send on its kind.

    Example:
        >>> from whisperx_worker import StageEnd, hookimpl
        >>> seconds_by_stage: dict[str, float] = {}
        >>> @hookimpl
        ... def stage_ended(ended: StageEnd) -> None:
        ...     seconds_by_stage[ended.stage] = seconds_by_stage.get(ended.stage, 0.0) + ended.seconds
    """
