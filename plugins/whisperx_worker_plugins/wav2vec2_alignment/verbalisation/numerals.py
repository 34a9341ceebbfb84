"""Spoken forms of numerals: decimals, times, dates, ranges, amounts of money, ordinals."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.lattice import (
    WILDCARD_CHARACTER,
    accept,
    concatenate,
    cover_row,
    union,
)
from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.number_names import cardinals, ordinals
from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.orthography import TO_HYPHEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.lattice import Verbalisation
    from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.orthography import Orthography

DIGIT_RUN = re.compile(r"\d+")
_MAX_DIGITS_PER_PIECE = 3
"""Digits that are one number where a longer number is spoken in pieces."""
_MAX_DIGITS = 30
"""A longer row of digits has too many spoken forms."""
_MAX_SUFFIX_LETTERS = 3
_YEAR_DIGITS = 4


def verbalise_number(
    part: str, orthography: Orthography, unit: Sequence[str] = (), subunit: Sequence[str] = ()
) -> Verbalisation | None:
    """Verbalise numbers with signs between them, such as a decimal, time, date or range.

    Args:
        part: Digits and signs.
        orthography: Language and letters.
        unit: Words after the number, such as those of a currency.
        subunit: Words after its second half, where it has two.
    """
    runs, signs = DIGIT_RUN.findall(part), [sign for sign in part.translate(TO_HYPHEN) if not sign.isdigit()]
    if sum(map(len, runs)) > _MAX_DIGITS or not orthography.spellable(cardinals(0, orthography.language)):
        return None
    lexicon = orthography.lexicon
    pieces: list[Verbalisation] = []
    for place, run in enumerate(runs):
        if place:
            pieces.append(orthography.accept_names(("", *lexicon.separators.get(signs[place - 1], ()))))
        is_date = not unit and _is_date(runs, signs)
        months = lexicon.months if is_date and place < 2 else ()  # noqa: PLR2004
        pieces.append(_digits(run, orthography, months, has_ordinals=is_date or (len(runs) == 1 and not unit)))
        pieces += _words_after(runs, signs, place, orthography)
        if subunit and len(runs) == 2:  # noqa: PLR2004  units and hundredths
            pieces.append(orthography.accept_names(("", *(subunit if place else unit))))
    ways = [concatenate(*pieces)]
    if len(runs) > 1 and len(set(signs)) == 1 and signs[0] in ".," and all(len(run) == 3 for run in runs[1:]):  # noqa: PLR2004
        ways.append(_digits("".join(runs), orthography))
    ways += _halves(runs, signs, orthography)
    tail = [orthography.accept_names(("", *unit) if subunit and len(runs) == 2 else unit)] if unit else []  # noqa: PLR2004
    return concatenate(union(*ways), *tail)


def verbalise_amount(part: str, currency: str, orthography: Orthography) -> Verbalisation | None:
    """Verbalise a number with the sign of a currency."""
    lexicon = orthography.lexicon
    names = lexicon.signs.get(currency)
    return verbalise_number(part, orthography, names or (WILDCARD_CHARACTER,), lexicon.subunits.get(currency, ()))


def verbalise_with_suffix(part: str, suffix: str, orthography: Orthography) -> Verbalisation | None:
    """Verbalise a number with a written ending, such as «2-го», "21st" or «10-летний»."""
    if not (suffix.isalpha() and part.isdigit()):
        return None
    lexicon, number, suffix = orthography.lexicon, int(part), suffix.lower()
    if suffix in lexicon.units:
        return None
    if len(suffix) <= _MAX_SUFFIX_LETTERS:
        names = [*ordinals(number, orthography.language), *cardinals(number, orthography.language)]
        if orthography.language == "en" and suffix == "s":
            names = [name[:-1] + "ies" if name.endswith("y") else name + "s" for name in names]
        if matching := orthography.spellable([name for name in names if name.endswith(suffix)]):
            return accept(*matching)
    if not orthography.letters.issuperset(suffix) or not orthography.spellable(cardinals(number, orthography.language)):
        return None
    return concatenate(_digits(part, orthography), accept(suffix))


def _digits(
    run: str, orthography: Orthography, months: Sequence[Sequence[str]] = (), *, has_ordinals: bool = False
) -> Verbalisation:
    """Verbalise digits as one number in all forms, or as several in a row."""
    number, language = int(run), orthography.language
    whole = [*cardinals(number, language), *(ordinals(number, language) if has_ordinals else ())]
    if 1 <= number <= len(months):
        whole += months[number - 1]
    pieces = [(0, len(run), orthography.spellable(whole))]
    for first in range(len(run)):
        max_digits = 1 if run[first] == "0" else _MAX_DIGITS_PER_PIECE
        for after in range(first + 1, min(first + max_digits, len(run)) + 1):
            if after - first < len(run):
                names = cardinals(int(run[first:after]), language)
                # Numbers spoken in pieces are not declined.
                pieces.append((first, after, orthography.spellable(names[:2] if language == "en" else names[:1])))
    return cover_row(len(run), pieces)


def _words_after(
    runs: Sequence[str], signs: Sequence[str], place: int, orthography: Orthography
) -> Iterator[Verbalisation]:
    """Yield optional words after one of several numbers: hours, minutes, tenths, a year."""
    lexicon, names = orthography.lexicon, list[str]()
    if signs == [":"]:
        names += lexicon.minutes if place else lexicon.hours
    if place == 1 and len(runs) == 2 and signs[0] in ".," and len(runs[1]) <= len(lexicon.fractions):  # noqa: PLR2004
        names += lexicon.fractions[len(runs[1]) - 1]
    if len(runs) > 1 and place == len(runs) - 1 and len(runs[place]) == _YEAR_DIGITS:
        names += lexicon.years
    if names:
        yield orthography.accept_names(("", *names))


def _halves(runs: Sequence[str], signs: Sequence[str], orthography: Orthography) -> list[Verbalisation]:
    lexicon = orthography.lexicon
    if not (len(runs) == 2 and signs[0] in ".," and runs[1] == "5" and lexicon.half):  # noqa: PLR2004
        return []
    ways = [concatenate(_digits(runs[0], orthography), orthography.accept_names(lexicon.half))]
    if runs[0] == "1" and lexicon.one_and_a_half:
        return [*ways, orthography.accept_names(lexicon.one_and_a_half)]
    return ways


def _is_date(runs: Sequence[str], signs: Sequence[str]) -> bool:
    return 2 <= len(runs) <= 3 and len(set(signs)) == 1 and signs[0] in "./-"  # noqa: PLR2004
