"""Folders that training reads and writes."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODELS = ROOT / "src" / "whisperx_worker_models"
DATA = Path(__file__).parent / "data"
"""Ignored by git: everything that is fetched, synthesised or trained."""
SYNTHESISERS = Path(os.environ.get("SYNTHESISERS", DATA / "synthesisers"))
CORPUS = Path(os.environ.get("SPEECH_CORPUS", DATA / "corpus"))
RECORDINGS = DATA / "recordings"
CHECKPOINTS = DATA / "checkpoints"
