"""Scores of one recording: sums of errors for each measure that its reference and its result allow."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from whisperx_worker.evaluate import name_errors, speaker_errors, time_errors
from whisperx_worker.evaluate.measures import DER_COLLARS_S
from whisperx_worker.evaluate.normaliser import DEFAULT_LANGUAGE, tokens_of
from whisperx_worker.evaluate.reference import spoken_words
from whisperx_worker.evaluate.speaker_errors import MAX_SPEAKERS, Ratio
from whisperx_worker.evaluate.word_errors import Errors, Pair, align_words, character_errors, count_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from whisperx_worker.evaluate.hypothesis import Hypothesis
    from whisperx_worker.evaluate.name_errors import Trial
    from whisperx_worker.evaluate.reference import Reference, Spoken
    from whisperx_worker.types import Seconds


@dataclass(frozen=True)
class Step:
    """Step of an alignment with its words; empty on the side that has none."""

    kind: str
    reference: str
    hypothesis: str


@dataclass(frozen=True)
class Score:
    """Sums of one recording."""

    name: str
    ratios: Mapping[str, Ratio]
    """By the key of the measure; absent where it cannot be measured."""
    trials: tuple[Trial, ...] = ()
    alignment: tuple[Step, ...] = ()
    failure: str = ""
    notes: tuple[str, ...] = ()
    words: Errors | None = None

    @property
    def wer(self) -> float:
        """Rate that recordings are sorted by: errors of the reference's words; infinite where it has none."""
        if not self.words or not self.words.total:
            return 0.0
        return self.words.total / self.words.length if self.words.length else float("inf")


@dataclass(frozen=True)
class Scope:
    """What the configuration was asked for, as far as its results show it."""

    speakers: bool = False
    """Whether any result has speakers."""
    enrolled: frozenset[str] = frozenset()
    language: str | None = None


@dataclass
class _Sums:
    ratios: dict[str, Ratio] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def score(reference: Reference, hypothesis: Hypothesis, scope: Scope) -> Score:
    """Compare one result with its reference."""
    language = scope.language or reference.language or hypothesis.language or DEFAULT_LANGUAGE
    found = spoken_words(hypothesis.segments, language)
    sums = _Sums()
    words, alignment = _score_words(reference, found, language, sums) if reference.written else (None, ())
    true = spoken_words(reference.spoken_segments, language)
    if true:
        _score_speakers_and_times(reference, true, hypothesis, found, scope, sums)
    duration_s = _duration_s(reference, hypothesis)
    turns = reference.speaker_turns
    if turns and scope.speakers:
        for key, collar_s in DER_COLLARS_S.items():
            sums.ratios[key] = speaker_errors.der(turns, hypothesis.turns, duration_s, collar_s)
        if hypothesis.turns and not hypothesis.turns_are_exact:
            sums.notes.append("the result has no turns, so DER is that of its words' speakers")
    if (reference.segments or reference.turns) and not hypothesis.failure:
        sums.ratios["invented"] = time_errors.invented_words(reference.speech, hypothesis.segments, duration_s)
    trials = _score_names(reference, hypothesis, scope, sums)
    return Score(
        reference.name,
        MappingProxyType(sums.ratios),
        trials,
        alignment,
        hypothesis.failure,
        tuple(sums.notes),
        words,
    )


def _score_words(
    reference: Reference, found: tuple[Spoken, ...], language: str, sums: _Sums
) -> tuple[Errors, tuple[Step, ...]]:
    """Add WER and CER against the allowed text with the lowest WER."""
    ours = [word.text for word in found]
    compared: list[tuple[Errors, list[str], tuple[Pair, ...]]] = []
    for text in reference.written:
        theirs = [token.text for token in tokens_of(text.split(), language)]
        pairs = align_words(theirs, ours)
        compared.append((count_errors(pairs), theirs, pairs))
    errors, theirs, pairs = min(compared, key=lambda one: (one[0].total / max(1, one[0].length), one[0].total))
    for key, count in (
        ("wer", errors.total),
        ("substituted", errors.substituted),
        ("deleted", errors.deleted),
        ("inserted", errors.inserted),
    ):
        sums.ratios[key] = Ratio(count, errors.length)
    characters = character_errors(" ".join(theirs), " ".join(ours))
    sums.ratios["cer"] = Ratio(characters.total, characters.length)
    if len(compared) > 1:
        sums.notes.append(f"compared with the nearest of {len(compared)} texts")
    steps = [
        Step(
            pair.kind,
            "" if pair.reference is None else theirs[pair.reference],
            "" if pair.hypothesis is None else ours[pair.hypothesis],
        )
        for pair in pairs
    ]
    return errors, tuple(steps)


def _score_speakers_and_times(  # noqa: PLR0913  both sides as they are
    reference: Reference,
    true: tuple[Spoken, ...],
    hypothesis: Hypothesis,
    found: tuple[Spoken, ...],
    scope: Scope,
    sums: _Sums,
) -> None:
    """Add what needs words with speakers or with times in the reference."""
    pairs = align_words([word.text for word in true], [word.text for word in found])
    if scope.speakers and all(word.speaker for word in true):
        both = speaker_errors.cp_and_tcp(true, reference.spoken_segments, found, hypothesis.segments)
        if both is None:
            sums.notes.append(f"more than {MAX_SPEAKERS} speakers, so cpWER and tcpWER are not measured")
        else:
            sums.ratios["cpwer"], sums.ratios["tcpwer"] = both
        if not hypothesis.failure:
            sums.ratios["wder"] = speaker_errors.wder(true, found, pairs)
    boundaries, far = time_errors.boundary_errors(true, found, pairs)
    if boundaries.total:
        sums.ratios["boundary"], sums.ratios["far_boundary"] = boundaries, far


def _score_names(reference: Reference, hypothesis: Hypothesis, scope: Scope, sums: _Sums) -> tuple[Trial, ...]:
    """Add the errors of names, where people are enrolled and the reference has speakers."""
    turns = reference.speaker_turns
    if not (scope.enrolled and turns):
        return ()
    if hypothesis.failure:
        missed = {turn.speaker for turn in turns} & scope.enrolled
        sums.ratios["not_named"] = Ratio(len(missed), len(missed))
        return ()
    errors = name_errors.name_errors(hypothesis.voices, turns, scope.enrolled)
    sums.ratios["not_named"], sums.ratios["stranger_named"] = errors.not_named, errors.stranger_named
    return errors.trials


def _duration_s(reference: Reference, hypothesis: Hypothesis) -> Seconds:
    """Return the length of the recording, else the last end in the reference."""
    known = reference.duration_s or hypothesis.duration_s
    return known or max((span.end for span in reference.speech), default=0.0)
