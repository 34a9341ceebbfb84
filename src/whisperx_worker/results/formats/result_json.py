"""Result as the JSON of the response. Pure."""

from __future__ import annotations

import dataclasses
import json
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from whisperx_worker.results.turns import speech_s

if TYPE_CHECKING:
    from whisperx_worker.types import Result, Segment, SpeakerMatch, Word

_DIGITS = {"start": 3, "end": 3, "speech_s": 3, "false_name_probability": 6}
"""Digits of fields that have not 4: times, and a probability that is often small."""


def as_json(result: Result) -> dict[str, Any]:
    """Return the fields of the response that come from the result, without absent values.

    Returns:
        `segments`, `detected_language` and, where they are there, `language_probability`, `speakers` and `extra`.
    """
    transcript = result.transcript
    answer: dict[str, Any] = {
        "segments": [_segment(segment) for segment in transcript.segments],
        "detected_language": transcript.language,
    }
    if transcript.language_probability is not None:
        answer["language_probability"] = round(transcript.language_probability, 4)
    speakers = _speakers(result)
    if speakers:
        answer["speakers"] = speakers
    if result.extra:
        answer["extra"] = result.extra
    return answer


def _speakers(result: Result) -> list[dict[str, Any]]:
    """Return the known facts of each speaker, in order of first turns.

    `speech_s` is the time of all turns, or for a speaker without turns the speech that was compared.
    """
    matches = {match.speaker: _present(match) for match in result.speakers if match.segment is None}
    spoken_s = speech_s(result.turns)
    with_turns = [
        {**matches.get(speaker, {"speaker": speaker}), "speech_s": round(float(time_s), 3)}
        for speaker, time_s in spoken_s.items()
    ]
    return with_turns + [match for speaker, match in matches.items() if speaker not in spoken_s]


def _segment(segment: Segment) -> dict[str, Any]:
    """Return a segment with its words, if it has any."""
    fields = _present(segment)
    words = fields.pop("words", ())
    if words:
        fields["words"] = [_present(word) for word in words]
    return fields


def _present(value: Word | Segment | SpeakerMatch) -> dict[str, Any]:
    """Return the fields of a dataclass that are neither None, False nor no extra data, with rounded floats."""
    fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if not value.extra:
        del fields["extra"]
    return {name: _plain(name, item) for name, item in fields.items() if item is not None and item is not False}


def _plain(name: str, value: object) -> object:
    """Return a number as a Python one, a float rounded."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return value
    if isinstance(value, Integral):
        return int(value)
    return round(float(value), _DIGITS.get(name, 4))


def json_text(answer: dict[str, Any]) -> str:
    """Return a response as the text of a file."""
    return json.dumps(answer, ensure_ascii=False, indent=2) + "\n"


def write_json(result: Result) -> str:
    """Return a result as JSON text."""
    return json_text(as_json(result))
