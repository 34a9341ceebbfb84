"""The log: what is masked, what is not, and whose lines stand in which job's tail."""

from __future__ import annotations

import base64
import io
import json
import logging
import re
import threading
import time
from logging.handlers import RotatingFileHandler
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from whisperx_worker.logs import job_log, redaction

HF_TOKEN = "hf_QxTnVbWzKdLpRsYmGhJfCtXwNvBqZaEr12"
AUDIO = base64.b64encode(bytes(range(256))).decode()


@pytest.fixture
def log_file(tmp_path):
    """A log that goes to a file only; pytest's own handlers stay away from its lines."""
    root = logging.getLogger()
    level, raising = root.level, logging.raiseExceptions
    file = tmp_path / "log.txt"
    job_log.start_logging(file, console=False)
    yield file
    job_log.stop_logging()
    logging.captureWarnings(capture=False)
    logging.raiseExceptions = raising
    root.setLevel(level)


@pytest.fixture
def clean_environment(monkeypatch):
    for name in ("HF_TOKEN", "RUNPOD_AI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


log = logging.getLogger("whisperx_worker.test")


def fail(message):
    raise ValueError(message)


def together(*functions):
    """Run functions in threads of their own, and give back what they answered."""
    answers: list[object] = [None] * len(functions)

    def run(index, function):
        answers[index] = function()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(functions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    return answers


# --- what is masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"the token is {HF_TOKEN}.", "the token is hf_***."),
        (f"x_{HF_TOKEN}", "x_hf_***"),
        ("key rpa_AB12CD34EF56GH78", "key rpa_***"),
        ("id AKIAIOSFODNN7EXAMPLE", "id AKIA***"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "jwt ***"),
        ("GET https://anna:pa55@host.example/a.wav", "GET https://***@host.example/a.wav"),
        ("GET https://anna:p@ss@host.example/a.wav", "GET https://***@host.example/a.wav"),
        ("db postgres://anna:pa/ss@host.example/a", "db postgres://***@host.example/a"),
        ("https://anna@host.example/a.wav", "https://***@host.example/a.wav"),
        ("https://h.example/a.wav?X-Amz-Signature=deadbeef&x=1 failed", "https://h.example/a.wav?*** failed"),
        ("'https://h.example/a.wav?sv=2022&sig=ab%2Bcd%3D'", "'https://h.example/a.wav?***'"),
        ("https://h.example/a.wav#access_token=abcdef", "https://h.example/a.wav?***"),
        ("next=https%3A%2F%2Fh.example%2Fa%3FX-Amz-Signature%3Ddeadbeef%26x%3D1",
         "next=https%3A%2F%2Fh.example%2Fa%3FX-Amz-Signature%3D***%26x%3D1"),
        ('"GET /a.wav?X-Amz-Credential=AK%2F2026&X-Amz-Date=20261122T1 HTTP/1.1" 403',
         '"GET /a.wav?X-Amz-Credential=***&X-Amz-Date=*** HTTP/1.1" 403'),
        ("/blob?sv=1&sig=abc%2Fdef&se=2", "/blob?sv=1&sig=***&se=2"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: ***"),
        ("{'Authorization': 'Basic YW5uYTpwYXNz', 'Accept': '*/*'}", "{'Authorization': '***', 'Accept': '*/*'}"),
        ("sent Bearer a1b2c3d4e5", "sent Bearer ***"),
        ("sent basic YW5uYTpwYXNz", "sent basic ***"),
        ("token=abcdefgh", "token=***"),
        ("hf_token = 'abc def'", "hf_token = ***"),
        ("password: hunter", "password: ***"),
        ("X-Api-Key: abcdefgh", "X-Api-Key: ***"),
        ("token: abc123def", "token: ***"),
        ("x-amz-signature: deadbeef01", "x-amz-signature: ***"),
        ('{"huggingface_access_token": "abc def", "language": "ru"}',
         '{"huggingface_access_token": "***", "language": "ru"}'),
        (r'"{\"huggingface_access_token\": \"abcdef\", \"language\": \"ru\"}"',
         r'"{\"huggingface_access_token\": "***", \"language\": \"ru\"}"'),
        ("{'bucket_secret_access_key': 'wJalrXUt/nFEMI'}", "{'bucket_secret_access_key': \"***\"}"),
        (f"sent data:audio/wav;base64,{AUDIO} here", "sent data:*** here"),
        (f"sent data:audio/webm;codecs=opus;base64,{AUDIO[:40]} here", "sent data:*** here"),
        (f"audio {AUDIO} here", "audio *** here"),
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_masked(text, masked):
    assert redaction.mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "Добрый день, меня зовут Анна Сергеевна, я звоню по поводу заказа.",
        "Назовите, пожалуйста, пароль: он был в письме, а токен и ключ не нужны.",
        "0.00-12.48 s: 3 segments were removed: no_speech_prob 0.91 is above 0.6",
        "2026-11-22T11:46:03.123+03:00",
        "downloading the model bzikst/faster-whisper-large-v3-russian at 3d1f0f4",
        "loaded ('whisper', 'faster-whisper-large-v3-russian', 'cpu', 'int8') in 3.21 s",
        "there is no Hugging Face token: diarization is skipped",
        "the model 'pyannote/speaker-diarization-community-1' is gated, and the token does not open it",
        "suppress_tokens=[-1], max_new_tokens=448, 448 tokens: fine",
        '{"unk_token": "<unk>", "suppress_tokens": [-1, 2], "token": null}',
        "basic transcription of a bearer of news",
        "hf_transfer is not installed",
        "fetched https://host.example:8443/recordings/2026/call-17.wav in 0.4 s",
        "mail anna@host.example",
        "speed 16/9, и/или, 10:15:30, 5 MB/s, ratio 2.4:1",
        "speaker_samples[0].name is missing; sent key=3",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ],
)
def test_ordinary_text_is_not_masked(text):
    assert redaction.mask(text) == text


@pytest.mark.slow
@pytest.mark.parametrize("letter", ["a", "/", ":", "://", "token", "'", "-.", "x://y:"])
def test_the_time_that_masking_takes_does_not_grow_with_the_square_of_the_text(letter):
    def needed_s(letters):
        """The least of three times, on whatever processor this is."""
        text, took_s = letter * (letters // len(letter)), []
        for _ in range(3):
            began_s = time.process_time()
            redaction.mask(text)
            took_s.append(time.process_time() - began_s)
        return min(took_s)

    assert needed_s(100_000) < 8 * needed_s(25_000) + 0.05  # the square would be 16 times as long


# --- secrets of a job and of the environment


def test_a_running_jobs_secret_is_masked_in_every_form():
    secret = "пароль+with/odd 'chars'"
    with job_log.recorded("a", [secret], 10):
        for text in (
            secret,
            repr(secret),
            json.dumps(secret),
            quote(secret),
            quote(secret, safe=""),
            quote_plus(secret),
        ):
            assert redaction.mask(text).strip("\"'") == "***"
        assert redaction.mask(json.dumps(json.dumps([secret]))) == '"[\\"***\\"]"'


@pytest.mark.parametrize("before", ["", "a", "ab", "anna:"])
@pytest.mark.parametrize("after", ["", "?", "??>"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_secret_inside_of_base64_is_masked(before, after, encode):
    secret = "ключ~?>open-sesame"
    with job_log.recorded("a", [secret], 10):
        masked = redaction.mask(encode(f"{before}{secret}{after}".encode()).decode())
    assert masked.count("***") == 1
    assert len(masked) <= len("***") + 4 * (2 + bool(before[3:]))


def test_base64_of_something_else_is_not_masked():
    with job_log.recorded("a", ["open-sesame"], 10):
        assert redaction.mask("b3BlbiBkb29yIQ==") == "b3BlbiBkb29yIQ=="


def test_a_jobs_secret_is_forgotten_after_it():
    with job_log.recorded("a", ["open-sesame"], 10):
        assert redaction.mask("say open-sesame") == "say ***"
    assert redaction.mask("say open-sesame") == "say open-sesame"


def test_a_secret_of_two_jobs_is_masked_until_the_second_has_ended():
    with job_log.recorded("a", ["open-sesame", "open-sesame"], 10):
        with job_log.recorded("b", ["open-sesame"], 10):
            pass
        assert redaction.mask("say open-sesame") == "say ***"
    assert redaction.mask("say open-sesame") == "say open-sesame"


def test_the_longer_of_two_secrets_is_masked_first():
    with job_log.recorded("a", ["open", "open-sesame"], 10):
        assert redaction.mask("say open-sesame") == "say ***"


def test_three_letters_are_no_secret():
    with job_log.recorded("a", ["the"], 10):
        assert redaction.mask("the text") == "the text"


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("https://h.example/a.wav", []),
        ("https://h.example/a.wav?lang=ru", ["lang=ru"]),
        ("https://h.example/a.wav?sig=ab%2Fc%2Bd", ["sig=ab%2Fc%2Bd", "sig=ab/c+d", "ab%2Fc%2Bd", "ab/c+d"]),
        ("https://h.example/a.wav?year=2026&token=abc", ["year=2026&token=abc", "abc"]),
        ("https://h.example/a.wav#key=abcdefgh", ["abcdefgh"]),
        ("https://anna:pa55@h.example/a.wav", ["pa55"]),
        ("https://anna.petrova:pa55@h.example/a.wav", ["anna.petrova", "pa55"]),
        ("https://pa55@h.example/a.wav", ["pa55"]),
        ("https://h.example/2026/office/a.wav", []),
        ("https://h.example/s/c0ffee0123456789/a.wav", ["c0ffee0123456789"]),
        (
            "https://h.example/c0ffee%200123456789abcdef.wav",
            ["c0ffee%200123456789abcdef.wav", "c0ffee 0123456789abcdef.wav", "c0ffee 0123456789abcdef"],
        ),
        ("https://[broken/?token=abc", ["https://[broken/?token=abc"]),
    ],
)
def test_the_secrets_of_a_url_are_its_credentials_and_its_query(url, secrets):
    assert redaction.secrets_of_url(url) == secrets


def test_the_secrets_of_a_request_are_found_however_deep_they_stand():
    data = {
        "audio_file": "https://h.example/a.wav?sig=first-secret",
        "language": "ru",
        "huggingface_access_token": "second-secret",
        "hf_token": "third-secret",
        "sixthsecret16890": 1,
        "speaker_samples": [{"name": "Анна", "url": "https://anna:fourth-secret@h.example/b.wav"}],
        "plugins": {
            "wav2vec2_alignment": {},
            "translate": {"api_key": "fifth-secret", "batch_size": 4, "tokens": ["no", "secret"]},
        },
    }
    secrets = set(redaction.secrets_of(data))
    assert {f"{number}-secret" for number in ("first", "second", "third", "fourth", "fifth")} <= secrets
    assert "sixthsecret16890" in secrets
    assert secrets.isdisjoint({"wav2vec2_alignment", "ru", "Анна", "no", "secret"})


@pytest.mark.parametrize("data", [None, "text", 7, [], {"huggingface_access_token": 7}, {"audio_file": None}])
def test_a_request_of_any_shape_can_be_searched_for_secrets(data):
    assert redaction.secrets_of(data) == []


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("HF_TOKEN", "abcdefgh", True),
        ("RUNPOD_AI_API_KEY", "abcdefgh", True),
        ("BUCKET_ACCESS_KEY_ID", "abcdefgh", True),
        ("BUCKET_SECRET_ACCESS_KEY", "abcdefgh", True),
        ("DB_PASSWORD", "abcdefgh", True),
        ("TOKENIZERS_PARALLELISM", "false", False),
        ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "true", False),
        ("HF_TOKEN_PATH", "/cache/token", False),
        ("WHISPERX_WORKER_MODEL", "abcdefgh", False),
    ],
)
@pytest.mark.usefixtures("clean_environment")
def test_variables_named_so_are_secret(monkeypatch, name, value, secret):
    monkeypatch.setenv(name, value)
    assert (value in redaction.secrets_of_environment()) is secret


@pytest.mark.usefixtures("clean_environment")
def test_a_secret_of_the_environment_never_reaches_the_log(monkeypatch, tmp_path):
    monkeypatch.setenv("BUCKET_SECRET_ACCESS_KEY", "planted in the environment")
    file = tmp_path / "log.txt"
    job_log.start_logging(file, console=False)
    log.warning("it is planted in the environment")
    job_log.stop_logging()
    assert file.read_text(encoding="utf-8").endswith("it is ***\n")


# --- the file


def test_a_line_says_when_how_serious_which_job_and_who(log_file):
    with job_log.recorded("job-1", [], 10):
        log.warning("Привет %s", "всем")
    log.info("later")
    first, second = log_file.read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} WARNING \[job-1\] whisperx_worker\.test: Привет всем", first
    )
    assert second.endswith(" INFO whisperx_worker.test: later")


def test_a_secret_that_looks_like_a_date_does_not_blot_out_the_lines_times(log_file, monkeypatch):
    today = "2026-03-14"
    monkeypatch.setattr(logging.Formatter, "converter", lambda *_: time.strptime(today, "%Y-%m-%d"))
    with job_log.recorded("job-1", [today], 10) as tail:
        log.info("on %s", today)
    assert log_file.read_text(encoding="utf-8").startswith(f"{today} ")
    assert tail.text.startswith(f"{today} ")
    assert tail.text.endswith("on ***")


def test_a_traceback_stands_masked_in_the_file_and_not_in_the_tail(log_file):
    with job_log.recorded("job-1", ["open-sesame"], 10) as tail:
        try:
            fail(f"open-sesame and {HF_TOKEN}")
        except ValueError:
            log.exception("it failed")
    written = log_file.read_text(encoding="utf-8")
    assert written.endswith("ValueError: *** and hf_***\n")
    assert "Traceback (most recent call last)" in written
    assert tail.text.endswith(" ERROR it failed")


def test_another_handler_that_was_first_cannot_leave_an_unmasked_traceback_behind(log_file):
    foreign = logging.Handler()
    foreign.emit = foreign.format
    root = logging.getLogger()
    root.handlers.insert(0, foreign)
    try:
        fail("token=abcdefgh")
    except ValueError:
        log.exception("it failed")
    finally:
        root.removeHandler(foreign)
    assert "abcdefgh" not in log_file.read_text(encoding="utf-8")


def test_a_message_whose_arguments_do_not_fit_is_logged_and_raises_nothing(log_file, capsys):
    with job_log.recorded("job-1", [], 10) as tail:
        log.info("%d and %d", "one")  # noqa: PLE1206  the slip that is tested
    assert tail.text.endswith("INFO '%d and %d' (logged with arguments that do not fit)")
    assert log_file.read_text(encoding="utf-8").endswith("'%d and %d' (logged with arguments that do not fit)\n")
    assert capsys.readouterr() == ("", "")


def test_half_of_a_surrogate_pair_can_be_logged(log_file, capsys):
    log.info("half \ud83d of it")
    assert log_file.read_text(encoding="utf-8").endswith("half \\ud83d of it\n")
    assert capsys.readouterr() == ("", "")


class FullDisk(io.StringIO):
    def write(self, _text):
        raise OSError(28, "No space left on device")


@pytest.mark.usefixtures("log_file")
def test_a_log_that_cannot_be_written_does_not_print_the_message_instead(monkeypatch, capsys):
    file_handler = next(h for h in logging.getLogger().handlers if isinstance(h, RotatingFileHandler))
    with monkeypatch.context() as patched:
        patched.setattr(file_handler, "stream", FullDisk())
        log.info("secret of %s", "Polichinelle")
    assert capsys.readouterr() == ("", "")


def test_nothing_is_logged_twice_when_logging_is_started_again(log_file):
    job_log.start_logging(log_file, console=False)
    with job_log.recorded("job-1", [], 10) as tail:
        log.info("once")
    assert log_file.read_text(encoding="utf-8").count("once") == 1
    assert tail.text.count("once") == 1


def test_the_file_is_turned_over_before_it_fills_the_disk(log_file):
    handler = next(h for h in logging.getLogger().handlers if isinstance(h, RotatingFileHandler))
    assert (handler.maxBytes, handler.backupCount) == (20_000_000, 1)
    handler.maxBytes = 100
    for number in range(3):
        log.info("line %d %s", number, "." * 60)
    assert "line 2" in log_file.read_text(encoding="utf-8")
    assert "line 1" in log_file.with_name("log.txt.1").read_text(encoding="utf-8")
    assert sorted(file.name for file in log_file.parent.iterdir()) == ["log.txt", "log.txt.1"]


def test_a_log_file_that_cannot_be_opened_leaves_the_running_log_alone(log_file, tmp_path):
    with pytest.raises(OSError, match="log"):
        job_log.start_logging(tmp_path / "absent" / "log.txt", console=False)
    log.info("still here")
    assert log_file.read_text(encoding="utf-8").endswith("still here\n")


# --- the tail


@pytest.mark.usefixtures("log_file")
def test_the_tail_has_the_last_lines_oldest_first():
    with job_log.recorded("job-1", [], 3) as tail:
        for number in range(5):
            log.info("line %d", number)
    assert [line.split(" INFO ")[1] for line in tail.text.splitlines()] == ["line 2", "line 3", "line 4"]


@pytest.mark.usefixtures("log_file")
def test_each_line_of_a_long_message_counts():
    with job_log.recorded("job-1", [], 3) as tail:
        log.info("%s", "\n".join(f"line {number}" for number in range(1_000)))
    assert tail.text == "line 997\nline 998\nline 999"


@pytest.mark.usefixtures("log_file")
def test_a_very_long_line_is_cut():
    with job_log.recorded("job-1", [], 3) as tail:
        log.info("да " * 5_000)
    assert len(tail.text) == 2_001
    assert tail.text.endswith("…")


@pytest.mark.usefixtures("log_file")
def test_the_tail_can_be_switched_off():
    with job_log.recorded("job-1", [], 0) as tail:
        log.info("line")
    assert tail.text == ""


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("no such file: '/srv/models/whisper/model.bin'", "no such file: 'model.bin'"),
        ("/usr/lib/python3.11/x.py:12: UserWarning: old", "x.py:12: UserWarning: old"),
        ("PosixPath('/models/демо/словарь.json')", "PosixPath('словарь.json')"),
        ("file:///srv/audio/a.wav", "a.wav"),
        ("folder=/srv/models/", "folder="),
        ("https://host.example/recordings/a.wav", "https://host.example/recordings/a.wav"),
        ("и/или 16/9 5 MB/s audio/wav org/name", "и/или 16/9 5 MB/s audio/wav org/name"),
    ],
)
def test_paths_are_cut_to_their_last_part(text, cut):
    assert redaction.without_paths(text) == cut


def test_paths_are_cut_in_the_tail_and_whole_in_the_file(log_file):
    with job_log.recorded("job-1", [], 3) as tail:
        log.info("loaded %s", "/srv/models/whisper")
    assert tail.text.endswith("loaded whisper")
    assert log_file.read_text(encoding="utf-8").endswith("loaded /srv/models/whisper\n")


def test_jobs_in_threads_never_see_each_others_lines(log_file):
    both_are_in = threading.Barrier(2, timeout=20)

    def job(name):
        with job_log.recorded(name, [], 1_000) as tail:
            both_are_in.wait()
            for number in range(50):
                log.info("%s says %d", name, number)
            both_are_in.wait()
        return [line.split(" INFO ")[1] for line in tail.text.splitlines()]

    one, two = together(lambda: job("one"), lambda: job("two"))
    assert one == [f"one says {number}" for number in range(50)]
    assert two == [f"two says {number}" for number in range(50)]
    written = log_file.read_text(encoding="utf-8").splitlines()
    assert sum("[one] whisperx_worker.test: one says" in line for line in written) == 50
    assert sum("[two] whisperx_worker.test: two says" in line for line in written) == 50


@pytest.mark.usefixtures("log_file")
def test_one_jobs_secret_is_masked_in_the_lines_of_another():
    planted, logged = threading.Event(), threading.Event()

    def owner():
        with job_log.recorded("one", ["open-sesame"], 10):
            planted.set()
            assert logged.wait(20)

    def other():
        with job_log.recorded("two", [], 10) as tail:
            assert planted.wait(20)
            log.info("open-sesame")
            logged.set()
        return tail.text

    _, tail = together(owner, other)
    assert tail.endswith(" INFO ***")


SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=60)
SHAPES = st.sampled_from(
    [
        "{}", "token {}", "«{}»", "'{}'", "https://host.example/a.wav?x={}", "https://{}@host.example/", "a{}b",
        '{{"huggingface_access_token": "{}"}}', "Bearer {}", "{}\n{}", "key={}&x=1", "/srv/models/{}/model.bin",
    ]
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=SECRETS, shape=SHAPES, form=st.sampled_from([str, repr, json.dumps, quote]), as_error=st.booleans())
@example(secret="pass'word\"s", shape="{}", form=repr, as_error=True)
def test_a_secret_planted_anywhere_in_a_running_jobs_messages_never_comes_out(log_file, secret, shape, form, as_error):
    before = log_file.stat().st_size
    message = shape.format(form(secret), form(secret)) if shape.count("{}") == 2 else shape.format(form(secret))
    with job_log.recorded("job", [secret], 20) as tail:
        if as_error:
            try:
                fail(message)
            except ValueError as error:
                log.exception("failed: %s", error)  # noqa: TRY401
        else:
            log.info("%s", message)
    written = log_file.read_bytes()[before:].decode("utf-8")
    told = "".join(re.split(r"\d{4}-\d\d-\d\d [\d:,]+ \w+ ", written + tail.text))
    told = told.replace("[job] whisperx_worker.test: ", "")
    for shown in {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], quote(secret, safe="")}:
        # What the traceback, the shape and the mask say anyway is no leak.
        if shown not in shape + TRACEBACK:
            assert shown not in told


TRACEBACK = f'failed: Traceback (most recent call last):\n  File "{__file__}", line  in     fail(message)raise ValueError(message)***'
