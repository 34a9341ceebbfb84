"""From sound to text: detect_speech, identify_language and transcribe.

Speech and language are found only for a recogniser that takes them, and once for one recording: an engine that hands
another `audio` to the next one makes them be found in that.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from whisperx_worker import intervals
from whisperx_worker.errors import PluginError
from whisperx_worker.hooks.dispatch import run_engine, run_engine_with
from whisperx_worker.hooks.engine_choice import arguments_of, engines_for_job, recognition_steps
from whisperx_worker.pipeline.steps import import_for, step
from whisperx_worker.types import Audio, Language, Seconds, Speech, Transcript

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pluggy import HookImpl

    from whisperx_worker.hooks.host import Host
    from whisperx_worker.hooks.job import Job


def import_for_recognition(host: Host, job: Job) -> None:
    """Import the libraries of the steps that lead to the job's text."""
    try:
        steps = recognition_steps(engines_for_job(host, "transcribe", job))
    except PluginError:  # which is raised where the step is done
        return
    for hook in steps:
        if hook != "identify_language" or job.request.language is None:
            import_for(host, hook, job)


def inside(speech: Speech, duration_s: Seconds) -> Speech:
    """Clip speech to the recording, which the last frame of a detector may reach beyond."""
    if all(span.end <= duration_s for span in (*speech.spans[-1:], *speech.faint[-1:])):
        return speech
    spans, faint = (tuple(intervals.within(part, 0.0, duration_s)) for part in (speech.spans, speech.faint))
    return replace(speech, spans=spans, faint=faint)


def in_channels(speech: Speech, audio: Audio, job: Job) -> Speech:
    """Cut speech at seams, and warn of channels with sound and no speech beside others with some."""
    cut = replace(speech, spans=tuple(job.layout.cut(speech.spans)), faint=tuple(job.layout.cut(speech.faint)))
    found = {job.layout.channel_of(span.start, span.end) for span in (*cut.spans, *cut.faint)}
    for number, span in enumerate(job.layout.spans):
        if found and number not in found and np.any(audio.between(span.start, span.end)):
            job.warn("no speech was found", span)
    return cut


def recognise(job: Job, host: Host, audio: Audio) -> Transcript:
    """Run transcribe, after detect_speech and identify_language where it takes what they find.

    Raises:
        PluginError: When one of them fails.
    """

    @functools.cache
    def detect(audio: Audio) -> Speech:
        with step(job, host, "detect_speech"):
            found = inside(run_engine(host, "detect_speech", Speech, job, audio=audio), audio.duration_s)
        return in_channels(found, audio, job) if job.layout else found

    @functools.cache
    def identify(audio: Audio, speech: Speech) -> Language | None:
        if not speech.spans and not speech.faint:
            return None
        with step(job, host, "identify_language"):
            return run_engine(host, "identify_language", Language, job, audio=audio, speech=speech)

    def complete(engine: HookImpl, given: Mapping[str, Any]) -> Mapping[str, object]:
        missing = {"speech", "language"} & arguments_of(engine) - given.keys()
        found: dict[str, object] = {}
        if "speech" in missing:
            found["speech"] = detect(given["audio"])
        if "language" in missing and job.request.language is not None:
            found["language"] = Language(job.request.language)
        elif "language" in missing:
            found["language"] = identify(given["audio"], given.get("speech") or detect(given["audio"]))
        return {**given, **found}

    complete(engines_for_job(host, "transcribe", job)[0], {"audio": audio})
    with step(job, host, "transcribe"):
        return run_engine_with(host, "transcribe", Transcript, job, {"audio": audio}, complete)
