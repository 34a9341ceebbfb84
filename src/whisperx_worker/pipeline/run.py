"""Stages of one job: fetch, decode, pre_audio; text beside speakers; verify_speakers, finalize.

The picture in docs/architecture.md has the order. This module decides what a failure of each hook means;
`hooks.dispatch` decides how hooks are called.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from whisperx_worker.audio.decode_server import decode
from whisperx_worker.audio.fetch import fetch
from whisperx_worker.contract.channels import ChannelRequest
from whisperx_worker.hooks.dispatch import run_chain
from whisperx_worker.pipeline.channels import layout_for, warn_of_unused_fields
from whisperx_worker.pipeline.concurrency import run_concurrently
from whisperx_worker.pipeline.echoed_text import without_echo
from whisperx_worker.pipeline.recognition import import_for_recognition, recognise
from whisperx_worker.pipeline.steps import run_optional_engine, step
from whisperx_worker.pipeline.voiceprints import (
    refuse_other_models,
    warn_of_missing_voiceprints,
    with_asked_voiceprints,
)
from whisperx_worker.results import speaker_warnings
from whisperx_worker.results.channel_folding import cut_transcript, fold_result
from whisperx_worker.results.channel_layout import NO_CHANNELS
from whisperx_worker.results.channel_speakers import (
    are_separate,
    assign_in_channels,
    channel_turns,
    channels_without_turns,
    label_channels,
    separate_speakers,
)
from whisperx_worker.results.extra_check import check_extra
from whisperx_worker.results.speaker_names import apply_names
from whisperx_worker.types import Audio, Diarization, Result, SpeakerMatch, Transcript

if TYPE_CHECKING:
    from whisperx_worker.hooks.host import Host
    from whisperx_worker.hooks.job import Job


def run_job(job: Job, host: Host) -> tuple[Result, Audio]:
    """Run the whole job, timed, and return its result and the recording after pre_audio.

    Raises:
        WorkerError: With one sentence for the client.
    """
    with job.timed("job"):
        return run_stages(job, host)


def run_stages(job: Job, host: Host) -> tuple[Result, Audio]:
    """Run every stage of the job, in order; return its result and the recording after pre_audio."""
    warn_of_missing_plugins(job, host)
    vars(job)["request"] = run_chain(host, "prepare", job.request, job)  # which plugins cannot assign
    refuse_other_models(job)
    audio = load_recording(job)
    job.layout = layout_for(job.request, audio)
    with step(job, host, "pre_audio"):
        audio = run_chain(host, "pre_audio", audio, job)
    job.layout = layout_for(job.request, audio)
    warn_of_unused_fields(job)
    if job.request.diarization:
        import_for_recognition(host, job)  # small beside what the other line imports, and not to wait behind it
        transcript, diarization = run_concurrently(
            job, lambda: transcribe_and_align(job, host, audio), lambda: run_diarization(job, host, audio)
        )
        transcript = with_speakers(job, host, transcript, diarization)
    else:
        transcript, diarization = transcribe_and_align(job, host, audio), None
        if job.layout:
            transcript = label_channels(transcript, job.layout)
            diarization = channel_turns(transcript)
    matches = run_verification(job, host, audio, transcript, diarization)
    turns = diarization.turns if diarization else ()
    if job.name_speakers:
        with job.timed("name_speakers"):
            matches = job.name_speakers(job, audio, matches, turns)
    result = Result(apply_names(transcript, matches), audio.duration_s, matches, turns)
    if job.layout:
        result, job.layout = fold_result(result, job.layout), NO_CHANNELS
    with step(job, host, "finalize"):
        result = run_chain(host, "finalize", result, job)
    result = replace(result, speakers=with_asked_voiceprints(result.speakers, job))
    return with_valid_extra(job, host, result), audio


def warn_of_missing_plugins(job: Job, host: Host) -> None:
    """Warn of plugins that could not be loaded, and of settings that name none."""
    for record in host.records:
        if record.state == "failed":
            job.warn(f"plugin {record.name} could not be loaded and takes no part in this job")
    for problem in host.problems:
        job.warn(problem)


def load_recording(job: Job) -> Audio:
    """Fetch and decode the job's recording; its file is removed in any case."""
    with tempfile.TemporaryDirectory(prefix="whisperx-worker-") as folder:
        with job.stage("fetch"):
            path = fetch(
                job.request.source,
                Path(folder),
                job.settings,
                check_cancelled=job.stop_if_cancelled,
                fetch_address=job.fetch_address,
            )
        with job.stage("decode"):
            wanted = ChannelRequest(job.request.channels, job.request.audio_track)
            audio, warnings = (job.decode or decode)(path, job.settings, job.stop_if_cancelled, wanted)
    for warned in warnings:
        job.warn(warned.message, warned.span)
    return audio


def transcribe_and_align(job: Job, host: Host, audio: Audio) -> Transcript:
    """Run transcribe with what comes before it, align where requested, and post_align."""
    transcript = cut_transcript(recognise(job, host, audio), job.layout)
    if job.request.align_output and transcript.segments:
        without = "segments keep their times and words have none"
        arguments = {"audio": audio, "transcript": transcript}
        transcript = run_optional_engine(host, "align", Transcript, job, without, **arguments) or transcript
    transcript = without_echo(cut_transcript(transcript, job.layout), audio, job)
    with step(job, host, "post_align"):
        return run_chain(host, "post_align", transcript, job, audio=audio)


def run_diarization(job: Job, host: Host, audio: Audio) -> Diarization | None:
    """Run diarize and return its turns; None and a warning where it fails."""
    without = "the text comes without speakers"
    diarization = run_optional_engine(host, "diarize", Diarization, job, without, audio=audio)
    if diarization is None:
        return None
    if job.layout:
        diarization = separate_speakers(diarization, job.layout)
    with step(job, host, "post_diarize"):
        diarization = run_chain(host, "post_diarize", diarization, job, audio=audio)
    if job.layout and not are_separate(diarization, job.layout):
        diarization = separate_speakers(diarization, job.layout)
    for sentence in speaker_warnings.unmet_counts(diarization.turns, job.request):
        job.warn(sentence)
    return diarization


def with_speakers(job: Job, host: Host, transcript: Transcript, diarization: Diarization | None) -> Transcript:
    """Return the transcript with speakers on words; warn of overlaps and uncertain splits."""
    if diarization is None or not transcript.segments:
        return transcript
    if not diarization.turns:
        job.warn("diarize found nobody speaking; the text comes without speakers")
    elif job.layout:
        for number in channels_without_turns(transcript, diarization, job.layout):
            job.warn(f"diarize found nobody speaking in channel {number}; its text comes without speakers")
    overlapped = speaker_warnings.overlapped_text(transcript, diarization.turns)
    if overlapped:
        job.warn(speaker_warnings.overlap_warning(overlapped, job.layout))
    uncuttable = [name for name, schema in host.extra.items() if not schema.keep_when_cut]
    spoken = assign_in_channels(transcript, diarization, job.layout, uncuttable)
    if uncut := speaker_warnings.uncut_segments(spoken, diarization):
        job.warn(speaker_warnings.uncut_warning(uncut, job.layout))
    return spoken


def run_verification(
    job: Job, host: Host, audio: Audio, transcript: Transcript, diarization: Diarization | None
) -> tuple[SpeakerMatch, ...]:
    """Run verify_speakers and return its matches; none and a warning where it fails."""
    known = diarization if diarization and diarization.turns else None
    if not job.request.wants_verification or not (transcript.segments or known):
        return ()
    without = "speakers have no names" + (" and no voiceprints" if job.request.return_voiceprints else "")
    matches = run_optional_engine(
        host, "verify_speakers", Sequence, job, without,  # type: ignore[type-abstract]
        audio=audio, transcript=transcript, diarization=known,
    )  # fmt: skip
    if matches is None:
        return ()
    warn_of_missing_voiceprints(matches, job)
    return with_asked_voiceprints(matches, job)


def with_valid_extra(job: Job, host: Host, result: Result) -> Result:
    """Return the result with what JSON and the plugins' schemas allow in `extra`; warn of the rest."""
    checked, sentences = check_extra(result, {name: host.extra.get(name) for name in host.active})
    for sentence in sentences:
        job.warn(sentence)
    return checked
