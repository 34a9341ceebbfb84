"""Private data masked in the text and silenced in the recording: telephones, cards, addresses, documents, names.

It acts in jobs that name it, `{"plugins": {"redact": {}}}`, and in all where the operator requires it. It sees words as
they are spoken, before `russian_numbers` writes some in digits: "девятьсот" in one segment and "шестнадцать" in the
next are 916 here, and 900 and 16 there. At the end it looks again at what other plugins made of the text.

- `tokens`: words and digits across segments. `digit_runs`: digits in a row. `markers`: words that announce a number.
- `numbers`, `check_digits`, `emails`, `names`: what is private. `finding`: all of it.
- `masking`: text and words with masks, and marks in `extra`. `recording`: the sound without the marked words.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from whisperx_worker import ExtraSchema, OutputFormat, PluginInfo, hookimpl, with_extra
from whisperx_worker_plugins.redact.kinds import Kind
from whisperx_worker_plugins.redact.masking import NAME, marks_in, mask_segments
from whisperx_worker_plugins.redact.options import Options
from whisperx_worker_plugins.redact.recording import MEDIA_TYPE, write_recording

if TYPE_CHECKING:
    from whisperx_worker import Result, Segment, Transcript


class Mark(BaseModel):
    """What a mask stands for."""

    kind: Kind
    number: int
    """The same in all words and segments of one find."""


class Marks(BaseModel):
    """Data of a masked word, or of a segment without words."""

    masked: tuple[Mark, ...]


class Counts(BaseModel):
    """How much is masked in the whole recording, by kind."""

    model_config = ConfigDict(extra="forbid")

    telephone: int = 0
    card: int = 0
    email: int = 0
    passport: int = 0
    inn: int = 0
    snils: int = 0
    name: int = 0


@hookimpl
def register_plugin() -> PluginInfo:
    """Take part only in jobs that ask for it, and in all where the operator requires it."""
    return PluginInfo(on_request=True)


@hookimpl
def register_options() -> type[Options]:
    """Return the options of a job."""
    return Options


@hookimpl
def register_extra() -> ExtraSchema:
    """Return the schemas of marks and counts, in which there is no text."""
    return ExtraSchema(word=Marks, segment=Marks, result=Counts)


@hookimpl
def register_outputs() -> list[OutputFormat]:
    """Return the format of the recording without what is masked."""
    return [OutputFormat("redacted_flac", ".redacted.flac", write_recording, MEDIA_TYPE)]


@hookimpl(closed=True, before="russian_numbers")
def post_align(transcript: Transcript, options: Options) -> Transcript:
    """Mask the text and the words; words of one mask become one."""
    return replace(transcript, segments=mask_segments(transcript.segments, options))


@hookimpl(closed=True, before="russian_numbers")
def partial(segments: tuple[Segment, ...], options: Options) -> tuple[Segment, ...]:
    """Mask each piece by itself, and at its edges what may be part of a number or address."""
    return tuple(masked for one in segments for masked in mask_segments([one], options, is_piece=True))


@hookimpl(closed=True)
def finalize(result: Result, options: Options) -> Result:
    """Mask what plugins wrote after `post_align`, and count what is masked."""
    segments = mask_segments(result.transcript.segments, options)
    marks = {(mark["number"], mark["kind"]) for segment in segments for mark in marks_in(segment)}
    counts = Counter(kind for _, kind in marks)
    masked = replace(result, transcript=replace(result.transcript, segments=segments))
    return with_extra(masked, NAME, **{kind: counts[kind] for kind in options.kinds})
