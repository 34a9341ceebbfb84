"""torchaudio's alignment bundles: their files and URLs, listed without importing torchaudio."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from whisperx_worker import ModelRequirement

if TYPE_CHECKING:
    from whisperx_worker import Settings

_BASE_URL = "https://download.pytorch.org/torchaudio/models/"

BUNDLES = {
    "HUBERT_ASR_LARGE": "hubert_fairseq_large_ll60k_asr_ls960.pth",
    "HUBERT_ASR_XLARGE": "hubert_fairseq_xlarge_ll60k_asr_ls960.pth",
    "MMS_FA": "https://dl.fbaipublicfiles.com/mms/torchaudio/ctc_alignment_mling_uroman/model.pt",
    "VOXPOPULI_ASR_BASE_10K_DE": "wav2vec2_voxpopuli_base_10k_asr_de.pt",
    "VOXPOPULI_ASR_BASE_10K_EN": "wav2vec2_voxpopuli_base_10k_asr_en.pt",
    "VOXPOPULI_ASR_BASE_10K_ES": "wav2vec2_voxpopuli_base_10k_asr_es.pt",
    "VOXPOPULI_ASR_BASE_10K_FR": "wav2vec2_voxpopuli_base_10k_asr_fr.pt",
    "VOXPOPULI_ASR_BASE_10K_IT": "wav2vec2_voxpopuli_base_10k_asr_it.pt",
    "WAV2VEC2_ASR_BASE_100H": "wav2vec2_fairseq_base_ls960_asr_ls100.pth",
    "WAV2VEC2_ASR_BASE_10M": "wav2vec2_fairseq_base_ls960_asr_ll10m.pth",
    "WAV2VEC2_ASR_BASE_960H": "wav2vec2_fairseq_base_ls960_asr_ls960.pth",
    "WAV2VEC2_ASR_LARGE_100H": "wav2vec2_fairseq_large_ls960_asr_ls100.pth",
    "WAV2VEC2_ASR_LARGE_10M": "wav2vec2_fairseq_large_ls960_asr_ll10m.pth",
    "WAV2VEC2_ASR_LARGE_960H": "wav2vec2_fairseq_large_ls960_asr_ls960.pth",
    "WAV2VEC2_ASR_LARGE_LV60K_100H": "wav2vec2_fairseq_large_lv60k_asr_ls100.pth",
    "WAV2VEC2_ASR_LARGE_LV60K_10M": "wav2vec2_fairseq_large_lv60k_asr_ll10m.pth",
    "WAV2VEC2_ASR_LARGE_LV60K_960H": "wav2vec2_fairseq_large_lv60k_asr_ls960.pth",
}
"""The file of each bundle, or its whole URL."""


def bundle_requirement(
    name: str, settings: Settings, imports: tuple[str, ...], *, on_request: bool
) -> ModelRequirement:
    """Return the requirement of a bundle, a model that is fetched by URL."""
    url = BUNDLES[name] if "://" in BUNDLES[name] else _BASE_URL + BUNDLES[name]
    return ModelRequirement(
        name,
        "align",
        (url.rpartition("/")[2],),
        libraries=("torchaudio", "torch"),
        imports=imports,
        url=url,
        folders=(settings.models, torch_checkpoints_folder()),
        on_request=on_request,
    )


def torch_checkpoints_folder() -> Path:
    """Return the folder where torch keeps files that it downloaded by itself."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("TORCH_HOME", f"{cache}/torch")).expanduser() / "hub" / "checkpoints"
