"""Language of a recording, by the Whisper model that also transcribes; both share it."""

from __future__ import annotations

from whisperx_worker import Audio, Job, Language, ModelRequirement, Settings, Speech, hookimpl
from whisperx_worker_plugins._shared.whisper.model_folder import find_model_folder, whisper_requirements
from whisperx_worker_plugins._shared.whisper.whisper_model import use_whisper
from whisperx_worker_plugins.whisper_language.language_detection import detect_language


@hookimpl
def register_models(settings: Settings) -> list[ModelRequirement]:
    """Return the requirements of the recognition model."""
    return whisper_requirements(settings, "identify_language")


@hookimpl
def identify_language(audio: Audio, speech: Speech, job: Job) -> Language:
    """Classify windows of the speech, or of what may be speech where there is no other."""
    request = job.request
    folder = find_model_folder(request.model or job.settings.model, job.settings, request.huggingface_access_token)
    with use_whisper(job.models, job.settings, folder, request.compute_type) as whisper:
        return detect_language(whisper, audio, speech.spans or speech.faint, job)
