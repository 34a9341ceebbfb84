"""Subtitles in the SRT and WebVTT formats. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker.results.formats.speaker_label import labelled_text, speaker_label

if TYPE_CHECKING:
    from whisperx_worker.types import Result, Seconds, Segment


def write_srt(result: Result) -> str:
    """Return numbered cues, speakers in brackets."""
    return "\n".join(
        f"{number}\n{_timestamp(s.start, ',')} --> {_timestamp(s.end, ',')}\n{_cue_text(labelled_text(s))}\n"
        for number, s in enumerate(result.transcript.segments, 1)
    )


def write_vtt(result: Result) -> str:
    """Return cues with voice tags."""
    cues = [
        f"{_timestamp(s.start, '.')} --> {_timestamp(s.end, '.')}\n{_voice_tag(s)}{_escaped(_cue_text(s.text))}\n"
        for s in result.transcript.segments
    ]
    return "\n".join(["WEBVTT\n", *cues])


def _voice_tag(segment: Segment) -> str:
    """Return the WebVTT voice tag of a segment's speaker, if it has one."""
    label = speaker_label(segment)
    return f"<v {_escaped(label)}>" if label else ""


def _cue_text(text: str) -> str:
    """Return text that cannot end its cue early, as a blank line or an arrow would."""
    return " ".join(text.split()).replace("-->", "→")


def _escaped(text: str) -> str:
    """Return text with the markup characters of WebVTT escaped."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _timestamp(time: Seconds, separator: str) -> str:
    """Return a time as hours, minutes, seconds and, after the separator, milliseconds."""
    whole_ms = round(max(0.0, time) * 1000)
    seconds, ms = divmod(whole_ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{separator}{ms:03}"
