"""Text filter: removes silence, loops and hallucinations, and reports where and why to the client."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from whisperx_worker import Job, Segment, Span, intervals
from whisperx_worker_plugins.russian_whisper.hallucinations import find_loop, hallucination_reason, is_impossible_loop
from whisperx_worker_plugins.russian_whisper.temperature_fallback import temperature_ladder
from whisperx_worker_plugins.russian_whisper.thresholds import fails_threshold, is_reliable, is_silence
from whisperx_worker_plugins.russian_whisper.timestamp_tokens import cut_segments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from whisperx_worker import Request
    from whisperx_worker_plugins.russian_whisper.decoded_chunk import DecodedChunk
    from whisperx_worker_plugins.russian_whisper.library_types import Whisper


@dataclass(frozen=True)
class RemovedText:
    """Text that the filter removed, with its time and the reason."""

    span: Span
    text: str
    reason: str


@dataclass(frozen=True)
class Filtered:
    """Segments that passed the filter, and the text that did not."""

    segments: list[Segment] = field(default_factory=list)
    removed: list[RemovedText] = field(default_factory=list)


def filter_chunks(
    decoded: Iterable[tuple[Span, DecodedChunk]],
    speech: Sequence[Span],
    whisper: Whisper,
    job: Job,
    *,
    keep_unreliable: bool,
) -> Filtered:
    """Cut chunks into segments and remove silence, loops and hallucinations.

    Args:
        decoded: Chunks with the decoder's output.
        speech: Speech intervals.
        whisper: For its tokenizer.
        job: For the thresholds, and for a warning about text that fails one and is kept.
        keep_unreliable: Whether text of low confidence is kept.
    """
    filtered = Filtered()
    for span, chunk in decoded:
        reason = _removal_reason(chunk, job, keep_unreliable=keep_unreliable)
        if reason:
            filtered.removed.append(RemovedText(span, chunk.text, reason))
            continue
        segments = list(_drop_hallucinations(cut_segments(chunk, span, whisper), span, speech, filtered.removed))
        if segments and fails_threshold(chunk, job.settings):
            scores = f"temperature {chunk.temperature:g}, {_format_scores(chunk)}"
            job.warn(f"this text fails a threshold at {_tried_temperatures(job.request)} and is kept ({scores})", span)
        filtered.segments.extend(segments)
    return filtered


def removed_as_misplaced(segment: Segment, original: Segment) -> RemovedText:
    """Return a segment as text removed because it belongs to the time of another one."""
    reason = (
        f"its words are those of {original.start:.2f}-{original.end:.2f} s, and this speech alone does not give them"
    )
    return RemovedText(Span(segment.start, segment.end), segment.text, reason)


def report_removed(removed: Iterable[RemovedText], job: Job) -> None:
    """Warn the client of removed text: where and why, and with `debug` the text itself."""
    for one in removed:
        notes: list[dict[str, object]] = job.notes.setdefault("removed", [])  # type: ignore[assignment]
        notes.append({"start": one.span.start, "end": one.span.end, "text": one.text, "why": one.reason})
        job.warn(f"text was removed because {one.reason}", one.span)


def _removal_reason(chunk: DecodedChunk, job: Job, *, keep_unreliable: bool) -> str | None:
    """Return why a chunk's text is removed, or None."""
    if not chunk.text:
        return None
    if is_silence(chunk, job.settings):
        return f"both thresholds take it for silence ({_format_scores(chunk)})"
    if not keep_unreliable and not is_reliable(chunk, job.settings):
        return f"the model is not sure of it ({_format_scores(chunk)})"
    return None


def _tried_temperatures(request: Request) -> str:
    ladder = temperature_ladder(request.temperature, request.temperature_increment_on_fallback)
    return "every temperature" if len(ladder) > 1 else "the only temperature"


def _format_scores(chunk: DecodedChunk) -> str:
    return (
        f"avg_logprob {chunk.avg_logprob:.2f}, no_speech_prob {chunk.no_speech_prob:.2f}, "
        f"compression_ratio {chunk.compression_ratio:.2f}"
    )


def _drop_hallucinations(
    segments: list[Segment], chunk: Span, speech: Sequence[Span], removed: list[RemovedText]
) -> Iterator[Segment]:
    """Yield a chunk's segments without hallucinations, and of a loop only its first unit."""
    text = " ".join(segment.text for segment in segments)
    loop = find_loop(text)
    if is_impossible_loop(loop, text, intervals.seconds_within(speech, chunk.start, chunk.end)):
        words = text.split()
        surplus = " ".join(words[index] for index in loop.surplus)
        removed.append(RemovedText(chunk, surplus, f"it says the same {loop.repeats} times in a row"))
        segments = list(_drop_words(segments, loop.surplus))
    for segment in segments:
        span = Span(segment.start, segment.end)
        reason = hallucination_reason(segment.text, intervals.seconds_within(speech, span.start, span.end))
        if reason:
            removed.append(RemovedText(span, segment.text, reason))
        else:
            yield segment


def _drop_words(segments: Sequence[Segment], surplus: range) -> Iterator[Segment]:
    """Yield segments without some words, given by their indices in the whole text; drop empty segments."""
    first = 0
    for segment in segments:
        words = segment.text.split()
        left = [word for index, word in enumerate(words, first) if index not in surplus]
        timed = tuple(word for index, word in enumerate(segment.words, first) if index not in surplus)
        first += len(words)
        if left:
            yield segment if len(left) == len(words) else replace(segment, text=" ".join(left), words=timed)
