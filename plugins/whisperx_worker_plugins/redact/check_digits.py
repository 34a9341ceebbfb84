"""Check digits of payment cards, tax numbers and insurance numbers."""

from __future__ import annotations

_CARD_DIGITS = range(13, 20)
_INN_WEIGHTS = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
"""Weights of the last check digit of twelve; the others leave out the first of them."""
_MIN_CHECKED_SNILS = 1_001_998
"""Last number that was given without a check."""


def is_card(digits: str) -> bool:
    """Return whether digits are a card's number.

    These are 13 to 19 digits, the last of which is the check digit of ISO/IEC 7812-1 (Luhn).

    >>> is_card("4111111111111111"), is_card("4111111111111112")
    (True, False)
    """
    if len(digits) not in _CARD_DIGITS or len(set(digits)) == 1:
        return False
    doubled = [int(digit) * 2 for digit in digits[-2::-2]]
    return (sum(map(int, digits[-1::-2])) + sum(value - 9 * (value > 9) for value in doubled)) % 10 == 0  # noqa: PLR2004


def is_inn(digits: str) -> bool:
    """Return whether digits are a taxpayer's number: ten of a company, or twelve of a person.

    The weights are those of the Federal Tax Service's order MMV-7-6/435 of 2012.

    >>> is_inn("7707083893"), is_inn("500100732259"), is_inn("7707083894")
    (True, True, False)
    """
    if len(digits) not in {10, 12} or len(set(digits)) == 1:
        return False
    checked = (len(digits) - 1,) if len(digits) == 10 else (10, 11)  # noqa: PLR2004
    return all(_inn_check(digits[:count]) == digits[count] for count in checked)


def is_snils(digits: str) -> bool:
    """Return whether digits are an insurance number: nine, and two check digits.

    The sum of the nine, weighted by nine to one, modulo 101; 100 counts as 00.

    >>> is_snils("11223344595"), is_snils("11223344594")
    (True, False)
    """
    if len(digits) != 11 or int(digits[:9]) <= _MIN_CHECKED_SNILS:  # noqa: PLR2004
        return False
    total = sum(int(digit) * weight for digit, weight in zip(digits[:9], range(9, 0, -1), strict=True))
    return total % 101 % 100 == int(digits[9:])


def _inn_check(digits: str) -> str:
    weights = _INN_WEIGHTS[-len(digits) :]
    return str(sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True)) % 11 % 10)
