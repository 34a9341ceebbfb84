"""Russian numbers as people write them: «пятого мая в восемь тридцать» becomes «5 мая в 8:30».

It acts in jobs that name it, `{"plugins": {"russian_numbers": {}}}`, or where the operator gives it options. A rule
looks at a word and what stands beside it:

- `sentence`: words apart from punctuation. `vocabulary`: units, months, set phrases.
- `digit_groups` (codes), `telephone`, `clock`, `fractions`, `dates`, `quantities`, `currency`: the rules.
- `writing`: asks the rules at each word. `merging`: words of a transcript, with times and scores.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from whisperx_worker import PluginInfo, hookimpl
from whisperx_worker_plugins.russian_numbers.merging import write_segment

if TYPE_CHECKING:
    from whisperx_worker import Transcript


class Options(BaseModel):
    """Options of a job."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    currency_signs: bool = False
    """Whether amounts of roubles, dollars and euros get ₽, $ and €."""


@hookimpl
def register_plugin() -> PluginInfo:
    """Take part only in jobs that ask for it."""
    return PluginInfo(on_request=True)


@hookimpl
def register_options() -> type[Options]:
    """Return the options of a job."""
    return Options


@hookimpl
def post_align(transcript: Transcript, options: Options) -> Transcript | None:
    """Write the numbers of a Russian transcript in digits."""
    if transcript.language != "ru":
        return None
    segments = tuple(write_segment(segment, currency_signs=options.currency_signs) for segment in transcript.segments)
    return replace(transcript, segments=segments)
