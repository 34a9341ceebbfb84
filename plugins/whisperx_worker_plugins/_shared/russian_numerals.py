"""Grammar of spoken Russian numerals: words of any case and gender, and the numbers they name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

THOUSAND = 1_000
MILLION = 1_000_000

_UNITS = {
    0: ("ноль нуль", "ноля нуля нолю нулю нолем нулем ноле нуле нулей"),
    1: ("один одна одно одну", "одного одной одному одним одном одною"),
    2: ("два две", "двух двум двумя"),
    3: ("три", "трех трем тремя"),
    4: ("четыре", "четырех четырем четырьмя"),
    5: ("пять", "пяти пятью"),
    6: ("шесть", "шести шестью"),
    7: ("семь", "семи семью"),
    8: ("восемь", "восьми восьмью восемью"),
    9: ("девять", "девяти девятью"),
    10: ("десять", "десяти десятью"),
    40: ("сорок", "сорока"),
    90: ("девяносто", "девяноста"),
    100: ("сто", "ста"),
    200: ("двести", "двухсот двумстам двумястами двухстах"),
    300: ("триста", "трехсот тремстам тремястами трехстах"),
    400: ("четыреста", "четырехсот четыремстам четырьмястами четырехстах"),
}
"""Direct and oblique forms of the irregular cardinals."""
_TEENS = "один две три четыр пят шест сем восем девят"
_FIVES = {5: ("пять", "пяти", "пятью"), 6: ("шесть", "шести", "шестью"), 7: ("семь", "семи", "семью"),
          8: ("восемь", "восьми", "восьмью"), 9: ("девять", "девяти", "девятью")}  # fmt: skip

_ORDINAL_STEMS = {
    1: "перв", 2: "втор", 4: "четверт", 5: "пят", 6: "шест", 7: "седьм", 8: "восьм", 9: "девят", 10: "десят",
    **{11 + place: stem + "надцат" for place, stem in enumerate(_TEENS.split())},
    20: "двадцат", 30: "тридцат", 40: "сороков", 50: "пятидесят", 60: "шестидесят", 70: "семидесят",
    80: "восьмидесят", 90: "девяност", 100: "сот", 200: "двухсот", 300: "трехсот", 400: "четырехсот",
    500: "пятисот", 600: "шестисот", 700: "семисот", 800: "восьмисот", 900: "девятисот",
    **{THOUSAND * count: prefix + "тысячн" for count, prefix in enumerate(
        ("", "двух", "трех", "четырех", "пяти", "шести", "семи", "восьми", "девяти", "десяти"), 1)},
    MILLION: "миллионн", 1_000 * MILLION: "миллиардн",
}  # fmt: skip
_HARD_ENDINGS = "ый ой ого ому ым ом ая ую ою ое ые ых ыми"
_SOFT_ENDINGS = "ий ьего ьему ьим ьем ья ьей ью ьею ье ьи ьих ьими"
"""Endings of "третий"."""
_VOWELS = "аеиоуыэюяйь"
"""Letters after which an ordinal in digits keeps only its last letter."""


@dataclass(frozen=True)
class Form:
    """One word of a numeral."""

    value: int
    is_ordinal: bool = False
    is_oblique: bool = False
    """Whether it is neither nominative nor accusative."""
    is_scale: bool = False
    """Whether it multiplies what stands before it: thousand, million."""
    is_singular: bool = False
    """Whether a scale may follow one, as in "одна тысяча"."""
    is_plural: bool = False
    """Whether a scale may follow two and more."""


@dataclass(frozen=True)
class Numeral:
    """Number that words name."""

    start: int
    """Index of its first word."""
    end: int
    """Index of the word after its last."""
    value: int
    is_ordinal: bool = False
    ending: str = ""
    """Letters that an ordinal in digits has after its hyphen: "й" of "третий"."""
    is_oblique: bool = False
    """Whether its first word is neither nominative nor accusative."""


def normalised(word: str) -> str:
    """Return a word in the spelling of the grammar: lower case, without ё."""
    return word.lower().replace("ё", "е")


def ordinal_ending(word: str) -> str:
    """Return the letters written after the digits of an ordinal.

    One letter after a vowel or ь, else two.

    >>> ordinal_ending("третий"), ordinal_ending("пятого"), ordinal_ending("седьмыми")
    ('й', 'го', 'ми')
    """
    return word[-1] if word[-2] in _VOWELS else word[-2:]


def numeral_at(words: Sequence[str], start: int, stop: int) -> Numeral | None:
    """Return the longest numeral that begins with a word.

    A number below a thousand in digits counts as a word before "thousand" and its like: "5 тысяч двести" is 5,200.

    Args:
        words: Normalised words.
        start: Index of the first word.
        stop: Index of the first word that may not belong to it.

    Returns:
        The numeral; None where no numeral begins.
    """
    first = _first_form(words, start, stop) if start < stop else None
    if first is None:
        return None
    if first.is_ordinal:
        return Numeral(start, start + 1, first.value, is_ordinal=True, ending=ordinal_ending(words[start]))
    total, count, scale = (first.value, 0, first.value) if first.is_scale else (0, first.value, 1_000 * MILLION**2)
    room = THOUSAND if first.is_scale else _room(first.value)
    is_oblique = first.is_oblique
    index = start + 1
    while index < stop and (form := FORMS.get(words[index])):
        if form.is_scale:
            factor = count or int(total > 0 and not form.is_plural)  # "миллион тысяча" is 1,001,000
            if not _multiplies(form, factor, scale):
                break
            total, count, scale, room = total + factor * form.value, 0, form.value, THOUSAND
            is_oblique = False  # few people inflect a number to its end
        elif not 0 < form.value < room or (is_oblique and not form.is_oblique):
            break
        elif form.is_ordinal:
            return Numeral(start, index + 1, total + count + form.value, True, ordinal_ending(words[index]))  # noqa: FBT003
        else:
            count, room, is_oblique = count + form.value, _room(form.value), is_oblique or form.is_oblique
        index += 1
    return Numeral(start, index, total + count, is_oblique=first.is_oblique)


def numerals(words: Sequence[str]) -> Iterator[Numeral]:
    """Yield the numerals of normalised words, in order."""
    index = 0
    while index < len(words):
        found = numeral_at(words, index, len(words))
        if found:
            yield found
        index = found.end if found else index + 1


def _first_form(words: Sequence[str], start: int, stop: int) -> Form | None:
    """Return the form of a first word: a plural scale is none, digits need a scale after them."""
    word = words[start]
    form = FORMS.get(word)
    if form is None and word.isdecimal() and word[0] != "0" and int(word) < THOUSAND and start + 1 < stop:
        scale = FORMS.get(words[start + 1])
        return Form(int(word)) if scale and scale.is_scale and _multiplies(scale, int(word), MILLION**3) else None
    return None if form and form.is_scale and (form.is_plural or not form.is_singular) else form


def _multiplies(scale: Form, count: int, last_scale: int) -> bool:
    """Return whether a scale may follow a count, after a larger scale."""
    agrees = scale.is_singular if count % 10 == 1 and count % 100 != 11 else scale.is_plural  # noqa: PLR2004
    return count > 0 and agrees and scale.value < last_scale


def _room(value: int) -> int:
    """Return the number below which the next word of the same hundreds must be."""
    return 100 if value >= 100 else 10 if value >= 20 else 1  # noqa: PLR2004


def _cardinals() -> Iterator[tuple[str, Form]]:
    for value, (direct, oblique) in _UNITS.items():
        yield from ((word, Form(value)) for word in direct.split())
        yield from ((word, Form(value, is_oblique=True)) for word in oblique.split())
    teens = [(11 + place, stem + "надцат") for place, stem in enumerate(_TEENS.split())]
    for value, stem in [*teens, (20, "двадцат"), (30, "тридцат")]:
        yield stem + "ь", Form(value)
        yield from ((stem + ending, Form(value, is_oblique=True)) for ending in ("и", "ью"))
    for value, (direct, oblique, instrumental) in _FIVES.items():
        if value < 9:  # noqa: PLR2004  ninety is irregular
            yield direct + "десят", Form(10 * value)
            yield oblique + "десяти", Form(10 * value, is_oblique=True)
            yield instrumental + "десятью", Form(10 * value, is_oblique=True)
        yield direct + "сот", Form(100 * value)
        hundreds = (oblique + "сот", oblique + "стам", instrumental + "стами", oblique + "стах")
        yield from ((word, Form(100 * value, is_oblique=True)) for word in hundreds)
    yield from (("восемьюдесятью", Form(80, is_oblique=True)), ("восемьюстами", Form(800, is_oblique=True)))


def _scales() -> Iterator[tuple[str, Form]]:
    table = [("тысяч", THOUSAND, "а у е ей ью и", "и  ам ами ах")]
    table += [
        (stem, THOUSAND**power, " а у ом е", "а ов ам ами ах")
        for stem, power in (("миллион", 2), ("миллиард", 3), ("триллион", 4))
    ]
    for stem, value, singular, plural in table:
        ones, many = singular.split(" "), plural.split(" ")
        for ending in {*ones, *many}:
            yield stem + ending, Form(value, is_scale=True, is_singular=ending in ones, is_plural=ending in many)


def _ordinals() -> Iterator[tuple[str, Form]]:
    endings = [(value, stem + ending) for value, stem in _ORDINAL_STEMS.items() for ending in _HARD_ENDINGS.split()]
    for value, word in [*endings, *((3, "трет" + ending) for ending in _SOFT_ENDINGS.split())]:
        yield word, Form(value, is_ordinal=True, is_oblique=False)


FORMS: Mapping[str, Form] = dict([*_ordinals(), *_cardinals(), *_scales()])
"""Words of numerals in the spelling of `normalised`."""
