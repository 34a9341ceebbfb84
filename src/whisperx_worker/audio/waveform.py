"""Conversion of decoded frames to mono samples at 16 kHz."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from whisperx_worker.audio.channel_mix import mixer_for
from whisperx_worker.errors import BadInputError
from whisperx_worker.intervals import merge
from whisperx_worker.runtime.sample_file import SAMPLE_BYTES
from whisperx_worker.types import SAMPLE_RATE_HZ, Span

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

    from numpy.typing import NDArray

    from whisperx_worker.audio.channel_files import ChannelFiles, LengthLimit
    from whisperx_worker.audio.channel_mix import Mixer, Piece, Reason
    from whisperx_worker.types import Seconds

_BLOCK_SAMPLES = SAMPLE_RATE_HZ
_MAX_SAMPLE = 1e5
"""Float sample above which there is damage; some files have 16-bit values as floats."""
_MAX_REASON_GAP_S = 2.0
"""Gap up to which intervals with one reason are merged."""
_MIN_REASON_S = 0.5
_MIN_RATE_HZ, _MAX_RATE_HZ = 1_000, 768_000
"""Limits of the sample rate; at a lower one a frame would become hours of samples."""


class Waveform:
    """Writer of mono float32 samples at 16 kHz from decoded frames of any format.

    Samples are written to a file as they come, so that another process can map them; an hour takes 230 MB. The declared
    length of a recording is not used; inserted silence is a hole in the file and takes no space.

    Args:
        limit: Longest recording that is taken.
        store: File for the samples.
        apart: Receives the channels before they are mixed.
    """

    def __init__(self, limit: LengthLimit, store: BinaryIO, apart: ChannelFiles | None = None) -> None:
        self.check_length = limit.check
        self._store = store
        self._apart = apart
        self._unmixed_length = 0
        self._length = 0
        self._begins = 0
        """Index of the first sample of the current resampler."""
        self._fed_s: Seconds = 0.0
        self._resampler: Any = None
        self._mixer: Mixer | None = None
        self._channels = 1
        self._form: tuple[str, str, int] | None = None
        self._reasons: dict[Reason, list[Span]] = {}
        self.not_numbers = 0
        """Number of samples that were no number or too loud, and were silenced."""

    @property
    def position_s(self) -> Seconds:
        """Length of the received sound."""
        return self._begins / SAMPLE_RATE_HZ + self._fed_s

    def add(self, frame: Any) -> None:  # noqa: ANN401 - an av.AudioFrame
        """Append a frame.

        Raises:
            BadInputError: The recording gets longer than is allowed, or no sound has such a sample rate.
        """
        if not _MIN_RATE_HZ <= frame.sample_rate <= _MAX_RATE_HZ:
            raise BadInputError(f"the file says that its sample rate is {frame.sample_rate} Hz; that is no sound")
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if form != self._form:
            self._drain()
            self._resampler, self._form = _resampler(*form), form
            names = [channel.name for channel in frame.layout.channels]
            self._channels = len(names)
            self._mixer = mixer_for(names, frame.layout.name) if len(names) > 1 else None
            self._unmixed_length = self._length
            if self._apart is not None:
                self._apart.open(names, self._length)
        self._fed_s += frame.samples / frame.sample_rate
        self.check_length(self.position_s)
        # The resampler counts samples; jumps of the clock are dealt with before a frame comes here.
        frame.pts = None
        self._resampler.push(frame)
        self._pull()

    def silence_until(self, position_s: Seconds) -> None:
        """Insert silence up to a position.

        Raises:
            BadInputError: The recording gets longer than is allowed.
        """
        self._drain()
        self._begins = max(self._length, round(position_s * SAMPLE_RATE_HZ))
        self.check_length(self.position_s)
        self._length = self._begins
        self._store.seek(self._length * SAMPLE_BYTES)

    def finish(self) -> int:
        """Write the buffered samples, and end the recording.

        Returns:
            Number of samples.
        """
        self._drain()
        self._store.flush()
        self._store.truncate(self._length * SAMPLE_BYTES)
        if self._apart is not None:
            self._apart.finish(self._length)
        return self._length

    def reasons(self) -> dict[str, list[Span]]:
        """Return the longer intervals without an ordinary mix of channels, by reason."""
        long = {
            reason: merge((span for span in spans if span.duration_s >= _MIN_REASON_S), _MAX_REASON_GAP_S)
            for reason, spans in self._reasons.items()
        }
        texts = {reason.text for reason, spans in long.items() if spans}
        return {
            reason.text: spans
            for reason, spans in long.items()
            if spans and (reason.needs is None or reason.needs in texts)
        }

    def _drain(self) -> None:
        """Write the buffered samples of the resampler, and remove it."""
        if self._resampler is not None:
            self._resampler.push(None)
            self._pull()
        if self._mixer is not None:
            self._write(self._mixer.flush())
        self._resampler, self._mixer, self._form = None, None, None
        self._begins, self._fed_s = self._length, 0.0

    def _pull(self) -> None:
        while True:
            try:
                samples = self._silenced(self._resampler.pull().to_ndarray()[0])
            except (BlockingIOError, EOFError):
                return
            if self._mixer is None:
                self._keep(samples[None])
                self._append(samples)
            else:
                # PyAV gives the first eight planes of a frame only; packed samples are all there.
                channels = np.ascontiguousarray(samples.reshape(-1, self._channels).T)
                self._keep(channels)
                self._write(self._mixer.add(channels))

    def _keep(self, channels: NDArray[np.float32]) -> None:
        """Write a piece of the channels, of shape (channels, n), beside the mix."""
        if self._apart is not None:
            self._apart.write(self._unmixed_length, channels)
            self._unmixed_length += channels.shape[1]

    def _silenced(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Replace invalid samples by silence."""
        wrong = ~(np.abs(samples) < _MAX_SAMPLE)
        if not wrong.any():
            return samples
        self.not_numbers += int(np.count_nonzero(wrong))
        return np.where(wrong, np.float32(0.0), samples)

    def _write(self, pieces: Iterable[Piece]) -> None:
        for samples, reason in pieces:
            start_s = self._length / SAMPLE_RATE_HZ
            self._append(samples)
            if reason is not None:
                spans = self._reasons.setdefault(reason, [])
                if spans and start_s == spans[-1].end:
                    start_s = spans.pop().start
                spans.append(Span(start_s, self._length / SAMPLE_RATE_HZ))

    def _append(self, samples: NDArray[np.float32]) -> None:
        self._store.write(samples.data)
        self._length += len(samples)


def _resampler(sample_format: str, layout: str, rate_hz: int) -> Any:  # noqa: ANN401 - an av.filter.Graph
    """Build a chain of ffmpeg filters that converts frames to float at 16 kHz with their channels.

    Args:
        sample_format: As ffmpeg names it.
        layout: As ffmpeg names it.
        rate_hz: Of the frames.
    """
    from av.filter import Graph

    graph = Graph()
    source = {"sample_rate": str(rate_hz), "sample_fmt": sample_format, "channel_layout": layout}
    steps = [graph.add("abuffer", time_base=f"1/{rate_hz}", **source)]
    steps.append(graph.add("aformat", sample_rates=str(SAMPLE_RATE_HZ), sample_fmts="flt"))
    steps.append(graph.add("abuffersink"))
    for one, following in pairwise(steps):
        one.link_to(following)
    graph.configure()
    graph.set_audio_frame_size(_BLOCK_SAMPLES)
    return graph
