"""Transcribes with a CTranslate2 Whisper folder, the Russian large-v3 in production.

speech finds where somebody speaks · language decides which one it is · decoding turns chunks of speech into text ·
segments gives the text its times · sifting takes out what nobody said · coverage finds the speech that has no text yet,
which is decoded again on its own · readings merges both. The model is loaded once and shared; everything else belongs
to one job.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from whisperx_worker import (
    Audio,
    Job,
    ModelCache,
    ModelRequirement,
    Segment,
    Settings,
    Span,
    Transcript,
    hookimpl,
    intervals,
)
from whisperx_worker_plugins.russian_whisper import (
    attention_alignment,
    chunking,
    coverage,
    cuda_libraries,
    decoding,
    language,
    model_folder,
    readings,
    sifting,
    speech_detection,
    whisper_model,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger(__name__)

MOST_ROUNDS = 4
"""Speech without text is listened to again so often, in smaller pieces each time."""


@hookimpl
def register_models(settings: Settings) -> list[ModelRequirement]:
    """The production model."""
    return [
        ModelRequirement(
            settings.model,
            "transcribe",
            model_folder.REQUIRED_FILES,
            libraries=("faster_whisper", "ctranslate2"),
            imports=("faster_whisper", "onnxruntime"),
            optional=("preprocessor_config.json",),
            gpu_setup=(f"{cuda_libraries.__name__}:preload_cuda_libraries",),
        )
    ]


@hookimpl
def warm_up(models: ModelCache, settings: Settings) -> None:
    """Load the production model."""
    with whisper_model.borrowed(
        models, settings, model_folder.find_model_folder(settings.model, settings), compute_type=None
    ):
        pass


@hookimpl
def transcribe(audio: Audio, job: Job) -> Transcript:
    """Find speech, detect the language where the job names none, and decode it in batches."""
    request = job.request
    name, token = request.model or job.settings.model, request.huggingface_access_token
    folder = model_folder.find_model_folder(name, job.settings, token)
    limits = model_folder.read_chunk_limits(folder, job.settings)
    found = speech_detection.detect_speech(
        audio, onset=request.vad_onset, offset=request.vad_offset, longest_s=limits.longest_s
    )
    log.info("speech: %.1f s of %.1f s", intervals.total_s(found), audio.duration_s)
    if not found:
        job.warn("no speech was found", Span(0.0, audio.duration_s))
        return Transcript((), request.language, speech=())
    with whisper_model.borrowed(job.models, job.settings, folder, request.compute_type) as whisper:
        spoken, probability = request.language, None
        if spoken is None:
            spoken, probability = language.detect(whisper, audio, found, job)
        segments = _text_of(whisper, audio, found, limits, spoken, job)
    return Transcript(segments, spoken, probability, speech=found)


def _text_of(  # noqa: PLR0913  what decoding takes
    whisper: whisper_model.Whisper,
    audio: Audio,
    heard: Sequence[Span],
    limits: chunking.ChunkLimits,
    language: str,
    job: Job,
) -> tuple[Segment, ...]:
    """The segments of all speech: decoded chunk by chunk, then what has no text, or too little, on its own."""
    chunks = chunking.pack_chunks(heard, limits)
    texts = decoding.decode(whisper, audio, chunks, heard, language, job)
    kept = sifting.sift(zip(chunks, texts, strict=True), heard, whisper, job, doubtful=True)
    segments, removed, moved, tried = kept.segments, kept.removed, list[sifting.Removed](), list(chunks)
    doubted = coverage.doubted(segments, heard)
    for _ in range(MOST_ROUNDS):
        sure = [segment for segment in segments if segment not in doubted]
        alone = coverage.apart(coverage.gaps(heard, sure, limits), tried, heard)
        if not alone:
            break
        texts = decoding.decode(whisper, audio, alone, heard, language, job, prompted=False)
        again = sifting.sift(zip(alone, texts, strict=True), heard, whisper, job, doubtful=False)
        agreed = readings.confirmed(doubted, [_as_segment(one) for one in again.removed])
        segments, doubted = ([agreed.get(one, one) for one in some] for some in (segments, doubted))
        segments = readings.merge(segments, doubted, again.segments)
        heard_anew = intervals.merge(alone)
        taken = {(one.start, one.end) for one in agreed.values()}
        unread = [one for one in again.removed if (one.span.start, one.span.end) not in taken]
        removed = [one for one in removed if not intervals.within(heard_anew, one.span.start, one.span.end)] + unread
        wrong = readings.misplaced(segments, doubted, [*again.segments, *map(_as_segment, again.removed)], heard_anew)
        segments = [segment for segment in segments if segment not in wrong]
        moved += [sifting.as_removed(segment, right) for segment, right in wrong.items()]
        tried += alone
        thin = [segment for segment in segments if coverage.is_thin(segment, heard)]
        doubted = [*thin, *readings.repeated(segments, again.segments)]
    sifting.tell([*removed, *moved], job)
    _tell_lost(coverage.lost(heard, chunks, segments, limits), [one.span for one in removed], job)
    for segment in segments:
        if coverage.is_thin(segment, heard):
            job.warn("there is far more speech here than text", Span(segment.start, segment.end))
    return attention_alignment.without_stale_words(segments)


def _as_segment(removed: sifting.Removed) -> Segment:
    return Segment(removed.span.start, removed.span.end, removed.text)


def _tell_lost(lost: Sequence[Span], removed: Sequence[Span], job: Job) -> None:
    """Warn of speech that has no text for no reason that was told."""
    told = intervals.merge(removed)
    for gap in lost:
        if not intervals.within(told, gap.start, gap.end):
            job.warn("speech was heard here, but the model gave no text", gap)
