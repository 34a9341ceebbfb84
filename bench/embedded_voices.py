"""Embeddings of recorded people, wide and over a telephone line; kept in `build/embedded-voices`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.real_voices import read_voices
from bench.recordings import Piece, over_telephone
from whisperx_worker import Audio
from whisperx_worker.contract.settings import Settings
from whisperx_worker.pipeline.worker import open_job
from whisperx_worker_plugins.speaker_verification.enrolment import extract_speech

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.real_voices import Clip

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "build" / "embedded-voices"
CONDITIONS = ("wide", "telephone")
CHUNK = 20
"""Sounds embedded at once."""


@dataclass(frozen=True, eq=False)
class Embedded:
    """Embeddings of clips, each in every condition."""

    vectors: NDArray[np.float32]
    """Shape (n, d), each of length 1."""
    people: NDArray[np.str_]
    """Shape (n,)."""
    conditions: NDArray[np.str_]
    """Shape (n,): of `CONDITIONS`."""
    clips: NDArray[np.intp]
    """Shape (n,): number of the clip that each is of."""
    revision: str

    def of(self, chosen: NDArray[np.bool_]) -> Embedded:
        """Return some of them."""
        return Embedded(
            self.vectors[chosen], self.people[chosen], self.conditions[chosen], self.clips[chosen], self.revision
        )


def embed_folder(folder: Path, model: str) -> Embedded:
    """Embed all clips of a folder that have a speaker; kept for the same clips and weights.

    Args:
        folder: Folder with `index.jsonl`.
        model: Name or folder of the speaker model.
    """
    clips = [clip for clip in read_voices(folder).clips if clip.speaker]
    job = open_job("embedded-voices", Settings(speaker_model=model, device="cpu"))
    revision = job.embed_voices(()).revision
    sources = hashlib.sha256("\n".join(clip.source for clip in clips).encode()).hexdigest()[:12]
    kept = KEPT / f"{Path(model).name}-{revision}-{sources}.npz"
    if not kept.exists():
        vectors = np.concatenate(
            [
                job.embed_voices([sound for clip in clips[start : start + CHUNK] for sound in sounds_of(clip)]).vectors
                for start in range(0, len(clips), CHUNK)
            ]
        )
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, vectors=vectors)
    vectors = np.load(kept)["vectors"]
    count = len(CONDITIONS)
    people = np.repeat([clip.speaker for clip in clips], count)
    numbers = np.repeat(np.arange(len(clips)), count)
    found = Embedded(vectors, people, np.tile(CONDITIONS, len(clips)), numbers, revision)
    return found.of(np.isfinite(vectors).all(axis=1))


def sounds_of(clip: Clip) -> list[NDArray[np.float32]]:
    """Return the speech of a clip in each of `CONDITIONS`."""
    wide = clip.sound
    line = over_telephone(Piece(wide), np.random.default_rng(0))
    return [extract_speech(Audio(sound)) for sound in (wide, line)]
