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

    def answer(self, path: str, token: str | None) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers, as the hub has them."""
        name = next((name for name in self.models if f"/{name}/" in path), None)
        if name is None:
            # Whoever has no token is told 401, whether the model exists or not.
            return (404 if token else 401), b"{}", {"X-Error-Code": "RepoNotFound", "X-Error-Message": "not found"}
        folder = self.models[name]
        if name in self.gated and token != TOKEN:
            said = f"Access to model {name} is restricted."
            headers = {"X-Error-Code": "GatedRepo", "X-Error-Message": said}
            return (403 if token else 401), json.dumps({"error": said}).encode(), headers
        if path.startswith(f"/api/models/{name}/revision/"):
            files = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
            info = {"id": name, "sha": COMMIT, "siblings": [{"rfilename": file} for file in files]}
            return 200, json.dumps(info).encode(), {"Content-Type": "application/json"}
        file = folder / path.removeprefix(f"/{name}/resolve/{COMMIT}/")
        if not file.is_file():
            return 404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}
        body = file.read_bytes()
        return 200, body, {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Repo-Commit": COMMIT}


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
            status, body, headers = hub.answer(path, token)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

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
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
