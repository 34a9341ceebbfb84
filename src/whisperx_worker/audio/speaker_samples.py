"""A sample of a person's voice becomes an `Audio`, as guarded and as limited as the recording itself."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from whisperx_worker.audio.fetch import fetch
from whisperx_worker.contract.request import sample_name
from whisperx_worker.errors import BadInputError, FetchError

if TYPE_CHECKING:
    from whisperx_worker.contract.request import SpeakerSample
    from whisperx_worker.hooks.job import Job
    from whisperx_worker.types import Audio


def read_sample(sample: SpeakerSample, job: Job) -> Audio:
    """Bring a sample here and decode it; its file is gone when this returns, whatever happens.

    What is odd about the file and does not keep it from being heard becomes a warning of the job.

    Args:
        sample: One of `job.request.speaker_samples`. Its `url` may be a path where `job.local` is true.
        job: For its settings: the longest and the largest sample, and how long a server may take.

    Raises:
        BadInputError: It is empty, no audio, too long, too large or damaged. One sentence that names the sample.
        FetchError: Its URL is refused, or its server failed. The sentence has no query and no credentials.
        StrictError: The file is odd, and the job asked for `strict`.
    """
    from whisperx_worker.audio.decode_server import decode

    place = sample.url or sample.audio_base64 or ""
    title = sample_title(sample, job)
    limits = {"max_audio_s": job.settings.max_sample_s, "max_audio_mb": job.settings.max_sample_mb}
    settings = job.settings.model_copy(update=limits)
    try:
        with tempfile.TemporaryDirectory(prefix="whisperx-worker-") as folder:
            local = job.local and sample.url is not None
            path = fetch(place, Path(folder), settings, local=local, what=title, check_cancelled=job.stop_if_cancelled)
            audio, warnings = decode(path, settings, job.stop_if_cancelled)
    except (BadInputError, FetchError) as error:
        raise type(error)(f"{title}: {error}") from error
    for warned in warnings:
        job.warn(f"{title}: {warned}")
    return audio


def sample_title(sample: SpeakerSample, job: Job) -> str:
    """What a client knows a sample by: whose it is, and which of theirs where there are several."""
    name = sample_name(sample)
    theirs = [other for other in job.request.speaker_samples if sample_name(other) == name]
    number = next((number for number, other in enumerate(theirs, 1) if other is sample), None)
    return f"sample {number} of {name}" if number and len(theirs) > 1 else f"the sample of {name}"
