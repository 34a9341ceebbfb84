"""Decoding of one audio track: sound at the right times, and warnings about damage."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from whisperx_worker.audio import codec_silence
from whisperx_worker.errors import BadInputError
from whisperx_worker.intervals import merge, total_s
from whisperx_worker.types import SAMPLE_RATE_HZ, Span, Warned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from whisperx_worker.audio.header_claims import Claim
    from whisperx_worker.audio.waveform import Waveform
    from whisperx_worker.types import Seconds

_JITTER_S = 0.1
"""Jitter of the clocks of live recordings; a longer jump is a gap."""
_EXACT_CLOCKS = frozenset({"flac", "ogg"})
"""Containers with a clock that counts samples."""
_EXACT_JITTER_S = 0.02
_OPUS_PAUSE_S = 1.0
_MAX_GAP_S = 600.0
"""Longest gap when the duration is unknown; a longer jump is a broken clock."""
_MIN_LOSS_S = 0.005
_MAX_LOSS_S = 3_600.0
"""Undecodable time in a row that ends a track; damaged headers can cause a billion packets."""
_MAX_PLACES = 5
_PAST_END_S = 0.3


class Track:
    """Decoder of the packets of one audio stream.

    Args:
        container: An av.InputContainer.
        stream: One of its audio streams.
        wave: Receives the sound.
        claim: Declaration of the file about the track.
    """

    def __init__(self, container: Any, stream: Any, wave: Waveform, claim: Claim) -> None:  # noqa: ANN401 - av types
        self._container_name: str = container.format.name
        self._stream = stream
        self._wave = wave
        self._claim = claim
        if claim.end_s is not None and claim.possible:
            wave.check_length(claim.end_s)
        self._codec: str = stream.codec_context.name
        self._jitter_s = _EXACT_JITTER_S if self._container_name in _EXACT_CLOCKS else _JITTER_S
        self._zero_s: Seconds = (container.start_time or 0) / 1_000_000
        self._tick_s: Seconds = float(stream.time_base or 0)
        self._waiting: list[tuple[Seconds, bool]] = []
        """Lengths since the last good frame, and whether each is lost rather than silent."""
        self._waiting_s: Seconds = 0.0
        self._lost_s: Seconds = 0.0
        self._damage: list[Span] = []
        self._ended: Warned | None = None
        self.duration_s: Seconds = 0.0
        """Decoded length, after `finish`."""

    @property
    def ended(self) -> bool:
        """Whether the track was ended early."""
        return self._ended is not None

    def feed(self, packet: Any) -> None:  # noqa: ANN401 - an av.Packet
        """Decode a packet.

        Raises:
            BadInputError: It is locked, or the recording gets too long.
        """
        if self.ended:
            return
        if packet.has_sidedata("encryption_info"):
            raise BadInputError("the file is locked by DRM and cannot be decoded")
        length_s = max(_MIN_LOSS_S, (packet.duration or 0) * self._tick_s)
        if codec_silence.has_silence(self._codec):
            parts = codec_silence.parts_of(self._codec, bytes(packet))
            if any(kind != "sound" for _, kind in parts):
                self._feed_parts(packet, parts)
                return
        self._decode(packet, length_s)

    @property
    def lost_all(self) -> bool:
        """Whether there were packets and none could be decoded."""
        return not self.duration_s and self._lost_s > 0

    def give_up(self, why: str) -> None:
        """End the track here.

        Args:
            why: A warning's sentence.
        """
        at_s = self._wave.position_s
        self._ended = Warned(why, Span(at_s, at_s + self._waiting_s))

    def note_loss(self) -> None:
        """Count something that could not be read as lost."""
        self._wait(_MIN_LOSS_S, lost=True)

    def finish(self) -> None:
        """Flush the decoder, and end the sound."""
        import av

        # PyAV says EOFError to a decoder that has nothing more, and other errors to one that is broken.
        with contextlib.suppress(av.FFmpegError):
            for frame in self._stream.codec_context.decode(None):
                self._take(frame)
        if self._waiting_s > self._lost_s:
            position_s, ahead_s = self._wave.position_s, self._waiting_s
            self._wave.silence_until(position_s + ahead_s)
            self._explain(position_s, ahead_s)
        self.duration_s = self._wave.finish() / SAMPLE_RATE_HZ
        if self.duration_s and self._lost_s and not self.ended:
            self._damage.append(Span(self.duration_s, self.duration_s + self._lost_s))

    def warnings(self, *, mixed: bool = True) -> Iterator[Warned]:
        """Yield warnings about the track.

        Args:
            mixed: Whether the mix of its channels was taken.
        """
        places = merge(self._damage, _JITTER_S)
        yield from _place_warnings(
            places, "the recording is damaged here or a piece is missing", "the recording is damaged "
        )
        for reason, spans in self._wave.reasons().items() if mixed else ():
            yield from _place_warnings(spans, reason, f"{reason}: ")
        if self._ended is not None:
            yield self._ended
        whole_s = self._claim.cut_off_from(self.duration_s, damaged=bool(self._lost_s))
        if whole_s is not None:
            yield Warned(
                f"the file says that it is {whole_s:.2f} s long but ends at {self.duration_s:.2f} s; it may be cut off"
            )
        elif self._claim.unfinished:
            yield Warned(f"the file ends at {self.duration_s:.2f} s without the mark of its end; it may be cut off")
        if self._wave.not_numbers:
            yield Warned(
                f"{self._wave.not_numbers} samples are no sound (not a number, or far too loud) and were silenced"
            )

    def _feed_parts(self, packet: Any, parts: list[tuple[bytes, codec_silence.Kind]]) -> None:  # noqa: ANN401
        """Decode a packet with silent or lost frames, frame by frame."""
        import av

        length_s = codec_silence.FRAME_S
        for number, (content, kind) in enumerate(parts):
            if kind != "sound":
                self._wait(length_s, lost=kind == "lost")
                continue
            piece = av.Packet(content)
            piece.stream, piece.time_base = packet.stream, packet.time_base
            if packet.pts is not None and self._tick_s:
                piece.pts = piece.dts = packet.pts + round(number * length_s / self._tick_s)
            self._decode(piece, length_s)

    def _decode(self, packet: Any, length_s: Seconds) -> None:  # noqa: ANN401 - an av.Packet
        import av

        try:
            frames = packet.decode()
        except av.FFmpegError:
            self._wait(length_s, lost=True)
            if self._lost_s > _MAX_LOSS_S:
                self.give_up(f"nothing can be decoded here for {_MAX_LOSS_S:g} s; the rest of the track was not read")
            return
        # The last packet of plain samples counts as corrupt when it is not full.
        if packet.is_corrupt and frames and not self._codec.startswith("pcm_"):
            self._damaged_here(length_s)
        for frame in frames:
            self._take(frame)

    def _wait(self, length_s: Seconds, *, lost: bool) -> None:
        self._waiting_s += length_s
        self._lost_s += length_s * lost
        if not lost:
            self._wave.check_length(self._wave.position_s + self._waiting_s)
        if self._waiting and self._waiting[-1][1] is lost:
            length_s += self._waiting.pop()[0]
        self._waiting.append((length_s, lost))

    def _reset_wait(self) -> None:
        self._waiting, self._waiting_s, self._lost_s = [], 0.0, 0.0

    def _take(self, frame: Any) -> None:  # noqa: ANN401 - an av.AudioFrame
        if frame.samples:
            self._keep_time(frame)
            self._wave.add(frame)

    def _keep_time(self, frame: Any) -> None:  # noqa: ANN401 - an av.AudioFrame
        """Insert silence where the clock of the file or its codec has a gap."""
        position_s = self._wave.position_s
        waiting_s, lost_s = self._waiting_s, self._lost_s
        ahead_s = waiting_s if frame.time is None else frame.time - self._zero_s - position_s
        if not self._is_plausible(position_s + ahead_s, ahead_s - waiting_s + lost_s):
            accepted_s = waiting_s if waiting_s > lost_s else 0.0
            self._zero_s += ahead_s - accepted_s
            ahead_s = accepted_s
        if ahead_s > (_MIN_LOSS_S if self._waiting else self._jitter_s):
            self._wave.silence_until(position_s + ahead_s)
            self._explain(position_s, ahead_s)
        if self._lost_s or frame.is_corrupt:
            self._damaged_here(max(self._lost_s, frame.samples / frame.sample_rate))
        self._reset_wait()

    def _explain(self, position_s: Seconds, ahead_s: Seconds) -> None:
        """Record the lost parts of a gap as damage; silence of the codec is none."""
        waiting_s, lost_s = self._waiting_s, self._lost_s
        if waiting_s > lost_s and ahead_s <= waiting_s + self._jitter_s:
            for length_s, lost in self._waiting:
                if lost:
                    self._damage.append(Span(position_s, position_s + length_s))
                position_s += length_s
        else:
            # A video may begin before its sound, and calls in Opus send next to nothing while nobody speaks.
            pause = self._codec == "opus" and self._container_name != "ogg" and ahead_s <= _OPUS_PAUSE_S
            if lost_s or (position_s and not pause):
                self._damage.append(Span(position_s, position_s + ahead_s))
        self._reset_wait()

    def _is_plausible(self, position_s: Seconds, unexplained_s: Seconds) -> bool:
        """Return whether a jump of the clock is a gap, not a broken clock or second recording."""
        if unexplained_s < -_JITTER_S:
            return False
        if self._claim.end_s is not None and self._claim.possible:
            return position_s <= self._claim.end_s + _PAST_END_S
        return unexplained_s <= _MAX_GAP_S

    def _damaged_here(self, length_s: Seconds) -> None:
        self._damage.append(Span(self._wave.position_s, self._wave.position_s + length_s))


def _place_warnings(spans: list[Span], sentence: str, short: str) -> Iterator[Warned]:
    """Yield a warning for each of the first places, and one for the rest."""
    yield from (Warned(sentence, span) for span in spans[:_MAX_PLACES])
    if rest := spans[_MAX_PLACES:]:
        yield Warned(f"{short}in {len(rest)} more places, {total_s(rest):.2f} s together")
