"""Decoded sound on its way to one mono array at 16 kHz. It knows samples and never a file."""

from __future__ import annotations

import mmap
import re
import tempfile
from itertools import pairwise
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from whisperx_worker.errors import BadInputError
from whisperx_worker.types import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whisperx_worker.types import Seconds

SAMPLE_BYTES = 4
_BLOCK_SAMPLES = SAMPLE_RATE_HZ
_LOUDEST = 1e5
"""A float sample above it is damage. Files that hold 16-bit values as floats exist, and stay as they are."""
_LOWEST_RATE_HZ, _HIGHEST_RATE_HZ = 1_000, 768_000
"""Below, one frame would become hours of samples."""


def new_store() -> BinaryIO:
    """A file without a name for the samples of one recording; the system keeps in memory what it has room for."""
    return tempfile.TemporaryFile()


def samples_in(store: BinaryIO) -> NDArray[np.float32]:
    """What a `Waveform` wrote, of shape (n,), not copied; it stays when the store is closed."""
    return np.frombuffer(mmap.mmap(store.fileno(), 0, access=mmap.ACCESS_COPY), np.float32)


class Waveform:
    """Takes decoded frames of any format, rate and number of channels, and writes mono float32 at 16 kHz.

    The samples go to a file as they come, so another process can have them without a copy; an hour takes 230 MB. The
    length that a file claims to have is never believed; silence that the clock tells of is a hole in the file and takes
    no room.

    Args:
        longest_s: The longest recording that is taken.
        store: What the samples are written to, from its beginning.
    """

    def __init__(self, longest_s: Seconds, store: BinaryIO) -> None:
        self._longest_s = longest_s
        self._store = store
        self._length = 0
        self._begins = 0
        """Index of the sample that the resampler's first one became."""
        self._fed_s: Seconds = 0.0
        self._resampler: Any = None
        self._form: tuple[str, str, int] | None = None
        self.not_numbers = 0
        """Samples that were no number, or beyond any level, and are silence now."""

    @property
    def position_s(self) -> Seconds:
        """How much sound has come in."""
        return self._begins / SAMPLE_RATE_HZ + self._fed_s

    def add(self, frame: Any) -> None:  # noqa: ANN401 - an av.AudioFrame
        """Append a frame.

        Raises:
            BadInputError: The recording gets longer than is allowed, or no sound has such a sample rate.
        """
        if not _LOWEST_RATE_HZ <= frame.sample_rate <= _HIGHEST_RATE_HZ:
            raise BadInputError(f"the file says that its sample rate is {frame.sample_rate} Hz; that is no sound")
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if form != self._form:
            self._drain()
            self._resampler, self._form = _resampler(*form, frame.layout.nb_channels), form
        self._fed_s += frame.samples / frame.sample_rate
        self.check_length(self.position_s)
        # The resampler counts samples; jumps of the clock are dealt with before a frame comes here.
        frame.pts = None
        self._resampler.push(frame)
        self._pull()

    def silence_until(self, position_s: Seconds) -> None:
        """Go on at a later position.

        Raises:
            BadInputError: The recording gets longer than is allowed.
        """
        self._drain()
        self._begins = max(self._length, round(position_s * SAMPLE_RATE_HZ))
        self.check_length(self.position_s)
        self._length = self._begins
        self._store.seek(self._length * SAMPLE_BYTES)

    def finish(self) -> int:
        """Write what is still on its way. Nothing can be added any more.

        Returns:
            How many samples there are.
        """
        self._drain()
        self._store.flush()
        self._store.truncate(self._length * SAMPLE_BYTES)
        return self._length

    def check_length(self, length_s: Seconds) -> None:
        """Refuse a recording that is, or says that it will be, longer than is allowed.

        Raises:
            BadInputError: It is.
        """
        if length_s > self._longest_s:
            raise BadInputError(f"the recording is longer than {self._longest_s:g} s, the most that this worker takes")

    def _drain(self) -> None:
        """Get out what the resampler still holds; the next frame begins a new one."""
        if self._resampler is not None:
            self._resampler.push(None)
            self._pull()
        self._resampler, self._form = None, None
        self._begins, self._fed_s = self._length, 0.0

    def _pull(self) -> None:
        while True:
            try:
                frame = self._resampler.pull()
            except (BlockingIOError, EOFError):
                return
            self._append(frame.to_ndarray()[0])

    def _append(self, samples: NDArray[np.float32]) -> None:
        wrong = ~(np.abs(samples) < _LOUDEST)
        if wrong.any():
            samples = np.where(wrong, np.float32(0.0), samples)
            self.not_numbers += int(np.count_nonzero(wrong))
        self._store.write(samples.data)
        self._length += len(samples)


def _resampler(sample_format: str, layout: str, rate_hz: int, channels: int) -> Any:  # noqa: ANN401 - an av.filter.Graph
    """What makes such frames mono, float and 16 kHz."""
    import av

    try:
        # Channels without names are microphones as likely as loudspeakers, and guessing 5.1 would drop one as the bass.
        named = channels <= 2 or not re.fullmatch(r"\d+ channels", layout)  # noqa: PLR2004 - stereo
        return _graph(sample_format, layout, rate_hz, 0 if named else channels)
    except av.FFmpegError:
        return _graph(sample_format, layout, rate_hz, channels)


def _graph(sample_format: str, layout: str, rate_hz: int, averaged: int) -> Any:  # noqa: ANN401 - an av.filter.Graph
    """A chain of ffmpeg's filters.

    Args:
        sample_format: As ffmpeg names it.
        layout: As ffmpeg names it.
        rate_hz: Of the frames.
        averaged: How many channels to average; 0 mixes them by the meaning of their layout.
    """
    from av.filter import Graph

    graph = Graph()
    source = {"sample_rate": str(rate_hz), "sample_fmt": sample_format, "channel_layout": layout}
    steps = [graph.add("abuffer", time_base=f"1/{rate_hz}", **source)]
    if averaged:
        mix = "+".join(f"{1 / averaged:.9f}*c{index}" for index in range(averaged))
        steps += [graph.add("aformat", sample_fmts="fltp"), graph.add("pan", f"mono|c0={mix}")]
    else:
        # Without a largest value ffmpeg mixes floats at 0.71 + 0.71, and stereo would come out louder than mono.
        steps.append(graph.add("aresample", rematrix_maxval="1.0"))
    steps.append(graph.add("aformat", sample_rates=str(SAMPLE_RATE_HZ), sample_fmts="flt", channel_layouts="mono"))
    steps.append(graph.add("abuffersink"))
    for one, following in pairwise(steps):
        one.link_to(following)
    graph.configure()
    graph.set_audio_frame_size(_BLOCK_SAMPLES)
    return graph
