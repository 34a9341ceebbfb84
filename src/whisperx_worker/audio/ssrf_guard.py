"""SSRF guard: HTTP requests to public addresses only, redirects included.

RunPod's SDK resolves a host name, refuses it when one of its addresses is not public, and connects to the address that
was checked, whatever the name resolves to later. Every redirect is checked in the same way.
"""

from __future__ import annotations

import ipaddress
import socket
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from whisperx_worker.contract.web_url import url_mistake
from whisperx_worker.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MAX_REDIRECTS = 5
_MAX_ADDRESSES = 6
"""Addresses of one host that are tried in turn."""
_HEADERS = {"User-Agent": f"whisperx-worker/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity"}

_NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        (
            "168.63.129.16/32",  # Azure's own host, from every machine there
            "192.0.0.0/24",  # protocols, and Oracle's metadata
            "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.175.48.0/24",  # anycast of protocols
            "64:ff9b::/96", "64:ff9b:1::/48", "2001::/23", "2002::/16",  # have an IPv4 address inside
            "100::/64", "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fec0::/10",
        ),
    )
)  # fmt: skip
"""Networks that some version of Python calls public and that are not."""
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})
"""Third quarters of IPv6 addresses with an IPv4 address in the last quarter."""


class SsrfRefusedError(Exception):
    """Request that is not sent. The text is a reason that a client may read."""

    def __init__(self, reason: str, *, retryable: bool = False) -> None:
        super().__init__(reason)
        self.retryable = retryable
        """Whether another try may help."""


def get_public(
    url: str,
    timeout: tuple[float, float],
    wanted: Callable[[], bool] = lambda: True,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Any:  # noqa: ANN401 - a requests.Response
    """Send a GET to a public address, follow redirects, and return the unread response.

    A cookie that a server sets with a redirect is sent back to the same host, as browsers do, and then forgotten.

    Args:
        url: From a client.
        timeout: Seconds to connect, and seconds of silence.
        wanted: Called before each connection; False ends the request.
        headers: In addition to the worker's own.

    Returns:
        A `requests.Response`, which the caller closes.

    Raises:
        SsrfRefusedError: The URL, an address of its host, or a redirect is not public; nothing was sent there.
        requests.RequestException, ValueError: The server failed, or the URL cannot be encoded as a request.
    """
    import requests

    base, subject, cookies = "", "it", _RedirectCookies()
    for _ in range(_MAX_REDIRECTS + 1):
        base = _prepare_url(base, url, subject)
        response = _send_request(base, timeout, wanted, {**_HEADERS, **headers}, cookies.of(base))
        location = requests.Session().get_redirect_target(response)
        if location is None:
            return response
        response.close()
        url, subject = requests.utils.requote_uri(location), "where it redirects to"
    raise SsrfRefusedError("too many redirects")


def _prepare_url(base: str, url: str, subject: str) -> str:
    """Resolve a URL against `base` and encode it as the request will send it."""
    import requests

    try:
        url = urljoin(base, url)
        encoded = requests.Request("GET", url).prepare().url or ""
        mistake = url_mistake(url) or url_mistake(encoded)
    except ValueError:
        encoded, mistake = "", url_mistake(url) or "is not a valid URL"
    if mistake:
        raise SsrfRefusedError(f"{subject} {mistake}")
    return encoded


class _RedirectCookies:
    """Cookies of one chain of redirects, each for the host that set it only."""

    def __init__(self) -> None:
        self._jars: dict[str, tuple[str, Any]] = {}

    def of(self, url: str) -> Any:  # noqa: ANN401 - a requests.cookies.RequestsCookieJar
        """Return the jar for a request; a cookie set over https is never sent over http."""
        import requests

        parts = urlsplit(url)
        host, scheme = parts.hostname or "", parts.scheme
        before, jar = self._jars.get(host, (scheme, None))
        if jar is None or (before == "https" and scheme != "https"):
            jar = requests.cookies.RequestsCookieJar()
        self._jars[host] = scheme, jar
        return jar


def _send_request(
    url: str,
    timeout: tuple[float, float],
    wanted: Callable[[], bool],
    headers: Mapping[str, str],
    jar: Any,  # noqa: ANN401 - a requests.cookies.RequestsCookieJar
) -> Any:  # noqa: ANN401 - a requests.Response
    """Send one GET to the first address of its host that answers, without redirects."""
    import requests
    from runpod.serverless.utils.rp_ssrf import PinnedIPAdapter

    if requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url)):
        raise SsrfRefusedError("the worker does not fetch through a proxy")
    failure: Exception = SsrfRefusedError("no connection could be made")
    for address in _addresses(url):
        if not wanted():
            break
        with requests.Session() as session:
            # Otherwise requests would look up a password for this host in ~/.netrc.
            session.auth = lambda request: request
            session.cookies = jar
            # Otherwise requests would read the body of a redirect into memory, however large.
            session.get_redirect_target = lambda _response: None  # type: ignore[method-assign,assignment]
            for scheme in ("http://", "https://"):
                session.mount(scheme, PinnedIPAdapter(address))
            try:
                return session.get(url, headers=headers, timeout=timeout, allow_redirects=False, stream=True)
            except requests.ConnectionError as error:
                failure = error
    raise failure


def _addresses(url: str) -> list[str]:
    """Resolve the host of a URL, and refuse it unless all its addresses are public."""
    from runpod.serverless.utils import rp_ssrf

    parts = urlsplit(url)
    try:
        found = rp_ssrf.resolve_and_validate(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))
    except rp_ssrf.SSRFError as error:
        cause = error.__cause__
        if isinstance(cause, socket.gaierror):
            raise SsrfRefusedError(
                "the name of the host is not known", retryable=cause.errno == socket.EAI_AGAIN
            ) from None
        raise SsrfRefusedError("the address is not public") from None
    if any(map(_is_special, found)):
        raise SsrfRefusedError("the address is not public")
    return list(found[:_MAX_ADDRESSES])


def _is_special(text: str) -> bool:
    """Return whether an address is not public or contains an IPv4 address."""
    address = ipaddress.ip_address(text)
    within_ipv6 = address.version == 6 and int(address) >> 32 & 0xFFFF_FFFF in _ISATAP  # noqa: PLR2004
    return within_ipv6 or any(address in network for network in _NOT_PUBLIC)
