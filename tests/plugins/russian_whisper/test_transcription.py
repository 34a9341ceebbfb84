"""The pure parts of the Russian model's plugin."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperx_worker import SAMPLE_RATE_HZ, Audio, ModelNotFoundError, Settings, Span, intervals
from whisperx_worker.audio.decode import decode
from whisperx_worker.testing import make_audio, make_job
from whisperx_worker_plugins.russian_whisper import chunking, language_detection, model_folder, speech_detection
from whisperx_worker_plugins.russian_whisper.decoded_chunk import DecodedChunk, compression_ratio
from whisperx_worker_plugins.russian_whisper.language_detection import window_offsets
from whisperx_worker_plugins.russian_whisper.temperature_fallback import temperature_ladder
from whisperx_worker_plugins.russian_whisper.thresholds import is_silence, needs_retry, pick_best
from whisperx_worker_plugins.russian_whisper.timestamp_tokens import split_at_timestamps

ZERO = 1000
"""The token of 0.00 s in these tests; smaller ones are text."""


def at(seconds):
    return ZERO + round(seconds / 0.02)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ((at(0), 5, 6, at(1), at(1.2), 7, at(2)), [(0.0, 1.0, [5, 6]), (1.2, 2.0, [7])]),
        ((at(0), 5, at(1), 6, at(2)), [(0.0, 1.0, [5]), (1.0, 2.0, [6])]),
        ((at(0), 5, at(1), at(1), 6, 7), [(0.0, 1.0, [5]), (1.0, 3.0, [6, 7])]),
        ((5, 6), [(0.0, 3.0, [5, 6])]),
        ((at(0.5), 5, at(0.5)), [(0.5, 3.0, [5])]),
        ((at(2), 5, at(1)), [(2.0, 3.0, [5])]),
        ((at(0), 5, at(29)), [(0.0, 3.0, [5])]),
        ((at(0), at(1)), []),
        ((), []),
    ],
    ids=[
        "two segments",
        "one timestamp between segments",
        "text after the last timestamp is kept",
        "no timestamps",
        "no length",
        "backwards",
        "beyond the chunk",
        "no text",
        "nothing",
    ],
)
def test_timestamps_cut_the_text_of_a_chunk(tokens, expected):
    cut = split_at_timestamps(tokens, ZERO, 3.0)

    assert [(pytest.approx(span.start), pytest.approx(span.end), run) for span, run in cut] == expected


@given(st.lists(st.integers(0, ZERO + 1500), max_size=60), st.floats(0.1, 30))
def test_no_token_of_text_is_lost_and_times_stay_inside_the_chunk(tokens, duration_s):
    cut = split_at_timestamps(tuple(tokens), ZERO, duration_s)

    assert [token for _, run in cut for token in run] == [token for token in tokens if token < ZERO]
    for span, _ in cut:
        assert 0 <= span.start < span.end <= duration_s
    assert [span.start for span, _ in cut] == sorted(span.start for span, _ in cut)


@pytest.mark.parametrize(
    ("found", "chunks"),
    [
        ([(0, 10), (11, 20), (21, 31)], [(0, 20), (21, 31)]),
        ([(1, 2), (6.9, 8)], [(1, 8)]),
        ([(1, 2), (7.1, 8)], [(1, 2), (7.1, 8)]),
        ([(0, 30), (30, 60)], [(0, 30), (30, 60)]),
        ([], []),
    ],
)
def test_neighbouring_speech_fills_a_window_and_a_long_pause_begins_a_new_chunk(found, chunks):
    spans = tuple(Span(start, end) for start, end in found)

    assert [(chunk.start, chunk.end) for chunk in chunking.pack_chunks(spans, chunking.ChunkLimits())] == chunks


def test_a_language_window_holds_only_speech():
    audio = Audio(np.arange(16_000 * 100, dtype=np.float32))
    heard = (Span(10, 20), Span(50, 90))

    window = chunking.join_samples(audio, chunking.speech_window(heard, skip_s=5))

    assert len(window) == 30 * 16_000
    assert (window[0], window[5 * 16_000 - 1]) == (15 * 16_000, 20 * 16_000 - 1)
    assert (window[5 * 16_000], window[-1]) == (50 * 16_000, 75 * 16_000 - 1)


@pytest.mark.parametrize(
    ("speech_s", "tries", "offsets"),
    [(12.0, 5, [0.0]), (130.0, 5, [50.0, 25.0, 75.0, 0.0, 100.0]), (90.0, 1, [30.0]), (61.0, 5, [15.5, 0.0, 31.0])],
)
def test_language_windows_are_spread_over_the_speech_the_middle_first(speech_s, tries, offsets):
    assert window_offsets(speech_s, tries) == offsets


@pytest.mark.parametrize(
    ("first", "step", "ladder"),
    [
        (0.0, 0.2, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.0, None, [0.0]),
        (0.5, 0.3, [0.5, 0.8]),
        (1.0, 0.2, [1.0]),
        (0.0, 0.05, [round(0.05 * n, 2) for n in range(21)]),
    ],
)
def test_the_ladder_climbs_from_the_first_temperature_to_one(first, step, ladder):
    assert temperature_ladder(first, step) == ladder


def decoded(logprob=-0.2, no_speech=0.0, ratio=1.2, temperature=0.0):
    return DecodedChunk((1,), "да", logprob, no_speech, ratio, temperature)


@pytest.mark.parametrize(
    ("attempt", "again", "silence"),
    [
        (decoded(), False, False),
        (decoded(logprob=-1.1), True, False),
        (decoded(ratio=2.5), True, False),
        (decoded(no_speech=0.9), False, False),
        (decoded(logprob=-1.1, no_speech=0.9), False, True),
        (decoded(logprob=-1.0, no_speech=0.6, ratio=2.4), False, False),
    ],
)
def test_thresholds_decide_what_is_tried_again_and_what_is_silence(attempt, again, silence):
    settings = Settings()

    assert (needs_retry(attempt, settings), is_silence(attempt, settings)) == (again, silence)


def test_when_all_attempts_fail_the_most_believed_one_without_repetition_is_kept():
    attempts = [decoded(-0.1, ratio=5, temperature=0), decoded(-1.5, temperature=0.2), decoded(-1.2, temperature=0.4)]

    assert pick_best(attempts, Settings()).temperature == 0.4


def test_the_last_attempt_is_kept_when_it_passes():
    assert pick_best([decoded(-1.5), decoded(-0.5, temperature=0.2)], Settings()).temperature == 0.2


def test_repetition_compresses():
    assert compression_ratio("") == 0
    assert compression_ratio("да " * 100) > 2.4
    assert compression_ratio("Здравствуйте, это Анна из отдела продаж.") < 2.4


class Scripted:
    """A Whisper that hears, window after window, what it is told to."""

    device = "cuda"
    is_multilingual = True

    def __init__(self, *heard):
        self.heard = list(heard)
        self.model = self

    def encode(self, windows):
        return windows

    def detect_language(self, windows):
        return [[(f"<|{code}|>", share) for code, share in self.heard.pop(0).items()] for _ in windows]


def detect(monkeypatch, whisper, speech_s=200.0, **fields):
    monkeypatch.setattr(language_detection, "log_mel_spectrogram", lambda _whisper, samples: samples[:1])
    job = make_job(**fields)
    code, probability = language_detection.detect_language(whisper, make_audio(speech_s), (Span(0.0, speech_s),), job)
    return code, pytest.approx(probability), [str(warned) for warned in job.warnings]


NO_WINDOW = (
    "the language was taken to be 'ru' with probability 0.60: no window of 3 reached language_detection_min_prob 0.9"
)
SOUNDS_RUSSIAN = (
    "85.00-115.00 s: 20% of the speech that was listened to sounds like 'ru', with probability 0.99; "
    "the language was taken to be 'en'"
)


@pytest.mark.parametrize(
    ("fields", "heard", "expected", "left"),
    [
        ({}, [{"ru": 0.99, "en": 0.01}, *[{"en": 1.0}] * 4], ("en", 0.802, [SOUNDS_RUSSIAN]), 0),
        ({}, [{"ru": 0.4, "en": 0.3}, *[{"en": 0.9, "ru": 0.1}] * 4], ("en", 0.78, []), 0),
        (
            {"language_detection_min_prob": 0.9},
            [{"ru": 0.4, "en": 0.35}, {"ru": 0.95, "en": 0.05}, {"en": 1.0}],
            ("ru", 0.95, []),
            1,
        ),
        (
            {"language_detection_min_prob": 0.9, "language_detection_max_tries": 3},
            [{"ru": 0.4, "en": 0.4}, {"ru": 0.8, "en": 0.2}, {"ru": 0.6, "en": 0.4}],
            ("ru", 0.6, [NO_WINDOW]),
            0,
        ),
        ({"language_detection_max_tries": 1}, [{"ru": 0.99, "en": 0.01}, {"en": 1.0}], ("ru", 0.99, []), 1),
    ],
    ids=[
        "all windows vote, and the one that disagrees is told",
        "a window that is sure of nothing is no doubt",
        "a limit ends the search at the window that reaches it",
        "no window reaches it",
        "one window",
    ],
)
def test_the_language_is_what_most_of_the_speech_is_in(monkeypatch, fields, heard, expected, left):
    whisper = Scripted(*heard)

    assert detect(monkeypatch, whisper, **fields) == expected
    assert len(whisper.heard) == left


def test_windows_are_looked_at_in_batches_that_fit(monkeypatch):
    batches = []

    class Small(Scripted):
        def encode(self, windows):
            batches.append(len(windows))
            if len(windows) > 2:
                raise RuntimeError("CUDA failed with error out of memory")
            return windows

    _, _, told = detect(monkeypatch, Small(*[{"ru": 1.0}] * 5), batch_size=4)

    assert (batches[0], batches[-3:]) == (4, [2, 2, 1])
    assert told == ["transcribe ran out of memory with a batch of 4, and went on with 2"]


LANGUAGES = st.sampled_from(["ru", "en", "de"])


@given(st.lists(st.tuples(LANGUAGES, st.floats(0.5, 1), st.integers(1, 30)), min_size=1, max_size=6))
def test_a_vote_is_a_mean_and_everything_that_disagrees_is_told(windows):
    votes, start = [], 0.0
    for code, probability, speech_s in windows:
        votes.append(language_detection.Vote(Span(start, start + speech_s), speech_s, {code: probability}))
        start += speech_s

    code, probability = language_detection.count_votes(votes)
    told = [span for _, span in language_detection.disagreements(votes, code)]

    shares = {other: sum(v.probability * v.speech_s for v in votes if v.language == other) for other, *_ in windows}
    assert probability == pytest.approx(max(shares.values()) / start)
    assert shares[code] == max(shares.values())
    assert intervals.total_s(told) == sum(vote.speech_s for vote in votes if vote.language != code)
    assert all(
        intervals.seconds_within(told, v.span.start, v.span.end) == (v.language != code) * v.speech_s for v in votes
    )


def test_chunks_are_packed_as_they_should_be():
    spans = (Span(0, 4), Span(5, 9), Span(9.5, 12))

    def packed(**packing):
        return [(chunk.start, chunk.end) for chunk in chunking.pack_chunks(spans, chunking.ChunkLimits(**packing))]

    assert packed(longest_s=9) == [(0, 9), (9.5, 12)]
    assert packed(longest_pause_s=0.5) == [(0, 4), (5, 12)]


@pytest.mark.parametrize(
    ("said", "chunk_s", "packing"),
    [
        (None, None, chunking.ChunkLimits(30.0, 5.0)),
        ('{"longest_s": 20}', None, chunking.ChunkLimits(20.0, 5.0)),
        ('{"longest_s": 20, "longest_pause_s": 1}', 12.0, chunking.ChunkLimits(12.0, 1.0)),
    ],
)
def test_the_operator_and_else_the_models_folder_say_how_speech_is_packed(tmp_path, said, chunk_s, packing):
    if said:
        (tmp_path / "chunks.json").write_text(said)

    assert model_folder.read_chunk_limits(tmp_path, Settings(chunk_s=chunk_s)) == packing


@pytest.mark.parametrize("said", ["[]", "{", '{"longest": 20}', '{"longest_s": 31}', '{"longest_s": "20"}'])
def test_a_folder_that_says_something_else_is_refused(tmp_path, said):
    (tmp_path / "chunks.json").write_text(said)

    with pytest.raises(ModelNotFoundError, match=r"^the chunks\.json of the model '.*' cannot be used$"):
        model_folder.read_chunk_limits(tmp_path, Settings())


# --- a long recording goes through the detector in pieces

MINUTE = 60 * SAMPLE_RATE_HZ


@pytest.mark.models
def test_speech_found_in_pieces_is_the_speech_of_the_whole(monkeypatch):
    audio = decode(Path(__file__).parents[3] / "demo" / "dialogue.flac", Settings())[0]
    whole = speech_detection.detect_speech(audio, onset=0.5, offset=0.363, longest_s=20)
    monkeypatch.setattr(speech_detection, "PIECE", MINUTE // 4)
    pieces = speech_detection.detect_speech(audio, onset=0.5, offset=0.363, longest_s=20)

    assert all(before.end <= after.start for before, after in pairwise(pieces))
    in_both = sum(intervals.seconds_within(pieces, span.start, span.end) for span in whole)
    assert in_both == pytest.approx(intervals.total_s(whole), abs=0.3)
    assert in_both == pytest.approx(intervals.total_s(pieces), abs=0.2)


@pytest.mark.parametrize(
    ("heard", "cut"),
    [
        ([], MINUTE // 2),
        ([(0, MINUTE)], MINUTE),
        ([(0, MINUTE // 4), (MINUTE * 5 // 8, MINUTE * 3 // 4), (MINUTE * 7 // 8, MINUTE)], MINUTE * 7 // 16),
        ([(0, MINUTE // 8), (MINUTE // 4, MINUTE * 3 // 4), (MINUTE * 3 // 4, MINUTE)], MINUTE * 3 // 4),
    ],
    ids=["silence", "no pause", "the longest that ends in the second half", "between two that touch"],
)
def test_a_piece_ends_in_its_longest_pause(heard, cut):
    assert speech_detection._best_cut(heard, 0, MINUTE) == cut // 512 * 512
    assert speech_detection._best_cut(
        [(10 * MINUTE + a, 10 * MINUTE + b) for a, b in heard], 10 * MINUTE, 11 * MINUTE
    ) == ((10 * MINUTE + cut) // 512 * 512)
