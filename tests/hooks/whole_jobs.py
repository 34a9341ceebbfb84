"""Whole jobs over made plugins: a recogniser that says one sentence, and whatever a test adds."""

from __future__ import annotations

import base64

from tests.clips import wav
from whisperx_worker import Request, Segment, Transcript, Word, hookimpl
from whisperx_worker.contract.settings import Settings
from whisperx_worker.hooks.host import Candidate
from whisperx_worker.hooks.job import Observers
from whisperx_worker.hooks.loading import load_host
from whisperx_worker.hooks.operators_rules import check_required
from whisperx_worker.models.cache import ModelCache
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import Worker

SAID = "позвоните 89161234567"


def second_of_silence():
    """Base64 of a WAV."""
    return base64.b64encode(wav(1.0)).decode()


class Recognises:
    """Recogniser of one sentence, which it streams, and notes as removed too."""

    @hookimpl
    def transcribe(self, job):
        first, second = SAID.split()
        segment = Segment(0.0, 1.0, SAID, (Word(first, 0.0, 0.4), Word(second, 0.4, 1.0)))
        job.recognised([segment])
        job.note_text("removed", segment, "it is said twice")
        return Transcript((segment,), "ru")


def open_host(settings=None, **plugins):
    """Load the plugins in the order of their names, as if they came with the worker's own recogniser."""
    chosen = Settings(**(settings or {}))
    candidates = [Candidate("recognises", "whisperx-worker", "1", load=Recognises)]
    candidates += [Candidate(name, "test", "1", load=lambda one=one: one) for name, one in plugins.items()]
    host = load_host(chosen, candidates)
    check_required(host)
    return chosen, host


def response_to(settings=None, shown=None, **given):
    """Answer a job; what is no field of the request is a plugin."""
    fields = {name: value for name, value in given.items() if name in Request.model_fields}
    chosen, host = open_host(settings, **{name: value for name, value in given.items() if name not in fields})
    worker = Worker(chosen, host, ModelCache())
    observers = Observers(segments=(shown if shown is not None else []).extend)
    return answer(worker, "test", {"audio_base64": second_of_silence(), **fields}, observers=observers)
