import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import open_telemetry
from whisperx_worker import Result, SpeakerTurn
from whisperx_worker.testing import load_plugin, make_job, make_transcript, run_chain

EXPORTER = InMemorySpanExporter()


@pytest.fixture(scope="module")
def host():
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(EXPORTER))
    trace.set_tracer_provider(provider)
    return load_plugin(open_telemetry, name="open_telemetry")


@pytest.fixture(autouse=True)
def _no_spans_of_other_tests():
    EXPORTER.clear()


def spans():
    """What was exported, by name."""
    return {span.name: span for span in EXPORTER.get_finished_spans()}


def test_a_stage_is_a_child_of_its_job_and_lies_inside_it(host):
    job = make_job(host)
    with job.timed("job"), job.stage("transcribe"):
        pass
    whole, stage = spans()["job"], spans()["transcribe"]
    assert (whole.parent, stage.parent.span_id) == (None, whole.context.span_id)
    assert whole.start_time <= stage.start_time
    assert stage.end_time - stage.start_time == round(job.timings["transcribe_s"] * 1e9)


def test_the_job_span_has_the_request_and_the_counts_of_the_result(host):
    job = make_job(host, model="demo-whisper-ru")
    turns = tuple(SpeakerTurn(start, start + 1.0, speaker) for start, speaker in ((0.0, "A"), (1.0, "B"), (2.0, "A")))
    with job.timed("job"):
        job.warn("something")
        run_chain(host, "finalize", Result(make_transcript("Алло", "Да"), 12.5, turns=turns), job)
    assert dict(spans()["job"].attributes) == {
        "whisperx_worker.job_id": "test",
        "whisperx_worker.model": "demo-whisper-ru",
        "whisperx_worker.warnings": 1,
        "whisperx_worker.audio_s": 12.5,
        "whisperx_worker.segments": 2,
        "whisperx_worker.speakers": 2,
    }


def test_an_error_span_has_only_the_type_of_the_error(host):
    job = make_job(host)
    with pytest.raises(ValueError, match="Анна"), job.timed("job"), job.stage("fetch"):
        raise ValueError("https://h.example/Анна.wav")
    for span in spans().values():
        assert (span.status.status_code, span.status.description) == (trace.StatusCode.ERROR, "ValueError")
        assert span.events == ()


def test_two_jobs_have_a_trace_each(host):
    jobs = [make_job(host), make_job(host)]
    for job in jobs:
        with job.timed("job"), job.stage("decode"):
            pass
    traces = [span.context.trace_id for span in EXPORTER.get_finished_spans()]
    assert len(traces) == 4
    assert len(set(traces)) == 2


def test_nothing_is_kept_of_a_job_that_has_ended(host):
    job = make_job(host)
    with job.timed("job"), job.stage("finalize"):
        run_chain(host, "finalize", Result(make_transcript("Алло"), 1.0), job)
    assert (len(open_telemetry._stages), len(open_telemetry._found)) == (0, 0)  # noqa: SLF001
