"""Prompt and hotwords of a job as tokens, within the decoder's budget."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker import Job
    from whisperx_worker_plugins._shared.whisper.library_types import Tokenizer, Whisper


@dataclass(frozen=True)
class Prompt:
    """Decoder input before the start of the transcript."""

    tokens: tuple[int, ...] = ()
    """Hotwords, then the prompt; without the markers around them."""
    is_cut: bool = False
    """Whether words were removed from the front."""


def prompt_for_job(whisper: Whisper, tokenizer: Tokenizer, job: Job) -> Prompt:
    """Return the job's prompt and hotwords, with a warning where they exceed the budget."""
    max_tokens = token_budget(whisper.max_length, tokenizer.sot_sequence)
    prompt = fit_prompt(tokenizer, job.request.hotwords, job.request.initial_prompt, max_tokens)
    if prompt.is_cut:
        fields = [name for name in ("hotwords", "initial_prompt") if getattr(job.request, name)]
        subject = " and ".join(fields) + (" together are" if len(fields) > 1 else " is")
        job.warn(
            f"{subject} longer than the {max_tokens} tokens that the model has for it; "
            "words at the front were left out" + (", those of the hotwords first" if len(fields) > 1 else "")
        )
    return prompt


def token_budget(positions: int, start: Sequence[int]) -> int:
    """Return the maximum number of tokens of prompt and hotwords together.

    Half of the decoder's positions are for the text of a chunk; the start sequence and the marker before the prompt
    take some of the others.

    Args:
        positions: Context length of the decoder in tokens; 448 in every Whisper.
        start: Tokens of the start sequence: start of transcript, language, task.
    """
    return positions // 2 - len(start) - 1


def fit_prompt(tokenizer: Tokenizer, hotwords: str | None, prompt: str | None, max_tokens: int) -> Prompt:
    """Cut words from the front of hotwords and prompt until both fit together.

    Hotwords come first, so they are cut first. Where not even the last word fits, as in a language without spaces, it
    is cut at a character.

    Args:
        tokenizer: The model's.
        hotwords: The job's.
        prompt: The job's `initial_prompt`.
        max_tokens: Budget for both together.
    """
    last = _fit_end(tokenizer, prompt, max_tokens, by_character=True)
    left = 0 if last.is_cut else max_tokens - len(last.tokens)
    first = _fit_end(tokenizer, hotwords, left, by_character=not last.tokens)
    return Prompt(first.tokens + last.tokens, first.is_cut or last.is_cut)


def _fit_end(tokenizer: Tokenizer, text: str | None, max_tokens: int, *, by_character: bool) -> Prompt:
    """Return the longest end of a text that fits."""
    text = (text or "").strip()
    start = _first_fitting(tokenizer, text, [match.start() for match in re.finditer(r"\S+", text)], max_tokens)
    if start == len(text) and by_character:
        start = _first_fitting(tokenizer, text, range(len(text)), max_tokens)
    return Prompt(_tokenize(tokenizer, text[start:]), is_cut=start > 0)


def _first_fitting(tokenizer: Tokenizer, text: str, starts: Sequence[int], max_tokens: int) -> int:
    """Return the first start from which the rest of a text fits, or the text's length."""
    candidates = [*starts, len(text)]
    return candidates[
        bisect_left(candidates, 0, key=lambda start: max_tokens - len(_tokenize(tokenizer, text[start:])))
    ]


def _tokenize(tokenizer: Tokenizer, text: str) -> tuple[int, ...]:
    return tuple(tokenizer.encode(f" {text}")) if text else ()
