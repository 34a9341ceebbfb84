"""The detected language, its windows and its warnings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperx_worker import Audio, Span, intervals
from whisperx_worker.testing import make_audio, make_job
from whisperx_worker_plugins._shared.whisper.spectrogram import join_samples
from whisperx_worker_plugins.whisper_language import language_detection
from whisperx_worker_plugins.whisper_language.language_detection import window_offsets


@pytest.mark.parametrize(
    ("speech_s", "tries", "offsets"),
    [(12.0, 5, [0.0]), (130.0, 5, [50.0, 25.0, 75.0, 0.0, 100.0]), (90.0, 1, [30.0]), (61.0, 5, [15.5, 0.0, 31.0])],
)
def test_language_windows_are_spread_over_the_speech_the_middle_first(speech_s, tries, offsets):
    assert window_offsets(speech_s, tries) == offsets


def test_a_speech_window_has_only_speech():
    audio = Audio(np.arange(16_000 * 100, dtype=np.float32))
    speech = (Span(10, 20), Span(50, 90))

    window = join_samples(audio, language_detection.speech_window(speech, skip_s=5))

    assert len(window) == 30 * 16_000
    assert (window[0], window[5 * 16_000 - 1]) == (15 * 16_000, 20 * 16_000 - 1)
    assert (window[5 * 16_000], window[-1]) == (50 * 16_000, 75 * 16_000 - 1)


class Scripted:
    """A Whisper with given language probabilities for each window."""

    device = "cuda"
    is_multilingual = True

    def __init__(self, *probabilities):
        self.probabilities = list(probabilities)
        self.model = self

    def encode(self, windows):
        return windows

    def detect_language(self, windows):
        return [[(f"<|{code}|>", share) for code, share in self.probabilities.pop(0).items()] for _ in windows]


def detect(monkeypatch, whisper, speech_s=200.0, **fields):
    monkeypatch.setattr(language_detection, "log_mel_spectrogram", lambda _whisper, samples: samples[:1])
    job = make_job(**fields)
    found = language_detection.detect_language(whisper, make_audio(speech_s), (Span(0.0, speech_s),), job)
    return found.code, pytest.approx(found.probability), [str(warned) for warned in job.warnings]


NO_WINDOW = (
    "the language was taken to be 'ru' with probability 0.60: no window of 3 reached language_detection_min_prob 0.9"
)
SOUNDS_RUSSIAN = (
    "85.00-115.00 s: 20% of the speech that was listened to sounds like 'ru', with probability 0.99; "
    "the language was taken to be 'en'"
)


@pytest.mark.parametrize(
    ("fields", "probabilities", "expected", "left"),
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
        "all windows vote, and the one that disagrees is reported",
        "an uncertain window is no disagreement",
        "a limit ends the search at the window that reaches it",
        "no window reaches it",
        "one window",
    ],
)
def test_the_language_is_what_most_of_the_speech_is_in(monkeypatch, fields, probabilities, expected, left):
    whisper = Scripted(*probabilities)

    assert detect(monkeypatch, whisper, **fields) == expected
    assert len(whisper.probabilities) == left


def test_windows_are_classified_in_batches_that_fit(monkeypatch):
    batches = []

    class Small(Scripted):
        def encode(self, windows):
            batches.append(len(windows))
            if len(windows) > 2:
                raise RuntimeError("CUDA failed with error out of memory")
            return windows

    _, _, warnings = detect(monkeypatch, Small(*[{"ru": 1.0}] * 5), batch_size=4)

    assert (batches[0], batches[-3:]) == (4, [2, 2, 1])
    assert warnings == ["identify_language ran out of memory with a batch of 4, and went on with 2"]


LANGUAGES = st.sampled_from(["ru", "en", "de"])


@given(st.lists(st.tuples(LANGUAGES, st.floats(0.5, 1), st.integers(1, 30)), min_size=1, max_size=6))
def test_the_result_is_a_weighted_mean_and_every_disagreement_is_reported(windows):
    votes, start = [], 0.0
    for code, probability, speech_s in windows:
        votes.append(language_detection.Vote(Span(start, start + speech_s), speech_s, {code: probability}))
        start += speech_s

    code, probability = language_detection.count_votes(votes)
    reported = [span for _, span in language_detection.disagreements(votes, code)]

    shares = {other: sum(v.probability * v.speech_s for v in votes if v.language == other) for other, *_ in windows}
    assert probability == pytest.approx(max(shares.values()) / start)
    assert shares[code] == max(shares.values())
    assert intervals.total_s(reported) == sum(vote.speech_s for vote in votes if vote.language != code)
    assert all(
        intervals.seconds_within(reported, v.span.start, v.span.end) == (v.language != code) * v.speech_s for v in votes
    )
