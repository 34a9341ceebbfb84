"""Text where nobody speaks is removed or marked as doubtful, also where a detector takes a short or a long sound for speech."""

from itertools import groupby
from operator import attrgetter

import pytest

from tests.corpora.phantoms import KNOWN, phantom_texts
from tests.plugins.russian_whisper.letter_tokens import LetterWhisper, decoded_chunk
from whisperx_worker import Settings, Span
from whisperx_worker_plugins.russian_whisper import judgement
from whisperx_worker_plugins.russian_whisper.chunking import Chunk
from whisperx_worker_plugins.russian_whisper.decoded_chunk import compression_ratio

MEASURED = phantom_texts()
SCORES = ("avg_logprob", "no_speech_prob", "compression_ratio")
WINDOW_S = 30.0
UNIT_WORDS = 12
"""Words of a loop that may stay: its first unit, which may be real."""


def left_words(decoded, speech, end_s):
    """The words that stay and are not marked as doubtful."""
    readings = judgement.judge_chunks([(Chunk((Span(0.0, end_s),)), decoded)], speech, LetterWhisper(), Settings())
    sure = [one.segment for one in readings if not (one.is_removed or one.segment.doubtful)]
    return [word for segment in sure for word in segment.text.split()]


def left_of_measured(*, is_taken_for_speech):
    """What the filter leaves of each window that Whisper base decoded, with its scores."""
    left = []
    for scores, segments in groupby(MEASURED, attrgetter("name", "temperature", *SCORES)):
        name, temperature, logprob, no_speech, ratio = scores
        timed = [(one.start, one.text, min(one.end, WINDOW_S)) for one in segments if one.kind != "like speech"]
        decoded = decoded_chunk(*timed, logprob=logprob, no_speech=no_speech, ratio=ratio)
        speech = (Span(0.0, WINDOW_S),) if is_taken_for_speech else ()
        if words := left_words(decoded, speech, WINDOW_S):
            left.append((name, temperature, logprob, no_speech, ratio, " ".join(words)[:60]))
    return left


@pytest.mark.parametrize("text", KNOWN)
def test_a_known_phantom_is_removed_or_doubtful_where_the_detector_found_next_to_nothing(text):
    decoded = decoded_chunk((0, text, 4.0), logprob=-0.3, no_speech=0.5, ratio=compression_ratio(text, 0.25))
    may_stay = UNIT_WORDS if len(text.split()) > UNIT_WORDS else 0

    assert left_words(decoded, (), 4.0) == []
    assert len(left_words(decoded, (Span(1.0, 1.25),), 4.0)) <= may_stay


def test_a_phantom_is_removed_where_the_detector_found_nothing():
    assert left_of_measured(is_taken_for_speech=False) == []


def test_a_phantom_is_removed_or_doubtful_where_the_detector_takes_the_sound_for_speech():
    assert left_of_measured(is_taken_for_speech=True) == []
