"""Jobs that the RunPod Hub sends to a fresh build, with sound of demo/, for .runpod/tests.json.

`.venv/bin/python -m tools.hub_tests` writes it. The sound is in the file, since a test must not depend on a foreign
server, and the models are those of the package, since an image may have no other. A warning fails a test.
"""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import soundfile

from demo.demo import MODELS

if TYPE_CHECKING:
    from whisperx_worker.types import Seconds

ROOT = Path(__file__).parent.parent
BIT_RATE = 12_000
FIRST_JOB_MS = 600_000
"""Timeout of the first job, which waits for imports and models."""
LATER_JOB_MS = 120_000


def opus(file: str, duration_s: Seconds) -> str:
    """Encode the beginning of a recording in base64 of a few kilobytes."""
    with soundfile.SoundFile(ROOT / "demo" / file) as recording:
        rate_hz = recording.samplerate
        samples = recording.read(round(duration_s * rate_hz), dtype="int16")
    frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
    frame.sample_rate = rate_hz
    written = io.BytesIO()
    with av.open(written, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=rate_hz, layout="mono", bit_rate=BIT_RATE)
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return base64.b64encode(written.getvalue()).decode()


def tests() -> dict[str, Any]:
    """Return the content of the file."""
    sentence = {"audio_base64": opus("dialogue.flac", 2.3), "model": "demo-whisper-ru", "strict": True}
    dialogue = {**sentence, "audio_base64": opus("dialogue.flac", 6.9), "align_output": True, "plugins": MODELS}
    ivan = {"name": "Ivan", "audio_base64": opus("ivan.flac", 5.0)}
    inputs = {
        "plain": sentence,
        "aligned": {**sentence, "align_output": True, "output_formats": ["json", "srt"], "plugins": MODELS},
        "diarized": {**dialogue, "diarization": True},
        "verified": {**dialogue, "diarization": True, "speaker_samples": [ivan]},
    }
    return {
        "tests": [
            {"name": name, "input": job, "timeout": LATER_JOB_MS if number else FIRST_JOB_MS}
            for number, (name, job) in enumerate(inputs.items())
        ],
        "config": {
            "gpuTypeId": "NVIDIA GeForce RTX 4090",
            "gpuCount": 1,
            "env": [{"key": "WHISPERX_WORKER_MODEL", "value": "demo-whisper-ru"}],
            "allowedCudaVersions": ["12.8", "12.9", "13.0"],
        },
    }


def main() -> None:
    """Write the file."""
    content = json.dumps(tests(), ensure_ascii=False, indent=2)
    (ROOT / ".runpod" / "tests.json").write_text(content + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
