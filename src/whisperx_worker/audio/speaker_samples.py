"""Samples of speakers' voices, fetched and decoded within the same limits as the recording."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from whisperx_worker.audio.fetch import fetch
from whisperx_worker.contract.audio_source import parse_source
from whisperx_worker.contract.speakers import sample_name
from whisperx_worker.errors import BadInputError, FetchError

if TYPE_CHECKING:
    from whisperx_worker.contract.speakers import SpeakerSample
    from whisperx_worker.hooks.job import Job
    from whisperx_worker.types import Audio


def read_sample(sample: SpeakerSample, job: Job) -> Audio:
    """Fetch and decode a sample. Its file is deleted afterwards.

    Defects of the file that leave it decodable become warnings of the job.

    Args:
        sample: One of `job.request.reference_voices`. Its `url` may be a path where `job.local` is true.
        job: With the limits on the length and size of a sample, and on the time of its download.

    Raises:
        BadInputError: It is empty, no audio, too long, too large or damaged. One sentence that names the sample.
        FetchError: Its URL is refused, or its server failed. The sentence has no query and no credentials.
        StrictError: The file is odd, and the job asked for `strict`.
    """
    from whisperx_worker.audio.decode_server import decode

    # A sample that a plugin made itself was not parsed with the request.
    source = sample.source or parse_source(sample.url or "", local=job.local)
    title = sample_title(sample, job)
    limits = {"max_audio_s": job.settings.max_sample_s, "max_audio_mb": job.settings.max_sample_mb}
    settings = job.settings.model_copy(update=limits)
    try:
        with tempfile.TemporaryDirectory(prefix="whisperx-worker-") as folder:
            path = fetch(
                source,
                Path(folder),
                settings,
                title=title,
                check_cancelled=job.stop_if_cancelled,
                fetch_address=job.fetch_address,
            )
            audio, warnings = decode(path, settings, job.stop_if_cancelled)
    except (BadInputError, FetchError) as error:
        raise type(error)(f"{title}: {error}") from error
    for warned in warnings:
        job.warn(f"{title}: {warned}")
    return audio


def sample_title(sample: SpeakerSample, job: Job) -> str:
    """Return the title of a sample for messages: the person's name, with a number if needed."""
    name = sample_name(sample)
    voices = job.request.reference_voices
    same_person = [other for voice in voices if voice.name == name for other in voice.samples]
    number = next((number for number, other in enumerate(same_person, 1) if other is sample), None)
    return f"sample {number} of {name}" if number and len(same_person) > 1 else f"the sample of {name}"
