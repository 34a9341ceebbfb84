"""What goes out to RunPod: results of a size that it carries, else a bucket; pieces of a stream."""

from __future__ import annotations

import json
import urllib.request

import pytest

from whisperx_worker.contract.settings import load_settings
from whisperx_worker.serving.progress import MAX_PIECE_MB, _pieces
from whisperx_worker.serving.result_size import MAX_RESULT_MB, fit_result

LARGE = {
    "segments": [{"start": 0.0, "end": 1.0, "text": "ы" * int(MAX_RESULT_MB * 500_000)}],
    "detected_language": "ru",
    "warnings": ["no speech was found"],
    "logs": "finished",
}
WITH_BYTES = {
    **LARGE,
    "segments": [],
    "outputs": {"zip": {"media_type": "application/zip", "base64": "UEsF" * int(MAX_RESULT_MB * 260_000)}},
}


def sent(response, job_id="job-1", **settings):
    return fit_result(response, job_id, load_settings(**settings))


def test_a_result_within_the_limit_is_sent_as_it_is():
    response = {"segments": [], "detected_language": None, "warnings": ["да"], "logs": ""}
    assert sent(response) is response


def test_a_number_that_json_does_not_have_is_an_error():
    assert sent({"similarity": float("nan")})["error"].startswith("the result cannot be written as JSON")


def test_without_a_bucket_a_result_that_runpod_would_drop_is_an_error_that_says_so():
    assert sent(LARGE) == {
        "error": "the result has 18.0 MB, more than the 18 MB that RunPod carries, and this worker has no bucket to put it "
        "in (BUCKET_ENDPOINT_URL); send the recording in parts, or ask for fewer output_formats"
    }


@pytest.fixture(scope="module")
def s3():
    """A real S3 server, with a bucket."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = boto3.client(
        "s3", endpoint_url=url, aws_access_key_id="k", aws_secret_access_key="s", region_name="us-east-1"
    )
    client.create_bucket(Bucket="results")
    yield url
    server.stop()


@pytest.fixture
def bucket(monkeypatch, s3):
    monkeypatch.setenv("BUCKET_ENDPOINT_URL", s3)
    monkeypatch.setenv("BUCKET_ACCESS_KEY_ID", "planted-key-id")
    monkeypatch.setenv("BUCKET_SECRET_ACCESS_KEY", "planted-secret-key")


@pytest.mark.slow
@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize(
    ("job_id", "response"), [("a1b2-e1", LARGE), ("../../other/job", LARGE), ("a1b2-e1", WITH_BYTES)]
)
def test_a_large_result_goes_to_the_bucket_whole(job_id, response, capfd, caplog):
    answer = sent(response, job_id, bucket_name="results")
    url, size = answer.pop("result_url"), answer.pop("result_bytes")
    assert answer == {name: LARGE[name] for name in ("detected_language", "warnings", "logs")}
    with urllib.request.urlopen(url) as reply:
        content = reply.read()
    assert json.loads(content) == response
    assert size == len(content)
    assert "/results/" in url
    assert "/../" not in url
    ours = [record.getMessage() for record in caplog.records if record.name != "werkzeug"]  # which is the server
    said = "".join([*ours, *capfd.readouterr()])
    assert "planted-secret-key" not in said + url
    assert "Signature" not in said


@pytest.mark.slow
@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_is_not_there_is_an_error_without_its_address(s3):
    error = sent(LARGE, bucket_name="no-such-bucket")["error"]
    assert error.startswith(
        "the result has 18.0 MB, more than the 18 MB that RunPod carries, and the bucket did not take"
    )
    assert s3 not in error
    assert "no-such-bucket" not in error


def test_pieces_of_a_stream_are_small_and_make_up_the_whole():
    items = [{"text": "ж" * length} for length in (10, 200_000, 200_000, 200_000, 5, 400_000)]
    pieces = list(_pieces("segments", items))
    assert [item for piece in pieces for item in piece["segments"]] == items
    assert len(pieces) > 2
    assert all(len(json.dumps(piece, ensure_ascii=False).encode()) < MAX_PIECE_MB * 1.1e6 for piece in pieces)
    assert list(_pieces("segments", [])) == []
