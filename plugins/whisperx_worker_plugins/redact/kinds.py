"""Kinds of private data."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

NumberKind: TypeAlias = Literal["telephone", "card", "passport", "inn", "snils"]
"""Kinds that consist of digits."""
Kind: TypeAlias = Literal["telephone", "card", "email", "passport", "inn", "snils", "name"]
"""All kinds."""
NUMBER_KINDS: frozenset[Kind] = frozenset(get_args(NumberKind))
KINDS: tuple[Kind, ...] = get_args(Kind)
