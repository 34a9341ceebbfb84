"""Words of a segment that sound like a term, where there is doubt enough to replace them.

Distance counts in phones (`distance`). It may be at most `MAX_DISTANCE` of the term's phones, times the doubt about the
words: 1 where no dictionary has them, little where the model was unsure of a usual word, 0 where it was certain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker_plugins.vocabulary.distance import EXCHANGE, encode, pair_distances
from whisperx_worker_plugins.vocabulary.morphology import is_known
from whisperx_worker_plugins.vocabulary.options import CORE, MAX_WORDS
from whisperx_worker_plugins.vocabulary.phones import phones_of
from whisperx_worker_plugins.vocabulary.readings import MAX_ABBREVIATION, readings_of
from whisperx_worker_plugins.vocabulary.skeleton import skeleton_bigrams

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from whisperx_worker_plugins.vocabulary.lexicon import Lexicon

MAX_DISTANCE = 0.22
"""Of the phones of a term, where all words are unknown."""
LONG_TERM = 11
"""Phones, and two, of a term that may have the greatest distance; less for a shorter one."""
CERTAIN = 0.85
"""A usual word of this probability is never replaced."""
DOUBT_RANGE = 0.25
"""From certainty to full doubt, in probability."""
MAX_DOUBT_OF_KNOWN = 0.6
"""Doubt about a usual word, however unsure the model was of it."""
COST_OF_KNOWN_WORD = 0.3
"""Added for each usual word of a stretch, in phones, less where the model was unsure of it."""
MAX_COST_OF_ENDING = 0.2
"""Between the last phones of the words and of an oblique form."""
MIN_SHARED_BIGRAMS = 0.4
"""Of a term's pairs of consonants, for the distance to be computed."""
MIN_COST_OF_CLASS = 0.4
"""The least cost of phones of two classes (`skeleton`)."""
MIN_COST_OF_GAP = 0.3
"""The least cost of a phone that only one sound has."""
PHRASE_ENDS = '.,!?;:…)»"'
"""A term does not go beyond a word that has one of these behind it."""
MAX_PAIRS_AT_ONCE = 4_000_000
"""Spans times sounds; each takes some bytes."""


@dataclass(frozen=True)
class Token:
    """A word of a segment as the search sees it."""

    core: str
    """The word without the punctuation around it; "" where there is nothing else."""
    doubt: float
    """How much of the greatest distance is allowed for it, 0..1."""
    ends_phrase: bool
    """Whether punctuation divides it from the next word."""


@dataclass(frozen=True)
class Match:
    """Words of a segment that are to become a form of a term."""

    segment: int
    first: int
    """Index of the first word."""
    after: int
    """Index after the last word."""
    form: str | None
    """How the term is written here; None where the words stay as they are."""
    term: int | None
    """Index of the term in the job; None where the words are a term already."""
    distance: float
    """Of the sounds, of the shorter one's phones; 0 is the same sound."""
    phones: int
    """Phones of the form."""


def token_of(word: str, certainty: float) -> Token:
    """Return a word as the search sees it.

    Args:
        word: The word with its punctuation.
        certainty: Probability that it is right, 0..1.
    """
    found = CORE.search(word)
    if not found:
        return Token("", 0.0, ends_phrase=True)
    core = found[0]
    ends_phrase = bool(set(word[found.end() :]) & set(PHRASE_ENDS))
    if is_known(core) or (core.isupper() and len(core) <= MAX_ABBREVIATION):
        return Token(core, min(MAX_DOUBT_OF_KNOWN, max(0.0, CERTAIN - certainty) / DOUBT_RANGE), ends_phrase)
    return Token(core, 1.0, ends_phrase)


def find_matches(segments: Sequence[Sequence[Token]], lexicon: Lexicon) -> list[Match]:
    """Return the words to replace, none of them twice, the nearest sounds first.

    Words that are a term already are left alone, apart from their capitals.
    """
    taken: set[tuple[int, int]] = set()
    chosen = []
    for match in sorted([*_written_terms(segments, lexicon), *_sounding(segments, lexicon)], key=_preference):
        places = {(match.segment, word) for word in range(match.first, match.after)}
        if not places & taken:
            taken |= places
            chosen.append(match)
    return chosen


def _preference(match: Match) -> tuple[float, bool]:
    """Return what is sorted by: long and near matches come first, and those that change nothing."""
    return round((match.distance - MAX_DISTANCE) * match.phones, 3), match.term is not None


def _spans(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Yield the stretches of one to four words."""
    for first in range(len(tokens)):
        for after in range(first + 1, min(first + MAX_WORDS, len(tokens)) + 1):
            yield first, after


def _is_phrase(span: Sequence[Token]) -> bool:
    """Return whether no punctuation divides the words."""
    return all(token.core for token in span) and not any(token.ends_phrase for token in span[:-1])


def _written_terms(segments: Sequence[Sequence[Token]], lexicon: Lexicon) -> Iterator[Match]:
    """Yield the words that are a term already; their capitals may change, save those of usual words."""
    for number, tokens in enumerate(segments):
        for first, after in _spans(tokens):
            span = tokens[first:after]
            text = " ".join(token.core for token in span)
            form = lexicon.written.get(text.lower())
            if form is not None:
                stays = not _is_phrase(span) or all(token.doubt < 1 for token in span)
                phones = max(len(phones_of(reading)) for reading in readings_of(text))
                yield Match(number, first, after, None if stays else form, None, 0.0, phones)


def _sounding(segments: Sequence[Sequence[Token]], lexicon: Lexicon) -> Iterator[Match]:
    """Yield all matches by sound; they may overlap."""
    spans = [
        (number, first, after)
        for number, tokens in enumerate(segments)
        for first, after in _spans(tokens)
        if _is_phrase(tokens[first:after]) and any(token.doubt for token in tokens[first:after])
    ]
    at_once = max(1, MAX_PAIRS_AT_ONCE // max(1, len(lexicon.sounds)))
    for begin in range(0, len(spans), at_once):
        yield from _nearest_forms(spans[begin : begin + at_once], segments, lexicon)


def _nearest_forms(
    spans: Sequence[tuple[int, int, int]], segments: Sequence[Sequence[Token]], lexicon: Lexicon
) -> Iterator[Match]:
    words = [segments[number][first:after] for number, first, after in spans]
    sounds = [phones_of(" ".join(readings_of(token.core)[0] for token in span)) for span in words]
    doubts = np.array([_mean_doubt(span) for span in words])
    added = np.array([COST_OF_KNOWN_WORD * sum(1 - token.doubt for token in span) for span in words])
    rows, columns = _likely_pairs(sounds, doubts, lexicon)
    distances = pair_distances([sounds[row] for row in rows], [lexicon.sounds[column] for column in columns])
    lengths = np.array([len(sound) for sound in sounds])
    relative = (distances + added[rows]) / np.minimum(lengths[rows], lexicon.lengths[columns])
    # An oblique form needs its ending: no case is invented.
    endings = encode([sound[-1:] or "_" for sound in sounds]).reshape(-1)
    is_ending = EXCHANGE[endings[rows], lexicon.endings[columns]] <= MAX_COST_OF_ENDING
    relative[lexicon.is_oblique[columns] & ~is_ending] = np.inf
    for pair in np.flatnonzero(relative <= _max_distance(doubts[rows], lexicon.lengths[columns])):
        number, first, after = spans[int(rows[pair])]
        sound = columns[pair]
        form, phones = lexicon.forms[sound], len(lexicon.sounds[sound])
        yield Match(number, first, after, form, lexicon.terms[sound], float(relative[pair]), phones)


def _mean_doubt(span: Sequence[Token]) -> float:
    letters = [len(token.core) for token in span]
    return sum(token.doubt * count for token, count in zip(span, letters, strict=True)) / sum(letters)


def _max_distance(doubts: NDArray[np.float64], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the greatest distance that is allowed, of the term's phones: less for short terms."""
    return MAX_DISTANCE * doubts * np.minimum(1.0, (lengths + 2) / LONG_TERM)


def _likely_pairs(
    sounds: Sequence[str], doubts: NDArray[np.float64], lexicon: Lexicon
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the spans and sounds of terms that have enough consonants in common, as indices."""
    shared = skeleton_bigrams(sounds) @ lexicon.bigrams.T
    count = lexicon.bigrams.sum(axis=1)
    rows, columns = np.nonzero(shared >= np.maximum(1.0, MIN_SHARED_BIGRAMS * count))
    lengths, others = np.array([len(sound) for sound in sounds])[rows], lexicon.lengths[columns]
    allowed = _max_distance(doubts[rows], others) * np.minimum(lengths, others)
    missing = count[columns] - shared[rows, columns]
    is_near = missing <= 2 * np.floor(allowed / MIN_COST_OF_CLASS)
    possible = is_near & (abs(lengths - others) * MIN_COST_OF_GAP <= allowed)
    return rows[possible], columns[possible]
