"""Recognition by a CTranslate2 Whisper folder, in production the Russian large-v3.

In the order of a job: `speech_detection`, `chunking`, `language_detection`, `transcription`. The last one decodes
chunks (`decoding`, with `temperature_fallback`), cuts their tokens into segments (`timestamp_tokens`), removes
hallucinations (`judgement`) and decodes speech without text again (`redecoding`). The model is loaded and shared by
`whisper_model`; everything else belongs to one job. Text that was decoded without timestamps gets them from
`text_timing`.
"""

from __future__ import annotations

import logging

from whisperx_worker import (
    Audio,
    Job,
    ModelCache,
    ModelRequirement,
    Settings,
    Span,
    Transcript,
    hookimpl,
    intervals,
)
from whisperx_worker_plugins._shared.model_requirements import with_production_model
from whisperx_worker_plugins.russian_whisper import cuda_libraries, whisper_model
from whisperx_worker_plugins.russian_whisper.language_detection import detect_language
from whisperx_worker_plugins.russian_whisper.model_folder import (
    REQUIRED_FILES,
    find_model_folder,
    read_chunk_limits,
)
from whisperx_worker_plugins.russian_whisper.speech_detection import detect_speech
from whisperx_worker_plugins.russian_whisper.transcription import transcribe_speech

log = logging.getLogger(__name__)

PRODUCTION_MODEL = ModelRequirement(
    "faster-whisper-large-v3-russian",
    "transcribe",
    on_request=True,
    hub_id="bzikst/faster-whisper-large-v3-russian",
)
"""Default model, with its hub id."""


@hookimpl
def register_models(settings: Settings) -> list[ModelRequirement]:
    """Return the production model's requirement."""
    return with_production_model(
        ModelRequirement(
            settings.model,
            "transcribe",
            REQUIRED_FILES,
            libraries=("faster_whisper", "ctranslate2", "silero_vad"),
            imports=("faster_whisper", "onnxruntime"),
            optional=("preprocessor_config.json",),
            gpu_setup=(f"{cuda_libraries.__name__}:preload_cuda_libraries",),
        ),
        PRODUCTION_MODEL,
    )


@hookimpl
def warm_up(models: ModelCache, settings: Settings) -> None:
    """Load the production model."""
    folder = find_model_folder(settings.model, settings)
    with whisper_model.use_whisper(models, settings, folder, compute_type=None):
        pass


@hookimpl
def transcribe(audio: Audio, job: Job) -> Transcript:
    """Detect speech, detect the language where the request names none, and transcribe in batches."""
    request = job.request
    name, token = request.model or job.settings.model, request.huggingface_access_token
    folder = find_model_folder(name, job.settings, token)
    limits = read_chunk_limits(folder, job.settings)
    detected = detect_speech(audio, onset=request.vad_onset, offset=request.vad_offset, longest_s=limits.longest_s)
    speech = detected.speech
    log.info("speech: %.1f s of %.1f s", intervals.total_s(speech), audio.duration_s)
    if not speech and not detected.faint:
        job.warn("no speech was found", Span(0.0, audio.duration_s))
        return Transcript((), request.language, speech=())
    with whisper_model.use_whisper(job.models, job.settings, folder, request.compute_type) as whisper:
        language, probability = request.language, None
        if language is None:
            language, probability = detect_language(whisper, audio, speech or detected.faint, job)
        segments = transcribe_speech(whisper, audio, detected, limits, language, job)
    return Transcript(segments, language, probability, speech=speech)
