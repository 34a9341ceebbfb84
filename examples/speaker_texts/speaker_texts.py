"""Plugin with a binary output format: a zip file with one text for each speaker."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whisperx_worker import OutputFormat, hookimpl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from whisperx_worker import Result, Segment

UNKNOWN = "unknown"
"""Name of the text without a speaker."""
SAME_FOR_ALL = (1980, 1, 1, 0, 0, 0)
"""Date of the files, so that the same result is the same zip."""


@dataclass(frozen=True)
class Options:
    """Options of a job: `{"plugins": {"speaker_texts": {...}}}`."""

    times: bool = False
    """Whether each line begins with its time in minutes and seconds."""


@hookimpl
def register_options() -> type[Options]:
    """Return the options, which the worker checks before the job begins."""
    return Options


@hookimpl
def register_outputs() -> list[OutputFormat]:
    """Return the format; jobs ask for it with `"output_formats": ["speaker_texts"]`."""
    return [OutputFormat("speaker_texts", ".zip", write_speaker_texts, "application/zip")]


def write_speaker_texts(result: Result, options: Options) -> bytes:
    """Return a zip with `<speaker>.txt` for each speaker, in order of first segments."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in texts_by_speaker(result, options).items():
            archive.writestr(zipfile.ZipInfo(f"{name}.txt", SAME_FOR_ALL), text, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def texts_by_speaker(result: Result, options: Options) -> Mapping[str, str]:
    """Return the lines of each speaker by a name that is safe as that of a file."""
    texts: dict[str, str] = {}
    for segment in result.transcript.segments:
        name = file_name(segment)
        texts[name] = f"{texts.get(name, '')}{line_of(segment, options)}\n"
    return texts


def file_name(segment: Segment) -> str:
    """Return the person's name, else the label, with nothing in it that a path could be made of."""
    person = segment.speaker_id if segment.speaker_id != "unknown" else None
    return re.sub(r"[^\w -]+", "_", person or segment.speaker or UNKNOWN)


def line_of(segment: Segment, options: Options) -> str:
    """Return the text of a segment, after its time where the job wants it."""
    minutes, seconds = divmod(int(segment.start), 60)
    return f"{minutes:02}:{seconds:02} {segment.text.strip()}" if options.times else segment.text.strip()
