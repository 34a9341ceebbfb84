"""Reading of channels apart: which of them, and how they lie in one recording."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whisperx_worker.audio.channel_analysis import analyse_channels
from whisperx_worker.audio.channel_files import LengthLimit, too_many
from whisperx_worker.audio.channel_leak import Leaks, find_leaks
from whisperx_worker.audio.track_levels import sample_count
from whisperx_worker.contract.channels import lay_out
from whisperx_worker.errors import BadInputError
from whisperx_worker.runtime.sample_file import SAMPLE_BYTES, copy_samples
from whisperx_worker.types import SAMPLE_RATE_HZ, Span, Warned

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from whisperx_worker.audio.channel_analysis import Findings
    from whisperx_worker.audio.track_mix import TrackMix
    from whisperx_worker.contract.channels import Channels
    from whisperx_worker.types import Seconds


@dataclass(frozen=True)
class Reading:
    """Decision about the channels of a recording."""

    warnings: tuple[Warned, ...] = ()
    channel_spans: tuple[Span, ...] = ()
    """Interval of each channel; none where the mix was taken."""


def read_apart(store: BinaryIO, mix: TrackMix, wanted: Channels, max_s: Seconds) -> Reading:
    """Lay the channels out in the place of their mix, where they are wanted apart and differ.

    Args:
        store: File with the mix, which gets the channels.
        mix: Finished.
        wanted: `separate` or `auto`.
        max_s: Longest recording that is taken, all channels together.

    Returns:
        The intervals, and warnings about the channels.

    Raises:
        BadInputError: They must be read apart, and are too many or too long.
    """
    must = wanted == "separate"
    if mix.too_many:
        if must:
            raise BadInputError(too_many(mix.too_many))
        return Reading((Warned(f"{too_many(mix.too_many)}, so they were mixed"),))
    channels = mix.channels()
    if len(channels) == 1:
        return Reading((Warned("the recording has one channel; all of its speech is channel 0"),) if must else ())
    if mix.is_film and not must:
        return Reading()
    stores = [channel.store for channel in channels]
    length = max(sample_count(each) for each in stores)
    if must:
        LengthLimit(max_s, len(stores)).check(length / SAMPLE_RATE_HZ)
    findings = analyse_channels(stores, [channel.taken for channel in channels])
    if not must and not findings.differ:
        reasons = [*findings.about_silence(), *findings.about_copies()]
        return Reading((Warned(f"the channels were mixed: {'; '.join(reasons)}"),) if reasons else ())
    try:
        LengthLimit(max_s, len(stores)).check(length / SAMPLE_RATE_HZ)
    except BadInputError as error:
        return Reading((Warned(f"the channels differ but were mixed, since {error}"),))
    leaks = find_leaks(stores, findings)
    spans = lay_out(len(stores), length / SAMPLE_RATE_HZ)
    _write(store, stores, spans, findings, leaks)
    return Reading(tuple(map(Warned, (*findings.sentences(), *leaks.sentences()))), spans)


def _write(
    store: BinaryIO, stores: Sequence[BinaryIO], spans: Sequence[Span], findings: Findings, leaks: Leaks
) -> None:
    """Write the channels that are read into a file, with holes for the others."""
    os.truncate(store.fileno(), 0)
    for number, (channel, span) in enumerate(zip(stores, spans, strict=True)):
        begin = round(span.start * SAMPLE_RATE_HZ)
        if number in leaks.into:
            leaks.write_without(number, store, begin)
        elif number in findings.read:
            channel.flush()
            copy_samples(channel, store, sample_count(channel), begin)
    os.truncate(store.fileno(), round(spans[-1].end * SAMPLE_RATE_HZ) * SAMPLE_BYTES)
