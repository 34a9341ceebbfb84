"""Private data in a text: where it is, and of which kind."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from whisperx_worker_plugins.redact.emails import find_emails
from whisperx_worker_plugins.redact.names import find_names
from whisperx_worker_plugins.redact.numbers import find_numbers
from whisperx_worker_plugins.redact.tokens import MASKED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from whisperx_worker_plugins.redact.options import Options
    from whisperx_worker_plugins.redact.tokens import Find, Tokens


def find_private(tokens: Tokens, options: Options, *, is_piece: bool = False) -> list[Find]:
    """Return what is private, without overlaps: a token of two finds belongs to the first.

    Args:
        tokens: The text.
        options: Kinds and names.
        is_piece: Whether the text is a piece of a stream, at whose edges more is masked.
    """
    taken = {index for index, word in enumerate(tokens.words) if word == MASKED}
    finds: list[Find] = []
    for find in _all_finds(tokens, options, is_piece=is_piece):
        if own := tuple(index for index in find.tokens if index not in taken):
            taken.update(own)
            finds.append(replace(find, tokens=own))
    return finds


def _all_finds(tokens: Tokens, options: Options, *, is_piece: bool) -> Iterator[Find]:
    if "email" in options.kinds:
        yield from find_emails(tokens, is_piece=is_piece)
    yield from find_numbers(tokens, options.kinds, is_piece=is_piece)
    if "name" in options.kinds and options.names:
        yield from find_names(tokens, options.names)
