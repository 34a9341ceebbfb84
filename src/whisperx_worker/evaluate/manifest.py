"""Manifest of recordings and references: JSON lines, or a JSON object beside a recording."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from whisperx_worker.contract.fields import shown
from whisperx_worker.contract.languages import LANGUAGES
from whisperx_worker.errors import BadInputError
from whisperx_worker.evaluate.input_file import Time, check_order, field_sentence, parse_json
from whisperx_worker.types import Seconds, Segment, SpeakerTurn, Word


def _known_language(code: str) -> str:
    if code not in LANGUAGES:
        raise ValueError(f'must be one of Whisper\'s language codes, such as "ru" or "en", not {shown(code)}')
    return code


def _name_of_results(name: str) -> str:
    path = PurePosixPath(name)
    if not name.isprintable() or path.is_absolute() or ".." in path.parts or str(path) != name:
        raise ValueError(f"must be a name such as monday or calls/monday, not {shown(name)}")
    return name


Speaker = Annotated[str, Field(min_length=1)]


class _Item(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Timed(_Item):
    start: Time
    end: Time

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> _Timed:
        check_order(self.start, self.end)
        return self


class _Word(_Timed):
    word: str
    speaker: Speaker | None = None


class _Segment(_Timed):
    text: str
    speaker: Speaker | None = None
    words: list[_Word] = []


class _Turn(_Timed):
    speaker: Speaker
    text: str | None = None


class Line(_Item):
    """One recording of a manifest."""

    audio: str | None = None
    """File, relative to the manifest."""
    id: Annotated[str, Field(min_length=1), AfterValidator(_name_of_results)] | None = None
    """Name of the recording and of its result; else its path without the ending."""
    text: str | None = None
    texts: list[str] = []
    """Allowed texts; the one nearest to the result counts."""
    segments: list[_Segment] = []
    turns: list[_Turn] = []
    words: list[_Word] = []
    duration_s: Annotated[Time, Field(gt=0)] | None = None
    language: Annotated[str, AfterValidator(_known_language)] | None = None

    @model_validator(mode="after")
    def _has_a_reference(self) -> Line:
        if self.text is not None and self.texts:
            raise ValueError("text and texts are both there; send one of them")
        if self.text is None and not (self.texts or self.segments or self.turns or self.words):
            raise ValueError("there is no reference: text, texts, segments, turns or words")
        with_text = [turn.text is not None for turn in self.turns]
        if any(with_text) and self.segments:
            raise ValueError("segments and turns with text are both there; send one of them")
        if any(with_text) and not all(with_text):
            raise ValueError(f"turns[{with_text.index(False)}].text is missing, which other turns have")
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

    @property
    def end_s(self) -> Seconds:
        """Latest end of a segment, turn or word."""
        inside = [word for segment in self.line.segments for word in segment.words]
        timed = (*self.line.segments, *self.line.turns, *self.line.words, *inside)
        return max((item.end for item in timed), default=0.0)


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
        data = parse_json(text)
    except BadInputError as error:
        return None, [f"{place}: {error}"]
    if not isinstance(data, dict):
        return None, [f"{place}: a JSON object is needed, not {shown(data)}"]
    if "detected_language" in data:
        return None, [f"{place}: this is a result of a transcription, not a reference"]
    try:
        return Entry(Line.model_validate(data), place), []
    except ValidationError as error:
        return None, [f"{place}: {field_sentence(detail, 'a manifest')}" for detail in error.errors()]
