"""The life of a job and of a worker under RunPod's SDK: time limits, cancelling, memory, SIGTERM, streams."""

from __future__ import annotations

import mmap
import os
import re
import signal
import socket
import tempfile
import time
from pathlib import Path

import pytest

from whisperx_worker.contract.settings import load_settings
from whisperx_worker.runtime.process import held_mb
from whisperx_worker.runtime.sample_file import new_store, samples_in
from whisperx_worker.serving import limits

PATIENCE_S = 60.0
"""Time for what takes a moment, on any machine."""
FOREVER_S = 10 * PATIENCE_S


@pytest.fixture
def ask(runpod_server):
    """Submit a job whose actor gets some options."""

    def submit(job_id, *, policy=None, fields=None, **options):
        data = {"audio_file": f"{runpod_server.url}/half-a-second.wav", "plugins": {"actor": options}, **(fields or {})}
        runpod_server.submit((job_id, data), **({"policy": policy} if policy else {}))

    return submit


def stops(runpod_server, worker):
    """Cancel the unwanted job, and return whether the log says that it has ended long before it would by itself."""
    latest_s = time.monotonic() + PATIENCE_S
    runpod_server.stop("unwanted")
    while "cancelled" not in worker.said("container_log.txt"):
        if time.monotonic() > latest_s:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.slow
def test_a_job_ends_with_a_sentence_before_runpods_policy_ends_it(runpod_server, start, ask):
    start()
    ask("first")
    runpod_server.result("first")
    ask("long", policy={"executionTimeout": 2_000}, lasts_s=FOREVER_S)
    assert runpod_server.result("long", PATIENCE_S) == {
        "error": "the job is not done in the 1.8 s that it has; send the recording in parts, or give the job more time"
    }
    ask("next")
    assert "output" in runpod_server.result("next")


@pytest.mark.slow
def test_a_plugin_that_never_looks_costs_its_job_and_a_fresh_worker(runpod_server, start, ask):
    start(max_job_s=2.0)
    ask("stuck", hangs_s=FOREVER_S)
    answer = runpod_server.result("stuck", PATIENCE_S)
    assert re.fullmatch(
        r"transcribe failed in plugin actor: it did not end in \d\.\d s, which is all the time that it has",
        answer["error"],
    )
    assert answer["stopPod"] is True
    ask("next")
    assert runpod_server.result("next")["output"]["segments"]


@pytest.mark.slow
def test_a_worker_that_holds_too_much_memory_asks_to_be_replaced(runpod_server, start, ask):
    worker = start(max_memory_mb=10)
    ask("large")
    answer = runpod_server.result("large")
    assert answer["stopPod"] is True
    assert answer["output"]["segments"]
    assert "asking RunPod for a fresh worker: it holds" in worker.said()


def is_on_disk(folder):
    """Whether a file can be made there, and the kernel does not count its pages as shared memory."""
    if not os.access(folder, os.W_OK):
        return False
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(8_000_000))
        file.flush()
        before_mb = held_mb()
        pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        assert not any(pages[:: mmap.PAGESIZE])
        return held_mb() - before_mb < 4


def test_the_sound_of_a_recording_is_no_memory_that_a_worker_holds(monkeypatch, tmp_path):
    folder = next(
        (folder for folder in (Path(__file__).parents[1], tmp_path, Path("/var/tmp")) if is_on_disk(folder)), None
    )
    if folder is None:
        pytest.skip("every folder that can be written to lies in memory")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with new_store() as store:
        store.write(bytes(200_000_000))
        store.flush()
        before_mb = held_mb()
        samples = samples_in(store)
    assert not samples.any()
    assert held_mb() - before_mb < 20
    # Not from malloc, which may have that much to reuse from earlier tests.
    with mmap.mmap(-1, 200_000_000) as mine:
        mine.write(b"1" * len(mine))
        assert held_mb() - before_mb > 180


@pytest.mark.slow
def test_a_cancelled_job_stops_at_once(runpod_server, start, ask):
    worker = start()
    ask("unwanted", lasts_s=FOREVER_S)
    runpod_server.progress("unwanted")
    assert stops(runpod_server, worker)
    assert worker.left_behind() == []


@pytest.mark.slow
def test_a_job_that_waits_for_a_silent_server_stops_at_once_too(runpod_server, start):
    worker = start(fetch_timeout_s=FOREVER_S)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"http://127.0.0.1:{silent.getsockname()[1]}/a.wav"
        runpod_server.submit(("unwanted", {"audio_file": place}))
        silent.settimeout(PATIENCE_S)
        connection = silent.accept()[0]
        assert stops(runpod_server, worker)
        connection.close()
    assert worker.left_behind() == []


@pytest.mark.slow
def test_a_worker_that_is_told_to_end_finishes_its_job_first(runpod_server, start, ask):
    worker = start()
    ask("last", lasts_s=2.0)
    runpod_server.progress("last")
    worker.process.send_signal(signal.SIGTERM)
    assert runpod_server.result("last")["output"]["segments"]
    runpod_server.close()  # ends the poll for stops, which the SDK waits for
    assert worker.process.wait(timeout=PATIENCE_S) == 0


@pytest.mark.slow
def test_a_worker_without_a_job_ends_at_once_when_it_is_told_to(runpod_server, start, ask, monkeypatch):
    monkeypatch.setattr("tests.runpod_server.POLL_S", FOREVER_S)
    worker = start()
    ask("only")
    runpod_server.result("only")
    with runpod_server.changed:  # it polls again
        assert runpod_server.changed.wait_for(lambda: len(runpod_server.takes) == 2, PATIENCE_S)
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(timeout=PATIENCE_S) == 0


@pytest.mark.slow
def test_a_worker_that_is_told_to_end_while_a_result_is_on_its_way_sends_it_first(runpod_server, start, ask):
    worker = start()
    runpod_server.refuses = 1
    ask("last")
    with runpod_server.changed:
        assert runpod_server.changed.wait_for(lambda: not runpod_server.refuses, 60)
    worker.process.send_signal(signal.SIGTERM)
    assert runpod_server.result("last")["output"]["segments"]


@pytest.mark.slow
def test_a_stream_shows_text_early_and_its_last_pieces_are_the_answer(runpod_server, start, ask):
    start()
    ask("plain", segments=3)
    ask("streamed", fields={"stream": True}, segments=3)
    answers = [runpod_server.result(name)["output"] for name in ("plain", "streamed")]
    assert [set(answer) for answer in answers] == [{"segments", "detected_language", "warnings", "logs"}] * 2
    assert answers[0]["segments"] == answers[1]["segments"]
    assert not [post for post in runpod_server.posts_of("plain") if post.is_piece]
    *before, result = runpod_server.posts_of("streamed")
    assert "output" in result.body
    pieces = [post.body["output"] for post in before if post.is_piece]
    assert pieces[0] == {"partial": [{"start": 0.0, "end": 0.25, "text": "Алло.?"}]}
    assert [segment for piece in pieces for segment in piece.get("segments", ())] == answers[1]["segments"]


@pytest.mark.slow
def test_jobs_run_at_once_as_the_operator_wants(runpod_server, start, ask):
    start(jobs_at_once=2)
    ask("one", meets=True)
    ask("other", meets=True)
    assert all(runpod_server.result(name)["output"]["segments"] for name in ("one", "other"))


@pytest.mark.slow
def test_a_request_that_is_too_large_is_refused(runpod_server, start):
    start(max_payload_mb=0.001)
    runpod_server.submit(("large", {"audio_base64": "A" * 2000}))
    assert runpod_server.result("large") == {
        "error": "the request has 0.00202 MB, more than the 0.001 MB that this worker takes; "
        "send a URL in place of the recording itself"
    }


@pytest.mark.parametrize(
    ("policy", "limit_s"),
    [
        (None, 100.0),
        ({"executionTimeout": 600_000}, 100.0),
        ({"executionTimeout": 60_000}, 54.0),
        ({"executionTimeout": 0}, 100.0),
        ({"executionTimeout": "60000"}, 100.0),
        ("soon", 100.0),
    ],
)
def test_the_shorter_of_both_limits_counts(policy, limit_s):
    assert limits.time_limit_s({"policy": policy}, load_settings(max_job_s=100.0)) == limit_s


def test_without_any_limit_a_job_may_take_its_time():
    assert limits.time_limit_s({}, load_settings()) == float("inf")
    assert limits.time_limit_s({"policy": {"executionTimeout": 3_600_000}}, load_settings()) == 3590.0
