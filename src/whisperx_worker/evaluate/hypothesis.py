"""Result of one recording as it is measured, from the JSON of a response."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from whisperx_worker.contract.fields import joined, lowered, shown
from whisperx_worker.errors import BadInputError
from whisperx_worker.evaluate.reference_lines import read_lines
from whisperx_worker.types import Seconds, Segment, SpeakerTurn, Word

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from whisperx_worker.evaluate.reference import Reference

Time = Annotated[float, Field(ge=0, allow_inf_nan=False)]
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


class _Word(BaseModel):
    model_config = ConfigDict(strict=True)

    word: str
    start: Time | None = None
    end: Time | None = None
    speaker: str | None = None


class _Segment(BaseModel):
    model_config = ConfigDict(strict=True)

    start: Time
    end: Time
    text: str
    words: list[_Word] = []
    speaker: str | None = None
    speaker_id: str | None = None
    similarity: float | None = None


class _Speaker(BaseModel):
    speaker: str
    speaker_id: str | None = None
    similarity: float | None = None


class _Response(BaseModel):
    segments: list[_Segment]
    detected_language: str | None = None
    speakers: list[_Speaker] = []
    outputs: dict[str, str] = {}


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
    if not isinstance(data, dict) or not ({"segments", "error"} & data.keys()):
        raise BadInputError("this is no result: a JSON object with segments or error is needed")
    if "error" in data:
        return Hypothesis(failure=str(data["error"]) or "the job failed")
    try:
        response = _Response.model_validate(data)
    except ValidationError as error:
        raise BadInputError(joined(_sentence(detail) for detail in error.errors()[:3])) from None
    lines = read_lines(response.outputs.get("rttm") or rttm or "", "rttm", ".rttm")
    if lines.mistakes:
        raise BadInputError(lines.mistakes[0])
    segments = tuple(_segment(item) for item in response.segments)
    turns = tuple(turn for listed in lines.turns.values() for turn in listed)
    return Hypothesis(
        segments, turns or _turns_of(segments), bool(turns), _voices_of(response), response.detected_language
    )


def _sentence(detail: Any) -> str:  # noqa: ANN401
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"]).lstrip(".")
    return f"{place}: {lowered(detail['msg'])}, not {shown(detail['input'])}"


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
    for reference in references:
        path = folder / f"{reference.name}.json"
        flat = folder / f"{reference.name.rpartition('/')[2]}.json"
        path = path if path.is_file() else flat
        if not path.is_file():
            continue
        try:
            rttm = path.with_suffix(".rttm")
            turns = rttm.read_text(encoding="utf-8-sig") if rttm.is_file() else None
            found[reference.name] = read_response(json.loads(path.read_text(encoding="utf-8-sig")), turns)
        except UnicodeDecodeError:
            mistakes.append(f"{path.name} is not in UTF-8")
        except BadInputError as error:
            mistakes.append(f"{path.name}: {error}")
        except (ValueError, RecursionError) as error:
            mistakes.append(f"{path.name} is no JSON ({error})")
    if not found and not mistakes:
        example = f"{references[0].name}.json" if references else "<recording>.json"
        mistakes.append(f"{folder} has no result of any recording; {example} is looked for")
    if mistakes:
        raise BadInputError(joined(mistakes))
    return {reference.name: found.get(reference.name, Hypothesis(failure=NO_RESULT)) for reference in references}
