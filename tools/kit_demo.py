"""The demo recording of the testing kit, cut from the shipped dialogue.

python -m tools.kit_demo
"""

from __future__ import annotations

import io

import soundfile

from tools.lock import ROOT
from whisperx_worker.testing.recording import DEMO_FILE

DURATION_S = 5.1
"""Up to the pause after "Анна Сергеевна!"."""


def make_demo() -> bytes:
    """Return the beginning of the dialogue as a μ-law WAV."""
    path = ROOT / "demo" / "dialogue.flac"
    rate_hz = soundfile.info(path).samplerate
    samples, _ = soundfile.read(path, frames=round(DURATION_S * rate_hz), dtype="float32")
    written = io.BytesIO()
    soundfile.write(written, samples, rate_hz, format="WAV", subtype="ULAW")
    return written.getvalue()


if __name__ == "__main__":
    DEMO_FILE.write_bytes(make_demo())
