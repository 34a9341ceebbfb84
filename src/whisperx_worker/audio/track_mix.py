"""Mix of several audio tracks of a file to one recording."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

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
from whisperx_worker.audio.waveform import SAMPLE_BYTES, Waveform
from whisperx_worker.errors import BadInputError
from whisperx_worker.runtime.sample_file import new_store
from whisperx_worker.types import Warned

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import FileIO
    from typing import BinaryIO

    from numpy.typing import NDArray

    from whisperx_worker.types import Seconds

_LOSSLESS = re.compile(r"pcm_|flac|alac|wavpack|tta|ape|tak")


@dataclass(frozen=True, eq=False)
class _Decoded:
    """Decoded track before the mix."""

    number: int
    track: Track
    store: BinaryIO
    quality: tuple[bool, int, int]


class TrackMix:
    """Decoder of several tracks, which mixes them to one recording.

    Args:
        container: An av.InputContainer.
        numbers: Tracks among its audio streams; a player plays the first.
        names: Of all its tracks.
        store: Receives the recording.
        file: The same file as the container.
        max_s: Longest recording that is taken.
    """

    def __init__(  # noqa: PLR0913
        self,
        container: Any,  # noqa: ANN401 - an av.InputContainer
        numbers: Sequence[int],
        names: Sequence[str],
        store: BinaryIO,
        file: FileIO,
        max_s: Seconds,
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
            track_store = new_store() if self._decoded else store
            track = Track(container, stream, Waveform(max_s, track_store), read_claim(container, stream, file, max_s))
            quality = bool(_LOSSLESS.match(codec.name)), codec.sample_rate or 0, codec.bit_rate or 0
            self._decoded.append(_Decoded(number, track, track_store, quality))
        self._by_stream = {container.streams.audio[one.number].index: one.track for one in self._decoded}
        self.streams = [container.streams.audio[number] for number in numbers]
        self._notes: list[Warned] = []

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

    def finish(self, *, alone: bool) -> bool:
        """End all tracks, and write the mix of those with sound into the store.

        Args:
            alone: Whether the file has no other tracks, so that silence is as good as sound.

        Returns:
            Whether any track has sound; also true for the only track of a file.

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
        levels = {one.number: track_levels(one.store) for one in whole}
        sounding = tracks_with_sound(levels)
        self._note_losses(whole)
        if sounding:
            self._write_mix(self._different([one for one in whole if one.number in sounding], levels))
        elif whole:
            self._write_mix(whole[:1])
        return bool(sounding)

    def warnings(self) -> Iterator[Warned]:
        """Yield warnings about the tracks and their selection."""
        yield from self._notes
        for one in self._decoded:
            for warned in one.track.warnings():
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
        chosen.sort(key=lambda one: one.number)
        numbers = [one.number for one in chosen]
        silent = [one.number for one in self._decoded if one not in sounding]
        if len(chosen) > 1:
            text = f"{join_names(numbers, self._names)} carry sound and were mixed"
            without = f"; {join_names(silent, self._names)} does not" if silent else ""
            self._notes.append(Warned(f"{text}{without}; {name_choices(numbers)}"))
        elif silent and chosen[0].store is not self._store and self._decoded[0] not in sounding:
            self._notes.append(
                Warned(
                    f"{join_names(silent, self._names)} carries no sound; {join_names(numbers, self._names)} was taken"
                )
            )
        return chosen

    def _write_mix(self, chosen: list[_Decoded]) -> None:
        """Write the sum of tracks into the store, scaled down to full scale if louder."""
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
