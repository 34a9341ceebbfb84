"""A byte-level BPE tokenizer laid out exactly as Whisper's multilingual one.

Ids, from the bottom: byte-level pieces, the empty string, `<|endoftext|>`, `<|startoftranscript|>`, the languages in
Whisper's order, the tasks, the markers, `<|notimestamps|>`, and 1,501 timestamps of 20 ms each.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

if TYPE_CHECKING:
    from collections.abc import Iterable

LANGUAGES = [
    "en", "zh", "de", "es", "ru", "ko", "fr", "ja", "pt", "tr", "pl", "ca", "nl", "ar", "sv", "it", "id", "hi",
    "fi", "vi", "he", "uk", "el", "ms", "cs", "ro", "da", "hu", "ta", "no", "th", "ur", "hr", "bg", "lt", "la",
    "mi", "ml", "cy", "sk", "te", "fa", "lv", "bn", "sr", "az", "sl", "kn", "et", "mk", "br", "eu", "is", "hy",
    "ne", "mn", "bs", "kk", "sq", "sw", "gl", "mr", "pa", "si", "km", "sn", "yo", "so", "af", "oc", "ka", "be",
    "tg", "sd", "gu", "am", "yi", "lo", "uz", "fo", "ht", "ps", "tk", "nn", "mt", "sa", "lb", "my", "bo", "tl",
    "mg", "as", "tt", "haw", "ln", "ha", "ba", "jw", "su", "yue",
]  # fmt: skip
MARKERS = ("translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps")
TIMESTAMP_STEP_S = 0.02
TIMESTAMPS = 1501

# CTranslate2 4.7 and later take a Whisper model as multilingual only if its vocabulary holds the empty string.
EMPTY = ""

# Inference suppresses the first token of " -", " '" and of a few symbols. Unless the space before each Cyrillic letter
# is merged with it, that first token is the bare space, and suppressing it would garble the text.
ALPHABET = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
MUST_MERGE = [f" {c}" for c in ALPHABET + ALPHABET.upper() + "0123456789" + "-'—–«"] + ["«", "»", "—"]


@dataclass(frozen=True)
class SpecialIds:
    """Token ids that the training windows and the export need by name."""

    endoftext: int
    startoftranscript: int
    transcribe: int
    translate: int
    startofprev: int
    nospeech: int
    notimestamps: int
    languages: dict[str, int]
    space: int
    size: int

    def timestamp(self, seconds: float) -> int:
        """Return the timestamp token of a time from the window's start.

        The time is rounded to the 20 ms grid and limited to 0 to 30 s.
        """
        step = round(seconds / TIMESTAMP_STEP_S)
        return self.notimestamps + 1 + min(max(step, 0), TIMESTAMPS - 1)


def special_tokens() -> list[str]:
    """List every special token, in the order of Whisper's ids."""
    names = ["endoftext", "startoftranscript", *LANGUAGES, *MARKERS]
    times = [f"{i * TIMESTAMP_STEP_S:.2f}" for i in range(TIMESTAMPS)]
    return [f"<|{name}|>" for name in [*names, *times]]


def build_tokenizer(texts: Iterable[str], pieces: int = 900) -> Tokenizer:
    """Train the byte pieces on `texts` and append the special tokens.

    Args:
        texts: sentences as the model should write them; a space is put in front of each, as Whisper does.
        pieces: byte pieces in all, the 256 single bytes included.
    """
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    trainer = trainers.BpeTrainer(
        vocab_size=pieces, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    bpe.train_from_iterator([f" {text}" for text in texts] + MUST_MERGE * 2000, trainer)
    model = json.loads(bpe.to_str())["model"]
    vocab: dict[str, int] = dict(model["vocab"])
    vocab[EMPTY] = len(vocab)
    merges = [tuple(pair) if isinstance(pair, list) else tuple(pair.split(" ")) for pair in model["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special_tokens()])
    return tokenizer


def special_ids(tokenizer: Tokenizer) -> SpecialIds:
    """Look the special ids up by name."""
    named = {name: token_id(tokenizer, f"<|{name}|>") for name in (*MARKERS, "endoftext", "startoftranscript")}
    named.pop("startoflm")
    return SpecialIds(
        **named,
        languages={code: token_id(tokenizer, f"<|{code}|>") for code in LANGUAGES},
        space=token_id(tokenizer, "Ġ"),
        size=tokenizer.get_vocab_size(),
    )


def token_id(tokenizer: Tokenizer, token: str) -> int:
    """Return the id of a token.

    Raises:
        KeyError: the tokenizer has no such token.
    """
    found: int | None = tokenizer.token_to_id(token)
    if found is None:
        raise KeyError(token)
    return found


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write `tokenizer.json` and the configuration that transformers needs, each replaced in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        part = Path(scratch) / "tokenizer.json"
        tokenizer.save(str(part))
        part.replace(folder / "tokenizer.json")
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|endoftext|>",
        "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
        "clean_up_tokenization_spaces": False,
        "model_max_length": 448,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
