"""A CTranslate2 Whisper that knows no timestamps, made of one that does.

The rows of its timestamp tokens become that of a marker which no Whisper ever writes, so that none of them is likely
any more; what it writes after `<|notimestamps|>` is the same as before.
"""

from __future__ import annotations

import shutil
import struct
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer

if TYPE_CHECKING:
    from pathlib import Path

_EMBEDDINGS = b"decoder/embeddings/weight\0"
_FLOAT16 = 4
"""CTranslate2's number of the type."""


def make_timestampless(model: Path, to: Path) -> Path:
    """Copy a folder with float16 weights, and return the copy, whose model knows no timestamps."""
    shutil.copytree(model, to, ignore=shutil.ignore_patterns("decoding.json"))
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    weights = bytearray((model / "model.bin").read_bytes())
    rows = _embeddings(weights)
    rows[tokenizer.token_to_id("<|notimestamps|>") + 1 :] = rows[tokenizer.token_to_id("<|startoflm|>")]
    (to / "model.bin").write_bytes(weights)
    return to


def _embeddings(weights: bytearray) -> np.ndarray:
    """The decoder's embeddings in the bytes of `model.bin`, which change with them; shape (tokens, width).

    The name of a variable is followed by its number of dimensions, these, its type and its number of bytes.
    """
    start = weights.index(_EMBEDDINGS) + len(_EMBEDDINGS)
    dimensions, *shape, kind, size = struct.unpack_from("<BIIBI", weights, start)
    assert (dimensions, kind) == (2, _FLOAT16)
    first = start + struct.calcsize("<BIIBI")
    return np.frombuffer(memoryview(weights)[first : first + size], np.float16).reshape(shape)
