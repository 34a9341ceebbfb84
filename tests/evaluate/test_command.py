"""The command from recordings to a report, with an engine that has no model."""

import json
import re
from pathlib import Path

import pytest
import typer

from tests.cli.test_cli import run
from tests.clips import wav
from whisperx_worker.cli.main import app

SOUND = wav(seconds=0.5)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def calls(tmp_path):
    folder = tmp_path / "calls"
    folder.mkdir()
    for name, text in (("a", "Алло, это Анна."), ("b", "Алло, это Иван."), ("c", "да")):
        (folder / f"{name}.wav").write_bytes(SOUND)
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    (folder / "c.wav").write_bytes(b"no sound at all")
    return folder


def report_of(folder):
    return json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.usefixtures("parrot")
def test_recordings_are_transcribed_and_measured(calls, tmp_path):
    before = sorted(calls.rglob("*"))

    done = run("evaluate", str(calls), "-q", "-o", str(tmp_path / "report"))

    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0, "A: 3 recordings, 7 words of reference; 1 recording failed and counted as all wrong",
    )  # fmt: skip
    assert re.search(r"^WER +28\.6% +0\.0 … \d+\.\d +2 +7 +3$", done.stdout, re.MULTILINE)
    assert done.stderr.splitlines()[0] == "3 recordings; references with text: 3"
    (configuration,) = report_of(tmp_path / "report")["configurations"]
    failed, wrong, right = configuration["recordings"]
    assert (failed["name"], wrong["name"], right["name"]) == ("c", "b", "a")
    assert failed["failure"] == "the file is not audio that can be read: it looks like plain text"
    assert str(tmp_path) not in (tmp_path / "report" / "evaluation.html").read_text(encoding="utf-8")
    assert sorted(calls.rglob("*")) == before


@pytest.mark.slow
@pytest.mark.usefixtures("parrot")
def test_options_of_transcribe_are_compared(calls, tmp_path):
    (calls / "c.wav").unlink()
    (calls / "c.txt").unlink()
    done = run(
        "evaluate", str(calls), "-q", "--language", "ru", "--plugin", 'parrot.text="алло"',
        "--compare", "--plugin 'parrot.text=\"Алло, это Иван\"'", "-o", str(tmp_path / "report"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, second = report_of(tmp_path / "report")["configurations"]
    assert (first["measures"][0]["errors"], second["measures"][0]["errors"]) == (4, 1)
    assert report_of(tmp_path / "report")["differences"][0]["verdict"] == "B is better"


@pytest.mark.slow
@pytest.mark.usefixtures("parrot")
def test_a_result_with_impossible_times_fails_alone(calls, tmp_path):
    plugin = tmp_path / "plugins" / "parrot.py"
    plugin.write_text(plugin.read_text(encoding="utf-8").replace("Segment(0.0,", "Segment(0.6,"), encoding="utf-8")
    (calls / "a.wav").write_bytes(wav(seconds=1.0))
    done = run("evaluate", str(calls), "-q")
    assert done.returncode == 0, done.stderr
    assert re.search(
        r"^b +100\.0% +transcribe failed in plugin parrot: it returned Transcript in which segment 0 ends at 0\.5 before",
        done.stdout,
        re.MULTILINE,
    )
    assert "; 2 recordings failed and counted as all wrong\n" in done.stdout


@pytest.mark.slow
@pytest.mark.usefixtures("parrot")
def test_when_every_recording_fails_the_command_does(calls):
    for name in "ab":
        (calls / f"{name}.wav").write_bytes(b"")
    done = run("evaluate", str(calls), "-q")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "whisperx-worker: A: every recording failed; the file is empty"
    assert re.search(r"^WER +100\.0% ", done.stdout, re.MULTILINE)


def test_results_are_measured_without_their_recordings(tmp_path):
    for folder, text in (("truth", "раз два"), ("one", "раз"), ("other", "раз два")):
        (tmp_path / folder).mkdir()
        for name in "ab":
            content = {"segments": [{"start": 0.0, "end": 1.0, "text": text}], "detected_language": "ru"}
            path = tmp_path / folder / (f"{name}.txt" if folder == "truth" else f"{name}.json")
            path.write_text(text if folder == "truth" else json.dumps(content), encoding="utf-8")
    (tmp_path / "one" / "b.json").write_text(json.dumps({"error": "the audio is empty"}), encoding="utf-8")

    done = run("evaluate", str(tmp_path / "truth"), "--results", str(tmp_path / "one"), "--compare", str(tmp_path / "other"))  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert re.search(r"^WER +75\.0% +50\.0 … 100\.0 +3 +4 +2$", done.stdout, re.MULTILINE)
    assert re.search(r"^b +100\.0% +the audio is empty$", done.stdout, re.MULTILINE)
    assert re.search(r"^WER +-75\.0 pp +-100\.0 … -50\.0 +B is better$", done.stdout, re.MULTILINE)


def test_a_result_that_is_missing_counts_as_failed(tmp_path):
    (tmp_path / "truth").mkdir()
    (tmp_path / "out").mkdir()
    for name in "ab":
        (tmp_path / "truth" / f"{name}.txt").write_text("раз", encoding="utf-8")
    (tmp_path / "out" / "a.json").write_text('{"segments": [{"start": 0, "end": 1, "text": "Раз!"}]}', encoding="utf-8")
    done = run("evaluate", str(tmp_path / "truth"), "--results", str(tmp_path / "out"))
    assert "; 1 recording failed and counted as all wrong\n" in done.stdout
    assert re.search(r"^b +100\.0% +there is no result$", done.stdout, re.MULTILINE)


def test_the_command_has_the_options_of_transcribe():
    group = typer.main.get_command(app)
    with group.make_context("whisperx-worker", ["evaluate"]) as outer:
        command = group.commands["evaluate"]
        with command.make_context("evaluate", ["x"], parent=outer) as inner:
            ours = {option for parameter in command.get_params(inner) for option in parameter.opts}
    theirs = {option for parameter in group.commands["transcribe"].params for option in parameter.opts}
    assert theirs - ours == {"recordings", "--format", "-f", "--output", "--trace", "--voices", "--learn"}
    shown = run("evaluate", "--help").stdout
    assert "--beam-size" in shown
    assert "--compare" in shown
