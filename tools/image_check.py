"""Build of the Dockerfile's `small` image on a bare Debian, and a job in it.

Run it as `make image-check`, as root.

It needs neither Docker nor a registry: buildah runs every instruction in a chroot. The base is a Debian made here, so
what a CUDA base, a GPU and BuildKit's cache would do is not seen, and the stages with the models are not built.
"""

from __future__ import annotations

import base64
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parent.parent
BASE = "localhost/whisperx-worker-check-base"
IMAGE = "localhost/whisperx-worker-check"
LOCAL_AUTHORITIES = "/usr/local/share/ca-certificates"
SHIPPED = {
    "WHISPERX_WORKER_MODEL": "demo-whisper-ru",
    "WHISPERX_WORKER_ALIGN_MODEL": "demo-wav2vec2-ru",
    "WHISPERX_WORKER_DIARIZATION_MODEL": "demo-diarization",
    "WHISPERX_WORKER_SPEAKER_MODEL": "demo-speaker-embedding",
}
JOB = {"align_output": True, "diarization": True}
CUDA_LIBRARIES = ("libcublas.so.12", "libcudnn.so.9")


def output_of(*command: str) -> str:
    """Run a command and return its output; its errors are printed.

    Raises:
        SystemExit: When it fails.
    """
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}\nfailed with {done.returncode}: {' '.join(command)}")
    return done.stdout.strip()


def install_tools() -> None:
    """Install buildah and mmdebstrap.

    Raises:
        SystemExit: When that cannot be done here.
    """
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit("image-check needs root on Debian: it makes a root file system and changes into it")
    if missing := [tool for tool in ("buildah", "mmdebstrap") if not shutil.which(tool)]:
        output_of("apt-get", "install", "--yes", "--no-install-recommends", "--quiet", *missing)


def make_base() -> None:
    """Make an image of a bare Debian, unless it exists.

    It has the certificate authorities that were added to this machine.
    """
    if subprocess.run(["buildah", "inspect", BASE], capture_output=True, check=False).returncode == 0:
        return
    with TemporaryDirectory() as folder:
        archive = f"{folder}/debian.tar"
        trusted = f"--customize-hook=copy-in {LOCAL_AUTHORITIES} /usr/local/share"
        suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
        output_of("mmdebstrap", "--variant=minbase", trusted, suite, archive)
        container = output_of("buildah", "from", "scratch")
        output_of("buildah", "add", "--quiet", container, archive, "/")
        output_of("buildah", "commit", "--quiet", "--rm", container, BASE)


def build() -> dict[str, Any]:
    """Build the image and return its configuration for Docker.

    Raises:
        SystemExit: When it cannot be built.
    """
    began = time.perf_counter()
    options = ["--isolation", "chroot", "--format", "docker", "--layers", "--target", "small"]
    command = ["buildah", "build", *options, "--build-arg", f"BASE={BASE}", "--tag", IMAGE, str(ROOT)]
    if code := subprocess.run(command, check=False).returncode:
        sys.exit(f"the image could not be built ({code})")
    print(f"built in {time.perf_counter() - began:.0f} s")
    config: dict[str, Any] = json.loads(output_of("buildah", "inspect", IMAGE))["Docker"]["config"]
    return config


def run(container: str, *command: str, volume: str = "") -> str:
    """Run a command in a container without a network, as the image's user; return its output."""
    settings = [f"--env={name}={value}" for name, value in SHIPPED.items()]
    volumes = [f"--volume={volume}:ro"] if volume else []
    return output_of(
        "unshare", "--net", "buildah", "run", "--isolation", "chroot", *settings, *volumes, container, *command
    )


def check(config: dict[str, Any]) -> None:
    """Start the image's command with a real job, and run its health check.

    Raises:
        SystemExit: At the first thing that is not as it should be.
    """
    container = output_of("buildah", "from", IMAGE)
    try:
        if run(container, "id", "-u") == "0":
            sys.exit("the image's user is root")
        known = run(container, "/sbin/ldconfig", "-p")
        if lost := [library for library in CUDA_LIBRARIES if library not in known]:
            sys.exit(f"the image's loader does not find {', '.join(lost)}")
        with TemporaryDirectory() as folder:
            audio = base64.b64encode((ROOT / "demo" / "dialogue.flac").read_bytes()).decode()
            request = Path(folder, "test_input.json")
            request.write_text(json.dumps({"input": {**JOB, "audio_base64": audio}}))
            Path(folder).chmod(0o755)
            request.chmod(0o644)
            began = time.perf_counter()
            answer = run(container, *config["Cmd"], volume=f"{request}:{config['WorkingDir']}/{request.name}")
        if "SPEAKER_01" not in answer or "Здравствуйте, Анна Сергеевна!" not in answer:
            sys.exit(f"the image did not answer the job: {answer[-2000:]}")
        print(f"answered a job with words and speakers in {time.perf_counter() - began:.0f} s, without a network")
        print(run(container, *config["Healthcheck"]["Test"][1:]))
    finally:
        output_of("buildah", "rm", container)


def main() -> None:
    """Build the image and check it."""
    install_tools()
    make_base()
    check(build())
    print(f"not checked: a CUDA base, a GPU, BuildKit's cache, the models' download. `buildah rmi {IMAGE}` frees 8 GB.")


if __name__ == "__main__":
    main()
