"""Memory of decoding at a temperature, with a random decoder of production's width."""

import json
import subprocess
import sys
import textwrap

import pytest

from tests.random_whisper import Shape, make_whisper

pytestmark = pytest.mark.models

SHAPE = Shape(encoder_heads=1, hidden=64, decoder_layers=2)
"""As wide as large-v3, with its vocabulary; one encoder head, because the test is about the decoder."""
CHUNKS = 10

MEASURE = """
    import json
    import sys
    from pathlib import Path

    from whisperx_worker import ModelCache, Settings, Span
    from whisperx_worker.testing import make_audio, make_job
    from whisperx_worker_plugins._shared.whisper import whisper_model
    from whisperx_worker_plugins.russian_whisper import chunking, decoding

    def peak_while_decoding(whisper, temperature):
        spans = [Span(float(start), start + 1.0) for start in range({chunks})]
        job = make_job(temperature=temperature, temperature_increment_on_fallback=None)
        Path("/proc/self/clear_refs").write_text("5")
        before = resident("VmRSS")
        decoding.decode_chunks(whisper, make_audio(float(len(spans))), chunking.whole(spans), spans, "ru", job)
        return resident("VmHWM") - before

    def resident(what):
        lines = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
        return int(lines[what].split()[0]) * 1024

    with whisper_model.use_whisper(ModelCache(), Settings(threads=1), Path(sys.argv[1]), "float32") as whisper:
        temperatures = [float(argument) for argument in sys.argv[2:]]
        print(json.dumps([peak_while_decoding(whisper, temperature) for temperature in temperatures]))
"""


def test_a_batch_at_a_temperature_takes_no_more_memory_than_without_one(tmp_path):
    folder = make_whisper(tmp_path / "wide", SHAPE, ends_at_once=True)

    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MEASURE).replace("{chunks}", str(CHUNKS)), folder, "0", "0.2"],
        capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip

    without, with_one = json.loads(ended.stdout)
    assert without > CHUNKS * SHAPE.state_bytes
    assert with_one < without + CHUNKS * SHAPE.state_bytes
