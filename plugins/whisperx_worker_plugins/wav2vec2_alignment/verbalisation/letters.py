"""Spoken forms of letters: words, units, and Latin letters by name or sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.lattice import accept, concatenate, cover_row, union

if TYPE_CHECKING:
    from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.lattice import Verbalisation
    from whisperx_worker_plugins.wav2vec2_alignment.verbalisation.orthography import Orthography

_MAX_ACRONYM_LETTERS = 5
"""A longer row of capitals is not spoken letter by letter."""
_MAX_FOREIGN_LETTERS = 24
_VOWELS = frozenset("аеиоуыэюя")
"""Letters with their sound as their name."""


def verbalise_letters(part: str, before: str, orthography: Orthography) -> Verbalisation | None:
    """Verbalise letters of the model's alphabet, a unit, or Latin letters.

    Args:
        part: Letters only.
        before: Part of the word before them; a number makes a unit of an abbreviation.
        orthography: Language and letters.
    """
    lexicon, lowered = orthography.lexicon, part.lower()
    if before[-1:].isdigit() and (names := lexicon.units.get(lowered)):
        return orthography.accept_names(names)
    if all(char in orthography.letters for char in lowered):
        return accept(lowered)
    sounds, letter_names = lexicon.latin_letter_sounds, lexicon.latin_letter_names
    if len(part) > _MAX_FOREIGN_LETTERS or not sounds or any(char not in sounds for char in lowered):
        return None
    if len(part) == 1:
        return accept(*(name for name in letter_names[lowered] if len(name) > 1 or name in _VOWELS))
    by_sound = _by_sound(lowered, orthography)
    if not (part.isupper() and len(part) <= _MAX_ACRONYM_LETTERS):
        return by_sound
    return union(concatenate(*(accept(*letter_names[char]) for char in lowered)), by_sound)


def _by_sound(letters: str, orthography: Orthography) -> Verbalisation:
    sounds = orthography.lexicon.latin_letter_sounds
    spans = [(at, at + size) for size in (1, 2) for at in range(len(letters) - size + 1)]
    return cover_row(len(letters), [(a, b, sounds[letters[a:b]]) for a, b in spans if letters[a:b] in sounds])
