"""Rows and tables of the comparison on real voices, and the answers that are kept."""

from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from bench import real_quality
from bench.real_conditions import WITHOUT_SPEECH, RealRecording, Turn
from bench.real_quality import Answer, Result, Row, System, app, content_key, evaluate, report
from bench.real_scores import Errors
from bench.real_systems import Segment, Transcript

RECORDING = RealRecording("call", np.zeros(16_000, np.float32), (), (Turn("Добрый день.", "ru", "one", 0.0, 1.0),))
KEPT = Answer(Transcript((Segment(0.0, 1.0, "Добрый пень"),)), 2.0, 3.0)


def result(errors, answer=KEPT):
    return (Result("call", answer, (errors,)),)


@pytest.fixture
def peer(tmp_path, monkeypatch):
    """A peer with one kept answer, which it gives without being loaded."""
    monkeypatch.setattr(real_quality, "KEPT", tmp_path)
    monkeypatch.setattr(real_quality.systems, "identity", lambda name: (name, "1.0"))
    real_quality.keep(tmp_path / f"{content_key(RECORDING, ('batched', '1.0'))}.json", KEPT)
    return System("batched", 1, fresh=False)


def test_a_kept_answer_is_given_again(peer):
    assert peer.answer(RECORDING) == replace(KEPT, is_kept=True)


def test_a_kept_answer_is_scored_as_a_fresh_one(peer):
    assert evaluate(peer, RECORDING).errors == (Errors(2, 1, 0, 0),)


@pytest.mark.parametrize(
    "other", [replace(RECORDING, language=None), replace(RECORDING, sound=np.ones(16_000, np.float32))]
)
def test_another_sound_or_language_has_another_answer(other):
    assert content_key(other, ("batched",)) != content_key(RECORDING, ("batched",))
    assert content_key(RECORDING, ("sequential",)) != content_key(RECORDING, ("batched",))


def test_the_tables_have_rates_intervals_and_invented_words():
    spoken = Row(
        "Russian", "calls", ("clip",), {"ours": result(Errors(10, 1, 0, 0)), "batched": result(Errors(10, 1, 2, 0))}
    )
    kept = replace(KEPT, is_kept=True)
    silent = Row(
        WITHOUT_SPEECH, "hum", ("hum",), {"ours": result(Errors()), "batched": result(Errors(inserted=4), kept)}
    )
    lines = list(report([spoken, silent], ["ours", "batched"]))
    assert "| calls, 10 words | 10.0 (0, 0) | 30.0 (2, 0) | -20.0 (-20.0 to -20.0) |" in lines
    assert "- this worker less faster-whisper, batched, all of these: -20.0 (-20.0 to -20.0) points" in lines
    assert "| hum | 0 | 4 |" in lines
    assert "| nothing spoken | 2, 3 | 2, 3 (of an earlier run) |" in lines


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--systems", "ours,theirs"], "there is no system 'theirs'; known are ours, whisperx, batched"),
        (["--only", "opera"], "no condition has 'opera' in its name"),
    ],
)
def test_an_unknown_name_is_refused_before_a_model_is_loaded(arguments, message):
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "TERM": "dumb"})
    assert done.exit_code == 2
    assert message in done.output
