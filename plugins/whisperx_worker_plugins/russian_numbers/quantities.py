"""Cardinals: amounts of money, percentages, measures, ranges and plain numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker_plugins._shared.russian_numerals import FORMS, MILLION, THOUSAND
from whisperx_worker_plugins.russian_numbers import vocabulary as vocab
from whisperx_worker_plugins.russian_numbers.dates import governed_noun
from whisperx_worker_plugins.russian_numbers.sentence import Edit

if TYPE_CHECKING:
    from whisperx_worker_plugins._shared.russian_numerals import Numeral
    from whisperx_worker_plugins.russian_numbers.sentence import Sentence

_MAX_WORD = 9
"""The largest number that stays a word in running text."""
_MIN_GROUPED = 10_000
"""Russian typography leaves four digits together."""
_UNITS = vocab.MONEY | vocab.PERCENT | vocab.MEASURES
_NEGATIONS = frozenset({"ни", "хоть", "каждый", "каждая", "каждого"})
_COUNTED_BY_THOUSAND = frozenset({"человек", "штук"})
_WRITTEN_SMALL = (
    (vocab.HOURS, frozenset({"в", "к", "до", "с", "около", "после"})),
    (frozenset({"ночи"}), frozenset({"в", "к", "до", "с", "около"})),
    (vocab.MINUTES, vocab.HOURS),
)
"""Nouns after a number below ten that is written in digits, and the words before it."""
_MINUTES_WITHOUT_HOUR = frozenset({5, 10, 15, 20, 25})


def write_cardinal(sentence: Sentence, index: int) -> Edit | None:
    """Write a cardinal in digits, unless people write it as a word."""
    found = sentence.numeral(index)
    if found is None or found.is_ordinal:
        return None
    if span := _range(sentence, found):
        return span
    if _is_set_phrase(sentence, found) or not (found.value > _MAX_WORD or _is_written_small(sentence, found)):
        return None
    if found.end - found.start == 2 and sentence.words[index].isdecimal():  # noqa: PLR2004  "5 тысяч" is written
        return None
    return _percentage(sentence, _digits(sentence, found))


def write_hyphenated(sentence: Sentence, index: int) -> Edit | None:
    """Write "десять-пятнадцать" as a range."""
    first, _, second = sentence.words[index].partition("-")
    forms = FORMS.get(first), FORMS.get(second)
    values = [form.value for form in forms if form and not form.is_ordinal and not form.is_scale]
    is_range = len(values) == len(forms) and values[0] < values[1]
    small = values and values[-1] <= _MAX_WORD and sentence.after(index + 1) not in _UNITS
    if not is_range or small:
        return None
    return _percentage(sentence, Edit(index, index + 1, f"{values[0]}–{values[1]}"))


def grouped(number: int) -> str:
    """Return a number with a space between thousands from five digits on.

    >>> grouped(9500), grouped(25000)
    ('9500', '25 000')
    """
    return f"{number:,}".replace(",", " ") if number >= _MIN_GROUPED else str(number)


def _digits(sentence: Sentence, found: Numeral) -> Edit | None:
    """Return the edit of a cardinal; a round number of millions keeps their name, "миллион" alone stays."""
    scale = FORMS[sentence.words[found.end - 1]]
    if scale.is_scale and scale.value >= MILLION and found.value < THOUSAND * scale.value:
        is_bare = found.end - found.start == 1
        return None if is_bare else Edit(found.start, found.end - 1, grouped(found.value // scale.value))
    return Edit(found.start, found.end, grouped(found.value))


def _percentage(sentence: Sentence, edit: Edit | None) -> Edit | None:
    if edit and sentence.after(edit.end) in vocab.PERCENT:
        return Edit(edit.start, edit.end + 1, edit.written + "%")
    return edit


def _is_set_phrase(sentence: Sentence, found: Numeral) -> bool:
    """Return whether a numeral stays words: "сто лет", "на все сто", "сорока" the bird."""
    before, after = sentence.before(found.start), sentence.after(found.end)
    if before == "без" and found.value in _MINUTES_WITHOUT_HOUR and after not in _UNITS:
        return True
    if any(sentence.words[found.start : found.start + len(phrase)] == phrase for phrase in vocab.SET_PHRASES):
        return True
    if found.end - found.start > 1:
        return False
    word = sentence.words[found.start]
    is_bird = word == "сорока" and before not in vocab.GENITIVE_PREPOSITIONS
    is_about_a_thousand = found.value == THOUSAND and after not in _UNITS | _COUNTED_BY_THOUSAND
    return is_bird or is_about_a_thousand or (word == "сто" and before == "все")


def _is_written_small(sentence: Sentence, found: Numeral) -> bool:
    """Return whether a number below ten is written in digits here."""
    before, noun = sentence.before(found.start), governed_noun(sentence, found)
    if before in _NEGATIONS:
        return False
    if noun in _UNITS | vocab.DAY_PARTS or any(noun in nouns and before in words for nouns, words in _WRITTEN_SMALL):
        return True
    return _names_a_place(sentence, found) or _is_joined_to_larger(sentence, found) or _follows_larger(sentence, found)


def _names_a_place(sentence: Sentence, found: Numeral) -> bool:
    """Return whether a number names a house, a flat, a page and the like."""
    label = sentence.word(found.start - 1)
    if label in vocab.NUMBER_SIGN:
        is_named = sentence.word(found.start - 2) in vocab.NUMBERED or found.value != 1
        return is_named and sentence.is_joined(found.start)
    after = sentence.after(found.end)
    ends_well = after in vocab.AFTER_AN_ADDRESS or after in vocab.NUMBERED or sentence.numeral(found.end) is not None
    return sentence.is_joined(found.start) and label in vocab.NUMBERED and ends_well


def _is_joined_to_larger(sentence: Sentence, found: Numeral) -> bool:
    """Return whether "из", "до" and the like join a number to one that is written in digits."""
    if sentence.after(found.end) in vocab.PROPORTIONS:
        following = sentence.next_numeral(found.end + 1)
        return following is not None and not following.is_ordinal and following.value > _MAX_WORD
    return False


def _follows_larger(sentence: Sentence, found: Numeral) -> bool:
    """Return whether "до" and the like join a number to one before it that is written in digits."""
    last = found.start - 2
    if not sentence.is_joined(found.start - 1) or sentence.words[found.start - 1] not in vocab.LIMITS:
        return False
    form = FORMS.get(sentence.words[last])
    is_compound = sentence.before(last) in FORMS
    return form is not None and not form.is_ordinal and (form.value > _MAX_WORD or is_compound)


def _range(sentence: Sentence, first: Numeral) -> Edit | None:
    """Write "десять пятнадцать минут" as 10–15, and "пять шесть тысяч" as 5–6."""
    second = sentence.next_numeral(first.end)
    if second is None or second.is_ordinal or not 0 < first.value < second.value:
        return None
    if not sentence.is_joined(second.end) or sentence.next_numeral(second.end):
        return None
    scale = FORMS[sentence.words[second.end - 1]]
    is_scaled = scale.is_scale and second.value % scale.value == 0 and second.end - second.start > 1
    last = second.value // scale.value if is_scaled else second.value
    is_close = first.value < last <= 2 * first.value
    noun = sentence.after(second.end)
    small = last <= _MAX_WORD and not is_scaled and noun not in _UNITS
    is_counted = noun not in vocab.CONNECTORS | vocab.AFTER_AN_ADDRESS | vocab.NUMBERED and not noun[:1].isdecimal()
    if not is_close or small or not is_counted or sentence.before(first.start) in vocab.NUMBERED:
        return None
    end = second.end - 1 if is_scaled else second.end
    return _percentage(sentence, Edit(first.start, end, f"{grouped(first.value)}–{grouped(last)}"))
