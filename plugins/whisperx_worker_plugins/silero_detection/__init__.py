"""Speech intervals by Silero's voice activity detector, at any loudness of the speakers."""

from __future__ import annotations

from whisperx_worker import Audio, Job, Speech, hookimpl
from whisperx_worker_plugins.silero_detection import speech_detection


@hookimpl
def detect_speech(audio: Audio, job: Job) -> Speech:
    """Detect speech with the request's onset and offset."""
    return speech_detection.detect_speech(audio, onset=job.request.vad_onset, offset=job.request.vad_offset)
