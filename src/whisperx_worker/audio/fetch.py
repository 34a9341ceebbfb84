"""Fetching of a job's audio: every source becomes a file."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from whisperx_worker.audio.download import download
from whisperx_worker.audio.job_file import new_file, open_writer
from whisperx_worker.audio.size_limit import max_audio_bytes, too_large
from whisperx_worker.audio.source_description import describe_source, printable
from whisperx_worker.contract.audio_source import InlineAudio, LocalPath, PluginAddress, UrlSource
from whisperx_worker.contract.base64_audio import WRONG_DATA_URI, decode_base64, payload_of
from whisperx_worker.contract.web_url import url_mistake
from whisperx_worker.errors import BadInputError, FetchError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from whisperx_worker.contract.audio_source import AudioSource
    from whisperx_worker.contract.settings import Settings
    from whisperx_worker.hooks.job import Job

log = logging.getLogger(__name__)

_BASE64_TOLERANCE_BYTES = 256 * 1024
"""Padding and line breaks that base64 may have beyond its content before it is decoded."""


def fetch(  # noqa: PLR0913  what is named has a default
    source: AudioSource,
    folder: Path,
    settings: Settings,
    *,
    title: str = "the recording",
    check_cancelled: Callable[[], None] = lambda: None,
    fetch_address: Callable[[PluginAddress, Path], Path] | None = None,
) -> Path:
    """Store a job's audio in a file.

    Args:
        source: A URL, the audio itself or a local path.
        folder: The job's own temporary folder; a failed fetch leaves nothing in it.
        settings: `max_audio_mb`, `fetch_timeout_s` and `min_fetch_kb_per_s` bound the fetch.
        title: What the audio is, for the log.
        check_cancelled: Called ten times a second during a download; an exception from it ends the fetch at once.
        fetch_address: Fetches an address of a plugin's scheme into the folder.

    Returns:
        A file in `folder`; a local file is used where it is.

    Raises:
        BadInputError: The audio in the job is empty, too large or not base64, or the path is no file.
        FetchError: The URL is refused, or its server failed.
    """
    log.info("%s: %s", title, describe_source(source))
    match source:
        case UrlSource(url):
            return download(url, folder, settings, check_cancelled)
        case LocalPath():
            return _check_file(source.path, settings)
        case InlineAudio(text):
            return _store_base64(text, folder, settings)
        case PluginAddress() if fetch_address:
            return _check_file(fetch_address(source, folder), settings)
    raise BadInputError("no plugin fetches addresses of this kind here")


def fetch_url(url: str, folder: Path, job: Job) -> Path:
    """Download a URL within the limits of a job; for plugins that fetch an address of their own.

    Args:
        url: An http(s) URL on a public address; a signed one is not logged.
        folder: The folder that the plugin got.
        job: The job.

    Returns:
        A file in `folder`.

    Raises:
        FetchError: The URL is refused, or its server failed. The sentence has no query and no credentials.
    """
    if mistake := url_mistake(url):
        raise FetchError(f"the address of the audio {mistake}")
    return download(url, folder, job.settings, job.stop_if_cancelled)


def _check_file(path: Path, settings: Settings) -> Path:
    if not path.is_file():
        raise BadInputError(f"there is no file {printable(path.name)}")
    if path.stat().st_size > max_audio_bytes(settings):
        raise BadInputError(too_large("the file", settings))
    return path


def _store_base64(text: str, folder: Path, settings: Settings) -> Path:
    payload = payload_of(text)
    if payload is None:
        raise BadInputError(WRONG_DATA_URI)
    if len(payload) * 3 // 4 > max_audio_bytes(settings) + _BASE64_TOLERANCE_BYTES:
        raise BadInputError(too_large("the audio in base64", settings))
    try:
        content = decode_base64(payload)
    except ValueError:
        raise BadInputError("the audio is not valid base64") from None
    if not content:
        raise BadInputError("the audio in base64 is empty")
    if len(content) > max_audio_bytes(settings):
        raise BadInputError(too_large("the audio in base64", settings))
    with new_file(folder) as (path, descriptor), open_writer(descriptor) as write:
        write(content)
    return path
