"""Transcribes with a CTranslate2 Whisper folder, the Russian large-v3 in production.

speech finds where somebody speaks · language decides which one it is · decoding turns chunks of speech into text ·
segments gives the text its times. The model is loaded once and shared; everything else belongs to one job.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from whisperx_worker import Audio, Job, ModelShelf, Segment, Settings, Span, Transcript, hookimpl
from whisperx_worker_plugins.russian_whisper import decoding, language, model, segments, speech

if TYPE_CHECKING:
    from whisperx_worker_plugins.russian_whisper.decoding import Decoded

log = logging.getLogger(__name__)


@hookimpl
def warm_up(models: ModelShelf, settings: Settings) -> None:
    """Load the production model."""
    with model.borrowed(models, settings, settings.model, compute_type=None):
        pass


@hookimpl
def transcribe(audio: Audio, job: Job) -> Transcript:
    """Find speech, detect the language where the job names none, and decode it in batches."""
    request = job.request
    longest_s = job.settings.chunk_s
    heard = speech.find(audio, onset=request.vad_onset, offset=request.vad_offset, longest_s=longest_s)
    log.info("speech: %.1f s of %.1f s", sum(span.duration_s for span in heard), audio.duration_s)
    if not heard:
        job.warn("no speech was found", Span(0.0, audio.duration_s))
        return Transcript((), request.language, speech=())
    name, token = request.model or job.settings.model, request.huggingface_access_token
    with model.borrowed(job.models, job.settings, name, request.compute_type, token) as whisper:
        spoken, probability = request.language, None
        if spoken is None:
            spoken, probability = language.detect(whisper, audio, heard, job)
        chunks = speech.chunks(heard, longest_s)
        texts = decoding.decode(whisper, audio, chunks, spoken, job)
        found = _segments_of(whisper, chunks, texts, job)
    return Transcript(found, spoken, probability, speech=heard)


def _segments_of(whisper: model.Whisper, chunks: list[Span], texts: list[Decoded], job: Job) -> tuple[Segment, ...]:
    """The segments of all chunks; a chunk without text, or whose text is taken for silence, is told to the client."""
    found: list[Segment] = []
    removed: list[dict[str, object]] = []
    for chunk, decoded in zip(chunks, texts, strict=True):
        if decoding.is_silence(decoded, job.settings):
            removed.append({"start": chunk.start, "end": chunk.end, "text": decoded.text})
            job.warn(
                "text was removed because both thresholds take it for silence "
                f"(no_speech_prob {decoded.no_speech_prob:.2f}, avg_logprob {decoded.avg_logprob:.2f})",
                chunk,
            )
            continue
        cut = segments.cut(decoded, chunk, whisper)
        if not cut:
            job.warn("speech was heard here, but the model gave no text", chunk)
        elif decoding.is_bad(decoded, job.settings):
            job.warn(
                "this text fails a threshold at every temperature and is kept "
                f"(avg_logprob {decoded.avg_logprob:.2f}, compression_ratio {decoded.compression_ratio:.2f})",
                chunk,
            )
        found += cut
    if removed:
        job.notes["removed"] = removed
    return tuple(found)
