"""Options of `transcribe` on another command."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

from whisperx_worker.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from whisperx_worker.contract.settings import Settings

_GIVEN = "whisperx_worker.transcribe_options"
_OWN_TO_TRANSCRIBE = {"--format", "--output", "--trace", "--voices", "--learn"}


@dataclass(frozen=True)
class Transcription:
    """What options of `transcribe` ask for."""

    settings: Settings
    request: dict[str, Any]
    """Without a recording."""
    quiet: bool


class WithTranscribeOptions(TyperCommand):
    """Command that takes the options of `transcribe` beside its own."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401  click's types have another home in each typer
        """Return this command's parameters and the borrowed ones."""
        own = super().get_params(ctx)
        return [*own, *_borrowed(ctx, own)]

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        """Take the borrowed options out of the callback's arguments."""
        names = {parameter.name for parameter in _borrowed(ctx, super().get_params(ctx))}
        taken = {name: ctx.params.pop(name) for name in names & ctx.params.keys()}
        ctx.meta[_GIVEN] = {name: value for name, value in taken.items() if _is_given(ctx, name)}
        return super().invoke(ctx)


def _transcribe(ctx: Any) -> Any:  # noqa: ANN401
    return ctx.parent.command.commands["transcribe"]


def _borrowed(ctx: Any, own: Sequence[Any]) -> list[Any]:  # noqa: ANN401
    known = {option for parameter in own for option in (*parameter.opts, *parameter.secondary_opts)}
    others = _transcribe(ctx).params
    return [
        one for one in others if one.param_type_name == "option" and (known | _OWN_TO_TRANSCRIBE).isdisjoint(one.opts)
    ]


def _is_given(ctx: Any, name: str) -> bool:  # noqa: ANN401
    return getattr(ctx.get_parameter_source(name), "name", "") == "COMMANDLINE"


def given_options(context: Any) -> Mapping[str, Any]:  # noqa: ANN401
    """Return the borrowed options that were given, by the names of their parameters."""
    given: Mapping[str, Any] = context.meta[_GIVEN]
    return given


def option_names(context: Any) -> list[str]:  # noqa: ANN401
    """Return the borrowed options that were given as they are written."""
    given = given_options(context)
    return [one.opts[0] for one in _transcribe(context).params if one.name in given]


def transcription_of(context: Any, text: str = "") -> Transcription:  # noqa: ANN401
    """Return what the given options ask for, with those of a text in their place.

    Raises:
        BadInputError: When the text cannot be split into options, or an option has a wrong form.
    """
    taken: list[Transcription] = []

    def take(settings: Settings, _recordings: object, request: dict[str, Any], _folder: object, *, quiet: bool) -> int:
        taken.append(Transcription(settings, request, quiet))
        return 0

    try:
        arguments = ["recording", *shlex.split(text)]
    except ValueError as error:
        raise BadInputError(f"options cannot be read: {error} in {text!r}") from None
    command = _transcribe(context)
    with command.make_context("evaluate", arguments, parent=context.parent, obj=take) as inner:
        given = given_options(context)
        inner.params.update({name: value for name, value in given.items() if not _is_given(inner, name)})
        command.invoke(inner)
    return taken[0]
