"""Whole jobs: nothing of what is masked is in any output, in the response, the stream, the log or in debug."""

import json
import logging

import pytest

from tests.hooks.whole_jobs import response_to
from whisperx_worker import Segment, Transcript, Word, hookimpl
from whisperx_worker.contract.plugin_rules import read_plugin_rules
from whisperx_worker_plugins import redact, russian_numbers

LINES = (
    "Здравствуйте, это Анна Каренина.",
    "Телефон восемь девятьсот",
    "шестнадцать сто двадцать три сорок пять шестьдесят семь, ясно?",
    "Карта 4276 3800 1234 5679, паспорт 4508 123456.",
    "Почта ivan.petrov@mail.ru, ИНН 7707083893, СНИЛС 112-233-445 95.",
    "Сумма двадцать пять рублей.",
)
PRIVATE = (
    "Анна", "Каренин", "восемь", "девятьсот", "шестнадцать", "сорок пять", "шестьдесят", "4276", "5679", "4508", "123456",
    "ivan", "mail.ru", "7707083893", "112-233", "916", "8 9",
)  # fmt: skip
FORMATS = ["json", "srt", "vtt", "txt", "tsv"]
OPTIONS = {"names": ["Анна Каренина"]}
REQUEST = {"output_formats": FORMATS, "debug": True, "stream": True}


class Dictates:
    """Recogniser of the lines, which it streams one by one, and notes as removed too."""

    @hookimpl
    def transcribe(self, job):
        segments = []
        for number, line in enumerate(LINES):
            words = tuple(Word(w, number + i / 20, number + (i + 1) / 20, 0.9) for i, w in enumerate(line.split()))
            segments.append(Segment(float(number), number + 1.0, line, words))
            job.recognised([segments[-1]])
            job.note_text("removed", segments[-1], "it is said twice")
        return Transcript(tuple(segments), "ru")


def private_in(text):
    return [one for one in PRIVATE if one.casefold() in text.casefold()]


@pytest.mark.parametrize("others", [{}, {"russian_numbers": {}}], ids=["alone", "beside russian_numbers"])
def test_nothing_private_is_in_what_leaves_the_worker(others, caplog):
    shown: list[Segment] = []
    plugins = {"dictates": {}, "redact": OPTIONS, **others}
    with caplog.at_level(logging.DEBUG):
        response = response_to(
            dictates=Dictates(), redact=redact, russian_numbers=russian_numbers, shown=shown, plugins=plugins, **REQUEST
        )
    assert "error" not in response
    assert sorted(response["outputs"]) == sorted({*FORMATS} - {"json"})
    assert private_in(json.dumps(response, ensure_ascii=False)) == []
    assert private_in(repr(shown)) == []
    assert private_in(caplog.text) == []
    assert response["debug"]["removed"][0]["text"] == "Здравствуйте, это [скрыто]."
    assert response["segments"][-1]["text"] in {"Сумма двадцать пять рублей.", "Сумма 25 рублей."}
    assert response["extra"]["redact"] == {
        "telephone": 1, "card": 1, "email": 1, "passport": 1, "inn": 1, "snils": 1, "name": 1,
    }  # fmt: skip
    assert response["warnings"] == []


def test_a_failure_fails_the_job_and_shows_nothing(monkeypatch):
    def fail(*_arguments, **_named):
        raise ValueError(LINES[3])

    monkeypatch.setattr(redact, "mask_segments", fail)
    for stream in (False, True):
        response = response_to(
            dictates=Dictates(), redact=redact, plugins={"dictates": {}, "redact": {}}, stream=stream
        )
        hook = "partial" if stream else "post_align"
        assert (
            response["error"]
            == f"plugin redact failed in {hook}: it raised ValueError; the job does not go on without it"
        )


def test_a_job_that_does_not_name_it_is_masked_where_the_operator_requires_it():
    response = response_to(
        {"plugins_require": ("redact",)}, dictates=Dictates(), redact=redact, plugins={"dictates": {}}
    )
    assert private_in(" ".join(one["text"] for one in response["segments"][1:])) == []


def test_a_job_cannot_ask_for_less_where_the_operator_locks_it(monkeypatch):
    monkeypatch.setenv(
        "WHISPERX_WORKER_PLUGIN_REDACT", '{"options": {"names": ["Анна"]}, "locked": ["kinds", "names"]}'
    )
    settings = {"plugins_require": ("redact",), "plugin_rules": read_plugin_rules()}
    given = {"dictates": Dictates(), "redact": redact}
    refused = response_to(settings, plugins={"redact": {"kinds": [], "enabled": False}}, **given)
    assert "plugins.redact.kinds is set by the worker, not by a job" in refused["error"]
    response = response_to(settings, plugins={"dictates": {}}, **given)
    assert response["segments"][0]["text"] == "Здравствуйте, это [скрыто] Каренина."


def test_a_job_that_does_not_name_it_gets_no_recording_that_is_called_redacted():
    response = response_to(redact=redact, output_formats=["json", "redacted_flac"])
    assert "outputs" not in response
    assert any("nothing is masked in this job" in warning for warning in response["warnings"])
