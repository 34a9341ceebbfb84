"""Mix of several audio tracks of a file to one recording."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from whisperx_worker.audio.channel_files import ChannelFiles, LengthLimit, too_many
from whisperx_worker.audio.header_claims import read_claim
from whisperx_worker.audio.track_decoder import Track
from whisperx_worker.audio.track_levels import (
    BLOCK_SAMPLES,
    have_same_sound,
    read_block,
    sample_count,
    track_levels,
    tracks_with_sound,
)
from whisperx_worker.audio.track_selection import join_names, name_choices
from whisperx_worker.audio.waveform import Waveform
from whisperx_worker.contract.channels import MAX_CHANNELS
from whisperx_worker.errors import BadInputError
from whisperx_worker.runtime.sample_file import SAMPLE_BYTES, new_store
from whisperx_worker.types import Span, Warned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from typing import BinaryIO

    from numpy.typing import NDArray

    from whisperx_worker.audio.track_selection import Plan
    from whisperx_worker.contract.channels import Channels
    from whisperx_worker.types import Seconds

_LOSSLESS = re.compile(r"pcm_|flac|alac|wavpack|tta|ape|tak")


@dataclass(frozen=True, eq=False)
class _Decoded:
    """Decoded track before the mix."""

    number: int
    track: Track
    store: BinaryIO
    apart: ChannelFiles | None
    quality: tuple[bool, int, int]


@dataclass(frozen=True, eq=False)
class Channel:
    """Channel of a recording before the channels are laid out."""

    store: BinaryIO
    track: int
    """Number of its track."""
    taken: bool
    """Whether no better track has the same sound."""


class TrackMix:
    """Decoder of several tracks, which mixes them to one recording.

    Args:
        container: An av.InputContainer.
        plan: Tracks of the file.
        group: Number of the plan's group to decode; a player plays its first track.
        store: Receives the recording.
        file: The same file as the container.
        max_s: Longest recording that is taken.
        channels: Wanted channels; other than `mix` they are kept beside the mix.

    Raises:
        BadInputError: By what the file declares it is too long, or has too many channels.
    """

    def __init__(  # noqa: PLR0913
        self,
        container: Any,  # noqa: ANN401 - an av.InputContainer
        plan: Plan,
        group: int,
        store: BinaryIO,
        file: FileIO,
        max_s: Seconds,
        channels: Channels,
    ) -> None:
        self._plan = plan
        self._names = plan.names
        self._store = store
        self._alone = len(plan.groups) == 1
        self._decoded: list[_Decoded] = []
        self._notes: list[Warned] = []
        self._chosen: list[_Decoded] = []
        self._same: list[_Decoded] = []
        self._silent: set[int] = set()
        self._keeps_channels = channels != "mix"
        self.streams = [container.streams.audio[number] for number in plan.groups[group]]
        count = sum(stream.codec_context.channels or 1 for stream in self.streams)
        if channels == "separate" and count > MAX_CHANNELS:
            raise BadInputError(too_many(count))
        limit = LengthLimit(max_s, count if channels == "separate" else 1)
        for number, stream in zip(plan.groups[group], self.streams, strict=True):
            codec = stream.codec_context
            if codec.name == "flac":
                # Without it a wrong checksum is ignored, and damage becomes loud noise.
                codec.options = {"err_detect": "crccheck+explode"}
            # The store gets the mix, after which a track in it is lost.
            is_mixed = self._decoded or (self._keeps_channels and len(self.streams) > 1)
            track_store = new_store() if is_mixed else store
            apart = ChannelFiles(track_store, must=channels == "separate") if self._keeps_channels else None
            wave = Waveform(limit, track_store, apart)
            track = Track(container, stream, wave, read_claim(container, stream, file, max_s))
            quality = bool(_LOSSLESS.match(codec.name)), codec.sample_rate or 0, codec.bit_rate or 0
            self._decoded.append(_Decoded(number, track, track_store, apart, quality))
        self._by_stream = {stream.index: one.track for stream, one in zip(self.streams, self._decoded, strict=True)}

    @property
    def ended(self) -> bool:
        """Whether all tracks were ended early."""
        return all(one.track.ended for one in self._decoded)

    def feed(self, packet: Any) -> None:  # noqa: ANN401 - an av.Packet
        """Decode a packet of one of the streams."""
        self._by_stream[packet.stream.index].feed(packet)

    def note_loss(self) -> None:
        """Count something of the file that could not be read as lost."""
        for one in self._decoded:
            one.track.note_loss()

    def give_up(self, why: str) -> None:
        """End all tracks here."""
        for one in self._decoded:
            one.track.give_up(why)

    def finish(self) -> bool:
        """End all tracks, and write the mix of those with sound into the store.

        Returns:
            Whether any track has sound; also true for the only track of a file.

        Raises:
            BadInputError: None of them could be decoded.
        """
        for one in self._decoded:
            one.track.finish()
        whole = [one for one in self._decoded if one.track.duration_s]
        if not whole and self._alone:
            raise BadInputError(self._without_sound())
        if self._alone and len(self._decoded) == 1:
            self._chosen = self._decoded
            return True
        levels = {one.number: track_levels(one.store) for one in whole}
        sounding = tracks_with_sound(levels)
        self._note_losses(whole)
        self._chosen = whole[:1]
        if sounding:
            self._silent = {one.number for one in self._decoded} - sounding
            self._chosen = self._different([one for one in whole if one.number in sounding], levels)
        if whole:
            self._write_mix()
        return bool(sounding)

    def _without_sound(self) -> str:
        lost = any(one.track.lost_all for one in self._decoded)
        if self._plan.wanted is not None:
            why = "could not be decoded" if lost else "has nothing in it"
            return f"audio_track {self._plan.wanted}, of the file's {len(self._names)} from 0, {why}"
        return "the file's sound could not be decoded" if lost else "the file has a sound track with nothing in it"

    def channels(self) -> list[Channel]:
        """Return the channels of all tracks in order, those of a silent track too."""
        tracks = sorted(self._decoded, key=lambda one: one.number)
        return [
            Channel(store, one.number, one not in self._same)
            for one in tracks
            if one.apart is not None
            for store in one.apart.stores
        ]

    @property
    def too_many(self) -> int:
        """Number of channels where they are too many to be read apart; else 0."""
        counts = [max(one.apart.too_many, len(one.apart.stores)) for one in self._decoded if one.apart is not None]
        return sum(counts) if sum(counts) > MAX_CHANNELS else 0

    @property
    def is_film(self) -> bool:
        """Whether a track's channels are those of a film, with a centre for speech."""
        return any(one.apart is not None and one.apart.is_film for one in self._decoded)

    def warnings(self, *, mixed: bool) -> Iterator[Warned]:
        """Yield warnings about the tracks and their selection.

        Args:
            mixed: Whether the mix was taken.
        """
        yield from self._notes
        if mixed:
            yield from self._about_mix()
        else:
            yield from self._about_channels()
        for one in self._decoded:
            for warned in one.track.warnings(mixed=mixed):
                which = f"{self._names[one.number]}: " if len(self._names) > 1 else ""
                yield Warned(f"{which}{warned.message}", warned.span)

    def _note_losses(self, whole: list[_Decoded]) -> None:
        lost = [one.number for one in self._decoded if one not in whole and one.track.lost_all]
        if lost:
            self._notes.append(Warned(f"{join_names(lost, self._names)} could not be decoded"))

    def _different(self, sounding: list[_Decoded], levels: dict[int, NDArray[np.float32]]) -> list[_Decoded]:
        """Return the tracks without those with the sound of a better one, and note the choice."""
        chosen: list[_Decoded] = []
        for one in sorted(sounding, key=lambda one: (round(one.track.duration_s), *one.quality), reverse=True):
            same = next((other for other in chosen if have_same_sound(levels[one.number], levels[other.number])), None)
            if same is None:
                chosen.append(one)
            else:
                pair = join_names(sorted([one.number, same.number]), self._names)
                self._notes.append(Warned(f"{pair} carry the same sound; {self._names[same.number]} was taken"))
                self._same.append(one)
        return sorted(chosen, key=lambda one: one.number)

    def _about_mix(self) -> Iterator[Warned]:
        """Yield a warning about the tracks in the mix, if they are others than a player would play."""
        taken = [one.number for one in self._chosen]
        silent = [one.number for one in self._decoded if one.number in self._silent]
        if len(taken) > 1:
            text = f"{join_names(taken, self._names)} carry sound and were mixed"
            without = f"; {join_names(silent, self._names)} does not" if silent else ""
            yield Warned(f"{text}{without}; {name_choices(taken)}")
        elif self._decoded[0].number in silent:
            yield Warned(
                f"{join_names(silent, self._names)} carries no sound; {join_names(taken, self._names)} was taken"
            )

    def _about_channels(self) -> Iterator[Warned]:
        """Yield warnings about the numbers of channels, where they come from several tracks or change."""
        channels = self.channels()
        if len(self._decoded) > 1:
            places = [f"{number} is of {self._names[channel.track]}" for number, channel in enumerate(channels)]
            yield Warned(f"the channels are numbered through the tracks: {', '.join(places)}")
        for one in self._decoded:
            for at_s, count in one.apart.changes if one.apart is not None else ():
                first = next(number for number, channel in enumerate(channels) if channel.track == one.number)
                has = f"only channel {first}" if count == 1 else f"channels {first} to {first + count - 1}"
                yield Warned(f"the number of channels changes here; {has} of the track go on", Span(at_s, at_s))

    def _write_mix(self) -> None:
        """Write the sum of the chosen tracks into the store, scaled down to full scale if louder."""
        chosen = self._chosen
        if [one.store for one in chosen] == [self._store]:
            return
        peak = max((float(np.abs(block).max()) for _, block in _sums(chosen)), default=0.0)
        gain, length = np.float32(1 / max(peak, 1.0)), 0
        for start, block in _sums(chosen):
            self._store.seek(start * SAMPLE_BYTES)
            self._store.write((block * gain).data)
            length = start + len(block)
        self._store.flush()
        self._store.truncate(length * SAMPLE_BYTES)


def _sums(chosen: list[_Decoded]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield the start and the sum of tracks, a minute at a time."""
    longest = max(sample_count(one.store) for one in chosen)
    for start in range(0, longest, BLOCK_SAMPLES):
        total = np.zeros(min(BLOCK_SAMPLES, longest - start), np.float32)
        for one in chosen:
            block = read_block(one.store, start)
            total[: len(block)] += block
        yield start, total
