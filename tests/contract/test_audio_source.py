"""Names of files, web addresses and base64 as everybody else takes them, and what a job may not name all the same."""

from __future__ import annotations

import base64
import contextlib
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest

from tests.clips import wav
from tests.fetching import describe, fetch_text
from whisperx_worker.audio import download, ssrf_guard
from whisperx_worker.cli.main import result_names
from whisperx_worker.contract.audio_source import (
    InlineAudio,
    LocalPath,
    UrlSource,
    parse_source,
    source_mistakes,
    source_stem,
)
from whisperx_worker.contract.settings import load_settings
from whisperx_worker.contract.speakers import SpeakerSample, sample_name
from whisperx_worker.contract.validation import Abilities, parse_request
from whisperx_worker.errors import BadInputError, FetchError
from whisperx_worker.logs import redaction

SETTINGS = load_settings()
NOTHING = Abilities(frozenset({"json"}), frozenset(), {})
ODD_NAMES = [
    "Meeting: budget.wav", "data:1.wav", "data:audio,x.wav", "http:talk.wav", "C:talk.wav", "noext 12.05.2025", "v1.2 final",
    "a" * 80, "talk#2?.wav", "50%20off.wav", " http.wav", "A=B.wav", "-talk.wav",
    pytest.param("запись.wav", marks=pytest.mark.skipif(sys.getfilesystemencoding() == "ascii", reason="names of files are ASCII here")),
]  # fmt: skip
BODY = wav(0.3) + bytes(range(256))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder that a person is in."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_file_that_is_there_is_a_file_whatever_its_name(folder, tmp_path, name) -> None:
    (folder / name).write_bytes(BODY)
    assert source_mistakes("audio_file", parse_source(name, local=True)) == []
    assert parse_request({"audio_file": name}, NOTHING, local=True)[0].audio_file == name
    assert fetch_text(name, tmp_path, SETTINGS, local=True).read_bytes() == BODY
    assert describe(name, local=True) == f"the file {name[:60]}"


@pytest.mark.parametrize("name", [*ODD_NAMES, "/etc/passwd", "file:///etc/passwd"])
def test_a_job_never_names_a_path(folder, tmp_path, name) -> None:
    if "/" not in name:
        (folder / name).write_bytes(BODY)
    # Of 80 letters one cannot see that they are a name; they are base64, and never opened.
    if name != "a" * 80:
        assert source_mistakes("audio_file", parse_source(name, local=False))
        with pytest.raises((BadInputError, FetchError)):
            fetch_text(name, tmp_path, SETTINGS)
    else:
        assert fetch_text(name, tmp_path, SETTINGS).read_bytes() == base64.b64decode(name)


def test_a_file_that_is_not_there_is_told_as_a_file(folder) -> None:
    assert folder.is_dir()
    assert source_mistakes("audio_file", parse_source("Meeting: budgte.wav", local=True)) == [
        'audio_file: "Meeting: budgte.wav" does not exist'
    ]
    assert source_mistakes("audio_file", parse_source("ftp://host.example/a.wav", local=True)) == [
        "audio_file must be an http(s) URL, not ftp:"
    ]


@pytest.mark.parametrize(
    ("place", "stem"),
    [
        ("noext 12.05.2025", "noext 12.05.2025"), ("call 12.05.2025.wav", "call 12.05.2025"), ("talk.WAV", "talk"),
        ("report.final.mp3", "report.final"), ("v1.2 final", "v1.2 final"), ("J. Smith", "J. Smith"), (".wav", ".wav"),
        ("/calls/Meeting: budget.wav", "Meeting: budget"), ("talk#2.wav", "talk#2"), ("50%20off.wav", "50%20off"),
        ("https://host.example/a/My%20call.v2.ogg?x=1.mp3", "My call.v2"), ("HTTP://host.example/My call.wav\n", "My call"),
        ("https://host.example/calls/12.05.2025", "12.05.2025"), ("https://host.example/", ""),
        ("data:audio/wav;base64,UklGRg==", ""), ("UklG" * 20, ""),
    ],
)  # fmt: skip
def test_results_and_samples_keep_the_whole_name(folder, place, stem) -> None:
    assert folder.is_dir()
    assert source_stem(parse_source(place, local=True)) == stem
    assert result_names([place]) == [stem or "recording"]
    assert sample_name(SpeakerSample(url=place)) == stem


def test_the_name_of_a_sample_comes_from_a_file_that_is_there(folder) -> None:
    for name in ("Anna: 1.wav", "Anna #2.wav", "Anna 12.05.2025"):
        (folder / name).write_bytes(BODY)
        request, _ = parse_request({"audio_file": name, "speaker_samples": [{"url": name}]}, NOTHING, local=True)
        assert sample_name(request.speaker_samples[0]) == name.removesuffix(".wav")


@pytest.mark.parametrize(
    ("text", "source"),
    [
        (" https://host.example/talk.wav\n", UrlSource("https://host.example/talk.wav")),
        ("A" * 80, InlineAudio("A" * 80)),
        ("talk.wav", LocalPath("talk.wav")),
    ],
)
def test_a_request_has_its_parsed_sources_beside_their_texts(folder, text, source) -> None:
    (folder / "talk.wav").write_bytes(BODY)
    data = {"audio_file": text, "speaker_samples": [{"name": "Anna", "url": text}]}
    request, _ = parse_request(data, NOTHING, local=True)
    assert (request.source, request.speaker_samples[0].source) == (source, source)
    assert (request.audio_file, request.speaker_samples[0].url) == (text, text)
    assert "source" not in str(request)
    assert parse_request({"audio_base64": "A" * 80}, NOTHING)[0].source == InlineAudio("A" * 80)


class Server(BaseHTTPRequestHandler):
    """A recording at any address; under /ask only to who brings the cookie back."""

    def do_GET(self) -> None:
        cookie = self.headers.get("Cookie")
        self.server.got.append((self.path, cookie))
        path = self.path.split("?")[0]
        if path.startswith("/ask") and not cookie:
            self.redirect(self.path, "session=s3cr3tcookie; Path=/")
        elif path.startswith("/away"):
            self.redirect(self.server.elsewhere, self.server.cookie)
        else:
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(BODY)

    def redirect(self, target, cookie) -> None:
        self.send_response(302)
        self.send_header("Location", target)
        self.send_header("Set-Cookie", cookie)
        self.end_headers()

    def log_message(self, *_arguments) -> None:
        pass


@pytest.fixture(scope="module")
def running():
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def server(running, monkeypatch):
    monkeypatch.setenv("RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS", "true")
    monkeypatch.setattr(download, "_PAUSES_S", (0.0, 0.0))
    running.got = []
    running.cookie = "session=s3cr3tcookie"
    return running


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/My call.wav", "/My%20call.wav"),
        ("/My call.wav?token=a b", "/My%20call.wav?token=a%20b"),
        ("/talk.wav\n", "/talk.wav"),
        ("/talk.wav \r\n", "/talk.wav"),
        ("/My%20call.wav", "/My%20call.wav"),
        ("/звонки/запись 1.wav", f"/{quote('звонки')}/{quote('запись 1.wav')}"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "HTTP", " http", "\nhttp"])
def test_an_address_is_taken_as_browsers_take_it(server, tmp_path, scheme, path, sent) -> None:
    place = f"{scheme}://127.0.0.1:{server.server_address[1]}{path}"
    assert source_mistakes("audio_file", parse_source(place, local=False)) == []
    assert fetch_text(place, tmp_path, SETTINGS).read_bytes() == BODY
    assert server.got == [(sent, None)]


def test_a_host_in_other_letters_is_asked_by_its_name_on_the_wire(server, tmp_path, monkeypatch) -> None:
    import socket

    asked = []

    def getaddrinfo(host, port, *_arguments, **_named):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    place = f"http://записи.рф:{server.server_address[1]}/talk.wav"
    assert fetch_text(place, tmp_path, SETTINGS).read_bytes() == BODY
    assert asked[0] == "записи".encode("idna").decode() + ".xn--p1ai"


def test_a_redirect_gets_its_cookie_back(server, tmp_path) -> None:
    place = f"http://127.0.0.1:{server.server_address[1]}/ask/talk.wav"
    assert fetch_text(place, tmp_path, SETTINGS).read_bytes() == BODY
    assert [cookie for _, cookie in server.got] == [None, "session=s3cr3tcookie"]
    server.got.clear()
    fetch_text(place, tmp_path, SETTINGS)
    assert server.got[0][1] is None


@pytest.mark.parametrize("cookie", ["session=s3cr3tcookie; Path=/", "session=s3cr3tcookie; Domain=localhost; Path=/"])
def test_a_cookie_goes_to_no_other_host(server, tmp_path, cookie) -> None:
    port = server.server_address[1]
    server.elsewhere, server.cookie = f"http://localhost:{port}/talk.wav", cookie
    fetch_text(f"http://127.0.0.1:{port}/away", tmp_path, SETTINGS)
    assert server.got == [("/away", None), ("/talk.wav", None)]


def test_a_cookie_that_came_over_https_does_not_go_over_http() -> None:
    cookies = ssrf_guard._RedirectCookies()
    cookies.of("https://host.example/a").set("session", "1", domain="host.example")
    assert len(cookies.of("https://host.example/b")) == 1
    assert len(cookies.of("https://other.example/b")) == 0
    assert len(cookies.of("http://host.example/b")) == 0
    cookies = ssrf_guard._RedirectCookies()
    cookies.of("http://host.example/a").set("session", "1", domain="host.example")
    assert len(cookies.of("https://host.example/b")) == 1


def in_base64(content):
    plain = base64.b64encode(content).decode()
    return {
        "plain": plain,
        "without padding": plain.rstrip("="),
        "url-safe": base64.urlsafe_b64encode(content).decode(),
        "url-safe without padding": base64.urlsafe_b64encode(content).decode().rstrip("="),
        "in lines": base64.encodebytes(content).decode(),
        "data": f"data:audio/wav;base64,{plain}",
        "data with a charset": f"data:audio/wav;charset=utf-8;base64,{plain}",
        "data in capitals": f"data:audio/wav;BASE64,{plain}",
        "data with a blank": f"data:audio/wav; base64,{plain}",
        "data without a type": f"data:;base64,{plain}",
        "data in percent": f"data:audio/wav;base64,{quote(plain, safe='')}",
        "data, url-safe": f"data:audio/wav;base64,{base64.urlsafe_b64encode(content).decode().rstrip('=')}",
    }


@pytest.mark.parametrize("extra", [0, 1, 2])
@pytest.mark.parametrize("form", in_base64(b""))
def test_base64_is_taken_in_every_form_that_others_write(tmp_path, form, extra) -> None:
    content = BODY + b"\xff\xfe"[:extra]
    text = in_base64(content)[form]
    assert fetch_text(text, tmp_path, SETTINGS).read_bytes() == content
    assert parse_request({"audio_file": text}, NOTHING)[0].audio_file == text
    assert parse_request({"audio_base64": text}, NOTHING)[0].audio_base64 == text


@pytest.mark.parametrize(
    "text", ["A" * 101, "A" * 98 + "=", "A" * 100 + "!", "A" * 96 + "====", "Я" * 100, "etc_passwd"]
)
def test_base64_that_nobody_takes_is_refused(text) -> None:
    with pytest.raises(BadInputError, match="base64"):
        parse_request({"audio_base64": text}, NOTHING)


def test_secrets_of_odd_addresses_and_audio_in_odd_base64_are_masked() -> None:
    url = "http://host.example/My call.wav?token=s3cr3t w0rd&x=plant3dvalue\n"
    with redaction.hidden(redaction.secrets_of({"audio_file": url})):
        masked = redaction.mask(f"cannot fetch {url} or {quote(url.strip(), safe=':/?&=')}")
    for secret in ("s3cr3t", "w0rd", "plant3dvalue"):
        assert secret not in masked
    for text in in_base64(bytes(range(256)) * 4).values():
        if "\n" not in text:
            assert len(redaction.mask(f"got {text} here")) < 40
