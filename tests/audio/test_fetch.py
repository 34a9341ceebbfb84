"""Fetching of audio: every response of a server, every refused source, and the exact sentence for each."""

from __future__ import annotations

import base64
import contextlib
import gzip
import logging
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.fetching import describe, fetch_text
from whisperx_worker.audio import download, job_file
from whisperx_worker.contract.settings import load_settings
from whisperx_worker.errors import BadInputError, FetchError

BODY = bytes(range(256)) * 40
SECRET = "s3cr3t"
QUERY = f"?token={SECRET}&X-Amz-Signature={SECRET}#{SECRET}"


class Server(BaseHTTPRequestHandler):
    """Answers by the first part of the path."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        getattr(self, "answer_" + self.path.split("/")[1].split("?")[0])()

    def log_message(self, *_args) -> None:
        pass

    def send(self, status=200, body=BODY, *, length=None, **headers) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def answer_fine(self) -> None:
        self.send()

    def answer_chunked(self) -> None:
        self.send_chunks([BODY[:100], BODY[100:]])

    def send_chunks(self, chunks, end=b"0\r\n\r\n") -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with contextlib.suppress(OSError):
            for chunk in chunks:
                self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            self.wfile.write(end)
        self.close_connection = True

    def answer_cutchunks(self) -> None:
        self.send_chunks([BODY[:100]], end=b"")

    def answer_endless(self) -> None:
        self.send_chunks([BODY] * 400)

    def answer_gzip(self) -> None:
        self.send(body=gzip.compress(BODY), Content_Encoding="gzip")

    def answer_bomb(self) -> None:
        self.send(body=gzip.compress(bytes(4_000_000)), Content_Encoding="gzip")

    def answer_badgzip(self) -> None:
        self.send(Content_Encoding="gzip")

    def answer_missing(self) -> None:
        self.send(404)

    def answer_broken(self) -> None:
        self.send(503)

    def answer_once(self) -> None:
        self.send(500 if len(self.server.asked) == 1 else 200)

    def answer_moved(self) -> None:
        self.send(302, b"", Location="/fine")

    def answer_loop(self) -> None:
        self.send(302, b"", Location=self.path)

    def answer_nowhere(self) -> None:
        self.send(302, b"")

    def answer_tofile(self) -> None:
        self.send(302, b"", Location="file:///etc/passwd")

    def answer_tobadport(self) -> None:
        self.send(302, b"", Location="http://host.example:99999/")

    def answer_toprivate(self) -> None:
        self.send(302, b"", Location="http://internal.example/latest/meta-data")

    def answer_cut(self) -> None:
        self.send(body=BODY[:100], length=len(BODY))
        self.close_connection = True

    def answer_cutonce(self) -> None:
        self.answer_cut() if len(self.server.asked) == 1 else self.send()

    def answer_hangup(self) -> None:
        self.close_connection = True

    def answer_empty(self) -> None:
        self.send(204, b"") if "204" in self.path else self.send(body=b"")

    def answer_large(self) -> None:
        self.send(length=3_000_000)
        self.close_connection = True

    def answer_drip(self) -> None:
        self.send(body=b"", length=1000)
        self.drip(b"x")

    def answer_dripshort(self) -> None:
        self.send(body=b"", length=100)
        self.drip(b"x", 100)

    def answer_dripheaders(self) -> None:
        self.drip(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000)

    def drip(self, content, times=1000) -> None:
        with contextlib.suppress(OSError):
            for byte in content * times:
                self.wfile.write(bytes([byte]))
                if self.server.closing.wait(0.02):
                    return

    def answer_silent(self) -> None:
        self.server.closing.wait(60)

    def answer_badheader(self) -> None:
        with contextlib.suppress(OSError):
            self.wfile.write(b"HTTP/1.1 200 OK\r\n : nonsense\r\nContent-Length: 3\r\n\r\nabc")

    def answer_page(self) -> None:
        self.send(body=b"<!doctype html><title>Sign in</title>", Content_Type="text/html")


class QuietServer(ThreadingHTTPServer):
    """A client that leaves early is no news."""

    daemon_threads = True

    def handle_error(self, _request, _address) -> None:
        pass


@pytest.fixture(scope="module")
def server():
    with QuietServer(("127.0.0.1", 0), Server) as running:
        running.asked, running.closing = [], threading.Event()
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield running
        running.closing.set()
        running.shutdown()


@pytest.fixture
def url(server, monkeypatch):
    """The loopback server's address, in a worker that may go there."""
    monkeypatch.setenv("RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS", "true")
    monkeypatch.setattr(download, "_PAUSES_S", (0.0, 0.0))
    server.asked.clear()
    return f"http://127.0.0.1:{server.server_address[1]}"


@pytest.fixture(scope="module")
def settings():
    return load_settings(max_audio_mb=2.0)


def failure(place, folder, settings, *, local=False) -> str:
    """The sentence that a fetch ends with; nothing may be left of it."""
    with pytest.raises((FetchError, BadInputError)) as caught:
        fetch_text(place, folder, settings, local=local)
    assert list(folder.iterdir()) == []
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "asked"), [("fine", 1), ("chunked", 1), ("gzip", 1), ("once", 2), ("cutonce", 2), ("moved", 2)]
)
def test_the_body_of_a_url_becomes_a_file(url, server, tmp_path, settings, path, asked) -> None:
    file = fetch_text(f"{url}/{path}{QUERY}", tmp_path, settings)
    assert file.read_bytes() == BODY
    assert file.parent == tmp_path
    assert list(tmp_path.iterdir()) == [file]
    assert len(server.asked) == asked


def test_a_page_in_place_of_audio_is_left_to_the_decoder(url, tmp_path, settings) -> None:
    assert fetch_text(f"{url}/page", tmp_path, settings).read_bytes().startswith(b"<!doctype html>")


@pytest.mark.parametrize(
    ("path", "reason", "asked"),
    [
        ("missing", "the server answered 404", 1),
        ("broken", "the server answered 503", 3),
        ("empty", "the server sent nothing", 1),
        ("empty/204", "the server sent nothing", 1),
        ("loop", "too many redirects", 6),
        ("nowhere", "the server answered 302", 1),
        ("tofile", "where it redirects to must be an http(s) URL, not file:", 1),
        ("tobadport", "where it redirects to is not a valid URL", 1),
        ("cut", "the connection broke off", 3),
        ("cutchunks", "the connection broke off", 3),
        ("hangup", "the connection broke off", 3),
        ("large", "it is larger than 2 MB", 1),
        ("endless", "it is larger than 2 MB", 1),
        ("bomb", "it is larger than 2 MB", 1),
        ("badgzip", "its Content-Encoding cannot be undone", 1),
        ("silent", "the server did not answer in 1 s", 1),
        ("drip", "the server sends less than 16 kB per second", 1),
        ("dripheaders", "the server did not answer in 1 s", 1),
    ],
)
def test_a_failed_download_is_one_sentence_without_secrets(
    url, server, tmp_path, settings, caplog, capfd, path, reason, asked
) -> None:
    caplog.set_level(logging.DEBUG)
    if path in {"silent", "drip", "dripheaders"}:
        settings = load_settings(fetch_timeout_s=1.0)
    message = failure(f"{url}/{path}{QUERY}", tmp_path, settings)
    assert message == f"the audio could not be fetched from {describe(f'{url}/{path}')}: {reason}"
    assert len(server.asked) == asked
    assert SECRET not in caplog.text
    assert capfd.readouterr() == ("", "")


def test_a_header_that_cannot_be_read_puts_no_url_into_the_log(url, tmp_path, settings, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    assert fetch_text(f"{url}/badheader{QUERY}", tmp_path, settings).read_bytes() == b"abc"
    assert SECRET not in caplog.text


@pytest.mark.usefixtures("url")
def test_a_port_where_nobody_listens_is_tried_again_and_told(tmp_path, settings) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        place = f"http://127.0.0.1:{reserved.getsockname()[1]}/talk.wav{QUERY}"
        expected = f"the audio could not be fetched from {describe(place)}: no connection could be made"
        assert failure(place, tmp_path, settings) == expected


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "0.0.0.0",
        "10.0.0.1", "172.16.5.5", "192.168.1.1", "100.64.0.1", "169.254.169.254", "224.0.0.1", "255.255.255.255",
        "[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]", "[::ffff:a00:1]",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused(tmp_path, settings, monkeypatch, host) -> None:
    monkeypatch.delenv("RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS", raising=False)
    expected = f"the audio could not be fetched from http://{host}/talk.wav: the address is not public"
    assert failure(f"http://{host}/talk.wav{QUERY}", tmp_path, settings) == expected


def resolver(monkeypatch, table) -> None:
    """Let names resolve to addresses by a table; a name that is not in it does not exist."""

    def getaddrinfo(host, port, *_args, **_kwargs):
        if host not in table:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (table[host], port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_a_name_that_points_into_the_house_is_refused_without_telling_where(tmp_path, settings, monkeypatch) -> None:
    resolver(monkeypatch, {"innocent.example": "10.1.2.3"})
    message = failure("https://innocent.example/talk.wav", tmp_path, settings)
    assert message == "the audio could not be fetched from https://innocent.example/talk.wav: the address is not public"


def test_a_redirect_into_the_house_is_refused(server, tmp_path, settings, monkeypatch) -> None:
    from runpod.serverless.utils import rp_ssrf

    resolver(
        monkeypatch, {"host.example": "127.0.0.1", "127.0.0.1": "127.0.0.1", "internal.example": "169.254.169.254"}
    )
    monkeypatch.setattr(rp_ssrf, "is_safe_address", lambda ip: ip == "127.0.0.1")
    place = f"http://host.example:{server.server_address[1]}/toprivate{QUERY}"
    expected = f"the audio could not be fetched from {describe(place)}: the address is not public"
    assert failure(place, tmp_path, settings) == expected


def test_a_host_that_does_not_exist_is_told(tmp_path, settings, monkeypatch) -> None:
    resolver(monkeypatch, {})
    message = failure("http://nowhere.example/talk.wav", tmp_path, settings)
    assert message == (
        "the audio could not be fetched from http://nowhere.example/talk.wav: the name of the host is not known"
    )


def test_a_resolver_that_fails_for_now_is_asked_again(url, tmp_path, settings, monkeypatch) -> None:
    answers = [socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")]
    real = socket.getaddrinfo

    def getaddrinfo(*args, **kwargs):
        if answers:
            raise answers.pop()
        return real(*args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert fetch_text(f"{url}/fine", tmp_path, settings).read_bytes() == BODY


def test_a_proxy_is_not_used(tmp_path, settings, monkeypatch) -> None:
    monkeypatch.setenv("http_proxy", "http://user:pw@proxy.internal:3128")
    message = failure("http://93.184.216.34/talk.wav", tmp_path, settings)
    assert message == (
        "the audio could not be fetched from http://93.184.216.34/talk.wav: the worker does not fetch through a proxy"
    )


@pytest.mark.parametrize(
    ("place", "shown", "reason"),
    [
        ("file:///etc/passwd", "a URL that is not valid", "it must be an http(s) URL, not file:"),
        ("ftp://host.example/a.wav", "a URL of the kind ftp:", "it must be an http(s) URL, not ftp:"),
        ("http:///a.wav", "a URL that is not valid", "it is not a valid URL"),
        ("http://[::1/a.wav", "a URL that is not valid", "it is not a valid URL"),
        ("http://host.example:99999/", "a URL that is not valid", "it is not a valid URL"),
        ("http://" + "a" * 64 + ".example/", "http://" + "a" * 64 + ".example", "it is not a valid URL"),
    ],
)
def test_what_is_no_web_address_is_refused(tmp_path, settings, place, shown, reason) -> None:
    assert failure(place, tmp_path, settings) == f"the audio could not be fetched from {shown}: {reason}"


@pytest.mark.parametrize("place", ["data:audio/wav;base64,{}", "{}", " {}\r\n"])
def test_base64_becomes_a_file(tmp_path, settings, place) -> None:
    text = place.format("\n".join(base64.encodebytes(BODY).decode().split("\n")))
    assert fetch_text(text, tmp_path, settings).read_bytes() == BODY


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("data:audio/wav,abcd", "a data: URI must look like data:audio/wav;base64,..."),
        ("data:audio/wav;base64", "a data: URI must look like data:audio/wav;base64,..."),
        ("data:audio/wav;base64,", "the audio in base64 is empty"),
        ("   ", "the audio in base64 is empty"),
        ("data:audio/wav;base64,ab!d", "the audio is not valid base64"),
        ("abcde", "the audio is not valid base64"),
        ("YWJj-_==", "the audio is not valid base64"),
        ("/etc/passwd", "the audio is not valid base64"),
        ("../../etc/passwd", "the audio is not valid base64"),
        ("A" * 2_800_000, "the audio in base64 is larger than 2 MB"),
        ("A" * 3_200_000, "the audio in base64 is larger than 2 MB"),
    ],
)
def test_base64_that_is_wrong_is_told(tmp_path, settings, place, message) -> None:
    assert failure(place, tmp_path, settings) == message


def test_a_path_is_used_where_it_lies_and_only_by_people(tmp_path, settings) -> None:
    path = tmp_path / "talk.wav"
    path.write_bytes(BODY)
    folder = tmp_path / "job"
    folder.mkdir()
    assert fetch_text(str(path), folder, settings, local=True) == path
    assert list(folder.iterdir()) == []
    assert failure(str(path), folder, settings) == "the audio is not valid base64"


def test_a_path_whose_name_could_be_base64_is_a_path(tmp_path, settings, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ("a" * 80)).write_bytes(BODY)
    assert fetch_text("a" * 80, tmp_path, settings, local=True).read_bytes() == BODY


def test_base64_too_long_for_a_path_is_base64_for_people_too(tmp_path, settings) -> None:
    place = base64.b64encode(BODY).decode()
    assert fetch_text(place, tmp_path, settings, local=True).read_bytes() == BODY


@pytest.mark.parametrize(
    ("name", "message"),
    [("nothing.wav", "there is no file nothing.wav"), (".", "there is no file job"), ("x\0y", "there is no file x?y")],
)
def test_a_path_to_no_file_is_told_by_its_name(tmp_path, settings, name, message) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    assert failure(f"{folder}/{name}", folder, settings, local=True) == message


def test_a_file_above_the_limit_is_refused(tmp_path, settings) -> None:
    path = tmp_path / "big.wav"
    with path.open("wb") as file:
        file.truncate(2 * 1024 * 1024 + 1)
    with pytest.raises(BadInputError, match=r"^the file is larger than 2 MB$"):
        fetch_text(str(path), tmp_path, settings, local=True)


def test_a_full_disk_is_told_and_leaves_nothing(url, tmp_path, settings, monkeypatch) -> None:
    class Full:
        def __enter__(self):
            return self

        def __exit__(self, *_args):
            return None

        def write(self, _content):
            raise OSError(28, "No space left on device", str(tmp_path))

    monkeypatch.setattr(job_file.os, "fdopen", lambda number, *_args, **_kwargs: job_file.os.close(number) or Full())
    assert failure(f"{url}/fine", tmp_path, settings) == "the worker has no room to keep the audio"


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("https://host.example", "https://host.example"),
        ("https://host.example/talk.wav?token=1", "https://host.example/talk.wav"),
        ("https://user:pw@host.example:8443/a/b/talk.wav#x", "https://host.example:8443/…/talk.wav"),
        ("HTTPS://Host.Example/talk.wav", "https://host.example/talk.wav"),
        ("https://api.example/file/bot12:AAF/voice/file_1.oga", "https://api.example/…/file_1.oga"),
        ("https://host.example/a/0123456789abcdef0123456789abcdef.wav", "https://host.example/…"),
        ("https://host.example/s/AbCdEf123", "https://host.example/…"),
        ("https://host.example/a/1b4e28ba-2fa1-11d2-883f-0016d3cca427.mp3", "https://host.example/…"),
        ("https://host.example/%D0%B7%D0%B0%D0%BF%D0%B8%D1%81%D1%8C.wav", "https://host.example/запись.wav"),
        ("https://host.example/a%0Ab.wav", "https://host.example/…"),
        ("https://[2001:db8::1]:80/talk.wav", "https://[2001:db8::1]:80/talk.wav"),
        ("http://ho st/talk.wav", "a URL that is not valid"),
        ("data:audio/wav;base64,AAAA", "a data: URI (audio/wav, 0.0 kB)"),
        ("data:,AAAA", "a data: URI (no type, 0.0 kB)"),
        ("A" * 4096, "base64 (3.0 kB)"),
        ("A" * 2_796_204, "base64 (2.0 MB)"),
        ("/home/anna/talks/talk 1.wav", "the file talk 1.wav"),
    ],
)
def test_a_source_is_described_without_secrets(place, shown) -> None:
    assert describe(place, local=True) == shown


@pytest.mark.parametrize(("setting", "told"), [({}, 16), ({"min_fetch_kb_per_s": 40.0}, 40)])
def test_a_server_slower_than_the_setting_is_given_up(url, tmp_path, setting, told) -> None:
    settings = load_settings(fetch_timeout_s=1.0, **setting)
    assert failure(f"{url}/drip", tmp_path, settings).endswith(f"the server sends less than {told} kB per second")


def test_a_server_as_slow_as_the_setting_allows_is_waited_for(url, tmp_path) -> None:
    settings = load_settings(fetch_timeout_s=1.0, min_fetch_kb_per_s=0.0)
    assert fetch_text(f"{url}/dripshort", tmp_path, settings).read_bytes() == b"x" * 100
