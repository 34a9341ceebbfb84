"""Output format: a name, a file suffix and a writer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from whisperx_worker.types import Result


@dataclass(frozen=True)
class OutputFormat:
    """Format in which a result can be written."""

    name: str
    """Name that a job puts into `output_formats`."""
    suffix: str
    """Suffix of its files, with the dot."""
    write: Callable[[Result], str]
    """Function that returns the text of the file."""
