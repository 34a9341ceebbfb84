"""Selection of audio tracks in a file: those of one recording, and the alternatives.

A recorder of meetings writes each person, or the microphone and the computer, to a track of its own, and a player plays
only the first. A film has the same speech in other languages, which are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from whisperx_worker.errors import BadInputError
from whisperx_worker.types import Warned

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MAX_TRACKS = 8
"""Tracks that are decoded together; each takes 230 MB of disk an hour."""
_LOCKED_TAGS = frozenset({"aavd", "drmi", "drms", "enca"})
_NO_LANGUAGE = frozenset({"", "und", "unk", "mis", "mul", "zxx", "qaa", "none"})
_OTHER_KINDS = ("dub", "comment", "lyrics", "karaoke", "visual_impaired", "hearing_impaired", "clean_effects")
_OTHER_TITLES = re.compile(r"(?i)comment|descri|karaoke|коммент|тифло|описани")


@dataclass(frozen=True)
class Plan:
    """Groups of a file's audio tracks, numbered from 0; warnings count from 1."""

    groups: tuple[tuple[int, ...], ...]
    """Tracks to take first, then those to take when all before are silent."""
    names: tuple[str, ...]
    """Names of all tracks, with their languages."""
    unknown: tuple[int, ...]
    """Tracks with an unknown codec."""
    wanted: int | None = None
    """Track that the job names, and takes alone."""

    def warnings(self, taken: int) -> Iterator[Warned]:
        """Yield warnings about the tracks outside of group number `taken`."""
        if taken:
            silent = [track for group in self.groups[:taken] for track in group]
            yield Warned(
                f"{join_names(silent, self.names)} carried no sound; {join_names(self.groups[taken], self.names)} did"
            )
        left = [track for group in self.groups[taken + 1 :] for track in group]
        if left:
            yield Warned(
                f"of the file's {len(self.names)} sound tracks, which are in other languages or of other kinds, "
                f"{join_names(self.groups[taken], self.names)} was taken and {join_names(left, self.names)} left out; "
                f"{name_choices(left)}"
            )
        if self.unknown:
            yield Warned(f"{join_names(self.unknown, self.names)} is in a coding that this worker cannot decode")


def plan_tracks(container: Any, wanted: int | None = None) -> Plan:  # noqa: ANN401 - an av.InputContainer
    """Group the audio tracks of a file.

    Args:
        container: An av.InputContainer.
        wanted: Track that is taken alone.

    Raises:
        BadInputError: It has none that can be decoded, or not the wanted one.
    """
    audible = list(container.streams.audio)
    if not audible:
        raise BadInputError(
            "the file has video but no sound" if container.streams.video else "the file has no sound track"
        )
    names = tuple(_name(number, stream) for number, stream in enumerate(audible))
    if wanted is not None:
        _check_wanted(audible, wanted)
        return Plan(((wanted,),), names, (), wanted)
    if any(stream.codec_context is not None and stream.codec_tag in _LOCKED_TAGS for stream in audible):
        raise BadInputError("the file is locked by DRM and cannot be decoded")
    known = [number for number, stream in enumerate(audible) if stream.codec_context is not None]
    if not known:
        raise BadInputError("the file's sound is in a coding that this worker cannot decode")
    best = container.streams.best("audio")
    first = next((number for number in known if audible[number] is best or audible[number] == best), known[0])
    alike = [number for number in known if not _other_kind(audible[number])]
    languages = {_language(audible[number]) for number in alike} - {None}
    if first not in alike:
        main = [first]
    elif len(languages) > 1:
        main = [number for number in alike if _language(audible[number]) == _language(audible[first])]
    else:
        main = alike
    main = [first, *(number for number in main if number != first)][:_MAX_TRACKS]
    rest = [(number,) for number in known if number not in main]
    return Plan((tuple(main), *rest), names, tuple(number for number in range(len(audible)) if number not in known))


def _check_wanted(audible: Sequence[Any], wanted: int) -> None:
    """Refuse a track that is missing, locked or in an unknown codec.

    Raises:
        BadInputError: It is.
    """
    count = len(audible)
    if wanted >= count:
        have = "one sound track, number 0" if count == 1 else f"{count} sound tracks, numbered from 0 to {count - 1}"
        raise BadInputError(f"audio_track is {wanted}, but the file has {have}")
    this = f"audio_track {wanted}, of the file's {count} from 0,"
    if audible[wanted].codec_context is None:
        raise BadInputError(f"{this} is in a coding that this worker cannot decode")
    if audible[wanted].codec_tag in _LOCKED_TAGS:
        raise BadInputError(f"{this} is locked by DRM and cannot be decoded")


def _language(stream: Any) -> str | None:  # noqa: ANN401 - an av.AudioStream
    language = stream.metadata.get("language", "").lower()
    return None if language in _NO_LANGUAGE else language


def _other_kind(stream: Any) -> bool:  # noqa: ANN401 - an av.AudioStream
    """Return whether a track is marked as something else than the plain sound, such as a commentary."""
    kinds = type(stream.disposition)
    marked = any(stream.disposition & kinds[kind] for kind in _OTHER_KINDS if kind in kinds.__members__)
    return bool(marked or _OTHER_TITLES.search(stream.metadata.get("title", "")))


def _name(number: int, stream: Any) -> str:  # noqa: ANN401 - an av.AudioStream
    language = _language(stream)
    return f"track {number + 1}" + (f" ({language[:8]})" if language and language.isalpha() else "")


def name_choices(numbers: Sequence[int]) -> str:
    """Name the values of the request's field that take one of some tracks.

    >>> name_choices([0, 2])
    'audio_track 0 or 2 takes one of them'
    """
    values = " or ".join(map(str, numbers))
    return f"audio_track {values} takes {'it' if len(numbers) == 1 else 'one of them'}"


def join_names(numbers: Sequence[int], names: Sequence[str]) -> str:
    """Join names of tracks: "track 1, track 2 and track 4"."""
    every = [names[number] for number in numbers]
    return " and ".join([", ".join(every[:-1]), every[-1]] if len(every) > 1 else every)
