"""Output formats of plugins in a whole job: text and bytes, what they get, and what their failures cost."""

from __future__ import annotations

import base64
import json
import sys
import weakref
from dataclasses import dataclass

import pytest

from tests.clips import wav
from whisperx_worker import (
    Audio,
    ModelCache,
    OutputFormat,
    PluginError,
    Segment,
    Settings,
    Transcript,
    hookimpl,
)
from whisperx_worker.evaluate.hypothesis import read_response
from whisperx_worker.hooks.host import Candidate
from whisperx_worker.hooks.loading import load_host
from whisperx_worker.pipeline.outcome import answer, run_request
from whisperx_worker.pipeline.worker import Worker

AUDIO = base64.b64encode(wav(0.5)).decode()


@dataclass(frozen=True)
class Options:
    gain: float = 2.0


class Formats:
    """Halves the recording, and remembers it without keeping it."""

    @hookimpl
    def transcribe(self):
        return Transcript((Segment(0.0, 0.25, "Алло."),), "ru")

    @hookimpl
    def pre_audio(self, audio):
        halved = Audio(audio.samples[: len(audio.samples) // 2].copy())
        self.recording = weakref.ref(halved)
        return halved

    @hookimpl
    def register_options(self):
        return Options

    @hookimpl
    def register_outputs(self):
        return [
            OutputFormat("sound", ".raw", self.write_sound, "audio/x-raw"),
            OutputFormat("blob", ".bin", lambda: b"\x00\xff"),
            OutputFormat("alive", ".txt", lambda: str(self.recording() is not None)),
            OutputFormat("none", ".txt", lambda: None),
            OutputFormat("half", ".txt", lambda: "\ud83d"),
            OutputFormat("raises", ".txt", self.raises),
            OutputFormat("explains", ".txt", self.explains),
            OutputFormat("exits", ".txt", sys.exit),
            OutputFormat("warns", ".txt", self.warns),
        ]

    def write_sound(self, audio, options, job, result):
        about = {"samples": len(audio.samples), "gain": options.gain, "job": job.id, "text": result.transcript.text}
        return json.dumps(about).encode()

    def raises(self):
        raise ValueError("/etc/private")

    def explains(self):
        raise PluginError("the transcript has no speakers")

    def warns(self, job):
        job.warn("two lines are cut")
        return "cut"


@pytest.fixture(scope="module")
def worker():
    plugin = Formats()
    return Worker(settings := Settings(), load_host(settings, [Candidate("formats", "test", "1", lambda: plugin)]), ModelCache())  # fmt: skip


def run(worker, *formats, **fields):
    return answer(worker, "job", {"audio_base64": AUDIO, "output_formats": list(formats), **fields})


def test_bytes_are_base64_with_their_media_type_and_text_is_text(worker):
    response = run(worker, "json", "blob", "txt", "sound")
    sound = response["outputs"].pop("sound")
    assert response["outputs"] == {
        "blob": {"media_type": "application/octet-stream", "base64": "AP8="},
        "txt": "Алло.\n",
    }
    assert sound["media_type"] == "audio/x-raw"
    assert response["warnings"] == []


def test_a_writer_gets_the_recording_after_pre_audio_and_its_plugins_options(worker):
    response = run(worker, "sound", plugins={"formats": {"gain": 0.5}})
    about = json.loads(base64.b64decode(response["outputs"]["sound"]["base64"]))
    assert about == {"samples": 4000, "gain": 0.5, "job": "job", "text": "Алло."}


@pytest.mark.parametrize(("formats", "alive"), [(["alive"], "False"), (["alive", "sound"], "True")])
def test_the_recording_is_released_before_outputs_unless_one_takes_it(worker, formats, alive):
    assert run(worker, *formats)["outputs"]["alive"] == alive


def test_the_recording_is_released_after_outputs(worker):
    outcome = run_request(worker, "job", {"audio_base64": AUDIO, "output_formats": ["sound"]})
    (plugin,) = worker.host.manager.get_plugins()
    assert (list(outcome.outputs), plugin.recording()) == (["sound"], None)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none", "it returned NoneType in place of text or bytes"),
        ("half", "it returned text with half of a surrogate pair"),
        ("raises", "ValueError"),
        ("explains", "the transcript has no speakers"),
        ("exits", "it tried to end the process"),
    ],
)
def test_a_format_that_fails_is_left_out_with_a_warning(worker, name, reason):
    response = run(worker, name, "txt")
    assert response["outputs"] == {"txt": "Алло.\n"}
    assert response["warnings"] == [f"the output format {name} failed ({reason}) and is left out"]


def test_a_writers_warning_is_the_clients(worker):
    response = run(worker, "warns")
    assert (response["outputs"], response["warnings"]) == ({"warns": "cut"}, ["two lines are cut"])


@pytest.mark.parametrize(
    ("name", "error"),
    [("warns", "two lines are cut"), ("raises", "the output format raises failed (ValueError) and is left out")],
)
def test_in_a_strict_job_they_are_the_answer(worker, name, error):
    assert run(worker, name, strict=True) == {"error": f"strict: {error}"}


def test_the_error_about_an_unknown_format_lists_those_of_plugins(worker):
    assert run(worker, "blop")["error"] == (
        'output_formats: there is no format "blop" (there are: alive, blob, exits, explains, half, json, none, raises, '
        "rttm, sound, srt, tsv, txt, vtt, warns)"
    )


def test_evaluation_reads_a_response_with_bytes(worker):
    (segment,) = read_response(run(worker, "blob")).segments
    assert segment == Segment(0.0, 0.25, "Алло.")
