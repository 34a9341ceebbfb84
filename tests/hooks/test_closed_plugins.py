"""A plugin that must see all text sees it, and where it fails, nothing goes out."""

from __future__ import annotations

import logging
import re
import sys
from dataclasses import dataclass, replace

import pytest

from whisperx_worker import JobRefusedError, OutputFormat, PluginError, Segment, Transcript, Word, hookimpl
from whisperx_worker.logs import job_log
from whisperx_worker.testing import Recording, load_plugin, load_plugins, make_audio, run_job

SAID = "позвоните 89161234567"
SEGMENT = Segment(0.0, 1.0, SAID, (Word("позвоните", 0.0, 0.4), Word("89161234567", 0.4, 1.0)))
CALL = Recording(make_audio(), Transcript((SEGMENT,), "ru"))
PHONE = re.compile(r"\d{11}")


class NotesRemoved:
    """Notes the text as one that was removed, for `debug`."""

    @hookimpl
    def pre_audio(self, job):
        job.note_text("removed", SEGMENT, "it is said twice")


def answer_with(*plugins, settings=None, **fields):
    """Answer a job about the call, with one plugin named `redact` or none."""
    host = load_plugins(settings=settings, notes=NotesRemoved(), **dict(zip(["redact"], plugins, strict=False)))
    return run_job(host, CALL, **fields)


def response_with(*plugins, **given):
    return answer_with(*plugins, **given).response


def masked(segments):
    return tuple(replace(one, text=PHONE.sub("███", one.text), words=()) for one in segments)


class Redacts:
    """Closed, and blind to pieces."""

    @hookimpl(closed=True)
    def post_align(self, transcript):
        return replace(transcript, segments=masked(transcript.segments))


class RedactsPieces(Redacts):
    """Closed, in pieces too."""

    @hookimpl(closed=True)
    def partial(self, segments):
        return masked(segments)


class Fails:
    """Closed, and broken."""

    @hookimpl(closed=True)
    def post_align(self, transcript):
        raise KeyError(transcript.segments[0].text)


class FailsInPieces(Redacts):
    @hookimpl(closed=True)
    def partial(self, segments):
        raise KeyError(segments)


class Leaks(Redacts):
    """Closed, and forgets the words."""

    @hookimpl(closed=True)
    def post_align(self, transcript):
        return replace(transcript, segments=tuple(replace(one, text="███") for one in transcript.segments))


def test_its_change_is_in_the_answer():
    assert response_with(Redacts())["segments"][0]["text"] == "позвоните ███"


@pytest.mark.parametrize(
    ("plugin", "sentence"),
    [
        (Fails(), "plugin redact failed in post_align: it raised KeyError; the job does not go on without it"),
        (
            Leaks(),
            "plugin redact failed in post_align: it returned Transcript in which segment 0 has another text than its "
            "words; the job does not go on without it",
        ),
    ],
)
def test_where_it_fails_the_job_does_and_nothing_goes_out(plugin, sentence):
    assert response_with(plugin) == {"error": sentence}


def test_an_open_one_that_fails_goes_out_with_a_warning_unless_the_operator_requires_it():
    class Open:
        @hookimpl
        def post_align(self):
            raise KeyError

    assert response_with(Open())["segments"][0]["text"] == SAID
    assert response_with(Open(), settings={"plugins_require": ("redact",)})["error"] == (
        "plugin redact failed in post_align: it raised KeyError; the job does not go on without it"
    )


def test_a_refusal_is_the_jobs_error_from_any_chain():
    class Refuses:
        @hookimpl
        def prepare(self):
            raise JobRefusedError("calls of this customer are not transcribed")

    assert response_with(Refuses())["error"] == "calls of this customer are not transcribed"


def test_a_stream_has_no_text_that_the_plugin_has_not_seen():
    answer = answer_with(RedactsPieces(), stream=True)

    assert [one.text for one in answer.streamed] == ["позвоните ███"]
    assert answer.response["segments"][0]["text"] == "позвоните ███"


def test_a_stream_is_refused_where_the_plugin_sees_no_pieces():
    answer = answer_with(Redacts(), stream=True)

    assert answer.response["error"] == (
        "stream is not possible here: redact changes text before anybody may see it, and not in pieces"
    )
    assert answer.streamed == ()


def test_a_failure_in_a_piece_fails_the_job_and_names_the_plugin_that_failed():
    assert response_with(FailsInPieces(), stream=True)["error"] == (
        "plugin redact failed in partial: it raised KeyError; the job does not go on without it"
    )


def test_texts_of_debug_go_through_the_plugin_or_are_left_out():
    assert response_with(debug=True)["debug"]["removed"][0]["text"] == SAID
    assert response_with(RedactsPieces(), debug=True)["debug"]["removed"][0]["text"] == "позвоните ███"
    left_out = response_with(Redacts(), debug=True)["debug"]
    assert left_out["texts_left_out"] == "redact changes text before anybody may see it, and not in pieces"
    assert "89161234567" not in str(left_out)


def test_without_such_a_plugin_a_stream_is_as_it_was():
    assert [one.text for one in answer_with(stream=True).streamed] == [SAID]


def test_a_closed_engine_has_no_meaning_and_is_refused_at_load():
    class Closed:
        @hookimpl(closed=True)
        def transcribe(self):
            return None

    with pytest.raises(PluginError, match=r"^transcribe is no chain, so closed, before and after have no meaning$"):
        load_plugin(Closed())


class Tells:
    """Logs and prints what is said, before the redactor."""

    @hookimpl(tryfirst=True)
    def post_align(self, transcript):
        logging.getLogger("tells").warning("heard %s", transcript.text)
        sys.stdout.write(f"{transcript.text}\n")


def test_what_others_log_and_print_is_not_in_the_answer_beside_it(tmp_path):
    def logs(**plugins):
        job_log.start_logging(tmp_path / "log.txt", console=False)
        try:
            return run_job({"tells": Tells(), **plugins}, CALL).response["logs"]
        finally:
            job_log.stop_logging()
            logging.captureWarnings(capture=False)

    assert logs().count("89161234567") == 2
    assert "89161234567" not in logs(redact=RedactsPieces())


def test_a_refusal_without_a_sentence_is_still_an_error():
    class Refuses:
        @hookimpl
        def post_align(self):
            raise JobRefusedError("")

    assert run_job({"polite": Refuses()}, CALL).response["error"] == "the job was ended without a reason"


def test_secrets_of_the_operator_are_masked_in_outputs_and_in_the_changed_response():
    @dataclass(frozen=True)
    class Options:
        key: str = ""

    class Shows:
        @hookimpl
        def register_options(self):
            return Options

        @hookimpl
        def register_outputs(self):
            return [OutputFormat("shown", ".txt", lambda options: f"by {options.key}")]

        @hookimpl
        def respond(self, response, options):
            return {**response, "by": {options.key: [options.key]}}

    host = load_plugins(shows=Shows(), rules={"shows": {"secrets": {"key": "hunter2-hunter2"}}})
    response = run_job(host, output_formats=["shown"]).response

    assert response["outputs"]["shown"] == "by ***"
    assert response["by"] == {"***": ["***"]}
