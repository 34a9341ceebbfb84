"""The recording without what is masked in its text."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from whisperx_worker import SAMPLE_RATE_HZ, PluginError, Seconds, Span, intervals
from whisperx_worker_plugins.redact.masking import NAME, marks_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from whisperx_worker import Audio, Result, Segment
    from whisperx_worker_plugins.redact.options import Options

MEDIA_TYPE = "audio/flac"
BLEEP_HZ = 1_000
BLEEP_AMPLITUDE = 0.1


def write_recording(result: Result, audio: Audio, options: Options) -> bytes:
    """Return the recording as FLAC of 16 bits, silenced or with a bleep where its text is masked.

    Raises:
        PluginError: When the job does without the plugin, so that nothing is masked.
    """
    import soundfile

    if NAME not in result.extra:
        raise PluginError('nothing is masked in this job; name the plugin: {"plugins": {"redact": {}}}')
    spans = masked_spans(result.transcript.segments, options.padding_s)
    samples = silence(audio.samples, spans, bleeps=options.sound == "bleep")
    file = io.BytesIO()
    soundfile.write(file, samples, SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def masked_spans(segments: Sequence[Segment], padding_s: Seconds) -> list[Span]:
    """Return the stretches that hold what is masked, in order, without overlaps.

    A masked word counts from its start to its end. Where a segment has masked text and the words' times are not known,
    the whole segment counts.

    Args:
        segments: Segments with marks.
        padding_s: Seconds that each stretch begins earlier and ends later.
    """
    found = [span for segment in segments for span in _spans_of(segment)]
    return intervals.merge(Span(max(0.0, span.start - padding_s), span.end + padding_s) for span in found)


def silence(samples: NDArray[np.float32], spans: Sequence[Span], *, bleeps: bool) -> NDArray[np.float32]:
    """Return samples with zeros, or a sine of 1 kHz, in some stretches; all others stay.

    Args:
        samples: Shape (n,), at 16,000 Hz.
        spans: Stretches; each is cut at the nearest samples, as `Audio.between` does.
        bleeps: Whether there is a tone in place of silence.
    """
    changed: NDArray[np.float32] = samples.copy()
    for span in spans:
        first, last = round(span.start * SAMPLE_RATE_HZ), round(span.end * SAMPLE_RATE_HZ)
        time_s = np.arange(first, min(last, len(samples))) / SAMPLE_RATE_HZ
        changed[first:last] = BLEEP_AMPLITUDE * np.sin(2 * np.pi * BLEEP_HZ * time_s) if bleeps else 0.0
    return changed


def _spans_of(segment: Segment) -> Iterator[Span]:
    words = [word for word in segment.words if marks_of(word)]
    if marks_of(segment) or any(word.start is None or word.end is None for word in words):
        yield Span(segment.start, segment.end)
    yield from (Span(word.start, word.end) for word in words if word.start is not None and word.end is not None)
