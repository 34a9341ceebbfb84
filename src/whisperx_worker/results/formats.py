"""A finished job as the JSON of the contract, and as json, srt, vtt, txt, tsv and rttm. Pure: it writes no file."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from whisperx_worker.results.speaker_assignment import speech_s

if TYPE_CHECKING:
    from collections.abc import Callable

    from whisperx_worker.types import Result, Seconds, Segment, SpeakerMatch


@dataclass(frozen=True)
class OutputFormat:
    """A way to write a result."""

    name: str
    """What a job names in `output_formats`."""
    suffix: str
    """Ending of its files, with the dot."""
    write: Callable[[Result], str]
    """Makes the file's text."""


def as_json(result: Result) -> dict[str, Any]:
    """The part of the response that the result makes; what no stage produced is absent.

    Returns:
        `segments`, `detected_language`, and where they are known `language_probability` and `speakers`.
    """
    transcript = result.transcript
    answer: dict[str, Any] = {
        "segments": [_segment(segment) for segment in transcript.segments],
        "detected_language": transcript.language,
    }
    if transcript.language_probability is not None:
        answer["language_probability"] = round(transcript.language_probability, 4)
    who = _speakers(result)
    if who:
        answer["speakers"] = who
    return answer


def _speakers(result: Result) -> list[dict[str, Any]]:
    """What is known of each speaker, in the order in which they first speak.

    `speech_s` is how long they speak in all; of one without turns, how much speech their name rests on.
    """
    matches = {match.speaker: _present(match) for match in result.speakers if match.segment is None}
    spoken_s = speech_s(result.turns)
    with_turns = [
        {**matches.get(speaker, {"speaker": speaker}), "speech_s": round(float(time_s), 3)}
        for speaker, time_s in spoken_s.items()
    ]
    return with_turns + [match for speaker, match in matches.items() if speaker not in spoken_s]


def _segment(segment: Segment) -> dict[str, Any]:
    fields = _present(segment)
    words = fields.pop("words", ())
    if words:
        fields["words"] = [_present(word) for word in words]
    return fields


def _present(value: Segment | SpeakerMatch | Any) -> dict[str, Any]:  # noqa: ANN401
    """A dataclass without what is None or False; floats as Python's own, rounded to what means something."""
    fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return {name: _plain(name, item) for name, item in fields.items() if item is not None and item is not False}


def _plain(name: str, value: object) -> object:
    if isinstance(value, Real) and not isinstance(value, Integral):
        return round(float(value), 3 if name in {"start", "end", "speech_s"} else 4)
    return value


def json_text(answer: dict[str, Any]) -> str:
    """A response as the text of a file."""
    return json.dumps(answer, ensure_ascii=False, indent=2) + "\n"


def _json(result: Result) -> str:
    return json_text(as_json(result))


def _txt(result: Result) -> str:
    return "".join(f"{_said(segment)}\n" for segment in result.transcript.segments)


def _tsv(result: Result) -> str:
    rows = [
        f"{round(1000 * s.start)}\t{round(1000 * s.end)}\t{' '.join(_said(s).split())}"
        for s in result.transcript.segments
    ]
    return "\n".join(["start\tend\ttext", *rows]) + "\n"


def _srt(result: Result) -> str:
    return "\n".join(
        f"{number}\n{_clock(s.start, ',')} --> {_clock(s.end, ',')}\n{_cue(_said(s))}\n"
        for number, s in enumerate(result.transcript.segments, 1)
    )


def _vtt(result: Result) -> str:
    cues = [
        f"{_clock(s.start, '.')} --> {_clock(s.end, '.')}\n{_voice(s)}{_escaped(_cue(s.text))}\n"
        for s in result.transcript.segments
    ]
    return "\n".join(["WEBVTT\n", *cues])


def _rttm(result: Result) -> str:
    """NIST's Rich Transcription Time Marked lines, one for each turn; they overlap where people do."""
    lines = []
    for turn in sorted(result.turns, key=lambda turn: (turn.start, turn.end)):
        start, end = round(turn.start, 3), round(turn.end, 3)
        speaker = "_".join(turn.speaker.split())
        lines.append(f"SPEAKER recording 1 {start:.3f} {end - start:.3f} <NA> <NA> {speaker} <NA> <NA>\n")
    return "".join(lines)


def _who(segment: Segment) -> str | None:
    """The speaker as people read it: the enrolled name, else the label."""
    who = segment.speaker_id if segment.speaker_id not in {None, "unknown"} else segment.speaker
    return " ".join(who.split()) if who else None


def _said(segment: Segment) -> str:
    who = _who(segment)
    return f"[{who}]: {segment.text.strip()}" if who else segment.text.strip()


def _voice(segment: Segment) -> str:
    who = _who(segment)
    return f"<v {_escaped(who)}>" if who else ""


def _cue(text: str) -> str:
    """A cue's text: a blank line, or an arrow, would end it early."""
    return " ".join(text.split()).replace("-->", "→")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(time: Seconds, point: str) -> str:
    """Hours, minutes, seconds and milliseconds, as subtitles write them."""
    whole_ms = round(max(0.0, time) * 1000)
    seconds, ms = divmod(whole_ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{ms:03}"


BUILT_IN = {
    output.name: output
    for output in (
        OutputFormat("json", ".json", _json),
        OutputFormat("srt", ".srt", _srt),
        OutputFormat("vtt", ".vtt", _vtt),
        OutputFormat("txt", ".txt", _txt),
        OutputFormat("tsv", ".tsv", _tsv),
        OutputFormat("rttm", ".rttm", _rttm),
    )
}
"""The worker's own formats. Plugins add theirs through `register_outputs`."""
