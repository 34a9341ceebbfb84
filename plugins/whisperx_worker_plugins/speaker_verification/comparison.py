"""Comparison of voices with enrolled people, and the explanation of a job without a match."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whisperx_worker import SAMPLE_RATE_HZ, intervals
from whisperx_worker_plugins.speaker_verification.bandwidth import SPLIT_HZ, is_wideband
from whisperx_worker_plugins.speaker_verification.threshold import CALIBRATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from whisperx_worker import Audio, Job
    from whisperx_worker_plugins.speaker_verification.enrolment import Person
    from whisperx_worker_plugins.speaker_verification.threshold import Threshold
    from whisperx_worker_plugins.speaker_verification.voices import Voice

log = logging.getLogger(__name__)

ADVICE = "samples from the same kind of recording, or another speaker_threshold, may help"
MAX_BANDWIDTH_SAMPLES = 120 * SAMPLE_RATE_HZ
"""Samples of the longest voice from which the recording's bandwidth is found."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Similarities of voices with enrolled people."""

    voices: Sequence[Voice]
    """Speakers, or segments where there are no speakers."""
    people: Sequence[Person]
    cosines: NDArray[np.float64]
    """Shape (voices, people)."""
    scores: NDArray[np.float64]
    """Shape (voices, people): what the threshold is for, cosines too or a calibration's scores."""
    threshold: Threshold

    def explain(self, audio: Audio, job: Job) -> None:
        """Write the notes of `debug`, and log or warn where no voice reaches the threshold."""
        job.notes["speakers"] = self._notes()
        longest = max(self.voices, key=lambda voice: intervals.total_s(voice.spans))
        recording = is_wideband(longest.sound(audio)[:MAX_BANDWIDTH_SAMPLES])
        samples = [person.is_wideband for person in self.people]
        self._explain_unknown(job, recording=recording, samples=samples)

    def _notes(self) -> dict[str, object]:
        """Return the nearest people of each voice, never an embedding."""
        return {
            "threshold": self.threshold.value,
            "threshold_from": self.threshold.source,
            "nearest": [self._nearest(number) for number in range(len(self.voices))],
        }

    def _nearest(self, number: int) -> dict[str, object]:
        voice, row = self.voices[number], self.cosines[number]
        first, *others = row.argsort(kind="stable")[::-1].tolist()
        nearest: dict[str, object] = {"speaker": voice.speaker} if voice.segment is None else {"segment": voice.segment}
        nearest |= {"name": self.people[first].name, "similarity": round(float(row[first]), 4)}
        if others:
            nearest |= {
                "runner_up": self.people[others[0]].name,
                "runner_up_similarity": round(float(row[others[0]]), 4),
            }
        return nearest

    def _explain_unknown(self, job: Job, *, recording: bool | None, samples: Sequence[bool | None]) -> None:
        """Log the highest score where it gives no name; warn where recordings differ in bandwidth.

        Args:
            job: For the warning.
            recording: Whether the recording is wideband, as `is_wideband` returns it.
            samples: Whether each person's samples are.
        """
        best, needed = float(self.scores.max()), self.threshold.value
        if best >= needed:
            return
        kind = "score by the calibration" if self.threshold.source == CALIBRATION else "similarity"
        missing = f"no voice was recognised: the highest {kind} is {best:.2f}, and a name needs {needed:.2f}"
        log.info("%s (%s); %s", missing, self.threshold.source, ADVICE)
        if recording is not None and all(one is (not recording) for one in samples):
            narrow, wide = (
                ("the samples have", "the recording has") if recording else ("the recording has", "the samples have")
            )
            cause = f"{narrow} no sound above {SPLIT_HZ / 1000:g} kHz, as over a telephone, and {wide}"
            job.warn(f"{missing}; {cause}, which makes one voice less similar; {ADVICE}")
