"""Export of a checkpoint to the CTranslate2 folder that faster-whisper and whisperx load.

    python -m training.whisper.export --checkpoint training/data/checkpoints/whisper.pt

The weights go through transformers' Whisper, which has the same parameter names, and CTranslate2's converter.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import ctranslate2
import torch
from tokenizers import Tokenizer
from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

from training.paths import MODELS
from training.whisper.corpus import grammar_texts
from training.whisper.features import FFT, HOP, MELS, SAMPLE_RATE_HZ, WINDOW_FRAMES
from training.whisper.model import Shape, SmallWhisper, initialise
from training.whisper.tokenizer import SpecialIds, build_tokenizer, save_tokenizer, special_ids

OUTPUT = MODELS / "demo-whisper-ru"


def whisper_config(shape: Shape, ids: SpecialIds) -> WhisperConfig:
    """Convert the network's sizes to transformers' configuration."""
    return WhisperConfig(  # type: ignore[no-untyped-call]
        vocab_size=shape.vocab,
        num_mel_bins=shape.mels,
        d_model=shape.width,
        encoder_layers=shape.encoder_layers,
        decoder_layers=shape.decoder_layers,
        encoder_attention_heads=shape.heads,
        decoder_attention_heads=shape.heads,
        encoder_ffn_dim=shape.hidden,
        decoder_ffn_dim=shape.hidden,
        max_source_positions=shape.frames,
        max_target_positions=shape.tokens,
        decoder_start_token_id=ids.startoftranscript,
        bos_token_id=ids.endoftext,
        eos_token_id=ids.endoftext,
        pad_token_id=ids.endoftext,
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )


def generation_config(shape: Shape, ids: SpecialIds) -> GenerationConfig:
    """Make the configuration that CTranslate2 copies into `config.json`.

    `<|endoftext|>` is left out of the tokens suppressed at the beginning: without speech, the text is empty.
    """
    markers = [ids.startoftranscript, ids.translate, ids.transcribe, ids.startofprev, ids.nospeech]
    return GenerationConfig(  # type: ignore[no-untyped-call]
        is_multilingual=True,
        alignment_heads=shape.alignment_heads,
        lang_to_id={f"<|{code}|>": token for code, token in ids.languages.items()},
        task_to_id={"transcribe": ids.transcribe, "translate": ids.translate},
        no_timestamps_token_id=ids.notimestamps,
        suppress_tokens=sorted([*markers, ids.startofprev - 1]),
        begin_suppress_tokens=[ids.space],
        max_length=shape.tokens,
        decoder_start_token_id=ids.startoftranscript,
        bos_token_id=ids.endoftext,
        eos_token_id=ids.endoftext,
        pad_token_id=ids.endoftext,
    )


def to_transformers(model: SmallWhisper, ids: SpecialIds) -> WhisperForConditionalGeneration:
    """Copy the weights into transformers' class."""
    stock = WhisperForConditionalGeneration(whisper_config(model.shape, ids))
    state = {**model.state_dict(), "proj_out.weight": model.decoder.embed_tokens.weight.detach()}
    stock.load_state_dict(state)
    stock.generation_config = generation_config(model.shape, ids)
    stock.eval()  # type: ignore[no-untyped-call]
    return stock


def preprocessor_config() -> dict[str, Any]:
    """Make the configuration for the feature extractors of faster-whisper and transformers."""
    return {
        "feature_extractor_type": "WhisperFeatureExtractor",
        "processor_class": "WhisperProcessor",
        "feature_size": MELS,
        "sampling_rate": SAMPLE_RATE_HZ,
        "hop_length": HOP,
        "n_fft": FFT,
        "chunk_length": 30,
        "n_samples": WINDOW_FRAMES * HOP,
        "nb_max_frames": WINDOW_FRAMES,
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": False,
    }


def export(model: SmallWhisper, tokenizer: Tokenizer, folder: Path, quantization: str = "float16") -> None:
    """Convert the model, and replace the files of `folder` one by one.

    A reader never sees half a file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        stock, converted = Path(scratch) / "transformers", Path(scratch) / "ctranslate2"
        to_transformers(model, special_ids(tokenizer)).save_pretrained(stock)
        save_tokenizer(tokenizer, stock)
        text = json.dumps(preprocessor_config(), indent=2) + "\n"
        (stock / "preprocessor_config.json").write_text(text, encoding="utf-8")
        converter = ctranslate2.converters.TransformersConverter(
            str(stock), copy_files=["tokenizer.json", "preprocessor_config.json"]
        )
        converter.convert(str(converted), quantization=quantization)
        for part in sorted(converted.iterdir()):
            part.chmod(0o644)
            part.replace(folder / part.name)


def load_checkpoint(path: Path) -> tuple[SmallWhisper, Tokenizer]:
    """Load the averaged weights of a checkpoint, and its tokenizer."""
    saved = torch.load(path, map_location="cpu", weights_only=True)
    tokenizer = Tokenizer.from_str(saved["tokenizer"])
    model = SmallWhisper(Shape(vocab=tokenizer.get_vocab_size()))
    model.load_state_dict(saved["average"])
    return model.eval(), tokenizer


def mix(model: SmallWhisper, other: SmallWhisper, share: float) -> None:
    """Interpolate a model's weights towards another's, in place: share 0 leaves them, 1 copies the other's."""
    with torch.no_grad():
        for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
            mine.lerp_(theirs, share)


def untrained() -> tuple[SmallWhisper, Tokenizer]:
    """Make initial weights with a tokenizer of the grammar, to test everything around the training."""
    tokenizer = build_tokenizer(grammar_texts())
    model = SmallWhisper(Shape(vocab=tokenizer.get_vocab_size()))
    initialise(model, special_ids(tokenizer).timestamp(0.0))
    return model.eval(), tokenizer


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, help="default: untrained weights")
    parser.add_argument("--mean-with", type=Path, help="an earlier checkpoint of the same training")
    parser.add_argument("--share", type=float, default=0.35, help="of the earlier one in the mean")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--quantization", default="float16", choices=["float16", "int8", "int8_float16", "float32"])
    options = parser.parse_args()
    model, tokenizer = load_checkpoint(options.checkpoint) if options.checkpoint else untrained()
    if options.mean_with:
        mix(model, load_checkpoint(options.mean_with)[0], options.share)
    export(model, tokenizer, options.output, options.quantization)
    size = sum(part.stat().st_size for part in options.output.iterdir())
    print(f"{options.output}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
