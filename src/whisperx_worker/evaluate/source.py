"""Recordings to measure and their references, from folders, files and manifests; all mistakes at once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from whisperx_worker.contract.fields import joined
from whisperx_worker.errors import BadInputError
from whisperx_worker.evaluate.manifest import Entry, read_entry, read_manifest
from whisperx_worker.evaluate.reference import Reference
from whisperx_worker.evaluate.reference_lines import PARSERS, Lines, read_lines, read_srt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

SOUND_ENDINGS = frozenset((
    ".3gp", ".aac", ".ac3", ".aif", ".aiff", ".amr", ".ape", ".au", ".avi", ".caf", ".flac", ".m4a", ".m4b", ".mka",
    ".mkv", ".mov", ".mp2", ".mp3", ".mp4", ".mpeg", ".mpg", ".oga", ".ogg", ".opus", ".ra", ".spx", ".wav", ".weba",
    ".webm", ".wma", ".wv",
))  # fmt: skip
BESIDE_ENDINGS = (".json", ".txt", ".stm", ".srt", ".ctm", ".rttm")
"""Endings of a reference beside its recording."""
MANIFEST = ".jsonl"
MAX_MISTAKES = 20
"""Mistakes that one error names."""
MAX_FILE_MB = 256
"""Size of a reference file."""


@dataclass
class _Gathering:
    """References by name while files are read, and the mistakes so far."""

    ignored: tuple[Path, ...] = ()
    """Folders of results."""
    found: dict[str, Reference] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    """Recordings with a reference, also with a broken one."""
    mistakes: list[str] = field(default_factory=list)


def find_references(
    source: Path, refs: Sequence[Path] = (), *, needs_sound: bool = True, ignored: Sequence[Path] = ()
) -> tuple[Reference, ...]:
    """Return the recordings of a folder, a file or a manifest with their references, sorted by name.

    Args:
        source: Folder of recordings, a recording, or a manifest.
        refs: Folders or files of references, where they are not beside the recordings.
        needs_sound: Whether the recordings will be transcribed; else references alone are enough.
        ignored: Folders that are no references, such as those of results, wherever they lie.

    Raises:
        BadInputError: With all mistakes.
    """
    missing = [f"{path} is not there" for path in (source, *refs) if not path.exists()]
    if source.is_file() and source.suffix.lower() in BESIDE_ENDINGS:
        missing.append(
            f"{source.name} is a reference; name its recording, the folder of both, or a {MANIFEST} manifest"
        )
    if missing:
        raise BadInputError(joined(missing))
    gathering = _Gathering(tuple(path.resolve() for path in ignored))
    if source.suffix == MANIFEST and source.is_file():
        _read_manifest(source, gathering)
        if refs:
            gathering.mistakes.append(f"{source.name} has its references, so --refs is not needed")
    else:
        recordings = _recordings_of(source)
        folder = source if source.is_dir() else source.parent
        for path in refs or [folder]:
            gathering.mistakes += [
                f"{place} has references or recordings; results and the report need a folder of their own"
                for place in ignored
                if path.is_dir() and path.resolve().is_relative_to(place.resolve())
            ]
            _read_refs(path, recordings, gathering, only=None if source.is_dir() else recordings)
        _pair(recordings, gathering, source, needs_sound=needs_sound)
    if needs_sound:
        gathering.mistakes += [
            f"{reference.name} has a reference but no recording"
            for reference in gathering.found.values()
            if reference.audio is None
        ]
    if not gathering.found and not gathering.mistakes:
        gathering.mistakes.append(f"{source} has no recording with a reference")
    _refuse(gathering.mistakes)
    return tuple(gathering.found[name] for name in sorted(gathering.found))


def _refuse(mistakes: Sequence[str]) -> None:
    """Raise BadInputError with the first mistakes and the number of the others."""
    if mistakes:
        distinct = list(dict.fromkeys(mistakes))
        others = len(distinct) - MAX_MISTAKES
        more = [f"and {others} more mistakes"] if others > 0 else []
        raise BadInputError(joined([*distinct[:MAX_MISTAKES], *more]))


def _recordings_of(source: Path) -> dict[str, list[Path]]:
    """Return the recordings by name: the path from the folder, without the ending."""
    if source.is_file():
        return {source.stem: [source]}
    found: dict[str, list[Path]] = {}
    for path in sorted(source.rglob("*")):
        if path.suffix.lower() in SOUND_ENDINGS and path.is_file() and not path.name.startswith("."):
            found.setdefault(_name(path, source), []).append(path)
    return found


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def _pair(recordings: Mapping[str, list[Path]], gathering: _Gathering, source: Path, *, needs_sound: bool) -> None:
    """Give each reference its recording; a recording without a reference is a mistake."""
    for name, paths in recordings.items():
        if len(paths) > 1:
            gathering.mistakes.append(f"{' and '.join(path.name for path in paths)} have one name, {name}")
        if name in gathering.found:
            gathering.found[name] = replace(gathering.found[name], audio=paths[0])
        elif needs_sound and name not in gathering.seen:
            endings = ", ".join((*BESIDE_ENDINGS[:-1], "or " + BESIDE_ENDINGS[-1]))
            beside = name if source.is_dir() else source.stem
            gathering.mistakes.append(f"{paths[0].name} has no reference: {beside} with {endings}, or --refs")


def _read_refs(
    path: Path, recordings: Mapping[str, object], gathering: _Gathering, only: Mapping[str, object] | None
) -> None:
    """Read a folder of references by the names of their files, or one file for several recordings."""
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            name = _name(file, path)
            is_result = any(file.resolve().is_relative_to(folder) for folder in gathering.ignored)
            is_reference = file.suffix.lower() in BESIDE_ENDINGS and file.is_file() and not file.name.startswith(".")
            if is_reference and not is_result and (only is None or name in only):
                _read_beside(file, name, gathering)
    elif path.suffix == MANIFEST:
        _read_manifest(path, gathering, with_sound=False)
    elif path.suffix.lower() in PARSERS:
        lines = read_lines(_text(path, gathering), path.name, path.suffix.lower())
        gathering.mistakes += lines.mistakes
        by_stem = {_last(name): name for name in recordings}
        for recording, number in lines.first_lines.items():
            known_as = recording if recording in recordings else by_stem.get(_last(recording))
            if known_as is None and recordings:
                gathering.mistakes.append(f"{path.name}:{number}: there is no recording {recording}")
            else:
                _add(gathering, _from_lines(known_as or recording, lines, recording))
    elif path.suffix.lower() in BESIDE_ENDINGS and len(recordings) == 1:
        _read_beside(path, next(iter(recordings)), gathering)
    else:
        known = ", ".join((*PARSERS, MANIFEST))
        gathering.mistakes.append(f"--refs must be a folder or a file that ends in {known}, not {path.name}")


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _read_beside(file: Path, name: str, gathering: _Gathering) -> None:
    """Add what one recording's file has."""
    gathering.seen.add(name)
    text, ending = _text(file, gathering), file.suffix.lower()
    if ending == ".txt":
        _add(gathering, Reference(name, texts=(" ".join(text.split()),)))
    elif ending == ".json":
        entry, mistakes = read_entry(text, file.name) if text.strip() else (None, [f"{file.name} is empty"])
        gathering.mistakes += mistakes
        if entry:
            _add(gathering, _from_entry(name, entry))
    elif ending == ".srt":
        segments, mistakes = read_srt(text, file.name)
        gathering.mistakes += mistakes
        _add(gathering, Reference(name, segments=tuple(segments)))
    else:
        lines = read_lines(text, file.name, ending)
        gathering.mistakes += lines.mistakes
        if len(lines.first_lines) > 1:
            listed = ", ".join(list(lines.first_lines)[:3])
            gathering.mistakes.append(f"{file.name} has several recordings ({listed}); give it with --refs")
        for recording in list(lines.first_lines)[:1]:
            _add(gathering, _from_lines(name, lines, recording))


def _read_manifest(path: Path, gathering: _Gathering, *, with_sound: bool = True) -> None:
    entries, mistakes = read_manifest(_text(path, gathering), path.name)
    gathering.mistakes += mistakes
    if not (entries or mistakes):
        gathering.mistakes.append(f"{path.name} has no line with a recording")
    folder = path.parent
    for entry in entries:
        audio = folder / entry.line.audio if entry.line.audio else None
        name = entry.line.id or _name_of_text(entry.line.audio or "")
        if "://" in (entry.line.audio or ""):
            gathering.mistakes.append(f"{entry.place}: audio must be a file on this machine, not a URL")
        elif not name:
            gathering.mistakes.append(f"{entry.place}: id or audio is needed")
        elif name in gathering.found:
            gathering.mistakes.append(f"{entry.place}: the recording {name} is there twice")
        elif with_sound and audio and not audio.is_file():
            gathering.mistakes.append(f"{entry.place}: there is no file {entry.line.audio}")
        else:
            gathering.found[name] = replace(_from_entry(name, entry), audio=audio if with_sound else None)


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


def _from_lines(name: str, lines: Lines, recording: str) -> Reference:
    return Reference(
        name,
        segments=tuple(lines.segments.get(recording, ())),
        turns=tuple(lines.turns.get(recording, ())),
        words=tuple(lines.words.get(recording, ())),
    )


def _add(gathering: _Gathering, new: Reference) -> None:
    """Merge a reference with those of other files; the same part twice is a mistake."""
    old = gathering.found.get(new.name, Reference(new.name))
    parts = ("texts", "segments", "turns", "words", "duration_s", "language")
    twice = [part for part in parts if getattr(old, part) and getattr(new, part)]
    if twice:
        gathering.mistakes.append(f"{new.name} has two references with {' and '.join(twice)}; keep one of them")
    gathering.found[new.name] = replace(old, **{part: getattr(new, part) or getattr(old, part) for part in parts})


def _text(path: Path, gathering: _Gathering) -> str:
    """Return a file's text, or nothing and a mistake."""
    try:
        if path.stat().st_size > MAX_FILE_MB * 1_000_000:
            gathering.mistakes.append(f"{path.name} is larger than {MAX_FILE_MB} MB")
            return ""
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        gathering.mistakes.append(f"{path.name} is not in UTF-8")
    except OSError as error:
        gathering.mistakes.append(f"{path.name} cannot be read: {error.strerror}")
    return ""


def describe(references: Iterable[Reference]) -> str:
    """Return in one line how many recordings there are, and what their references have."""
    listed = list(references)
    parts = {
        "text": [one for one in listed if one.written],
        "segments": [one for one in listed if one.segments],
        "speakers": [one for one in listed if one.speaker_turns],
        "word times": [one for one in listed if one.words or any(segment.words for segment in one.segments)],
    }
    noun = "recording" if len(listed) == 1 else "recordings"
    return f"{len(listed)} {noun}; references with " + ", ".join(
        f"{name}: {len(having)}" for name, having in parts.items() if having
    )
