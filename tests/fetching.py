"""The way from the text of a job's audio to its file, and to its name in the log."""

from __future__ import annotations

from whisperx_worker.audio.fetch import fetch
from whisperx_worker.audio.source_description import describe_source
from whisperx_worker.contract.audio_source import parse_source


def fetch_text(text, folder, settings, *, local=False):
    return fetch(parse_source(text, local=local), folder, settings)


def describe(text, *, local=False):
    return describe_source(parse_source(text, local=local))
