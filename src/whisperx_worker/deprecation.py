"""Warnings about names that plugins should no longer use."""

import warnings


def warn_renamed(old: str, new: str, *, frames: int = 2) -> None:
    """Warn that a public name has a new one.

    Args:
        old: The deprecated name.
        new: The current one.
        frames: Calls between this one and the code that used the old name.
    """
    warnings.warn(f"{old} is deprecated: use {new}", DeprecationWarning, stacklevel=frames + 1)
