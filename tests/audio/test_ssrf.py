"""URLs that lead into the house: for the recording, for samples and behind redirects, nobody there hears a byte."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType

import pytest

from tests.clips import wav
from whisperx_worker import ModelCache, Segment, Transcript, hookimpl, read_sample
from whisperx_worker.audio import download
from whisperx_worker.audio.source_description import describe_source
from whisperx_worker.contract.audio_source import parse_source
from whisperx_worker.contract.settings import Settings
from whisperx_worker.pipeline.outcome import answer
from whisperx_worker.pipeline.worker import Worker
from whisperx_worker.testing import load_plugin

PUBLIC, OTHER_PUBLIC = "93.184.216.34", "93.184.216.35"
CLIP = base64.b64encode(wav(0.1)).decode()

NOT_PUBLIC = "the address is not public"
NOT_KNOWN = "the name of the host is not known"
NOT_VALID = "is not a valid URL"
NOT_WRITABLE = "it is not a valid URL"
CREDENTIALS = "must not carry a user name or a password in the URL"
NO_PLACE = "must be an http(s) URL, a data: URI or base64"
DATA_URI = ": a data: URI must look like data:audio/wav;base64,..."

NAMES = {
    "public.example": [PUBLIC],
    "localhost": ["127.0.0.1", "::1"],
    "metadata.google.internal": ["169.254.169.254"],
    "printer.example": ["192.168.0.7"],
    "house.example": ["10.0.0.5"],
    "six.example": ["fd00::5"],
    "both.example": [PUBLIC, "10.0.0.5"],
    "both-six.example": ["2606:2800:220:1::1", "::ffff:10.0.0.5"],
    "nothing.example": [],
    "127.0.0.1.nip.example": ["127.0.0.1"],
}


def no_scheme(name: str) -> str:
    return f"must be an http(s) URL, not {name}:"


def no_port(number: int) -> str:
    return f"must not name port {number}, which is not for the web"


HOSTILE = {
    # IPv4 in every notation that some resolver reads
    "http://127.0.0.1/a.wav": NOT_PUBLIC,
    "http://127.0.0.1:8080/a.wav": NOT_PUBLIC,
    "https://127.0.0.1/a.wav": NOT_PUBLIC,
    "http://127.1/a.wav": NOT_PUBLIC,
    "http://127.0.1/a.wav": NOT_PUBLIC,
    "http://127.255.255.254/a.wav": NOT_PUBLIC,
    "http://2130706433/a.wav": NOT_PUBLIC,
    "http://0x7f000001/a.wav": NOT_PUBLIC,
    "http://0X7F.0x0.0x0.0x1/a.wav": NOT_PUBLIC,
    "http://017700000001/a.wav": NOT_PUBLIC,
    "http://0177.0.0.01/a.wav": NOT_PUBLIC,
    "http://0177.0x0.1/a.wav": NOT_PUBLIC,
    "http://0000000000000177.0.0.1/a.wav": NOT_PUBLIC,
    "http://0/a.wav": NOT_PUBLIC,
    "http://0.0.0.0/a.wav": NOT_PUBLIC,
    "http://2852039166/a.wav": NOT_PUBLIC,
    "http://0xa9fea9fe/a.wav": NOT_PUBLIC,
    "http://169.16689662/a.wav": NOT_PUBLIC,
    "http://127.0.0.1./a.wav": NOT_KNOWN,
    "http://127.0.0.256/a.wav": NOT_KNOWN,
    # addresses of the house, of the neighbours and of nobody
    "http://10.0.0.1/a.wav": NOT_PUBLIC,
    "http://172.16.0.1/a.wav": NOT_PUBLIC,
    "http://172.31.255.254/a.wav": NOT_PUBLIC,
    "http://192.168.1.1/a.wav": NOT_PUBLIC,
    "http://100.64.0.1/a.wav": NOT_PUBLIC,
    "http://192.0.2.1/a.wav": NOT_PUBLIC,
    "http://198.51.100.1/a.wav": NOT_PUBLIC,
    "http://203.0.113.1/a.wav": NOT_PUBLIC,
    "http://198.18.0.1/a.wav": NOT_PUBLIC,
    "http://192.88.99.1/a.wav": NOT_PUBLIC,
    "http://224.0.0.1/a.wav": NOT_PUBLIC,
    "http://240.0.0.1/a.wav": NOT_PUBLIC,
    "http://255.255.255.255/a.wav": NOT_PUBLIC,
    # metadata of clouds
    "http://169.254.169.254/latest/meta-data/iam/a.wav": NOT_PUBLIC,
    "http://169.254.170.2/v2/credentials": NOT_PUBLIC,
    "http://metadata.google.internal/computeMetadata/v1/a.wav": NOT_PUBLIC,
    "http://[fd00:ec2::254]/latest/meta-data/a.wav": NOT_PUBLIC,
    "http://100.100.100.200/latest/meta-data/a.wav": NOT_PUBLIC,
    "http://192.0.0.192/latest/a.wav": NOT_PUBLIC,
    "http://168.63.129.16/machine?comp=goalstate": NOT_PUBLIC,
    # IPv6, and IPv4 inside it
    "http://[::1]/a.wav": NOT_PUBLIC,
    "http://[0:0:0:0:0:0:0:1]:8080/a.wav": NOT_PUBLIC,
    "http://[::]/a.wav": NOT_PUBLIC,
    "http://[::ffff:127.0.0.1]/a.wav": NOT_PUBLIC,
    "http://[::ffff:a9fe:a9fe]/a.wav": NOT_PUBLIC,
    "http://[::127.0.0.1]/a.wav": NOT_PUBLIC,
    "http://[::ffff:0:127.0.0.1]/a.wav": NOT_PUBLIC,
    "http://[64:ff9b::7f00:1]/a.wav": NOT_PUBLIC,
    "http://[64:ff9b:1::a00:1]/a.wav": NOT_PUBLIC,
    "http://[2002:7f00:1::1]/a.wav": NOT_PUBLIC,
    "http://[2001:0:7f00:1::1]/a.wav": NOT_PUBLIC,
    "http://[2001:4860::5efe:a00:1]/a.wav": NOT_PUBLIC,
    "http://[fc00::1]/a.wav": NOT_PUBLIC,
    "http://[fe80::1]/a.wav": NOT_PUBLIC,
    "http://[fe80::1%25lo]/a.wav": NOT_VALID,
    "http://[fe80::1%lo]/a.wav": NOT_VALID,
    "http://[fec0::1]/a.wav": NOT_PUBLIC,
    "http://[ff02::1]/a.wav": NOT_PUBLIC,
    "http://[2001:db8::1]/a.wav": NOT_PUBLIC,
    "http://[3fff::1]/a.wav": NOT_PUBLIC,
    "http://[100::1]/a.wav": NOT_PUBLIC,
    "http://[::1/a.wav": NOT_VALID,
    "http://[v1.1]/a.wav": NOT_WRITABLE,
    # names
    "http://localhost/a.wav": NOT_PUBLIC,
    "http://LOCALHOST:8000/a.wav": NOT_PUBLIC,
    "http://printer.example/a.wav": NOT_PUBLIC,
    "http://house.example/a.wav": NOT_PUBLIC,
    "http://six.example/a.wav": NOT_PUBLIC,
    "http://both.example/a.wav": NOT_PUBLIC,
    "http://both-six.example/a.wav": NOT_PUBLIC,
    "http://127.0.0.1.nip.example/a.wav": NOT_PUBLIC,
    "http://nobody.example/a.wav": NOT_KNOWN,
    # other kinds of URL
    "file:///etc/passwd": no_scheme("file"),
    "FILE:///proc/self/environ": no_scheme("file"),
    "gopher://127.0.0.1:6379/_FLUSHALL": no_scheme("gopher"),
    "ftp://127.0.0.1/a.wav": no_scheme("ftp"),
    "dict://127.0.0.1:11211/stat": no_scheme("dict"),
    "jar:http://127.0.0.1/a.zip!/a.wav": no_scheme("jar"),
    "ldap://127.0.0.1/a": no_scheme("ldap"),
    "s3://bucket/a.wav": no_scheme("s3"),
    "rtsp://127.0.0.1/a.wav": no_scheme("rtsp"),
    "unix:///var/run/docker.sock": no_scheme("unix"),
    "concat:http://127.0.0.1/a.wav|b.wav": no_scheme("concat"),
    "javascript:alert(1)": "must be an http(s) URL",
    "DATA:audio/wav;base64,UklGRg==": no_scheme("data"),
    # who is meant by it
    "http://anna:pw@127.0.0.1/a.wav": CREDENTIALS,
    "http://public.example@127.0.0.1/a.wav": CREDENTIALS,
    "http://public.example:80@127.0.0.1:8080/a.wav": CREDENTIALS,
    "http://@127.0.0.1/a.wav": CREDENTIALS,
    "http://public.example%2f@127.0.0.1/a.wav": CREDENTIALS,
    "http://127.0.0.1#@public.example/a.wav": NOT_PUBLIC,
    "http://127.0.0.1?@public.example/a.wav": NOT_PUBLIC,
    "http://127.0.0.1:8080#@public.example:80/a.wav": NOT_PUBLIC,
    # ports
    "http://public.example:0/a.wav": no_port(0),
    "http://public.example:22/a.wav": no_port(22),
    "http://public.example:25/a.wav": no_port(25),
    "http://public.example:1023/a.wav": no_port(1023),
    "http://public.example:3306/a.wav": no_port(3306),
    "http://public.example:6379/a.wav": no_port(6379),
    "http://public.example:65536/a.wav": NOT_VALID,
    "http://public.example:-1/a.wav": NOT_VALID,
    "http://public.example:/a.wav": NOT_VALID,
    "http://public.example:ssh/a.wav": NOT_VALID,
    "http://public.example:80:22/a.wav": NOT_VALID,
}  # fmt: skip
"""What is said of each; no server can be told from it apart from its kind."""

HOSTILE_AT_FIRST_SIGHT = {
    "http://?@127.0.0.1/a.wav": NOT_VALID,
    "http:127.0.0.1/a.wav": NOT_VALID,
    "http:///a.wav": NOT_VALID,
    "http://%31%32%37.0.0.1/a.wav": NOT_VALID,
    "http://127%2e0%2e0%2e1/a.wav": NOT_VALID,
    "http://127\uff0e0\uff0e0\uff0e1/a.wav": NOT_VALID,
    "http://\uff11\uff12\uff17.0.0.1/a.wav": NOT_WRITABLE,
    "http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/a.wav": NOT_WRITABLE,
    "http://127\u30020\u30020\u30021/a.wav": NOT_VALID,
    "http://public.example\uff03@127.0.0.1/a.wav": NOT_VALID,
    "http://public.example\\@127.0.0.1/a.wav": NOT_VALID,
    "http://127.0.0.1\\@public.example/a.wav": NOT_VALID,
    "http:\\\\127.0.0.1\\a.wav": NOT_VALID,
    "http://127.0.0.1\t/a.wav": NOT_VALID,
    "http://127.0.0.1 /a.wav": NOT_VALID,
    "ht\ntp://127.0.0.1/a.wav": NO_PLACE,
    "\thttp://127.0.0.1/a.wav": NO_PLACE,
    " file:///etc/passwd": NO_PLACE,
    "\x00http://127.0.0.1/a.wav": NO_PLACE,
    "http://public.example/\r\nHost: 127.0.0.1\r\n\r\n": NOT_VALID,
    "http://public.example/a.wav\u2028": NOT_VALID,
    "//127.0.0.1/a.wav": NO_PLACE,
    "http//127.0.0.1/a.wav": NO_PLACE,
    "data:text/uri-list,http://127.0.0.1/a.wav": DATA_URI,
    "data:audio/wav;base64,http://127.0.0.1": " is not valid base64",
    "/proc/self/environ": NO_PLACE,
}  # fmt: skip
"""What no redirect can say, or what it would mean otherwise: relative to a page, with letters written out."""


@dataclass
class Internet:
    """Names and addresses as this process sees them, and every connection that it tries."""

    names: dict[str, list[str]] = field(default_factory=lambda: dict(NAMES))
    later: dict[str, list[str]] = field(default_factory=dict)
    """What a name means from the second time on."""
    servers: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    """Where on this machine a public address is."""
    tried: list[object] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def getaddrinfo(self, host, port, *_arguments, **_named):
        self.asked.append(host)
        if host not in self.names:
            return NUMERIC(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        addresses = self.names[host]
        self.names[host] = self.later.get(host, addresses)
        return [
            (socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))
            for ip in addresses
        ]


NUMERIC = socket.getaddrinfo
CONNECT = socket.socket.connect


@pytest.fixture
def internet(monkeypatch, server):
    """An Internet of two public addresses with one server, and of nobody else."""
    internet = Internet()
    for address in [(PUBLIC, 80), (PUBLIC, 9000), (OTHER_PUBLIC, 80)]:
        internet.servers[address] = server.server_address

    def connect(sock, address):
        internet.tried.append(address[:2])
        if address[:2] not in internet.servers:
            raise ConnectionRefusedError
        return CONNECT(sock, internet.servers[address[:2]])

    def unexpected(_sock, *arguments):
        internet.tried.append(arguments)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", internet.getaddrinfo)
    monkeypatch.setattr(socket.socket, "connect", connect)
    for name in ("connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, unexpected)
    monkeypatch.setattr(download, "_PAUSES_S", (0.0, 0.0))
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return internet


class Server(BaseHTTPRequestHandler):
    """A recording at any address; under /to a redirect to `server.target`."""

    def do_GET(self) -> None:
        self.server.got.append((self.path, dict(self.headers)))
        if self.path.startswith("/to"):
            self.wfile.write(b"HTTP/1.1 302 Found\r\nLocation: " + self.server.target.encode() + b"\r\n\r\n")
            if self.path.startswith("/to/much"):
                self.talk()
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(wav(0.5))

    def talk(self) -> None:
        """Say up to 200 MB, for as long as somebody listens."""
        with contextlib.suppress(OSError):
            for _ in range(200):
                self.wfile.write(bytes(1_000_000))
                self.server.talked_mb += 1
        self.server.silent.set()

    def log_message(self, *_arguments) -> None:
        pass


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        running.got, running.talked_mb, running.silent = [], 0, threading.Event()
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture(scope="module")
def worker():
    """A worker whose engines hear nothing, and read every sample."""
    plugin = ModuleType("reader")

    @hookimpl
    def transcribe(audio):
        return Transcript((Segment(0.0, audio.duration_s, "Алло."),), "ru")

    @hookimpl
    def verify_speakers(job):
        for sample in job.request.speaker_samples:
            read_sample(sample, job)
        return ()

    plugin.transcribe, plugin.verify_speakers = transcribe, verify_speakers
    settings = Settings()
    return Worker(settings, load_plugin(plugin, name="reader"), ModelCache())


def for_recording(worker, url):
    return answer(worker, "job", {"audio_file": url})


def for_sample(worker, url):
    samples = [{"name": "Анна", "url": url}]
    return answer(worker, "job", {"audio_base64": CLIP, "speaker_samples": samples, "strict": True})


for_recording.field, for_sample.field = "audio_file", "speaker_samples[0].url"
FIELDS = pytest.mark.parametrize(
    "ask", [for_recording, pytest.param(for_sample, marks=pytest.mark.slow)], ids=["audio", "sample"]
)


def said(name, url, reason):
    """The error that a client gets."""
    if reason not in {NOT_PUBLIC, NOT_KNOWN, NOT_WRITABLE}:
        return f"{name}{'' if reason[0] in ': ' else ' '}{reason}"
    sentence = f"the audio could not be fetched from {describe_source(parse_source(url, local=False))}: {reason}"
    if name == "audio_file":
        return sentence
    return f"strict: verify_speakers failed in plugin reader: the sample of Анна: {sentence}; speakers have no names"


@FIELDS
@pytest.mark.parametrize(("url", "reason"), (HOSTILE | HOSTILE_AT_FIRST_SIGHT).items())
def test_a_hostile_url_is_one_sentence_and_no_connection(worker, internet, ask, url, reason):
    assert ask(worker, url) == {"error": said(ask.field, url, reason)}
    assert internet.tried == []


@pytest.mark.slow
@FIELDS
@pytest.mark.parametrize(("url", "reason"), HOSTILE.items())
def test_a_redirect_to_a_hostile_url_is_followed_by_nobody(worker, internet, server, ask, url, reason):
    server.target = url
    response = ask(worker, "http://public.example/to/a.wav")
    fetched = reason if reason in {NOT_PUBLIC, NOT_KNOWN} else f"where it redirects to {reason.removeprefix('it ')}"
    assert (
        response["error"]
        .removesuffix("; speakers have no names")
        .endswith(f"the audio could not be fetched from http://public.example/…/a.wav: {fetched}")
    )
    assert internet.tried == [(PUBLIC, 80)]


@FIELDS
def test_the_public_web_is_asked(worker, internet, ask):
    assert "error" not in ask(worker, "http://public.example/a.wav")
    assert internet.tried == [(PUBLIC, 80)]


@FIELDS
@pytest.mark.parametrize(
    "url",
    [
        "http://public.example:9000/bucket/a.wav?X-Amz-Signature=c0ffee",
        "http://PUBLIC.example:80/a%20b.wav",
        f"http://{PUBLIC}/a.wav",
    ],
)
def test_an_object_store_is_asked_at_its_port(worker, internet, ask, url):
    assert "error" not in ask(worker, url)
    assert len(internet.tried) == 1


def test_a_redirect_within_the_public_web_is_followed(worker, internet, server):
    internet.names["mirror.example"] = [OTHER_PUBLIC]
    server.target = "//mirror.example/some where/запись.wav"
    assert "error" not in for_recording(worker, "http://public.example/to/a.wav")
    assert internet.tried == [(PUBLIC, 80), (OTHER_PUBLIC, 80)]
    assert server.got[-1][0] == "/some%20where/%D0%B7%D0%B0%D0%BF%D0%B8%D1%81%D1%8C.wav"
    assert server.got[-1][1]["Host"] == "mirror.example"


def test_the_body_of_a_redirect_is_not_read(worker, internet, server):
    server.target = "/a.wav"
    assert "error" not in for_recording(worker, "http://public.example/to/much.wav")
    assert server.silent.wait(20)
    assert server.talked_mb < 20
    assert len(internet.tried) == 2


@FIELDS
def test_a_name_that_changes_its_meaning_is_asked_where_it_was_checked(worker, internet, ask):
    internet.names["turncoat.example"], internet.later["turncoat.example"] = [PUBLIC], ["127.0.0.1"]
    assert "error" not in ask(worker, "http://turncoat.example/a.wav")
    assert internet.tried == [(PUBLIC, 80)]


@FIELDS
def test_a_name_that_changes_its_meaning_between_two_tries_is_refused(worker, internet, ask):
    internet.names["turncoat.example"], internet.later["turncoat.example"] = ["93.184.216.99"], ["127.0.0.1"]
    assert NOT_PUBLIC in ask(worker, "http://turncoat.example/a.wav")["error"]
    assert internet.tried == [("93.184.216.99", 80)]


@FIELDS
def test_a_name_that_changes_its_meaning_before_a_redirect_is_refused(worker, internet, server, ask):
    internet.names["turncoat.example"], internet.later["turncoat.example"] = [PUBLIC], ["169.254.169.254"]
    server.target = "/latest/meta-data"
    assert NOT_PUBLIC in ask(worker, "http://turncoat.example/to/a.wav")["error"]
    assert internet.tried == [(PUBLIC, 80)]


def test_of_many_addresses_a_few_are_tried(worker, internet):
    internet.names["many.example"] = [f"93.184.217.{number}" for number in range(1, 100)]
    assert for_recording(worker, "http://many.example/a.wav")["error"].endswith(": no connection could be made")
    assert len(internet.tried) == 18


def test_where_the_first_address_is_silent_the_next_is_asked(worker, internet):
    internet.names["two.example"] = ["2606:2800:220:1::1", PUBLIC]
    assert "error" not in for_recording(worker, "http://two.example/a.wav")
    assert internet.tried == [("2606:2800:220:1::1", 80), (PUBLIC, 80)]


@FIELDS
@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("url", ["http://public.example/a.wav", "http://127.0.0.1/a.wav"])
def test_a_proxy_of_the_environment_is_sent_nothing(worker, internet, monkeypatch, ask, variable, url):
    monkeypatch.setenv(variable, "http://anna:pl4nted@127.0.0.1:3128")
    error = ask(worker, url)["error"]
    assert "the worker does not fetch through a proxy" in error
    assert "pl4nted" not in error
    assert internet.tried == []


def test_a_password_that_this_machine_keeps_for_a_host_is_not_sent(worker, internet, server, monkeypatch, tmp_path):
    assert internet.tried == []
    (tmp_path / "netrc").write_text("default login anna password pl4nted\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert "error" not in for_recording(worker, "http://public.example/a.wav")
    assert "Authorization" not in server.got[-1][1]
    assert set(server.got[-1][1]) == {"Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"}


def test_where_private_addresses_are_allowed_other_services_and_kinds_are_not(worker, internet, monkeypatch):
    monkeypatch.setenv("RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS", "true")
    internet.servers["127.0.0.1", 9000] = internet.servers[PUBLIC, 80]
    assert "error" not in for_recording(worker, "http://127.0.0.1:9000/a.wav")
    for url in ("http://127.0.0.1:6379/a.wav", "file:///etc/passwd", "http://168.63.129.16/a.wav"):
        assert "error" in for_recording(worker, url)
    assert internet.tried == [("127.0.0.1", 9000)]
