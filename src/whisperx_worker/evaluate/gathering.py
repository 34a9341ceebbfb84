"""References of recordings by name, while their files are read, with all mistakes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from whisperx_worker.errors import BadInputError
from whisperx_worker.evaluate.input_file import is_file, read_text
from whisperx_worker.evaluate.manifest import Entry, read_entry, read_manifest
from whisperx_worker.evaluate.reference import Reference
from whisperx_worker.evaluate.reference_lines import Lines, read_lines, read_srt

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from whisperx_worker.types import Seconds

MAX_NAMES = 3
"""Names that one line lists."""


@dataclass
class Gathering:
    """References by name while files are read, and the mistakes so far."""

    ignored: tuple[Path, ...] = ()
    """Folders of results."""
    found: dict[str, Reference] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    """Recordings with a reference, also with a broken one."""
    ends: list[tuple[str, Seconds, str]] = field(default_factory=list)
    """Recording, latest end, and its place, of each file or line with times."""
    mistakes: list[str] = field(default_factory=list)


def read_beside(file: Path, name: str, gathering: Gathering) -> None:
    """Add what one recording's file has."""
    gathering.seen.add(name)
    text, ending = _text(file, gathering), file.suffix.lower()
    if text is None:
        return
    if ending == ".txt":
        _add(gathering, Reference(name, texts=(" ".join(text.split()),)))
    elif ending == ".json":
        entry, mistakes = read_entry(text, file.name) if text.strip() else (None, [f"{file.name} is empty"])
        gathering.mistakes += mistakes
        if entry:
            _add(gathering, _from_entry(name, entry))
            gathering.ends.append((name, entry.end_s, entry.place))
    else:
        lines = read_srt(text, file.name) if ending == ".srt" else read_lines(text, file.name, ending)
        gathering.mistakes += lines.mistakes
        if len(lines.first_lines) > 1:
            listed = ", ".join(list(lines.first_lines)[:MAX_NAMES])
            gathering.mistakes.append(f"{file.name} has several recordings ({listed}); give it with --refs")
        if not (lines.first_lines or lines.mistakes):
            gathering.mistakes.append(_nothing_in(file.name))
        for recording in list(lines.first_lines)[:1]:
            _add_lines(gathering, name, lines, recording, file.name)


def read_file_of_all(path: Path, recordings: Collection[str], gathering: Gathering) -> None:
    """Add the references in a file for several recordings, found by path, else by file name."""
    text = _text(path, gathering)
    if text is None:
        return
    lines = read_lines(text, path.name, path.suffix.lower())
    gathering.mistakes += lines.mistakes
    if not (lines.first_lines or lines.mistakes):
        gathering.mistakes.append(f"{path.name} has no line with a recording")
    by_last: dict[str, list[str]] = {}
    for name in recordings:
        by_last.setdefault(_last(name), []).append(name)
    for recording, number in lines.first_lines.items():
        known = [recording] if recording in recordings else by_last.get(_last(recording), [])
        if len(known) > 1:
            listed = " or ".join(known[:MAX_NAMES])
            gathering.mistakes.append(f"{path.name}:{number}: {recording} may be {listed}; write its folder too")
        elif recordings and not known:
            gathering.mistakes.append(f"{path.name}:{number}: there is no recording {recording}")
        else:
            _add_lines(gathering, (known or [recording])[0], lines, recording, path.name)


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def read_manifest_file(path: Path, gathering: Gathering, *, with_sound: bool = True, needs_sound: bool = True) -> None:
    """Add the lines of a manifest.

    Args:
        path: The manifest.
        gathering: Where they are added.
        with_sound: Whether it names the recordings too; else references alone.
        needs_sound: Whether the recordings must be there.
    """
    text = _text(path, gathering)
    if text is None:
        return
    entries, mistakes = read_manifest(text, path.name)
    gathering.mistakes += mistakes
    if not (entries or mistakes):
        gathering.mistakes.append(f"{path.name} has no line with a recording")
    names: set[str] = set()
    for entry in entries:
        audio = path.parent / entry.line.audio if entry.line.audio and with_sound else None
        name = entry.line.id or _name_of_text(entry.line.audio or "")
        if "://" in (entry.line.audio or ""):
            gathering.mistakes.append(f"{entry.place}: audio must be a file on this machine, not a URL")
        elif not name:
            gathering.mistakes.append(f"{entry.place}: id or audio is needed")
        elif name in names:
            gathering.mistakes.append(f"{entry.place}: the recording {name} is there twice; give others an id")
        elif audio and needs_sound and not is_file(audio):
            gathering.mistakes.append(f"{entry.place}: there is no file {entry.line.audio}")
        else:
            names.add(name)
            _add(gathering, replace(_from_entry(name, entry), audio=audio if audio and is_file(audio) else None))
            gathering.ends.append((name, entry.end_s, entry.place))


def _name_of_text(audio: str) -> str:
    """Return the name of a manifest's recording; folders outside of the manifest's own are left out.

    >>> _name_of_text("calls/monday.mp3"), _name_of_text("/home/anna/monday.mp3"), _name_of_text("")
    ('calls/monday', 'monday', '')
    """
    path = PurePath(audio)
    inside = not path.is_absolute() and ".." not in path.parts
    return str(path.parent / path.stem) if inside and path.stem else path.stem


def _from_entry(name: str, entry: Entry) -> Reference:
    line = entry.line
    return Reference(
        name, None, entry.texts, entry.segments, entry.turns, entry.words, line.duration_s, line.language
    )  # fmt: skip


def _add_lines(gathering: Gathering, name: str, lines: Lines, recording: str, place: str) -> None:
    """Add the items of one recording in a file; a recording without any is a mistake."""
    new = Reference(
        name,
        segments=tuple(lines.segments.get(recording, ())),
        turns=tuple(lines.turns.get(recording, ())),
        words=tuple(lines.words.get(recording, ())),
    )
    end_s, number = lines.last_ends[recording]
    if new.segments or new.turns or new.words:
        _add(gathering, new)
        gathering.ends.append((name, end_s, f"{place}:{number}"))
    elif not lines.mistakes:
        gathering.mistakes.append(_nothing_in(f"{place}:{lines.first_lines[recording]}"))


def _nothing_in(place: str) -> str:
    return f"{place} has neither words nor turns; the reference of a recording without speech is an empty .txt"


def _add(gathering: Gathering, new: Reference) -> None:
    """Merge a reference with those of other files; the same part twice is a mistake."""
    old = gathering.found.get(new.name, Reference(new.name))
    parts = ("audio", "texts", "segments", "turns", "words", "duration_s", "language")
    twice = [part for part in parts if getattr(old, part) and getattr(new, part)]
    if twice:
        gathering.mistakes.append(f"{new.name} has two references with {' and '.join(twice)}; keep one of them")
    gathering.found[new.name] = replace(old, **{part: getattr(new, part) or getattr(old, part) for part in parts})


def _text(path: Path, gathering: Gathering) -> str | None:
    """Return a file's text, or None and a mistake."""
    try:
        return read_text(path)
    except BadInputError as error:
        gathering.mistakes.append(str(error))
        return None
