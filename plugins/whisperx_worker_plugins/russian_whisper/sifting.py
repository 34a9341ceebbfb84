"""What of the decoded text is kept. Silence, loops and phantoms go, and the client is told of each: where and why."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from whisperx_worker import Job, Segment, Span, intervals
from whisperx_worker_plugins.russian_whisper import decoding, phantoms, segments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from whisperx_worker import Request
    from whisperx_worker_plugins.russian_whisper.decoding import Decoded
    from whisperx_worker_plugins.russian_whisper.whisper_model import Whisper


@dataclass(frozen=True)
class Removed:
    """Text that is not kept."""

    span: Span
    text: str
    why: str


@dataclass(frozen=True)
class Sifted:
    """What is kept of some chunks' text, and what is not."""

    segments: list[Segment] = field(default_factory=list)
    removed: list[Removed] = field(default_factory=list)


def sift(
    said: Iterable[tuple[Span, Decoded]], heard: Sequence[Span], whisper: Whisper, job: Job, *, doubtful: bool
) -> Sifted:
    """The segments of all chunks, without those that nobody said.

    Args:
        said: Chunks with what the model said of them.
        heard: Where there is speech.
        whisper: For its tokenizer.
        job: For the thresholds, and for a warning of text that is kept in doubt.
        doubtful: Whether text that the model is not sure of is kept.
    """
    sifted = Sifted()
    for chunk, decoded in said:
        why = _why_removed(decoded, job, doubtful=doubtful)
        if why:
            sifted.removed.append(Removed(chunk, decoded.text, why))
            continue
        cut = list(_spoken(segments.cut(decoded, chunk, whisper), chunk, heard, sifted.removed))
        if cut and decoding.is_bad(decoded, job.settings):
            numbers = f"temperature {decoded.temperature:g}, {_numbers(decoded)}"
            job.warn(f"this text fails a threshold at {_tried(job.request)} and is kept ({numbers})", chunk)
        sifted.segments.extend(cut)
    return sifted


def as_removed(segment: Segment, right: Segment) -> Removed:
    """A segment that is not kept because its sentence belongs to another time."""
    why = f"its words are those of {right.start:.2f}-{right.end:.2f} s, and this speech alone does not give them"
    return Removed(Span(segment.start, segment.end), segment.text, why)


def tell(removed: Iterable[Removed], job: Job) -> None:
    """Tell the client what is not kept: where and why, and with `debug` the text itself."""
    for one in removed:
        told: list[dict[str, object]] = job.notes.setdefault("removed", [])  # type: ignore[assignment]
        told.append({"start": one.span.start, "end": one.span.end, "text": one.text, "why": one.why})
        job.warn(f"text was removed because {one.why}", one.span)


def _why_removed(decoded: Decoded, job: Job, *, doubtful: bool) -> str | None:
    """Why a chunk's text is not kept, or None."""
    if not decoded.text:
        return None
    if decoding.is_silence(decoded, job.settings):
        return f"both thresholds take it for silence ({_numbers(decoded)})"
    if not doubtful and not decoding.is_sure(decoded, job.settings):
        return f"the model is not sure of it ({_numbers(decoded)})"
    return None


def _tried(request: Request) -> str:
    ladder = decoding.temperatures(request.temperature, request.temperature_increment_on_fallback)
    return "every temperature" if len(ladder) > 1 else "the only temperature"


def _numbers(decoded: Decoded) -> str:
    return (
        f"avg_logprob {decoded.avg_logprob:.2f}, no_speech_prob {decoded.no_speech_prob:.2f}, "
        f"compression_ratio {decoded.compression_ratio:.2f}"
    )


def _spoken(cut: list[Segment], chunk: Span, heard: Sequence[Span], removed: list[Removed]) -> Iterator[Segment]:
    """A chunk's segments, of a loop only its first round, and no phantoms."""
    text = " ".join(segment.text for segment in cut)
    loop = phantoms.loop(text)
    if phantoms.impossible(loop, text, intervals.seconds_within(heard, chunk.start, chunk.end)):
        words = text.split()
        surplus = " ".join(words[place] for place in loop.surplus)
        removed.append(Removed(chunk, surplus, f"it says the same {loop.repeats} times in a row"))
        cut = list(_without(cut, loop.surplus))
    for segment in cut:
        span = Span(segment.start, segment.end)
        why = phantoms.why_invented(segment.text, intervals.seconds_within(heard, span.start, span.end))
        if why:
            removed.append(Removed(span, segment.text, why))
        else:
            yield segment


def _without(cut: Sequence[Segment], surplus: range) -> Iterator[Segment]:
    """Segments without the words at some places of their whole text; those left without words are left out."""
    place = 0
    for segment in cut:
        words = segment.text.split()
        left = [word for at, word in enumerate(words, place) if at not in surplus]
        timed = tuple(word for at, word in enumerate(segment.words, place) if at not in surplus)
        place += len(words)
        if left:
            yield segment if len(left) == len(words) else replace(segment, text=" ".join(left), words=timed)
