"""Web addresses that a job may name: mistakes that can be seen without a connection. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_LAST_SYSTEM_PORT = 1023
_WEB_PORTS = frozenset({80, 443})
"""System ports of the web."""
_OTHER_SERVICES = frozenset({1433, 1521, 2049, 2375, 3306, 3389, 5432, 5900, 6379, 11211, 27017})
"""Ports of databases, file systems and remote control; object stores use others."""
_SHORT_SCHEME = re.compile(r"[a-z][a-z0-9+.\-]{0,7}")
"""Schemes short enough to be shown; a longer one may be half of a token."""


def url_mistake(url: str) -> str | None:
    """Return the first mistake in an http(s) URL, to follow a field's name, or None.

    Ports up to 1023 are refused, except 80 and 443, and so are those of databases and the like: a job must not make
    the worker talk to a service that is no web server.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "is not a valid URL"
    if parts.scheme not in {"http", "https"}:
        return "must be an http(s) URL" + (f", not {parts.scheme}:" if _SHORT_SCHEME.fullmatch(parts.scheme) else "")
    if (
        not host
        or re.search(r"(?! )[\s\x00-\x1f\x7f\\]", url)
        or re.search(r"[^\w.\-:]", host)
        or parts.netloc.endswith(":")
    ):
        return "is not a valid URL"
    if parts.username is not None or parts.password is not None:
        return "must not carry a user name or a password in the URL"
    if port is not None and (port <= _LAST_SYSTEM_PORT or port in _OTHER_SERVICES) and port not in _WEB_PORTS:
        return f"must not name port {port}, which is not for the web"
    return None
