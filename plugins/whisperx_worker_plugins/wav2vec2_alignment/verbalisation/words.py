"""Spoken forms of words with digits, signs or foreign letters. Knows no audio.

A written word does not determine its spoken form: «2025» may be a number, a year or digits in pairs. So a word has all
of its likely forms, and the alignment chooses among them.

Example:
    >>> from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.lattice import lattice_arcs
    >>> (ordinal,) = verbalise(["2-й"], "ru", frozenset("абвгдежзийклмнопрстуфхцчшщъыьэюя"))
    >>> lattice_arcs(ordinal)
    ([(0, 1, ' второй')], 1)
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.lattice import (
    WILDCARD_CHARACTER,
    accept,
    concatenate,
    union,
)
from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.letters import verbalise_letters
from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.number_names import cardinals
from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.numerals import (
    DIGIT_RUN,
    verbalise_amount,
    verbalise_number,
    verbalise_with_suffix,
)
from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.orthography import TO_HYPHEN, Orthography

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.lattice import Verbalisation

_PARTS = re.compile(r"\d+(?:[.,:/×*–—‑-]\d+)*|[^\W\d_]+|\S")
_GROUP = re.compile(r"\W*\d{3}\W*")
_FIRST_GROUP = re.compile(r"\W*[1-9]\d{0,2}")
_CURRENCIES = frozenset("$€₽£¥₴₸¢")


def verbalise(words: Sequence[str], language: str | None, letters: Collection[str]) -> list[Verbalisation | None]:
    """Verbalise the words of a text that are not spoken as they are spelled.

    Args:
        words: Consecutive words as they are written.
        language: ISO code.
        letters: Letters that the acoustic model can spell, in lower case.

    Returns:
        For each word its verbalisation, with a space before each spoken word; None where the word is spoken as it is
        spelled, or no spoken form is known.
    """
    if language is None:
        return [None] * len(words)
    orthography = Orthography(language, frozenset(letters))
    found: list[Verbalisation | None] = []
    for index, word in enumerate(words):
        before, after = words[index - 1] if index else "", words[index + 1] if index + 1 < len(words) else ""
        found.append(
            _verbalise_thousands(word, words[index + 1 :], before, orthography)
            or _verbalise_unit(word, before, orthography)
            or _verbalise_dash(word, before, after, orthography)
            or _verbalise_word(word, orthography)
        )
    return found


def _verbalise_thousands(
    word: str, later: Sequence[str], before: str, orthography: Orthography
) -> Verbalisation | None:
    """Verbalise one group of a number written with spaces, such as "14 400"."""
    is_later = bool(_GROUP.fullmatch(word)) and before[-1:].isdigit()
    if not (_FIRST_GROUP.fullmatch(word) or is_later):
        return None
    groups = 0
    for one in later:
        if not _GROUP.fullmatch(one) or not one[0].isdigit():
            break
        groups += 1
        if not one[-1].isdigit():
            break
    if not (groups and word[-1].isdigit()) and not is_later:
        return None
    run = DIGIT_RUN.findall(word)[0]
    names = orthography.spellable(cardinals(int(run) * 1000**groups, orthography.language))
    in_number = [accept(*names, *([""] if is_later and not int(run) else []))] if names else []
    alone = _verbalise_word(word, orthography)
    return union(*in_number, *([alone] if alone else [])) if in_number or alone else None


def _verbalise_unit(word: str, before: str, orthography: Orthography) -> Verbalisation | None:
    """Verbalise an abbreviation after a number."""
    names = orthography.lexicon.units.get(word.strip(".,!?:;)").lower())
    if not names or not any(char.isdigit() for char in before):
        return None
    return orthography.accept_names((*names, "".join(char for char in word.lower() if char in orthography.letters)))


def _verbalise_dash(word: str, before: str, after: str, orthography: Orthography) -> Verbalisation | None:
    """Verbalise a dash between two numbers, which may be silent."""
    sign = word.translate(TO_HYPHEN)
    if sign != "-" or not (before[-1:].isdigit() and after[:1].isdigit()):
        return None
    return orthography.accept_names(("", *orthography.lexicon.separators.get(sign, ())))


def _verbalise_word(word: str, orthography: Orthography) -> Verbalisation | None:
    """Verbalise a word by itself; None where it is spelled, or entirely unknown."""
    if all(char in orthography.letters or not _is_spoken(char) for char in word.lower()):
        return None
    return _verbalise_parts(word, orthography)


@lru_cache(4096)
def _verbalise_parts(word: str, orthography: Orthography) -> Verbalisation | None:
    parts = _PARTS.findall(word)
    found: list[Verbalisation] = []
    index, is_known = 0, False
    while index < len(parts):
        verbalisation, count = _verbalise_next(parts, index, orthography)
        is_known = is_known or verbalisation is not None
        found.append(verbalisation or _wildcards(parts[index], orthography))
        index += count
    return concatenate(*found) if is_known else None


def _verbalise_next(parts: Sequence[str], index: int, orthography: Orthography) -> tuple[Verbalisation | None, int]:
    """Verbalise the next part or parts of a word, and return their number too."""
    part = parts[index]
    if part in _CURRENCIES and parts[index + 1 : index + 2] and parts[index + 1][0].isdigit():
        return verbalise_amount(parts[index + 1], part, orthography), 2
    if part[0].isdigit():
        after = parts[index + 1 : index + 2]
        if after and after[0] in _CURRENCIES:
            return verbalise_amount(part, after[0], orthography), 2
        dashes = int(bool(after) and after[0].translate(TO_HYPHEN) == "-")
        for suffix in parts[index + 1 + dashes : index + 2 + dashes]:
            if verbalisation := verbalise_with_suffix(part, suffix, orthography):
                return verbalisation, 2 + dashes
        return verbalise_number(part, orthography), 1
    if part.isalpha():
        return verbalise_letters(part, parts[index - 1] if index else "", orthography), 1
    names = orthography.spellable(orthography.lexicon.signs.get(part.translate(TO_HYPHEN), ()))
    if part.translate(TO_HYPHEN) == "-" and (index or not parts[1:] or not parts[1][0].isdigit()):
        names = []
    return (accept(*names) if names else None), 1


def _wildcards(part: str, orthography: Orthography) -> Verbalisation:
    """Accept a part's letters, with a wildcard for each other spoken character."""
    return accept(
        "".join(
            char if char in orthography.letters else WILDCARD_CHARACTER for char in part.lower() if _is_spoken(char)
        )
    )


def _is_spoken(char: str) -> bool:
    return char.isalnum() or char in "%‰&@#§№°+=×÷±" or char in _CURRENCIES
