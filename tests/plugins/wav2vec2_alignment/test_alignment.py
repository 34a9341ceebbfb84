"""The parts of the alignment plugin that need no model: the path, the text, and one segment's times."""

from __future__ import annotations

import re
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.ctc_path import best_path
from whisperx_worker import BadInputError, Segment, Span
from whisperx_worker.testing import load_plugin, make_job
from whisperx_worker_plugins import wav2vec2_alignment
from whisperx_worker_plugins.wav2vec2_alignment.ctc.timed_emission import with_wildcard
from whisperx_worker_plugins.wav2vec2_alignment.ctc.viterbi import best_paths
from whisperx_worker_plugins.wav2vec2_alignment.errors import UnalignableError
from whisperx_worker_plugins.wav2vec2_alignment.group_alignment import TextGroup, align_text_groups
from whisperx_worker_plugins.wav2vec2_alignment.text.alignable_text import prepare_text
from whisperx_worker_plugins.wav2vec2_alignment.text.alphabet import WILDCARD, Alphabet
from whisperx_worker_plugins.wav2vec2_alignment.text.boundaries import sentence_starts, word_spans

BLANK, SEPARATOR = 0, 1
LETTERS = "абвгдежзийклмнопрстуфхцчшщъыьэюя"
RUSSIAN = Alphabet({letter: column for column, letter in enumerate(LETTERS, start=2)}, BLANK, SEPARATOR)
UNSEPARATED = Alphabet(RUSSIAN.columns, BLANK, separator=None)
WIDTH = len(LETTERS) + 2


def emission_with(peaks, frames, width=WIDTH):
    """Log-probabilities that are sure of `{frame: column}` and of blank elsewhere."""
    scores = np.full((frames, width), np.log(0.1 / (width - 1)), dtype=np.float32)
    for frame in range(frames):
        scores[frame, peaks.get(frame, BLANK)] = np.log(0.9)
    return scores


def random_emission(rng, frames, width=WIDTH):
    logits = rng.normal(0, 2, (frames, width))
    return (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)


def aligned(text, emission, span=(0.0, 1.0), alphabet=RUSSIAN):
    return align_text(prepare_text(Segment(*span, text), alphabet, "ru", duration_s=100.0), emission, alphabet)


def align_text(text, emission, alphabet):
    ((found,),) = align_text_groups([TextGroup([text], [text.span])], [[emission]], alphabet)
    if isinstance(found, UnalignableError):
        raise found
    return found


def times(segments):
    return [(word.word, word.start, word.end) for segment in segments for word in segment.words]


def columns(word):
    return [RUSSIAN.columns[char] for char in word]


# --- the path


def best_by_trying_all(emission, tokens, blank):
    """Starts and end of the best of all paths, by their definition."""
    best, found = -np.inf, None
    for end in range(len(tokens), len(emission) + 1):
        for starts in combinations(range(end), len(tokens)):
            entered = dict(zip(starts, tokens, strict=True))
            score = sum(float(emission[t, entered.get(t, blank)]) for t in range(end))
            if score > best:
                best, found = score, (list(starts), end)
    return found


@pytest.mark.parametrize("seed", range(40))
def test_the_path_is_the_best_of_all_paths(seed):
    rng = np.random.default_rng(seed)
    frames = int(rng.integers(3, 9))
    tokens = rng.integers(1, 5, int(rng.integers(1, min(4, frames) + 1))).tolist()
    emission = random_emission(rng, frames, width=5)

    path = best_path(emission, tokens, blank=0)

    starts, end = best_by_trying_all(emission, tokens, blank=0)
    assert path.starts.tolist() == starts
    assert path.ends.tolist() == [*starts[1:], end]


def test_a_token_lasts_until_the_next_one_and_its_score_is_the_mean_along_its_frames():
    emission = np.log(np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]], dtype=np.float32))

    path = best_path(emission, [1, 1], blank=0)

    assert path.starts.tolist() == [1, 3]
    assert path.ends.tolist() == [3, 4]
    assert path.scores == pytest.approx([(0.8 + 0.7) / 2, 0.6])


def test_as_many_tokens_as_frames_take_one_frame_each():
    path = best_path(emission_with({}, 3), [2, 3, 4], BLANK)
    assert path.starts.tolist() == [0, 1, 2]
    assert path.ends.tolist() == [1, 2, 3]


def test_more_tokens_than_frames_have_no_path():
    with pytest.raises(UnalignableError, match="its 4 characters do not fit into 3 frames of sound"):
        best_path(emission_with({}, 3), [2, 3, 4, 5], BLANK)


def test_no_tokens_have_no_path():
    with pytest.raises(UnalignableError, match="nothing in its text is spoken"):
        best_path(emission_with({}, 3), [], BLANK)


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_emissions_that_are_no_numbers_have_no_path(value):
    with pytest.raises(UnalignableError, match="no usable probabilities"):
        best_path(np.full((5, 4), value, dtype=np.float32), [2, 3], BLANK)


def test_the_wildcard_is_the_best_column_that_is_not_blank():
    emission = np.array([[9.0, 1.0, 2.0], [0.0, 5.0, 3.0]], dtype=np.float32)
    assert with_wildcard(emission, blank=0).tolist() == [[9.0, 1.0, 2.0, 2.0], [0.0, 5.0, 3.0, 5.0]]


# --- the text


@pytest.mark.parametrize(
    ("word", "tokens"),
    [
        ("Да", columns("да")),
        ("«Да»,", columns("да")),
        ("—", []),
        ("...", []),
        ("ёж", columns("еж")),
        ("ЁЖ", columns("еж")),
        ("и\u0306од", columns("йод")),
        ("№5%", [WILDCARD] * 3),
        ("3,5", [WILDCARD] * 2),
        ("ok", [WILDCARD] * 2),
        ("как-то", columns("както")),
        ("♪", []),
        ("", []),
    ],
)
def test_tokens_are_the_spoken_characters(word, tokens):
    assert RUSSIAN.tokens(word) == tokens


def test_e_becomes_yo_where_the_alphabet_has_only_yo():
    assert Alphabet({"ё": 2}, blank=0, separator=1).tokens("её") == [2, 2]


def test_e_and_yo_stay_apart_where_the_alphabet_has_both():
    assert Alphabet({"ё": 2, "е": 3}, blank=0, separator=1).tokens("ёе") == [2, 3]


def test_a_hyphen_of_the_alphabet_counts_inside_a_word_only():
    alphabet = Alphabet({"а": 2, "-": 3}, blank=0, separator=1)
    assert alphabet.tokens("-а-а-") == [2, 3, 2]
    assert alphabet.tokens("-") == []


def test_a_curly_apostrophe_is_the_straight_one_of_the_alphabet():
    assert Alphabet({"'": 2, "i": 3, "m": 4}, blank=0, separator=1).tokens("I’m") == [3, 2, 4]


def test_a_capital_that_becomes_two_characters_is_one_token():
    assert Alphabet({"i": 2, "l": 3}, blank=0, separator=1).tokens("İl") == [2, 3]


def test_an_alphabet_leaves_out_marks_and_columns_that_the_model_does_not_have():
    alphabet = Alphabet.of({"<pad>": 0, "|": 1, "А": 2, "<unk>": 3, "б": 9}, blank=0, width=4)
    assert alphabet == Alphabet({"а": 2}, blank=0, separator=1)


def test_the_blank_of_a_torchaudio_alphabet_is_no_hyphen():
    assert Alphabet.of({"-": 0, "|": 1, "E": 2}, blank=0, width=3).tokens("e-e") == [2, 2]


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        ("  Добрый\u00a0день,  мир ", "ru", ["Добрый", "день,", "мир"]),
        ("今日 は。", "ja", ["今", "日", "は", "。"]),
        ("ก\u0e49า", "th", ["ก\u0e49", "า"]),
        ("   ", "ru", []),
    ],
)
def test_words_are_between_spaces_or_single_characters(text, language, words):
    assert [text[start:end] for start, end in word_spans(text, language)] == words


def sentences(text, language):
    spans = word_spans(text, language)
    starts = sentence_starts(text, spans, language)
    ends = [*starts[1:], len(spans)]
    return [text[spans[start][0] : spans[end - 1][1]] for start, end in zip(starts, ends, strict=True)]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Да. Нет", "ru", ["Да.", "Нет"]),
        ("Это было в 1999 г. в Москве. А потом?", "ru", ["Это было в 1999 г. в Москве.", "А потом?"]),
        ("Dr. Smith came. He left!", "en", ["Dr. Smith came.", "He left!"]),
        ("It cost 3.5 euros. Really?", "en", ["It cost 3.5 euros.", "Really?"]),
        ("No. I won't.", "en", ["No.", "I won't."]),
        ('He said "Stop!" Then left.', "en", ['He said "Stop!"', "Then left."]),
        ("Wait... what? J. Doe.", "en", ["Wait... what?", "J. Doe."]),
        ("Am 3. Mai. Gut.", "de", ["Am 3. Mai.", "Gut."]),
        ("Yes. — No.", "en", ["Yes.", "— No."]),
        ("今日は。元気「です。」はい", "ja", ["今日は。", "元気「です。」", "はい"]),
        ("one two", "en", ["one two"]),
    ],
)
def test_text_is_cut_into_sentences(text, language, expected):
    assert sentences(text, language) == expected


# --- one segment


def test_words_get_the_times_of_their_characters():
    peaks = {2: columns("д")[0], 3: columns("а")[0], 5: SEPARATOR, 6: columns("н")[0], 7: columns("о")[0]}
    (segment,) = aligned("Да, но", emission_with(peaks, 10), span=(4.0, 5.0))

    assert times([segment]) == [("Да,", 4.2, 4.5), ("но", 4.6, 4.8)]
    assert segment.words[0].score == pytest.approx(0.9, abs=1e-3)
    assert (segment.start, segment.end, segment.text) == (4.2, 4.8, "Да, но")


def test_times_and_scores_are_plain_floats():
    word = aligned("да", emission_with({}, 10))[0].words[0]
    assert {type(word.start), type(word.end), type(word.score)} == {float}


def test_signs_that_nothing_is_known_of_get_times():
    found = times(aligned("да ¤♀ئ но", emission_with({}, 20)))
    assert [word for word, _, _ in found] == ["да", "¤♀ئ", "но"]
    assert all(end - start >= 0.099 for _, start, end in found)


def test_a_dash_takes_the_frame_after_the_word_before_it():
    peaks = {1: columns("а")[0], 3: SEPARATOR, 6: columns("о")[0]}
    assert times(aligned("а — о", emission_with(peaks, 10))) == [("а", 0.1, 0.3), ("—", 0.3, 0.4), ("о", 0.6, 0.7)]


def test_a_dash_without_a_pause_shares_the_last_frame_of_the_word_before_it():
    peaks = {1: columns("а")[0], 6: columns("о")[0]}
    found = times(aligned("а — о", emission_with(peaks, 10), alphabet=UNSEPARATED))
    assert found == [("а", 0.1, 0.6), ("—", 0.5, 0.6), ("о", 0.6, 0.7)]


def test_a_dash_at_the_beginning_takes_the_frame_before_the_first_word():
    assert times(aligned("— а", emission_with({3: columns("а")[0]}, 10)))[0] == ("—", 0.2, 0.3)


def test_a_dash_before_a_word_that_begins_at_once_shares_its_first_frame():
    assert times(aligned("— а", emission_with({0: columns("а")[0]}, 10)))[0] == ("—", 0.0, 0.1)


def test_a_segment_becomes_its_sentences_with_its_other_fields():
    peaks = {1: columns("а")[0], 3: SEPARATOR, 6: columns("о")[0]}
    whole = Segment(0.0, 1.0, " А! О? ", avg_logprob=-0.2, no_speech_prob=0.01, compression_ratio=1.3, temperature=0.4)
    parts = align_text(prepare_text(whole, RUSSIAN, "ru", 1.0), emission_with(peaks, 10), RUSSIAN)

    assert [(part.start, part.end, part.text) for part in parts] == [(0.1, 0.3, "А!"), (0.6, 0.7, "О?")]
    assert {(part.avg_logprob, part.no_speech_prob, part.compression_ratio, part.temperature) for part in parts} == {
        (-0.2, 0.01, 1.3, 0.4)
    }


def test_a_segment_that_is_one_sentence_keeps_its_text_to_the_letter():
    assert aligned(" А\u00a0о ", emission_with({}, 10))[0].text == " А\u00a0о "


def test_only_the_part_of_a_segment_that_the_recording_has_is_listened_to():
    assert prepare_text(Segment(9.0, 12.0, "да"), RUSSIAN, "ru", duration_s=10.0).span == Span(9.0, 10.0)


@pytest.mark.parametrize(
    ("segment", "why"),
    [
        (Segment(0.0, 1.0, ""), "it has no text"),
        (Segment(0.0, 1.0, " \u00a0"), "it has no text"),
        (Segment(0.0, 1.0, "— ..."), "nothing in its text is spoken"),
        (Segment(1.0, 1.0, "да"), "it has no length"),
        (Segment(2.0, 1.0, "да"), "it has no length"),
        (Segment(10.0, 12.0, "да"), "it lies outside the recording"),
        (Segment(11.0, 12.0, "да"), "it lies outside the recording"),
        (Segment(1.0, 1.00001, "да"), "it is shorter than 0.01 s"),
    ],
)
def test_a_segment_without_text_or_sound_is_refused_with_the_reason(segment, why):
    with pytest.raises(UnalignableError, match=f"^{why}$"):
        prepare_text(segment, RUSSIAN, "ru", duration_s=10.0)


WHY_NOT = r"it has no text|nothing in its text is spoken|its \d+ characters do not fit.*|its words were not found.*"
TEXTS = st.text(alphabet="абвё Д1x.,!?—-«»\u00a0\u0306İ№%", max_size=40)


@given(
    text=TEXTS,
    language=st.sampled_from(["ru", "en", "zh"]),
    span=st.tuples(st.floats(0, 50), st.floats(0.5, 20)),
    seed=st.integers(0, 2**32 - 1),
    alphabet=st.sampled_from([RUSSIAN, UNSEPARATED]),
)
def test_no_word_is_lost_and_times_stay_in_order_and_inside(text, language, span, seed, alphabet):
    start, length = span
    segment = Segment(start, start + length, text)
    emission = random_emission(np.random.default_rng(seed), max(1, round(length / 0.02)))
    words = [text[begin:end] for begin, end in word_spans(text, language)]
    try:
        parts = align_text(prepare_text(segment, alphabet, language, 100.0), emission, alphabet)
    except UnalignableError as error:
        why = str(error)
    else:
        why = ""
    if why:
        assert re.fullmatch(WHY_NOT, why)
        return
    found = [word for part in parts for word in part.words]
    assert [word.word for word in found] == words
    assert "".join("".join(part.text.split()) for part in parts) == "".join(text.split())
    for word in found:
        assert segment.start <= word.start < word.end <= segment.end
        assert word.score is None or 0 <= word.score <= 1
    for before, after in pairwise(found):
        assert before.start <= after.start
        assert before.end <= after.end
    for part in parts:
        assert (part.start, part.end) == (part.words[0].start, part.words[-1].end)


# --- the options


@pytest.mark.parametrize("name", ["demo-wav2vec2-ru", "jonatasgrosman/wav2vec2-large-xlsr-53-russian", "a.b_c"])
def test_a_job_may_name_a_model(name):
    assert wav2vec2_alignment.Options(model=name).model == name


@pytest.mark.parametrize("name", ["/etc", "../models", "a/../b", "a/b/c", ".", "", "~", "a\n", 5])
def test_a_job_may_not_name_a_path(name):
    with pytest.raises(ValidationError):
        wav2vec2_alignment.Options(model=name)


def test_a_path_as_a_model_is_refused_with_one_clear_sentence():
    host = load_plugin(wav2vec2_alignment, name="wav2vec2_alignment")
    with pytest.raises(BadInputError) as refused:
        make_job(host, plugins={"wav2vec2_alignment": {"model": "/etc"}})
    assert str(refused.value) == (
        "plugins.wav2vec2_alignment.model: must be a model's name, such as demo-whisper-ru or org/name, not a path"
    )


def test_the_plugin_has_these_hooks():
    host = load_plugin(wav2vec2_alignment, name="wav2vec2_alignment")
    assert sorted(host.records[0].hooks) == ["align", "register_models", "register_options", "warm_up"]


@given(st.lists(st.tuples(st.integers(1, 700), st.integers(1, 40)), min_size=1, max_size=9), st.integers(0, 99))
def test_paths_found_together_are_those_found_alone(sizes, seed):
    draw = np.random.default_rng(seed)
    emissions = [np.log(draw.dirichlet(np.ones(6), frames)).astype(np.float32) for frames, _ in sizes]
    tokens = [draw.integers(1, 6, count).tolist() for _, count in sizes]

    together = best_paths(emissions, tokens, blank=0)

    for emission, spelled, path in zip(emissions, tokens, together, strict=True):
        if len(spelled) > len(emission):
            assert isinstance(path, UnalignableError)
            continue
        alone = best_path(emission, spelled, blank=0)
        assert (path.starts.tolist(), path.ends.tolist()) == (alone.starts.tolist(), alone.ends.tolist())
        assert path.scores.tolist() == alone.scores.tolist()
