"""Warnings about names that plugins should no longer use."""

import warnings


def warn_renamed(old: str, new: str) -> None:
    """Warn the caller's caller that a public name has a new one."""
    warnings.warn(f"{old} is deprecated: use {new}", DeprecationWarning, stacklevel=3)
