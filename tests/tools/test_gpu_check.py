"""The tool that measures on a GPU, tried without one: its table, its failures, and the rows that a CPU can do."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tools.gpu_check import scarcity
from tools.gpu_check.__main__ import Result, lines, run_in_process, table
from tools.gpu_check.faults import KERNELS
from tools.gpu_check.rows import ROWS, rows_for
from tools.gpu_check.setup import CheckError, Measure, Setup
from tools.lock import ROOT

ON_CPU = ["--device", "cpu", "--layers", "1", "--quick", "--minutes", "60"]


def gpu_check(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "tools.gpu_check", *arguments], cwd=ROOT, capture_output=True, encoding="utf-8", check=False,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )  # fmt: skip


@pytest.mark.slow
def test_without_a_gpu_it_says_so_in_one_sentence_and_ends_with_2(tmp_path):
    done = gpu_check("--into", str(tmp_path / "table.md"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "there is no GPU that can be used, so nothing was measured; --device cpu tries the tool\n"
    assert not (tmp_path / "table.md").exists()


@pytest.mark.models
@pytest.mark.slow
def test_rows_run_on_a_cpu_and_their_values_are_in_the_table(tmp_path):
    names = ("machine", "random models", "stages", "recognition, int8", "GPU fails: torch without memory")
    done = gpu_check(*ON_CPU, "--models", str(tmp_path / "models"), "--into", str(tmp_path / "table.md"), *names)
    written = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert done.returncode == 0, written
    assert done.stdout.endswith(f"\n{written}\n")
    assert [(name, what) for name, what, _ in cells(written)] == [
        ("machine", "processor"), ("", "versions"), ("", "measured"),
        ("random models", "depth"), ("", "random-whisper-large-v3"), ("", "random-wav2vec2-xlsr-large"),
        ("", "random-diarization-community-1"), ("", "random-ecapa-voxceleb"),
        ("stages of a whole job", "decode"), *[("", stage) for stage in ("align", "detect_speech", "diarize", "identify_language", "job", "transcribe", "verify_speakers")],
        ("recognition, int8, batches of 2", "load"), ("", "memory after a first short job"), ("", "per minute of sound"), ("", "peak above that"),
        ("GPU fails: torch without memory", "the job before"), ("", "the job itself"), ("", "the job after"),
    ]  # fmt: skip
    values = {what: value for _, what, value in cells(written)}
    assert all(
        re.fullmatch(r"[\d.]+ s, [\d.]+ s per minute of sound, peak [\d,]+ MB", values[stage])
        for stage in ("align", "job")
    )
    assert re.fullmatch(r"[\d.]+ s \(\d+× real time\)", values["per minute of sound"])
    assert (values["the job before"], values["the job after"]) == ("answered", "answered")


def cells(markdown):
    """Name, what and value of each line, the stages of a job in the order of the alphabet: two of them run at once."""
    made = [tuple(re.split(r" \| ", line.removeprefix("| ").removesuffix(" |"))) for line in markdown.splitlines()[2:]]
    made = [(name.strip(), what, value) for name, what, value in ([*line] for line in made)]
    first = next(place for place, line in enumerate(made) if line[0].startswith("stages")) + 1
    return [*made[:first], *sorted(made[first : first + 7]), *made[first + 7 :]]


@pytest.mark.models
@pytest.mark.slow
def test_a_row_that_fails_says_why_and_the_command_ends_non_zero(tmp_path):
    done = gpu_check(*ON_CPU, "--models", str(tmp_path), "--into", str(tmp_path / "table.md"), "loading", "machine")
    assert done.returncode == 1
    assert done.stderr == "failed: loading\n"
    last = (tmp_path / "table.md").read_text(encoding="utf-8").splitlines()[-1]
    assert re.match(r"\| (loading)? \| \*\*failed\*\* \| ModelNotFoundError: the model ", last)


def row(name):
    return next(row for row in ROWS if row.name == name)


def test_a_row_that_takes_too_long_is_ended():
    result = run_in_process(row("machine"), ON_CPU, limit_s=0.01)
    assert (result.state, result.reason) == ("failed", "it was not done after 0 s")


def test_a_row_whose_process_dies_has_its_last_words():
    result = run_in_process(row("machine"), ["--device", "abacus"], limit_s=60.0)
    assert result.state == "failed"
    assert result.reason.startswith("its process ended with 2: ")
    assert "invalid choice: 'abacus'" in result.reason


def test_no_row_begins_when_the_time_for_all_of_them_is_over():
    assert run_in_process(row("machine"), ON_CPU, limit_s=0.0) == Result(
        "machine", (), "failed", "there was no time left for it"
    )


def test_a_table_has_the_name_of_a_row_once_and_no_bar_or_line_break_inside_a_cell():
    results = [
        Result("first", (Measure("load", "1 s"), Measure("run", "a|b\nc")), "ok"),
        Result("second", (), "failed", "it broke"),
        Result("third", (Measure("load", "2 s"),), "not run", "no bfloat16"),
    ]
    assert lines(results) == [
        "| first | load | 1 s |",
        "|  | run | a\\|b c |",
        "| second | **failed** | it broke |",
        "| third | load | 2 s |",
        "|  | not run | no bfloat16 |",
    ]
    assert table(results).splitlines()[:2] == ["| check | what | value |", "|---|---|---|"]


def test_each_device_has_its_rows_and_names_choose_among_them():
    assert {row.device for row in rows_for("cuda", ())} == {None, "cuda"}
    assert {row.device for row in rows_for("cpu", ())} == {None, "cpu"}
    assert [row.name for row in rows_for("cuda", ("machine", "GPU fails: ill"))] == [
        "machine",
        "GPU fails: illegal address",
    ]
    names = [row.name for row in ROWS]
    assert len(names) == len(set(names))


# --- too little memory


def response(*texts, warnings=(), start=0.0):
    segments = [{"start": start + number, "end": start + number + 1, "text": text} for number, text in enumerate(texts)]
    return {"segments": segments, "warnings": list(warnings)}


HALVED = "transcribe ran out of memory with a batch of 32, and went on with 16"


def recovered(monkeypatch, *responses):
    """What the row gives when the job with all memory, then with less and less, has these responses."""
    given = iter(responses)
    monkeypatch.setattr(scarcity, "_run_in_process", lambda _setup, _stage, _left_mb: (next(given), 1000.0))
    return [measure.value for measure in scarcity.exhaust_memory(Setup("cuda", Path("models")), "transcribe")]


def test_memory_is_taken_away_until_the_worker_halves_its_batches(monkeypatch):
    values = recovered(monkeypatch, response("one"), response("one"), response("one", warnings=[HALVED]))
    assert values == ["1,000 MB with batches of 32", "it fits", HALVED, "the same"]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (response("other", warnings=[HALVED]), "the text is another one"),
        (response("one", start=0.2, warnings=[HALVED]), "the start of a segment is another one"),
        (response("one"), "it never ran out of memory"),
    ],
)
def test_an_answer_that_less_memory_changes_fails_the_row(monkeypatch, answer, sentence):
    with pytest.raises(CheckError, match=sentence):
        recovered(monkeypatch, response("one"), *[answer] * len(scarcity.SHARES))


# --- faults

PTXAS = (
    Path(find_spec("triton").origin).parent / "backends" / "nvidia" / "bin" / "ptxas" if find_spec("triton") else None
)


@pytest.mark.models
@pytest.mark.skipif(
    PTXAS is None or not PTXAS.is_file(), reason="NVIDIA's assembler, which comes with torch, is not here"
)
@pytest.mark.parametrize("architecture", ["sm_75", "sm_80", "sm_90"])
def test_the_kernels_that_fail_are_good_assembly(tmp_path, architecture):
    (tmp_path / "kernels.ptx").write_bytes(KERNELS)
    command = [PTXAS, f"-arch={architecture}", "kernels.ptx", "-o", "kernels.cubin"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")
