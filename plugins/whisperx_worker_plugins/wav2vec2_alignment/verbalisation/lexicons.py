"""Lexicons: the words of each language for signs, units, dates and Latin letters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from whisperx_worker_plugins.wav2vec2_alignment.verbalisation import english, russian

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Lexicon:
    """Words of a language around its numbers, each in all of its forms."""

    signs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Names of signs."""
    separators: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Words for a sign between two numbers; silence is always possible too."""
    units: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Words for an abbreviation after a number."""
    subunits: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Hundredths of a currency, by its sign."""
    months: Sequence[Sequence[str]] = ()
    hours: Sequence[str] = ()
    """Words after the hours of a time."""
    minutes: Sequence[str] = ()
    """Words after the minutes of a time."""
    years: Sequence[str] = ()
    """Words after the year of a date."""
    fractions: Sequence[Sequence[str]] = ()
    """Names of tenths, hundredths, and so on."""
    half: Sequence[str] = ()
    """Words for five tenths after a whole number."""
    one_and_a_half: Sequence[str] = ()
    latin_letter_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Names of Latin letters, in a language with another alphabet."""
    latin_letter_sounds: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Sounds of Latin letters and letter pairs, in a language with another alphabet."""


_LEXICONS = {
    "ru": Lexicon(
        signs=russian.SIGNS,
        separators=russian.SEPARATORS,
        units=russian.UNITS,
        subunits=russian.SUBUNITS,
        months=russian.MONTHS,
        hours=russian.HOURS,
        minutes=russian.MINUTES,
        years=russian.YEARS,
        fractions=russian.FRACTIONS,
        half=russian.HALF,
        one_and_a_half=russian.ONE_AND_A_HALF,
        latin_letter_names=russian.LATIN_LETTER_NAMES,
        latin_letter_sounds=russian.LATIN_LETTER_SOUNDS,
    ),
    "en": Lexicon(
        signs=english.SIGNS,
        separators=english.SEPARATORS,
        units=english.UNITS,
        subunits=english.SUBUNITS,
        months=english.MONTHS,
        hours=english.HOURS,
        half=english.HALF,
    ),
}


def lexicon_of(language: str | None) -> Lexicon:
    """Return the lexicon of a language; an empty one where there is none."""
    return _LEXICONS.get(language or "", Lexicon())
