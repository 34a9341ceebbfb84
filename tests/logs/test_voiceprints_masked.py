"""A plugin that lets voiceprints out in every way: none comes out but in the place of the response that is for it."""

from __future__ import annotations

import base64
import io
import json
import logging
import pickle
import random

import pytest

from tests.clips import wav
from tests.voiceprints import seen_of, some_text
from whisperx_worker import Speaker
from whisperx_worker.contract.settings import Settings
from whisperx_worker.hooks.loading import load_host, mounted
from whisperx_worker.logs import job_log, redaction, voiceprint_mask
from whisperx_worker.pipeline.outcome import run_request
from whisperx_worker.testing import demo_recording
from whisperx_worker.testing.jobs import worker_with_engines
from whisperx_worker.voices.voiceprint import Voiceprint, read_voiceprint, write_voiceprint

SENT = some_text(1, model="kit-bands", revision="1")
NOISE = base64.b64encode(wav(5.0)[:44] + random.Random(1).randbytes(160_000)).decode()

LEAKY = '''
"""Plugin that lets voiceprints out."""

import base64
import json
import logging
import sys
import threading
import warnings
from dataclasses import dataclass, replace

from whisperx_worker import BadInputError, JobRefusedError, OutputFormat, Segment, Span, hookimpl, with_extra

log = logging.getLogger("leaky")


@dataclass(frozen=True)
class Options:
    how: str = ""
    of: str = "sent"
    form: str = "whole"


def refuse(error, text):
    raise error(f"{text} does not fit")


def end_thread(text):
    thread = threading.Thread(target=refuse, args=(ValueError, text))
    thread.start()
    thread.join()


FORMS = {
    "whole": lambda text: text,
    "half": lambda text: text[: len(text) // 2],
    "other half": lambda text: text[len(text) // 2 :],
    "fragment": lambda text: text[101:125],
    "in a word": lambda text: f"x{text[130:170]}y",
    "in lines": lambda text: "\\n".join(text[start : start + 64] for start in range(0, len(text), 64)),
    "in base64": lambda text: base64.b64encode(f"v: {text}".encode()).decode(),
    "in base64 for a URL": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "in JSON": lambda text: json.dumps(json.dumps([text])),
    "in a URL": lambda text: f"https://host.example/a?v={text}&x=1",
}

WAYS = {
    "log": lambda text, job: log.info("it is %s", text),
    "log of the worker": lambda text, job: logging.getLogger("whisperx_worker.x").warning(text),
    "repr in the log": lambda text, job: log.info("%r", [text]),
    "extra of a record": lambda text, job: log.info("x", extra={"voice": text, "voiceprint": [text]}),
    "traceback": lambda text, job: end_thread(text),
    "print": lambda text, job: print(text),
    "warning of Python": lambda text, job: warnings.warn(text, stacklevel=1),
    "warning": lambda text, job: job.warn(f"{text} is odd", Span(0.0, 0.1)),
    "note": lambda text, job: job.notes.update({"by": [{"v": text}], f"of {text}": 1}),
    "note of a text": lambda text, job: job.note_text("removed", Segment(0.0, 1.0, text), text),
    "stage": lambda text, job: job.progress(f"with {text}", 0.5),
    "timed stage": lambda text, job: job.timed(text).__enter__(),
    "error": lambda text, job: refuse(ValueError, text),
    "sentence": lambda text, job: refuse(BadInputError, text),
    "refusal": lambda text, job: refuse(JobRefusedError, text),
    "repr of the job": lambda text, job: log.info("%r %s %s", job.request, job.request, job.request.model_dump()),
}


@hookimpl
def register_options():
    return Options


def text_of(job, options, result):
    sent = job.request.speakers[0].voiceprints[0].get_secret_value()
    return FORMS[options.form](sent if options.of == "sent" else result.speakers[0].voiceprint)


@hookimpl
def finalize(result, job, options):
    text = text_of(job, options, result)
    if options.how == "data of a plugin":
        return with_extra(result, "leaky", text=[text])
    if options.how == "voiceprint of a segment":
        made = [replace(one, segment=0) for one in result.speakers]
        return replace(result, speakers=(*result.speakers, *made))
    if options.how in WAYS:
        WAYS[options.how](text, job)
    return None


@hookimpl
def respond(response, job, options):
    if options.how == "response":
        sent = job.request.speakers[0].voiceprints[0].get_secret_value()
        text = FORMS[options.form](sent if options.of == "sent" else response["speakers"][0]["voiceprint"])
        speakers = [dict(one, seen=text) for one in response["speakers"]] + [{"voiceprint": sent}, text]
        return {**response, "x": [text], text: text, "speakers": speakers}
    return None


@hookimpl
def register_outputs():
    return [OutputFormat("leaky", ".txt", lambda result, job, options: text_of(job, options, result))]
'''
ALL_WAYS = [
    "log", "log of the worker", "repr in the log", "extra of a record", "traceback", "print", "warning of Python", "warning",
    "note", "note of a text", "stage", "timed stage", "error", "sentence", "refusal", "repr of the job", "data of a plugin",
    "voiceprint of a segment", "response", "output",
]  # fmt: skip
FORMS = [
    "whole", "half", "other half", "fragment", "in a word", "in lines", "in base64", "in base64 for a URL", "in JSON",
    "in a URL",
]  # fmt: skip
FEW_FORMS = ["whole", "fragment", "in base64"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("plugins")
    (made / "leaky.py").write_text(LEAKY, encoding="utf-8")
    return made


def open_worker(folder, *, isolated=False):
    settings = Settings(plugins_dir=folder, plugins_isolate=("leaky",) if isolated else ())
    return worker_with_engines(load_host(settings, mounted(folder)), demo_recording())


@pytest.fixture(scope="module")
def worker(folder):
    return open_worker(folder)


@pytest.fixture(scope="module")
def isolated_worker(folder):
    return open_worker(folder, isolated=True)


@pytest.fixture
def log_format():
    return "text"


@pytest.fixture
def log_file(log_format, tmp_path):
    root = logging.getLogger()
    level, raising = root.level, logging.raiseExceptions
    job_log.start_logging(tmp_path / "log.txt", console=True, log_format=log_format)
    yield tmp_path / "log.txt"
    job_log.stop_logging()
    logging.captureWarnings(capture=False)
    logging.raiseExceptions = raising
    root.setLevel(level)


def run(worker, **options):
    return run_request(
        worker,
        "job",
        {
            "audio_base64": NOISE,
            "speakers": [{"name": "Анна", "voiceprints": [SENT]}],
            "diarization": True,
            "return_voiceprints": True,
            "debug": True,
            "output_formats": ["json", "srt", "leaky"],
            "plugins": {"leaky": options},
        },
    )


def check_exits(outcome, log_file, capfd, *voiceprints):
    """Take the voiceprints out of their place; then look for fragments of them everywhere."""
    response = json.loads(json.dumps(outcome.response))
    for speaker in response.get("speakers", ()):
        if isinstance(speaker, dict):
            speaker.pop("voiceprint", None)
    exits = [
        json.dumps(response, ensure_ascii=False),
        log_file.read_text("utf-8"),
        *capfd.readouterr(),
        str(outcome.error),
        repr(outcome.error),
        *outcome.warnings,
        *(content for name, content in outcome.outputs.items() if name != "json"),
    ]
    for text in exits:
        for voiceprint in voiceprints:
            assert seen_of(voiceprint, text) == []


def made_by(worker):
    speakers = run(worker).response["speakers"]
    return speakers[0]["voiceprint"]


@pytest.mark.parametrize("of", ["sent", "made"])
@pytest.mark.parametrize("how", ALL_WAYS)
def test_no_fragment_of_a_voiceprint_comes_out(worker, log_file, capfd, how, of):
    made = made_by(worker)
    for form in FORMS if how in {"log", "response"} else FEW_FORMS:
        outcome = run(worker, how=how, of=of, form=form)
        check_exits(outcome, log_file, capfd, SENT, made)


@pytest.mark.parametrize("log_format", ["json"])
@pytest.mark.parametrize("how", ["log", "extra of a record", "traceback"])
def test_no_fragment_is_in_a_log_of_json(worker, log_file, capfd, how):
    check_exits(run(worker, how=how, form="fragment"), log_file, capfd, SENT)
    assert '"voiceprint": ["***"]' in log_file.read_text("utf-8") or how != "extra of a record"


@pytest.mark.slow
@pytest.mark.parametrize("of", ["sent", "made"])
@pytest.mark.parametrize("how", ALL_WAYS)
def test_no_fragment_comes_out_of_a_plugin_in_its_own_process(isolated_worker, log_file, capfd, how, of):
    made = made_by(isolated_worker)
    for form in FEW_FORMS:
        check_exits(run(isolated_worker, how=how, of=of, form=form), log_file, capfd, SENT, made)


def test_the_voiceprint_of_a_speaker_is_in_its_place_whatever_plugins_answer(worker):
    plain, changed = run(worker).response["speakers"], run(worker, how="response", of="made").response["speakers"]

    assert changed[0]["voiceprint"] == plain[0]["voiceprint"]
    assert read_voiceprint(plain[0]["voiceprint"]).model == "kit-bands"
    assert changed[0]["seen"] == "voiceprint***"
    assert changed[-2:] == [{"voiceprint": "voiceprint***"}, "voiceprint***"]


@pytest.mark.usefixtures("log_file")
def test_what_stands_around_a_voiceprint_is_still_there(worker):
    assert " it is voiceprint***\n" in run(worker, how="log").response["logs"]
    assert " it is ***\n" in run(worker, how="log", form="fragment").response["logs"]


def test_nothing_of_a_voiceprint_is_kept_after_the_job(worker, monkeypatch):
    monkeypatch.setattr(voiceprint_mask, "LATE_S", 0.0)
    run(worker, how="log", of="made")

    for place, (_, blocks) in enumerate(voiceprint_mask._ended):
        voiceprint_mask._ended[place] = (0.0, blocks)
    assert redaction.mask(SENT[300:340]) == SENT[300:340]
    assert not voiceprint_mask._known


def test_what_a_plugin_prints_late_is_masked_too():
    with redaction.hidden([SENT]):
        pass
    assert redaction.mask(SENT[300:340]) == "***"


def test_values_with_voiceprints_show_nothing_of_them():
    speaker = Speaker(name="Анна", voiceprints=[SENT])
    shown = io.StringIO()
    print(speaker, repr(speaker), speaker.model_dump(), speaker.model_dump_json(), read_voiceprint(SENT), file=shown)

    assert seen_of(SENT, shown.getvalue()) == []
    assert "0." not in repr(read_voiceprint(SENT))
    assert pickle.loads(pickle.dumps(speaker)).read_voiceprints()[0].speech_s == 12.5


@pytest.mark.parametrize("length", [24, 25, 31, 60])
def test_every_fragment_of_that_length_is_masked(length):
    with redaction.hidden([SENT]):
        content = SENT.removeprefix("voiceprint1_")
        for start in range(len(content) - length + 1):
            assert redaction.mask_known(f"a {content[start : start + length]} b") == "a *** b"


def test_text_that_is_no_voiceprint_stays():
    texts = [
        "voiceprint1_ and voiceprints are words, voiceprint_of_a_person is a name",
        "/srv/models/faster-whisper-large-v3-russian/model.bin",
        "0f99f2d0ebe89ac095bcc5903c4dd8f72b367286",
        base64.b64encode(bytes(range(150))).decode(),
    ]
    with redaction.hidden([SENT]):
        assert [redaction.mask_known(text) for text in texts] == texts


def test_the_prefix_is_the_one_that_is_masked():
    voiceprint = read_voiceprint(SENT)

    assert redaction.mask(write_voiceprint(voiceprint)) == "voiceprint***"
    assert redaction.mask(f'{{"v":"{SENT}"}}') == '{"v":"voiceprint***"}'
    small = write_voiceprint(Voiceprint(voiceprint.embedding[:1] * 0 + 1, "a", "b", 1.0))
    assert redaction.mask(small) == "voiceprint***"


@pytest.mark.parametrize(
    "data",
    [
        {"speakers": [{"name": "Анна", "voiceprints": [SENT]}]},
        {"speakers": SENT},
        {"x": {SENT: 1}},
        {"speaker_samples": [{"name": SENT}]},
        {"audio_file": f"https://host.example/{SENT}.wav"},
    ],
)
def test_a_voiceprint_is_a_secret_wherever_a_request_has_it(data):
    assert SENT in redaction.secrets_of(data)


def test_a_word_in_the_place_of_a_voiceprint_is_no_secret():
    assert redaction.secrets_of({"speakers": [{"voiceprints": ["speech"]}]}) == []
    assert redaction.secrets_of({"speakers": [{"voiceprints": [SENT[30:90]]}]}) == [SENT[30:90]]
