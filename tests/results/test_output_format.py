"""Writers of output formats take what they name and return text or bytes."""

from __future__ import annotations

import functools

import pytest

from whisperx_worker import OutputFormat, PluginError

VALUES = {"result": "R", "job": "J", "options": "O", "audio": "A"}


def keyword_only(*, options, job):
    return f"{job}{options}"


def positional_only(result, /):
    return result


def old(text_of_it, indent=2):
    return f"{text_of_it}{indent}"


@functools.wraps(old)
def wrapped(*args, **kwargs):
    return old(*args, **kwargs)


def result_and_format(result, indent):
    return f"{result}{indent}"


class Writer:
    def __call__(self, audio, result):
        return f"{audio}{result}"


@pytest.mark.parametrize(
    ("write", "content"),
    [
        (lambda result: result, "R"),
        (lambda audio, options, result, job: f"{result}{job}{options}{audio}", "RJOA"),
        (lambda job: job, "J"),
        (lambda result, audio=None: f"{result}{audio}", "RA"),
        (lambda result, **_more: result, "R"),
        (lambda: "nothing", "nothing"),
        (keyword_only, "JO"),
        (Writer(), "AR"),
        (functools.partial(result_and_format, indent=4), "R4"),
        (lambda it: it, "R"),
        (lambda *values: str(values), "('R',)"),
        (positional_only, "R"),
        (old, "R2"),
        (wrapped, "R2"),
        (str, "R"),
    ],
    ids=range(15),
)
def test_a_writer_gets_what_it_names_and_an_old_one_the_result(write, content):
    assert OutputFormat("it", ".txt", write).content(VALUES) == content


@pytest.mark.parametrize(
    ("write", "takes"),
    [
        (lambda result: result, False),
        (lambda result, audio: (result, audio), True),
        (lambda audio: audio, True),
        (str, False),
    ],
)
def test_a_format_tells_whether_it_takes_the_recording(write, takes):
    assert OutputFormat("it", ".txt", write).takes_audio is takes


def test_a_writer_that_takes_something_else_is_refused():
    with pytest.raises(
        PluginError, match="the writer of 'it' takes 'indent', and there are: result, job, options, audio"
    ):
        OutputFormat("it", ".txt", result_and_format)


@pytest.mark.parametrize("media_type", ["zip", "", "application/", "text/plain\nX: y", "text /plain"])
def test_what_is_no_media_type_is_refused(media_type):
    with pytest.raises(PluginError, match="the output format 'it' has no media type such as text/plain"):
        OutputFormat("it", ".zip", lambda: b"", media_type)


@pytest.mark.parametrize("media_type", ["application/zip", "text/plain; charset=utf-8", "image/svg+xml"])
def test_a_media_type_is_kept(media_type):
    assert OutputFormat("it", ".zip", lambda: b"", media_type).media_type == media_type


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "it returned NoneType in place of text or bytes"),
        (["a"], "it returned list in place of text or bytes"),
        (bytearray(b"a"), "it returned bytearray in place of text or bytes"),
        ("a\ud83d", "it returned text with half of a surrogate pair"),
    ],
)
def test_a_writer_returns_text_or_bytes(content, what):
    with pytest.raises(PluginError, match=f"^{what}$"):
        OutputFormat("it", ".txt", lambda: content).content(VALUES)
