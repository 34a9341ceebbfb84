"""Recordings to measure and their references, from folders, files and manifests; all mistakes at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from whisperx_worker.contract.fields import joined
from whisperx_worker.errors import BadInputError
from whisperx_worker.evaluate.durations import sound_duration_s
from whisperx_worker.evaluate.gathering import (
    MAX_NAMES,
    Gathering,
    read_beside,
    read_file_of_all,
    read_manifest_file,
)
from whisperx_worker.evaluate.reference_lines import PARSERS
from whisperx_worker.evaluate.times import is_past_the_end

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from whisperx_worker.evaluate.reference import Reference

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
_ANY_ENDING = ", ".join((*BESIDE_ENDINGS[:-1], "or " + BESIDE_ENDINGS[-1]))


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
    gathering = Gathering(tuple(path.resolve() for path in ignored))
    if source.suffix.lower() == MANIFEST and source.is_file():
        read_manifest_file(source, gathering, needs_sound=needs_sound)
        if refs:
            gathering.mistakes.append(f"{source.name} has its references, so --refs is not needed")
    else:
        recordings = _recordings_of(source)
        only = None if source.is_dir() else recordings
        for path in refs or [source if source.is_dir() else source.parent]:
            gathering.mistakes += [
                f"{place} has references or recordings; results and the report need a folder of their own"
                for place in ignored
                if path.is_dir() and path.resolve().is_relative_to(place.resolve())
            ]
            _read_refs(path, recordings, gathering, only, is_named=bool(refs))
        _pair(recordings, gathering, source, refs, needs_sound=needs_sound)
    if needs_sound:
        gathering.mistakes += [
            f"{reference.name} has a reference but no recording"
            for reference in gathering.found.values()
            if reference.audio is None
        ]
    gathering.mistakes += [*_recordings_twice(gathering), *_ends_past_recordings(gathering)]
    if not gathering.found and not gathering.mistakes:
        gathering.mistakes.append(f"{source} has no recording with a reference")
    _refuse(gathering.mistakes)
    return tuple(gathering.found[name] for name in sorted(gathering.found))


def _recordings_twice(gathering: Gathering) -> Iterator[str]:
    """Yield a sentence for each file that is the recording of several names."""
    names: dict[Path, list[str]] = {}
    for reference in gathering.found.values():
        if reference.audio:
            names.setdefault(reference.audio.resolve(), []).append(reference.name)
    for path, same in names.items():
        if len(same) > 1:
            yield f"{' and '.join(same)} are one recording, {path.name}; keep one of them"


def _ends_past_recordings(gathering: Gathering) -> Iterator[str]:
    """Yield a sentence for each reference that ends far past a recording of known length."""
    for name, end_s, place in gathering.ends:
        reference = gathering.found.get(name)
        duration_s = reference and (sound_duration_s(reference.audio) or reference.duration_s)
        if duration_s and is_past_the_end(end_s, duration_s):
            yield f"{place}: the end, {end_s:.10g}, is past the end of the recording, which has {duration_s:.10g} s"


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


def _pair(
    recordings: Mapping[str, list[Path]],
    gathering: Gathering,
    source: Path,
    refs: Sequence[Path],
    *,
    needs_sound: bool,
) -> None:
    """Give each reference its recording; a recording without a reference is a mistake."""
    has_any = bool(gathering.seen or gathering.found or not gathering.mistakes)
    for name, paths in recordings.items():
        if len(paths) > 1:
            gathering.mistakes.append(f"{' and '.join(path.name for path in paths)} have one name, {name}")
        if name in gathering.found:
            gathering.found[name] = replace(gathering.found[name], audio=paths[0])
        elif (needs_sound or not gathering.found) and has_any and name not in gathering.seen:
            beside = name if source.is_dir() else source.stem
            gathering.mistakes.append(
                f"{paths[0].name} has no reference in {' or '.join(path.name for path in refs)}; {name} is looked for"
                if refs
                else f"{paths[0].name} has no reference: {beside} with {_ANY_ENDING}, or --refs"
            )


def _read_refs(
    path: Path,
    recordings: Mapping[str, object],
    gathering: Gathering,
    only: Mapping[str, object] | None,
    *,
    is_named: bool,
) -> None:
    """Read a folder of references by the names of their files, or one file for several recordings."""
    if path.is_dir():
        named = [(file, _name(file, path)) for file in sorted(path.rglob("*")) if _is_reference(file, gathering)]
        for file, name in named:
            if only is None or name in only:
                read_beside(file, name, gathering)
        if is_named and not named:
            example = next(iter(recordings), "the name of a recording")
            gathering.mistakes.append(f"{path} has no references; {example} with {_ANY_ENDING} is looked for")
    elif path.suffix.lower() == MANIFEST:
        read_manifest_file(path, gathering, with_sound=False)
    elif path.suffix.lower() in PARSERS:
        read_file_of_all(path, recordings, gathering)
    elif path.suffix.lower() in BESIDE_ENDINGS and len(recordings) == 1:
        read_beside(path, next(iter(recordings)), gathering)
    else:
        known = ", ".join((*PARSERS, MANIFEST))
        gathering.mistakes.append(f"--refs must be a folder or a file that ends in {known}, not {path.name}")


def _is_reference(file: Path, gathering: Gathering) -> bool:
    """Return whether a file is a reference by its name, and no result."""
    is_named = file.suffix.lower() in BESIDE_ENDINGS and file.is_file() and not file.name.startswith(".")
    return is_named and not any(file.resolve().is_relative_to(folder) for folder in gathering.ignored)


def describe(references: Iterable[Reference], enrolled: Iterable[str] = ()) -> str:
    """Return in one line how many recordings there are, and what their references have and lack."""
    listed = list(references)
    parts = {
        "text": [one for one in listed if one.written],
        "segments": [one for one in listed if one.segments],
        "speakers": [one for one in listed if one.speaker_turns],
        "word times": [one for one in listed if one.words or any(segment.words for segment in one.segments)],
    }
    noun = "recording" if len(listed) == 1 else "recordings"
    having = ", ".join(f"{name}: {len(some)}" for name, some in parts.items() if some)
    speaking = {turn.speaker for one in listed for turn in one.speaker_turns}
    lacking = {
        "without a word": [one.name for one in listed if one.written and not one.has_words],
        "enrolled, but speaking in none": [name for name in enrolled if name not in speaking],
    }
    return "; ".join((
        f"{len(listed)} {noun}",
        f"references with {having}",
        *(f"{kind}: {_some(names)}" for kind, names in lacking.items() if names),
    ))  # fmt: skip


def _some(names: Sequence[str]) -> str:
    """Return how many names there are, and the first of them."""
    return f"{len(names)} ({', '.join([*names[:MAX_NAMES], *(['…'] if len(names) > MAX_NAMES else [])])})"
