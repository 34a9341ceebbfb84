"""Errors of names: enrolled people who are not named, strangers who are, and the equal-error rate."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whisperx_worker.evaluate.speaker_errors import Ratio

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from whisperx_worker.evaluate.hypothesis import Voice
    from whisperx_worker.types import SpeakerTurn


@dataclass(frozen=True)
class Trial:
    """Comparison of a voice with the enrolled people."""

    similarity: float
    is_genuine: bool
    """Whether the voice is an enrolled person's and has no wrong name."""


@dataclass(frozen=True)
class NameErrors:
    """Errors of the names of one recording's voices."""

    not_named: Ratio
    """Voices of enrolled people without their own name."""
    stranger_named: Ratio
    """Voices of strangers with a name."""
    trials: tuple[Trial, ...]


def name_errors(voices: Sequence[Voice], turns: Sequence[SpeakerTurn], enrolled: AbstractSet[str]) -> NameErrors:
    """Compare the names of voices with those of the reference's speakers, by the time they share."""
    known = [(voice, person) for voice in voices for person in [true_speaker(voice, turns)] if person]
    ours = [(voice, person) for voice, person in known if person in enrolled]
    strangers = [voice for voice, person in known if person not in enrolled]
    return NameErrors(
        Ratio(sum(voice.name != person for voice, person in ours), len(ours)),
        Ratio(sum(voice.name in enrolled for voice in strangers), len(strangers)),
        (
            *(Trial(voice.similarity, voice.name == person or voice.name not in enrolled) for voice, person in ours),
            *(Trial(voice.similarity, is_genuine=False) for voice in strangers),
        ),
    )


def true_speaker(voice: Voice, turns: Sequence[SpeakerTurn]) -> str:
    """Return the speaker of the reference who shares most time with a voice, or an empty name."""
    shared_s: defaultdict[str, float] = defaultdict(float)
    for start, end in zip(voice.start_s, voice.end_s, strict=True):
        for turn in turns:
            shared_s[turn.speaker] += max(0.0, min(end, turn.end) - max(start, turn.start))
    best = max(shared_s, key=lambda speaker: (shared_s[speaker], speaker), default="")
    return best if best and shared_s[best] > 0 else ""


def equal_error_rate(trials: Sequence[Trial]) -> float | None:
    """Return the rate at which as many enrolled people are refused as others accepted; None without both."""
    from pyannote.metrics.binary_classification import det_curve

    genuine = [trial.is_genuine for trial in trials]
    if len(set(genuine)) < 2:  # noqa: PLR2004  both kinds
        return None
    _, _, _, rate = det_curve(genuine, [trial.similarity for trial in trials])
    return float(rate)
