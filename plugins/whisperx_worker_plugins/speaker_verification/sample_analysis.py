"""What enrolment needs to know of one sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from whisperx_worker import Seconds


@dataclass(frozen=True, eq=False)
class SampleAnalysis:
    """Speech and voice of one sample."""

    speech_s: Seconds
    """Seconds of speech."""
    embedding: NDArray[np.float32] | None
    """Shape (d,), of length 1; None where the sample cannot be used."""
    problems: tuple[str, ...]
    """Faults of the sample, each to be read after "the sample"."""
    is_wideband: bool | None = None
    """Whether it has sound above the band of a telephone; None where that is not certain."""
