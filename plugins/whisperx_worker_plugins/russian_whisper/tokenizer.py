"""Tokenizer of a Whisper model for one language and task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperx_worker import BadInputError

if TYPE_CHECKING:
    from whisperx_worker_plugins._shared.whisper.library_types import Tokenizer, Whisper


def make_tokenizer(whisper: Whisper, language: str, task: str) -> Tokenizer:
    """Return the model's tokenizer for a language and a task.

    Raises:
        BadInputError: When the model does not know the language.
    """
    from faster_whisper import tokenizer

    if whisper.model.is_multilingual and whisper.hf_tokenizer.token_to_id(f"<|{language}|>") is None:
        raise BadInputError(f"the model does not know the language {language!r}")
    if not whisper.model.is_multilingual and language != "en":
        raise BadInputError(f"the model knows only English, not {language!r}")
    return tokenizer.Tokenizer(whisper.hf_tokenizer, whisper.model.is_multilingual, task=task, language=language)
