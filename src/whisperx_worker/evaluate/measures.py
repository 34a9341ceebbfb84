"""Measures of a configuration, in the order of the report. Of each, less is better."""

from __future__ import annotations

from dataclasses import dataclass

from whisperx_worker.evaluate.speaker_errors import TCPWER_COLLAR_S
from whisperx_worker.evaluate.time_errors import FAR_S, SPEECH_MARGIN_S

DER_COLLARS_S = {"der": 0.0, "der_collar": 0.25}
"""Collars of the diarization error rate by the key of its measure."""

UNDEFINED = "undefined"
"""Value of errors of nothing, such as of a reference without words."""


@dataclass(frozen=True)
class Measure:
    """A row of the report."""

    key: str
    title: str
    meaning: str
    unit: str = "%"
    scale: float = 100.0
    """What the ratio of sums is multiplied by."""
    digits: int = 1

    def shown(self, value: float | None) -> str:
        """Return a value with its unit; None is a share of nothing."""
        return (
            UNDEFINED
            if value is None
            else f"{value * self.scale:.{self.digits}f}{'' if self.unit == '%' else ' '}{self.unit}"
        )


MEASURES = (
    Measure("wer", "WER", "wrong words of the reference's words"),
    Measure("substituted", "– substituted", "words in place of others"),
    Measure("deleted", "– deleted", "words that are missing"),
    Measure("inserted", "– inserted", "words too many"),
    Measure("cer", "CER", "wrong characters, spaces included"),
    Measure("cpwer", "cpWER", "wrong words when each speaker's words are joined, for the best assignment of speakers"),
    Measure("tcpwer", f"tcpWER (collar {TCPWER_COLLAR_S:g} s)", "cpWER where words match within the collar only"),
    Measure("wder", "WDER", "recognised words with a wrong speaker"),
    Measure(
        "der", "DER (collar 0)", "wrong seconds of speech: missed, invented or of another speaker; overlap included"
    ),
    Measure(
        "der_collar",
        f"DER (collar {DER_COLLARS_S['der_collar']:g} s)",
        "the same without the collar on each side of a boundary",
    ),
    Measure("boundary", "word boundary, mean", "distance of a right word's boundary from the truth", "ms", 1.0, 0),
    Measure(
        "far_boundary", f"boundaries off > {FAR_S * 1_000:g} ms", "boundaries of right words further off than that"
    ),
    Measure(
        "invented",
        "words where nobody speaks",
        f"words in a minute that is {SPEECH_MARGIN_S:g} s or more from all speech",
        "/min",
        1.0,
    ),
    Measure("not_named", "enrolled, not named", "voices of enrolled people without their own name"),
    Measure("stranger_named", "strangers, named", "voices of others with an enrolled person's name"),
    Measure("eer", "EER of names", "error where as many enrolled voices are refused as others accepted"),
)
BY_KEY = {measure.key: measure for measure in MEASURES}
