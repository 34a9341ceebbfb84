"""Channels of a job: their layout and speakers, and their mix for outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker.errors import BadInputError
from whisperx_worker.results.channel_layout import NO_CHANNELS, ChannelLayout, channel_labels
from whisperx_worker.types import Audio, Span

if TYPE_CHECKING:
    from whisperx_worker.contract.request import Request
    from whisperx_worker.hooks.job import Job


def layout_for(request: Request, audio: Audio) -> ChannelLayout:
    """Return where a job's channels lie, and without diarization the speaker of each.

    With `separate` a recording of one channel is its only channel.

    Raises:
        BadInputError: When there are more names than channels.
    """
    spans = audio.channel_spans
    if not spans and request.channels != "separate":
        return NO_CHANNELS
    spans = spans or (Span(0.0, audio.duration_s),)
    names = request.channel_names
    if len(names) > len(spans):
        count = "1 channel" if len(spans) == 1 else f"{len(spans)} channels"
        raise BadInputError(f"channel_names has {len(names)} names, but the recording has {count}")
    return ChannelLayout(spans, () if request.diarization else channel_labels(len(spans), names))


def warn_of_unused_fields(job: Job) -> None:
    """Warn of fields without effect, since the channels are not read apart."""
    if job.layout or job.request.channels != "auto":
        return
    if job.request.channel_names:
        job.warn("channel_names are not used, since the channels are not read apart")
    if "rttm" in job.request.output_formats and not job.request.diarization:
        job.warn("rttm has no turns, since the channels are not read apart and there is no diarization")


def mix_channels(audio: Audio) -> Audio:
    """Return the mean of channels that are read apart, at the recording's own time.

    A channel of opposite phase, which would take the others away, is turned round.
    """
    first, *others = audio.channels
    total = first.copy()
    for channel in others:
        total += channel if np.dot(total, channel) >= 0 else -channel
    return Audio(total / np.float32(len(audio.channels)))
