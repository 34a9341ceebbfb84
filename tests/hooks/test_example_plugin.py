"""A plugin of somebody else is installed with pip, found, given its options, and kept apart when it fails."""

from __future__ import annotations

import base64
import io
import json
import wave

import pytest

from tests.third_party import installed

pytestmark = pytest.mark.slow

DICTATION = '''
"""An engine without a model, and a chain that can be made to fail."""

from dataclasses import dataclass

from whisperx_worker import Segment, Transcript, Word, hookimpl

SAID = "Звоните 8 916 123-45-67, это Анна."


@dataclass(frozen=True)
class Options:
    fall: bool = False


@hookimpl
def register_options():
    return Options


@hookimpl
def transcribe():
    words = tuple(Word(word, float(i), i + 1.0) for i, word in enumerate(SAID.split()))
    return Transcript((Segment(0.0, float(len(words)), SAID, words),), "ru")


@hookimpl(tryfirst=True)
def post_align(options):
    if options.fall:
        raise RuntimeError("cannot read /etc/private/list")
'''

ANSWERS = """
import json, sys
from whisperx_worker.worker import answer, open_worker

worker = open_worker()
jobs = json.load(sys.stdin)
print(json.dumps({name: answer(worker, name, job) for name, job in jobs.items()}))
"""

MASKED = "Звоните ● ●●● ●●●-●●-●●, это Анна."
FELL = "plugin dictation failed in post_align: it raised RuntimeError; its change is left out"


def half_a_second_of_silence():
    file = io.BytesIO()
    with wave.open(file, "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(16_000)
        recording.writeframes(bytes(16_000))
    return base64.b64encode(file.getvalue()).decode()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Runs Python where the example is installed and a plugins folder has the engine; gives what it prints."""
    return installed("phone_mask", tmp_path_factory.mktemp("third_party"), {"dictation": DICTATION})


@pytest.fixture(scope="module")
def plugins(run):
    return {record["name"]: record for record in json.loads(run("-m", "whisperx_worker.cli", "plugins", "--json"))}


@pytest.fixture(scope="module")
def answers(run):
    recording = {"audio_base64": half_a_second_of_silence()}
    fall = {"plugins": {"dictation": {"fall": True}}}
    jobs = {
        "plain": recording,
        "with options": {**recording, "plugins": {"phone_mask": {"keep_last": 2, "mask": "*"}}},
        "unknown option": {**recording, "plugins": {"phone_mask": {"keep_first": 2}}},
        "wrong option": {**recording, "plugins": {"phone_mask": {"keep_last": 5}}},
        "failing": {**recording, **fall},
        "failing strict": {**recording, **fall, "strict": True},
    }
    return json.loads(run("-c", ANSWERS, stdin=json.dumps(jobs)))


LISTED = ("name", "source", "version", "state", "reason", "hooks", "description")


def test_the_installed_plugin_is_listed_with_its_version_and_hooks(plugins):
    assert {name: plugins["phone_mask"][name] for name in LISTED} == {
        "name": "phone_mask",
        "source": "whisperx-worker-phone-mask",
        "version": "1.0.0",
        "state": "active",
        "reason": "",
        "hooks": ["post_align", "register_options"],
        "description": "Plugin that masks phone numbers in text and words, in digits or spoken in Russian.",
    }


def test_the_mounted_plugin_is_listed_beside_it(plugins):
    assert {name: plugins["dictation"][name] for name in LISTED} == {
        "name": "dictation",
        "source": "dictation.py",
        "version": "-",
        "state": "active",
        "reason": "",
        "hooks": ["post_align", "register_options", "transcribe"],
        "description": "An engine without a model, and a chain that can be made to fail.",
    }


def test_the_options_of_the_installed_plugin_are_described_by_the_docstrings_under_its_fields(plugins):
    keep_last, mask = plugins["phone_mask"]["options"]
    assert (keep_last["name"], keep_last["type"], keep_last["default"]) == ("keep_last", "integer", 0)
    assert keep_last["description"] == "Number of digits, or number words, that stay readable at the end."
    assert (mask["default"], mask["set"], mask["locked"], mask["secret"]) == ("●", False, False, False)


def test_a_job_comes_out_masked_with_nothing_asked(answers):
    (segment,) = answers["plain"]["segments"]
    assert (segment["text"], answers["plain"]["warnings"]) == (MASKED, [])


def test_the_words_are_masked_with_the_text_and_keep_their_times(answers):
    (segment,) = answers["plain"]["segments"]
    assert [(word["word"], word["start"], word["end"]) for word in segment["words"]] == [
        ("Звоните", 0.0, 1.0),
        ("●", 1.0, 2.0),
        ("●●●", 2.0, 3.0),
        ("●●●-●●-●●,", 3.0, 4.0),
        ("это", 4.0, 5.0),
        ("Анна.", 5.0, 6.0),
    ]


def test_the_jobs_options_reach_the_plugin(answers):
    (segment,) = answers["with options"]["segments"]
    assert segment["text"] == "Звоните * *** ***-**-67, это Анна."
    assert [word["word"] for word in segment["words"]] == segment["text"].split()


def test_an_option_that_the_plugin_does_not_have_is_refused_in_one_sentence(answers):
    assert answers["unknown option"] == {
        "error": 'plugins.phone_mask has no option "keep_first" (there are: keep_last, mask)'
    }


def test_a_value_that_the_plugin_does_not_take_is_refused_in_one_sentence(answers):
    assert answers["wrong option"] == {"error": "plugins.phone_mask.keep_last: input should be less than or equal to 4"}


def test_a_plugin_that_fails_is_named_in_a_warning_and_the_job_still_has_its_masked_text(answers):
    (segment,) = answers["failing"]["segments"]
    assert (segment["text"], answers["failing"]["warnings"]) == (MASKED, [FELL])


def test_in_a_strict_job_the_failure_is_the_answer(answers):
    assert answers["failing strict"] == {"error": f"strict: {FELL}"}
