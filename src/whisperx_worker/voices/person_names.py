"""Names of people in a library of voices, and labels of people without one. Pure."""

from __future__ import annotations

import re
import unicodedata

from whisperx_worker.errors import BadInputError

UNKNOWN = "unknown"
"""Name of a voice without a person."""
MAX_LETTERS = 200
_LABEL = re.compile(r"person_\d+", re.IGNORECASE)


def person_label(number: int) -> str:
    """Return the label of a person without a name.

    Example:
        >>> person_label(7)
        'person_0007'
    """
    return f"person_{number:04d}"


def is_label(name: str) -> bool:
    """Return whether a name has the form of a label."""
    return _LABEL.fullmatch(name) is not None


def checked_name(name: str) -> str:
    """Return a name as the library keeps it: without spaces around it, in Unicode's composed form.

    Raises:
        BadInputError: It is empty, too long, has control characters or broken letters, or the library gives it itself.
    """
    cleaned = " ".join(unicodedata.normalize("NFC", name).split(" ")).strip()
    if not cleaned:
        raise BadInputError("a person's name is empty")
    if len(cleaned) > MAX_LETTERS:
        raise BadInputError(f"a person's name has {len(cleaned)} letters, and at most {MAX_LETTERS} are possible")
    if any(unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"} for letter in cleaned):
        raise BadInputError(f"a person's name has a character that cannot be shown: {cleaned!a}")
    if cleaned.casefold() == UNKNOWN:
        raise BadInputError(f"{cleaned!r} is no name: it stands for voices without a person")
    if is_label(cleaned):
        raise BadInputError(f"{cleaned!r} is no name: the library gives such labels itself, to voices without a name")
    return cleaned
