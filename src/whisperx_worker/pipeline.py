"""One job from top to bottom: fetch, decode, pre_audio, transcribe, align, post_align, finalize.

It reads like the picture in the README. It decides in which order hooks run and what a failure of each means; how hooks
are called is the business of `stages`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from whisperx_worker.audio import decode
from whisperx_worker.errors import JobCancelledError, StrictError, WorkerError
from whisperx_worker.fetch import fetch
from whisperx_worker.stages import chain, engine
from whisperx_worker.types import Audio, Result, Transcript

if TYPE_CHECKING:
    from whisperx_worker.host import Host
    from whisperx_worker.job import Job


def run(job: Job, host: Host, *, local: bool = False) -> Result:
    """Do the whole job.

    Args:
        job: What is asked.
        host: The plugins that do it.
        local: Whether the recording may be a path on this machine.

    Raises:
        WorkerError: With one sentence for the client.
    """
    warn_of_missing_plugins(job, host)
    audio = recording(job, local=local)
    with job.stage("pre_audio"):
        audio = chain(host, "pre_audio", audio, job)
    with job.stage("transcribe"):
        transcript = engine(host, "transcribe", Transcript, job, audio=audio)
    if job.request.align_output and transcript.segments:
        transcript = aligned(job, host, audio, transcript)
    with job.stage("post_align"):
        transcript = chain(host, "post_align", transcript, job, audio=audio)
    warn_of_missing_stages(job)
    with job.stage("finalize"):
        return chain(host, "finalize", Result(transcript, audio.duration_s), job)


def warn_of_missing_plugins(job: Job, host: Host) -> None:
    """Say which plugins should take part and could not be loaded; why stands in the log and in the list of plugins."""
    for record in host.records:
        if record.state == "failed":
            job.warn(f"plugin {record.name} could not be loaded and takes no part in this job")


def recording(job: Job, *, local: bool) -> Audio:
    """Bring the job's recording here and decode it; its file is gone when this returns, whatever happens."""
    place = job.request.audio_file or job.request.audio_base64 or ""
    local = local and job.request.audio_file is not None
    with tempfile.TemporaryDirectory(prefix="whisperx-worker-") as folder:
        with job.stage("fetch"):
            path = fetch(place, Path(folder), job.settings, local=local)
        with job.stage("decode"):
            audio, warnings = decode(path, job.settings)
    for warned in warnings:
        job.warn(warned.message, warned.span)
    return audio


def aligned(job: Job, host: Host, audio: Audio, transcript: Transcript) -> Transcript:
    """The transcript with word times, or as it was and a warning."""
    try:
        with job.stage("align"):
            return engine(host, "align", Transcript, job, audio=audio, transcript=transcript)
    except (StrictError, JobCancelledError):
        raise
    except WorkerError as error:
        job.warn(f"{error}; segments keep their times and words have none")
        return transcript


def warn_of_missing_stages(job: Job) -> None:
    """Say which steps the job asked for and this version does not have."""
    asked = {"diarization": job.request.diarization, "speaker_verification": job.request.wants_verification}
    for name, wanted in asked.items():
        if wanted:
            job.warn(f"{name} is not in this version of the worker yet; the text comes without it")
