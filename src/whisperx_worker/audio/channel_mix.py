"""Several channels become one. It knows samples at 16 kHz and never a file.

An ordinary mix destroys sound where channels are each other's inverse, and buries speech where a film's music lies in
the channels around it. Both are noticed from the samples of the moment and from the names of the channels; no model is
asked. What is done other than mixing has a reason, which becomes a warning.
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
"""Speech falls by 6 dB per octave, and its upper bands say as much as its lower ones."""
_MIN_SHARE = 1e-3
"""Of the strongest band; what is weaker carries nothing."""
_MIN_POWER = 1e-8
"""Mean square of a sample; what is below -80 dB of full scale is silence."""
_MIN_BAND_POWER = 1e-9
_MAX_CANCELLED = 0.4
"""Power of a mix over that of unrelated channels: 2 for two equal ones, 1 for unrelated ones, 0 for opposite ones."""
_STEREO = 2
_MIN_LOUDNESS = 1e-4
"""Power of a block over that of the loudest so far; what is below says nothing of the channels."""
_MAX_CANCELLED_PARTS = 0.5
"""Share of the bands that a mix may lose."""
_FADE = np.linspace(0.0, 1.0, SAMPLE_RATE_HZ // 100, dtype=np.float32)

_CENTRE, _BASS = "FC", frozenset({"LFE", "LFE2"})
_FRONT = frozenset({"FL", "FR", "FLC", "FRC", "DL", "DR", "WL", "WR", "SDL", "SDR", "BIL", "BIR"})
_MIN_CENTRE = 1e-3
"""Power of the front centre over that of the loudest other channel; below it the centre is silent."""
_MAX_CENTRE_PAUSE_S: Seconds = 30.0
_MIN_LEFT_OUT = 1e-3
"""Power of what the other channels have and the centre has not, over the power of the centre."""


class Reason(NamedTuple):
    """Why a stretch was not simply mixed."""

    text: str
    """A warning's sentence."""
    needs: str | None = None
    """Text of another reason, without which this one is nothing to warn of."""


Piece = tuple["NDArray[np.float32]", Reason | None]
"""Mono samples of shape (n,), and why they are no ordinary mix."""


class Mixer(Protocol):
    """Takes the channels of a recording piece by piece, and gives its mono samples in order."""

    def add(self, channels: NDArray[np.float32]) -> Iterator[Piece]:
        """Take channels of shape (channels, n), n a multiple of 1,600 save at the end."""

    def flush(self) -> Iterator[Piece]:
        """Give what is held back."""


def mixer_for(names: Sequence[str], layout: str) -> Mixer:
    """Choose how channels are mixed.

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
    """Share of each channel in a mix, as is usual for loudspeakers; without names all have the same."""
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
    """A mix of channels that is watched: where it loses sound, polarity is corrected or one channel is taken."""

    def __init__(self, weights: NDArray[np.float32]) -> None:
        self._mix = weights
        self._difference = weights * np.array([1, *[-1] * (len(weights) - 1)], np.float32)
        self._last = weights
        self._loudest = 0.0

    def add(self, channels: NDArray[np.float32]) -> Iterator[Piece]:
        """Mix a piece, block by block where anything but the ordinary mix is called for."""
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
        """Give nothing: nothing is held back."""
        return iter(())

    def _choices(self, channels: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """Choose the weights of the channels for each block."""
        bands = _Bands.of(channels, self._mix)
        whole = bands.together()
        self._loudest = max(self._loudest, float(bands.channels.max()))
        loud = bands.channels.max(1) > max(_MIN_POWER, _MIN_LOUDNESS * self._loudest)
        lost = bands.kept() < _MAX_CANCELLED
        # Two voices may cancel for an instant.
        lost &= np.append(lost[1:], True) | np.append(True, lost[:-1])
        inverse = bool(whole.kept()[0] < _MAX_CANCELLED)
        partly = not inverse and whole.share_cancelled()[0] >= _MAX_CANCELLED_PARTS
        lost |= inverse & (bands.share_cancelled() >= _MAX_CANCELLED_PARTS)
        weights = self._last
        for is_loud, is_lost in zip(loud, lost, strict=True):
            if is_loud and (partly or (is_lost and len(self._mix) > _STEREO)):
                weights = self._one(whole.channels[0], weights)
            elif is_loud:
                weights = self._difference if is_lost else self._mix
            yield weights

    def _one(self, power: NDArray[np.float64], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the loudest channel that the mix has; one that was taken before stays unless another is far louder."""
        best = int(np.argmax(power * (self._mix > 0)))
        if weights.max() == 1 and power[int(np.argmax(weights))] * 4 > power[best]:
            return weights
        return np.asarray(np.arange(len(power)) == best, np.float32)


_CANCELLED = Reason("the channels cancel each other here; one was taken alone or with its polarity corrected")


@dataclass(frozen=True, eq=False)
class _Bands:
    """Power in bands of an octave, for blocks of a tenth of a second."""

    mixed: NDArray[np.float64]
    """Of the mix, of shape (blocks, bands)."""
    apart: NDArray[np.float64]
    """What the mix would have if the channels had nothing in common, of shape (blocks, bands)."""
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

    def together(self) -> _Bands:
        """Measure all blocks as one."""
        return _Bands(*(np.mean(each, 0, keepdims=True) for each in (self.mixed, self.apart, self.channels)))

    def kept(self) -> NDArray[np.float64]:
        """What of each block's power the mix keeps, all bands that carry sound counting alike."""
        carrying = self._carrying()
        kept = np.where(carrying, np.minimum(self.mixed / np.maximum(self.apart, 1e-30), 2.0), 0.0)
        return np.where(carrying.any(1), kept.sum(1) / np.maximum(carrying.sum(1), 1), 2.0)

    def share_cancelled(self) -> NDArray[np.float64]:
        """Share of the bands that carry sound and whose sound is lost in the mix."""
        carrying = self._carrying()
        lost = carrying & (self.mixed < _MAX_CANCELLED * self.apart)
        return np.asarray(lost.sum(1) / np.maximum(carrying.sum(1), 1))

    def _carrying(self) -> NDArray[np.bool_]:
        weighed = self.apart * _TILT
        floor = np.maximum(_MIN_SHARE * weighed.max(1, keepdims=True), _MIN_BAND_POWER * _TILT)
        return np.asarray(weighed > floor)


def _by_band(spectra: NDArray[np.complexfloating]) -> NDArray[np.float64]:
    power = np.square(spectra.real) + np.square(spectra.imag)
    summed = np.add.reduceat(power, _BAND_EDGES[:-1] - _BAND_EDGES[0], axis=-1)
    return np.asarray(summed, np.float64) * (2 / _BLOCK_SAMPLES**2)


class _Centred:
    """The front centre of a film's channels where it carries sound, which is where films have their speech.

    Where it pauses for long the other channels may have the speech, and all are mixed. A pause that may yet become long
    is held back, at most 30 s.
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
        self._held: list[NDArray[np.float32]] = []
        self._began = False
        """Whether the centre has carried sound."""
        self._pauses = False

    def add(self, channels: NDArray[np.float32]) -> Iterator[Piece]:
        """Take a piece, and give those about which it decides."""
        centre_power = float(np.mean(np.square(channels[self._centre])))
        loudest = float(np.square(channels[self._others]).mean(1).max())
        if centre_power > _MIN_POWER and centre_power >= _MIN_CENTRE * loudest:
            self._began, self._pauses = True, False
            yield from self.flush()
            yield from self._give(channels, centre=True)
        elif self._pauses:
            yield from self._give(channels, centre=False)
        else:
            self._held.append(channels)
            if sum(piece.shape[1] for piece in self._held) >= _MAX_CENTRE_PAUSE_S * SAMPLE_RATE_HZ:
                self._pauses = True
                yield from self.flush()

    def flush(self) -> Iterator[Piece]:
        """Decide about what is held back by what is known now."""
        held, self._held = self._held, []
        for channels in held:
            yield from self._give(channels, centre=self._began and not self._pauses)

    def _give(self, channels: NDArray[np.float32], *, centre: bool) -> Iterator[Piece]:
        if centre:
            yield channels[self._centre].copy(), self._alone if self._leaves_out(channels) else None
            return
        sounds = float(np.square(channels[self._others]).mean(1).max()) > _MIN_POWER
        for samples, reason in self._everything.add(channels):
            yield samples, reason or (self._mixed if sounds else None)

    def _leaves_out(self, channels: NDArray[np.float32]) -> bool:
        """Whether the other channels have sound of their own."""
        centre, others = channels[self._centre], channels[self._others]
        power = float(np.dot(centre, centre))
        own = others - np.outer(others @ centre / max(power, 1e-30), centre)
        return bool(np.square(own).sum(1).max() > max(_MIN_LEFT_OUT * power, 100 * _MIN_POWER * len(centre)))
