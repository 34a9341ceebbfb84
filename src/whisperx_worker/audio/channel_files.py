"""Files of the channels of a track, beside its mix."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whisperx_worker.contract.channels import MAX_CHANNELS
from whisperx_worker.errors import BadInputError
from whisperx_worker.runtime.sample_file import SAMPLE_BYTES, copy_samples, new_store
from whisperx_worker.types import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from typing import BinaryIO

    import numpy as np
    from numpy.typing import NDArray

    from whisperx_worker.types import Seconds


@dataclass(frozen=True)
class LengthLimit:
    """Longest recording that is taken, all channels that are read apart together."""

    max_s: Seconds
    channels: int = 1

    def check(self, length_s: Seconds) -> None:
        """Refuse a recording with a length above the limit.

        Raises:
            BadInputError: It is.
        """
        if length_s * self.channels <= self.max_s:
            return
        is_longer = (
            "recording is" if self.channels == 1 else f"recording's {self.channels} channels, read apart, are together"
        )
        raise BadInputError(f"the {is_longer} longer than {self.max_s:g} s, the most that this worker takes")


def too_many(count: int) -> str:
    """Return the sentence about too many channels."""
    return f"the recording has {count} channels; at most {MAX_CHANNELS} can be read apart"


class ChannelFiles:
    """Writer of the channels of a track, each to a file of its own.

    While the track has one channel nothing is written: its file is that of the mix. Where the number of channels
    changes, the channels that are missing are silent.

    Args:
        mix: File with the track's mix.
        must: Whether more channels than can be read apart are refused.
    """

    def __init__(self, mix: BinaryIO, *, must: bool) -> None:
        self._mix = mix
        self._must = must
        self._own: list[BinaryIO] = []
        self._count = 0
        self.changes: list[tuple[Seconds, int]] = []
        """Times at which the number of channels changed, and the new number."""
        self.too_many = 0
        """Number of channels where they are too many to be read apart; else 0."""
        self.is_film = False
        """Whether the channels have been those of a film, with a centre for speech."""

    @property
    def stores(self) -> list[BinaryIO]:
        """Files of the channels, in order."""
        return self._own or [self._mix]

    def open(self, names: list[str], position: int) -> None:
        """Take note of the channels from a sample on.

        Args:
            names: Of the channels, as ffmpeg names them.
            position: Index of the sample.

        Raises:
            BadInputError: They must be read apart, and are too many.
        """
        count = len(names)
        self.is_film |= "FC" in names and count > 1
        if self._count and count != self._count:
            self.changes.append((position / SAMPLE_RATE_HZ, count))
        self._count = count
        if count > MAX_CHANNELS:
            if self._must:
                raise BadInputError(too_many(count))
            self.too_many = max(self.too_many, count)
        if self.too_many or count <= len(self.stores):
            return
        had_none = not self._own
        self._own += [new_store() for _ in range(count - len(self._own))]
        if had_none:
            self._mix.flush()
            copy_samples(self._mix, self._own[0], position)

    def write(self, position: int, channels: NDArray[np.float32]) -> None:
        """Write a piece of the channels.

        Args:
            position: Index of its first sample.
            channels: Shape (channels, n).
        """
        if self.too_many or not self._own:
            return
        for store, samples in zip(self._own, channels, strict=False):
            store.seek(position * SAMPLE_BYTES)
            store.write(samples.data)

    def finish(self, length: int) -> None:
        """End the channels at a number of samples."""
        for store in self._own:
            store.flush()
            os.truncate(store.fileno(), length * SAMPLE_BYTES)
