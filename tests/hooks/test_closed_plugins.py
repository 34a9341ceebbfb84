"""A plugin that must see all text sees it, and where it fails, nothing goes out."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.hooks.whole_jobs import SAID, Recognises, open_host, response_to
from whisperx_worker import JobRefusedError, Segment, hookimpl

PHONE = re.compile(r"\d{11}")


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
    assert response_to(redact=Redacts())["segments"][0]["text"] == "позвоните ███"


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
    assert response_to(redact=plugin) == {"error": sentence}


def test_an_open_one_that_fails_goes_out_with_a_warning_unless_the_operator_requires_it():
    class Open:
        @hookimpl
        def post_align(self):
            raise KeyError

    assert response_to(redact=Open())["segments"][0]["text"] == SAID
    assert response_to(redact=Open(), settings={"plugins_require": ("redact",)})["error"] == (
        "plugin redact failed in post_align: it raised KeyError; the job does not go on without it"
    )


def test_a_refusal_is_the_jobs_error_from_any_chain():
    class Refuses:
        @hookimpl
        def prepare(self):
            raise JobRefusedError("calls of this customer are not transcribed")

    assert response_to(polite=Refuses())["error"] == "calls of this customer are not transcribed"


def test_a_stream_has_no_text_that_the_plugin_has_not_seen():
    shown: list[Segment] = []

    response = response_to(redact=RedactsPieces(), stream=True, shown=shown)

    assert [one.text for one in shown] == ["позвоните ███"]
    assert response["segments"][0]["text"] == "позвоните ███"


def test_a_stream_is_refused_where_the_plugin_sees_no_pieces():
    shown: list[Segment] = []

    assert response_to(redact=Redacts(), stream=True, shown=shown)["error"] == (
        "stream is not possible here: redact changes text before anybody may see it, and not in pieces"
    )
    assert shown == []


def test_a_failure_in_a_piece_fails_the_job_and_names_the_plugin_that_failed():
    assert response_to(redact=FailsInPieces(), stream=True)["error"] == (
        "plugin redact failed in partial: it raised KeyError; the job does not go on without it"
    )


def test_texts_of_debug_go_through_the_plugin_or_are_left_out():
    assert response_to(debug=True)["debug"]["removed"][0]["text"] == SAID
    assert response_to(redact=RedactsPieces(), debug=True)["debug"]["removed"][0]["text"] == "позвоните ███"
    left_out = response_to(redact=Redacts(), debug=True)["debug"]
    assert left_out["texts_left_out"] == "redact changes text before anybody may see it, and not in pieces"
    assert "89161234567" not in str(left_out)


def test_without_such_a_plugin_a_stream_is_as_it_was():
    shown: list[Segment] = []
    response_to(stream=True, shown=shown)
    assert [one.text for one in shown] == [SAID]


def test_a_closed_engine_has_no_meaning_and_is_refused_at_load():
    class Closed(Recognises):
        @hookimpl(closed=True)
        def transcribe(self):
            return None

    _, host = open_host(odd=Closed())

    assert [record.reason for record in host.records if record.name == "odd"] == [
        "transcribe is no chain, so closed, before and after have no meaning"
    ]
