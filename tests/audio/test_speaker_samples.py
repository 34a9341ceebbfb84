"""A sample of a voice is fetched and decoded like the recording, and a bad one is named and nothing else."""

from __future__ import annotations

import base64
import tempfile
from dataclasses import replace

import pytest

from tests.clips import wav
from whisperx_worker import BadInputError, FetchError, ModelCache, SpeakerSample, StrictError, WorkerError, read_sample
from whisperx_worker.contract.settings import Settings
from whisperx_worker.hooks.loading import load_host
from whisperx_worker.pipeline.worker import Worker, new_job
from whisperx_worker.testing import make_job

CLIP = base64.b64encode(wav(seconds=0.5)).decode()
CUT_OFF = base64.b64encode(wav(seconds=2.0)[:-32_000]).decode()
CUT = "the file says that it is 2.00 s long but ends at 1.00 s; it may be cut off"
PAGE = base64.b64encode(b"<!DOCTYPE html><html></html>").decode()


def inline(audio, name="Анна"):
    return {"name": name, "audio_base64": audio}


def job_of(*samples, local=False, settings=None, **fields):
    data = {"audio_base64": CLIP, "speaker_samples": list(samples), **fields}
    settings = settings or Settings()
    return new_job(Worker(settings, load_host(settings, ()), ModelCache()), "job-1", data, local=local)


def failure(job, index=0, kind=WorkerError):
    with pytest.raises(kind) as failed:
        read_sample(job.request.speaker_samples[index], job)
    return str(failed.value)


def test_a_sample_becomes_audio():
    job = make_job(speaker_samples=[inline(CLIP)])

    assert read_sample(job.request.speaker_samples[0], job).duration_s == 0.5
    assert job.warnings == ()


def test_a_person_on_this_machine_may_name_a_path(tmp_path):
    path = tmp_path / "anna.wav"
    path.write_bytes(wav(seconds=0.25))
    job = job_of({"url": str(path)}, local=True)

    assert read_sample(job.request.speaker_samples[0], job).duration_s == 0.25


def test_a_job_may_not_name_a_path(tmp_path):
    path = tmp_path / "anna.wav"
    path.write_bytes(wav())

    with pytest.raises(
        BadInputError, match=r"^speaker_samples\[0\]\.url must be an http\(s\) URL, a data: URI or base64$"
    ):
        job_of({"url": str(path)})


def test_a_path_that_gets_past_the_request_is_not_opened(tmp_path):
    path = tmp_path / "anna.wav"
    path.write_bytes(wav())
    sample = SpeakerSample(name="anna", url=str(path))
    job = make_job()

    with pytest.raises(BadInputError, match=r"^the sample of anna: the audio is not valid base64$"):
        read_sample(sample, job)
    assert read_sample(sample, replace(job, local=True)).duration_s == 0.5


@pytest.mark.parametrize(
    ("audio", "reason"),
    [
        (PAGE, "the file is not audio that can be read: it looks like an HTML page"),
        (base64.b64encode(b"\0\1\2\3" * 20).decode(), "the file is not audio that can be read"),
    ],
)
def test_a_sample_that_cannot_be_read_is_named(audio, reason):
    assert failure(job_of(inline(audio)), kind=BadInputError) == f"the sample of Анна: {reason}"


def test_of_several_samples_of_one_person_the_bad_one_is_told_by_its_number():
    job = job_of(inline(CLIP), inline(CLIP, "Иван"), inline(PAGE))

    assert failure(job, 2) == ("sample 2 of Анна: the file is not audio that can be read: it looks like an HTML page")


def test_a_url_that_is_refused_is_told_without_its_query():
    job = job_of({"url": "http://127.0.0.1:9000/anna.wav?token=s3cr3t"})

    assert failure(job, kind=FetchError) == (
        "the sample of anna: the audio could not be fetched from http://127.0.0.1:9000/anna.wav: the address is not public"
    )


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (Settings(max_sample_s=0.25), "the recording is longer than 0.25 s, the most that this worker takes"),
        (Settings(max_sample_mb=0.001), "the audio in base64 is larger than 0.001 MB"),
    ],
)
def test_a_sample_has_limits_of_its_own(settings, reason):
    assert failure(job_of(inline(CLIP), settings=settings)) == f"the sample of Анна: {reason}"


def test_what_is_odd_about_a_sample_is_a_warning_that_names_it():
    job = job_of(inline(CUT_OFF))

    assert read_sample(job.request.speaker_samples[0], job).duration_s == 1.0
    assert [str(warned) for warned in job.warnings] == [f"the sample of Анна: {CUT}"]


def test_in_a_strict_job_an_odd_sample_is_an_error():
    assert failure(job_of(inline(CUT_OFF), strict=True), kind=StrictError) == f"strict: the sample of Анна: {CUT}"


def test_nothing_of_a_sample_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    job = job_of(inline(CLIP), inline(PAGE))

    read_sample(job.request.speaker_samples[0], job)
    failure(job, 1)

    assert list(tmp_path.iterdir()) == []
