"""Files of samples, which processes share without a copy."""

from __future__ import annotations

import mmap
import os
import tempfile
import weakref
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


SAMPLE_BYTES = 4
_COPY_SAMPLES = 1 << 20


class _Mapping(mmap.mmap):
    """Private mapping of a whole file, which stays open as long as the mapping."""

    file_number: int


def new_store() -> BinaryIO:
    """Create an unnamed file for the samples of a recording, which the system caches in memory."""
    return tempfile.TemporaryFile()


def copy_samples(source: BinaryIO, target: BinaryIO, count: int, begin: int = 0) -> None:
    """Copy the first samples of a file into another, and leave holes for silence.

    Args:
        source: Flushed file.
        target: Gets them, save zeros, which take no space where there was nothing.
        count: Number of samples; those that the source lacks are silence.
        begin: Index in the target of the first.
    """
    for start in range(0, count, _COPY_SAMPLES):
        size = min(_COPY_SAMPLES, count - start) * SAMPLE_BYTES
        content = os.pread(source.fileno(), size, start * SAMPLE_BYTES)
        if content.strip(b"\0"):
            os.pwrite(target.fileno(), content, (begin + start) * SAMPLE_BYTES)


def samples_in(store: BinaryIO) -> NDArray[np.float32]:
    """Map the samples in a file, of shape (n,); valid after the file is closed."""
    return map_samples(store.fileno())


def map_samples(file_number: int) -> NDArray[np.float32]:
    """Map the samples in an open file, of shape (n,); valid after the file is closed."""
    mapping = _Mapping(file_number, 0, access=mmap.ACCESS_COPY)
    mapping.file_number = os.dup(file_number)
    weakref.finalize(mapping, os.close, mapping.file_number).atexit = False
    return np.frombuffer(mapping, np.float32)


def share_samples(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Copy samples of shape (n,) into memory that other processes can map."""
    with os.fdopen(os.memfd_create("samples"), "wb") as store:
        store.write(np.ascontiguousarray(samples).data)
        store.flush()
        return map_samples(store.fileno())


def file_of(samples: NDArray[np.float32]) -> int | None:
    """Return the open file that samples are the whole content of, or None."""
    owner: object = samples
    while owner is not None and not isinstance(owner, _Mapping):
        owner = owner.obj if isinstance(owner, memoryview) else getattr(owner, "base", None)
    if owner is None or not samples.flags.c_contiguous or samples.nbytes != len(owner):
        return None
    return owner.file_number
