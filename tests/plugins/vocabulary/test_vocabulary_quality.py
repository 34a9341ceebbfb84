"""How many misread terms are mended, and how many other words are touched."""

from __future__ import annotations

import difflib
from dataclasses import replace

import pytest

from tests.plugins.vocabulary.misrecognitions import (
    OTHER_TERMS,
    Segment,
    ordinary_segments,
    read_cases,
    terms_of,
    with_terms,
)

MADE = read_cases("misrecognitions.txt")
REAL = read_cases("real_misrecognitions.txt")
KEPT_BACK = [case for case in MADE if case.number % 2 == 0]


def mended_part(cases, terms):
    segments = [Segment(i, i + 1, case.misread, avg_logprob=case.avg_logprob) for i, case in enumerate(cases)]
    texts = with_terms(segments, terms)
    return sum(text == case.right for text, case in zip(texts, cases, strict=True)) / len(cases)


def touched(before, after):
    """Count the words of a text that are other ones now."""
    steps = difflib.SequenceMatcher(None, before.split(), after.split(), autojunk=False).get_opcodes()
    return sum(end - start for kind, start, end, *_ in steps if kind != "equal")


def test_four_of_five_misreadings_that_were_kept_back_are_mended():
    assert mended_part(KEPT_BACK, terms_of(MADE)) >= 0.8


def test_most_real_misreadings_of_names_are_mended_each_by_its_own_term():
    assert sum(mended_part([case], [case.term]) for case in REAL) / len(REAL) >= 0.55


@pytest.mark.parametrize("avg_logprob", [None, -0.8], ids=["as it was read", "very unsure"])
def test_hardly_a_word_of_ordinary_text_is_touched_by_a_hundred_terms(avg_logprob):
    segments = ordinary_segments()
    if avg_logprob is not None:
        segments = [replace(segment, avg_logprob=avg_logprob) for segment in segments]
    terms = [*terms_of(MADE), *OTHER_TERMS]
    assert len(terms) >= 100

    texts = with_terms(segments, terms)

    words = sum(len(segment.text.split()) for segment in segments)
    assert words > 6_000
    changed = sum(touched(segment.text, text) for segment, text in zip(segments, texts, strict=True))
    assert changed / words <= 0.001
