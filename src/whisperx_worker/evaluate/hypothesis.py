"""Result of one recording as it is measured, from the JSON of a response."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from whisperx_worker.contract.fields import joined
from whisperx_worker.errors import BadInputError
from whisperx_worker.evaluate.input_file import Time, check_order, field_sentence, is_file, parse_json, read_text
from whisperx_worker.evaluate.reference_lines import read_lines
from whisperx_worker.types import Seconds, Segment, SpeakerTurn, Word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker.evaluate.reference import Reference

Similarity = Annotated[float, Field(allow_inf_nan=False)]
NO_RESULT = "there is no result"


@dataclass(frozen=True)
class Voice:
    """Voice that was compared with the enrolled people."""

    start_s: tuple[Seconds, ...]
    end_s: tuple[Seconds, ...]
    """Ends of its stretches, beside their starts."""
    name: str
    similarity: float


@dataclass(frozen=True)
class Hypothesis:
    """What a configuration found in one recording."""

    segments: tuple[Segment, ...] = ()
    turns: tuple[SpeakerTurn, ...] = ()
    """Turns of the diarization, else the stretches of words and segments that have a speaker."""
    turns_are_exact: bool = False
    """Whether the result has the turns themselves."""
    voices: tuple[Voice, ...] = ()
    language: str | None = None
    duration_s: Seconds | None = None
    failure: str = ""
    """Why there is no result; such a recording counts as all wrong."""

    @property
    def has_speakers(self) -> bool:
        """Whether anything has a speaker."""
        return bool(self.turns)


class _Timed(BaseModel):
    model_config = ConfigDict(strict=True)

    start: Time | None = None
    end: Time | None = None

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> _Timed:
        check_order(self.start, self.end)
        return self


class _Word(_Timed):
    word: str
    speaker: str | None = None


class _Segment(_Timed):
    start: Time
    end: Time
    text: str
    words: list[_Word] = []
    speaker: str | None = None
    speaker_id: str | None = None
    similarity: Similarity | None = None


class _Speaker(BaseModel):
    speaker: str
    speaker_id: str | None = None
    similarity: Similarity | None = None


class _Outputs(BaseModel):
    rttm: str = ""


class _Response(BaseModel):
    segments: list[_Segment]
    detected_language: str | None = None
    speakers: list[_Speaker] = []
    outputs: _Outputs = _Outputs()


def read_response(data: object, rttm: str | None = None) -> Hypothesis:
    """Return a response of the worker, or of RunPod around it, as a hypothesis.

    Args:
        data: The JSON.
        rttm: Turns of the same result, where they are beside it.

    Raises:
        BadInputError: When it is no response.
    """
    if isinstance(data, dict) and isinstance(data.get("output"), dict):
        data = data["output"]
    if not isinstance(data, dict) or (data.get("error") is None and "segments" not in data):
        raise BadInputError("this is no result: a JSON object with segments or error is needed")
    if data.get("error") is not None:
        return Hypothesis(failure=str(data["error"]) or "the job failed")
    try:
        response = _Response.model_validate(data)
    except ValidationError as error:
        raise BadInputError(joined(field_sentence(detail, "a result") for detail in error.errors()[:3])) from None
    lines = read_lines(response.outputs.rttm or rttm or "", "rttm", ".rttm")
    if lines.mistakes:
        raise BadInputError(lines.mistakes[0])
    if len(lines.turns) > 1:
        raise BadInputError(f"its RTTM has several recordings ({', '.join(list(lines.turns)[:3])})")
    segments = tuple(_segment(item) for item in response.segments)
    turns = tuple(turn for listed in lines.turns.values() for turn in listed)
    return Hypothesis(
        segments, turns or _turns_of(segments), bool(turns), _voices_of(response), response.detected_language
    )


def _segment(item: _Segment) -> Segment:
    words = tuple(Word(word.word, word.start, word.end, speaker=word.speaker) for word in item.words)
    return Segment(item.start, item.end, item.text, words, item.speaker, speaker_id=item.speaker_id)


def _turns_of(segments: Sequence[Segment]) -> tuple[SpeakerTurn, ...]:
    """Return stretches of speakers from words with times, and from segments without such words."""
    turns = []
    for segment in segments:
        timed = [
            SpeakerTurn(word.start, word.end, word.speaker or segment.speaker or "")
            for word in segment.words
            if word.start is not None and word.end is not None and word.end > word.start
        ]
        turns += timed or [SpeakerTurn(segment.start, segment.end, segment.speaker or "")]
    return tuple(turn for turn in turns if turn.speaker and turn.end > turn.start)


def _voices_of(response: _Response) -> tuple[Voice, ...]:
    """Return the compared voices: the speakers, else each segment."""
    compared = [speaker for speaker in response.speakers if speaker.similarity is not None and speaker.speaker_id]
    of_speakers = [
        (speaker, [item for item in response.segments if item.speaker == speaker.speaker]) for speaker in compared
    ]
    of_segments = [(item, [item]) for item in response.segments if item.similarity is not None and item.speaker_id]
    return tuple(
        Voice(
            tuple(item.start for item in items),
            tuple(item.end for item in items),
            voice.speaker_id or "",
            voice.similarity or 0.0,
        )
        for voice, items in (of_speakers or of_segments)
        if items
    )


def read_results(folder: Path, references: Sequence[Reference]) -> dict[str, Hypothesis]:
    """Return the results of a folder, by recording; one that is not there counts as failed.

    Raises:
        BadInputError: With all mistakes.
    """
    if not folder.is_dir():
        raise BadInputError(f"{folder} is not a folder of results in JSON")
    found: dict[str, Hypothesis] = {}
    mistakes = []
    for path, names in _result_files(folder, references).items():
        if len(names) > 1:
            wanted = " and ".join(f"{name}.json" for name in names)
            mistakes.append(f"{path.name} would be the result of {' and '.join(names)}; {wanted} are looked for first")
            continue
        try:
            found[names[0]] = _read_result(path)
        except BadInputError as error:
            mistakes.append(str(error))
    if not found and not mistakes:
        example = f"{references[0].name}.json" if references else "<recording>.json"
        mistakes.append(f"{folder} has no result of any recording; {example} is looked for")
    if mistakes:
        raise BadInputError(joined(mistakes))
    return {reference.name: found.get(reference.name, Hypothesis(failure=NO_RESULT)) for reference in references}


def _result_files(folder: Path, references: Sequence[Reference]) -> dict[Path, list[str]]:
    """Return the recordings of each result file, found by path, else by file name."""
    found: dict[Path, list[str]] = {}
    root = Path(os.path.normpath(folder.absolute()))
    for reference in references:
        names = (f"{reference.name}.json", f"{reference.name.rpartition('/')[2]}.json")
        paths = [Path(os.path.normpath(root / name)) for name in names]
        path = next((path for path in paths if path.is_relative_to(root) and is_file(path)), None)
        if path:
            found.setdefault(path, []).append(reference.name)
    return found


def _read_result(path: Path) -> Hypothesis:
    """Return the result of a file.

    Raises:
        BadInputError: With the file's name.
    """
    text, rttm = read_text(path), path.with_suffix(".rttm")
    turns = read_text(rttm) if rttm.is_file() else None
    try:
        return read_response(parse_json(text), turns)
    except BadInputError as error:
        raise BadInputError(f"{path.name}: {error}") from None
