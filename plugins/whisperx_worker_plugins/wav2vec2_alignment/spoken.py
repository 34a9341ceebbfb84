"""The ways in which a written word with digits, signs or foreign letters can be read aloud. Knows no sound.

What is said is not known from what is written: «2025» may be a number, a year, digits in pairs. So a word has all of
its likely readings, and the sound chooses among them.

Example:
    >>> (reading,) = readings_of(["2-й"], "ru", frozenset("абвгдежзийклмнопрстуфхцчшщъыьэюя"))
    >>> sorted(texts(reading))
    [' второй']
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from whisperx_worker_plugins.wav2vec2_alignment.readings import ANY_SOUND, either, say, steps, texts, then
from whisperx_worker_plugins.wav2vec2_alignment.tongues import cardinals, ordinals, tongue_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from whisperx_worker_plugins.wav2vec2_alignment.readings import Reading

__all__ = ["readings_of", "texts"]

_PARTS = re.compile(r"\d+(?:[.,:/×*–—‑-]\d+)*|[^\W\d_]+|\S")
_RUNS = re.compile(r"\d+")
_GROUP = re.compile(r"\W*\d{3}\W*")
_FIRST_GROUP = re.compile(r"\W*[1-9]\d{0,2}")
_DASHES = str.maketrans("–—‑", "---")
_CURRENCIES = frozenset("$€₽£¥₴₸¢")
_MAX_DIGITS_AT_ONCE = 3
"""Digits that are read as one number where a longer number is read in pieces."""
_MAX_DIGITS = 30
"""A longer row of digits has too many readings."""
_MAX_SUFFIX = 3
_MAX_NAMED = 5
"""Letters of the longest row of capitals that may be read letter by letter."""
_MAX_FOREIGN = 24
_VOWELS = frozenset("аеиоуыэюя")
"""Letters that are their own names."""
_YEAR_DIGITS = 4


@dataclass(frozen=True)
class _Writing:
    """What the characters of a word mean."""

    language: str
    letters: frozenset[str]
    """Letters that the acoustic model knows."""


def readings_of(words: Sequence[str], language: str | None, letters: Collection[str]) -> list[Reading | None]:
    """Ways to read some words that follow each other, for those that are not read as they are spelled.

    Args:
        words: As they are written.
        language: ISO code.
        letters: What the acoustic model can spell, in lower case.

    Returns:
        For each word its reading, with a space before each spoken word; None where it is spelled, or where nothing is
        known of how it is read.
    """
    if language is None:
        return [None] * len(words)
    writing = _Writing(language, frozenset(letters))
    found: list[Reading | None] = []
    for index, word in enumerate(words):
        before, after = words[index - 1] if index else "", words[index + 1] if index + 1 < len(words) else ""
        found.append(
            _of_thousands(word, words[index + 1 :], before, writing)
            or _of_unit(word, before, writing)
            or _of_dash(word, before, after, writing)
            or _of_word(word, writing)
        )
    return found


def _of_thousands(word: str, later: Sequence[str], before: str, writing: _Writing) -> Reading | None:
    """The first or a later group of a number that is written with spaces, such as "14 400"."""
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
    run = _RUNS.findall(word)[0]
    names = _spaced(cardinals(int(run) * 1000**groups, writing.language), writing)
    whole = [say(*names, *([""] if is_later and not int(run) else []))] if names else []
    alone = _of_word(word, writing)
    return either(*whole, *([alone] if alone else [])) if whole or alone else None


def _of_unit(word: str, before: str, writing: _Writing) -> Reading | None:
    """An abbreviation after a number."""
    names = tongue_of(writing.language).units.get(word.strip(".,!?:;)").lower())
    if not names or not any(char.isdigit() for char in before):
        return None
    return _say_all((*names, "".join(char for char in word.lower() if char in writing.letters)), writing)


def _of_dash(word: str, before: str, after: str, writing: _Writing) -> Reading | None:
    """A sign of its own between two numbers, for which nothing may be said."""
    sign = word.translate(_DASHES)
    if sign != "-" or not (before[-1:].isdigit() and after[:1].isdigit()):
        return None
    return _say_all(("", *tongue_of(writing.language).between.get(sign, ())), writing)


def _of_word(word: str, writing: _Writing) -> Reading | None:
    """A word by itself; None where it is spelled, or no part of it can be read."""
    if all(char in writing.letters or not _is_read(char) for char in word.lower()):
        return None
    return _parsed(word, writing)


@lru_cache(4096)
def _parsed(word: str, writing: _Writing) -> Reading | None:
    parts = _PARTS.findall(word)
    found: list[Reading] = []
    index, is_known = 0, False
    while index < len(parts):
        reading, taken = _next(parts, index, writing)
        is_known = is_known or reading is not None
        found.append(reading or _unknown(parts[index], writing))
        index += taken
    return then(*found) if is_known else None


def _next(parts: Sequence[str], index: int, writing: _Writing) -> tuple[Reading | None, int]:
    """The reading of the next part or parts of a word, and how many they are."""
    part, tongue = parts[index], tongue_of(writing.language)
    if part in _CURRENCIES and parts[index + 1 : index + 2] and parts[index + 1][0].isdigit():
        return _amount(parts[index + 1], part, writing), 2
    if part[0].isdigit():
        after = parts[index + 1 : index + 2]
        if after and after[0] in _CURRENCIES:
            return _amount(part, after[0], writing), 2
        dashes = int(bool(after) and after[0].translate(_DASHES) == "-")
        for suffix in parts[index + 1 + dashes : index + 2 + dashes]:
            if reading := _with_suffix(part, suffix, writing):
                return reading, 2 + dashes
        return _number(part, writing), 1
    if part.isalpha():
        return _letters(part, parts[index - 1] if index else "", writing), 1
    names = _spaced(tongue.signs.get(part.translate(_DASHES), ()), writing)
    if part.translate(_DASHES) == "-" and (index or not parts[1:] or not parts[1][0].isdigit()):
        names = []
    return (say(*names) if names else None), 1


def _unknown(part: str, writing: _Writing) -> Reading:
    """As many sounds as there are characters that are read."""
    return say("".join(char if char in writing.letters else ANY_SOUND for char in part.lower() if _is_read(char)))


def _is_read(char: str) -> bool:
    return char.isalnum() or char in "%‰&@#§№°+=×÷±" or char in _CURRENCIES


# --- numbers


def _number(part: str, writing: _Writing, after: Sequence[str] = (), coins: Sequence[str] = ()) -> Reading | None:
    """Numbers with signs between them, such as a decimal, a time, a date, a range or a telephone's.

    Args:
        part: Digits and signs.
        writing: The language.
        after: What follows the number, such as a currency.
        coins: What follows its second half then.
    """
    runs, signs = _RUNS.findall(part), [sign for sign in part.translate(_DASHES) if not sign.isdigit()]
    if sum(map(len, runs)) > _MAX_DIGITS or not _spaced(cardinals(0, writing.language), writing):
        return None
    tongue = tongue_of(writing.language)
    pieces: list[Reading] = []
    for place, run in enumerate(runs):
        if place:
            pieces.append(_say_all(("", *tongue.between.get(signs[place - 1], ())), writing))
        is_date = not after and _is_date(runs, signs)
        months = tongue.months if is_date and place < 2 else ()  # noqa: PLR2004
        pieces.append(_run(run, writing, months, has_ordinals=is_date or (len(runs) == 1 and not after)))
        pieces += _after(runs, signs, place, writing)
        if coins and len(runs) == 2:  # noqa: PLR2004  the whole ones, and the hundredths
            pieces.append(_say_all(("", *(coins if place else after)), writing))
    ways = [then(*pieces)]
    if len(runs) > 1 and len(set(signs)) == 1 and signs[0] in ".," and all(len(run) == 3 for run in runs[1:]):  # noqa: PLR2004
        ways.append(_run("".join(runs), writing))
    ways += _halves(runs, signs, writing)
    tail = [_say_all(("", *after) if coins and len(runs) == 2 else after, writing)] if after else []  # noqa: PLR2004
    return then(either(*ways), *tail)


def _run(run: str, writing: _Writing, months: Sequence[Sequence[str]] = (), *, has_ordinals: bool = False) -> Reading:
    """Digits as one number in all of its forms, or as several numbers in a row."""
    number = int(run)
    whole = [*cardinals(number, writing.language), *(ordinals(number, writing.language) if has_ordinals else ())]
    if 1 <= number <= len(months):
        whole += months[number - 1]
    pieces = [(0, len(run), _spaced(whole, writing))]
    for first in range(len(run)):
        longest = 1 if run[first] == "0" else _MAX_DIGITS_AT_ONCE
        for after in range(first + 1, min(first + longest, len(run)) + 1):
            if after - first < len(run):
                names = cardinals(int(run[first:after]), writing.language)
                # Digits that are read in pieces are not declined.
                pieces.append((first, after, _spaced(names[:2] if writing.language == "en" else names[:1], writing)))
    return steps(len(run), pieces)


def _after(runs: Sequence[str], signs: Sequence[str], place: int, writing: _Writing) -> Iterator[Reading]:
    """What may be said after one of several numbers: hours and minutes, tenths, a year."""
    tongue, names = tongue_of(writing.language), list[str]()
    if signs == [":"]:
        names += tongue.after_minutes if place else tongue.after_hours
    if place == 1 and len(runs) == 2 and signs[0] in ".," and len(runs[1]) <= len(tongue.fractions):  # noqa: PLR2004
        names += tongue.fractions[len(runs[1]) - 1]
    if len(runs) > 1 and place == len(runs) - 1 and len(runs[place]) == _YEAR_DIGITS:
        names += tongue.after_years
    if names:
        yield _say_all(("", *names), writing)


def _halves(runs: Sequence[str], signs: Sequence[str], writing: _Writing) -> list[Reading]:
    tongue = tongue_of(writing.language)
    if not (len(runs) == 2 and signs[0] in ".," and runs[1] == "5" and tongue.half):  # noqa: PLR2004
        return []
    ways = [then(_run(runs[0], writing), _say_all(tongue.half, writing))]
    return [*ways, _say_all(tongue.one_and_a_half, writing)] if runs[0] == "1" and tongue.one_and_a_half else ways


def _is_date(runs: Sequence[str], signs: Sequence[str]) -> bool:
    return 2 <= len(runs) <= 3 and len(set(signs)) == 1 and signs[0] in "./-"  # noqa: PLR2004


def _amount(part: str, currency: str, writing: _Writing) -> Reading | None:
    tongue = tongue_of(writing.language)
    names = tongue.signs.get(currency)
    return _number(part, writing, names or (ANY_SOUND,), tongue.coins.get(currency, ()))


def _with_suffix(part: str, suffix: str, writing: _Writing) -> Reading | None:
    """A number whose ending is written out, such as «2-го» or "21st"; or a word that begins with it, as «10-летний»."""
    if not (suffix.isalpha() and part.isdigit()):
        return None
    tongue, number, suffix = tongue_of(writing.language), int(part), suffix.lower()
    if suffix in tongue.units:
        return None
    if len(suffix) <= _MAX_SUFFIX:
        names = [*ordinals(number, writing.language), *cardinals(number, writing.language)]
        if writing.language == "en" and suffix == "s":
            names = [name[:-1] + "ies" if name.endswith("y") else name + "s" for name in names]
        if fitting := _spaced([name for name in names if name.endswith(suffix)], writing):
            return say(*fitting)
    if not writing.letters.issuperset(suffix) or not _spaced(cardinals(number, writing.language), writing):
        return None
    return then(_run(part, writing), say(suffix))


# --- letters


def _letters(part: str, before: str, writing: _Writing) -> Reading | None:
    """Letters that the model knows, an abbreviation after a number, or Latin ones by their names or their sounds."""
    tongue, lowered = tongue_of(writing.language), part.lower()
    if before[-1:].isdigit() and (names := tongue.units.get(lowered)):
        return _say_all(names, writing)
    if all(char in writing.letters for char in lowered):
        return say(lowered)
    if len(part) > _MAX_FOREIGN or not tongue.sounds or any(char not in tongue.sounds for char in lowered):
        return None
    if len(part) == 1:
        return say(*(name for name in tongue.letters[lowered] if len(name) > 1 or name in _VOWELS))
    by_sound = _sounds(lowered, writing)
    if not (part.isupper() and len(part) <= _MAX_NAMED):
        return by_sound
    return either(then(*(say(*tongue.letters[char]) for char in lowered)), by_sound)


def _sounds(letters: str, writing: _Writing) -> Reading:
    sounds = tongue_of(writing.language).sounds
    pairs = [(at, at + size) for size in (1, 2) for at in range(len(letters) - size + 1)]
    return steps(len(letters), [(a, b, sounds[letters[a:b]]) for a, b in pairs if letters[a:b] in sounds])


def _say_all(names: Sequence[str], writing: _Writing) -> Reading:
    return say(*_spaced(names, writing))


def _spaced(names: Sequence[str], writing: _Writing) -> list[str]:
    """Each name with a space before it, save those that the model lacks letters for."""
    known = writing.letters.union(" ", ANY_SOUND)
    return [f" {name}" if name else "" for name in names if known.issuperset(name)]
