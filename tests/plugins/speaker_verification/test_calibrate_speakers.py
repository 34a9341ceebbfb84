"""`whisperx-worker calibrate-speakers`, run on the shipped voices with the shipped encoder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from whisperx_worker import BadInputError
from whisperx_worker.cli import main
from whisperx_worker_plugins.speaker_verification.command import calibrate_speakers, find_recordings

DEMO = Path(__file__).parents[3] / "demo"


@pytest.fixture
def run(monkeypatch):
    """The command line with the command as an installed plugin brings it."""
    point = SimpleNamespace(name="calibrate-speakers", value="plugin:command", load=lambda: calibrate_speakers)
    monkeypatch.setattr(main, "entry_points", lambda group: [point] if group == "whisperx_worker.commands" else [])
    monkeypatch.setattr(main.app, "registered_commands", list(main.app.registered_commands))
    main.add_plugin_commands()
    return lambda *arguments: CliRunner().invoke(main.app, ["calibrate-speakers", *map(str, arguments)])


@pytest.fixture
def voices(tmp_path):
    """A folder of two people with two recordings each."""
    folder = tmp_path / "voices"
    for name in ("anna", "ivan"):
        (folder / name).mkdir(parents=True)
        for number, file in enumerate((f"{name}.flac", f"{name}-2.flac"), 1):
            (folder / name / f"{number}.flac").symlink_to(DEMO / file)
    return folder


@pytest.mark.models
def test_it_proposes_a_threshold_and_draws_the_similarities(run, voices, tmp_path):
    plot = tmp_path / "scores.svg"
    result = run(voices, "--model", "demo-speaker-embedding", "--plot", plot)

    assert result.exit_code == 0, result.output
    assert "4 recordings of 2 people: 2 pairs of one person, 4 of two" in result.output
    assert "equal-error rate    0.0% at 0.9" in result.output
    assert "It is only as good as these recordings" in result.output
    assert plot.read_text().startswith("<?xml")


@pytest.mark.models
def test_a_recording_that_cannot_be_used_is_left_out_and_named(run, voices, tmp_path):
    (voices / "anna" / "page.wav").write_text("<!DOCTYPE html><html></html>")
    result = run(voices, "--model", "demo-speaker-embedding", "--plot", tmp_path / "scores.png")

    assert "warning: the sample of anna/page.wav: " in result.output
    assert "4 recordings of 2 people" in result.output
    assert (tmp_path / "scores.png").read_bytes().startswith(b"\x89PNG")


def test_files_are_found_by_person(voices):
    assert [(person, file.name) for person, file in find_recordings(voices)] == [
        ("anna", "1.flac"),
        ("anna", "2.flac"),
        ("ivan", "1.flac"),
        ("ivan", "2.flac"),
    ]


def test_a_folder_without_people_is_a_clear_error(tmp_path):
    (tmp_path / "anna.wav").write_bytes(b"")
    with pytest.raises(BadInputError, match="has no sub-folders with recordings; it needs one for each person"):
        find_recordings(tmp_path)


def test_a_command_that_cannot_be_loaded_is_told_and_takes_nothing_down(monkeypatch, capsys):
    def load():
        raise ModuleNotFoundError("No module named 'elsewhere'")

    point = SimpleNamespace(name="broken", value="elsewhere:command", load=load)
    monkeypatch.setattr(main, "entry_points", lambda **_group: [point])
    main.add_plugin_commands()
    assert capsys.readouterr().err == (
        "warning: the command broken of elsewhere:command cannot be loaded: No module named 'elsewhere'\n"
    )


@pytest.mark.models
def test_the_two_kinds_are_drawn_even_where_all_similarities_are_one_number(tmp_path):
    from whisperx_worker_plugins.speaker_verification.calibration import Trials, calibrate
    from whisperx_worker_plugins.speaker_verification.command import draw_similarities

    trials = Trials(np.ones(3), np.ones(3))
    draw_similarities(trials, calibrate(trials), tmp_path / "same.svg")
    (tmp_path / "full.svg").mkdir()
    with pytest.raises(BadInputError, match=r"full\.svg cannot be written: Is a directory"):
        draw_similarities(trials, calibrate(trials), tmp_path / "full.svg")


@pytest.mark.parametrize(
    ("plot", "sentence"),
    [("scores.doc", "scores.doc must end in .png or .svg"), ("no/where.svg", "there is no folder no")],
)
def test_a_picture_that_cannot_be_drawn_is_refused_before_a_model_is_loaded(run, voices, plot, sentence):
    result = run(voices, "--model", "a-model-that-is-nowhere", "--plot", plot)
    assert isinstance(result.exception, BadInputError)
    assert sentence in str(result.exception)


@pytest.mark.models
@pytest.mark.slow
def test_libraries_say_nothing_and_no_file_is_written_unasked(voices, tmp_path):
    command = [sys.executable, "-m", "whisperx_worker.cli", "calibrate-speakers", str(voices)]
    done = subprocess.run(
        [*command, "--model", "demo-speaker-embedding"], cwd=tmp_path, capture_output=True, encoding="utf-8", check=True
    )
    assert done.stderr == ""
    assert "proposed threshold" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["voices"]
