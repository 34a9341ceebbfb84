"""Batches that are halved when memory runs out, told by the libraries' own exceptions."""

import weakref

import numpy as np
import pytest

from whisperx_worker import OomBackoff, WorkerError, in_batches
from whisperx_worker.errors import JobCancelledError
from whisperx_worker.hooks.job import Observers
from whisperx_worker.pipeline import oom_backoff
from whisperx_worker.runtime.failure_kinds import is_out_of_memory
from whisperx_worker.testing import make_job

HUGE = 1 << 50


def doubled_below(limit, error):
    sizes = []

    def work(batch):
        sizes.append(len(batch))
        if len(batch) >= limit:
            raise error
        return [2 * item for item in batch]

    return work, sizes


def test_everything_is_done_in_order_and_progress_is_told():
    seen = []
    job = make_job(observers=Observers(progress=lambda stage, fraction: seen.append((stage, fraction))))
    work, sizes = doubled_below(99, MemoryError())

    assert in_batches(range(7), 3, work, job, "align") == [0, 2, 4, 6, 8, 10, 12]
    assert sizes == [3, 3, 1]
    assert seen == [("align", 0), ("align", pytest.approx(3 / 7)), ("align", pytest.approx(6 / 7))]


def test_a_batch_that_does_not_fit_is_halved_for_the_rest_of_the_stage_and_the_client_is_told():
    job = make_job()
    work, sizes = doubled_below(3, RuntimeError("CUDA failed with error out of memory"))

    assert in_batches(range(9), 8, work, job, "transcribe") == [2 * item for item in range(9)]
    assert sizes == [8, 8, 4, 2, 2, 2, 2, 1]
    assert [str(warned) for warned in job.warnings] == [
        "transcribe ran out of memory with a batch of 8, and went on with 4",
        "transcribe ran out of memory with a batch of 4, and went on with 2",
    ]


def test_what_does_not_fit_alone_is_an_error():
    work, _ = doubled_below(1, MemoryError())

    with pytest.raises(WorkerError, match=r"^transcribe ran out of memory, with a batch of one even$"):
        in_batches([1, 2], 2, work, make_job(), "transcribe")


def test_a_size_is_tried_once_more_after_memory_was_given_back_and_that_is_no_warning(monkeypatch):
    given_back, tried, job = [], [], make_job()
    monkeypatch.setattr(oom_backoff, "release_memory", lambda: given_back.append(len(tried)))

    def work(size):
        tried.append(size)
        if not given_back:
            raise MemoryError
        return "done"

    assert OomBackoff(job, "align").run_at_size(8, work) == "done"
    assert (tried, given_back) == ([8, 8], [1])
    assert job.warnings == ()


def test_what_the_failed_try_held_is_gone_when_the_next_one_begins():
    class Large:
        """Stands for a tensor."""

    held, job = [], make_job()

    def work(size):
        large = Large()
        large.itself = large  # as libraries' exceptions and modules are in cycles
        held.append(weakref.ref(large))
        if size > 2:
            raise MemoryError
        return sum(one() is not None for one in held)

    assert OomBackoff(job, "align").run_at_size(4, work) == 1


def test_a_smaller_batch_costs_time_only_so_that_a_strict_job_goes_on():
    job = make_job(strict=True)
    work, sizes = doubled_below(3, MemoryError())

    assert in_batches(range(4), 4, work, job, "transcribe") == [0, 2, 4, 6]
    assert sizes == [4, 4, 2, 2]
    assert [str(warned) for warned in job.warnings] == [
        "transcribe ran out of memory with a batch of 4, and went on with 2"
    ]


def test_work_that_makes_its_own_batches_begins_anew_with_smaller_ones():
    tried, job = [], make_job()

    def work(size):
        tried.append(size)
        if size > 3:
            raise MemoryError
        return "done"

    fitting = OomBackoff(job, "diarize")
    assert [fitting.run_at_size(13, work), fitting.run_at_size(13, work)] == ["done", "done"]
    assert tried == [13, 13, 6, 3, 3]
    assert len(job.warnings) == 2


def test_another_failure_is_not_taken_for_want_of_memory():
    work, sizes = doubled_below(1, RuntimeError("memory of an elephant"))

    with pytest.raises(RuntimeError, match="elephant"):
        in_batches([1, 2], 2, work, make_job(), "transcribe")
    assert sizes == [2]


def test_a_cancelled_job_stops_before_the_next_batch():
    job = make_job()
    done = []

    def work(batch):
        done.extend(batch)
        job.cancel()
        return batch

    with pytest.raises(JobCancelledError):
        in_batches([1, 2, 3], 1, work, job, "align")
    assert done == [1]


def test_numpy_says_that_memory_is_used_up():
    with pytest.raises(MemoryError) as caught:
        np.zeros(HUGE)

    assert is_out_of_memory(caught.value)


@pytest.mark.models
def test_torch_says_that_memory_is_used_up():
    import torch

    with pytest.raises(RuntimeError) as caught:
        torch.empty(HUGE)

    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(torch.OutOfMemoryError("Allocation on device"))
