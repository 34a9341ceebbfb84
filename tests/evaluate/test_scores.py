import pytest

from whisperx_worker.evaluate.bootstrap import Interval, interval, paired_interval, pooled
from whisperx_worker.evaluate.evaluation import compare, evaluate
from whisperx_worker.evaluate.hypothesis import Hypothesis, Voice, read_response
from whisperx_worker.evaluate.name_errors import Trial, equal_error_rate, name_errors
from whisperx_worker.evaluate.reference import Reference
from whisperx_worker.evaluate.scoring import Scope, score
from whisperx_worker.evaluate.speaker_errors import Ratio
from whisperx_worker.evaluate.time_errors import invented_words
from whisperx_worker.types import Segment, Span, SpeakerTurn, Word

ALONE = Scope()


def text(*segments):
    return Hypothesis(tuple(Segment(float(place), place + 1.0, words) for place, words in enumerate(segments)))


def of_text(*texts):
    return Reference("a", texts=texts)


def counts(found):
    return found.words.substituted, found.words.deleted, found.words.inserted, found.words.length


# --- words


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("раз два три", "раз две четыре три", (0, 0, 1, 3)),  # «две» is «два»
        ("раз два три", "раз дом три", (1, 0, 0, 3)),
        ("раз два три", "", (0, 3, 0, 3)),
        ("", "раз два", (0, 0, 2, 0)),
        ("", "", (0, 0, 0, 0)),
        ("Двести рублей!", "200 рублей", (0, 0, 0, 2)),
    ],
)
def test_substituted_deleted_and_inserted_words(reference, hypothesis, expected):
    assert counts(score(of_text(reference), text(hypothesis), ALONE)) == expected


def test_the_nearest_of_several_texts_counts():
    found = score(of_text("алло да", "да да да да", "алло нет"), text("алло, нет"), ALONE)
    assert (counts(found), found.notes) == ((0, 0, 0, 2), ("compared with the nearest of 3 texts",))


def test_a_failed_recording_is_all_wrong():
    found = score(of_text("раз два"), Hypothesis(failure="the audio is empty"), ALONE)
    assert (counts(found), found.failure) == ((0, 2, 0, 2), "the audio is empty")
    assert found.ratios["cer"] == Ratio(7, 7)


def test_an_error_in_place_of_a_result_is_a_failure():
    assert read_response({"error": "the audio is empty"}).failure == "the audio is empty"
    assert read_response({"id": "1", "status": "COMPLETED", "output": {"segments": []}}) == Hypothesis()


def test_a_result_with_channels_is_measured_by_their_speakers():
    segments = [
        {"start": 0.0, "end": 1.0, "text": "Алло", "channel": 0, "speaker": "Анна"},
        {"start": 0.5, "end": 1.5, "text": "Да", "channel": 1, "speaker": "CHANNEL_1"},
    ]
    read = read_response({"segments": segments})
    assert [(turn.start, turn.speaker) for turn in read.turns] == [(0.0, "Анна"), (0.5, "CHANNEL_1")]


def test_an_empty_error_is_no_failure():
    assert read_response({"error": None, "segments": []}) == Hypothesis()


def test_a_reference_without_text_has_no_word_errors():
    found = score(Reference("a", turns=(SpeakerTurn(0.0, 1.0, "Анна"),)), text("раз"), ALONE)
    assert set(found.ratios) == {"invented"}


# --- speakers

DIALOGUE = Reference(
    "a", segments=(Segment(0.0, 1.0, "раз два", speaker="Анна"), Segment(1.0, 2.0, "три четыре", speaker="Иван"))
)


def with_speakers(*labels):
    segments = zip((0.0, 1.0), ("раз два", "три четыре"), labels, strict=True)
    parts = tuple(Segment(start, start + 1, words, speaker=label) for start, words, label in segments)
    return Hypothesis(parts, tuple(SpeakerTurn(part.start, part.end, part.speaker) for part in parts if part.speaker))


def evaluated(reference, hypothesis):
    pytest.importorskip("meeteval")
    return score(reference, hypothesis, Scope(speakers=True))


def test_labels_need_not_be_names():
    found = evaluated(DIALOGUE, with_speakers("SPEAKER_01", "SPEAKER_00"))
    assert {key: found.ratios[key] for key in ("cpwer", "tcpwer", "wder", "der")} == {
        "cpwer": Ratio(0, 4), "tcpwer": Ratio(0, 4), "wder": Ratio(0, 4), "der": Ratio(0.0, 2.0),
    }  # fmt: skip


def test_one_speaker_in_place_of_two():
    found = evaluated(DIALOGUE, with_speakers("SPEAKER_00", "SPEAKER_00"))
    assert found.ratios["cpwer"] == Ratio(4, 4)  # two words too many there, two missing here
    assert found.ratios["wder"] == Ratio(2, 4)
    assert found.ratios["der"] == Ratio(1.0, 2.0)
    assert found.notes == ("the result has no turns, so DER is that of its words' speakers",)


def test_the_words_of_a_failed_recording_are_missing_for_every_speaker():
    found = evaluated(DIALOGUE, Hypothesis(failure="failed"))
    assert found.ratios["cpwer"] == found.ratios["tcpwer"] == Ratio(4, 4)
    assert found.ratios["der"] == Ratio(2.0, 2.0)
    assert "wder" not in found.ratios


def test_a_word_far_from_its_time_is_wrong_for_tcpwer_only():
    late = Hypothesis((Segment(60.0, 61.0, "раз два", speaker="A"),), (SpeakerTurn(60.0, 61.0, "A"),))
    found = evaluated(Reference("a", segments=DIALOGUE.segments[:1]), late)
    assert (found.ratios["cpwer"], found.ratios["tcpwer"]) == (Ratio(0, 2), Ratio(4, 2))


def test_without_speakers_in_the_reference_there_is_no_cpwer():
    plain = Reference("a", segments=(Segment(0.0, 1.0, "раз два"),))
    assert set(evaluated(plain, with_speakers("A", "B")).ratios) == {
        "wer", "substituted", "deleted", "inserted", "cer", "invented",
    }  # fmt: skip


def test_without_speakers_in_every_result_there_is_no_cpwer():
    assert "cpwer" not in score(DIALOGUE, with_speakers(None, None), ALONE).ratios


def test_meeteval_takes_no_more_than_twenty_speakers():
    many = Reference("a", segments=tuple(Segment(n, n + 1.0, "раз", speaker=f"S{n}") for n in range(21)))
    found = evaluated(many, with_speakers("A", "B"))
    assert "cpwer" not in found.ratios
    assert "more than 20 speakers, so cpWER and tcpWER are not measured" in found.notes


# --- times


def test_boundaries_of_right_words_are_compared():
    reference = Reference("a", words=(Word("раз", 0.0, 0.5), Word("два", 0.6, 1.0), Word("три", 1.0, 1.5)))
    words = (Word("раз", 0.02, 0.5), Word("два", 0.6, 1.3), Word("тра", 1.3, 1.5))
    found = score(reference, Hypothesis((Segment(0.0, 1.5, "раз два тра", words),)), ALONE)
    assert found.ratios["boundary"].errors == pytest.approx(320.0)
    assert found.ratios["boundary"].total == 4
    assert found.ratios["far_boundary"] == Ratio(1, 4)


def test_words_where_nobody_speaks():
    speech = [Span(0.0, 2.0), Span(10.0, 12.0)]
    words = (Word("раз", 1.5, 1.9), Word("два", 2.0, 2.4), Word("три", 5.0, 6.0))
    said = [Segment(1.5, 6.0, "раз два три", words), Segment(13.0, 15.0, "спасибо за просмотр")]
    found = invented_words(speech, said, 20.0)
    assert (found.errors, found.total) == (4, pytest.approx((7.5 + 7.75) / 60))


# --- names

TURNS = (SpeakerTurn(0.0, 5.0, "Анна"), SpeakerTurn(5.0, 9.0, "Пётр"))


def voice(start, end, name, similarity):
    return Voice((start,), (end,), name, similarity)


def test_enrolled_people_and_strangers():
    voices = [voice(0.0, 4.0, "unknown", 0.4), voice(4.0, 5.1, "Ольга", 0.6), voice(5.0, 9.0, "Анна", 0.7)]
    found = name_errors(voices, TURNS, {"Анна", "Ольга"})
    assert (found.not_named, found.stranger_named) == (Ratio(2, 2), Ratio(1, 1))
    assert found.trials == (Trial(0.4, is_genuine=True), Trial(0.6, is_genuine=False), Trial(0.7, is_genuine=False))


def test_the_equal_error_rate_is_pyannotes():
    binary = pytest.importorskip("pyannote.metrics.binary_classification")
    similarities = [0.9, 0.8, 0.3, 0.7, 0.2, 0.1, 0.85]
    genuine = [True, True, True, False, False, False, True]
    trials = [Trial(one, is_genuine=other) for one, other in zip(similarities, genuine, strict=True)]
    assert equal_error_rate(trials) == binary.det_curve(genuine, similarities)[3] > 0
    assert equal_error_rate(trials[:2]) is None


# --- intervals


def test_an_interval_needs_two_recordings():
    assert interval([Ratio(1, 10)]) is None
    assert pooled([Ratio(1, 10), Ratio(0, 30)]) == 0.025
    assert pooled([Ratio(2, 0)]) is None


def test_an_interval_is_that_of_all_samples():
    """Of two recordings one sample in four has the first only, and one the second only: they are the ends."""
    assert interval([Ratio(0, 10), Ratio(5, 10)]) == Interval(0.0, 0.5)


def test_an_interval_is_near_that_of_the_normal_distribution():
    ratios = [Ratio(errors, 100) for errors in range(100)]
    found = interval(ratios)
    deviation = (sum((errors / 100 - 0.495) ** 2 for errors in range(100)) / 100 / 100) ** 0.5
    assert found.low == pytest.approx(0.495 - 1.96 * deviation, abs=0.005)
    assert found.high == pytest.approx(0.495 + 1.96 * deviation, abs=0.005)
    assert found == interval(ratios)


def test_the_same_recordings_are_drawn_for_both():
    """Each recording has one error more; the spread between the recordings is not in the difference."""
    first = [Ratio(errors, 100) for errors in range(50)]
    second = [Ratio(errors + 1, 100) for errors in range(50)]
    found = paired_interval(first, second)
    assert (found.low, found.high) == (pytest.approx(0.01), pytest.approx(0.01))


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (["раз", "раз", "раз"], ["раз два", "раз два", "раз два"], "B is better"),
        (["раз два", "раз", "раз"], ["раз", "раз", "раз"], "no difference shown"),
        (["раз два", "раз два"], ["раз", ""], "A is better"),
    ],
)
def test_two_configurations_are_compared(before, after, verdict):
    references = [Reference(str(place), texts=("раз два",)) for place in range(len(before))]
    first, second = (
        evaluate(title, references, {str(place): text(words) for place, words in enumerate(texts)})
        for title, texts in (("A", before), ("B", after))
    )
    (wer, *_) = compare(first, second)
    assert (wer.key, wer.verdict) == ("wer", verdict)


def test_one_recording_is_no_test():
    reference = Reference("a", texts=("раз два",))
    one, other = (evaluate(title, [reference], {"a": text(words)}) for title, words in (("A", "раз"), ("B", "раз два")))
    (wer, *_) = compare(one, other)
    assert (wer.value, wer.interval, wer.verdict) == (-0.5, None, "one recording: no test")


def test_the_worst_recordings_come_first():
    references = [Reference(name, texts=("раз два",)) for name in "abcd"]
    results = {"a": text("раз два"), "b": text(""), "c": Hypothesis(failure="failed"), "d": text("раз")}
    found = evaluate("A", references, results)
    assert [one.name for one in found.worst_first] == ["c", "b", "d", "a"]
    assert [one.name for one in found.failed] == ["c"]
    (wer,) = [figure for figure in found.figures if figure.key == "wer"]
    assert (wer.errors, wer.total, wer.recordings) == (5, 8, 4)
