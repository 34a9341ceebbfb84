"""Stand-in for a job in a plugin's process; the worker's job does what it is asked for."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from whisperx_worker.hooks.isolation.messages import Answer, Ask, JobDescription, Start, portable, portable_value
from whisperx_worker.hooks.job import Job, Observers

if TYPE_CHECKING:
    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.hooks.isolation.channel import Channel
    from whisperx_worker.models.cache import ModelCache

ASKED_OF_WORKER = (
    "warn", "places", "progress", "stop_if_cancelled", "recognised", "decoded", "note_text", "noted_texts",
    "fetch_address", "embed_voices", "cancel",
)  # fmt: skip
"""Methods that the worker's job runs."""


def describe_job(job: Job, start: Start) -> JobDescription:
    """Return what a plugin's process has to know of a job.

    Args:
        job: The worker's job.
        start: What the process loaded.
    """
    settings = None if job.settings is start.settings else job.settings
    options: Any = job.options.get(start.plugin)
    return JobDescription(job.id, job.request, settings, job.local, job.left_s, job.plugins_off, options)


def stand_in_job(description: JobDescription, settings: Settings, models: ModelCache, channel: Channel) -> Job:
    """Return the job of a call in the plugin's process."""

    def ask(method: str, *arguments: object, **named: object) -> Any:  # noqa: ANN401
        with channel.lock:
            channel.send(Ask(method, tuple(map(portable_value, arguments)), named))
            answer: Answer = channel.receive()
        if answer.error is not None:
            raise answer.error
        return answer.value

    job = Job(
        description.id,
        description.request,
        description.settings or settings,
        models,
        local=description.local,
        observers=Observers(stage_ended=lambda _job, ended: ask("stage_ended", ended)),
        plugins_off=description.plugins_off,
        time_limit_s=description.left_s,
    )
    for method in ASKED_OF_WORKER:
        setattr(job, method, functools.partial(ask, method))
    return job


def answer_for(job: Job, ask: Ask) -> Answer:
    """Do what a plugin asks of the worker's job."""
    try:
        if ask.method == "stage_ended":
            for observers in (job.observers, job.plugins):
                observers.stage_ended(job, *ask.arguments)
            return Answer()
        return Answer(getattr(job, ask.method)(*ask.arguments, **ask.named))
    except Exception as error:  # noqa: BLE001  the plugin gets it
        return Answer(error=portable(error))
