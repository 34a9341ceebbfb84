"""A job with `debug` has a trace of its plugins: time and changes in numbers, and none of its text."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.hooks.whole_jobs import response_to
from whisperx_worker import (
    Audio,
    DecodedText,
    Diarization,
    JobRefusedError,
    Result,
    Segment,
    Span,
    SpeakerMatch,
    SpeakerTurn,
    Speech,
    Transcript,
    hookimpl,
    with_extra,
)
from whisperx_worker.hooks.trace import MAX_CALLS, changes, contents
from whisperx_worker.testing import load_plugin, make_audio, make_job, make_transcript, run_chain

TWO = make_transcript("раз два", "три")
CHUNK = DecodedText(Span(0.0, 1.0), "раз", -0.1, 0.0)
TURNS = (SpeakerTurn(0.0, 1.0, "A"), SpeakerTurn(1.0, 2.0, "B"))


def with_first(transcript, **changed):
    first, *others = transcript.segments
    return replace(transcript, segments=(replace(first, **changed), *others))


def with_samples(audio, seconds):
    samples = np.array(audio.samples)
    samples[: round(seconds * 16_000)] += 0.5
    return Audio(samples)


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (TWO, TWO, {}),
        (TWO, replace(TWO, segments=tuple(replace(one) for one in TWO.segments)), {}),
        (TWO, with_first(TWO, text="раз, два"), {"segments": 1}),
        (TWO, with_first(TWO, words=()), {"segments": 1, "words": 2}),
        (TWO, replace(TWO, segments=TWO.segments[1:]), {"segments": 1, "words": 2}),
        (TWO, replace(TWO, language="en"), {"language": 1}),
        (TWO, replace(TWO, segments=(with_extra(TWO.segments[0], "mood", joy=1), TWO.segments[1])), {"segments": 1}),
        (TWO.segments, TWO.segments[:1], {"segments": 1, "words": 1}),
        (Result(TWO, 2.0), Result(TWO, 2.0, (SpeakerMatch("A", "Анна"),)), {"speakers": 1}),
        (Result(TWO, 2.0), with_extra(Result(TWO, 2.0), "mood", joy=1), {"extra": 1}),
        (Diarization(TURNS, TURNS, {}), Diarization(TURNS[:1], TURNS, {}), {"turns": 1}),
        (
            Diarization(TURNS, TURNS, {"A": np.zeros(2, np.float32)}),
            Diarization(TURNS, TURNS, {"A": np.ones(2, np.float32)}),
            {"embeddings": 1},
        ),
        (CHUNK, replace(CHUNK, text="два", retry=True), {"text": 1, "retry": 1}),
        ({"segments": [], "a": 1}, {"segments": [], "b": 1}, {"a": 1, "b": 1}),
    ],
)
def test_a_change_is_counted(before, after, found):
    assert changes(before, after) == found


def test_changes_of_audio_are_seconds():
    audio = make_audio(2.0)
    assert changes(audio, with_samples(audio, 0.25)) == {"audio_s": 0.25}
    assert changes(audio, Audio(np.array(audio.samples[:16_000]))) == {"length_s": -1.0}


def test_what_an_engine_found_is_counted():
    assert contents(TWO) == {"segments": 2, "words": 3}
    assert contents(Diarization(TURNS, TURNS, {})) == {"turns": 2, "speakers": 2}
    assert contents(Speech((Span(0.0, 1.0),))) == {"spans": 1}
    assert contents([SpeakerMatch("A")]) == {"items": 1}


class Shortens:
    @hookimpl
    def finalize(self, result):
        return replace(result, transcript=replace(result.transcript, segments=()))


class Leaves:
    @hookimpl
    def post_align(self):
        return None


class Breaks:
    @hookimpl
    def post_align(self):
        raise RuntimeError("позвоните")


class Observes:
    @hookimpl
    def job_started(self):
        return None


def test_the_response_has_each_call_and_no_text():
    response = response_to(debug=True, breaks=Breaks(), leaves=Leaves(), shortens=Shortens(), observes=Observes())
    calls = response["debug"]["plugins"]

    assert [(one["plugin"], one["hook"], one["outcome"], one["changes"]) for one in calls] == [
        ("observes", "job_started", "answered", {}),
        ("recognises", "transcribe", "answered", {"segments": 1, "words": 2}),
        ("breaks", "post_align", "failed", {}),
        ("leaves", "post_align", "unchanged", {}),
        ("shortens", "finalize", "changed", {"segments": 1, "words": 2}),
    ]
    assert all(0 <= one["seconds"] < 60 for one in calls)
    assert "позвоните" not in json.dumps(calls, ensure_ascii=False)


def test_a_refusal_is_no_failure():
    class Refuses:
        @hookimpl
        def post_align(self):
            raise JobRefusedError("no")

    host = load_plugin(Refuses())
    job = make_job(host, debug=True)
    with pytest.raises(JobRefusedError):
        run_chain(host, "post_align", TWO, job)

    assert [call.outcome for call in job.calls] == ["refused"]


def test_a_job_without_debug_has_no_trace():
    host = load_plugin(Breaks())
    job = make_job(host)
    run_chain(host, "post_align", Transcript((Segment(0.0, 1.0, "да"),), "ru"), job)

    assert job.calls == []


def test_the_trace_has_an_end():
    host = load_plugin(Leaves())
    job = make_job(host, debug=True)
    for _ in range(MAX_CALLS + 1):
        run_chain(host, "post_align", TWO, job)

    assert len(job.calls) == MAX_CALLS
