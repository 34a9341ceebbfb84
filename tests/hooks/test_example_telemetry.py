"""The OpenTelemetry plugin is installed with pip, and real jobs become spans that tell strangers nothing."""

from __future__ import annotations

import base64
import json

import pytest

from tests.clips import wav
from tests.conftest import PARROT
from tests.third_party import installed

pytestmark = pytest.mark.slow

SPANS = """
import json, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from whisperx_worker.worker import answer, open_worker

exporter = InMemorySpanExporter()
trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter))
worker = open_worker()
answers = {name: answer(worker, name, job) for name, job in json.load(sys.stdin).items()}
print(json.dumps([answers, [json.loads(span.to_json()) for span in exporter.get_finished_spans()]]))
"""

AUDIO = base64.b64encode(wav(0.5)).decode()
JOBS = {
    "plain": {"audio_base64": AUDIO, "model": "any-model", "debug": True},
    "with a warning": {
        "audio_base64": AUDIO,
        "align_output": True,
        "plugins": {"wav2vec2_alignment": {"model": "no-such"}},
    },
    "failing": {"audio_base64": base64.b64encode(b"<html>").decode()},
    "refused": {"audio_base64": AUDIO, "beam_size": 0},
}


@pytest.fixture(scope="module")
def answers_and_spans(tmp_path_factory):
    run = installed("open_telemetry", tmp_path_factory.mktemp("third_party"), {"parrot": PARROT})
    return json.loads(run("-c", SPANS, stdin=json.dumps(JOBS)))


@pytest.fixture(scope="module")
def spans(answers_and_spans):
    """Spans of each job by name."""
    jobs = {
        span["context"]["trace_id"]: span["attributes"]["whisperx_worker.job_id"]
        for span in answers_and_spans[1]
        if span["name"] == "job"
    }
    return {
        job: {span["name"]: span for span in answers_and_spans[1] if span["context"]["trace_id"] == trace}
        for trace, job in jobs.items()
    }


def test_a_job_is_one_span_and_each_stage_a_child_of_it(spans):
    whole = spans["plain"]["job"]
    children = [name for name, span in spans["plain"].items() if span["parent_id"] == whole["context"]["span_id"]]
    assert whole["parent_id"] is None
    assert sorted(children) == ["decode", "fetch", "finalize", "post_align", "pre_audio", "transcribe"]
    assert whole["attributes"] == {
        "whisperx_worker.job_id": "plain",
        "whisperx_worker.model": "any-model",
        "whisperx_worker.warnings": 0,
        "whisperx_worker.audio_s": 0.5,
        "whisperx_worker.segments": 1,
        "whisperx_worker.speakers": 0,
    }


def test_a_stage_that_failed_in_a_job_that_went_on_is_an_error_in_it(spans, answers_and_spans):
    statuses = {name: span["status"] for name, span in spans["with a warning"].items()}
    assert statuses.pop("align") == {"status_code": "ERROR", "description": "PluginError"}
    assert all(status == {"status_code": "UNSET"} for status in statuses.values())
    assert len(answers_and_spans[0]["with a warning"]["warnings"]) == 1


def test_a_job_that_failed_is_an_error(spans):
    assert spans["failing"]["job"]["status"] == {"status_code": "ERROR", "description": "BadInputError"}
    assert sorted(spans["failing"]) == ["decode", "fetch", "job"]


def test_a_request_that_was_refused_has_no_span(spans):
    assert set(spans) == {"plain", "with a warning", "failing"}


def test_no_span_says_what_was_said_or_why_it_failed(answers_and_spans):
    answers, spans = answers_and_spans
    told = json.dumps(spans, ensure_ascii=False)
    assert answers["plain"]["segments"][0]["text"] == "Алло, это Анна."
    for private in ("Алло", "Анна", answers["failing"]["error"], "no-such", AUDIO[:20]):
        assert private not in told
