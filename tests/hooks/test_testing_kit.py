"""The kit that plugin authors test with does what the worker does."""

from __future__ import annotations

import base64
import doctest
import io
import json
import math
import os
import subprocess
import sys
import wave
from dataclasses import dataclass, replace

import numpy as np
import pytest

from tests.house.sources import ROOT
from tools.kit_demo import make_demo
from whisperx_worker import (
    BadInputError,
    OutputFormat,
    PluginError,
    Result,
    Segment,
    Settings,
    SettingsError,
    SpeakerTurn,
    Transcript,
    Word,
    hookimpl,
    testing,
)
from whisperx_worker.testing import (
    Recording,
    check_contents,
    demo_recording,
    load_plugin,
    load_plugins,
    make_audio,
    make_diarization,
    make_job,
    make_transcript,
    run_chain,
    run_engine,
    run_job,
    write_output,
)
from whisperx_worker.testing.fixtures import open_plugins  # noqa: F401  a fixture
from whisperx_worker.testing.recording import DEMO_FILE


@dataclass(frozen=True)
class Options:
    suffix: str = "!"


class Shouts:
    @hookimpl
    def register_options(self):
        return Options

    @hookimpl
    def post_align(self, transcript, options, audio):
        if not audio.duration_s:
            raise ValueError("nothing to hear")
        first = transcript.segments[0]
        return replace(transcript, segments=(replace(first, text=first.text.upper() + options.suffix),))


@pytest.fixture
def host():
    return load_plugin(Shouts(), name="shouts")


def test_the_example_in_the_docstring_is_true():
    assert doctest.testmod(testing) == doctest.TestResults(failed=0, attempted=7)


def test_load_plugin_gives_a_host_with_that_plugin_alone(host):
    assert [(record.name, record.state, record.hooks) for record in host.records] == [
        ("shouts", "active", ("post_align", "register_options"))
    ]


def test_load_plugin_raises_with_the_reason_that_the_worker_would_list():
    with pytest.raises(PluginError) as failed:
        load_plugin(object())
    assert str(failed.value) == "it implements no hook"


def test_load_plugin_does_not_care_which_plugins_this_machine_allows(monkeypatch, tmp_path):
    monkeypatch.setenv("WHISPERX_WORKER_PLUGINS_ALLOW", "others")
    monkeypatch.setenv("WHISPERX_WORKER_PLUGINS_BLOCK", "shouts")
    monkeypatch.setenv("WHISPERX_WORKER_PLUGINS_DIR", str(tmp_path))
    assert load_plugin(Shouts(), name="shouts").active == {"shouts"}


def test_make_job_is_a_job_with_the_contracts_defaults():
    job = make_job()
    assert (job.id, job.request.beam_size, job.request.strict, job.options, job.warnings) == ("test", 5, False, {}, ())


def test_make_job_takes_fields_of_the_request(host):
    job = make_job(host, language="ru", output_formats=["srt"], plugins={"shouts": {"suffix": "?"}})
    assert (job.request.language, job.request.output_formats) == ("ru", ("srt",))
    assert job.options == {"shouts": Options("?")}


def test_make_job_knows_the_workers_own_formats_without_a_host():
    assert make_job(output_formats=["srt", "vtt"]).request.output_formats == ("srt", "vtt")


def test_make_job_takes_a_recording_in_place_of_its_own():
    job = make_job(audio_file="https://example.org/call.wav")
    assert (job.request.audio_file, job.request.audio_base64) == ("https://example.org/call.wav", None)


def test_make_job_refuses_what_a_client_could_not_send(host):
    with pytest.raises(BadInputError) as refused:
        make_job(host, beam_size=0, plugins={"shouts": {"sufix": "?"}})
    assert str(refused.value) == (
        'beam_size must be a whole number from 1 to 100, not 0; plugins.shouts has no option "sufix" (there are: suffix)'
    )


class Sizes:
    @hookimpl
    def register_options(self):
        return Options

    @hookimpl
    def register_outputs(self):
        return [OutputFormat("sizes", ".bin", self.write)]

    def write(self, result, audio, options):
        return f"{result.duration_s} {len(audio.samples)}{options.suffix}".encode()


def test_write_output_gives_a_writer_what_the_worker_would_give_it():
    host, result = load_plugin(Sizes(), name="sizes"), Result(make_transcript(), 2.5)
    job = make_job(host, plugins={"sizes": {"suffix": "?"}})
    assert write_output(host, "sizes", result) == b"2.5 16000!"
    assert write_output(host, "sizes", result, job, make_audio(0.5)) == b"2.5 8000?"
    assert write_output(host, "tsv", result) == "start\tend\ttext\n"


def test_abilities_are_what_the_plugins_add(host):
    made = host.abilities
    assert (made.plugins, made.options) == ({"shouts"}, {"shouts": Options})
    assert made.outputs == {"json", "srt", "vtt", "txt", "tsv", "rttm"}


def test_run_chain_gives_what_the_plugin_makes_of_the_value(host):
    assert run_chain(host, "post_align", make_transcript("алло")).text == "АЛЛО!"


def test_run_chain_leaves_what_went_wrong_in_the_jobs_warnings(host):
    job = make_job(host)
    assert run_chain(host, "post_align", make_transcript("алло"), job, audio=make_audio(0.0)).text == "алло"
    assert [str(warned) for warned in job.warnings] == [
        "plugin shouts failed in post_align: it raised ValueError; its change is left out"
    ]


def test_make_audio_is_a_quiet_tone_that_nobody_can_write_into():
    audio = make_audio(2.0, frequency_hz=1000.0)
    assert (audio.duration_s, audio.samples.dtype, audio.samples.flags.writeable) == (2.0, np.float32, False)
    assert float(audio.samples.max()) == pytest.approx(0.1)
    spectrum = np.abs(np.fft.rfft(audio.samples))
    assert int(spectrum.argmax()) == 2000


def test_make_transcript_has_segments_of_a_second_with_even_words():
    assert make_transcript("Да нет", "Пока", language="uk") == Transcript(
        (
            Segment(0.0, 1.0, "Да нет", (Word("Да", 0.0, 0.5, 1.0), Word("нет", 0.5, 1.0, 1.0))),
            Segment(1.0, 2.0, "Пока", (Word("Пока", 1.0, 2.0, 1.0),)),
        ),
        "uk",
    )


def test_make_transcript_of_nothing_has_no_segments():
    assert make_transcript() == Transcript((), "ru")


def test_make_diarization_has_the_same_turns_twice():
    made = make_diarization((0.0, 1.5, "SPEAKER_00"))

    assert (made.turns, made.exclusive, made.embeddings) == ((SpeakerTurn(0.0, 1.5, "SPEAKER_00"),), made.turns, {})


def test_run_engine_gives_the_engines_answer_or_its_failure():
    class Parrot:
        @hookimpl
        def transcribe(self, audio):
            return make_transcript("Алло.") if audio.duration_s < 2 else None

    host = load_plugin(Parrot(), name="parrot")

    assert run_engine(host, "transcribe", Transcript).text == "Алло."
    with pytest.raises(PluginError, match=r"^transcribe: plugin parrot declined this job$"):
        run_engine(host, "transcribe", Transcript, audio=make_audio(2.0))


# --- several plugins, settings, rules


def test_load_plugins_gives_them_the_settings_and_rules_of_the_operator():
    host = load_plugins(
        settings={"plugins_order": ("shouts", "a")},
        rules={"shouts": {"options": {"suffix": "?"}, "locked": ["suffix"]}},
        a=Sizes(),
        shouts=Shouts(),
    )

    assert [one.plugin_name for one in host.implementations("register_options")] == ["shouts", "a"]
    assert run_chain(host, "post_align", make_transcript("алло")).text == "АЛЛО?"
    with pytest.raises(BadInputError, match=r"^plugins\.shouts\.suffix is set by the worker, not by a job$"):
        make_job(host, plugins={"shouts": {"suffix": "!"}})


def test_load_plugins_raises_with_the_plugin_and_the_reason_unless_they_may_fail():
    with pytest.raises(PluginError, match=r"^b: it implements no hook$"):
        load_plugins(a=Shouts(), b=object())
    assert load_plugins(may_fail=True, a=Shouts(), b=object()).active == {"a"}


def test_load_plugins_raises_where_the_worker_would_not_start():
    with pytest.raises(SettingsError, match=r"^WHISPERX_WORKER_PLUGINS_REQUIRE: redact is not installed$"):
        load_plugins(settings={"plugins_require": ("redact",)}, a=Shouts())


def test_load_plugins_adds_those_of_a_folder(tmp_path):
    (tmp_path / "b.py").write_text(
        "from whisperx_worker import hookimpl\n\n\n@hookimpl\ndef post_align():\n    return None\n"
    )
    assert load_plugins(settings={"plugins_dir": tmp_path}, a=Shouts()).active == {"a", "b"}


# --- whole jobs


class Everywhere:
    """Implements hooks at the beginning, in the middle and at the end."""

    @hookimpl
    def prepare(self, request):
        return request.model_copy(update={"hotwords": "Битрикс"})

    @hookimpl
    def partial(self, segments):
        return tuple(replace(one, text=one.text.upper()) for one in segments)

    @hookimpl
    def post_align(self, transcript, audio):
        assert audio.duration_s == pytest.approx(5.1)
        return replace(transcript, language="uk")

    @hookimpl
    def finalize(self):
        raise KeyError

    @hookimpl
    def respond(self, response, job):
        return {**response, "hotwords": job.request.hotwords}


def test_run_job_runs_every_hook_and_gives_the_response_and_what_was_streamed():
    answer = run_job({"everywhere": Everywhere()}, stream=True, output_formats=["json", "txt"])

    assert [one.text for one in answer.streamed] == ["ДОБРОЕ УТРО, Я ВАС СЛУШАЮ.", "ЗДРАВСТВУЙТЕ, АННА СЕРГЕЕВНА!"]
    assert answer.response["segments"][1]["text"] == "Здравствуйте, Анна Сергеевна!"
    assert (answer.response["detected_language"], answer.response["hotwords"]) == ("uk", "Битрикс")
    assert answer.response["warnings"] == [
        "plugin everywhere failed in finalize: it raised KeyError; its change is left out"
    ]
    assert answer.outputs["txt"] == "Доброе утро, я вас слушаю.\nЗдравствуйте, Анна Сергеевна!\n"
    assert answer.result.transcript.language == "uk"


def test_run_job_finds_the_turns_and_names_of_the_recording():
    samples = [{"name": name, "audio_base64": "UklGRg=="} for name in ("Анна", "Анна")]

    response = run_job(diarization=True, speaker_samples=samples).response

    assert [one["speaker_id"] for one in response["segments"]] == ["Анна", "unknown"]
    assert [one["speaker"] for one in response["segments"]] == ["SPEAKER_00", "SPEAKER_01"]


def test_run_job_takes_a_recording_and_lets_an_engine_wrap_the_kits():
    class Louder:
        @hookimpl
        def transcribe(self, next_engine):
            found = next_engine()
            return replace(found, segments=tuple(replace(one, text=one.text.upper()) for one in found.segments))

    host, recording = load_plugins(louder=Louder()), Recording(transcript=make_transcript("Алло"))

    assert run_job(host, recording).response["segments"][0]["text"] == "Алло"
    assert run_job(host, recording, plugins={"louder": {}}).response["segments"][0]["text"] == "АЛЛО"
    assert host.active == {"louder"}


def test_run_job_has_the_hosts_settings_and_the_jobs_error():
    class Refuses:
        @hookimpl
        def post_align(self):
            raise OSError

    host = load_plugins(settings={"plugins_require": ("no",)}, no=Refuses())

    assert run_job(host).response["error"] == (
        "plugin no failed in post_align: it raised OSError; the job does not go on without it"
    )
    assert "beam_size must be" in run_job(beam_size=0).response["error"]


def wav(samples, rate_hz=16_000):
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(np.array(samples, "<i2").tobytes())
    return written.getvalue()


class Archive:
    def __init__(self, content):
        self.content, self.samples = content, None

    @hookimpl(schemes="archive")
    def source(self, folder):
        path = folder / "fetched.wav"
        path.write_bytes(self.content)
        return path

    @hookimpl
    def pre_audio(self, audio):
        self.samples = audio.samples.tolist()


def test_run_job_fetches_what_the_request_names_and_reads_wav_without_pyav():
    plugin = Archive(wav([0, 16384, -32768]))
    assert "error" not in run_job({"archive": plugin}, audio_file="archive://1").response
    assert plugin.samples == [0.0, 0.5, -1.0]

    inline = base64.b64encode(wav([8192])).decode()
    assert "error" not in run_job({"archive": plugin}, audio_base64=inline).response
    assert plugin.samples == [0.25]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (wav([0], 8000), "the kit reads one channel of 16 bits at 16 kHz"),
        (b"ID3 and so on", "the kit reads WAV alone: file does not start with RIFF id"),
    ],
)
def test_run_job_says_what_it_cannot_read(content, sentence):
    assert run_job({"archive": Archive(content)}, audio_file="archive://1").response["error"] == sentence


def test_the_kit_needs_neither_torch_nor_pyav_nor_pytest():
    script = "import sys; from whisperx_worker.testing import run_job; run_job(diarization=True); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True)
    assert {"torch", "av", "pytest", "soundfile"} & set(done.stdout.split()) == set()


# --- contents, the demo, the fixture


def test_check_contents_raises_with_what_the_worker_would_find():
    check_contents(make_transcript("Алло"))
    with pytest.raises(PluginError, match=r"^segment 0 has end nan, which is no time$"):
        check_contents(Transcript((Segment(0.0, math.nan, "Алло"),), "ru"))


def test_the_demo_is_the_beginning_of_the_shipped_dialogue():
    import soundfile

    demo = demo_recording()
    dialogue = json.loads((ROOT / "demo" / "dialogue.json").read_text(encoding="utf-8"))
    words = [word for segment in demo.transcript.segments for word in segment.words]
    samples, _ = soundfile.read(DEMO_FILE, dtype="float32")

    assert [(one.word, one.start, one.end) for one in words] == [
        (one["word"], one["start"], one["end"]) for one in dialogue["words"][: len(words)]
    ]
    assert make_demo() == DEMO_FILE.read_bytes()
    assert len(make_demo()) < 100_000
    assert demo.audio.samples.tolist() == samples.tolist()
    assert [(one.start, one.end) for one in demo.diarization.turns] == [(0.33, 2.06), (2.605, 4.935)]


class HoldsSomething(Shouts):
    held = True

    @hookimpl
    def shutdown(self):
        self.held = False


@pytest.fixture
def held(monkeypatch):
    """A plugin that is shut down before this fixture ends."""
    monkeypatch.setenv("WHISPERX_WORKER_MODEL", "of-this-machine")
    plugin = HoldsSomething()
    yield plugin
    assert plugin.held is False


def test_the_fixture_hides_the_machines_settings_and_shuts_plugins_down(held, open_plugins):  # noqa: F811
    host = open_plugins(held=held)
    assert (host.active, host.settings.model, held.held) == ({"held"}, Settings().model, True)
    assert "WHISPERX_WORKER_MODEL" not in os.environ
