"""Bodies whose connection breaks off go on where they stopped, and never become two versions glued together."""

from __future__ import annotations

import contextlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from whisperx_worker.audio import download
from whisperx_worker.audio.fetch import fetch
from whisperx_worker.contract.audio_source import UrlSource
from whisperx_worker.contract.settings import load_settings
from whisperx_worker.errors import FetchError

OLD, NEW = bytes(range(256)) * 400, bytes(reversed(range(256))) * 400
HALF = 40_000
OLD_DAY, NEW_DAY = "Mon, 01 Jan 2024 00:00:00 GMT", "Tue, 02 Jan 2024 00:00:00 GMT"


class Server(BaseHTTPRequestHandler):
    """Breaks off its first answers in the middle; what it says of versions and ranges, `server.how` decides."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        how, number = self.server.how, len(self.server.asked)
        self.server.asked.append((self.headers.get("Range"), self.headers.get("If-Range")))
        changed = number >= how.get("changes_after", 1_000)
        old = how.get("old", {})
        body, version = (NEW + how.get("more", b""), how.get("new", old)) if changed else (OLD, old)
        start = int(re.fullmatch(r"bytes=(\d+)-", self.headers["Range"])[1]) if self.headers["Range"] else 0
        known = self.headers["If-Range"] in version.values() or how.get("lies")
        if number == how.get("fails_at"):
            self.send(503, b"busy", number, {"ETag": '"busy"'})
        elif start and how.get("refuses"):
            self.send(416, b"", 0, {})
        elif start and how.get("ranges", True) and known:
            start += how.get("skips", 0)
            whole = how.get("whole", len(body))
            name = f"bytes {start}-{len(body) - 1}/{whole}"
            length = {"Content-Length": None} if how.get("uncounted") else {}
            self.send(206, body[start:], number, {**version, "Content-Range": name, **length})
        else:
            self.send(200, body, number, version)

    def send(self, status, body, number, headers) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(
                body[: self.server.how.get("cut", HALF)] if number < self.server.how.get("breaks", 1) else body
            )
        self.close_connection = True

    def log_message(self, *_arguments) -> None:
        pass


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def fetched(server, tmp_path, monkeypatch):
    """Fetches a body from a server that behaves so: the body, and the ranges that were asked for."""
    monkeypatch.setenv("RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS", "true")
    monkeypatch.setattr(download, "_PAUSES_S", (0.0, 0.0))

    def get(**how):
        server.how, server.asked = how, []
        url = f"http://127.0.0.1:{server.server_address[1]}/talk.wav"
        path = fetch(UrlSource(url), tmp_path, load_settings(**how.get("settings", {})))
        assert list(tmp_path.iterdir()) == [path]
        return path.read_bytes(), server.asked

    return get


TAG = {"ETag": '"one"'}
DAY = {"Last-Modified": OLD_DAY}


@pytest.mark.parametrize("version", [TAG, DAY], ids=["tag", "date"])
def test_a_body_that_breaks_off_goes_on_where_it_stopped(fetched, version) -> None:
    body, asked = fetched(old=version)
    assert body == OLD
    assert asked == [(None, None), (f"bytes={HALF}-", next(iter(version.values())))]


def test_a_body_that_breaks_off_twice_goes_on_twice(fetched) -> None:
    body, asked = fetched(old=TAG, breaks=2)
    assert body == OLD
    assert [place for place, _ in asked] == [None, f"bytes={HALF}-", f"bytes={2 * HALF}-"]


@pytest.mark.parametrize(
    "how",
    [
        {"old": TAG, "new": {"ETag": '"two"'}, "changes_after": 1},
        {"old": DAY, "new": {"Last-Modified": NEW_DAY}, "changes_after": 1},
        {"old": TAG, "new": {"ETag": '"two"'}, "changes_after": 1, "lies": True},
        {"old": DAY, "new": {"Last-Modified": NEW_DAY}, "changes_after": 1, "lies": True},
        {"old": TAG, "new": {}, "changes_after": 1, "lies": True},
        {"old": DAY, "new": {}, "changes_after": 1, "lies": True},
        {"old": TAG, "more": b"more", "changes_after": 1},
        {"old": DAY, "more": b"more", "changes_after": 1},
    ],
    ids=[
        "tag",
        "date",
        "tag and a server that does not compare",
        "date and a server that does not compare",
        "tag, then none",
        "date, then none",
        "tag of two lengths",
        "date of two lengths",
    ],
)
def test_a_file_that_changed_in_between_is_fetched_anew(fetched, how) -> None:
    assert fetched(**how)[0] == NEW + how.get("more", b"")


def test_a_rest_that_ends_early_and_does_not_count_its_bytes_is_not_the_end(fetched) -> None:
    body, asked = fetched(old=TAG, breaks=2, uncounted=True)
    assert body == OLD
    assert [place for place, _ in asked] == [None, f"bytes={HALF}-", f"bytes={2 * HALF}-"]


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"old": {"ETag": 'W/"one"'}},
        {"old": {"ETag": "one"}},
        {"old": {**TAG, "Accept-Ranges": "none"}},
        {"old": {"Last-Modified": "yesterday"}},
        {"old": {"Last-Modified": "Fri, 01 Jan 2999 00:00:00 GMT"}},
    ],
    ids=["no version", "weak tag", "bare tag", "no ranges", "no date", "date to come"],
)
def test_a_body_of_no_certain_version_begins_anew(fetched, how) -> None:
    body, asked = fetched(**how)
    assert body == OLD
    assert asked == [(None, None), (None, None)]


def test_a_server_that_does_not_know_ranges_sends_the_whole(fetched) -> None:
    body, asked = fetched(old=TAG, ranges=False)
    assert body == OLD
    assert len(asked) == 2


@pytest.mark.parametrize(
    "how", [{"skips": 5}, {"whole": 5}, {"whole": 10**9}, {"whole": "*"}, {"refuses": True}], ids=str
)
def test_an_answer_that_is_not_the_rest_is_thrown_away(fetched, how) -> None:
    body, asked = fetched(old=TAG, **how)
    assert body == OLD
    assert [place for place, _ in asked] == [None, f"bytes={HALF}-", None]


def test_tries_that_each_bring_something_are_not_counted(fetched) -> None:
    body, asked = fetched(old=TAG, breaks=1_000, cut=10_000)
    assert body == OLD
    assert len(asked) == -(-len(OLD) // 10_000)


def test_tries_that_bring_something_are_bounded_in_all(fetched, server, monkeypatch) -> None:
    monkeypatch.setattr(download, "_MAX_TRIES", 5)
    with pytest.raises(FetchError, match=r"the connection broke off$"):
        fetched(old=TAG, breaks=1_000, cut=10_000)
    assert len(server.asked) == 5


@pytest.mark.parametrize("how", [{}, {"old": TAG, "ranges": False}, {"old": TAG, "refuses": True}], ids=str)
def test_tries_that_bring_the_same_again_are_no_progress(fetched, server, how) -> None:
    with pytest.raises(FetchError):
        fetched(breaks=1_000, **how)
    assert len(server.asked) <= 1 + 3


def test_an_error_in_between_does_not_lose_what_has_come(fetched) -> None:
    body, asked = fetched(old=TAG, fails_at=1)
    assert body == OLD
    assert [place for place, _ in asked] == [None, f"bytes={HALF}-", f"bytes={HALF}-"]


def test_tries_stay_bounded_and_nothing_is_left(fetched, tmp_path) -> None:
    with pytest.raises(FetchError, match=r"the connection broke off$"):
        fetched(breaks=1_000)
    assert list(tmp_path.iterdir()) == []


def test_the_largest_size_counts_all_parts(fetched) -> None:
    with pytest.raises(FetchError, match=r"it is larger than"):
        fetched(old=TAG, settings={"max_audio_mb": 0.09})


def test_a_part_that_nobody_asked_for_is_not_taken_for_the_whole(fetched, monkeypatch) -> None:
    def part_only(self) -> None:
        self.server.asked.append((self.headers.get("Range"), None))
        self.send(206, OLD[5:], 1, {"Content-Range": f"bytes 5-{len(OLD) - 1}/{len(OLD)}"})

    monkeypatch.setattr(Server, "do_GET", part_only)
    with pytest.raises(FetchError, match=r"the server sent another part of it than was asked for$"):
        fetched()
