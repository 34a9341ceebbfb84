"""Comparison of words, with each numeral as its digits, so that «двести» and 200 are the same."""

from __future__ import annotations

import re

import jiwer

_UNITS = ["ноль", "один", "два", "три", "четыре", "пять", "шесть", "семь", "восемь", "девять"]
_TEENS = [
    "десять",
    "одиннадцать",
    "двенадцать",
    "тринадцать",
    "четырнадцать",
    "пятнадцать",
    "шестнадцать",
    "семнадцать",
    "восемнадцать",
    "девятнадцать",
]
_TENS = ["двадцать", "тридцать", "сорок", "пятьдесят", "шестьдесят", "семьдесят", "восемьдесят", "девяносто"]
_HUNDREDS = ["сто", "двести", "триста", "четыреста", "пятьсот", "шестьсот", "семьсот", "восемьсот", "девятьсот"]
_VALUES = {
    **{word: value for value, word in enumerate(_UNITS)},
    **{word: 10 + value for value, word in enumerate(_TEENS)},
    **{word: 20 + 10 * value for value, word in enumerate(_TENS)},
    **{word: 100 + 100 * value for value, word in enumerate(_HUNDREDS)},
    "одна": 1,
    "две": 2,
}
_SCALES = {"тысяча": 1000, "тысячи": 1000, "тысяч": 1000, "миллион": 10**6, "миллиона": 10**6, "миллионов": 10**6}


def comparable(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation, and numerals digit by digit.

    >>> comparable("Набрав 500, двести двадцать пять: пять-пять.")
    ['набрав', '5', '0', '0', '2', '2', '5', '5', '5']
    """
    words = re.findall(r"[^\W\d_]+|\d+", text.lower().replace("ё", "е"))
    out: list[str] = []
    number: list[int] = []
    for word in [*words, ""]:
        value = _VALUES.get(word)
        if value is not None and number and _continues(number, value):
            number.append(value)
            continue
        if word in _SCALES:
            number = [(sum(number) or 1) * _SCALES[word]]
            continue
        if number:
            out += str(sum(number))
        number = [] if value is None else [value]
        if value is None and word:
            out += word if word.isdigit() else [word]
    return out


def _continues(number: list[int], value: int) -> bool:
    """Return whether a value belongs to a number: «двадцать» and «пять», not «пять» and «пять»."""
    last = number[-1]
    step = 1000 if last >= 1000 else 100 if last >= 100 else 10 if last >= 20 and last % 10 == 0 else 0
    return 0 < value < step


def found_words(reference: str, text: str) -> list[bool]:
    """Return for each comparable word of a reference whether the text has it, in order."""
    words, hypothesis = comparable(reference), comparable(text)
    found = [False] * len(words)
    for chunk in jiwer.process_words(" ".join(words), " ".join(hypothesis)).alignments[0] if hypothesis else ():
        if chunk.type == "equal":
            found[chunk.ref_start_idx : chunk.ref_end_idx] = [True] * (chunk.ref_end_idx - chunk.ref_start_idx)
    return found
