"""Trace of a job's plugins: time and changes of each call.

Changes are numbers and names of fields: no text of the recording is in a trace.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from whisperx_worker.contract.request import Request
from whisperx_worker.errors import JobRefusedError
from whisperx_worker.types import SAMPLE_RATE_HZ, Audio, DecodedText, Diarization, Result, Segment, Speech, Transcript
from whisperx_worker.voices.embeddings import VoiceEmbeddings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from whisperx_worker.types import Seconds

MAX_CALLS = 1000
"""Calls that a trace keeps; a job that streams has one for each piece of text."""

CallEnd: TypeAlias = Literal["changed", "unchanged", "answered", "refused", "failed"]
"""End of a call: chains change a value or leave it, the others answer.

What raises has failed, or refused the job.
"""


@dataclass(frozen=True)
class PluginCall:
    """One call of a plugin."""

    plugin: str
    hook: str
    seconds: Seconds
    """Duration; of an engine with the one that it wraps."""
    outcome: CallEnd
    changes: Mapping[str, float] = field(default_factory=dict)
    """How much a chain changed or an engine found: segments, words, turns, seconds of audio."""


def call_that_answered(plugin: str, hook: str, seconds: Seconds, answer: object, before: object) -> PluginCall:
    """Return the record of a call that ended well, with what its answer changes or has.

    Args:
        plugin: Name of the plugin.
        hook: Name of the hook.
        seconds: Duration of the call.
        answer: What the plugin answered.
        before: Value that a chain's plugin got; None of an engine or observer.
    """
    if before is None:
        return PluginCall(plugin, hook, round(seconds, 6), "answered", contents(answer))
    changed = {} if answer is None else changes(before, answer)
    return PluginCall(plugin, hook, round(seconds, 6), "changed" if changed else "unchanged", changed)


def call_that_raised(plugin: str, hook: str, seconds: Seconds, error: Exception) -> PluginCall:
    """Return the record of a call that raised."""
    return PluginCall(plugin, hook, round(seconds, 6), "refused" if isinstance(error, JobRefusedError) else "failed")


def keep_call(calls: list[PluginCall], call: PluginCall) -> None:
    """Add a call to a trace that is not full."""
    if len(calls) < MAX_CALLS:
        calls.append(call)


def changes(before: object, after: object) -> dict[str, float]:
    """Return how much of a value is another one, by kind; nothing where both are the same.

    Example:
        >>> words = (Segment(0.0, 1.0, "раз"), Segment(1.0, 2.0, "два"))
        >>> changes(Transcript(words, "ru"), Transcript(words[:1], "ru"))
        {'segments': 1}
    """
    if after is before:
        return {}
    compare = next((one for kind, one in _COMPARED.items() if isinstance(after, kind)), None)
    found = compare(before, after) if compare and isinstance(before, type(after)) else ()
    return {name: amount for name, amount in found if amount}


def contents(answer: object) -> dict[str, float]:
    """Return how much an engine found, by kind."""
    if isinstance(answer, Transcript):
        return {"segments": len(answer.segments), "words": sum(len(one.words) for one in answer.segments)}
    if isinstance(answer, Diarization):
        return {"turns": len(answer.turns), "speakers": len({turn.speaker for turn in answer.turns})}
    if isinstance(answer, VoiceEmbeddings):
        return {"sounds": len(answer.vectors)}
    if isinstance(answer, Speech):
        return {"spans": len(answer.spans)}
    return {"items": len(answer)} if isinstance(answer, Sequence) and not isinstance(answer, str) else {}


def _audio(before: Audio, after: Audio) -> Iterator[tuple[str, float]]:
    """Yield seconds of samples that differ, and by how much the length does."""
    size = min(len(before.samples), len(after.samples))
    differing = int(np.count_nonzero(before.samples[:size] != after.samples[:size]))
    yield "audio_s", round(differing / SAMPLE_RATE_HZ, 3)
    yield "length_s", round(after.duration_s - before.duration_s, 3)


def _segments(before: Sequence[Segment], after: Sequence[Segment]) -> Iterator[tuple[str, float]]:
    yield "segments", _differing(before, after)
    yield "words", _differing([w for one in before for w in one.words], [w for one in after for w in one.words])


def _transcript(before: Transcript, after: Transcript) -> Iterator[tuple[str, float]]:
    yield from _segments(before.segments, after.segments)
    yield (
        "language",
        int((before.language, before.language_probability) != (after.language, after.language_probability)),
    )
    yield "speech", _differing(before.speech, after.speech)


def _diarization(before: Diarization, after: Diarization) -> Iterator[tuple[str, float]]:
    yield "turns", _differing(before.turns, after.turns)
    yield "exclusive", _differing(before.exclusive, after.exclusive)
    was, now = before.embeddings, after.embeddings
    yield "embeddings", sum(not np.array_equal(was.get(name, ()), now.get(name, ())) for name in {*was, *now})


def _result(before: Result, after: Result) -> Iterator[tuple[str, float]]:
    yield from _transcript(before.transcript, after.transcript)
    yield "speakers", _differing(before.speakers, after.speakers)
    yield "turns", _differing(before.turns, after.turns)
    yield "duration", int(before.duration_s != after.duration_s)
    yield "extra", int(before.extra != after.extra)


def _decoded(before: DecodedText, after: DecodedText) -> Iterator[tuple[str, float]]:
    yield "text", int(before.text != after.text)
    yield "retry", int(before.retry != after.retry)


def _request(before: Request, after: Request) -> Iterator[tuple[str, float]]:
    for name in Request.model_fields:
        yield name, int(getattr(before, name) != getattr(after, name))


def _response(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name in dict.fromkeys([*before, *after]):
        yield str(name), int(name not in before or name not in after or before[name] != after[name])


def _sounds(before: Sequence[Any], after: Sequence[Any]) -> Iterator[tuple[str, float]]:
    """Yield how many sounds of a list differ."""
    yield "sounds", sum(not np.array_equal(was, now) for was, now in zip(before, after, strict=True))


_COMPARED: Mapping[type, Callable[[Any, Any], Iterator[tuple[str, float]]]] = {
    Audio: _audio,
    Transcript: _transcript,
    Diarization: _diarization,
    Result: _result,
    DecodedText: _decoded,
    Request: _request,
    dict: _response,
    tuple: _segments,
    list: _sounds,
}
"""Comparisons by type of value."""


def _differing(before: Iterable[object], after: Iterable[object]) -> int:
    """Return how many values were changed, added or removed, whatever their places."""
    was, now = Counter(before), Counter(after)
    return max((was - now).total(), (now - was).total())
