"""Results of channels are folded back to the time of their recording, and nothing is lost on the way."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from whisperx_worker import Result, Segment, Span, SpeakerMatch, SpeakerTurn, Transcript, Word
from whisperx_worker.results.channel_folding import cut_segment, cut_transcript, fold_result, fold_segment
from whisperx_worker.results.channel_layout import ChannelLayout

LAYOUT = ChannelLayout((Span(0.0, 30.0), Span(40.0, 70.0)))


def spoken(*words):
    timed = tuple(Word(*word) for word in words)
    return Segment(timed[0].start, timed[-1].end, " ".join(word.word for word in timed), timed)


def test_a_segment_across_a_seam_is_cut_between_its_words():
    segment = spoken(("Добрый", 29.0, 29.4), ("день.", 29.5, 29.9), ("Да?", 40.1, 40.5))

    assert fold_segment(segment, LAYOUT) == [
        replace(spoken(("Добрый", 29.0, 29.4), ("день.", 29.5, 29.9)), channel=0),
        replace(spoken(("Да?", 0.1, 0.5)), channel=1),
    ]


def test_a_segment_without_words_goes_whole_to_the_channel_with_most_of_it():
    assert fold_segment(Segment(29.5, 41.0, "Добрый день."), LAYOUT) == [Segment(0.0, 1.0, "Добрый день.", channel=1)]


def test_a_word_without_times_stays_with_the_word_before_it():
    segment = Segment(29.0, 41.0, "раз два три", (Word("раз", 29.0, 29.5), Word("два"), Word("три", 40.5, 41.0)))

    assert [(number, piece.text) for number, piece in cut_segment(segment, LAYOUT)] == [(0, "раз два"), (1, "три")]


def test_text_that_lacks_a_word_is_not_cut_and_keeps_only_times_of_its_channel():
    segment = Segment(29.0, 42.0, "***", (Word("раз", 29.0, 29.5), Word("два", 40.5, 42.0)))

    [(number, piece)] = cut_segment(segment, LAYOUT)
    assert (number, piece.start, piece.end, piece.text) == (1, 40.0, 42.0, "***")
    assert piece.words == (Word("раз"), Word("два", 40.5, 42.0))


def test_a_segment_inside_a_channel_is_the_same_object():
    segment = spoken(("Да.", 41.0, 41.5))
    assert cut_segment(segment, LAYOUT) == [(1, segment)]
    assert cut_segment(segment, LAYOUT)[0][1] is segment


def test_a_result_is_sorted_by_the_time_of_the_recording_and_matches_follow_their_segments():
    segments = (Segment(5.0, 6.0, "второй"), Segment(41.0, 42.0, "первый"), Segment(46.0, 47.0, "третий"))
    matches = (
        SpeakerMatch("SPEAKER_00", "Анна", 0.7),
        SpeakerMatch(None, "Анна", 0.6, segment=0),
        SpeakerMatch(None, "unknown", 0.1, segment=1),
    )
    turns = (SpeakerTurn(5.0, 6.0, "SPEAKER_00"), SpeakerTurn(41.0, 42.0, "SPEAKER_01"))
    speech = (Span(5.0, 6.0), Span(41.0, 42.0), Span(45.5, 47.0))

    folded = fold_result(Result(Transcript(segments, "ru", speech=speech), 70.0, matches, turns), LAYOUT)

    assert [(one.text, one.start, one.channel) for one in folded.transcript.segments] == [
        ("первый", 1.0, 1), ("второй", 5.0, 0), ("третий", 6.0, 1),
    ]  # fmt: skip
    assert [(one.speaker_id, one.segment) for one in folded.speakers] == [("Анна", None), ("unknown", 0), ("Анна", 1)]
    assert folded.turns == (SpeakerTurn(1.0, 2.0, "SPEAKER_01"), SpeakerTurn(5.0, 6.0, "SPEAKER_00"))
    assert folded.transcript.speech == (Span(1.0, 2.0), Span(5.0, 7.0))
    assert folded.duration_s == 30.0


def test_a_turn_across_a_seam_is_two():
    result = Result(Transcript((), "ru"), 70.0, turns=(SpeakerTurn(28.0, 43.0, "SPEAKER_00"),))
    assert fold_result(result, LAYOUT).turns == (
        SpeakerTurn(0.0, 3.0, "SPEAKER_00"), SpeakerTurn(28.0, 30.0, "SPEAKER_00"),
    )  # fmt: skip


TIMES = st.floats(0.0, 75.0).map(lambda time: round(time, 2))


@given(st.lists(st.tuples(TIMES, TIMES, st.lists(TIMES, max_size=6)), max_size=6))
def test_no_word_is_lost_and_every_time_is_inside_the_recording(made):
    segments = []
    for one, other, edges in made:
        words = tuple(Word(f"с{number}", *times) for number, times in enumerate(pairwise(sorted(edges))))
        text = " ".join(word.word for word in words) or "слово"
        segments.append(Segment(min(one, other), max(one, other), text, words))
    transcript = Transcript(tuple(sorted(segments, key=lambda one: one.start)), "ru")

    folded = fold_result(Result(cut_transcript(transcript, LAYOUT), 70.0), LAYOUT).transcript.segments

    assert sorted(" ".join(one.text for one in folded).split()) == sorted(transcript.text.split())
    for segment in folded:
        assert 0 <= segment.start <= segment.end <= 30.0
        assert all(0 <= word.start <= word.end <= 30.0 for word in segment.words if word.start is not None)
    assert [one.start for one in folded] == sorted(one.start for one in folded)
