"""A server that speaks enough of the Hugging Face hub's protocol to download gated models from it, with a token."""

from __future__ import annotations

import functools
import hashlib
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TOKEN = "hf_" + "Planted" + "Token" * 4 + "7"
"""The only one that opens a gated model."""
COMMIT = "0123456789abcdef0123456789abcdef01234567"
"""The revision of every model."""

LISTING = "the listing of a model"

LARGE = {".bin", ".ckpt", ".npz", ".safetensors"}


@dataclass(eq=False)
class Hub:
    """What the server has, and what was asked of it."""

    models: Mapping[str, Path]
    """Folders by `org/name`."""
    gated: frozenset[str]
    url: str = ""
    """What `HF_ENDPOINT` must be."""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """Path and token of every request."""
    resumed: list[str] = field(default_factory=list)
    """Ranges that were asked for."""
    shows_gated: bool = False
    """Whether anybody may see which files a gated model has, as on the real hub."""
    breaks: dict[str, Iterator[int]] = field(default_factory=dict)
    """By file, for each request the bytes after which its connection dies; then no more."""
    drops: dict[str, Iterator[object]] = field(default_factory=dict)
    """By file, or `LISTING`, for each item the connection closes without an answer; an `int` is its status instead."""
    spoiled: set[str] = field(default_factory=set)
    """Files whose last byte is another than the hub says."""
    sizes: dict[str, int] = field(default_factory=dict)
    """Sizes that the hub says in place of the real ones."""

    def answer(self, path: str, token: str | None) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers, as the hub has them."""
        name = next((name for name in self.models if f"/{name}/" in path), None)
        if name is None:
            # Whoever has no token is told 401, whether the model exists or not.
            return (404 if token else 401), b"{}", {"X-Error-Code": "RepoNotFound", "X-Error-Message": "not found"}
        folder = self.models[name]
        about = path.startswith(f"/api/models/{name}/revision/")
        if name in self.gated and token != TOKEN and not (about and self.shows_gated):
            said = f"Access to model {name} is restricted."
            headers = {"X-Error-Code": "GatedRepo", "X-Error-Message": said}
            return (403 if token else 401), json.dumps({"error": said}).encode(), headers
        if about:
            files = sorted(file for file in folder.rglob("*") if file.is_file())
            info = {"id": name, "sha": COMMIT, "siblings": [self.described(file, folder) for file in files]}
            return 200, json.dumps(info).encode(), {"Content-Type": "application/json"}
        file = folder / path.removeprefix(f"/{name}/resolve/{COMMIT}/")
        if not file.is_file():
            return 404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}
        body = file.read_bytes()
        if file.name in self.spoiled:
            return 200, body[:-1] + b"?", {"ETag": f'"{len(body)}"', "X-Repo-Commit": COMMIT}
        return 200, body, {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Repo-Commit": COMMIT}

    def described(self, file: Path, folder: Path) -> dict[str, object]:
        """What the hub says of one file: another checksum of large files than of small ones."""
        body = file.read_bytes()
        size = self.sizes.get(file.name, len(body))
        said: dict[str, object] = {"rfilename": str(file.relative_to(folder)), "size": size}
        if file.suffix in LARGE:
            return {
                **said,
                "blobId": "0" * 40,
                "lfs": {"sha256": hashlib.sha256(body).hexdigest(), "size": size, "pointerSize": 130},
            }
        return {**said, "blobId": hashlib.sha1(b"blob %d\0%s" % (len(body), body)).hexdigest()}


@contextmanager
def serving(models: Mapping[str, Path], gated: frozenset[str] | None = None) -> Iterator[Hub]:
    """Serve folders as models of the hub, until the block ends.

    Args:
        models: Folders by `org/name`.
        gated: Which of them need the token; else all.
    """
    hub = Hub(models, frozenset(models) if gated is None else gated)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_arguments):
            pass

        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            token = (self.headers["Authorization"] or "").removeprefix("Bearer ") or None
            path = self.path.partition("?")[0]
            hub.asked.append((path, token))
            dropped = hub.drops.get(LISTING if "/revision/" in path else path.rpartition("/")[2])
            fault = next(dropped, None) if dropped else None
            if fault is not None and not isinstance(fault, int):
                self.close_connection = True
                return
            status, body, headers = (fault, b"", {}) if fault else hub.answer(path, token)
            if status == 200 and (wanted := self.headers["Range"]):
                hub.resumed.append(wanted)
                body = body[int(wanted.removeprefix("bytes=").rstrip("-")) :]
                status = 206
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                most = next(hub.breaks.get(path.rpartition("/")[2], iter(())), None)
                self.wfile.write(body if most is None else body[:most])
                self.close_connection = most is not None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def reach(monkeypatch, hub: Hub, cache: Path) -> None:
    """Let this process take `hub` for the Hugging Face hub, as `HF_ENDPOINT` and `HF_HUB_CACHE` would from its start."""
    import huggingface_hub

    download = functools.partial(huggingface_hub.snapshot_download, endpoint=hub.url, cache_dir=cache)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.setattr(huggingface_hub, "HfApi", functools.partial(huggingface_hub.HfApi, endpoint=hub.url))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
