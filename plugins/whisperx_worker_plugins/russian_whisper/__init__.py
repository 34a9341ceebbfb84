"""Recognition by a CTranslate2 Whisper folder, in production the Russian large-v3.

In the order of a job: `long_intervals`, `chunking`, `transcription`. The last one decodes chunks (`decoding`, with
`temperature_fallback` and what plugins make of each text, `text_review`), cuts their tokens into segments
(`timestamp_tokens`), removes hallucinations (`judgement`) and decodes speech without text again (`redecoding`). The
model is loaded and shared by `_shared.whisper`; everything else belongs to one job. Text that was decoded without
timestamps gets them from `text_timing`.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from whisperx_worker import (
    Audio,
    Job,
    Language,
    ModelCache,
    ModelRequirement,
    Settings,
    Span,
    Speech,
    Transcript,
    hookimpl,
    intervals,
)
from whisperx_worker_plugins._shared.whisper.model_folder import find_model_folder, whisper_requirements
from whisperx_worker_plugins._shared.whisper.whisper_model import use_whisper
from whisperx_worker_plugins.russian_whisper.chunk_limits import read_chunk_limits
from whisperx_worker_plugins.russian_whisper.chunking import seams_between
from whisperx_worker_plugins.russian_whisper.long_intervals import cut_long
from whisperx_worker_plugins.russian_whisper.transcription import transcribe_speech

log = logging.getLogger(__name__)


@hookimpl
def register_models(settings: Settings) -> list[ModelRequirement]:
    """Return the production model's requirement."""
    return whisper_requirements(settings, "transcribe")


@hookimpl
def warm_up(models: ModelCache, settings: Settings) -> None:
    """Load the production model."""
    folder = find_model_folder(settings.model, settings)
    with use_whisper(models, settings, folder, compute_type=None):
        pass


@hookimpl
def transcribe(audio: Audio, speech: Speech, language: Language | None, job: Job) -> Transcript:
    """Transcribe the speech in batches."""
    request = job.request
    name, token = request.model or job.settings.model, request.huggingface_access_token
    folder = find_model_folder(name, job.settings, token)
    limits = replace(read_chunk_limits(folder, job.settings), seams=seams_between(audio.channel_spans))
    log.info("speech: %.1f s of %.1f s", intervals.total_s(speech.spans), audio.duration_s)
    if language is None or not (speech.spans or speech.faint):
        job.warn("no speech was found", Span(0.0, audio.duration_s))
        return Transcript((), request.language, speech=())
    parts = cut_long(speech, limits.longest_s, onset=request.vad_onset, offset=request.vad_offset)
    with use_whisper(job.models, job.settings, folder, request.compute_type) as whisper:
        segments = transcribe_speech(whisper, audio, parts, limits, language.code, job)
    return Transcript(segments, language.code, language.probability, speech=parts.spans)
