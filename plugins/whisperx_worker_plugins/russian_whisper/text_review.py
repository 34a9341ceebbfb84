"""Review of decoded texts by plugins: another text, or another try at the next temperature."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from whisperx_worker import DecodedText, Span
from whisperx_worker_plugins.russian_whisper.decoded_chunk import compression_ratio
from whisperx_worker_plugins.russian_whisper.thresholds import pick_best

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from whisperx_worker import Job
    from whisperx_worker_plugins.russian_whisper.chunking import Chunk
    from whisperx_worker_plugins.russian_whisper.decoded_chunk import DecodedChunk


def review_texts(
    chunks: Sequence[Chunk],
    decoded: Sequence[DecodedChunk],
    temperatures: Sequence[float],
    decode_again: Callable[[Sequence[int], float], Sequence[DecodedChunk]],
    job: Job,
) -> list[DecodedChunk]:
    """Return a batch as the job's plugins leave it.

    A chunk that they ask another try for is decoded at each temperature above its own until they take the text. Where
    they take none, the best one stays. A text that they changed has no timestamps: it gets its own.

    Args:
        chunks: The chunks.
        decoded: The decoder's output, in the same order.
        temperatures: Those of the job, rising.
        decode_again: Decodes the chunks of some indices at a temperature.
        job: For the plugins.
    """
    taken: dict[int, DecodedChunk] = {}
    refused: dict[int, list[DecodedChunk]] = {}

    def review(index: int, chunk: DecodedChunk) -> None:
        span = Span(chunks[index].start, chunks[index].end)
        answer = job.decoded(DecodedText(span, chunk.text, chunk.avg_logprob, chunk.temperature))
        reviewed = chunk if answer.text == chunk.text else _with_text(chunk, answer.text)
        if answer.retry:
            refused.setdefault(index, []).append(reviewed)
        else:
            taken[index] = reviewed

    for index, chunk in enumerate(decoded):
        review(index, chunk)
    for temperature in temperatures:
        pending = [index for index in refused if index not in taken and temperature > decoded[index].temperature]
        for index, chunk in zip(pending, decode_again(pending, temperature) if pending else (), strict=True):
            review(index, chunk)
    return [
        taken[index] if index in taken else pick_best(refused[index], job.settings) for index in range(len(decoded))
    ]


def _with_text(chunk: DecodedChunk, text: str) -> DecodedChunk:
    """Return a chunk with another text, which is without timestamps."""
    text = text.strip()
    ratio = compression_ratio(text, chunk.speech_s)
    return replace(chunk, tokens=(), text=text, compression_ratio=ratio, has_timestamps=False)
