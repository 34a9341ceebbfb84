import io
import json
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from unittest import mock

import pytest
from typer.testing import CliRunner

from tests.clips import wav
from tests.runpod_server import ACTOR
from whisperx_worker.cli.main import (
    app,
    main,
    parse_plugin_options,
    parse_speakers,
    progress_bar,
    refuse_same_names,
    result_names,
    write_atomically,
)
from whisperx_worker.errors import BadInputError, WorkerError
from whisperx_worker.logs import job_log
from whisperx_worker.version import __version__


def run(*arguments):
    """The command in this process: what it prints, what it complains of, and how it ends."""
    out, err = io.StringIO(), io.StringIO()
    with mock.patch.object(sys, "argv", ["whisperx-worker", *arguments]), redirect_stdout(out), redirect_stderr(err):
        code = ending()
    job_log.stop_logging()
    if isinstance(code, str):
        err.write(f"{code}\n")
    return subprocess.CompletedProcess(
        arguments, int(code) if isinstance(code, int) else 1, out.getvalue(), err.getvalue()
    )


def ending():
    try:
        main()
    except SystemExit as end:
        return end.code or 0
    return 0


@pytest.fixture
def call(tmp_path):
    path = tmp_path / "call.wav"
    path.write_bytes(wav(seconds=0.5))
    return str(path)


@pytest.mark.slow
@pytest.mark.usefixtures("parrot")
def test_transcribe_prints_the_text_as_a_command_of_its_own(call):
    command = [sys.executable, "-m", "whisperx_worker.cli", "transcribe", call]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "Алло, это Анна.\n", "")


@pytest.mark.slow
@pytest.mark.usefixtures("parrot")
@pytest.mark.parametrize(
    ("encoding", "printed"),
    [("ascii", "Да.".encode()), ("koi8-r", "Да.".encode("koi8-r")), ("latin-1", rb"\u0414\u0430.")],
)
def test_the_text_is_printed_whatever_letters_the_locale_has(call, monkeypatch, encoding, printed):
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    command = [
        sys.executable,
        "-m",
        "whisperx_worker.cli",
        "transcribe",
        call,
        "--plugin",
        "parrot.text=Да.".encode(),
    ]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, printed + b"\n", b"")


@pytest.mark.usefixtures("parrot")
def test_transcribe_writes_each_format_into_the_folder(call, tmp_path):
    done = run("transcribe", call, "-f", "srt", "-f", "json", "--language", "en", "--output", str(tmp_path / "out"))

    assert done.returncode == 0
    assert (tmp_path / "out" / "call.srt").read_text(
        encoding="utf-8"
    ) == "1\n00:00:00,000 --> 00:00:00,500\nАлло, это Анна.\n"
    assert json.loads((tmp_path / "out" / "call.json").read_text(encoding="utf-8"))["detected_language"] == "en"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["call.json", "call.srt"]


FORMATS = """
from whisperx_worker import OutputFormat, hookimpl

@hookimpl
def register_outputs():
    return [
        OutputFormat("blob", ".bin", lambda result: bytes([0, 255])),
        OutputFormat("shout", ".txt", lambda result: result.transcript.text.upper()),
    ]
"""


@pytest.fixture
def formats(parrot, tmp_path):  # noqa: ARG001  its folder takes this plugin too
    """A plugin with a format of bytes, and one of text with the suffix of another."""
    (tmp_path / "plugins" / "formats.py").write_text(FORMATS, encoding="utf-8")


@pytest.mark.usefixtures("formats")
def test_bytes_are_a_file_and_formats_of_one_suffix_are_two(call, tmp_path):
    out = tmp_path / "out"
    done = run("transcribe", call, "-f", "shout", "-f", "txt", "-f", "blob", "-o", str(out))

    assert done.returncode == 0
    assert {path.name: path.read_bytes().decode("utf-8", "replace") for path in out.iterdir()} == {
        "call.bin": "\0\ufffd", "call.txt": "Алло, это Анна.\n", "call.shout.txt": "АЛЛО, ЭТО АННА."
    }  # fmt: skip


@pytest.mark.usefixtures("formats")
def test_bytes_go_to_a_pipe_alone_and_not_among_text(call):
    command = [sys.executable, "-m", "whisperx_worker.cli", "transcribe", call, "-q"]
    alone = subprocess.run([*command, "-f", "blob"], capture_output=True, check=True)
    beside = subprocess.run([*command, "-f", "txt", "-f", "blob"], capture_output=True, check=False)

    assert alone.stdout == b"\x00\xff"
    assert (beside.returncode, beside.stdout.decode()) == (1, "==> call.txt <==\nАлло, это Анна.\n")
    assert "call.bin is binary and is not printed; --output names a folder for it" in beside.stderr.decode()


@pytest.mark.usefixtures("formats")
def test_the_help_lists_the_formats_of_plugins():
    assert "json, srt, vtt, txt, tsv, rttm, blob, shout, redacted_flac; repeatable." in " ".join(
        run("transcribe", "--help").stdout.split()
    )


@pytest.mark.usefixtures("formats")
def test_the_help_is_there_although_the_settings_are_wrong(monkeypatch):
    monkeypatch.setenv("WHISPERX_WORKER_DEVICE", "abacus")
    done = run("transcribe", "--help")
    assert (done.returncode, "tsv, rttm; repeatable." in " ".join(done.stdout.split())) == (0, True)


@pytest.mark.usefixtures("parrot")
def test_options_of_plugins_come_from_the_command_line(call):
    assert run("transcribe", call, "--plugin", "parrot.text=Да.").stdout == "Да.\n"


@pytest.mark.usefixtures("parrot")
def test_one_bad_recording_does_not_stop_the_others_and_the_command_fails(call, tmp_path):
    page = tmp_path / "page.wav"
    page.write_text("<!DOCTYPE html><html></html>")

    done = run("transcribe", str(page), call)

    assert done.returncode == 1
    assert done.stdout == "==> call.txt <==\nАлло, это Анна.\n"
    assert (
        done.stderr == "whisperx-worker: page.wav: the file is not audio that can be read: it looks like an HTML page\n"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["/no/such/file.mp3"], 'audio_file: "/no/such/file.mp3" does not exist'),
        (["ftp://example.com/a.mp3"], "audio_file must be an http(s) URL, not ftp:"),
        (["https://example.com/a.mp3", "--batch-size", "0"], "batch_size must be a whole number from 1 to 1024, not 0"),
        (["https://example.com/a.mp3", "--min-speakers", "3", "--max-speakers", "2"], "min_speakers must not be above max_speakers, but 3 is above 2"),
        (
            ["https://example.com/a.mp3", "--speaker", "anna.wav", "--speaker", "Anna=a.wav", "--speaker", "=b.wav"],
            "--speaker must look like NAME=FILE, not 'anna.wav' or '=b.wav'",
        ),
        (["https://example.com/a.mp3", "--speaker", "Анна=/no/such.wav"], 'speaker_samples[0].url: "/no/such.wav" does not exist'),
        (["https://example.com/a.mp3", "--plugin", "nonsense"], "--plugin must look like plugin.option=value, not 'nonsense'"),
        (
            ["https://example.com/a.mp3", "-f", "pdf"],
            'output_formats: there is no format "pdf" (there are: json, redacted_flac, rttm, srt, tsv, txt, vtt)',
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence_and_a_failure(arguments, sentence):
    done = CliRunner().invoke(app, ["transcribe", *arguments])

    assert done.exit_code == 1
    assert sentence in (done.stderr or str(done.exception))


@pytest.mark.usefixtures("parrot")
def test_the_json_of_a_recording_has_its_warnings(tmp_path):
    (tmp_path / "cut.wav").write_bytes(wav(2.0)[:40_000])
    done = run("transcribe", str(tmp_path / "cut.wav"), "-f", "json", "--plugin", "parrot.text=Да.")
    (warned,) = json.loads(done.stdout)["warnings"]
    assert "it may be cut off" in warned
    assert f"warning: {warned}" in done.stderr


SLEEPER = """
from whisperx_worker import ModelRequirement, hookimpl

@hookimpl
def register_models():
    return [ModelRequirement("a model", "align", libraries=("asleep",))]
"""
ASLEEP = """
import os, pathlib, time

parent = os.getppid()
pathlib.Path(__file__).with_name("begun").touch()
while os.getppid() == parent:
    time.sleep(0.05)
"""


@pytest.mark.slow
def test_ctrl_c_ends_the_command_although_its_threads_import_something(monkeypatch, tmp_path):
    for name, text in {"plugins/sleeper.py": SLEEPER, "libraries/asleep.py": ASLEEP}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setenv("WHISPERX_WORKER_PLUGINS_DIR", str(tmp_path / "plugins"))
    monkeypatch.setenv("WHISPERX_WORKER_PLUGINS_ALLOW", "sleeper")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "libraries"))
    command = [sys.executable, "-c", "from whisperx_worker.cli.main import main; main()", "doctor"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not (tmp_path / "libraries" / "begun").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130


def test_the_version_is_printed():
    assert CliRunner().invoke(app, ["--version"]).stdout == f"{__version__}\n"


def test_recordings_that_would_overwrite_each_other_are_refused():
    places = [
        "a/x.mp3",
        "https://example.com/d/%D0%B0.wav?token=1",
        "https://example.com/?id=7",
        "data:audio/wav;base64,AA==",
    ]
    assert result_names(places) == ["x", "а", "recording", "recording"]
    with pytest.raises(BadInputError, match=r"^two recordings would both be written as 'x'; "):
        refuse_same_names(result_names(["a/x.mp3", "b/x.wav"]))


def test_a_plugin_option_is_json_where_it_can_be():
    assert parse_plugin_options(["a.n=2", "a.t=да=нет", "b.l=[1]"]) == {"a": {"n": 2, "t": "да=нет"}, "b": {"l": [1]}}


LISTENERS = """
from whisperx_worker import Diarization, SpeakerMatch, SpeakerTurn, hookimpl, read_sample, sample_name

@hookimpl
def diarize(audio, job):
    turns = tuple(SpeakerTurn(n, n + 1.0, f"SPEAKER_0{n}") for n in range(job.request.num_speakers or 1))
    return Diarization(turns, turns, {})

@hookimpl
def verify_speakers(job):
    heard = [(sample_name(s), read_sample(s, job).duration_s) for s in job.request.speaker_samples]
    job.warn(f"{heard}, {job.request.speaker_threshold}")
    return [SpeakerMatch("SPEAKER_00", heard[0][0], 0.5)]
"""


@pytest.fixture
def listeners(parrot, tmp_path, monkeypatch):  # noqa: ARG001  its engine recognises
    """Plugins that diarize and verify without a model."""
    (tmp_path / "plugins" / "listeners.py").write_text(LISTENERS, encoding="utf-8")
    monkeypatch.setenv("WHISPERX_WORKER_DIARIZE_ENGINE", "listeners")
    monkeypatch.setenv("WHISPERX_WORKER_VERIFY_SPEAKERS_ENGINE", "listeners")


@pytest.mark.usefixtures("listeners")
def test_people_are_named_from_files(call, tmp_path):
    sample = tmp_path / "Anna one.wav"
    sample.write_bytes(wav(seconds=0.25))

    people = ("--speaker", f"Анна={sample}", "--speaker", f"Анна={call}", "--speaker-threshold", "0.4")
    done = run("transcribe", call, "--diarize", *people)

    assert (done.returncode, done.stdout) == (0, "[Анна]: Алло, это Анна.\n")
    assert done.stderr == "warning: [('Анна', 0.25), ('Анна', 0.5)], 0.4\n"


@pytest.mark.usefixtures("listeners")
def test_who_says_how_many_speak_wants_to_know_who(call):
    done = run("transcribe", call, "--num-speakers", "2", "-f", "rttm")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "SPEAKER recording 1 0.000 1.000 <NA> <NA> SPEAKER_00 <NA> <NA>\n"
        "SPEAKER recording 1 1.000 1.000 <NA> <NA> SPEAKER_01 <NA> <NA>\n"
    )


@pytest.mark.usefixtures("parrot")
def test_a_channel_has_its_name_or_a_label(call):
    named, labelled, tracked = (
        run("transcribe", call, *options)
        for options in (["--channel-name", "Анна"], ["--channels", "separate"], ["--audio-track", "1"])
    )
    assert named.stdout == "[Анна]: Алло, это Анна.\n"
    assert labelled.stdout == "[CHANNEL_0]: Алло, это Анна.\n"
    assert (tracked.returncode, tracked.stdout) == (1, "")


def test_a_speaker_is_a_name_and_a_place():
    assert parse_speakers(["Анна=a=b.wav", "Иван=https://example.com/i.wav?x=1"]) == [
        {"name": "Анна", "url": "a=b.wav"},
        {"name": "Иван", "url": "https://example.com/i.wav?x=1"},
    ]


def test_of_two_stages_at_once_the_bar_shows_the_one_that_began_first(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    shown = []
    with progress_bar(quiet=False) as report:
        for stage, fraction in [("transcribe", 0.0), ("diarize", 0.25), ("transcribe", 0.5), ("transcribe", 1.0)]:
            report(stage, fraction)
            shown.append(sys.stderr.getvalue().rpartition("\r")[2].split()[0])

    assert shown == ["transcribe", "transcribe", "transcribe", "diarize"]


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_else(tmp_path):
    target = tmp_path / "call.srt"
    target.mkdir()

    with pytest.raises(WorkerError, match=r"cannot be written: Is a directory$"):
        write_atomically(target, "text")

    assert list(tmp_path.iterdir()) == [target]


def test_a_new_result_replaces_the_old_one(tmp_path):
    target = tmp_path / "call.srt"
    target.write_text("old")

    write_atomically(target, "new")

    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("call.srt", "new")]


@pytest.mark.usefixtures("parrot")
def test_results_are_readable_by_whom_the_umask_lets_read(call, tmp_path):
    run("transcribe", call, "-o", str(tmp_path / "out"))

    written = tmp_path / "out" / "call.txt"
    (tmp_path / "plain").write_text("")
    assert written.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_folder_for_results_that_cannot_be_one_is_told_before_the_work(call):
    done = run("transcribe", call, "-o", call)

    assert (done.returncode, done.stderr) == (
        1,
        f"whisperx-worker: {call} cannot be a folder for results: File exists\n",
    )


@pytest.mark.usefixtures("parrot")
def test_a_plugin_that_cannot_be_loaded_is_missed_in_every_job(call, tmp_path):
    (tmp_path / "plugins" / "broken.py").write_text("import nothere")

    done = run("transcribe", call)
    strict = run("transcribe", call, "--strict")

    assert done.stderr == "warning: plugin broken could not be loaded and takes no part in this job\n"
    assert (strict.returncode, strict.stderr) == (
        1, "whisperx-worker: strict: plugin broken could not be loaded and takes no part in this job\n"
    )  # fmt: skip


@pytest.mark.slow
def test_after_the_gpu_failed_the_other_recordings_are_not_tried_and_said_so(monkeypatch, tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "actor.py").write_text(ACTOR, encoding="utf-8")
    monkeypatch.setenv("WHISPERX_WORKER_PLUGINS_DIR", str(tmp_path / "plugins"))
    monkeypatch.setenv("WHISPERX_WORKER_TRANSCRIBE_ENGINE", "actor")
    calls = [tmp_path / f"{name}.wav" for name in "abc"]
    for file in calls:
        file.write_bytes(wav(0.5))
    poison = 'actor.breaks_gpu="CUDA error: device-side assert triggered"'
    done = run("transcribe", *map(str, calls), "--plugin", poison)
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if line.startswith("whisperx-worker:")] == [
        "whisperx-worker: a.wav: transcribe failed in plugin actor: the worker's GPU failed (RuntimeError)",
        "whisperx-worker: the GPU failed (RuntimeError: CUDA error: device-side assert triggered); 2 not tried",
    ]
