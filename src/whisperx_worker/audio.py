"""A file becomes an `Audio`: decoded once, by the ffmpeg inside PyAV, whatever the container and the codec.

The file is a stranger's. Nothing it says is believed before it is checked, it cannot make ffmpeg open anything else,
and whatever is wrong with it ends as one sentence or as a warning that says where.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from whisperx_worker.errors import BadInputError
from whisperx_worker.filekind import kind_of
from whisperx_worker.spans import joined, total_s
from whisperx_worker.types import SAMPLE_RATE_HZ, Audio, Span, Warned
from whisperx_worker.waveform import Waveform, new_store, samples_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path
    from typing import BinaryIO

    from whisperx_worker.settings import Settings
    from whisperx_worker.types import Seconds

_DEMUXERS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dts,eac3,flac,flv,gsm,loas,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,"
    "mp3,mpc,mpc8,mpeg,mpegts,mxf,nistsphere,nut,ogg,rm,tak,tta,voc,w64,wav,wv"
)
"""Containers of sound. Playlists and scripts (hls, dash, concat, sdp, image2) make ffmpeg open other files and URLs."""
_EXACT = frozenset({"aiff", "au", "caf", "flac", "matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2", "w64", "wav"})
"""Containers whose duration is written down; in the others ffmpeg guesses it from the bit rate."""
_LOCKED_TAGS = frozenset({"aavd", "drmi", "drms", "enca"})
_BUFFER_BYTES = 256 * 1024
_HEAD_BYTES = 4096
_ID3_HEAD_BYTES = 10
_US_PER_S = 1_000_000
_RIFF_PLACEHOLDER_BYTES = 0x7FFF_0000
"""A program that writes WAV into a pipe cannot know the size, and puts the largest number there."""

_JITTER_S = 0.1
"""Clocks of live recordings wander by less; what is more is a gap."""
_EXACT_CLOCKS = frozenset({"flac", "ogg"})
"""Containers whose clock counts samples."""
_EXACT_JITTER_S = 0.02
_OPUS_PAUSE_S = 1.0
_LONGEST_GAP_S = 600.0
"""Where the duration is unknown, a longer jump of the clock is taken for a broken clock."""
_LEAST_LOSS_S = 0.005
_MOST_READ_FAILURES = 100
_MOST_FAILURES = 1000
"""So many bad packets in a row end the file: damaged headers can make millions of packets that are two bytes long."""
_MOST_TOLD = 5
_CUT_OFF_S = 0.3
_CUT_OFF_SHARE = 0.005


def decode(path: Path, settings: Settings) -> tuple[Audio, tuple[Warned, ...]]:
    """Decode a file in this process; jobs do it in another one, `decoder.decode`.

    Args:
        path: Any container and codec that PyAV opens, save playlists.
        settings: `max_audio_s` is the longest recording.

    Returns:
        The audio, and what is wrong with it.

    Raises:
        BadInputError: As `decode_into` does.
    """
    with path.open("rb", buffering=0) as file, new_store() as store:
        warnings = decode_into(store, file, settings.max_audio_s)
        return Audio(samples_in(store)), warnings


def decode_into(store: BinaryIO, file: FileIO, longest_s: Seconds) -> tuple[Warned, ...]:
    """Decode the best audio stream of a file to mono at 16 kHz.

    Positions are those of a player: time 0 is the beginning of the file, and where the file's clock says that something
    is missing there is silence.

    Args:
        store: Takes the samples, float32 in the machine's byte order; `samples_in` reads them.
        file: Open for reading, at its beginning.
        longest_s: The longest recording that is taken.

    Returns:
        What is wrong with the recording.

    Raises:
        BadInputError: The file is empty, no audio, without sound, locked, too long or beyond repair.
    """
    import av

    head = _at(file, 0, _HEAD_BYTES)
    if not head:
        raise BadInputError("the file is empty")
    kind = kind_of(head)
    if kind is not None and not kind.sound:
        raise BadInputError(f"the file is not audio that can be read: it looks like {kind.name}")
    try:
        with _opened(file) as container:
            missing_bytes = _missing_from_riff(head, os.fstat(file.fileno()).st_size)
            declared_s = _declared(container, file)
            return _Decoding(container, Waveform(longest_s, store), declared_s, missing_bytes).run()
    except (av.FFmpegError, UnicodeError, OverflowError):
        if kind is None:
            raise BadInputError("the file is not audio that can be read") from None
        raise BadInputError(
            f"the file begins like {kind.name}, but it is damaged or cut off and cannot be read"
        ) from None


def _missing_from_riff(head: bytes, size_bytes: int) -> int:
    """How many bytes a WAV file lacks by its own account; ffmpeg believes what is there."""
    claimed = int.from_bytes(head[4:8], "little") + 8 if head[:4] == b"RIFF" and head[8:12] == b"WAVE" else 0
    return max(0, claimed - size_bytes) if claimed < _RIFF_PLACEHOLDER_BYTES else 0


def _at(file: FileIO, place: int, size: int) -> bytes:
    """Bytes of a file, without moving in it."""
    return os.pread(file.fileno(), size, place)


@contextlib.contextmanager
def _opened(file: FileIO) -> Iterator[Any]:
    import av

    # Packets of WAV are 2 kB by default, and an hour of them takes longer to hand over than to decode.
    options = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "", "max_size": "16384"}
    source = _Source(file)
    with av.open(
        source, "r", container_options=options, metadata_errors="replace", buffer_size=_BUFFER_BYTES
    ) as container:
        yield container


class _Source:
    """A file as ffmpeg sees it: without a name, by whose ending it would judge, and which it would put into errors."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self.read = file.read
        self.tell = file.tell

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As of files, but a place that cannot be, as damaged files name, gives -1: PyAV prints what is raised."""
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError, OverflowError):
            return -1


class _Decoding:
    """One file while it is decoded."""

    def __init__(
        self,
        container: Any,  # noqa: ANN401 - av.InputContainer
        wave: Waveform,
        declared_s: Seconds | None,
        missing_bytes: int,
    ) -> None:
        self._container = container
        self._stream = _best_stream(container)
        self._wave = wave
        self._codec: str = self._stream.codec_context.name
        self._jitter_s = _EXACT_JITTER_S if container.format.name in _EXACT_CLOCKS else _JITTER_S
        self._declared_s = declared_s
        if self._declared_s is not None:
            wave.check_length(self._declared_s)
        self._missing_s: Seconds = 8 * missing_bytes / (self._stream.codec_context.bit_rate or float("inf"))
        self._zero_s: Seconds = (container.start_time or 0) / _US_PER_S
        self._tick_s: Seconds = float(self._stream.time_base or 0)
        self._lost_s: Seconds = 0.0
        """What could not be decoded since the last good frame."""
        self._damage: list[Span] = []

    def run(self) -> tuple[Warned, ...]:
        """Decode everything."""
        for frame in self._frames():
            if frame.samples:
                self._keep_time(frame)
                self._wave.add(frame)
        duration_s = self._wave.finish() / SAMPLE_RATE_HZ
        if not duration_s:
            raise BadInputError(
                "the file's sound could not be decoded"
                if self._lost_s
                else "the file has a sound track with nothing in it"
            )
        if self._lost_s:
            self._damage.append(Span(duration_s, duration_s + self._lost_s))
        return (*self._told_damage(), *self._told_mixing(), *self._told_rest(duration_s))

    def _frames(self) -> Iterator[Any]:
        """Every frame that can be decoded; what cannot is counted in `_lost_s`."""
        import av

        failures = 0
        for packet in self._packets():
            if packet.has_sidedata("encryption_info"):
                raise BadInputError("the file is locked by DRM and cannot be decoded")
            length_s = max(_LEAST_LOSS_S, (packet.duration or 0) * self._tick_s)
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self._lost_s += length_s
                failures += 1
                if failures > _MOST_FAILURES:
                    break
                continue
            failures = 0
            # The last packet of plain samples counts as corrupt when it is not full.
            if packet.is_corrupt and frames and not self._codec.startswith("pcm_"):
                self._damaged_here(length_s)
            yield from frames
        # PyAV says EOFError to a decoder that has nothing more, and other errors to one that is broken.
        with contextlib.suppress(av.FFmpegError):
            yield from self._stream.codec_context.decode(None)

    def _packets(self) -> Iterator[Any]:
        """Every packet of the stream that can be read, past bad places."""
        import av

        for _ in range(_MOST_READ_FAILURES):
            try:
                # An empty packet would tell the decoder that the file has ended.
                yield from (packet for packet in self._container.demux(self._stream) if packet.size)
            except av.FFmpegError:
                self._lost_s += _LEAST_LOSS_S
            except IndexError:
                # PyAV's answer at the end of a file in which a stream appeared only on the way.
                return
            else:
                return

    def _keep_time(self, frame: Any) -> None:  # noqa: ANN401 - an av.AudioFrame
        """Put silence where the file's clock says that sound is missing."""
        position_s = self._wave.position_s
        ahead_s = self._lost_s if frame.time is None else frame.time - self._zero_s - position_s
        if self._believable(position_s + ahead_s, ahead_s):
            if ahead_s > (_LEAST_LOSS_S if self._lost_s else self._jitter_s):
                self._wave.silence_until(position_s + ahead_s)
                # A video may begin before its sound, and calls in Opus send next to nothing while nobody speaks.
                pause = self._codec == "opus" and self._container.format.name != "ogg" and ahead_s <= _OPUS_PAUSE_S
                if self._lost_s or (position_s and not pause):
                    self._damage.append(Span(position_s, position_s + ahead_s))
                self._lost_s = 0.0
        else:
            self._zero_s += ahead_s
        if self._lost_s or frame.is_corrupt:
            self._damaged_here(max(self._lost_s, frame.samples / frame.sample_rate))
        self._lost_s = 0.0

    def _believable(self, position_s: Seconds, ahead_s: Seconds) -> bool:
        """Whether a jump of the clock is a gap rather than a broken clock or a second recording glued on."""
        if ahead_s < -_JITTER_S:
            return False
        if self._declared_s is not None:
            return position_s <= self._declared_s + _CUT_OFF_S
        return ahead_s <= _LONGEST_GAP_S

    def _damaged_here(self, length_s: Seconds) -> None:
        self._damage.append(Span(self._wave.position_s, self._wave.position_s + length_s))

    def _told_damage(self) -> Iterator[Warned]:
        places = joined(self._damage, _JITTER_S)
        for span in places[:_MOST_TOLD]:
            yield Warned("the recording is damaged here or a piece is missing", span)
        rest = places[_MOST_TOLD:]
        if rest:
            length_s = sum(span.duration_s for span in rest)
            yield Warned(f"the recording is damaged in {len(rest)} more places, {length_s:.2f} s together")

    def _told_mixing(self) -> Iterator[Warned]:
        for reason, spans in self._wave.reasons().items():
            yield from (Warned(reason, span) for span in spans[:_MOST_TOLD])
            rest = spans[_MOST_TOLD:]
            if rest:
                yield Warned(f"{reason}: in {len(rest)} more places, {total_s(rest):.2f} s together")

    def _told_rest(self, duration_s: Seconds) -> Iterator[Warned]:
        declared_s = max(self._declared_s or 0.0, duration_s + self._missing_s)
        if declared_s - duration_s > max(_CUT_OFF_S, declared_s * _CUT_OFF_SHARE):
            yield Warned(
                f"the file says that it is {declared_s:.2f} s long but ends at {duration_s:.2f} s; it may be cut off"
            )
        if self._wave.not_numbers:
            yield Warned(
                f"{self._wave.not_numbers} samples are no sound (not a number, or far too loud) and were silenced"
            )


def _best_stream(container: Any) -> Any:  # noqa: ANN401 - av types
    """The audio stream that ffmpeg would play, among those that can be decoded.

    Raises:
        BadInputError: There is none.
    """
    audible = list(container.streams.audio)
    if not audible:
        raise BadInputError(
            "the file has video but no sound" if container.streams.video else "the file has no sound track"
        )
    if any(stream.codec_context is not None and stream.codec_tag in _LOCKED_TAGS for stream in audible):
        raise BadInputError("the file is locked by DRM and cannot be decoded")
    known = [stream for stream in audible if stream.codec_context is not None]
    if not known:
        raise BadInputError("the file's sound is in a coding that this worker cannot decode")
    best = container.streams.best("audio")
    chosen = best if best in known else known[0]
    if chosen.codec_context.name == "flac":
        # Without it a wrong checksum is ignored, and damage becomes loud noise.
        chosen.codec_context.options = {"err_detect": "crccheck+explode"}
    return chosen


def _declared(container: Any, file: FileIO) -> Seconds | None:  # noqa: ANN401 - av types
    """How long the file says that its sound is; None where it does not say, or only ffmpeg does."""
    if container.format.name not in _EXACT and not (container.format.name == "mp3" and _counts_frames(file)):
        return None
    stream = _best_stream(container)
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is not None and not container.streams.video:
        return float(container.duration / _US_PER_S)
    return None


def _counts_frames(file: FileIO) -> bool:
    """Whether an MP3 says in its first frame how many follow, as encoders write it."""
    head = _at(file, 0, _ID3_HEAD_BYTES)
    tags_bytes = 0
    if head[:3] == b"ID3":  # seven bits to a byte
        tags_bytes = _ID3_HEAD_BYTES + sum(byte << 7 * place for place, byte in enumerate(reversed(head[6:10])))
    frame = _at(file, tags_bytes, _HEAD_BYTES)
    return any(mark in frame for mark in (b"Xing", b"Info", b"VBRI"))
