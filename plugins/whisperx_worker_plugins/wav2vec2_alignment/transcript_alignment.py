"""Alignment of a transcript: groups of segments, their emissions, sentences with word times."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from whisperx_worker import OomBackoff, Span
from whisperx_worker_plugins.wav2vec2_alignment.alignment_groups import group_segments
from whisperx_worker_plugins.wav2vec2_alignment.emissions import iter_emissions
from whisperx_worker_plugins.wav2vec2_alignment.errors import UnalignableError
from whisperx_worker_plugins.wav2vec2_alignment.group_alignment import TextGroup, align_text_groups
from whisperx_worker_plugins.wav2vec2_alignment.text.alignable_text import prepare_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from whisperx_worker import Audio, Job, Segment, Transcript
    from whisperx_worker_plugins.wav2vec2_alignment.acoustic_model import AcousticModel
    from whisperx_worker_plugins.wav2vec2_alignment.alignment_groups import SegmentGroup
    from whisperx_worker_plugins.wav2vec2_alignment.text.alignable_text import AlignableText


GROUPS_PER_BATCH = 32
"""Groups that are aligned together."""


def align_transcript(audio: Audio, transcript: Transcript, job: Job, model: AcousticModel) -> list[list[Segment]]:
    """Align all segments of a transcript.

    Returns:
        The sentences of each segment; one that cannot be aligned is its only sentence, and a warning has the reason.
    """
    aligned = [[replace(segment, words=())] for segment in transcript.segments]
    texts: dict[int, AlignableText] = {}
    for number, segment in enumerate(transcript.segments):
        try:
            texts[number] = prepare_text(segment, model.alphabet, transcript.language, audio.duration_s)
        except UnalignableError as error:
            _warn_unalignable(segment, error, job)
    numbers = list(texts)
    groups = group_segments([text.span for text in texts.values()], transcript.speech, audio.duration_s)
    for group, sentences in _align_groups(
        audio, [(group, _text_group(group, texts, numbers)) for group in groups], job, model
    ):
        for member, found in zip(group.members, sentences, strict=True):
            number = numbers[member]
            if isinstance(found, UnalignableError):
                _warn_unalignable(transcript.segments[number], found, job)
            else:
                aligned[number] = found
    return aligned


def _text_group(group: SegmentGroup, texts: Mapping[int, AlignableText], numbers: Sequence[int]) -> TextGroup:
    return TextGroup([texts[numbers[member]] for member in group.members], group.pieces)


def _align_groups(
    audio: Audio, groups: Sequence[tuple[SegmentGroup, TextGroup]], job: Job, model: AcousticModel
) -> Iterator[tuple[SegmentGroup, list[list[Segment] | UnalignableError]]]:
    """Yield each group and its sentences as soon as its emissions are ready."""
    pieces = [(number, piece) for number, (group, _) in enumerate(groups) for piece in group.pieces]
    recordings = [audio.between(piece.start, piece.end) for _, piece in pieces]
    total = sum(len(samples) for samples in recordings)
    emissions: dict[int, dict[int, NDArray[np.float32]]] = {}
    ready: list[int] = []
    done = 0
    for finished in iter_emissions(model, recordings, job.request.batch_size, OomBackoff(job, "align")):
        for index, emission in finished:
            number, _ = pieces[index]
            parts = emissions.setdefault(number, {})
            parts[index] = emission
            done += len(recordings[index])
            if len(parts) == len(groups[number][1].pieces):
                ready.append(number)
        if len(ready) >= GROUPS_PER_BATCH or done == total:
            batch = [[emission for _, emission in sorted(emissions.pop(number).items())] for number in ready]
            found = align_text_groups([groups[number][1] for number in ready], batch, model.alphabet)
            yield from ((groups[number][0], sentences) for number, sentences in zip(ready, found, strict=True))
            ready.clear()
        job.progress("align", done / total)


def _warn_unalignable(segment: Segment, error: UnalignableError, job: Job) -> None:
    job.warn(f"could not be aligned: {error}; it keeps its times", Span(segment.start, segment.end))


def warn_unaligned_speech(speech: Sequence[Span], job: Job) -> None:
    """Warn of speech without words.

    One warning for all of it, since people hesitate, laugh and breathe.
    """
    if len(speech) == 1:
        job.warn("speech was heard here, but no word of the text is", speech[0])
    elif speech:
        where = job.places(speech)
        job.warn(f"speech was heard in {len(speech)} places, but no word of the text is there: {where}")
