"""Recognition by the worker's own plugins, from sound to text, without the rest of a job."""

from __future__ import annotations

from whisperx_worker.contract.settings import Settings
from whisperx_worker.hooks.host import DISTRIBUTION, Candidate
from whisperx_worker.hooks.loading import load_host
from whisperx_worker.pipeline import recognition
from whisperx_worker_plugins import russian_whisper, silero_detection, whisper_language

OWN = {
    "russian_whisper": russian_whisper,
    "silero_detection": silero_detection,
    "whisper_language": whisper_language,
}


def own_recognition(**others):
    """Load the plugins that detect speech, identify the language and transcribe, and further ones."""
    own = [Candidate(name, DISTRIBUTION, "0", load=lambda one=one: one) for name, one in OWN.items()]
    others = [Candidate(name, "test", "0", load=lambda one=one: one) for name, one in others.items()]
    return load_host(Settings(), [*own, *others])


def recognise(host, job, audio):
    """Return the transcript of a job."""
    return recognition.recognise(job, host, audio)
