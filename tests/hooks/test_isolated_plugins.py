"""A plugin in a process of its own may do there what it likes: it costs its change or one job."""

from __future__ import annotations

import base64
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tests.hooks.whole_jobs import SAID, Recognises, second_of_silence
from whisperx_worker import ModelCache, hookimpl
from whisperx_worker.contract.settings import Settings
from whisperx_worker.errors import JobCancelledError
from whisperx_worker.hooks.dispatch import run_chain
from whisperx_worker.hooks.host import Candidate
from whisperx_worker.hooks.isolation.stand_in_job import ASKED_OF_WORKER
from whisperx_worker.hooks.job import Job, Observers
from whisperx_worker.hooks.loading import load_host, mounted
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import Worker, new_job, warm_up
from whisperx_worker.runtime.sample_file import new_store, samples_in
from whisperx_worker.types import Audio, Span

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parent / "isolated"
LATE = "it did not end in 0.5 s, which is all the time that it has"


def open_worker(*names, also=(), **settings):
    """Return a worker with isolated plugins of the folder, beside the recogniser of one sentence."""
    chosen = Settings(plugins_dir=FOLDER, plugins_isolate=names, **settings)
    own = Candidate("recognises", "whisperx-worker", "1", load=Recognises)
    found = [candidate for candidate in mounted(FOLDER) if candidate.name in names]
    return Worker(chosen, load_host(chosen, [own, *also, *found]), ModelCache())


def response_of(worker, name="odd", job_id="test", **given):
    fields = {name: given.pop(name) for name in ("debug", "strict", "stream", "output_formats") if name in given}
    return answer(worker, job_id, {"audio_base64": second_of_silence(), "plugins": {name: given}, **fields})


def process_of(worker):
    return response_of(worker, how="warns", debug=True)["debug"]["odd"]["pid"]


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def worker():
    return open_worker("odd")


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("exits", "its process ended with the status 3"),
        ("crashes", "its process died of SIGSEGV"),
        ("aborts", "its process died of SIGABRT"),
        ("is_killed", "its process was killed, as happens where memory is short"),
        ("ends", "it tried to end the process"),
        ("wants_memory", "it ran out of memory (MemoryError)"),
        ("raises", "it raised KeyError"),
        ("complains", "the dictionary is missing"),
        ("complains_of_its_own", "the dictionary is wrong"),
        ("returns_function", "it returned function that cannot leave its process (AttributeError)"),
        ("returns_fraction", "it returned something with a Fraction of fractions, which the worker does not know"),
        (
            "returns_own",
            "it returned something with a Options of whisperx_worker_mounted_odd, which the worker does not know",
        ),
    ],
)
def test_what_it_does_costs_its_change_and_the_next_job_is_as_ever(worker, how, reason):
    failed = response_of(worker, how=how)

    assert failed["warnings"] == [f"plugin odd failed in post_align: {reason}; its change is left out"]
    assert failed["segments"][0]["text"] == SAID
    assert response_of(worker)["detected_language"] == "en"


@pytest.mark.parametrize(
    ("how", "reason"),
    [("breaks_gpu", "the worker's GPU failed (RuntimeError)"), ("cannot_use_gpu", "the GPU is gone")],
)
def test_a_gpu_that_fails_it_costs_its_process_and_not_the_worker(worker, how, reason):
    before = process_of(worker)

    assert response_of(worker, how=how)["warnings"][0].startswith(f"plugin odd failed in post_align: {reason}")

    assert worker.health.fault is None
    assert process_of(worker) != before


def test_where_memory_is_short_the_kernel_ends_it_before_the_worker(worker):
    assert Path(f"/proc/{process_of(worker)}/oom_score_adj").read_text("utf-8") == "500\n"


def test_what_a_job_can_do_it_can_do_there():
    methods = {name for name in vars(Job) if callable(getattr(Job, name)) and not name.startswith("_")}
    assert methods - set(ASKED_OF_WORKER) == {"stage", "timed"}


def test_a_refusal_fails_the_job_with_its_sentence(worker):
    assert response_of(worker, how="refuses")["error"] == "not on Sundays"


def test_the_module_is_not_in_the_workers_process(worker):
    response_of(worker)
    assert "whisperx_worker_mounted_odd" not in sys.modules


def test_what_it_changes_in_place_changes_nothing_in_the_worker(worker):
    changed = response_of(worker, how="mutates", debug=True)

    assert changed["segments"][0]["text"] == SAID
    assert changed["warnings"] == []


def test_warnings_progress_notes_times_and_models_are_those_of_the_job(worker):
    shown = []
    observers = Observers(progress=lambda stage, fraction: shown.append((stage, fraction)))
    fields = {"audio_base64": second_of_silence(), "plugins": {"odd": {"how": "warns"}}, "debug": True}

    response = answer(worker, "test", fields, observers=observers)

    assert response["warnings"] == ["from afar"]
    assert ("post_align", 0.5) in shown
    assert response["debug"]["odd"]["pid"] != os.getpid()
    assert response["debug"]["removed"][-1]["why"] == "for the test"
    assert "odd_s" in response["timings"]
    assert response["debug"]["models"]["model m"]["cached"] in {True, False}
    assert response_of(worker, how="warns", debug=True)["debug"]["models"]["model m"]["cached"] is True


def test_a_warning_fails_a_strict_job(worker):
    assert response_of(worker, how="warns", strict=True)["error"] == "strict: from afar"


def test_what_it_logs_and_prints_is_in_the_log_with_its_name(worker, caplog):
    with caplog.at_level("INFO"):
        response_of(worker, how="tells")
        wait_until(lambda: "printed by C" in caplog.text)

    lines = {(record.name, record.message) for record in caplog.records}
    assert ("whisperx_worker.printed.odd", "printed") in lines
    assert ("whisperx_worker.printed.odd", "printed by C") in lines
    assert ("odd", "odd: logged with hf_Abcdefgh1234") in lines


def test_wrong_options_are_told_as_those_of_any_plugin(worker):
    assert response_of(worker, times="many", why=1)["error"] == (
        'plugins.odd has no option "why" (there are: how, times, token); '
        "plugins.odd.times: input should be a valid integer, unable to parse string as an integer"
    )


@pytest.mark.parametrize("how", ["hangs", "hangs_in_native_code", "leaves_child"])
def test_one_that_does_not_end_is_killed_with_its_children_and_leaves_no_thread(how):
    worker = open_worker("odd", plugins_limit_s=0.5)
    pid = process_of(worker)

    response = response_of(worker, how=how)

    assert response["warnings"] == [f"plugin odd failed in post_align: {LATE}; its change is left out"]
    assert worker.health.left_behind == []
    wait_until(lambda: pid not in groups())
    assert response_of(worker)["detected_language"] == "en"


def groups():
    """Process groups of all processes that are no zombies."""
    stats = [path.read_text("utf-8").rpartition(")")[2].split() for path in Path("/proc").glob("[0-9]*/stat")]
    return [int(fields[2]) for fields in stats if fields[0] != "Z"]


@pytest.mark.parametrize("how", ["waits for progress", "hangs_in_native_code"])
def test_a_cancelled_job_stops_it(worker, how):
    fields = {"audio_base64": second_of_silence(), "plugins": {"odd": {"how": how}}}
    jobs, errors = [], []

    def work():
        with pytest.raises(JobCancelledError) as raised:
            answer(worker, "test", fields, observers=Observers(started=jobs.append))
        errors.append(str(raised.value))

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: jobs and "transcribe_s" in jobs[0].timings)
    time.sleep(0.2)
    jobs[0].cancel()
    thread.join(20)

    assert errors == ["the job was cancelled"]
    assert response_of(worker)["detected_language"] == "en"


def together(worker, *jobs):
    answers = {}

    def work(name, how):
        answers[name] = response_of(worker, job_id=name, how=how)

    threads = [threading.Thread(target=work, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return answers


def test_two_jobs_call_it_at_once(worker):
    answers = together(worker, ("one", "meets"), ("two", "meets"))
    assert {name: response["detected_language"] for name, response in answers.items()} == {"one": "en", "two": "en"}


def test_a_job_does_not_pay_for_another_one_for_which_the_process_is_killed():
    worker = open_worker("odd", plugins_limit_s=1.5)
    how = "hangs where others wait"
    late = threading.Timer(0.8, lambda: answers.update(together(worker, ("innocent", how))))
    answers = {}
    late.start()
    answers.update(together(worker, ("guilty", how)))
    late.join(30)

    assert "did not end in 1.5 s" in answers["guilty"]["warnings"][0]
    assert answers["innocent"]["warnings"] == []
    assert answers["innocent"]["detected_language"] == "en"


def test_a_closed_one_that_crashes_fails_the_job():
    response = answer(open_worker("shut"), "test", {"audio_base64": second_of_silence()})
    assert response == {
        "error": "plugin shut failed in finalize: its process died of SIGABRT; the job does not go on without it"
    }


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("wraps", "transcribe takes next_engine, which is not there in a process of its own"),
        ("broken", "its process ended with the status 7"),
    ],
)
def test_one_that_cannot_run_there_is_not_loaded(name, reason):
    records = {record.name: record for record in open_worker(name).host.records}
    assert (records[name].state, records[name].reason) == ("failed", reason)


def test_a_plugin_that_is_neither_installed_nor_mounted_cannot_have_a_process():
    own = Candidate("made", "test", "1", load=Recognises)
    host = load_host(Settings(plugins_isolate=("made", "nobody")), [own])
    assert [(record.name, record.reason) for record in host.records] == [
        ("made", "only an installed plugin, or one in the plugins folder, can have a process of its own"),
        ("nobody", "named in WHISPERX_WORKER_PLUGINS_ISOLATE, but not installed"),
    ]


def pre_audio(worker, audio, how):
    job = new_job(worker, "test", {"audio_base64": second_of_silence(), "plugins": {"sound": {"how": how}}})
    return run_chain(worker.host, "pre_audio", audio, job), job


def test_a_recording_crosses_there_and_back():
    worker = open_worker("sound")
    audio = Audio(np.linspace(-1, 1, 1000, dtype=np.float32))
    before = audio.samples.copy()

    looked, job = pre_audio(worker, audio, "looks")
    returned, _ = pre_audio(worker, audio, "returns")
    halved, _ = pre_audio(worker, audio, "halves")
    twice, _ = pre_audio(worker, halved, "halves")
    wrong, refused = pre_audio(worker, audio, "is wrong")
    written, _ = pre_audio(worker, audio, "writes")

    assert job.notes["sum"] == pytest.approx(float(before.sum()), abs=1e-3)
    assert looked is audio
    assert returned is audio
    np.testing.assert_array_equal(halved.samples, before / 2)
    np.testing.assert_array_equal(twice.samples, before / 4)
    assert wrong is audio
    assert "it returned Audio in which" in refused.warnings[0].message
    assert written is audio
    np.testing.assert_array_equal(audio.samples, before)


def test_channels_cross_with_their_recording():
    worker = open_worker("sound")
    audio = Audio(np.linspace(-1, 1, 64_000, dtype=np.float32), (Span(0.0, 1.0), Span(3.0, 4.0)))

    returned, _ = pre_audio(worker, audio, "returns")
    halved, _ = pre_audio(worker, audio, "halves")

    assert returned is audio
    assert halved.channel_spans == audio.channel_spans
    np.testing.assert_array_equal(halved.channels[1], audio.channels[1] / 2)


def test_a_decoded_recording_is_not_copied_for_it():
    worker = open_worker("sound")
    with new_store() as store:
        store.truncate(4 * 16_000 * 3600)
        audio = Audio(samples_in(store))
    samples = audio.samples
    before = written_bytes()

    _, job = pre_audio(worker, audio, "looks")

    assert job.notes["sum"] == 0.0
    assert audio.samples is samples
    assert written_bytes() - before < 100_000


def written_bytes():
    """Bytes that this process has written to files, sockets and shared memory."""
    lines = Path("/proc/self/io").read_text("utf-8").splitlines()
    return int(dict(line.split(": ") for line in lines)["wchar"])


def test_what_a_job_left_is_released_on_both_sides():
    worker = open_worker("sound")

    def files(process):
        return len(list(Path(f"/proc/{process}/fd").iterdir()))

    def run():
        pre_audio(worker, Audio(np.zeros(16_000 * 60, np.float32)), "halves")
        gc.collect()
        (child,) = children()
        maps = Path(f"/proc/{child}/maps").read_text("utf-8").count("(deleted)")
        return files("self"), files(child), maps

    first = run()
    time.sleep(0.1)
    for _ in range(5):
        last = run()
    assert last == first


def children():
    """Processes of plugins that this process has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = (path / "stat").read_text("utf-8").rpartition(")")[2].split()[1]
            command = (path / "cmdline").read_bytes()
        except OSError:
            continue
        if int(parent) == os.getpid() and b"isolation.server" in command:
            found.append(int(path.name))
    return found[-1:]


def test_every_hook_has_its_meaning_there(tmp_path):
    class Sees:
        @hookimpl
        def post_align(self, transcript):
            seen.append(transcript.text)

    seen, shown = [], []
    worker = open_worker("wide", also=[Candidate("sees", "test", "1", load=Sees)], transcribe_engine="wide")
    (tmp_path / "sound").write_bytes(base64.b64decode(second_of_silence()))
    assert warm_up(worker) is None

    response = answer(
        worker,
        "test",
        {
            "audio_file": f"wide://{tmp_path}/sound",
            "plugins": {"wide": {}},
            "output_formats": ["shout", "length"],
            "stream": True,
        },
        observers=Observers(segments=shown.extend),
    )

    assert seen == ["слова Битрикс"]
    assert [one.text for one in shown] == ["СЛОВА БИТРИКС"]
    assert response["segments"][0]["extra"] == {"wide": {"joy": 0.5}}
    assert response["outputs"]["shout"] == "СЛОВА БИТРИКС"
    assert response["outputs"]["length"] == {"media_type": "a/b", "base64": "dGVzdCAxNjAwMA=="}
    assert response["models"] == ["('warm', '/models')"]
    assert response["seen"] == [
        "warm_up",
        "fetch",
        "decode",
        "pre_audio",
        "transcribe",
        "post_align",
        "finalize",
        "job",
    ]
    assert response["warnings"] == []


def test_it_takes_part_on_request_in_its_order_and_pins_its_models(caplog):
    worker = open_worker("wide", "odd")

    assert worker.host.on_request == {"wide"}
    assert [one.plugin_name for one in worker.host.implementations("finalize")] == ["wide"]
    assert sorted(worker.host.sources) == ["wide"]
    with caplog.at_level("INFO"):
        worker.shut_down()
    assert ("whisperx_worker.printed.wide", "good-bye") in {(one.name, one.message) for one in caplog.records}


def test_extra_data_that_the_schema_refuses_is_left_out():
    worker = open_worker("wide")
    result_of = {"audio_base64": second_of_silence(), "plugins": {"wide": {}, "recognises": {}}}
    response = answer(worker, "test", {**result_of, "initial_prompt": "wrong extra"})
    assert "extra" not in response["segments"][0]
    assert response["warnings"] == [
        "plugin wide put data that its schema refuses (joy: input should be a valid number) into extra of a segment, "
        "which is left out"
    ]


def test_it_ends_with_its_host():
    worker = open_worker("odd")
    pid = process_of(worker)
    del worker
    gc.collect()
    wait_until(lambda: not is_alive(pid))
    assert not is_alive(pid)


@pytest.mark.parametrize("how", ["warns", "hangs_in_native_code", "leaves_child"])
def test_it_ends_with_a_worker_that_is_killed(how):
    command = (
        "import sys, threading, time; from tests.hooks.test_isolated_plugins import *; worker = open_worker('odd');"
        f"print(process_of(worker), flush=True); response_of(worker, how={how!r}); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        time.sleep(0.5)
        assert is_alive(pid)
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: pid not in groups())
