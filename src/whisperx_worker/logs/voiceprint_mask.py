"""Voiceprints in text: whole ones by their form, and fragments of those that running jobs have.

A known voiceprint is kept as blocks at multiples of a block's length, so that any fragment of two blocks' length has a
whole one in it.
"""

from __future__ import annotations

import base64
import binascii
import re
import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from whisperx_worker.types import Seconds

MIN_FRAGMENT = 24
"""Length from which a fragment of a voiceprint is masked."""
LATE_S: Seconds = 5.0
"""How long fragments are masked after the end of a job."""

_MASK = "***"
_BLOCK = MIN_FRAGMENT // 2
_FEW_BLOCKS = 1_000
_LETTERS = r"[A-Za-z0-9_\-]"
_WHOLE = re.compile(rf"voiceprint\d{{1,3}}_(?P<content>{_LETTERS}{{{MIN_FRAGMENT},}})(?:=|%3D){{0,2}}")
_RUN = re.compile(rf"[A-Za-z0-9_\-+/=]{{{MIN_FRAGMENT},}}")

_known: Counter[str] = Counter()
_ended: deque[tuple[Seconds, list[str]]] = deque()
"""Blocks of ended jobs, and when they are no longer masked."""
_lock = threading.Lock()


def voiceprints_in(text: str) -> list[str]:
    """Return what has the form of a voiceprint, damaged ones too."""
    return [found[0] for found in _WHOLE.finditer(text)] if "voiceprint" in text else []


def know(voiceprints: Iterable[str]) -> list[str]:
    """Mask fragments of these voiceprints from now on, and return their blocks for `forget`."""
    blocks = [
        content[start : start + _BLOCK]
        for content in (found["content"] for text in voiceprints for found in _WHOLE.finditer(text))
        for start in range(0, len(content) - _BLOCK + 1, _BLOCK)
    ]
    with _lock:
        _known.update(blocks)
    return blocks


def forget(blocks: list[str]) -> None:
    """Undo one `know`, some seconds later: what the process of a plugin prints comes late."""
    with _lock:
        _ended.append((time.monotonic() + LATE_S, blocks))
    _forget_ended()


def _forget_ended() -> None:
    with _lock:
        while _ended and _ended[0][0] <= time.monotonic():
            for block in _ended.popleft()[1]:
                _known[block] -= 1
                if _known[block] <= 0:
                    del _known[block]


def mask_voiceprints(text: str) -> str:
    """Mask voiceprints, and fragments of known ones, as they are or in base64."""
    if _ended:
        _forget_ended()
    if "voiceprint" in text:
        text = _WHOLE.sub(f"voiceprint{_MASK}", text)
    return _RUN.sub(_mask_run, text) if _known else text


def _mask_run(found: re.Match[str]) -> str:
    run = found[0]
    return _MASK if _has_known(run) or any(map(_has_known, _decoded(run))) else run


def _has_known(text: str) -> bool:
    with _lock:
        known = tuple(_known) if len(_known) < _FEW_BLOCKS else ()
    if known and len(text) > _FEW_BLOCKS:  # a recording, in which each block is found faster than each place is tried
        return any(block in text for block in known)
    return any(text[start : start + _BLOCK] in _known for start in range(len(text) - _BLOCK + 1))


def _decoded(run: str) -> Iterable[str]:
    """Yield what a run of letters is as base64, from each of its first four letters on."""
    letters = run.replace("-", "+").replace("_", "/").rstrip("=")
    for start in range(4):
        whole = (len(letters) - start) // 4 * 4
        try:
            yield base64.b64decode(letters[start : start + whole], validate=True).decode("latin-1")
        except (binascii.Error, ValueError):
            continue
