"""Diarization beside recognition, with fake plugins in the real pipeline."""

from __future__ import annotations

import base64
import contextvars
import logging
import threading
from dataclasses import replace

import numpy as np
import pytest

from tests.clips import wav
from whisperx_worker import (
    BadInputError,
    Diarization,
    JobCancelledError,
    ModelCache,
    PluginError,
    SpeakerMatch,
    SpeakerTurn,
    StrictError,
    Transcript,
    hookimpl,
)
from whisperx_worker.contract.settings import Settings
from whisperx_worker.hooks.host import Candidate
from whisperx_worker.hooks.job import Observers
from whisperx_worker.hooks.loading import load_host
from whisperx_worker.logs import job_log
from whisperx_worker.pipeline.concurrency import run_concurrently
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import Worker
from whisperx_worker.testing import make_diarization, make_job, make_transcript

CLIP = base64.b64encode(wav(seconds=3.0)).decode()
ANNA = {"name": "Анна", "audio_base64": CLIP}
TRANSCRIPT = make_transcript("Алло. Это", "Анна?")
TURNS = make_diarization((0.0, 0.5, "SPEAKER_01"), (0.5, 3.0, "SPEAKER_00"))
PATIENCE_S = 20.0
"""Seconds that one side waits for the other before a test fails."""


class Recognises:
    """Recogniser with a fixed reply, after a function that runs first."""

    def __init__(self, reply=TRANSCRIPT, first=lambda _job: None):
        self.reply = reply
        self.first = first
        self.received = []

    @hookimpl
    def transcribe(self, audio, job):
        return self.respond(audio, job)

    def respond(self, audio, job):
        self.received.append(audio)
        self.first(job)
        if isinstance(self.reply, BaseException):
            raise self.reply
        return self.reply


class Diarizes(Recognises):
    """Diarizer with fixed turns."""

    transcribe = None

    @hookimpl
    def diarize(self, audio, job):
        return self.respond(audio, job)


class Verifies:
    """Verifier with a fixed reply, which records its arguments."""

    def __init__(self, reply=()):
        self.reply = reply
        self.asked = []

    @hookimpl
    def verify_speakers(self, transcript, diarization):
        self.asked.append((transcript, diarization))
        if isinstance(self.reply, BaseException):
            raise self.reply
        return self.reply


def ask(*plugins, started=lambda _job: None, **fields):
    """Return the response of a worker with only these plugins."""
    candidates = [
        Candidate(type(plugin).__name__.lower(), "test", "0", load=lambda plugin=plugin: plugin) for plugin in plugins
    ]
    worker = Worker(Settings(), load_host(Settings(), candidates), ModelCache())
    assert len(worker.host.active) == len(plugins)
    return answer(
        worker, "job-1", {"audio_base64": CLIP, "diarization": True, **fields}, observers=Observers(started=started)
    )


def diarization_threads():
    """Return threads of diarization that still run."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("aside")]


def lines(response):
    return [
        (segment["start"], segment["end"], segment.get("speaker"), segment["text"]) for segment in response["segments"]
    ]


# --- the result of both sides


def test_a_job_with_diarization_has_a_speaker_for_each_word():
    response = ask(Recognises(), Diarizes(TURNS), output_formats=["json", "txt", "rttm"])

    assert lines(response) == [
        (0.0, 0.5, "SPEAKER_01", "Алло."), (0.5, 1.0, "SPEAKER_00", "Это"), (1.0, 2.0, "SPEAKER_00", "Анна?")
    ]  # fmt: skip
    assert response["segments"][1]["words"] == [
        {"word": "Это", "start": 0.5, "end": 1.0, "score": 1.0, "speaker": "SPEAKER_00"}
    ]
    assert response["speakers"] == [
        {"speaker": "SPEAKER_01", "speech_s": 0.5}, {"speaker": "SPEAKER_00", "speech_s": 2.5}
    ]  # fmt: skip
    assert response["outputs"] == {
        "txt": "[SPEAKER_01]: Алло.\n[SPEAKER_00]: Это\n[SPEAKER_00]: Анна?\n",
        "rttm": "SPEAKER recording 1 0.000 0.500 <NA> <NA> SPEAKER_01 <NA> <NA>\n"
        "SPEAKER recording 1 0.500 2.500 <NA> <NA> SPEAKER_00 <NA> <NA>\n",
    }
    assert response["warnings"] == []


def test_both_sides_run_at_the_same_time():
    meeting = threading.Barrier(2)

    def meet(_job):
        meeting.wait(PATIENCE_S)

    response = ask(Recognises(first=meet), Diarizes(TURNS, first=meet))

    assert (lines(response)[0], response["warnings"]) == ((0.0, 0.5, "SPEAKER_01", "Алло."), [])
    assert diarization_threads() == []


def test_both_sides_get_the_audio_from_pre_audio():
    class Halves:
        @hookimpl
        def pre_audio(self, audio):
            self.made = replace(audio, samples=audio.samples / 2)
            return self.made

    halves, recognises, diarizes = Halves(), Recognises(), Diarizes(TURNS)
    ask(halves, recognises, diarizes)

    assert recognises.received[0] is halves.made
    assert diarizes.received[0] is halves.made


def test_a_job_without_diarization_is_not_diarized():
    diarizes = Diarizes(TURNS)

    response = ask(Recognises(), diarizes, diarization=False)

    assert diarizes.received == []
    assert "speakers" not in response
    assert "speaker" not in response["segments"][0]


def test_what_is_logged_beside_the_text_belongs_to_the_job(tmp_path):
    job_log.start_logging(tmp_path / "log.txt", console=False)
    try:
        response = ask(Recognises(), Diarizes(TURNS, first=lambda _job: logging.getLogger("plugin").info("two voices")))
    finally:
        job_log.stop_logging()
        logging.captureWarnings(capture=False)

    assert "INFO two voices" in response["logs"]
    assert "[job-1] plugin: two voices" in (tmp_path / "log.txt").read_text(encoding="utf-8")


def test_both_sides_are_timed():
    timings = ask(Recognises(), Diarizes(TURNS), debug=True)["timings"]

    assert {"transcribe_s", "diarize_s"} <= set(timings)


def test_a_finalizer_sees_the_turns():
    class Looks:
        @hookimpl
        def finalize(self, result):
            self.turns = result.turns

    looks = Looks()
    ask(Recognises(), Diarizes(TURNS), looks)

    assert looks.turns == TURNS.turns


# --- when one side fails


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (ValueError("/srv/model.bin"), "diarize failed in plugin diarizes: it raised ValueError"),
        (PluginError("there is no token"), "diarize failed in plugin diarizes: there is no token"),
        (BadInputError("the recording is too short"), "the recording is too short"),
        (None, "diarize: plugin diarizes declined this job"),
        ("turns", "diarize failed in plugin diarizes: it returned str instead of Diarization"),
        (
            Diarization(("SPEAKER_00",), exclusive=(), embeddings={}),
            "diarize failed in plugin diarizes: it returned Diarization in which its turns are no tuple of SpeakerTurns",
        ),
        (
            make_diarization((2.0, 1.0, "SPEAKER_00")),
            "diarize failed in plugin diarizes: it returned Diarization in which turns[0] ends at 1.0 before it starts at 2.0",
        ),
        (
            make_diarization((0.0, float("nan"), "SPEAKER_00")),
            "diarize failed in plugin diarizes: it returned Diarization in which turns[0] has end nan, which is no time",
        ),
        (make_diarization(), "diarize found nobody speaking"),
    ],
)
def test_a_diarizer_that_fails_leaves_the_text_and_a_warning(reply, reason):
    response = ask(Recognises(), Diarizes(reply))

    assert lines(response) == [(0.0, 1.0, None, "Алло. Это"), (1.0, 2.0, None, "Анна?")]
    assert response["warnings"] == [f"{reason}; the text comes without speakers"]
    assert "speakers" not in response


def test_without_a_diarizer_there_is_the_text_and_a_warning():
    assert ask(Recognises())["warnings"] == [
        "diarize: no active plugin does this step; the text comes without speakers"
    ]


class UntilStopped:
    """Work until cancelled, and record the error."""

    def __init__(self):
        self.stopped_by = None
        self.begun = threading.Event()

    def __call__(self, job):
        self.begun.set()
        for _ in range(round(PATIENCE_S / 0.001)):
            try:
                job.progress("work", 0.5)
            except JobCancelledError as error:
                self.stopped_by = error
                raise
            threading.Event().wait(0.001)


def after(other):
    """Return a function that waits until the other side has started."""

    def wait(_job):
        assert other.begun.wait(PATIENCE_S)

    return wait


def test_a_strict_failure_of_the_diarizer_stops_the_text():
    text = UntilStopped()

    response = ask(Recognises(first=text), Diarizes(ValueError(), first=after(text)), strict=True)

    assert response == {
        "error": "strict: diarize failed in plugin diarizes: it raised ValueError; the text comes without speakers"
    }
    assert (str(text.stopped_by), diarization_threads()) == ("the job was cancelled", [])


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (StrictError("strict: a word is a guess"), "strict: a word is a guess"),
        (ValueError(), "transcribe failed in plugin recognises: it raised ValueError"),
        (BadInputError("compute_type does not work here"), "compute_type does not work here"),
    ],
)
def test_a_failure_of_the_text_stops_the_diarizer(reply, error):
    turns = UntilStopped()

    response = ask(Recognises(reply, first=after(turns)), Diarizes(TURNS, first=turns))

    assert response == {"error": error}
    assert (str(turns.stopped_by), diarization_threads()) == ("the job was cancelled", [])


def test_a_cancelled_job_stops_both_sides():
    text, turns, jobs = UntilStopped(), UntilStopped(), []

    def cancel():
        if text.begun.wait(PATIENCE_S) and turns.begun.wait(PATIENCE_S):
            jobs[0].cancel()

    client = threading.Thread(target=cancel)
    client.start()
    with pytest.raises(JobCancelledError, match=r"^the job was cancelled$"):
        ask(Recognises(first=text), Diarizes(TURNS, first=turns), started=jobs.append)
    client.join()

    assert [str(line.stopped_by) for line in (text, turns)] == ["the job was cancelled"] * 2
    assert diarization_threads() == []


def test_a_diarizer_that_ends_the_process_ends_it_from_its_thread_too():
    text = UntilStopped()

    with pytest.raises(KeyboardInterrupt):
        ask(Recognises(first=text), Diarizes(KeyboardInterrupt(), first=after(text)))

    assert diarization_threads() == []


def test_diarization_has_a_copy_of_the_context():
    customer = contextvars.ContextVar("customer")
    customer.set("Анна")

    def aside():
        seen = customer.get()
        customer.set("Иван")
        return seen

    assert run_concurrently(make_job(), customer.get, aside) == ("Анна", "Анна")
    assert customer.get() == "Анна"


def test_a_failure_that_comes_after_the_text_is_done_is_raised_all_the_same():
    done = threading.Event()

    def fail():
        assert done.wait(PATIENCE_S)
        raise StrictError("strict: too late")

    with pytest.raises(StrictError, match=r"^strict: too late$"):
        run_concurrently(make_job(), done.set, fail)


def test_progress_is_reported_by_one_thread_at_a_time():
    both = threading.Event()
    inside, overtaken = [], []

    def report(stage, _fraction):
        inside.append(stage)
        if len(inside) == 2:
            both.set()
        else:
            overtaken.append(both.wait(0.2))

    job = make_job(observers=Observers(progress=report))
    run_concurrently(job, lambda: job.progress("transcribe", 0.5), lambda: job.progress("diarize", 0.5))

    assert (sorted(inside), overtaken) == (["diarize", "transcribe"], [False])


# --- warnings about the request and the recording


def test_a_number_of_speakers_that_is_not_met_is_a_warning():
    assert ask(Recognises(), Diarizes(TURNS), num_speakers=3)["warnings"] == [
        "diarize found 2 speakers, but num_speakers is 3"
    ]


def test_overlapped_speech_is_a_warning():
    turns = (SpeakerTurn(0.0, 3.0, "SPEAKER_00"), SpeakerTurn(1.0, 1.5, "SPEAKER_01"))

    assert ask(Recognises(), Diarizes(Diarization(turns, turns[:1], {})))["warnings"] == [
        "several people speak at once in 0.5 s of the text (1.00-1.50 s); each word there has one speaker"
    ]


def test_a_question_and_an_answer_without_word_times_are_one_warning():
    bare = Transcript(tuple(replace(segment, words=()) for segment in TRANSCRIPT.segments), "ru")

    response = ask(Recognises(bare), Diarizes(TURNS))

    assert [(s["speaker"], s.get("speaker_guessed")) for s in response["segments"]] == [
        ("SPEAKER_01", True), ("SPEAKER_00", None)
    ]  # fmt: skip
    assert response["warnings"] == [
        "no word times tell where the speaker changes in 1 segment (0.00-1.00 s); it may hold words of several people"
    ]


def test_turns_without_any_text_are_returned_without_a_warning():
    response = ask(Recognises(Transcript((), None)), Diarizes(TURNS))

    assert (response["segments"], response["warnings"]) == ([], [])
    assert [speaker["speaker"] for speaker in response["speakers"]] == ["SPEAKER_01", "SPEAKER_00"]


def test_silence_has_no_speakers_and_no_warning():
    response = ask(Recognises(Transcript((), None)), Diarizes(make_diarization()), speaker_samples=[ANNA])

    assert (response["segments"], response["warnings"], "speakers" in response) == ([], [], False)


# --- verification


def test_speakers_get_the_names_that_verification_finds():
    matches = [
        SpeakerMatch("SPEAKER_00", "Анна", np.float32(0.75), np.float32(0.25), speech_s=2.0),
        SpeakerMatch("SPEAKER_01", "unknown", 0.1),
    ]

    response = ask(Recognises(), Diarizes(TURNS), Verifies(matches), speaker_samples=[ANNA], output_formats=["txt"])

    assert response["speakers"] == [
        {"speaker": "SPEAKER_01", "speaker_id": "unknown", "similarity": 0.1, "speech_s": 0.5},
        {"speaker": "SPEAKER_00", "speaker_id": "Анна", "similarity": 0.75, "runner_up": 0.25, "speech_s": 2.5},
    ]
    assert [(s["speaker_id"], s["similarity"]) for s in response["segments"]] == [
        ("unknown", 0.1), ("Анна", 0.75), ("Анна", 0.75)
    ]  # fmt: skip
    assert response["outputs"]["txt"] == "[SPEAKER_01]: Алло.\n[Анна]: Это\n[Анна]: Анна?\n"


def test_verification_sees_segments_that_are_cut_already():
    verifies = Verifies()

    ask(Recognises(), Diarizes(TURNS), verifies, speaker_samples=[ANNA])

    ((transcript, diarization),) = verifies.asked
    assert [(segment.text, segment.speaker) for segment in transcript.segments] == [
        ("Алло.", "SPEAKER_01"), ("Это", "SPEAKER_00"), ("Анна?", "SPEAKER_00")
    ]  # fmt: skip
    assert diarization is TURNS


@pytest.mark.parametrize("turns", [ValueError(), make_diarization()])
def test_verification_goes_by_segments_where_diarization_failed(turns):
    verifies = Verifies([SpeakerMatch(None, "Анна", 0.75, segment=1)])

    response = ask(Recognises(), Diarizes(turns), verifies, speaker_samples=[ANNA])

    assert verifies.asked == [(TRANSCRIPT, None)]
    assert response["segments"][1]["speaker_id"] == "Анна"
    assert "speakers" not in response


def test_verification_works_without_diarization():
    verifies = Verifies([SpeakerMatch(None, "Анна", 0.75, segment=0), SpeakerMatch(None, "unknown", 0.1, segment=1)])

    response = ask(Recognises(), verifies, diarization=False, speaker_samples=[ANNA], output_formats=["txt"])

    assert [(s["speaker_id"], s["similarity"]) for s in response["segments"]] == [("Анна", 0.75), ("unknown", 0.1)]
    assert response["outputs"]["txt"] == "[Анна]: Алло. Это\nАнна?\n"
    assert response["warnings"] == []


def test_without_text_and_turns_verification_is_skipped():
    verifies = Verifies()

    ask(Recognises(Transcript((), None)), verifies, diarization=False, speaker_samples=[ANNA])

    assert verifies.asked == []


def test_samples_may_be_sent_without_being_used():
    verifies = Verifies()

    ask(Recognises(), Diarizes(TURNS), verifies, speaker_samples=[ANNA], speaker_verification=False)

    assert verifies.asked == []


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (ValueError(), "verify_speakers failed in plugin verifies: it raised ValueError"),
        (BadInputError("the sample of Анна: the file is empty"), "the sample of Анна: the file is empty"),
        (None, "verify_speakers: plugin verifies declined this job"),
        (
            "Анна",
            "verify_speakers failed in plugin verifies: it returned str in which item 0 is str and no SpeakerMatch",
        ),
        (
            [SpeakerMatch("SPEAKER_00", "Анна", float("nan"))],
            "verify_speakers failed in plugin verifies: it returned list in which item 0 has similarity nan, which is no "
            "number",
        ),
        (
            [SpeakerMatch("SPEAKER_00", "Анна", 0.7, runner_up=float("nan"))],
            "verify_speakers failed in plugin verifies: it returned list in which item 0 has runner_up nan, which is no "
            "number",
        ),
        (
            [SpeakerMatch("SPEAKER_00", "Анна", None)],
            "verify_speakers failed in plugin verifies: it returned list in which item 0 has a name without a similarity, or "
            "the other way round",
        ),
    ],
)
def test_a_verifier_that_fails_leaves_speakers_without_names_and_a_warning(reply, reason):
    response = ask(Recognises(), Diarizes(TURNS), Verifies(reply), speaker_samples=[ANNA])

    assert response["warnings"] == [f"{reason}; speakers have no names"]
    assert response["speakers"] == [
        {"speaker": "SPEAKER_01", "speech_s": 0.5}, {"speaker": "SPEAKER_00", "speech_s": 2.5}
    ]  # fmt: skip
    assert "speaker_id" not in response["segments"][0]


def test_in_a_strict_job_a_verifier_that_fails_is_an_error():
    response = ask(Recognises(), Diarizes(TURNS), Verifies(None), speaker_samples=[ANNA], strict=True)

    assert response == {"error": "strict: verify_speakers: plugin verifies declined this job; speakers have no names"}
