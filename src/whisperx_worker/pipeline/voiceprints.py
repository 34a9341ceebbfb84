"""Voiceprints on their way through a job: only where it asked for them, and masked elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from whisperx_worker.contract.speaker_mistakes import model_title
from whisperx_worker.errors import BadInputError, JobEndError, WorkerError
from whisperx_worker.logs import redaction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from whisperx_worker.hooks.job import Job
    from whisperx_worker.types import SpeakerMatch


def refuse_other_models(job: Job) -> None:
    """Refuse voiceprints that the job's speaker model cannot compare, before the recording is fetched.

    Where there is no such model, the stage that needs it warns of that.

    Raises:
        BadInputError: With one sentence that names both models.
    """
    given = next((one for voice in job.request.reference_voices for one in voice.voiceprints), None)
    if given is None:
        return
    try:
        own = job.embed_voices([])
    except JobEndError:
        raise
    except WorkerError:
        return
    if given.revision != own.revision:  # all of a request are of one model
        theirs, ours = model_title(given.model, given.revision), model_title(own.model, own.revision)
        raise BadInputError(
            f"speakers: the voiceprints are of the speaker model {theirs}, and this worker compares by {ours}; "
            "send samples, or voiceprints of its model"
        )


def with_asked_voiceprints(matches: Iterable[SpeakerMatch], job: Job) -> tuple[SpeakerMatch, ...]:
    """Return matches with the voiceprints that the job asked for: those of speakers, and none of single segments.

    Fragments of all of them are masked until the job ends, whichever plugin made them.
    """
    kept = []
    for match in matches:
        if match.voiceprint is not None:
            redaction.hide_voiceprint(match.voiceprint)
        is_asked = job.request.return_voiceprints and match.segment is None
        kept.append(match if match.voiceprint is None or is_asked else replace(match, voiceprint=None))
    return tuple(kept)


def warn_of_missing_voiceprints(matches: Iterable[SpeakerMatch], job: Job) -> None:
    """Warn where speakers were compared, and the plugin that did it made no voiceprints."""
    compared = [match for match in matches if match.segment is None]
    if job.request.return_voiceprints and compared and not any(match.voiceprint for match in compared):
        job.warn("the plugin that verifies speakers makes no voiceprints; the answer has none")


def mask_response(response: dict[str, Any], speakers: Iterable[SpeakerMatch]) -> dict[str, Any]:
    """Return a response that plugins have changed, without secrets; each speaker's own voiceprint stays in its place.

    Args:
        response: The response.
        speakers: What the job found.
    """
    own = {match.voiceprint for match in speakers if match.voiceprint is not None}
    masked: dict[str, Any] = redaction.mask_known_in(response)
    if not isinstance(response.get("speakers"), list):
        return masked
    for given, speaker in zip(response["speakers"], masked["speakers"], strict=True):
        if isinstance(given, dict) and isinstance(given.get("voiceprint"), str) and given["voiceprint"] in own:
            speaker["voiceprint"] = given["voiceprint"]
    return masked
