"""A plugin package of somebody else, really installed with pip beside the worker, in a place of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EXAMPLES = Path(__file__).parent.parent / "examples"


def installed(example: str, folder: Path, mounted: Mapping[str, str]) -> Callable[..., str]:
    """Install an example, and mount an engine to do the recognition.

    Args:
        example: Its folder's name.
        folder: Where it is installed.
        mounted: Source by name of the plugins in the plugins folder; the first one is the engine.

    Returns:
        A function that runs Python there with these arguments and `stdin`, and gives what it prints.
    """
    source, site, plugins = folder / "source", folder / "site", folder / "mounted"
    # A build leaves files beside its source.
    shutil.copytree(EXAMPLES / example, source)
    plugins.mkdir()
    for name, text in mounted.items():
        (plugins / f"{name}.py").write_text(text, encoding="utf-8")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("WHISPERX_WORKER_", "PIP_"))},
        "PYTHONPATH": str(site),
        "WHISPERX_WORKER_PLUGINS_DIR": str(plugins),
        "WHISPERX_WORKER_TRANSCRIBE_ENGINE": next(iter(mounted)),
        "WHISPERX_WORKER_LOG_FILE": str(folder / "container_log.txt"),
    }

    def python(*arguments: str, stdin: str = "") -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            input=stdin,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    python(
        "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps",
        "--no-build-isolation", "--no-compile", "--target", str(site), str(source),
    )  # fmt: skip
    return python
