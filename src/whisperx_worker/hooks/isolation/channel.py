"""Messages between the worker and a plugin's process: pickled values, with recordings as open files."""

from __future__ import annotations

import contextlib
import copyreg
import gc
import io
import os
import pickle
import socket
import struct
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from whisperx_worker.errors import PluginError
from whisperx_worker.runtime.sample_file import file_of, map_samples, share_samples
from whisperx_worker.types import NO_EXTRA, Audio, ReadOnlyDict, Seconds, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

_HEADER = struct.Struct("QI")
"""Length of the pickled message in bytes, and number of files."""
_MAX_FILES = 64
_POLL_S: Seconds = 0.1
_KNOWN_PACKAGES = frozenset(
    {"collections", "copyreg", "datetime", "decimal", "numpy", "pathlib", "pydantic", "pydantic_core", "uuid"}
    | {__name__.partition(".")[0]}
)
"""Packages of values that the worker takes from a plugin's process."""


class Channel:
    """One end of a connection. Messages may be sent by several threads.

    Args:
        connection: A stream socket, which this closes.
        imports: Whether classes of any module may come in, which is then imported.
        on_wait: Called ten times a second while the other process does not read or answer; an exception from it ends
            the waiting. Without it, waiting has no end.
    """

    def __init__(self, connection: socket.socket, *, imports: bool, on_wait: Callable[[], None] | None = None) -> None:
        self._connection = connection
        self._imports = imports
        self._on_wait = on_wait
        self._sent: dict[tuple[int, int], Audio] = {}
        """Recordings that went out, by device and number of their file."""
        self.lock = threading.RLock()
        connection.settimeout(None if on_wait is None else _POLL_S)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def send(self, message: object) -> None:
        """Send a message.

        Raises:
            OSError: When the other process has died.
            Exception: Any, of a value that cannot be pickled; nothing was sent then.
        """
        written, files = io.BytesIO(), list[int]()
        pickler = pickle.Pickler(written, pickle.HIGHEST_PROTOCOL)
        pickler.dispatch_table = {
            **copyreg.dispatch_table,
            ReadOnlyDict: _reduce_extra,
            Audio: lambda audio: self._reduce(audio, files),
        }
        pickler.dump(message)
        header, rest = _HEADER.pack(written.tell(), len(files)), written.getbuffer()
        with self.lock:
            self._patiently(lambda: socket.send_fds(self._connection, [header], files))
            while rest:
                rest = rest[self._patiently(partial(self._connection.send, rest)) :]

    def receive(self) -> Any:  # noqa: ANN401
        """Return the next message.

        Raises:
            OSError: When the other process has died.
            PluginError: When the message has a value of a class that may not come in.
        """
        header, files, _, _ = self._patiently(
            lambda: socket.recv_fds(self._connection, _HEADER.size, _MAX_FILES, socket.MSG_WAITALL)
        )
        try:
            if len(header) < _HEADER.size:
                raise ConnectionResetError("the connection has ended")
            body = bytearray(_HEADER.unpack(header)[0])
            rest = memoryview(body)
            while rest:
                count = self._patiently(partial(self._connection.recv_into, rest))
                if not count:
                    raise ConnectionResetError("the connection has ended")
                rest = rest[count:]
            with _without_collection():
                return _Unpickler(io.BytesIO(body), self, files).load()
        finally:
            for number in files:
                os.close(number)

    def _patiently(self, act: Callable[[], T]) -> T:
        """Call a function until it does not time out."""
        while True:
            if self._on_wait is not None:
                self._on_wait()
            with contextlib.suppress(TimeoutError):
                return act()

    def _reduce(self, audio: Audio, files: list[int]) -> tuple[Any, ...]:
        """Return how to pickle a recording: as the number of its file."""
        samples = audio.samples
        if samples.ndim != 1 or samples.dtype != np.float32 or not samples.size:
            return Audio, (samples, audio.channel_spans)
        number = file_of(samples)
        if number is None:
            # The same samples in shared memory; the value is frozen, so nobody sees the change.
            object.__setattr__(audio, "samples", Audio(share_samples(samples)).samples)
            return self._reduce(audio, files)
        self._sent[_identity(number)] = audio
        files.append(number)
        return _recording, (len(files) - 1, audio.channel_spans)

    def recording(self, file_number: int, channel_spans: tuple[Span, ...]) -> Audio:
        """Return the recording in an open file: the very one that was sent, where it comes back."""
        sent = self._sent.get(_identity(file_number))
        if sent is None:
            return Audio(map_samples(file_number), channel_spans)
        return sent if sent.channel_spans == channel_spans else Audio(sent.samples, channel_spans)

    def takes(self, module: str, name: str) -> bool:
        """Return whether a class may come in."""
        return self._imports or module.partition(".")[0] in _KNOWN_PACKAGES or _is_builtin_type(module, name)


class _Unpickler(pickle.Unpickler):
    """Reader of a message with files."""

    def __init__(self, message: io.BytesIO, channel: Channel, files: list[int]) -> None:
        super().__init__(message)
        self._channel, self._files = channel, files

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        if (module, name) == (__name__, _recording.__name__):
            # Without a reference to this reader: its memo keeps the function, and the circle would keep the recording.
            channel, files = self._channel, self._files
            return lambda index, channel_spans: channel.recording(files[index], channel_spans)
        if not self._channel.takes(module, name):
            raise PluginError(f"it returned something with a {name} of {module}, which the worker does not know")
        return super().find_class(module, name)


def _recording(_index: int, _channel_spans: tuple[Span, ...]) -> Audio:
    """Stand in a message for a recording, which the reader has as a file."""
    raise PluginError("a recording comes with its message only")


def _is_builtin_type(module: str, name: str) -> bool:
    return module == "builtins" and isinstance(getattr(sys.modules["builtins"], name, None), type)


def _reduce_extra(extra: ReadOnlyDict[Any]) -> Any:  # noqa: ANN401
    """Return how to pickle extra data: the one that is there by default stays what it is."""
    return "NO_EXTRA" if extra is NO_EXTRA else extra.__reduce__()


@contextlib.contextmanager
def _without_collection() -> Iterator[None]:
    """Collect no garbage inside, which makes a hundred thousand new words four times as fast."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _identity(file_number: int) -> tuple[int, int]:
    status = os.fstat(file_number)
    return status.st_dev, status.st_ino
