"""Prompt and hotwords within the decoder's budget."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.plugins.russian_whisper.test_decoding_rules import DIALOGUE, between, text_of, transcribe
from tests.plugins.russian_whisper.test_decoding_rules import dialogue as dialogue  # noqa: PLC0414  a fixture
from tests.random_whisper import Shape, make_whisper
from whisperx_worker import ModelCache, Settings
from whisperx_worker.pipeline.worker import open_worker
from whisperx_worker.testing import make_audio, make_job
from whisperx_worker.types import Span
from whisperx_worker_plugins._shared.whisper import whisper_model
from whisperx_worker_plugins.russian_whisper import decoding, prompt
from whisperx_worker_plugins.russian_whisper.chunking import Chunk

BOTH_CUT = (
    "hotwords and initial_prompt together are longer than the 220 tokens that the model has for it; "
    "words at the front were left out, those of the hotwords first"
)


def cut_warning(name):
    return f"{name} is longer than the 220 tokens that the model has for it; words at the front were left out"


class ByteTokenizer:
    """A tokenizer with a token for each byte of a text."""

    def encode(self, text):
        return list(text.encode())


def text_of_tokens(tokens):
    return bytes(tokens).decode()


WORDS = st.lists(st.text("абв", min_size=1, max_size=12), max_size=30).map(" ".join)


@given(st.none() | WORDS, st.none() | WORDS, st.integers(0, 200))
@example("абв", "а", 6)
@example("аб", "аб а", 6)
def test_both_fit_and_the_end_of_each_is_kept_in_whole_words(hotwords, before, most):
    fitted = prompt.fit_prompt(ByteTokenizer(), hotwords, before, most)

    whole = [*(hotwords or "").split(), *(before or "").split()]
    kept = text_of_tokens(fitted.tokens).split()
    assert len(fitted.tokens) <= most
    assert fitted.is_cut == (kept != whole)
    assert kept == whole[len(whole) - len(kept) :] or (len(kept) == 1 and whole[-1].endswith(kept[0]))


@given(WORDS.filter(bool), st.integers(1, 200))
def test_no_more_words_are_left_out_than_must_be(before, most):
    fitted = prompt.fit_prompt(ByteTokenizer(), None, before, most)

    words = before.split()
    kept = text_of_tokens(fitted.tokens).split()
    if fitted.is_cut and len(kept) < len(words) and kept == words[len(words) - len(kept) :]:
        assert len(ByteTokenizer().encode(f" {' '.join(words[-len(kept) - 1 :])}")) > most


def test_hotwords_get_what_the_prompt_leaves():
    fitted = prompt.fit_prompt(ByteTokenizer(), "aaaa bbb", "cccc dd", 12)

    assert text_of_tokens(fitted.tokens) == " bbb cccc dd"
    assert fitted.is_cut


def test_a_word_that_does_not_fit_alone_is_cut_at_a_character():
    fitted = prompt.fit_prompt(ByteTokenizer(), None, "абвгд", 6)

    assert text_of_tokens(fitted.tokens) == " гд"
    assert fitted.is_cut


def test_an_empty_prompt_is_not_cut():
    assert prompt.fit_prompt(ByteTokenizer(), None, "  ", 0) == prompt.Prompt()


def test_half_of_the_positions_stay_for_the_text():
    assert prompt.token_budget(448, [1, 2, 3]) == 220


@pytest.mark.models
@pytest.mark.parametrize("words_of_hotwords", [0, 20, 250])
@pytest.mark.parametrize("words_of_prompt", [0, 20, 250])
def test_no_prompt_is_too_long_for_the_decoder(tmp_path_factory, words_of_hotwords, words_of_prompt):
    """A random decoder generates text until it reaches its limit."""
    folder = tmp_path_factory.getbasetemp() / "endless"
    if not folder.is_dir():
        make_whisper(folder, Shape(width=64, heads=2, hidden=64, encoder_heads=2))
    job = make_job(
        hotwords="а " * words_of_hotwords or None, initial_prompt="б " * words_of_prompt or None,
        beam_size=1, temperature_increment_on_fallback=None,
    )  # fmt: skip
    span = Span(0.0, 4.0)

    with whisper_model.use_whisper(ModelCache(), Settings(), folder, "float32") as whisper:
        [decoded] = decoding.decode_chunks(whisper, make_audio(4.0), [Chunk((span,))], [span], "ru", job)

    assert len(decoded.tokens) >= 220
    only = cut_warning("initial_prompt") if not words_of_hotwords else cut_warning("hotwords")
    expected = BOTH_CUT if words_of_hotwords and words_of_prompt else only
    assert [str(warned) for warned in job.warnings] == [expected] * (max(words_of_hotwords, words_of_prompt) == 250)


@pytest.mark.models
def test_a_job_with_a_long_prompt_and_long_hot_words_has_its_text_and_a_warning(dialogue):
    sound = between(dialogue, 0, 9.4)
    worker = open_worker(Settings())
    long = " ".join(word["word"] for word in DIALOGUE["words"]) * 3

    response = transcribe(worker, sound, initial_prompt=long, hotwords=long)

    assert text_of(response).startswith("доброе утро")
    assert BOTH_CUT in response["warnings"]
