"""Terms of a job, compiled: every form of every term with the sounds that it may have."""

from __future__ import annotations

import functools
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker_plugins.vocabulary.distance import encode
from whisperx_worker_plugins.vocabulary.morphology import declensions
from whisperx_worker_plugins.vocabulary.options import core_of
from whisperx_worker_plugins.vocabulary.phones import phones_of
from whisperx_worker_plugins.vocabulary.readings import readings_of
from whisperx_worker_plugins.vocabulary.skeleton import skeleton_bigrams

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from whisperx_worker_plugins.vocabulary.options import Term

MIN_PHONES = 3
"""Shorter sounds are in too many words."""


@dataclass(frozen=True, eq=False)
class Lexicon:
    """All sounds of all terms."""

    sounds: tuple[str, ...]
    """Their phones."""
    forms: tuple[str, ...]
    """Written form of each sound."""
    terms: tuple[int, ...]
    """Index of each sound's term in the job."""
    lengths: NDArray[np.int64]
    """Phones of each sound, shape (sounds,)."""
    is_oblique: NDArray[np.bool_]
    """Whether each sound is one of an oblique case, shape (sounds,)."""
    endings: NDArray[np.int8]
    """Last phone of each sound, shape (sounds,)."""
    bigrams: NDArray[np.float32]
    """Features for the search, shape (sounds, features)."""
    written: Mapping[str, str]
    """Every written form by its words without punctuation, in lower case."""


@functools.lru_cache(maxsize=16)
def compile_terms(terms: tuple[Term, ...]) -> Lexicon:
    """Return the lexicon of a job's terms.

    Of two forms of one term with one sound the nominative stays. A term in Latin letters, with digits or in capitals is
    recognised in all its spoken cases and written in one form.
    """
    sounds: dict[tuple[int, str], tuple[str, bool]] = {}
    for index, term in enumerate(terms):
        for form, spoken, is_oblique in _spoken_forms(term):
            sound = phones_of(spoken)
            if len(sound) >= MIN_PHONES:
                sounds.setdefault((index, sound), (form, is_oblique))
    forms = [*(term.term for term in terms), *(form for form, _ in sounds.values())]
    written = {" ".join(map(core_of, form.split())).lower(): form for form in reversed(forms)}
    names = [sound for _, sound in sounds]
    return Lexicon(
        tuple(names),
        tuple(form for form, _ in sounds.values()),
        tuple(index for index, _ in sounds),
        np.array([len(sound) for sound in names], np.int64),
        np.array([is_oblique for _, is_oblique in sounds.values()], bool),
        encode([sound[-1] for sound in names]).reshape(-1),
        skeleton_bigrams(names),
        written,
    )


def _spoken_forms(term: Term) -> list[tuple[str, str, bool]]:
    """Return written and spoken forms of a term and whether they are oblique, those in the nominative first."""
    spoken = [*readings_of(term.term), *(reading for like in term.sounds_like for reading in readings_of(like))]
    declined: dict[str, str] = defaultdict(lambda: term.term, declensions(term.term))
    return [(term.term, one, False) for one in spoken] + [
        (declined[label], form, True) for one in spoken for label, form in declensions(one)
    ]
