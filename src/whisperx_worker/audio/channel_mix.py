"""Mix of several channels to one, from samples at 16 kHz. Pure.

An ordinary mix destroys sound where channels are each other's inverse, and buries speech where a film has music in the
other channels. Both are detected from the samples and the names of the channels, without a model. Every other treatment
has a reason, which becomes a warning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from whisperx_worker.types import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from whisperx_worker.types import Seconds

_BLOCK_SAMPLES = SAMPLE_RATE_HZ // 10
_BAND_EDGES_HZ = np.array([100, 200, 400, 800, 1_600, 3_200, 6_400])
_BAND_EDGES = _BAND_EDGES_HZ * _BLOCK_SAMPLES // SAMPLE_RATE_HZ
_TILT = (_BAND_EDGES_HZ[:-1] / 100.0) ** 2
"""Weights of bands against the fall of speech by 6 dB per octave."""
_MIN_SHARE = 1e-3
"""Share of the strongest band below which a band is empty."""
_MIN_POWER = 1e-8
"""Mean square of samples below which they are silence: -80 dB of full scale."""
_MIN_BAND_POWER = 1e-9
_MAX_CANCELLED = 0.4
"""Power of a mix over that of unrelated channels: 2 if equal, 0 if opposite."""
_STEREO = 2
_MIN_LOUDNESS = 1e-4
"""Power of a block over the loudest so far, below which it is ignored."""
_MAX_CANCELLED_PARTS = 0.5
"""Maximum share of bands that a mix loses."""
_FADE = np.linspace(0.0, 1.0, SAMPLE_RATE_HZ // 100, dtype=np.float32)

_CENTRE, _BASS = "FC", frozenset({"LFE", "LFE2"})
_FRONT = frozenset({"FL", "FR", "FLC", "FRC", "DL", "DR", "WL", "WR", "SDL", "SDR", "BIL", "BIR"})
_MIN_CENTRE = 1e-3
"""Power of the front centre over the loudest other channel, below which it is silent."""
_MAX_CENTRE_PAUSE_S: Seconds = 30.0
_MIN_LEFT_OUT = 1e-3
"""Power of sound that only the other channels have, over that of the centre."""


class Reason(NamedTuple):
    """Reason against an ordinary mix of an interval."""

    text: str
    """A warning's sentence."""
    needs: str | None = None
    """Text of another reason, without which this one is no warning."""


Piece = tuple["NDArray[np.float32]", Reason | None]
"""Mono samples of shape (n,), and the reason if they are no ordinary mix."""


class Mixer(Protocol):
    """Conversion of pieces of several channels to mono samples in order."""

    def add(self, channels: NDArray[np.float32]) -> Iterator[Piece]:
        """Mix channels of shape (channels, n), n a multiple of 1,600 except at the end."""

    def flush(self) -> Iterator[Piece]:
        """Yield the delayed pieces."""


def mixer_for(names: Sequence[str], layout: str) -> Mixer:
    """Return the mixer for channels.

    Args:
        names: Of the channels, as ffmpeg names them; `NONE` where they have none.
        layout: Name of them all, for warnings.
    """
    weights = _weights(names)
    everything = _Guarded(weights)
    others = [index for index, name in enumerate(names) if name != _CENTRE and name not in _BASS]
    if names.count(_CENTRE) == 1 and others:
        return _Centred(names.index(_CENTRE), np.array(others), everything, layout)
    return everything


def _weights(names: Sequence[str]) -> NDArray[np.float32]:
    """Return the share of each channel in a mix; without names all are equal."""
    if all(name not in _FRONT and name != _CENTRE for name in names):
        shares = [float(name not in _BASS) for name in names]
    else:
        shares = [
            0.0 if name in _BASS else 1.0 if name == _CENTRE else np.sqrt(0.5) if name in _FRONT else 0.5
            for name in names
        ]
    total = sum(shares) or 1.0
    return np.array([share / total for share in shares], np.float32)


class _Guarded:
    """Mix that corrects polarity or takes one channel where the channels cancel each other."""

    def __init__(self, weights: NDArray[np.float32]) -> None:
        self._mix = weights
        self._difference = weights * np.array([1, *[-1] * (len(weights) - 1)], np.float32)
        self._last = weights
        self._loudest = 0.0

    def add(self, channels: NDArray[np.float32]) -> Iterator[Piece]:
        """Mix a piece, block by block unless the ordinary mix suffices."""
        if self._last is self._mix and len(channels) == _STEREO and np.array_equal(*channels):
            yield channels[0].copy(), None
            return
        choices = list(self._choices(channels))
        if all(weights is self._mix for weights in [self._last, *choices]):
            yield self._mix @ channels, None
            return
        for number, weights in enumerate(choices):
            block = channels[:, number * _BLOCK_SAMPLES : (number + 1) * _BLOCK_SAMPLES]
            mono = weights @ block
            if weights is not self._last:
                length = min(len(_FADE), len(mono))
                before = (self._last @ block[:, :length]) * (1 - _FADE[:length])
                mono[:length] = before + mono[:length] * _FADE[:length]
            self._last = weights
            yield mono, None if weights is self._mix else _CANCELLED

    def flush(self) -> Iterator[Piece]:
        """Yield nothing, since no piece is delayed."""
        return iter(())

    def _choices(self, channels: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """Yield the weights of the channels for each block."""
        bands = _Bands.of(channels, self._mix)
        whole = bands.whole()
        self._loudest = max(self._loudest, float(bands.channels.max()))
        loud = bands.channels.max(1) > max(_MIN_POWER, _MIN_LOUDNESS * self._loudest)
        lost = bands.remaining() < _MAX_CANCELLED
        # Two voices may cancel for an instant.
        lost &= np.append(lost[1:], True) | np.append(True, lost[:-1])
        inverse = bool(whole.remaining()[0] < _MAX_CANCELLED)
        partly = not inverse and whole.share_cancelled()[0] >= _MAX_CANCELLED_PARTS
        lost |= inverse & (bands.share_cancelled() >= _MAX_CANCELLED_PARTS)
        weights = self._last
        for is_loud, is_lost in zip(loud, lost, strict=True):
            if is_loud and (partly or (is_lost and len(self._mix) > _STEREO)):
                weights = self._loudest_channel(whole.channels[0], weights)
            elif is_loud:
                weights = self._difference if is_lost else self._mix
            yield weights

    def _loudest_channel(self, power: NDArray[np.float64], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return weights of the loudest channel, or of the previous one unless far louder."""
        best = int(np.argmax(power * (self._mix > 0)))
        if weights.max() == 1 and power[int(np.argmax(weights))] * 4 > power[best]:
            return weights
        return np.asarray(np.arange(len(power)) == best, np.float32)


_CANCELLED = Reason("the channels cancel each other here; one was taken alone or with its polarity corrected")


@dataclass(frozen=True, eq=False)
class _Bands:
    """Power in octave bands, for blocks of a tenth of a second."""

    mixed: NDArray[np.float64]
    """Power of the mix, of shape (blocks, bands)."""
    unrelated: NDArray[np.float64]
    """Power that the mix of unrelated channels would have, of shape (blocks, bands)."""
    channels: NDArray[np.float64]
    """Mean square of each channel, of shape (blocks, channels)."""

    @classmethod
    def of(cls, channels: NDArray[np.float32], weights: NDArray[np.float32]) -> _Bands:
        """Measure channels of shape (channels, n)."""
        blocks = -(-channels.shape[1] // _BLOCK_SAMPLES)
        if missing := blocks * _BLOCK_SAMPLES - channels.shape[1]:
            channels = np.pad(channels, ((0, 0), (0, missing)))
        cut = channels.reshape(len(channels), blocks, _BLOCK_SAMPLES)
        spectra = np.fft.rfft(cut)[:, :, _BAND_EDGES[0] : _BAND_EDGES[-1]] * weights[:, None, None]
        power = np.einsum("cbn,cbn->bc", cut, cut).astype(np.float64) / _BLOCK_SAMPLES
        return cls(_by_band(spectra.sum(0)), _by_band(spectra).sum(0), power)

    def whole(self) -> _Bands:
        """Average all blocks to one."""
        return _Bands(*(np.mean(each, 0, keepdims=True) for each in (self.mixed, self.unrelated, self.channels)))

    def remaining(self) -> NDArray[np.float64]:
        """Return the share of each block's power that the mix retains, averaged over bands with sound."""
        carrying = self._carrying()
        shares = np.where(carrying, np.minimum(self.mixed / np.maximum(self.unrelated, 1e-30), 2.0), 0.0)
        return np.where(carrying.any(1), shares.sum(1) / np.maximum(carrying.sum(1), 1), 2.0)

    def share_cancelled(self) -> NDArray[np.float64]:
        """Return the share of the bands with sound that the mix loses."""
        carrying = self._carrying()
        lost = carrying & (self.mixed < _MAX_CANCELLED * self.unrelated)
        return np.asarray(lost.sum(1) / np.maximum(carrying.sum(1), 1))

    def _carrying(self) -> NDArray[np.bool_]:
        weighed = self.unrelated * _TILT
        floor = np.maximum(_MIN_SHARE * weighed.max(1, keepdims=True), _MIN_BAND_POWER * _TILT)
        return np.asarray(weighed > floor)


def _by_band(spectra: NDArray[np.complexfloating]) -> NDArray[np.float64]:
    power = np.square(spectra.real) + np.square(spectra.imag)
    summed = np.add.reduceat(power, _BAND_EDGES[:-1] - _BAND_EDGES[0], axis=-1)
    return np.asarray(summed, np.float64) * (2 / _BLOCK_SAMPLES**2)


class _Centred:
    """Front centre of a film's channels, where films have their speech.

    During a long pause of the centre all channels are mixed, since the others may have the speech. A pause is delayed
    until it is known to be long, at most 30 s.
    """

    def __init__(self, centre: int, others: NDArray[np.intp], everything: Mixer, layout: str) -> None:
        self._centre = centre
        self._others = others
        self._everything = everything
        alone = f"of the {layout} channels only the front centre was taken, where films have their speech"
        self._alone = Reason(f"{alone}; the sound of the others was left out")
        self._mixed = Reason(
            f"the front centre of the {layout} channels is silent here; all of them were mixed", self._alone.text
        )
        self._delayed: list[NDArray[np.float32]] = []
        self._began = False
        """Whether the centre has had sound."""
        self._pauses = False

    def add(self, channels: NDArray[np.float32]) -> Iterator[Piece]:
        """Take a piece, and yield those that are decided."""
        centre_power = float(np.mean(np.square(channels[self._centre])))
        loudest = float(np.square(channels[self._others]).mean(1).max())
        if centre_power > _MIN_POWER and centre_power >= _MIN_CENTRE * loudest:
            self._began, self._pauses = True, False
            yield from self.flush()
            yield from self._give(channels, centre=True)
        elif self._pauses:
            yield from self._give(channels, centre=False)
        else:
            self._delayed.append(channels)
            if sum(piece.shape[1] for piece in self._delayed) >= _MAX_CENTRE_PAUSE_S * SAMPLE_RATE_HZ:
                self._pauses = True
                yield from self.flush()

    def flush(self) -> Iterator[Piece]:
        """Decide about the delayed pieces."""
        delayed, self._delayed = self._delayed, []
        for channels in delayed:
            yield from self._give(channels, centre=self._began and not self._pauses)

    def _give(self, channels: NDArray[np.float32], *, centre: bool) -> Iterator[Piece]:
        if centre:
            yield channels[self._centre].copy(), self._alone if self._leaves_out(channels) else None
            return
        sounds = float(np.square(channels[self._others]).mean(1).max()) > _MIN_POWER
        for samples, reason in self._everything.add(channels):
            yield samples, reason or (self._mixed if sounds else None)

    def _leaves_out(self, channels: NDArray[np.float32]) -> bool:
        """Return whether the other channels have sound that the centre lacks."""
        centre, others = channels[self._centre], channels[self._others]
        power = float(np.dot(centre, centre))
        residual = others - np.outer(others @ centre / max(power, 1e-30), centre)
        return bool(np.square(residual).sum(1).max() > max(_MIN_LEFT_OUT * power, 100 * _MIN_POWER * len(centre)))
