"""Takes secrets out of text: those that running jobs and the environment are known to hold, and what looks like one."""

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
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SHORTEST_SECRET = 4
_SHORTEST_ANONYMOUS_SECRET = 8
"""A shorter part of a query says "ru" or "2026" more often than it opens a door."""
_DEEPEST = 4
"""Below it data is written as its text."""

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
_SECRET_FIELD = re.compile(rf"(?i){_NAME}$")
_SECRET_VARIABLE = re.compile(
    r"(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|(?:API|ACCESS|SECRET|PRIVATE)_?KEY)(?:_ID|_\d+)?$"
)
_SECRET_PARAMETER = re.compile(r"(?i)token|key|sig|secret|pass|auth|cred|code|session|policy")
_TOKEN = re.compile(r"(?=[A-Za-z]{0,15}\d)(?=\d{0,15}[A-Za-z])[A-Za-z0-9]{16}")
"""Begins what no person would write: 16 letters and digits in a row, both among them."""
_SWITCHES = {"true", "false", "none", "null"}
_PATH = re.compile(r"(?:file://|(?<![\w:/.]))/(?:[\w.@+\-]+/)+([\w.@+\-]*)")

_known: Counter[str] = Counter()
_known_lock = threading.Lock()


@contextmanager
def hidden(secrets: Iterable[str]) -> Iterator[None]:
    """Let no masked text hold these, in any job, while the body runs."""
    forms = hide(secrets)
    try:
        yield
    finally:
        with _known_lock:
            _known.subtract(forms)
            for form in forms:
                if _known[form] <= 0:
                    del _known[form]


def hide(secrets: Iterable[str]) -> list[str]:
    """Let no masked text hold these from now on; gives the forms in which they are looked for."""
    forms = [form for secret in secrets if len(secret) >= _SHORTEST_SECRET for form in _forms(secret)]
    with _known_lock:
        _known.update(forms)
    return forms


def secrets_of(data: object) -> list[str]:
    """What of a request may stand in no log, however deep it stands.

    Values of fields named so, parts of URLs, and names of fields that look like a token in the wrong place.
    """
    found: list[str] = []
    left = [("", data)]
    while left:
        name, value = left.pop()
        if isinstance(value, Mapping):
            left += [(str(key), item) for key, item in value.items()]
            found += [key for key in map(str, value) if _TOKEN.search(key)]
        elif isinstance(value, list | tuple):
            left += [(name, item) for item in value]
        elif isinstance(value, str) and _SECRET_FIELD.search(name):
            found.append(value)
        elif isinstance(value, str) and "://" in value[:20]:
            found += secrets_of_url(value)
    return found


def secrets_of_url(url: str) -> list[str]:
    """What of a URL may not be told: its credentials, its query, each value in it, its fragment, tokens in its path."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return [url]
    name, _, password = parts.netloc.rpartition("@")[0].partition(":")
    # A short name is no secret, and perhaps a word of the sentence that says so.
    named = name if not password or len(name) >= _SHORTEST_ANONYMOUS_SECRET else ""
    found = [part for part in (named, password, parts.query, unquote(parts.query)) if part]
    for place in (parts.query, parts.fragment):
        for pair in place.split("&"):
            name, _, value = pair.rpartition("=")
            if len(value) >= _SHORTEST_ANONYMOUS_SECRET or _SECRET_PARAMETER.search(name):
                found += [value, unquote(value), unquote_plus(value)]
    for piece in parts.path.split("/"):
        if _TOKEN.search(piece):
            found += [piece, unquote(piece), PurePosixPath(unquote(piece)).stem]
    return list(dict.fromkeys(found))


def secrets_of_environment() -> list[str]:
    """Values of the variables whose name says that they are secret."""
    return [
        value
        for name, value in os.environ.items()
        if _SECRET_VARIABLE.search(name) and len(value) >= _SHORTEST_SECRET and value.lower() not in _SWITCHES
    ]


def mask(text: str) -> str:
    """Text without secrets: those of running jobs, those of the environment, and whatever looks like one."""
    with _known_lock:
        known = sorted(_known, key=len, reverse=True)
    for secret in known:
        text = text.replace(secret, "***")
    text = _URLS.sub(_mask_urls, text)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def mask_data(value: object, name: str = "", depth: int = 0) -> object:
    """Data that every reader of JSON takes, without secrets; what has no form in JSON becomes its text.

    Args:
        value: Anything.
        name: The field that it stands in: text is a secret itself where the name says so.
        depth: How deep it stands; what stands too deep becomes its text, which ends what holds itself.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping) and depth < _DEEPEST:
        return {str(mask_data(str(key))): mask_data(item, str(key), depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset) and depth < _DEEPEST:
        return [mask_data(item, name, depth + 1) for item in value]
    text = str(value)
    masked = mask(text)
    if isinstance(value, int | float):
        return value if masked == text and (isinstance(value, int) or math.isfinite(value)) else masked
    # Half of a surrogate pair is JSON to some readers only.
    return "***" if _SECRET_FIELD.search(name) else masked.encode("utf-8", "backslashreplace").decode()


def _mask_urls(found: re.Match[str]) -> str:
    """One or more URLs without a blank between them, from the first `://` on: no credentials and no query."""
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
    """Text with each absolute path cut to its last part: a client need not know this machine."""
    return _PATH.sub(r"\1", text)


def for_client(text: str) -> str:
    """Text that may leave the worker: without secrets and without paths."""
    return without_paths(mask(text))


def _forms(secret: str) -> set[str]:
    """A secret as it looks when it is printed, quoted, or put into JSON, a URL or base64."""
    in_json = json.dumps(secret)[1:-1]
    forms = {
        secret,
        repr(secret)[1:-1],
        in_json,
        json.dumps(in_json)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
    }
    forms |= {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    if len(secret) >= _SHORTEST_ANONYMOUS_SECRET:
        forms |= _in_base64(secret.encode("utf-8", "replace"))
    return forms


def _in_base64(secret: bytes) -> set[str]:
    """What base64 of anything that holds a secret has of it: three forms, by where in three bytes it begins."""
    forms = set()
    for before in range(3):
        after = -(before + len(secret)) % 3
        padded = base64.b64encode(bytes(before) + secret + bytes(after)).decode()
        # The letters at its edges say something of its neighbours too.
        sure = padded[before + 1 if before else 0 : len(padded) - (after + 1 if after else 0)]
        forms |= {sure, sure.replace("+", "-").replace("/", "_")}
    return forms
