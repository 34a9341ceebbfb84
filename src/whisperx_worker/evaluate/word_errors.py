"""Word and character errors: jiwer's alignment of normalised texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["equal", "substitute", "delete", "insert"]


@dataclass(frozen=True)
class Pair:
    """Step of an alignment, with the indices of its words; None on the side that has none."""

    kind: Kind
    reference: int | None
    hypothesis: int | None


@dataclass(frozen=True)
class Errors:
    """Counts of an alignment."""

    substituted: int
    deleted: int
    inserted: int
    length: int
    """Words or characters of the reference."""

    @property
    def total(self) -> int:
        """All errors."""
        return self.substituted + self.deleted + self.inserted


def align_words(reference: Sequence[str], hypothesis: Sequence[str]) -> tuple[Pair, ...]:
    """Align two rows of words with the fewest errors."""
    import jiwer

    if not reference or not hypothesis:
        deleted = [Pair("delete", index, None) for index in range(len(reference))]
        return (*deleted, *(Pair("insert", None, index) for index in range(len(hypothesis))))
    chunks = jiwer.process_words(" ".join(reference), " ".join(hypothesis)).alignments[0]
    pairs: list[Pair] = []
    for chunk in chunks:
        references = range(chunk.ref_start_idx, chunk.ref_end_idx)
        hypotheses = range(chunk.hyp_start_idx, chunk.hyp_end_idx)
        if chunk.type == "delete":
            pairs += [Pair("delete", index, None) for index in references]
        elif chunk.type == "insert":
            pairs += [Pair("insert", None, index) for index in hypotheses]
        else:
            kind: Kind = "equal" if chunk.type == "equal" else "substitute"
            pairs += [Pair(kind, *both) for both in zip(references, hypotheses, strict=True)]
    return tuple(pairs)


def count_errors(pairs: Sequence[Pair]) -> Errors:
    """Count the errors of an alignment.

    >>> count_errors([Pair("equal", 0, 0), Pair("delete", 1, None), Pair("insert", None, 1)])
    Errors(substituted=0, deleted=1, inserted=1, length=2)
    """
    kinds = [pair.kind for pair in pairs]
    substituted, deleted, inserted = (kinds.count(kind) for kind in ("substitute", "delete", "insert"))
    return Errors(substituted, deleted, inserted, len(kinds) - inserted)


def character_errors(reference: str, hypothesis: str) -> Errors:
    """Count the wrong characters of a normalised text, spaces included."""
    import jiwer

    if not reference or not hypothesis:
        return Errors(0, len(reference), len(hypothesis), len(reference))
    found = jiwer.process_characters(reference, hypothesis)
    return Errors(found.substitutions, found.deletions, found.insertions, len(reference))
