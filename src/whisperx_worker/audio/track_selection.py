"""Several audio tracks of one file: which belong together, which carry sound, and one recording of those that do.

A recorder of meetings puts each person, or the microphone and the computer, on a track of its own, and a player plays
the first only. A film has the same talk in other languages, and these are left out.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from whisperx_worker.audio.header_claims import claim_of
from whisperx_worker.audio.track_decoder import Track
from whisperx_worker.audio.waveform import SAMPLE_BYTES, Waveform, new_store
from whisperx_worker.errors import BadInputError
from whisperx_worker.types import SAMPLE_RATE_HZ, Warned

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import FileIO
    from typing import BinaryIO

    from numpy.typing import NDArray

    from whisperx_worker.types import Seconds

_MAX_TRACKS = 8
"""Of those that are decoded side by side; each takes 230 MB of disk an hour."""
_LOCKED_TAGS = frozenset({"aavd", "drmi", "drms", "enca"})
_NO_LANGUAGE = frozenset({"", "und", "unk", "mis", "mul", "zxx", "qaa", "none"})
_OTHER_KINDS = ("dub", "comment", "lyrics", "karaoke", "visual_impaired", "hearing_impaired", "clean_effects")
_OTHER_TITLES = re.compile(r"(?i)comment|descri|karaoke|коммент|тифло|описани")
_LOSSLESS = re.compile(r"pcm_|flac|alac|wavpack|tta|ape|tak")
_BLOCK_SAMPLES = 60 * SAMPLE_RATE_HZ
_FRAME_SAMPLES = SAMPLE_RATE_HZ // 50
_FRAMES_PER_TENTH = 5
_SOUND_TENTHS = 5
"""A track carries sound where it has half a second of it."""
_MIN_LEVEL = 1e-4
"""-80 dB of full scale; what is below is silence."""
_MIN_SHARE_OF_LOUDEST = 10**-2.5
"""-50 dB of the loudest track."""
_MAX_LAG_FRAMES = 10
_ACTIVE_DB = 40.0
"""Below the loudest frame; the rest of the time nobody speaks."""
_MIN_SAME = 0.9
"""Correlation of the levels of two tracks with one sound."""


@dataclass(frozen=True)
class Plan:
    """Which audio tracks of a file belong together. Tracks are counted from 0 here, and from 1 in warnings."""

    groups: tuple[tuple[int, ...], ...]
    """The tracks to take first, then those to take where all before are silent."""
    names: tuple[str, ...]
    """Of all tracks, with language and title where they have any."""
    unknown: tuple[int, ...]
    """Tracks in a coding that cannot be decoded."""

    def told(self, taken: int) -> Iterator[Warned]:
        """Tell which tracks were not looked at, where group number `taken` was."""
        if taken:
            silent = [track for group in self.groups[:taken] for track in group]
            yield Warned(f"{_named(silent, self.names)} carried no sound; {_named(self.groups[taken], self.names)} did")
        left = [track for group in self.groups[taken + 1 :] for track in group]
        if left:
            yield Warned(
                f"of the file's {len(self.names)} sound tracks, which are in other languages or of other kinds, "
                f"{_named(self.groups[taken], self.names)} was taken and {_named(left, self.names)} left out"
            )
        if self.unknown:
            yield Warned(f"{_named(self.unknown, self.names)} is in a coding that this worker cannot decode")


def plan_of(container: Any) -> Plan:  # noqa: ANN401 - an av.InputContainer
    """Sort the audio tracks of a file.

    Raises:
        BadInputError: It has none that can be decoded.
    """
    audible = list(container.streams.audio)
    if not audible:
        raise BadInputError(
            "the file has video but no sound" if container.streams.video else "the file has no sound track"
        )
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
    names = tuple(_name(number, stream) for number, stream in enumerate(audible))
    return Plan((tuple(main), *rest), names, tuple(number for number in range(len(audible)) if number not in known))


def _language(stream: Any) -> str | None:  # noqa: ANN401 - an av.AudioStream
    language = stream.metadata.get("language", "").lower()
    return None if language in _NO_LANGUAGE else language


def _other_kind(stream: Any) -> bool:  # noqa: ANN401 - an av.AudioStream
    """Whether a track is by its own account not the plain sound: a commentary, a description and the like."""
    kinds = type(stream.disposition)
    marked = any(stream.disposition & kinds[kind] for kind in _OTHER_KINDS if kind in kinds.__members__)
    return bool(marked or _OTHER_TITLES.search(stream.metadata.get("title", "")))


def _name(number: int, stream: Any) -> str:  # noqa: ANN401 - an av.AudioStream
    language = _language(stream)
    return f"track {number + 1}" + (f" ({language[:8]})" if language and language.isalpha() else "")


def _named(numbers: Sequence[int], names: Sequence[str]) -> str:
    """Names of tracks in a row: "track 1, track 2 and track 4"."""
    every = [names[number] for number in numbers]
    return " and ".join([", ".join(every[:-1]), every[-1]] if len(every) > 1 else every)


@dataclass(frozen=True, eq=False)
class _Decoded:
    """One track on its way into the mix."""

    number: int
    track: Track
    store: BinaryIO
    quality: tuple[bool, int, int]


class TrackMix:
    """Decodes tracks side by side and makes one recording of them.

    Args:
        container: An av.InputContainer.
        numbers: Tracks among its audio streams, the one that a player would play first.
        names: Of all its tracks.
        store: Takes the recording.
        file: The same file as the container.
        longest_s: The longest recording that is taken.
    """

    def __init__(  # noqa: PLR0913
        self,
        container: Any,  # noqa: ANN401 - an av.InputContainer
        numbers: Sequence[int],
        names: Sequence[str],
        store: BinaryIO,
        file: FileIO,
        longest_s: Seconds,
    ) -> None:
        self._names = names
        self._store = store
        self._decoded: list[_Decoded] = []
        for number in numbers:
            stream = container.streams.audio[number]
            codec = stream.codec_context
            if codec.name == "flac":
                # Without it a wrong checksum is ignored, and damage becomes loud noise.
                codec.options = {"err_detect": "crccheck+explode"}
            own = new_store() if self._decoded else store
            track = Track(container, stream, Waveform(longest_s, own), claim_of(container, stream, file, longest_s))
            quality = bool(_LOSSLESS.match(codec.name)), codec.sample_rate or 0, codec.bit_rate or 0
            self._decoded.append(_Decoded(number, track, own, quality))
        self._by_stream = {container.streams.audio[one.number].index: one.track for one in self._decoded}
        self.streams = [container.streams.audio[number] for number in numbers]
        self._told: list[Warned] = []

    @property
    def ended(self) -> bool:
        """Whether no track takes anything more."""
        return all(one.track.ended for one in self._decoded)

    def feed(self, packet: Any) -> None:  # noqa: ANN401 - an av.Packet
        """Decode a packet of one of the streams."""
        self._by_stream[packet.stream.index].feed(packet)

    def lose_a_moment(self) -> None:
        """Note that something of the file could not be read."""
        for one in self._decoded:
            one.track.lose_a_moment()

    def give_up(self, why: str) -> None:
        """End all tracks here."""
        for one in self._decoded:
            one.track.give_up(why)

    def finish(self, *, alone: bool) -> bool:
        """End all tracks, and write those that carry sound into the store.

        Args:
            alone: Whether the file has no other tracks, so that silence is as good as sound.

        Returns:
            Whether anything carries sound, as far as that matters.

        Raises:
            BadInputError: None of them could be decoded.
        """
        for one in self._decoded:
            one.track.finish()
        whole = [one for one in self._decoded if one.track.duration_s]
        if not whole and alone:
            lost = any(one.track.lost_all for one in self._decoded)
            raise BadInputError(
                "the file's sound could not be decoded" if lost else "the file has a sound track with nothing in it"
            )
        if alone and len(self._decoded) == 1:
            return True
        levels = {one.number: _levels(one.store) for one in whole}
        sounding = _sounding(levels)
        self._tell_losses(whole)
        if sounding:
            self._keep(self._different([one for one in whole if one.number in sounding], levels))
        elif whole:
            self._keep(whole[:1])
        return bool(sounding)

    def warnings(self) -> Iterator[Warned]:
        """Tell what is wrong with the tracks, and which were taken."""
        yield from self._told
        for one in self._decoded:
            for warned in one.track.warnings():
                which = f"{self._names[one.number]}: " if len(self._names) > 1 else ""
                yield Warned(f"{which}{warned.message}", warned.span)

    def _tell_losses(self, whole: list[_Decoded]) -> None:
        lost = [one.number for one in self._decoded if one not in whole and one.track.lost_all]
        if lost:
            self._told.append(Warned(f"{_named(lost, self._names)} could not be decoded"))

    def _different(self, sounding: list[_Decoded], levels: dict[int, NDArray[np.float32]]) -> list[_Decoded]:
        """Leave out tracks that carry the sound of a better one, and tell what is done with the others."""
        kept: list[_Decoded] = []
        for one in sorted(sounding, key=lambda one: (round(one.track.duration_s), *one.quality), reverse=True):
            same = next((other for other in kept if _same(levels[one.number], levels[other.number])), None)
            if same is None:
                kept.append(one)
            else:
                pair = _named(sorted([one.number, same.number]), self._names)
                self._told.append(Warned(f"{pair} carry the same sound; {self._names[same.number]} was taken"))
        kept.sort(key=lambda one: one.number)
        numbers = [one.number for one in kept]
        silent = [one.number for one in self._decoded if one not in sounding]
        if len(kept) > 1:
            text = f"{_named(numbers, self._names)} carry sound and were mixed"
            self._told.append(Warned(text + (f"; {_named(silent, self._names)} does not" if silent else "")))
        elif silent and kept[0].store is not self._store and self._decoded[0] not in sounding:
            self._told.append(
                Warned(f"{_named(silent, self._names)} carries no sound; {_named(numbers, self._names)} was taken")
            )
        return kept

    def _keep(self, kept: list[_Decoded]) -> None:
        """Write the sum of tracks into the store, quieter where it would be louder than full scale."""
        if [one.store for one in kept] == [self._store]:
            return
        peak = max((float(np.abs(block).max()) for _, block in _sums(kept)), default=0.0)
        gain, length = np.float32(1 / max(peak, 1.0)), 0
        for start, block in _sums(kept):
            self._store.seek(start * SAMPLE_BYTES)
            self._store.write((block * gain).data)
            length = start + len(block)
        self._store.flush()
        self._store.truncate(length * SAMPLE_BYTES)


def _sums(kept: list[_Decoded]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """The sum of tracks, a minute at a time, with the place of each."""
    longest = max(_samples(one.store) for one in kept)
    for start in range(0, longest, _BLOCK_SAMPLES):
        total = np.zeros(min(_BLOCK_SAMPLES, longest - start), np.float32)
        for one in kept:
            block = _read(one.store, start)
            total[: len(block)] += block
        yield start, total


def _samples(store: BinaryIO) -> int:
    return os.fstat(store.fileno()).st_size // SAMPLE_BYTES


def _read(store: BinaryIO, start: int) -> NDArray[np.float32]:
    """At most a minute of samples; never the whole, which may be larger than a decoder's memory."""
    store.seek(start * SAMPLE_BYTES)
    return np.frombuffer(store.read(_BLOCK_SAMPLES * SAMPLE_BYTES), np.float32)


def _levels(store: BinaryIO) -> NDArray[np.float32]:
    """Root mean square of a track, fifty times a second."""
    found = [np.zeros(0, np.float32)]
    for start in range(0, _samples(store), _BLOCK_SAMPLES):
        block = _read(store, start)
        block = block[: len(block) // _FRAME_SAMPLES * _FRAME_SAMPLES].reshape(-1, _FRAME_SAMPLES)
        found.append(np.sqrt(np.mean(np.square(block), axis=1)))
    return np.concatenate(found)


def _sounding(levels: dict[int, NDArray[np.float32]]) -> set[int]:
    """Tracks that carry sound."""
    loudness = {number: _loudness(each) for number, each in levels.items()}
    least = max(_MIN_LEVEL, _MIN_SHARE_OF_LOUDEST * max(loudness.values(), default=0.0))
    return {number for number, loud in loudness.items() if loud > least}


def _loudness(levels: NDArray[np.float32]) -> float:
    """Level that a track reaches for half a second together, or for all of its time where it is shorter."""
    tenths = levels[: len(levels) // _FRAMES_PER_TENTH * _FRAMES_PER_TENTH].reshape(-1, _FRAMES_PER_TENTH).max(1)
    return float(np.sort(tenths)[-min(_SOUND_TENTHS, len(tenths))]) if len(tenths) else 0.0


def _same(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Whether two tracks rise and fall together, as one sound in two codecs does."""
    length = min(len(one), len(other))
    one, other = (20 * np.log10(np.maximum(each[:length], _MIN_LEVEL)) for each in (one, other))
    return any(_correlation(one, other, lag) >= _MIN_SAME for lag in range(-_MAX_LAG_FRAMES, _MAX_LAG_FRAMES + 1))


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32], lag: int) -> float:
    """How alike two tracks are where either is loud, one of them `lag` frames later."""
    one, other = (one[lag:], other[: len(other) - lag]) if lag >= 0 else (one[:lag], other[-lag:])
    if not len(one):
        return 0.0
    active = (one > one.max() - _ACTIVE_DB) | (other > other.max() - _ACTIVE_DB)
    one, other = one[active] - one[active].mean(), other[active] - other[active].mean()
    power = float(np.dot(one, one)) * float(np.dot(other, other))
    return float(np.dot(one, other)) / power**0.5 if power > 0 else 0.0
