"""Signs of currencies after amounts in digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker_plugins.russian_numbers import vocabulary as vocab
from whisperx_worker_plugins.russian_numbers.sentence import Edit

if TYPE_CHECKING:
    from whisperx_worker_plugins.russian_numbers.sentence import Sentence

_KOPECKS_OF_A_ROUBLE = 100


def write_currency_sign(sentence: Sentence, amount: Edit) -> Edit:
    """Return an amount with its currency's sign: "5 рублей 50 копеек" is "5,50 ₽"."""
    scale_at = amount.end if sentence.after(amount.end) in vocab.SCALES else None
    unit_at = amount.end if scale_at is None else scale_at + 1
    unit = sentence.after(unit_at)
    sign = vocab.CURRENCY_SIGNS.get(unit)
    if sign is None:
        return amount
    number = amount.written if scale_at is None else f"{amount.written} {sentence.words[scale_at]}"
    kopecks = sentence.next_numeral(unit_at + 1) if unit in vocab.ROUBLES and amount.written.isdecimal() else None
    is_change = kopecks and not kopecks.is_ordinal and kopecks.value < _KOPECKS_OF_A_ROUBLE
    if kopecks and is_change and sentence.after(kopecks.end) in vocab.KOPECKS:
        return Edit(amount.start, kopecks.end + 1, f"{number},{kopecks.value:02} {sign}")
    return Edit(amount.start, unit_at + 1, f"{number} {sign}")
