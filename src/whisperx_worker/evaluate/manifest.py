"""Manifest of recordings and references: JSON lines, or a JSON object beside a recording."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from whisperx_worker.contract.fields import lowered, shown
from whisperx_worker.types import Segment, SpeakerTurn, Word

Time = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Item(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Timed(_Item):
    start: Time
    end: Time

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> _Timed:
        if self.end < self.start:
            raise ValueError(f"the end must not be before the start, but {self.end:g} is before {self.start:g}")
        return self


class _Word(_Timed):
    word: str
    speaker: str | None = None


class _Segment(_Timed):
    text: str
    speaker: str | None = None
    words: list[_Word] = []


class _Turn(_Timed):
    speaker: str
    text: str | None = None


class Line(_Item):
    """One recording of a manifest."""

    audio: str | None = None
    """File, relative to the manifest."""
    id: str | None = Field(None, min_length=1)
    """Name of the recording; else its path without the ending."""
    text: str | None = None
    texts: list[str] = []
    """Allowed texts; the one nearest to the result counts."""
    segments: list[_Segment] = []
    turns: list[_Turn] = []
    words: list[_Word] = []
    duration_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    language: str | None = Field(None, pattern="^[a-z]{2,3}$")

    @model_validator(mode="after")
    def _has_a_reference(self) -> Line:
        if self.text is not None and self.texts:
            raise ValueError("text and texts are both there; send one of them")
        if self.text is None and not (self.texts or self.segments or self.turns or self.words):
            raise ValueError("there is no reference: text, texts, segments, turns or words")
        return self


@dataclass(frozen=True)
class Entry:
    """Content of a line, and its place in mistakes."""

    line: Line
    place: str

    @property
    def texts(self) -> tuple[str, ...]:
        """Allowed texts of the whole recording."""
        return tuple(self.line.texts) if self.line.text is None else (self.line.text,)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Segments with text; turns with text are some."""
        listed = [
            Segment(item.start, item.end, item.text, tuple(map(_word, item.words)), item.speaker)
            for item in self.line.segments
        ]
        spoken = [
            Segment(turn.start, turn.end, turn.text, speaker=turn.speaker) for turn in self.line.turns if turn.text
        ]
        return tuple(listed or spoken)

    @property
    def turns(self) -> tuple[SpeakerTurn, ...]:
        """Who speaks when."""
        return tuple(SpeakerTurn(turn.start, turn.end, turn.speaker) for turn in self.line.turns)

    @property
    def words(self) -> tuple[Word, ...]:
        """Words with times."""
        return tuple(map(_word, self.line.words))


def _word(item: _Word) -> Word:
    return Word(item.word, item.start, item.end, speaker=item.speaker)


def read_manifest(text: str, place: str) -> tuple[list[Entry], list[str]]:
    """Return the lines of a manifest and the mistakes in it."""
    entries, mistakes = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            entry, wrong = read_entry(line, f"{place}:{number}")
            mistakes += wrong
            entries += [entry] if entry else []
    return entries, mistakes


def read_entry(text: str, place: str) -> tuple[Entry | None, list[str]]:
    """Return one recording's object, or the mistakes in it."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        return None, [f"{place}: this is no JSON ({error})"]
    if not isinstance(data, dict):
        return None, [f"{place}: a JSON object is needed, not {shown(data)}"]
    if "detected_language" in data:
        return None, [f"{place}: this is a result of a transcription, not a reference"]
    try:
        return Entry(Line.model_validate(data), place), []
    except ValidationError as error:
        return None, [f"{place}: {_sentence(detail)}" for detail in error.errors()]


def _sentence(detail: Any) -> str:  # noqa: ANN401
    """Return the sentence about an error of pydantic."""
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"]).lstrip(".")
    where = f"{name}: " if name else ""
    if detail["type"] == "value_error":
        return f"{where}{detail['ctx']['error']}"
    if detail["type"] == "missing":
        return f"{name} is missing"
    if detail["type"] == "extra_forbidden":
        return f"{name} is not a field of a manifest"
    return f"{where}{lowered(detail['msg'])}, not {shown(detail['input'])}"
