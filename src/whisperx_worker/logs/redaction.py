"""Redaction of secrets in text: known ones of running jobs and the environment, and what looks like one."""

from __future__ import annotations

import base64
import json
import math
import os
import re
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit

from whisperx_worker.logs.voiceprint_mask import MIN_FRAGMENT, forget, know, mask_voiceprints, voiceprints_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MIN_SECRET = 4
"""Length from which a secret is masked."""
_MIN_ANONYMOUS_SECRET = 8
"""Length from which a value in a query may be a secret.

Shorter ones are words and numbers, such as "ru" and "2026".
"""
_MAX_DEPTH = 4
"""Depth from which nested data is written as its text."""

_NAME = (  # of what is secret, whatever stands before it
    r"(?:token|api[_-]?key|access[_-]?key(?:[_-]?id)?|secret(?:[_-]?(?:access[_-]?)?key)?"
    r"|passw(?:or)?d|passphrase|signature|credential|x-amz-[\w\-]{1,40})"
)
# A value that is none, and tokens of a tokenizer such as <unk>.
_NOTHING = r"""(?!["']?(?:none|null|true|false)\b|["']?[<\[(])"""
_QUOTED = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
_LOOKS_RANDOM = r"(?=[\w.~+/=\-]*\d|[\w.~+/=\-]*(?-i:[a-z][A-Z])|[\w.~+/=\-]{20})"

# None begins with a repetition: a message may be a megabyte of base64, and it would then be tried from each letter.
_PATTERNS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(?i)data:[\w/+.\-;=\" ]{0,200};\s{0,9}base64\s{0,9},[A-Za-z0-9+/=%_\-]+", "data:***"),
        (r"(?<![\w+/\-])[\w+/\-]{256,}={0,2}", "***"),
        (r"(?<![A-Za-z0-9])(hf|rpa|sk|gh[opsu])_(?:(?=[a-z]*[A-Z0-9])[A-Za-z0-9]{6,}|[a-z]{16,})", r"\1_***"),
        (r"(?<![A-Za-z0-9])(AKIA|ASIA)[A-Z0-9]{12,}", r"\1***"),
        (r"(?<![A-Za-z0-9])eyJ[\w\-]{8,}\.[\w\-]{4,}(?:\.[\w\-]*)?", "***"),
        (r"(?<![A-Za-z0-9])(bot)\d{6,}:[\w\-]{20,}", r"\1***"),
        (r"(?i)(authorization\\?[\"']?\s*[:=]\s*\\?[\"']?)(?:(?:bearer|basic|token)\s+)?[^\s\"',;)}\]]+", r"\1***"),
        (rf"(?i)\b(bearer|basic)\s+{_LOOKS_RANDOM}[\w.~+/=\-]{{6,}}", r"\1 ***"),
        (rf"(?i)({_NAME}\\?[\"']\s*[:=]\s*){_NOTHING}(?:{_QUOTED}|[^\s,}}\]]+)", r'\1"***"'),
        (
            rf"(?i)({_NAME}|(?<![a-z])sig)(\s*=\s*|%3D){_NOTHING}(?:{_QUOTED}|[\"']?(?:(?!%26)[^\s\"'&,;)}}\]]){{3,}})",
            r"\1\2***",
        ),
        (rf"(?i)({_NAME}:\s*){_LOOKS_RANDOM}{_NOTHING}[^\s\"'&,;)}}\]]{{6,}}", r"\1***"),
        (rf"(?i)((?:api[_-]?key|passw(?:or)?d|passphrase):\s*){_NOTHING}[^\s\"'&,;)}}\]]{{3,}}", r"\1***"),
    )
)
_URLS = re.compile(r"://[^\s\"'<>]+")
_SECRET_FIELD = re.compile(rf"(?i)(?:{_NAME}|voice_?prints?)$")
_VOICEPRINT_FIELD = re.compile(r"(?i)voice_?prints?$")
_MAX_SEARCHED = 100_000
"""Letters of the longest text that is searched for voiceprints: a recording has more."""
_SECRET_VARIABLE = re.compile(
    r"(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|(?:API|ACCESS|SECRET|PRIVATE)_?KEY)(?:_ID|_\d+)?$"
)
_SECRET_PARAMETER = re.compile(r"(?i)token|key|sig|secret|pass|auth|cred|code|session|policy")
_TOKEN = re.compile(r"(?=[A-Za-z]{0,15}\d)(?=\d{0,15}[A-Za-z])[A-Za-z0-9]{16}")
"""Start of a random token: 16 letters and digits in a row, with both among them."""
_SWITCHES = {"true", "false", "none", "null"}
_PATH = re.compile(r"(?:file://|(?<![\w:/.]))/(?:[\w.@+\-]+/)+([\w.@+\-]*)")

_known: Counter[str] = Counter()
_known_lock = threading.Lock()
_blocks_of_job: ContextVar[list[str] | None] = ContextVar("whisperx_worker_hidden_voiceprints", default=None)
"""Blocks of the voiceprints that are masked until the innermost `hidden` ends."""


@contextmanager
def hidden(secrets: Iterable[str]) -> Iterator[None]:
    """Mask these secrets, in every job, while the body runs; of voiceprints also fragments."""
    given = list(secrets)
    forms = hide(given)
    blocks = know(given)
    token = _blocks_of_job.set(blocks)
    try:
        yield
    finally:
        _blocks_of_job.reset(token)
        forget(blocks)
        with _known_lock:
            _known.subtract(forms)
            for form in forms:
                if _known[form] <= 0:
                    del _known[form]


def hide_voiceprint(text: str) -> None:
    """Mask fragments of a voiceprint until the job of this thread ends; nothing outside of a job.

    Whole ones are masked without that.
    """
    blocks = _blocks_of_job.get()
    if blocks is not None:
        blocks += know([text])


def hide(secrets: Iterable[str]) -> list[str]:
    """Mask these secrets from now on, and return the forms in which they are searched for."""
    forms = [
        form
        for secret in secrets
        if len(secret) >= MIN_SECRET and voiceprints_in(secret) != [secret]
        for form in _forms(secret)
    ]
    with _known_lock:
        _known.update(forms)
    return forms


def secrets_of(data: object) -> list[str]:
    """Return the secrets of a request, at any depth.

    These are values of fields with secret names, parts of URLs, voiceprints, and field names that look like a misplaced
    token.
    """
    found: list[str] = []
    left = [("", data)]
    while left:
        name, value = left.pop()
        if isinstance(value, Mapping):
            left += [(str(key), item) for key, item in value.items()]
            found += [key for key in map(str, value) if _TOKEN.search(key)]
            found += [voiceprint for key in map(str, value) for voiceprint in voiceprints_in(key)]
        elif isinstance(value, list | tuple):
            left += [(name, item) for item in value]
        elif isinstance(value, str):
            found += _secrets_of_text(value, name)
    return found


def _secrets_of_text(text: str, name: str) -> list[str]:
    """Return the secrets in the text of a field."""
    found = voiceprints_in(text) if len(text) <= _MAX_SEARCHED else []
    if _SECRET_FIELD.search(name):
        # A word in the place of a voiceprint is a mistake, and no secret.
        is_word = _VOICEPRINT_FIELD.search(name) and len(text) < MIN_FRAGMENT
        return found if is_word or found == [text] else [*found, text]
    return [*found, *secrets_of_url(text)] if "://" in text[:20] else found


def secrets_of_url(url: str) -> list[str]:
    """Return the secrets of a URL: credentials, query and its values, fragment, tokens in the path."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return [url]
    name, _, password = parts.netloc.rpartition("@")[0].partition(":")
    # A short name is no secret, and perhaps a word of the sentence that says so.
    named = name if not password or len(name) >= _MIN_ANONYMOUS_SECRET else ""
    found = [part for part in (named, password, parts.query, unquote(parts.query)) if part]
    for place in (parts.query, parts.fragment):
        for pair in place.split("&"):
            name, _, value = pair.rpartition("=")
            if len(value) >= _MIN_ANONYMOUS_SECRET or _SECRET_PARAMETER.search(name):
                found += [value, unquote(value), unquote_plus(value)]
    for piece in parts.path.split("/"):
        if _TOKEN.search(piece):
            found += [piece, unquote(piece), PurePosixPath(unquote(piece)).stem]
    return list(dict.fromkeys(found))


def secrets_of_environment() -> list[str]:
    """Return the values of environment variables with secret names."""
    return [
        value
        for name, value in os.environ.items()
        if _SECRET_VARIABLE.search(name) and len(value) >= MIN_SECRET and value.lower() not in _SWITCHES
    ]


def mask_known(text: str) -> str:
    """Mask the secrets of running jobs and of the environment, and voiceprints; nothing that only looks like one."""
    with _known_lock:
        known = sorted(_known, key=len, reverse=True)
    for secret in known:
        text = text.replace(secret, "***")
    return mask_voiceprints(text)


def mask_known_in(data: Any) -> Any:  # noqa: ANN401
    """Return plain data with the known secrets masked, in names too."""
    if isinstance(data, Mapping):
        return {mask_known(str(key)): mask_known_in(item) for key, item in data.items()}
    if isinstance(data, list | tuple):
        return [mask_known_in(item) for item in data]
    return mask_known(data) if isinstance(data, str) else data


def mask(text: str) -> str:
    """Mask the secrets of running jobs and of the environment, and whatever looks like a secret."""
    text = _URLS.sub(_mask_urls, mask_known(text))
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def mask_data(value: object, name: str = "", depth: int = 0) -> object:
    """Mask the secrets in data, and convert it to valid JSON values; other objects become their text.

    Args:
        value: Anything.
        name: Name of its field; text in a field with a secret name is a secret itself.
        depth: Depth of nesting; deeper data becomes its text, which also ends cycles.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping) and depth < _MAX_DEPTH:
        return {str(mask_data(str(key))): mask_data(item, str(key), depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset) and depth < _MAX_DEPTH:
        return [mask_data(item, name, depth + 1) for item in value]
    text = str(value)
    masked = mask(text)
    if isinstance(value, int | float):
        return value if masked == text and (isinstance(value, int) or math.isfinite(value)) else masked
    # Half of a surrogate pair is JSON to some readers only.
    return "***" if _SECRET_FIELD.search(name) else masked.encode("utf-8", "backslashreplace").decode()


def _mask_urls(found: re.Match[str]) -> str:
    """Mask credentials and queries in one or more adjacent URLs, from the first `://` on."""
    masked = ""
    for piece in found[0].split("://")[1:]:
        host, slash, path = piece.partition("/")
        _, colon, port = host.partition(":")
        if "@" in host:
            rest = f"***@{host.rpartition('@')[2]}{slash}{path}"
        elif "@" in path and colon and not port.isdecimal():  # a password with a slash in it
            rest = f"***@{path.rpartition('@')[2]}"
        else:
            rest = piece
        address, *query = re.split(r"[?#]", rest, maxsplit=1)
        masked += f"://{address}"
        if any(query):
            return f"{masked}?***"
        masked += rest[len(address) :]
    return masked


def without_paths(text: str) -> str:
    """Cut each absolute path to its last part, since a client need not know this machine."""
    return _PATH.sub(r"\1", text)


def for_client(text: str) -> str:
    """Mask secrets and cut paths, for text that leaves the worker."""
    return without_paths(mask(text))


def _forms(secret: str) -> set[str]:
    """Return the forms of a secret in print, quotes, JSON, URLs and base64."""
    in_json = json.dumps(secret)[1:-1]
    forms = {
        secret,
        repr(secret)[1:-1],
        in_json,
        json.dumps(in_json)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
    }
    forms |= {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    if len(secret) >= _MIN_ANONYMOUS_SECRET:
        forms |= _in_base64(secret.encode("utf-8", "replace"))
    return forms


def _in_base64(secret: bytes) -> set[str]:
    """Return the parts of base64 that contain a secret, for each of its three offsets in three bytes."""
    forms = set()
    for before in range(3):
        after = -(before + len(secret)) % 3
        padded = base64.b64encode(bytes(before) + secret + bytes(after)).decode()
        # The characters at the edges depend on the neighbouring bytes too.
        inner = padded[before + 1 if before else 0 : len(padded) - (after + 1 if after else 0)]
        forms |= {inner, inner.replace("+", "-").replace("/", "_")}
    return forms
