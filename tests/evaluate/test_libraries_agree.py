"""Figures of the command are the libraries' own, on the shipped dialogue and on real people's recordings."""

import json
from pathlib import Path

import pytest

from tests.cli.test_cli import run
from whisperx_worker.evaluate.normaliser import normalise

jiwer = pytest.importorskip("jiwer")
meeteval = pytest.importorskip("meeteval", reason="meeteval is not installed: it needs a C++ compiler")
pytest.importorskip("pyannote.metrics")

pytestmark = [pytest.mark.models, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
VOICES = ROOT / "bench" / "voices"
MODELS = ["--model", "demo-whisper-ru", "--language", "ru"]
WITH_SPEAKERS = ["--align-model", "demo-wav2vec2-ru", "--diarize", "--diarization-model", "demo-diarization"]


def figures(report):
    (configuration,) = json.loads((report / "evaluation.json").read_text(encoding="utf-8"))["configurations"]
    return {one["measure"]: one for one in configuration["measures"]}


def shares(measured):
    return {key: (one["errors"], one["of"]) for key, one in measured.items()}


def as_stm(folder, name, items):
    """A file that meeteval reads, with normalised words."""
    path = folder / f"{name}.stm"
    lines = [f"call 1 {one['speaker']} {one['start']} {one['end']} {normalise(one['word'])}\n" for one in items]
    path.write_text("".join(lines), encoding="utf-8")
    return meeteval.io.load(path)


def in_pyannote(turns):
    from pyannote.core import Annotation, Segment

    annotation = Annotation()
    for track, (start, end, speaker) in enumerate(turns):
        annotation[Segment(start, end), track] = speaker
    return annotation


def rttm(path):
    lines = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return [(name, float(start), float(start) + float(length), speaker)
            for _, name, _, start, length, _, _, speaker, *_ in lines]  # fmt: skip


def der_by_hand(pairs, collar_s):
    from pyannote.core import Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate

    metric = DiarizationErrorRate(collar=2 * collar_s)
    for reference, hypothesis in pairs:
        metric(reference, hypothesis, uem=Timeline([Segment(0, 3_600)]))
    return abs(metric)


@pytest.fixture(scope="module")
def dialogue(tmp_path_factory):
    """The shipped dialogue: the truth, the result, and what is measured of it."""
    folder = tmp_path_factory.mktemp("dialogue")
    sound = str(ROOT / "demo" / "dialogue.flac")
    done = run("transcribe", sound, *MODELS, *WITH_SPEAKERS, "-f", "json", "-f", "rttm", "-o", str(folder / "out"))
    assert done.returncode == 0, done.stderr
    done = run("evaluate", sound, "--results", str(folder / "out"), "-o", str(folder / "report"))
    assert done.returncode == 0, done.stderr
    truth = json.loads((ROOT / "demo" / "dialogue.json").read_text(encoding="utf-8"))
    result = json.loads((folder / "out" / "dialogue.json").read_text(encoding="utf-8"))
    return folder, truth, result, figures(folder / "report")


def test_words_and_characters_are_jiwers(dialogue):
    _, truth, result, measured = dialogue
    reference = normalise(truth["text"])
    hypothesis = normalise(" ".join(segment["text"] for segment in result["segments"]))

    by_hand = jiwer.process_words(reference, hypothesis)
    assert by_hand.wer > 0
    assert measured["wer"]["value"] == pytest.approx(100 * by_hand.wer, abs=1e-6)
    assert {key: measured[key]["errors"] for key in ("substituted", "deleted", "inserted")} == {
        "substituted": by_hand.substitutions, "deleted": by_hand.deletions, "inserted": by_hand.insertions,
    }  # fmt: skip
    assert measured["cer"]["value"] == pytest.approx(100 * jiwer.cer(reference, hypothesis), abs=1e-6)


def test_words_with_speakers_are_meetevals(dialogue):
    folder, truth, result, measured = dialogue
    reference = as_stm(folder, "reference", truth["words"])
    words = [word for segment in result["segments"] for word in segment["words"]]
    hypothesis = as_stm(folder, "hypothesis", words)

    cp = meeteval.wer.cpwer(reference, hypothesis)["call"]
    tcp = meeteval.wer.tcpwer(reference, hypothesis, collar=5)["call"]

    found = shares(measured)
    assert found["cpwer"] == (cp.errors, cp.length)
    assert found["tcpwer"] == (tcp.errors, tcp.length)
    assert cp.errors > 0


@pytest.mark.parametrize(("key", "collar_s"), [("der", 0.0), ("der_collar", 0.25)])
def test_turns_are_pyannotes(dialogue, key, collar_s):
    folder, truth, _, measured = dialogue
    reference = in_pyannote([(turn["start"], turn["end"], turn["speaker"]) for turn in truth["turns"]])
    hypothesis = in_pyannote([turn[1:] for turn in rttm(folder / "out" / "dialogue.rttm")])
    by_hand = der_by_hand([(reference, hypothesis)], collar_s)
    assert measured[key]["value"] == pytest.approx(100 * by_hand, abs=1e-5)


def test_sentences_of_real_people_are_jiwers(tmp_path):
    listed = [json.loads(line) for line in (VOICES / "index.jsonl").read_text(encoding="utf-8").splitlines()]
    clips = [one for one in listed if one["path"].startswith("ru/cv/")][:4]
    lines = [
        {"audio": str(VOICES / one["path"]), "id": str(number), "text": one["text"]} for number, one in enumerate(clips)
    ]
    manifest = tmp_path / "clips.jsonl"
    manifest.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    out = tmp_path / "out"

    for line in lines:
        done = run("transcribe", line["audio"], *MODELS, "-f", "json", "-o", str(tmp_path / "made"))
        assert done.returncode == 0, done.stderr
        out.mkdir(exist_ok=True)
        (tmp_path / "made" / f"{Path(line['audio']).stem}.json").rename(out / f"{line['id']}.json")
    direct = run("evaluate", str(manifest), *MODELS, "-q", "-o", str(tmp_path / "direct"))
    from_results = run("evaluate", str(manifest), "--results", str(out), "-o", str(tmp_path / "report"))

    references = [normalise(line["text"]) for line in lines]
    results = [json.loads((out / f"{line['id']}.json").read_text(encoding="utf-8")) for line in lines]
    hypotheses = [normalise(" ".join(segment["text"] for segment in result["segments"])) for result in results]
    measured = figures(tmp_path / "report")
    assert measured["wer"]["value"] == pytest.approx(100 * jiwer.wer(references, hypotheses), abs=1e-6)
    assert measured["cer"]["value"] == pytest.approx(100 * jiwer.cer(references, hypotheses), abs=1e-6)
    assert "cpwer" not in measured
    assert from_results.stdout == direct.stdout
    assert figures(tmp_path / "direct")["wer"] == measured["wer"]


def test_turns_of_a_real_meeting_are_pyannotes(tmp_path):
    """The turns that the small model finds, with the overlapping speech of three meetings."""
    ami = VOICES / "ami"
    names = sorted(path.stem for path in ami.glob("*.flac"))
    done = run(
        "transcribe", *(str(ami / f"{name}.flac") for name in names), *MODELS, "--diarize",
        "--diarization-model", "demo-diarization", "-f", "json", "-f", "rttm", "-o", str(tmp_path / "out"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

    done = run("evaluate", str(ami), "--refs", str(ami / "ami.rttm"), "--results", str(tmp_path / "out"), "-o", str(tmp_path / "report"))  # fmt: skip

    assert done.returncode == 0, done.stderr
    truth = rttm(ami / "ami.rttm")
    pairs = [
        (in_pyannote([turn[1:] for turn in truth if turn[0] == name]),
         in_pyannote([turn[1:] for turn in rttm(tmp_path / "out" / f"{name}.rttm")]))
        for name in names
    ]  # fmt: skip
    measured = figures(tmp_path / "report")
    assert measured["der"]["recordings"] == len(names) == 3
    assert measured["der"]["value"] == pytest.approx(100 * der_by_hand(pairs, 0.0), abs=1e-5)
    assert measured["der_collar"]["value"] == pytest.approx(100 * der_by_hand(pairs, 0.25), abs=1e-5)
    assert measured["der"]["value"] > measured["der_collar"]["value"] > 0
    assert "wer" not in measured
