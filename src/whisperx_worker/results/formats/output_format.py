"""Output format: a name, a file suffix, a media type and a writer."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from whisperx_worker.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WRITER_ARGUMENTS = ("result", "job", "options", "audio")
"""What a writer may take, by name."""
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+\-]+/[\w!#$&^.+\-]+(\s*;.*)?", re.ASCII)


@dataclass(frozen=True)
class OutputFormat:
    """Format in which a result can be written.

    Raises:
        PluginError: When the writer takes something that is not there, or the media type has another form.
    """

    name: str
    """Name that a job puts into `output_formats`."""
    suffix: str
    """Suffix of its files, with the dot."""
    write: Callable[..., str | bytes]
    """Function that returns the content of the file, text or bytes.

    It takes any subset of `result`, `job`, `options` of the plugin and `audio` after `pre_audio`, by name. A single
    argument of another name is the result.
    """
    media_type: str | None = None
    """Media type of its files, such as `application/zip`; in the response with content that is bytes."""

    def __post_init__(self) -> None:
        if self.media_type is not None and not _MEDIA_TYPE.fullmatch(self.media_type):
            raise PluginError(f"the output format {self.name!r} has no media type such as text/plain")
        _ = self._arguments

    @property
    def takes_audio(self) -> bool:
        """Whether the writer takes the recording, which is kept in memory for it."""
        return "audio" in (self._arguments or ())

    @cached_property
    def _arguments(self) -> tuple[str, ...] | None:
        """Names of the writer's arguments; None of one that takes the result under a name of its own."""
        try:
            parameters = list(inspect.signature(self.write).parameters.values())
        except ValueError:  # a function in C
            return None
        single = [one for one in parameters if one.kind not in {one.VAR_POSITIONAL, one.VAR_KEYWORD}]
        required = [one for one in single if one.default is one.empty]
        named = tuple(one.name for one in single if one.name in WRITER_ARGUMENTS and one.kind != one.POSITIONAL_ONLY)
        unknown = [one.name for one in required if one.name not in named]
        if not unknown and (named or not parameters):
            return named
        if len(required) > 1:
            there = ", ".join(WRITER_ARGUMENTS)
            raise PluginError(f"the writer of {self.name!r} takes {unknown[0]!r}, and there are: {there}")
        return None

    def content(self, available: Mapping[str, object]) -> str | bytes:
        """Call the writer with its arguments.

        Args:
            available: Values of `WRITER_ARGUMENTS`.

        Raises:
            PluginError: When it returns something else than bytes or text that UTF-8 can carry.
        """
        names = self._arguments
        written: object = self.write(available["result"]) if names is None else self.write(
            **{name: available[name] for name in names}
        )  # fmt: skip
        if not isinstance(written, str | bytes):
            raise PluginError(f"it returned {type(written).__name__} in place of text or bytes")
        if isinstance(written, str) and not is_unicode(written):
            raise PluginError("it returned text with half of a surrogate pair")
        return written


def is_unicode(text: str) -> bool:
    """Return whether UTF-8 can carry text, which it cannot with half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
