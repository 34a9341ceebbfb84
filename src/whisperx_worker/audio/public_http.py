"""The public web, and nothing else: a stranger's URL is asked only where anybody could ask it.

RunPod's SDK resolves a name, refuses it when one of its addresses is not public, and holds the connection to the
address that was checked, whatever the name means a moment later. Every redirect walks through the same door again.
"""

from __future__ import annotations

import ipaddress
import socket
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from whisperx_worker.contract.audio_source import wrong_url
from whisperx_worker.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MOST_REDIRECTS = 5
_MOST_ADDRESSES = 6
"""Of one name; those that nobody answers at are passed over."""
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
"""What Python's tables call public, in one version or another, and is not."""
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})
"""Third quarter of an IPv6 address whose last quarter is an IPv4 address."""


class RefusedError(Exception):
    """The web is not asked this. The text is a reason that a client may read."""

    def __init__(self, reason: str, *, again: bool = False) -> None:
        super().__init__(reason)
        self.again = again
        """Whether another try may help."""


def ask(
    url: str,
    timeout: tuple[float, float],
    wanted: Callable[[], bool] = lambda: True,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Any:  # noqa: ANN401 - a requests.Response
    """The answer to a GET, its redirects followed, its body not yet read.

    A cookie that a server sets on the way goes back to the same host, as browsers do it, and is then forgotten.

    Args:
        url: A stranger's.
        timeout: Seconds to connect, and seconds of silence.
        wanted: Asked before each connection; False ends it.
        headers: To send beside our own.

    Returns:
        A `requests.Response`; who gets it closes it.

    Raises:
        RefusedError: The URL, an address of its host, or a redirect is none of the public web; nothing was sent there.
        requests.RequestException, ValueError: The server failed, or the URL cannot be written as a request.
    """
    import requests

    base, subject, cookies = "", "it", _Cookies()
    for _ in range(_MOST_REDIRECTS + 1):
        base = _as_it_goes_out(base, url, subject)
        response = _ask_once(base, timeout, wanted, {**_HEADERS, **headers}, cookies.of(base))
        location = requests.Session().get_redirect_target(response)
        if location is None:
            return response
        response.close()
        url, subject = requests.utils.requote_uri(location), "where it redirects to"
    raise RefusedError("too many redirects")


def _as_it_goes_out(base: str, url: str, subject: str) -> str:
    """A URL, read at the page `base`, as the request will have it, if nothing is wrong with it."""
    import requests

    try:
        url = urljoin(base, url)
        written = requests.Request("GET", url).prepare().url or ""
        wrong = wrong_url(url) or wrong_url(written)
    except ValueError:
        written, wrong = "", wrong_url(url) or "is not a valid URL"
    if wrong:
        raise RefusedError(f"{subject} {wrong}")
    return written


class _Cookies:
    """Cookies of one walk through redirects, each for the host alone that set it."""

    def __init__(self) -> None:
        self._jars: dict[str, tuple[str, Any]] = {}

    def of(self, url: str) -> Any:  # noqa: ANN401 - a requests.cookies.RequestsCookieJar
        """Give the jar that a request sends and its answer fills; what came over https never goes over http."""
        import requests

        parts = urlsplit(url)
        host, scheme = parts.hostname or "", parts.scheme
        before, jar = self._jars.get(host, (scheme, None))
        if jar is None or (before == "https" and scheme != "https"):
            jar = requests.cookies.RequestsCookieJar()
        self._jars[host] = scheme, jar
        return jar


def _ask_once(
    url: str,
    timeout: tuple[float, float],
    wanted: Callable[[], bool],
    headers: Mapping[str, str],
    jar: Any,  # noqa: ANN401 - a requests.cookies.RequestsCookieJar
) -> Any:  # noqa: ANN401 - a requests.Response
    import requests
    from runpod.serverless.utils.rp_ssrf import PinnedIPAdapter

    if requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url)):
        raise RefusedError("the worker does not fetch through a proxy")
    nobody: Exception = RefusedError("no connection could be made")
    for address in _addresses(url):
        if not wanted():
            break
        with requests.Session() as session:
            # Else a password for this host would be looked up in ~/.netrc.
            session.auth = lambda request: request
            session.cookies = jar
            # Else the body of a redirect would be read into memory, however large.
            session.get_redirect_target = lambda _response: None  # type: ignore[method-assign,assignment]
            for scheme in ("http://", "https://"):
                session.mount(scheme, PinnedIPAdapter(address))
            try:
                return session.get(url, headers=headers, timeout=timeout, allow_redirects=False, stream=True)
            except requests.ConnectionError as error:
                nobody = error
    raise nobody


def _addresses(url: str) -> list[str]:
    """Where the host of a URL is, all of it public."""
    from runpod.serverless.utils import rp_ssrf

    parts = urlsplit(url)
    try:
        found = rp_ssrf.resolve_and_validate(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))
    except rp_ssrf.SSRFError as error:
        cause = error.__cause__
        if isinstance(cause, socket.gaierror):
            raise RefusedError("the name of the host is not known", again=cause.errno == socket.EAI_AGAIN) from None
        raise RefusedError("the address is not public") from None
    if any(map(_is_special, found)):
        raise RefusedError("the address is not public")
    return list(found[:_MOST_ADDRESSES])


def _is_special(text: str) -> bool:
    address = ipaddress.ip_address(text)
    within_ipv6 = address.version == 6 and int(address) >> 32 & 0xFFFF_FFFF in _ISATAP  # noqa: PLR2004
    return within_ipv6 or any(address in network for network in _NOT_PUBLIC)
