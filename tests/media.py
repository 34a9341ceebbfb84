"""Makes media files for the tests: a tone with a click, in every container and codec that the decoder should read."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

TONE_HZ = 440.0
LEVEL = 0.25
"""Root mean square of the tone is LEVEL / sqrt(2)."""
LENGTH_S = 2.0
CLICK_S = 1.25
CLICK_LEVEL = 0.9


@dataclass(frozen=True)
class Format:
    """A container, a codec, and what goes in."""

    suffix: str
    codec: str
    rate_hz: int = 48_000
    channels: int = 1
    sample_format: str = "fltp"
    container: str | None = None
    video: bool = False
    bit_rate: int = 64_000

    def __str__(self) -> str:
        return f"{self.suffix}-{self.codec}-{self.rate_hz}-{self.channels}ch" + ("-video" if self.video else "")


def tone_with_click(rate_hz: int, length_s: float = LENGTH_S, click_s: float | None = CLICK_S) -> NDArray[np.float32]:
    """A sine, and in it a short burst of 3 kHz: a position that survives every codec."""
    times = np.arange(round(length_s * rate_hz)) / rate_hz
    samples = LEVEL * np.sin(2 * np.pi * TONE_HZ * times)
    if click_s is not None:
        from_click = times - click_s
        burst = CLICK_LEVEL * np.sin(2 * np.pi * 3_000 * from_click) * np.exp(-((from_click / 0.002) ** 2))
        samples = np.where(np.abs(from_click) < 0.01, burst, samples)
    return samples.astype(np.float32)


def write(path: Path, form: Format, samples: NDArray[np.float32] | None = None, *, starts_s: float = 0.0) -> Path:
    """Encode samples of shape (n,), the same in every channel; with video, the picture is black and begins at 0."""
    import av

    mono = tone_with_click(form.rate_hz) if samples is None else samples
    with av.open(str(path), "w", format=form.container) as container:
        layout = {1: "mono", 2: "stereo", 6: "5.1"}[form.channels]
        stream = container.add_stream(form.codec, rate=form.rate_hz, layout=layout, format=form.sample_format)
        if not form.codec.startswith(("pcm", "flac")):
            stream.bit_rate = form.bit_rate
        if form.video:
            _add_video(container, starts_s + len(mono) / form.rate_hz)
        step = 960
        fifo_pts = round(starts_s * form.rate_hz)
        for start in range(0, len(mono), step):
            frame = _frame(mono[start : start + step], form, layout)
            frame.pts = fifo_pts + start
            frame.time_base = Fraction(1, form.rate_hz)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _frame(mono: NDArray[np.float32], form: Format, layout: str):
    import av

    planar = np.tile(mono, (form.channels, 1))
    kind = form.sample_format.rstrip("p")
    if kind == "u8":
        planar = np.round(planar * 127 + 128).astype(np.uint8)
    elif kind == "s16":
        planar = np.round(planar * 32_767).astype(np.int16)
    elif kind == "s32":
        planar = np.round(planar.astype(np.float64) * 2_147_483_000).astype(np.int32)
    elif kind == "dbl":
        planar = planar.astype(np.float64)
    packed = planar if form.sample_format.endswith("p") else planar.T.reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(packed), format=form.sample_format, layout=layout)
    frame.sample_rate = form.rate_hz
    return frame


def _add_video(container, length_s: float) -> None:
    import av

    codec = "vp8" if container.format.name == "webm" else "mpeg4"
    codec = "libvpx" if codec == "vp8" else codec
    stream = container.add_stream(codec, rate=5)
    stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
    for number in range(round(length_s * 5)):
        frame = av.VideoFrame.from_ndarray(np.zeros((48, 32), np.uint8), format="yuv420p")
        frame.pts = number
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
