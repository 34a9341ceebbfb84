"""Options of a job."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from whisperx_worker_plugins._shared.russian_numerals import FORMS
from whisperx_worker_plugins.redact.emails import AT_WORDS
from whisperx_worker_plugins.redact.kinds import KINDS, Kind
from whisperx_worker_plugins.redact.names import forms_of_names
from whisperx_worker_plugins.redact.tokens import split_texts

Mask: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[^\s\d@+]*[^\W\d_][^\s\d@+]*$", max_length=40)]
"""Text in place of private data: one word with a letter, without digits."""
Name: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=100)]


class Options(BaseModel):
    """Options of a job."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: tuple[Kind, ...] = KINDS
    """Kinds that are masked."""
    names: tuple[Name, ...] = Field((), max_length=1_000)
    """Names in the nominative; each of their words is masked in every case."""
    mask: Mask = "[скрыто]"
    """Text in place of what is masked, whatever its length."""
    masks: dict[Kind, Mask] = {}
    """Texts for some of the kinds, such as `{"telephone": "[телефон]"}`."""
    padding_s: float = Field(0.1, ge=0.0, le=2.0, allow_inf_nan=False)
    """Seconds before and after a masked word that are silenced with it."""
    sound: Literal["silence", "bleep"] = "silence"
    """What the recording has in place of masked words."""

    @model_validator(mode="after")
    def _masks_stay(self) -> Options:
        """Refuse a mask that would be masked itself, or read as a part of a number."""
        parts = FORMS.keys() | AT_WORDS | forms_of_names(self.names)
        for mask in sorted(self.every_mask):
            if not parts.isdisjoint(split_texts([mask]).words):
                raise ValueError(f"the mask {mask!r} has a word that is masked itself")
        return self

    @property
    def every_mask(self) -> frozenset[str]:
        """Return all masks."""
        return frozenset({self.mask, *self.masks.values()})

    def mask_of(self, kind: Kind | None) -> str:
        """Return the text in place of a kind; None is a kind that is not known yet."""
        return self.mask if kind is None else self.masks.get(kind, self.mask)
