"""Helpers for tests of plugins; none needs torch, PyAV or a model.

Example:
    >>> from dataclasses import replace
    >>> from whisperx_worker import hookimpl
    >>> from whisperx_worker.testing import load_plugins, run_job
    >>> class English:
    ...     @hookimpl
    ...     def post_align(self, transcript):
    ...         return replace(transcript, language="en")
    >>> host = load_plugins(english=English())
    >>> host.records[0].hooks
    ('post_align',)
    >>> run_job(host).response["detected_language"]
    'en'
"""

from whisperx_worker.testing.calls import check_contents, make_job, run_chain, run_engine, write_output
from whisperx_worker.testing.jobs import JobAnswer, run_job
from whisperx_worker.testing.plugins import load_plugin, load_plugins
from whisperx_worker.testing.recording import Recording, demo_recording
from whisperx_worker.testing.values import make_audio, make_diarization, make_transcript

__all__ = [
    "JobAnswer",
    "Recording",
    "check_contents",
    "demo_recording",
    "load_plugin",
    "load_plugins",
    "make_audio",
    "make_diarization",
    "make_job",
    "make_transcript",
    "run_chain",
    "run_engine",
    "run_job",
    "write_output",
]
