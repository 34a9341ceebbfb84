"""Words of a transcript where one written number takes the place of several spoken words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from whisperx_worker_plugins.russian_numbers.writing import apply_edits, number_edits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker import Segment, Word
    from whisperx_worker_plugins.russian_numbers.sentence import Edit, Sentence


def write_segment(segment: Segment, *, currency_signs: bool) -> Segment:
    """Return a segment with numbers in digits, in its text and in its words."""
    tokens = segment.text.split()
    sentence, edits = number_edits(tokens, currency_signs=currency_signs)
    text = apply_edits(segment.text, sentence, edits)
    spelled = [word.word.strip() for word in segment.words]
    if spelled != tokens:
        sentence, edits = number_edits(spelled, currency_signs=currency_signs)
    return replace(segment, text=text, words=_with_edits(segment.words, sentence, edits))


def _with_edits(words: Sequence[Word], sentence: Sentence, edits: Sequence[Edit]) -> tuple[Word, ...]:
    """Return words with one for each written number, which may have spaces inside."""
    written: list[Word] = []
    last = 0
    for edit in edits:
        written += words[last : edit.start]
        written.append(merge_words(words[edit.start : edit.end], sentence.in_place(edit)))
        last = edit.end
    return (*written, *words[last:])


def merge_words(words: Sequence[Word], written: str) -> Word:
    """Return one word from the first one's start to the last one's end.

    Its score is the mean of theirs, weighted by duration; words without times count only where none has them. The
    speaker is that of the first word.
    """
    start = next((word.start for word in words if word.start is not None), None)
    end = next((word.end for word in reversed(words) if word.end is not None), None)
    return replace(words[0], word=written, start=start, end=end, score=_mean_score(words))


def _mean_score(words: Sequence[Word]) -> float | None:
    weights = [(word.score, _duration_s(word)) for word in words if word.score is not None]
    total = sum(weight for _, weight in weights)
    if not weights:
        return None
    if total == 0:
        return sum(score for score, _ in weights) / len(weights)
    return sum(score * weight for score, weight in weights) / total


def _duration_s(word: Word) -> float:
    return 0.0 if word.start is None or word.end is None else max(0.0, word.end - word.start)
