"""Checks before jobs are taken, for `doctor` and for the start of a worker.

A failure means that a plain transcription job could not be served; a warning, that something else could not.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import platform
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from whisperx_worker.contract.settings import load_settings, unknown_variables
from whisperx_worker.errors import ModelNotFoundError, PluginError, SettingsError
from whisperx_worker.hooks.engine_choice import ENGINES, default_engine, default_recognition_steps
from whisperx_worker.hooks.load_time import slow_load
from whisperx_worker.hooks.loading import load_host
from whisperx_worker.hooks.operators_rules import check_required
from whisperx_worker.hooks.requirements import required_models
from whisperx_worker.logs import redaction
from whisperx_worker.models.hub import MAIN, OFFLINE, hub_is_forbidden
from whisperx_worker.models.locate import folder_mb, is_unpinned
from whisperx_worker.models.lock_file import faults, read_lock
from whisperx_worker.operate import bucket
from whisperx_worker.runtime import machine
from whisperx_worker.runtime.sample_file import SAMPLE_BYTES
from whisperx_worker.types import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.hooks.host import Host
    from whisperx_worker.models.requirement import ModelRequirement

log = logging.getLogger(__name__)

State = Literal["ok", "warning", "failure"]

PLAIN = ("detect_speech", "identify_language", "transcribe")
"""The steps that a plain job may need; what only the others need is a warning."""

SOUND_LIBRARIES = ("av",)
"""Libraries that decode the audio of every job."""

_CUDA = (12, 0)
_CUDNN = 9
"""What PyTorch and CTranslate2 are both built for."""

_UNUSABLE = "there is an NVIDIA driver, but no GPU can be used; CUDA says error"


@dataclass(frozen=True)
class Finding:
    """One row of the table."""

    name: str
    state: State
    what: str
    """One sentence, without secrets."""


@dataclass(frozen=True)
class Check:
    """One thing to look at."""

    find: Callable[[Settings, Host], Iterable[Finding]]
    at_start: bool
    """Whether it is quick enough for every start of a worker."""


def examine(*, quick: bool) -> list[Finding]:
    """Run all checks, or those of a worker that starts.

    It never raises: what is broken is a row.

    Args:
        quick: Only what needs no library to be imported.
    """
    try:
        settings = load_settings()
    except SettingsError as error:
        return [Finding("settings", "failure", redaction.mask(f"{error}; the rest depends on them"))]
    try:
        host = load_host(settings)
    except SettingsError as error:
        return [Finding("settings", "failure", redaction.mask(f"{error}; the rest depends on them"))]
    except OSError as error:
        return [Finding("plugins", "failure", f"they cannot be looked for: {error.strerror}")]
    return findings(settings, host, at_start=quick)


def findings(settings: Settings, host: Host, *, at_start: bool) -> list[Finding]:
    """Return the rows of the checks, in order and masked; slow ones run side by side.

    Args:
        settings: What the operator decided.
        host: The loaded plugins.
        at_start: Only the checks for a worker's start.
    """
    wanted = [check for check in CHECKS if check.at_start or not at_start]
    with ThreadPoolExecutor(len(wanted)) as pool:
        found = list(pool.map(lambda check: _rows(check, settings, host), wanted))
    return [Finding(row.name, row.state, redaction.mask(row.what)) for rows in found for row in rows]


def _rows(check: Check, settings: Settings, host: Host) -> list[Finding]:
    try:
        return list(check.find(settings, host))
    except Exception as error:  # whatever is broken is a row
        log.info("a check raised", exc_info=error)
        name = check.find.__name__.strip("_").replace("_", " ")
        return [Finding(name, "warning", f"it could not be looked at ({type(error).__name__})")]


def _settings(_settings: Settings, _host: Host) -> Iterator[Finding]:
    unknown = unknown_variables()
    yield Finding("settings", "warning" if unknown else "ok", "; ".join(unknown) or "all can be used")


def _python(_settings: Settings, _host: Host) -> Iterator[Finding]:
    cores, seen = machine.cores(), len(os.sched_getaffinity(0))
    limited = f" of {seen}, by the container's limit" if cores < seen else ""
    text = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {cores} CPU cores{limited}"
    yield Finding("python", "ok" if (3, 10) <= sys.version_info < (3, 14) else "warning", text)


def _memory(_settings: Settings, _host: Host) -> Iterator[Finding]:
    total, free = machine.memory_gb()
    yield Finding("memory", "ok", f"{total:.1f} GB, {free:.1f} GB of them free")


def _gpu(settings: Settings, _host: Host) -> Iterator[Finding]:
    if settings.device == "cpu":
        yield Finding("gpu", "ok", "not used: WHISPERX_WORKER_DEVICE is cpu")
        return
    lacking: State = "failure" if settings.device == "cuda" else "ok"
    found = machine.driver()
    if found is None:
        wanted = "RunPod gave a GPU" if machine.on_runpod_gpu() else "WHISPERX_WORKER_DEVICE is cuda"
        missing = f"{wanted}, but there is no NVIDIA driver"
        yield Finding("gpu", lacking, "no NVIDIA driver: models run on the CPU" if lacking == "ok" else missing)
    elif not found.gpus:
        yield Finding("gpu", "failure" if lacking == "failure" else "warning", f"{_UNUSABLE} {found.error}")
    else:
        names = ", ".join(f"{name} with {size:.0f} GB" for name, size in found.gpus)
        fits = found.cuda >= _CUDA
        text = f"{names}; its driver runs CUDA up to {found.cuda[0]}.{found.cuda[1]}"
        yield Finding("gpu", "ok" if fits else "failure", text if fits else f"{text}, and the worker needs 12")


def _plugins(_settings: Settings, host: Host) -> Iterator[Finding]:
    """Plugins, those that the operator requires, and settings that name none."""
    try:
        check_required(host)
    except SettingsError as error:
        yield Finding("plugins required", "failure", str(error))
    for problem in host.problems:
        yield Finding("plugins", "warning", problem)
    for record in host.records:
        text = f"{record.state}: {record.reason or ', '.join(record.hooks)}"
        slow = slow_load(record)
        state: State = "warning" if slow or record.state in {"failed", "missing"} else "ok"
        yield Finding(f"plugin {record.name}", state, f"{text}; {slow}" if slow else text)


def _engines(settings: Settings, host: Host) -> Iterator[Finding]:
    needed = default_recognition_steps(host, settings)
    for hook in ENGINES:
        if hook in PLAIN and hook not in needed:
            continue
        try:
            yield Finding(hook, "ok", f"by {default_engine(host, hook, settings).plugin_name}")
        except PluginError as error:
            yield Finding(hook, _weight(hook), str(error).removeprefix(f"{hook}: "))


def _models(settings: Settings, host: Host) -> Iterator[Finding]:
    for need in required_models(host, settings):
        try:
            state, text = _model(need, settings)
        except (ModelNotFoundError, OSError) as error:
            state, text = _weight(need.step), f"it cannot be looked at: {error}"
        yield Finding(f"model for {need.step}", state, f"{need.name}: {text}")


def _model(need: ModelRequirement, settings: Settings) -> tuple[State, str]:
    """Check one model: that it is here, whole, and what was fetched."""
    folder = need.located(settings)
    if folder is None:
        if (revision := need.revision(settings)) is not None:
            which = ", of whatever `main` is then" if revision == MAIN else ""
            return "warning", f"not here; the first job that needs it waits for its download{which}"
        return _weight(need.step), f"not here, neither in {settings.models} nor in a cache"
    if lacking := need.lacking(folder):
        return _weight(need.step), f"{folder} has no {' and no '.join(lacking).replace('|', ' or ')}"
    locked = read_lock(settings.models).get(need.name) if folder == settings.models / need.name else None
    if locked and (wrong := faults(folder, locked, every_byte=False)):
        return _weight(need.step), f"in {folder}, {wrong[0]}"
    size_mb = folder_mb(folder / need.files[0] if need.url else folder)
    text = f"in {folder}, {size_mb:,.0f} MB"
    if locked and locked.revision:
        text += f", revision {locked.revision[:12]}"
    if without := [file for file in need.optional if not (folder / file).is_file()]:
        text += f", without {' and '.join(without)}, which its loader does not need"
    if folder == settings.models / need.name and not locked and is_unpinned(need.name):
        return "warning", f"{text}; nothing says which revision it is: `whisperx-worker preload` compares and notes it"
    return "ok", text


def _token(settings: Settings, host: Host) -> Iterator[Finding]:
    if settings.hf_token:
        yield Finding("token", "ok", "HF_TOKEN is set")
    elif all(need.located(settings) for need in required_models(host, settings)):
        yield Finding("token", "ok", "no HF_TOKEN, and no model that needs it is missing")
    else:
        yield Finding("token", "warning", "no HF_TOKEN: a gated model, such as the one for speakers, stays closed")


def _hub(settings: Settings, _host: Host) -> Iterator[Finding]:
    """Check that the hub can be asked for the models that may be downloaded."""
    if settings.hub_models and hub_is_forbidden():
        text = f"models may be downloaded (WHISPERX_WORKER_HUB_MODELS), but {OFFLINE} forbids to ask the hub for any"
        yield Finding("hub", "warning", f"{text}; unset it")


def _installed(settings: Settings, host: Host) -> Iterator[Finding]:
    """Check libraries by their versions alone, without an import."""
    for library, weight in _libraries(settings, host).items():
        if _is_missing(library):
            yield Finding(library, weight, "not installed; `pip install '.[worker]'` brings the whole worker")


def _imported(settings: Settings, host: Host) -> Iterator[Finding]:
    """Libraries, by the result of their import."""
    wanted = {library: weight for library, weight in _libraries(settings, host).items() if not _is_missing(library)}
    found = machine.driver() if settings.device != "cpu" else None
    # Two at a time: each import takes a core and up to a gigabyte.
    with ThreadPoolExecutor(2) as pool:
        setup = {
            library: need.gpu_setup if found and found.gpus else ()
            for need in required_models(host, settings)
            for library in need.libraries
        }
        yield from pool.map(lambda item: _library(item[0], item[1], found, setup.get(item[0], ())), wanted.items())


def _library(library: str, weight: State, driver: machine.Driver | None, setup: Sequence[str] = ()) -> Finding:
    version = machine.version_of(library) or "?"
    try:
        probe = machine.import_library(library, setup)
    except ImportError as error:
        return Finding(library, weight, f"{version} cannot be imported: {error}")
    if library == "torch":
        return _torch(version, probe, driver)
    if "gpus" in probe and driver and driver.gpus and not probe["gpus"]:
        return Finding(library, "failure", f"{version} sees no GPU, while there is one")
    if "gpus" in probe:
        where = "with cuBLAS 12" if probe["gpus"] else "on the CPU"
        return Finding(library, "ok", f"{version}, {where}, computes in {', '.join(probe['types'])}")
    return Finding(library, "ok", f"{version}{', no ffmpeg is needed' if library == 'av' else ''}")


def _torch(version: str, probe: dict[str, Any], driver: machine.Driver | None) -> Finding:
    """Check that the driver runs PyTorch's CUDA, and that CTranslate2 knows its cuDNN."""
    cuda, cudnn = probe["cuda"], probe["cudnn"] or 0
    major = cudnn // 10_000 or cudnn // 1_000  # 91002 is 9.10.2, and 8902 was 8.9.2
    built = f"{version}, CUDA {cuda}, cuDNN {major}" if cuda else f"{version}, without CUDA"
    if not (driver and driver.gpus):
        return Finding("torch", "ok", built)
    if not cuda:
        return Finding("torch", "failure", f"{built}, while there is a GPU")
    if int(cuda.split(".")[0]) > driver.cuda[0]:
        return Finding("torch", "failure", f"{built}, but the driver runs CUDA up to {driver.cuda[0]}.{driver.cuda[1]}")
    if not probe["gpus"]:
        return Finding("torch", "failure", f"{built}, but it sees no GPU")
    fits = major == _CUDNN
    return Finding("torch", "ok" if fits else "warning", built if fits else f"{built}, and 9 is wanted")


def _disk(settings: Settings, _host: Host) -> Iterator[Finding]:
    temporary = Path(tempfile.gettempdir())
    try:
        free = machine.free_mb(temporary)
    except OSError as error:
        yield Finding("temporary folder", "failure", f"{temporary} cannot be written: {error.strerror}")
        return
    decoded = settings.max_audio_s * SAMPLE_RATE_HZ * SAMPLE_BYTES / 1e6
    little = free < settings.max_audio_mb + decoded
    text = f"{temporary} has {free:,.0f} MB free"
    sizes = f"{settings.max_audio_mb:,.0f} MB, and {decoded:,.0f} MB decoded"
    more = f", less than the largest recording may take ({sizes})" if little else ""
    yield Finding("temporary folder", "warning" if little else "ok", text + more)


def _log_file(settings: Settings, _host: Host) -> Iterator[Finding]:
    file = settings.log_file.absolute()
    try:
        if file.exists():
            with file.open("ab"):
                pass
        else:
            with tempfile.TemporaryFile(dir=file.parent):
                pass
        room = f", {machine.free_mb(file.parent):,.0f} MB free" if file.is_file() or not file.exists() else ""
    except OSError as error:
        yield Finding("log file", "failure", f"{file} cannot be written: {error.strerror}")
    else:
        yield Finding("log file", "ok", f"{file}{room}")


def _bucket(_settings: Settings, _host: Host) -> Iterator[Finding]:
    missing = [name for name in bucket.VARIABLES if not os.environ.get(name)]
    if len(missing) == len(bucket.VARIABLES):
        yield Finding("bucket", "ok", "none; a result that is too large for RunPod is an error")
    elif missing:
        yield Finding("bucket", "warning", f"configured in part: no {', no '.join(missing)}")
    else:
        yield Finding("bucket", "ok", "configured")


CHECKS = (
    Check(_settings, at_start=True),
    Check(_python, at_start=True),
    Check(_memory, at_start=True),
    Check(_gpu, at_start=True),
    Check(_installed, at_start=True),
    Check(_imported, at_start=False),
    Check(_plugins, at_start=True),
    Check(_engines, at_start=True),
    Check(_models, at_start=True),
    Check(_hub, at_start=True),
    Check(_token, at_start=True),
    Check(_disk, at_start=True),
    Check(_log_file, at_start=True),
    Check(_bucket, at_start=True),
)
"""All of them, in the order of the table."""


def _libraries(settings: Settings, host: Host) -> dict[str, State]:
    """Return the libraries that this worker needs, with the state of a missing one."""
    found: dict[str, State] = dict.fromkeys(SOUND_LIBRARIES, "failure")
    found["runpod"] = "warning"  # the command line works without
    for need in required_models(host, settings):
        for library in need.libraries:
            found.setdefault(library, _weight(need.step))
    return found


def _is_missing(library: str) -> bool:
    return machine.version_of(library) is None and importlib.util.find_spec(library.partition(".")[0]) is None


def _weight(step: str) -> State:
    return "failure" if step in PLAIN else "warning"
