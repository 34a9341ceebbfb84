"""The job's prompt and hot words as tokens that leave the decoder room for a whole chunk's text."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker_plugins.russian_whisper.whisper_model import Tokenizer


@dataclass(frozen=True)
class Prompt:
    """What the decoder gets before the start of the transcript."""

    tokens: tuple[int, ...] = ()
    """Hot words, then the prompt; without the markers around them."""
    is_cut: bool = False
    """Whether words were left out at the front."""


def budget(positions: int, start: Sequence[int]) -> int:
    """Tokens that prompt and hot words may have together.

    Half of the decoder's positions are for the text of a chunk; of the others the start sequence and the marker
    before the prompt need some.

    Args:
        positions: Tokens that the decoder can hold; 448 in every Whisper.
        start: Tokens of the start sequence: start of transcript, language, task.
    """
    return positions // 2 - len(start) - 1


def fit(tokenizer: Tokenizer, hotwords: str | None, before: str | None, most: int) -> Prompt:
    """Cut hot words and prompt from the front, at a word, until both fit together.

    Hot words stand in front, so they go first. Only where not even the last word fits, as in a language without
    spaces, it is cut at a character.

    Args:
        tokenizer: The model's.
        hotwords: The job's.
        before: The job's `initial_prompt`.
        most: Tokens that both may have together.
    """
    last = _end_of(tokenizer, before, most, by_character=True)
    left = 0 if last.is_cut else most - len(last.tokens)
    first = _end_of(tokenizer, hotwords, left, by_character=not last.tokens)
    return Prompt(first.tokens + last.tokens, first.is_cut or last.is_cut)


def _end_of(tokenizer: Tokenizer, text: str | None, most: int, *, by_character: bool) -> Prompt:
    """The longest end of a text that fits."""
    text = (text or "").strip()
    start = _first_that_fits(tokenizer, text, [match.start() for match in re.finditer(r"\S+", text)], most)
    if start == len(text) and by_character:
        start = _first_that_fits(tokenizer, text, range(len(text)), most)
    return Prompt(_encoded(tokenizer, text[start:]), is_cut=start > 0)


def _first_that_fits(tokenizer: Tokenizer, text: str, starts: Sequence[int], most: int) -> int:
    """The first of some places in a text from which its rest has few enough tokens; the text's end if none."""
    places = [*starts, len(text)]
    return places[bisect_left(places, 0, key=lambda start: most - len(_encoded(tokenizer, text[start:])))]


def _encoded(tokenizer: Tokenizer, text: str) -> tuple[int, ...]:
    return tuple(tokenizer.encode(f" {text}")) if text else ()
