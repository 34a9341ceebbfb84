"""Checkpoints of acoustic models: choice for a language, location and loading."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whisperx_worker import ModelNotFoundError, WorkerError, find_model, folder_mb, import_in_turn, torch_loading
from whisperx_worker_plugins.wav2vec2_alignment.acoustic_model import AcousticModel
from whisperx_worker_plugins.wav2vec2_alignment.text.alphabet import Alphabet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import SecretStr

    from whisperx_worker import Settings
    from whisperx_worker_plugins.wav2vec2_alignment.acoustic_model import Batching

REQUIRED_FILES = ("config.json", "preprocessor_config.json", "vocab.json")
"""Files of a transformers folder beside its weights."""


LAZY_IMPORTS = (
    "torch.utils.serialization",
    "torchaudio.pipelines",
    "transformers.models.wav2vec2.modeling_wav2vec2",
    "transformers.models.wav2vec2.processing_wav2vec2",
)
"""Modules that loading and running a model imports, mainly lazily."""


@dataclass(frozen=True)
class Checkpoint:
    """Acoustic model that can be loaded."""

    name: str
    folder: Path | None
    """Folder of its files; None lets torchaudio download it."""
    bundle: str | None = None
    """Name of the torchaudio bundle; None for a transformers folder."""

    @property
    def size_mb(self) -> float:
        """Size in the memory budget."""
        if self.folder is None:
            return 0.0
        return (self.folder / _file_name(self.bundle)).stat().st_size / 1e6 if self.bundle else folder_mb(self.folder)


def choose_model_name(language: str | None, requested: str | None, settings: Settings) -> str:
    """Choose the model for a language: the job's, the operator's, or whisperX's default.

    Args:
        language: ISO code, or None where it is not known.
        requested: Model that the job requests.
        settings: The operator's settings.

    Raises:
        WorkerError: When no model is named and whisperX has none for the language.
    """
    if named := requested or settings.align_model:
        return named
    if language is None:
        raise WorkerError("the language is not known, so no alignment model can be chosen")
    import_in_turn(("whisperx.alignment",))
    from whisperx.alignment import DEFAULT_ALIGN_MODELS_HF, DEFAULT_ALIGN_MODELS_TORCH

    name: str | None = DEFAULT_ALIGN_MODELS_TORCH.get(language) or DEFAULT_ALIGN_MODELS_HF.get(language)
    if name is None:
        raise WorkerError(f"there is no alignment model for the language {language!r}; name one in align_model")
    return name


def find(name: str, settings: Settings, token: SecretStr | None) -> Checkpoint:
    """Find a model on this worker, or allow its download.

    Raises:
        ModelNotFoundError: When it is nowhere and may not be downloaded.
    """
    import torch
    import torchaudio.pipelines

    bundle = getattr(torchaudio.pipelines, name, None)
    if not isinstance(bundle, torchaudio.pipelines.Wav2Vec2ASRBundle):
        return Checkpoint(name, find_model(name, settings, token))
    for folder in (settings.models / name, settings.models, Path(torch.hub.get_dir()) / "checkpoints"):
        if (folder / _file_name(name)).is_file():
            return Checkpoint(name, folder, bundle=name)
    if not {name, "*"} & {allowed.partition("@")[0] for allowed in settings.hub_models}:
        raise ModelNotFoundError(
            f"the alignment model {name!r} is not on this worker, and it is not among the models that it may download "
            "(WHISPERX_WORKER_HUB_MODELS)"
        )
    return Checkpoint(name, None, bundle=name)


@torch_loading()
def load(checkpoint: Checkpoint, device: str) -> AcousticModel:
    """Load a model onto a device.

    Args:
        checkpoint: The model.
        device: "cpu" or "cuda".

    Raises:
        WorkerError: When the folder holds something else.
    """
    if checkpoint.bundle:
        return _load_bundle(checkpoint.bundle, checkpoint.folder, device)
    if checkpoint.folder is None:
        raise ModelNotFoundError(f"the alignment model {checkpoint.name!r} has no folder")
    return _load_folder(checkpoint.name, checkpoint.folder, device)


def _load_folder(name: str, folder: Path, device: str) -> AcousticModel:
    from transformers import Wav2Vec2ForCTC, Wav2Vec2Processor

    for file in REQUIRED_FILES:
        if not (folder / file).is_file():
            raise WorkerError(f"the folder of the alignment model {name!r} has no {file}")
    if json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type") != "wav2vec2":
        raise WorkerError(f"the model {name!r} is not a wav2vec2 model, so it cannot align")
    processors: Any = Wav2Vec2Processor
    try:
        processor = processors.from_pretrained(str(folder), local_files_only=True)
        network, report = Wav2Vec2ForCTC.from_pretrained(str(folder), local_files_only=True, output_loading_info=True)
    except (OSError, ValueError) as error:
        raise WorkerError(f"the alignment model {name!r} cannot be loaded ({type(error).__name__})") from error
    if any(key.startswith("lm_head") for key in report["missing_keys"]):
        raise WorkerError(f"the alignment model {name!r} was never trained to tell characters: it has no CTC head")
    config = network.config
    labels = processor.tokenizer.get_vocab()
    blank = next(
        (column for label, column in labels.items() if label.lower() in {"<pad>", "[pad]"}), config.pad_token_id
    )
    field, stride = _receptive_field(zip(config.conv_kernel, config.conv_stride, strict=True))
    return AcousticModel(
        network=network.eval().to(device),
        alphabet=Alphabet.of(labels, blank, config.vocab_size),
        device=device,
        receptive_field=field,
        stride=stride,
        normalises=bool(processor.feature_extractor.do_normalize),
        batching=_batching(device, config.feat_extract_norm),
    )


def _load_bundle(name: str, folder: Path | None, device: str) -> AcousticModel:
    import torchaudio.pipelines

    bundle = getattr(torchaudio.pipelines, name)
    labels = {label: column for column, label in enumerate(bundle.get_labels())}
    layers = bundle._params["extractor_conv_layer_config"]  # noqa: SLF001  a bundle has its frame rate nowhere else
    field, stride = _receptive_field((kernel, step) for _, kernel, step in layers)
    return AcousticModel(
        network=bundle.get_model(dl_kwargs={"model_dir": str(folder)} if folder else None).to(device),
        alphabet=Alphabet.of(labels, blank=0, width=len(labels)),
        device=device,
        receptive_field=field,
        stride=stride,
        # A bundle that needs it normalises by itself, over the whole batch.
        normalises=False,
        batching="single",
        is_torchaudio=True,
    )


def _batching(device: str, norm: str) -> Batching:
    # Padding saves no time on a CPU, and a group norm counts it as audio.
    if device == "cpu":
        return "single"
    return "padded" if norm == "layer" else "equal"


def _receptive_field(convolutions: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """Return receptive field and stride, in samples, of stacked (kernel, stride) layers."""
    field, stride = 1, 1
    for kernel, step in convolutions:
        field += (kernel - 1) * stride
        stride *= step
    return field, stride


def _file_name(bundle: str) -> str:
    import torchaudio.pipelines

    path: Any = getattr(torchaudio.pipelines, bundle)._path  # noqa: SLF001  a bundle has its file's name nowhere else
    return Path(path).name
