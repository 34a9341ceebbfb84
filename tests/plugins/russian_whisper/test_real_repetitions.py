"""Texts that people say stay as they are, at any natural pace, when the model is sure of them."""

from dataclasses import replace

import pytest

from tests.corpora.repetitions import FAST, SLOW, USUAL, texts
from tests.plugins.russian_whisper.letter_tokens import LetterWhisper, decoded_chunk
from whisperx_worker import Settings, Span
from whisperx_worker_plugins.russian_whisper import judgement, thresholds
from whisperx_worker_plugins.russian_whisper.chunking import Chunk
from whisperx_worker_plugins.russian_whisper.decoded_chunk import compression_ratio

CONFIDENT = {"logprob": -0.33, "no_speech": 0.25}
"""Medians of the 71 recordings that Whisper base reads with four words of five right (`tests/corpora/readings.jsonl`)."""
TEXTS = list(texts())


def decoded(text, speech_s):
    ratio = compression_ratio(text, speech_s)
    return replace(decoded_chunk((0, text, speech_s), **CONFIDENT, ratio=ratio), speech_s=speech_s)


def is_kept(text, speech_s):
    span = Span(0.0, speech_s)
    whole = [(Chunk((span,)), decoded(text, speech_s))]
    readings = judgement.judge_chunks(whole, (span,), LetterWhisper(), Settings())
    return [one.segment.text for one in readings if not one.is_removed] == [text]


def test_the_corpus_has_many_different_texts():
    assert len({text.text for text in TEXTS}) == len(TEXTS) >= 300


@pytest.mark.parametrize("pace", [SLOW, USUAL, FAST])
def test_nothing_that_people_say_is_removed(pace):
    assert [str(text) for text in TEXTS if not is_kept(text.text, text.speech_s(pace))] == []


@pytest.mark.parametrize("pace", [SLOW, USUAL, FAST])
def test_what_people_say_is_hardly_ever_decoded_again(pace):
    tries = [text for text in TEXTS if thresholds.needs_retry(decoded(text.text, text.speech_s(pace)), Settings())]
    assert len(tries) <= 4
