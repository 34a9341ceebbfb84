"""What failures say about the process: a broken GPU, and an internal error that comes back."""

from __future__ import annotations

import base64

import pytest

from tests.chains import raised
from tests.clips import wav
from whisperx_worker import (
    BadInputError,
    Diarization,
    FetchError,
    ModelNotFoundError,
    PluginError,
    WorkerError,
    hookimpl,
)
from whisperx_worker.contract.settings import Settings
from whisperx_worker.errors import JobCancelledError, MemoryExhaustedError, StrictError
from whisperx_worker.hooks.host import Candidate
from whisperx_worker.hooks.loading import load_host
from whisperx_worker.models.cache import ModelCache
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import Worker, warm_up
from whisperx_worker.runtime.health import Health, is_internal
from whisperx_worker.testing import make_transcript

POISON = "CUDA error: an illegal memory access was encountered\nCompile with `TORCH_USE_CUDA_DSA`."
HOOKS = ("pre_audio", "transcribe", "align", "post_align", "diarize", "verify_speakers", "finalize", "stage_ended")


class Engines:
    """Does every step, and fails in one of them."""

    def __init__(self, fails_in="", error=None):
        self.fails_in, self.error = fails_in, error

    def _do(self, hook, value):
        if hook == self.fails_in and self.error is not None:
            raise self.error
        return value

    @hookimpl
    def pre_audio(self, audio):
        return self._do("pre_audio", audio)

    @hookimpl
    def transcribe(self, audio):  # noqa: ARG002
        return self._do("transcribe", make_transcript("Алло"))

    @hookimpl
    def align(self, transcript):
        return self._do("align", transcript)

    @hookimpl
    def post_align(self, transcript):
        return self._do("post_align", transcript)

    @hookimpl
    def diarize(self):
        return self._do("diarize", Diarization((), exclusive=(), embeddings={}))

    @hookimpl
    def verify_speakers(self):
        return self._do("verify_speakers", [])

    @hookimpl
    def finalize(self, result):
        return self._do("finalize", result)

    @hookimpl
    def stage_ended(self):
        self._do("stage_ended", None)

    @hookimpl
    def warm_up(self):
        self._do("warm_up", None)


def worker_with(plugin):
    host = load_host(Settings(plugins_allow=("engines",)), [Candidate("engines", "test", "0", load=lambda: plugin)])
    return Worker(Settings(), host, ModelCache())


def ask(worker, **fields):
    sound = base64.b64encode(wav(1.0)).decode()
    everything = {"align_output": True, "diarization": True, "speaker_samples": [{"name": "A", "audio_base64": sound}]}
    return answer(worker, "job", {"audio_base64": sound, **everything, **fields})


@pytest.mark.parametrize("hook", HOOKS)
def test_a_broken_gpu_in_any_step_is_a_fault_whatever_becomes_of_the_job(hook):
    worker = worker_with(Engines(hook, RuntimeError(POISON)))
    response = ask(worker)
    assert ("error" in response) == (hook == "transcribe")
    assert worker.health.fault.is_gpu
    assert worker.health.fault.reason == (
        "the GPU failed (RuntimeError: CUDA error: an illegal memory access was encountered)"
    )


@pytest.mark.parametrize("hook", ["align", "diarize", "verify_speakers", "post_align"])
def test_a_step_that_the_gpu_failed_is_told_as_missing_and_the_text_comes(hook):
    response = ask(worker_with(Engines(hook, RuntimeError(POISON))))
    assert [segment["text"] for segment in response["segments"]] == ["Алло"]
    (told,) = [warning for warning in response["warnings"] if hook in warning]
    assert "the worker's GPU failed (RuntimeError)" in told


def test_a_gpu_that_failed_while_a_model_was_loaded_is_told_too():
    sentence = WorkerError("the diarization model cannot be loaded (RuntimeError)")
    worker = worker_with(Engines("diarize", raised(sentence, RuntimeError(POISON))))
    ask(worker)
    assert worker.health.fault.is_gpu


def test_a_gpu_that_failed_in_the_warm_up_is_told_too():
    worker = worker_with(Engines("warm_up", RuntimeError(POISON)))
    said = "plugin engines failed in warm_up: the worker's GPU failed (RuntimeError)"
    assert warm_up(worker) == said
    assert worker.health.fault.is_gpu


def test_want_of_memory_and_other_failures_leave_the_process_in_its_place():
    for error in (RuntimeError("CUDA failed with error out of memory"), ValueError("x"), WorkerError("no such model")):
        worker = worker_with(Engines("diarize", error))
        ask(worker)
        ask(worker)
        assert worker.health.fault is None


def test_the_same_internal_error_twice_in_a_row_is_a_fault():
    worker = worker_with(Engines("transcribe", KeyError("planted")))
    ask(worker)
    assert worker.health.fault is None
    ask(worker)
    assert not worker.health.fault.is_gpu
    assert worker.health.fault.reason.startswith("two jobs in a row died of KeyError at test_health.py:")


def test_a_success_between_forgets_the_first():
    engines = Engines("transcribe", KeyError("planted"))
    worker = worker_with(engines)
    ask(worker)
    engines.fails_in = ""
    assert "segments" in ask(worker)
    engines.fails_in = "transcribe"
    ask(worker)
    assert worker.health.fault is None


def test_another_error_between_begins_anew_and_a_clients_own_is_not_counted():
    engines = Engines("transcribe", KeyError("planted"))
    worker = worker_with(engines)
    ask(worker)
    ask(worker, batchsize=3)
    engines.error = ZeroDivisionError()
    ask(worker)
    assert worker.health.fault is None
    ask(worker, batchsize=3)
    ask(worker)
    assert "ZeroDivisionError" in worker.health.fault.reason


@pytest.mark.parametrize(
    ("error", "internal"),
    [
        (BadInputError("x"), False),
        (FetchError("x"), False),
        (ModelNotFoundError("x"), False),
        (StrictError("x"), False),
        (JobCancelledError("x"), False),
        (PluginError("transcribe: plugin a declined this job"), False),
        (WorkerError("the recording could not be decoded: no process for it could be started"), True),
        (MemoryExhaustedError("x"), True),
        (ValueError("x"), True),
    ],
)
def test_what_a_client_can_mend_is_not_internal(error, internal):
    assert is_internal(error) is internal


def test_a_refusal_stays_one_whatever_it_was_raised_from():
    refusal = raised(FetchError("the connection broke off"), OSError("connection reset"), hidden=True)
    assert not is_internal(refusal)


def test_a_broken_gpu_weighs_more_than_an_error_that_comes_back():
    worker = worker_with(Engines("transcribe", KeyError("planted")))
    ask(worker)
    ask(worker)
    worker.health.note(RuntimeError(POISON))
    assert worker.health.fault.is_gpu


def test_the_first_fault_of_a_kind_stays():
    health = Health()
    health.note(RuntimeError("CUDA error: misaligned address"))
    health.note(RuntimeError("CUDA error: unknown error"))
    assert "misaligned address" in health.fault.reason
