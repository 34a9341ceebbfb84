"""Decoding of a file to `Audio`, by the ffmpeg inside PyAV.

The file comes from a client: its declarations are checked, it cannot make ffmpeg open anything else, and every defect
becomes one sentence or a warning with a place.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from whisperx_worker.audio.channel_reading import Reading, read_apart
from whisperx_worker.audio.file_signature import identify_file
from whisperx_worker.audio.riff_repair import find_repair
from whisperx_worker.audio.track_mix import TrackMix
from whisperx_worker.audio.track_selection import plan_tracks
from whisperx_worker.contract.channels import ChannelRequest
from whisperx_worker.errors import BadInputError
from whisperx_worker.runtime.sample_file import new_store, samples_in
from whisperx_worker.types import Audio, Span, Warned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path
    from typing import BinaryIO

    from whisperx_worker.audio.riff_repair import Repair
    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.types import Seconds

_DEMUXERS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dts,eac3,flac,flv,gsm,loas,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,"
    "mp3,mpc,mpc8,mpeg,mpegts,mxf,nistsphere,nut,ogg,rm,tak,tta,voc,w64,wav,wv"
)
"""Containers of sound, without playlists and scripts, which make ffmpeg open other files."""
_BUFFER_BYTES = 256 * 1024
_HEAD_BYTES = 4096
_MAX_READ_FAILURES = 100
"""Failures in a row, without a packet between them, that end the file."""


@dataclass(frozen=True)
class Decoded:
    """Outcome of a decoding beside the samples."""

    warnings: tuple[Warned, ...]
    """With times of the recording, wherever its channels lie."""
    channel_spans: tuple[Span, ...] = ()
    """Interval of the samples that each channel has, where channels are read apart."""


def decode(
    path: Path,
    settings: Settings,
    request: ChannelRequest = ChannelRequest(),  # noqa: B008 - frozen
) -> tuple[Audio, tuple[Warned, ...]]:
    """Decode a file in this process; jobs use `decode_server.decode`.

    Args:
        path: Any container and codec that PyAV opens, save playlists.
        settings: `max_audio_s` is the longest recording.
        request: Wanted channels and track.

    Returns:
        The audio, and warnings about it.

    Raises:
        BadInputError: As `decode_into` does.
    """
    with path.open("rb", buffering=0) as file, new_store() as store:
        decoded = decode_into(store, file, settings.max_audio_s, request)
        return Audio(samples_in(store), decoded.channel_spans), decoded.warnings


def decode_into(
    store: BinaryIO,
    file: FileIO,
    max_s: Seconds,
    request: ChannelRequest = ChannelRequest(),  # noqa: B008 - frozen
) -> Decoded:
    """Decode the sound of a file to one recording at 16 kHz.

    Positions are those of a player: time 0 is the beginning of the file, and where the file's clock says that something
    is missing there is silence.

    Args:
        store: Takes the samples, float32 in the machine's byte order; `samples_in` reads them.
        file: Open for reading, at its beginning.
        max_s: Longest recording that is taken, all channels that are read apart together.
        request: Wanted channels and track.

    Returns:
        Warnings about the recording, and where its channels lie.

    Raises:
        BadInputError: The file is empty, no audio, without sound, locked, too long or beyond repair.
    """
    import av

    head = os.pread(file.fileno(), _HEAD_BYTES, 0)
    if not head:
        raise BadInputError("the file is empty")
    kind = identify_file(head)
    if kind is not None and not kind.sound:
        raise BadInputError(f"the file is not audio that can be read: it looks like {kind.name}")
    try:
        return _decode_tracks(store, file, max_s, request)
    except (av.FFmpegError, UnicodeError, OverflowError):
        if kind is None:
            raise BadInputError("the file is not audio that can be read") from None
        raise BadInputError(
            f"the file begins like {kind.name}, but it is damaged or cut off and cannot be read"
        ) from None


def _decode_tracks(store: BinaryIO, file: FileIO, max_s: Seconds, request: ChannelRequest) -> Decoded:
    """Decode the main tracks, or the next of the others while they are silent."""
    repair = find_repair(file)
    number = 0
    while True:
        with _opened(file, repair) as container:
            plan = plan_tracks(container, request.audio_track)
            mix = TrackMix(container, plan, number, store, file, max_s, request.channels)
            for packet in _packets(container, mix):
                mix.feed(packet)
            sounds = mix.finish()
        if sounds or number + 1 == len(plan.groups):
            repaired = [Warned(repair.warning)] if repair is not None and repair.warning else []
            reading = Reading() if request.channels == "mix" else read_apart(store, mix, request.channels, max_s)
            about_tracks = mix.warnings(mixed=not reading.channel_spans), plan.warnings(number)
            return Decoded((*repaired, *chain(*about_tracks), *reading.warnings), reading.channel_spans)
        number += 1
        store.seek(0)
        store.truncate()


def _packets(container: Any, mix: TrackMix) -> Iterator[Any]:  # noqa: ANN401 - av types
    """Yield every readable packet of the tracks, and skip damaged places."""
    import av

    failures = 0
    while failures < _MAX_READ_FAILURES:
        try:
            for packet in container.demux(mix.streams):
                failures = 0
                # An empty packet would tell the decoder that the file has ended.
                if packet.size:
                    yield packet
                if mix.ended:
                    return
        except av.FFmpegError:
            failures += 1
            mix.note_loss()
        except IndexError:
            # PyAV's answer at the end of a file in which a stream appeared only on the way.
            return
        else:
            return
    mix.give_up("the file cannot be read on from here; the rest is missing")


@contextlib.contextmanager
def _opened(file: FileIO, repair: Repair | None) -> Iterator[Any]:
    import av

    # Packets of WAV are 2 kB by default, and an hour of them takes longer to hand over than to decode.
    options = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "", "max_size": "16384"}
    source = _Source(file) if repair is None else _Repaired(file, repair)
    source.seek(0)
    with av.open(
        source, "r", container_options=options, metadata_errors="replace", buffer_size=_BUFFER_BYTES
    ) as container:
        yield container


class _Source:
    """File for ffmpeg without a name, which would affect detection and errors."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self.read = file.read
        self.tell = file.tell

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Seek as files do, but return -1 for an invalid place, since PyAV prints exceptions."""
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError, OverflowError):
            return -1


class _Repaired(_Source):
    """File with a repaired header before pieces of the original."""

    def __init__(self, file: FileIO, repair: Repair) -> None:
        super().__init__(file)
        self._repair = repair
        self._place = 0
        self.read = self.read_repaired  # type: ignore[assignment]
        self.tell = lambda: self._place

    def read_repaired(self, size: int) -> bytes:
        """Read as files do."""
        head = self._repair.head
        if self._place < len(head):
            content = head[self._place : self._place + size]
        else:
            content = self._of_pieces(self._place - len(head), size)
        self._place += len(content)
        return content

    def _of_pieces(self, place: int, size: int) -> bytes:
        for begins, ends in self._repair.pieces:
            if place < ends - begins:
                return os.pread(self._file.fileno(), min(size, ends - begins - place), begins + place)
            place -= ends - begins
        return b""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Seek as files do."""
        end = len(self._repair.head) + sum(ends - begins for begins, ends in self._repair.pieces)
        place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: end}.get(whence, -1 << 62)
        if place < 0:
            return -1
        self._place = place
        return place
