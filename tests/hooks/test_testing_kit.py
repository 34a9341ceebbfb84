"""The kit that plugin authors test with does what the worker does."""

from __future__ import annotations

import doctest
from dataclasses import dataclass, replace

import numpy as np
import pytest

from whisperx_worker import (
    BadInputError,
    OutputFormat,
    PluginError,
    Result,
    Segment,
    SpeakerTurn,
    Transcript,
    Word,
    hookimpl,
    testing,
)
from whisperx_worker.testing import (
    load_plugin,
    make_audio,
    make_diarization,
    make_job,
    make_transcript,
    run_chain,
    run_engine,
    write_output,
)


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
    assert doctest.testmod(testing) == doctest.TestResults(failed=0, attempted=5)


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
