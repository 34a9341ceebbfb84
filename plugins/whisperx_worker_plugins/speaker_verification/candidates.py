"""What a client needs to know to act upon `unknown`: the threshold, who was nearest, and why nobody may be near."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whisperx_worker_plugins.speaker_verification.bandwidth import SPLIT_HZ

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from whisperx_worker import Job

log = logging.getLogger(__name__)

ADVICE = "samples from the same kind of recording, or another speaker_threshold, may help"


@dataclass(frozen=True)
class Threshold:
    """The similarity from which a name is given."""

    value: float
    source: str
    """"job", "model" for the folder of the encoder, or "default" for SpeechBrain's own."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """Who each voice was compared with."""

    voices: Sequence[tuple[str | None, int | None]]
    """Label of the speaker and index of the segment of each voice."""
    names: Sequence[str]
    scores: NDArray[np.float64]
    """Shape (voices, names): cosines."""
    threshold: Threshold

    def note(self, job: Job) -> None:
        """Write what `debug` shows: for each voice the nearest people, never an embedding."""
        job.notes["speakers"] = {
            "threshold": self.threshold.value,
            "threshold_from": self.threshold.source,
            "nearest": [self._nearest(number) for number in range(len(self.voices))],
        }

    def _nearest(self, number: int) -> dict[str, object]:
        speaker, segment = self.voices[number]
        row = self.scores[number]
        first, *others = row.argsort(kind="stable")[::-1].tolist()
        found: dict[str, object] = {"speaker": speaker} if segment is None else {"segment": segment}
        found |= {"name": self.names[first], "similarity": round(float(row[first]), 4)}
        if others:
            found |= {"runner_up": self.names[others[0]], "runner_up_similarity": round(float(row[others[0]]), 4)}
        return found

    def explain_nobody(self, job: Job, *, recording: bool | None, samples: Sequence[bool | None]) -> None:
        """Where nobody is recognised, log the similarity that is missing; warn where the recordings differ in kind.

        Args:
            job: For the warning.
            recording: Whether the recording is wide, as `is_wide` says.
            samples: Whether each person's samples are.
        """
        best, least = float(self.scores.max()), self.threshold.value
        if best >= least:
            return
        missing = f"no voice was recognised: the highest similarity is {best:.2f}, and a name needs {least:.2f}"
        log.info("%s (%s); %s", missing, self.threshold.source, ADVICE)
        if recording is not None and all(one is (not recording) for one in samples):
            narrow, wide = (
                ("the samples have", "the recording has") if recording else ("the recording has", "the samples have")
            )
            cause = f"{narrow} no sound above {SPLIT_HZ / 1000:g} kHz, as over a telephone, and {wide}"
            job.warn(f"{missing}; {cause}, which makes one voice less similar; {ADVICE}")
