"""Orthography of a text: its language, and the letters of the acoustic model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.lattice import WILDCARD_CHARACTER, accept
from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.lexicons import lexicon_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.lattice import Verbalisation
    from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.lexicons import Lexicon

TO_HYPHEN = str.maketrans("–—‑", "---")
"""Translation of dashes to the plain hyphen."""


@dataclass(frozen=True)
class Orthography:
    """Language and letters in which spoken forms are spelled."""

    language: str
    letters: frozenset[str]
    """Letters that the acoustic model knows, in lower case."""

    @property
    def lexicon(self) -> Lexicon:
        """Words of the language."""
        return lexicon_of(self.language)

    def spellable(self, names: Sequence[str]) -> list[str]:
        """Return the names that the model has letters for, each with a space before it."""
        known = self.letters.union(" ", WILDCARD_CHARACTER)
        return [f" {name}" if name else "" for name in names if known.issuperset(name)]

    def accept_names(self, names: Sequence[str]) -> Verbalisation:
        """Accept any one of the names that can be spelled."""
        return accept(*self.spellable(names))
