"""Options of a job: the customer's terms."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

MAX_TERMS = 1_000
MAX_WORDS = 4
MAX_CHARACTERS = 80
MAX_SOUNDS_LIKE = 10
CORE = re.compile(r"[^\W_](?:.*[^\W_])?[+%]*", re.DOTALL)
"""A text without the punctuation around it: from its first letter or digit to its last."""


def core_of(text: str) -> str:
    """Return a text without the punctuation around it; "" where it is nothing else."""
    found = CORE.search(text)
    return found[0] if found else ""


def _phrase(value: str) -> str:
    """Return a name without the punctuation around it.

    Raises:
        ValueError: When it is too long, or has no letter.
    """
    phrase = " ".join(core_of(value).split())
    if len(phrase) > MAX_CHARACTERS or len(phrase.split()) > MAX_WORDS or not any(map(str.isalpha, phrase)):
        raise ValueError(f"must be one to {MAX_WORDS} words with a letter in them, up to {MAX_CHARACTERS} characters")
    return phrase


def _with_name(value: Any) -> Any:  # noqa: ANN401  whatever a client sends
    return {"term": value} if isinstance(value, str) else value


Phrase = Annotated[str, AfterValidator(_phrase)]
"""One to four words with a letter in them."""


class Term(BaseModel):
    """A name or a word of the customer's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    term: Phrase
    """How it is written, in the nominative."""
    sounds_like: tuple[Phrase, ...] = Field((), max_length=MAX_SOUNDS_LIKE)
    """Pronunciations in Cyrillic letters that do not follow from the spelling."""


class Options(BaseModel):
    """Options of a job."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    terms: tuple[Annotated[Term, BeforeValidator(_with_name)], ...] = Field((), max_length=MAX_TERMS)
    """Names and words to put in where something that sounds like them was recognised."""
