"""Words get their speakers, segments are cut where the speaker changes, and nothing is lost on the way."""

from __future__ import annotations

import doctest
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperx_worker import Diarization, Segment, Span, SpeakerMatch, SpeakerTurn, Transcript, Word
from whisperx_worker.results import speaker_assignment, speaker_warnings, turns
from whisperx_worker.results.speaker_assignment import assign_speakers, speaker_of
from whisperx_worker.results.speaker_names import apply_names
from whisperx_worker.results.speaker_warnings import (
    overlap_warning,
    overlapped_text,
    uncut_segments,
    uncut_warning,
    unmet_counts,
)
from whisperx_worker.results.turns import speech_s, timeline_of
from whisperx_worker.testing import make_diarization, make_job, make_transcript

A, B, C = "SPEAKER_00", "SPEAKER_01", "SPEAKER_02"


def said(*words, text=None, start=None, end=None):
    """A transcript of one segment; a word is its text and its times."""
    spoken = tuple(Word(*word) for word in words)
    times = [time for word in spoken for time in (word.start, word.end) if time is not None] or [0.0]
    return Transcript(
        (
            Segment(
                min(times) if start is None else start,
                max(times) if end is None else end,
                " ".join(word.word for word in spoken) if text is None else text,
                spoken,
            ),
        ),
        "ru",
    )


def who(transcript):
    """Speakers of the words, those that are guesses with a question mark."""
    return [
        f"{word.speaker}{'?' if word.speaker_guessed else ''}" for segment in transcript.segments for word in segment.words
    ]  # fmt: skip


def lines(transcript):
    return [(segment.start, segment.end, segment.speaker, segment.text) for segment in transcript.segments]


def test_the_examples_in_the_docstrings_are_true():
    tested = [doctest.testmod(module) for module in (speaker_assignment, speaker_warnings, turns)]
    assert sum(result.attempted for result in tested) == 8
    assert not any(result.failed for result in tested)


# --- words


def test_a_word_is_of_the_speaker_with_the_most_of_it():
    turns = make_diarization((0.0, 1.0, A), (1.0, 3.0, B))

    assert who(assign_speakers(said(("раз", 0.5, 1.4), ("два", 0.5, 1.6), ("три", 1.2, 1.3)), turns)) == [A, B, B]


def test_what_a_speaker_has_of_a_word_is_counted_together():
    turns = make_diarization((0.0, 0.4, A), (0.4, 0.9, B), (0.9, 1.2, A))

    assert who(assign_speakers(said(("слово", 0.2, 1.0)), turns)) == [B]
    assert who(assign_speakers(said(("слово", 0.0, 1.2)), turns)) == [A]


def test_of_equal_shares_the_one_who_speaks_first_has_the_word():
    assert who(assign_speakers(said(("слово", 0.5, 1.5)), make_diarization((0.0, 1.0, B), (1.0, 2.0, A)))) == [B]


def test_the_exclusive_turns_decide_and_not_the_regular_ones():
    interruption = SpeakerTurn(1.0, 1.5, B)
    turns = (SpeakerTurn(0.0, 9.0, A), interruption)
    exclusive = (SpeakerTurn(0.0, 1.0, A), interruption, SpeakerTurn(1.5, 9.0, A))

    found = assign_speakers(
        said(("так", 0.5, 0.9), ("угу", 1.1, 1.4), ("вот", 1.6, 2.0)), Diarization(turns, exclusive, {})
    )

    assert who(found) == [A, B, A]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ((1.1, 1.3), f"{A}?"),
        ((4.0, 4.9), f"{B}?"),
        ((2.5, 3.5), f"{A}?"),
        ((0.0, 0.1), f"{A}?"),
        ((99.0, 99.5), f"{B}?"),
    ],
    ids=["after", "before", "as near to both", "before all", "after all"],
)
def test_a_word_in_nobodys_turn_is_of_the_nearest_one_by_its_edges_and_marked(word, expected):
    # By their middles the word at 4.0 would be nearer to the short first turn.
    turns = make_diarization((0.5, 1.0, A), (5.0, 50.0, B))

    assert who(assign_speakers(said(("да", *word)), turns)) == [expected]


def test_without_exclusive_turns_an_interruption_is_of_the_one_who_interrupts():
    turns = SpeakerTurn(0.0, 10.0, A), SpeakerTurn(1.0, 2.0, B)
    words = ("так", 0.5, 0.9), ("угу", 1.1, 1.9), ("вот", 3.0, 4.0), ("да", 10.5, 10.6)

    assert who(assign_speakers(said(*words), Diarization(turns, exclusive=(), embeddings={}))) == [A, B, A, f"{A}?"]


def test_a_turn_of_no_length_is_nobodys():
    before = said(("да", 1.0, 2.0))

    assert assign_speakers(before, make_diarization((1.0, 1.0, A))) is before


@pytest.mark.parametrize(("time", "expected"), [(1.0, A), (0.0, A), (2.0, A), (2.1, f"{A}?")])
def test_a_word_of_no_length_is_of_the_turn_around_it(time, expected):
    assert who(assign_speakers(said(("а", time, time)), make_diarization((0.0, 2.0, A)))) == [expected]


def test_a_word_with_one_time_is_taken_as_that_moment():
    turns = make_diarization((0.0, 1.0, A), (1.0, 2.0, B))

    assert who(assign_speakers(said(("а", 1.5), ("б", None, 1.8)), turns)) == [B, B]


def test_a_word_without_times_is_of_the_word_before_it_and_marked():
    turns = make_diarization((0.0, 1.0, A), (1.0, 2.0, B))
    words = ("5",), ("лет", 0.1, 0.4), ("6",), ("зим", 1.1, 1.4), ("7",)

    assert who(assign_speakers(said(*words), turns)) == [f"{A}?", A, f"{A}?", B, f"{B}?"]


def test_words_of_a_segment_without_any_times_are_of_the_segments_speaker():
    turns = make_diarization((0.0, 1.0, A), (1.0, 9.0, B))

    found = assign_speakers(said(("да",), ("нет",), start=0.5, end=3.0), turns)

    assert (who(found), lines(found)) == ([f"{B}?", f"{B}?"], [(0.5, 3.0, B, "да нет")])


def test_labels_of_an_earlier_run_are_gone():
    before = said(("да", 0.0, 1.0, 0.9, "Петя", True))

    assert who(assign_speakers(before, make_diarization((0.0, 1.0, A)))) == [A]


def test_where_nobody_has_a_turn_the_transcript_stays_as_it_is():
    before = make_transcript("Да", "Нет")

    assert assign_speakers(before, make_diarization()) is before


# --- segments


def test_a_segment_is_cut_where_the_speaker_changes():
    words = ("Алло.", 0.2, 0.6), ("Да?", 1.0, 1.4), ("Анна?", 1.6, 2.0), ("Это", 2.4, 2.6), ("я.", 2.7, 2.9)
    turns = make_diarization((0.0, 0.8, A), (0.8, 2.2, B), (2.2, 4.0, A))

    found = assign_speakers(said(*words, start=0.0, end=3.0), turns)

    assert lines(found) == [(0.0, 0.6, A, "Алло."), (1.0, 2.0, B, "Да? Анна?"), (2.4, 3.0, A, "Это я.")]
    assert [len(segment.words) for segment in found.segments] == [1, 2, 2]


def test_each_piece_keeps_what_is_known_of_the_chunk_it_was_decoded_in():
    before = said(("да", 0.0, 0.5), ("нет", 1.0, 1.5))
    before = replace(before, segments=(replace(before.segments[0], avg_logprob=-0.25, temperature=0.0),))

    found = assign_speakers(before, make_diarization((0.0, 0.5, A), (1.0, 1.5, B)))

    assert [(segment.avg_logprob, segment.temperature) for segment in found.segments] == [(-0.25, 0.0)] * 2


def test_a_segment_of_one_speaker_is_not_touched_but_for_the_speaker():
    before = said(("да", 0.1, 0.5), ("нет", 1.0, 1.5), text="  да   нет \n", start=0.0, end=2.0)

    found = assign_speakers(before, make_diarization((0.0, 1.5, A), (1.5, 2.0, B)))

    assert lines(found) == [(0.0, 2.0, A, "  да   нет \n")]


@pytest.mark.parametrize(
    ("text", "words", "pieces"),
    [
        ("Да,нет.", ("Да", "нет"), ["Да,", "нет."]),
        ("«Да» — нет", ("Да", "нет"), ["«Да»", "— нет"]),
        ("да да", ("да", "да"), ["да", "да"]),
        ("你好吗", ("你", "好吗"), ["你", "好吗"]),
        (" да\nнет ", (" да", " нет"), ["да", "нет"]),
        ("в 2024 году", ("в", "году"), ["в", "2024 году"]),
    ],
)
def test_text_is_cut_with_its_words(text, words, pieces):
    before = said((words[0], 0.0, 0.5), (words[1], 1.0, 1.5), text=text)

    found = assign_speakers(before, make_diarization((0.0, 0.5, A), (1.0, 1.5, B)))

    assert [segment.text for segment in found.segments] == pieces


def test_a_segment_whose_words_are_not_its_text_is_not_cut_and_is_of_whom_it_mostly_is():
    before = said(("две", 0.0, 0.5), ("тысячи", 1.0, 3.0), text="2000")

    found = assign_speakers(before, make_diarization((0.0, 0.5, A), (0.5, 3.0, B)))

    assert (lines(found), who(found)) == ([(0.0, 3.0, B, "2000")], [A, B])


def test_a_segment_without_words_is_of_whom_it_mostly_is():
    before = Transcript((Segment(0.0, 3.0, "да нет"), Segment(7.0, 8.0, "ага")), "ru")

    found = assign_speakers(before, make_diarization((0.0, 0.3, A), (0.3, 3.0, B), (3.0, 6.0, A)))

    assert [(segment.speaker, segment.speaker_guessed) for segment in found.segments] == [(B, False), (A, True)]


@pytest.mark.parametrize(
    ("end", "change", "expected"),
    [(9.0, 8.5, True), (9.0, 8.6, False), (0.9, 0.6, True), (0.9, 0.7, False), (9.0, 4.5, True), (9.0, 9.0, False)],
    ids=["half a second", "less", "a third of a short one", "less of it", "half of it", "nobody else"],
)
def test_a_segment_without_words_that_two_share_is_marked_and_told(end, change, expected):
    turns = make_diarization((0.0, change, A), (change, 20.0, B))

    found = assign_speakers(Transcript((Segment(0.0, end, "да? нет."),), "ru"), turns)

    assert [(segment.speaker, segment.speaker_guessed) for segment in found.segments] == [(A, expected)]
    assert uncut_segments(found, turns) == ([Span(0.0, end)] if expected else [])


@pytest.mark.parametrize(
    "words",
    [
        (("да",), ("нет",)),
        (("да", 0.1, 0.9), ("нет",)),
        (("dva", 0.0, 1.0), ("tri", 2.0, 3.0)),
    ],
    ids=["no times", "some times", "words that are not the text"],
)
def test_text_without_times_where_somebody_else_speaks_is_marked_and_told(words):
    turns = make_diarization((0.0, 2.1, A), (2.1, 3.0, B))

    found = assign_speakers(said(*words, text="да нет", start=0.0, end=3.0), turns)

    assert lines(found) == [(0.0, 3.0, A, "да нет")]
    assert found.segments[0].speaker_guessed
    assert uncut_segments(found, turns) == [Span(0.0, 3.0)]


def test_a_segment_that_is_cut_by_its_words_is_no_guess():
    turns = make_diarization((0.0, 1.0, A), (1.0, 9.0, B))

    found = assign_speakers(said(("да?", 0.1, 0.9), ("нет.", 1.1, 2.0), start=0.0, end=9.0), turns)

    assert [(segment.speaker, segment.speaker_guessed) for segment in found.segments] == [(A, False), (B, False)]
    assert uncut_segments(found, turns) == []


def test_many_uncut_segments_are_one_sentence_with_the_longest_places():
    spans = [Span(10.0 * number, 10.0 * number + number) for number in range(1, 8)]

    assert uncut_warning(spans) == (
        "no word times tell where the speaker changes in 7 segments (7 places, the longest are 30.00-33.00, 40.00-44.00, "
        "50.00-55.00, 60.00-66.00, 70.00-77.00 s); each may hold words of several people"
    )


def test_a_segment_is_a_guess_where_all_of_its_words_are():
    words = ("да", 5.0, 5.1), ("нет", 5.2, 5.3)

    found = assign_speakers(said(*words), make_diarization((0.0, 1.0, A), (9.0, 9.5, B)))

    assert [(segment.speaker, segment.speaker_guessed) for segment in found.segments] == [(B, True)]


def test_times_that_contradict_each_other_do_not_run_backwards():
    before = said(("да", 2.0, 3.0), ("нет", 1.0, 1.5), start=2.5, end=0.5)

    found = assign_speakers(before, make_diarization((1.0, 1.5, B), (2.0, 3.0, A)))

    assert lines(found) == [(2.5, 3.0, A, "да"), (2.5, 2.5, B, "нет")]


# --- properties

TIMES = st.integers(0, 4_000).map(lambda hundredths: hundredths / 100)
OVERLAPPING_TURNS = st.lists(
    st.builds(
        lambda one, other, who: SpeakerTurn(min(one, other), max(one, other), who),
        TIMES,
        TIMES,
        st.sampled_from([A, B, C]),
    ),
    max_size=20,
)
LETTERS = st.text("абв«»,.—", min_size=1, max_size=4)


@st.composite
def exclusive_turns(draw, least=0):
    edges = sorted(draw(st.lists(TIMES, min_size=2 * least, max_size=30, unique=True)))
    return [
        SpeakerTurn(start, end, draw(st.sampled_from([A, B, C]))) for start, end in zip(edges[::2], edges[1::2], strict=False)
    ]  # fmt: skip


@st.composite
def transcripts(draw):
    """Segments in time order, their words inside them and in time order, some without times."""
    edges = sorted(draw(st.lists(TIMES, max_size=80)))
    segments = []
    while len(edges) > 1:
        count = draw(st.integers(2, 12))
        times, edges = edges[:count], edges[count:]
        if len(times) < 2:
            break
        words = [
            Word(draw(LETTERS), start, end) if draw(st.integers(0, 4)) else Word(draw(LETTERS))
            for start, end in zip(times[::2], times[1::2], strict=False)
        ]
        text = " ".join(word.word for word in words)
        segments.append(Segment(times[0], times[-1], text, tuple(words) if draw(st.integers(0, 5)) else ()))
    return Transcript(tuple(segments), "ru")


def diarization(turns):
    return Diarization(tuple(turns), exclusive=tuple(turns), embeddings={})


def bare(word):
    return replace(word, speaker=None, speaker_guessed=False)


@given(transcripts(), exclusive_turns())
def test_the_words_after_are_the_words_before(before, turns):
    after = assign_speakers(before, diarization(turns))

    assert [bare(word) for segment in after.segments for word in segment.words] == [
        word for segment in before.segments for word in segment.words
    ]
    assert after.text.split() == before.text.split()


@given(transcripts(), exclusive_turns())
def test_the_text_of_a_piece_is_that_of_its_words(before, turns):
    for segment in assign_speakers(before, diarization(turns)).segments:
        assert not segment.words or segment.text.split() == [word.word for word in segment.words]


@given(transcripts(), exclusive_turns())
def test_no_time_runs_backwards(before, turns):
    segments = assign_speakers(before, diarization(turns)).segments

    assert all(segment.start <= segment.end for segment in segments)
    assert all(earlier.end <= later.start for earlier, later in pairwise(segments))
    assert all(
        segment.start <= time <= segment.end
        for segment in segments
        for word in segment.words
        for time in (word.start, word.end)
        if time is not None
    )


@given(transcripts(), exclusive_turns(least=1))
def test_where_there_is_any_turn_nothing_is_without_a_speaker(before, turns):
    segments = assign_speakers(before, diarization(turns)).segments

    assert all(segment.speaker for segment in segments)
    assert all(word.speaker == segment.speaker for segment in segments for word in segment.words)


@given(transcripts(), exclusive_turns(least=1))
def test_no_text_without_times_is_silently_given_to_one_where_others_speak(before, turns):
    after = assign_speakers(before, diarization(turns))
    uncut = uncut_segments(after, diarization(turns))

    for segment in after.segments:
        shares = {A: 0.0, B: 0.0, C: 0.0}
        for turn in turns:
            shares[turn.speaker] += max(0.0, min(segment.end, turn.end) - max(segment.start, turn.start))
        others_s = max(share for speaker, share in shares.items() if speaker != segment.speaker)
        if not segment.words and others_s >= 0.5 + 1e-9:
            assert segment.speaker_guessed
            assert Span(segment.start, segment.end) in uncut
        if segment.words and all(word.start is not None for word in segment.words):
            assert Span(segment.start, segment.end) not in uncut


def by_hand(start, end, turns):
    """Best speakers by looking at every turn: those with the most overlap, else those of the nearest turns."""
    shares = {turn.speaker: 0.0 for turn in turns}
    for turn in turns:
        shares[turn.speaker] += max(0.0, min(end, turn.end) - max(start, turn.start))
    most = max(shares.values())
    if most > 0:
        return {speaker for speaker, share in shares.items() if share > most - 1e-9}, False
    gaps = [(max(start - turn.end, turn.start - end, 0.0), turn.speaker) for turn in turns]
    least = min(gaps)[0]
    return {speaker for gap, speaker in gaps if gap == least}, least > 0 or end > start


@given(TIMES, TIMES, exclusive_turns(least=1))
def test_the_best_speaker_is_the_one_that_looking_at_every_turn_finds(one, other, turns):
    start, end = sorted((one, other))
    best, guessed = by_hand(start, end, turns)

    found = speaker_of(start, end, timeline_of(turns))

    assert found.speaker in best
    assert found.guessed == guessed


def moments(turns, *spans):
    """A moment between any two times at which something may change."""
    edges = sorted({time for span in (*turns, *spans) for time in (span.start, span.end)})
    return [(earlier + later) / 2 for earlier, later in pairwise(edges)]


@given(OVERLAPPING_TURNS)
def test_on_a_timeline_of_overlapping_turns_the_one_that_began_last_is_heard(turns):
    timeline = timeline_of(turns)

    for moment in moments(turns):
        speaking = [turn for turn in turns if turn.start < moment < turn.end]
        latest = max((turn.start for turn in speaking), default=None)
        heard = [turn.speaker for turn in timeline.turns if turn.start < moment < turn.end]
        assert len(heard) == bool(speaking)
        assert set(heard) <= {turn.speaker for turn in speaking if turn.start == latest}


# --- overlapped speech


def test_overlapped_speech_is_where_two_speak_and_the_text_has_words():
    turns = [SpeakerTurn(0.0, 5.0, A), SpeakerTurn(1.0, 2.0, B), SpeakerTurn(4.0, 9.0, C)]
    words = ("раз", 0.5, 1.5), ("два", 1.7, 2.5), ("три", 6.0, 7.0)

    assert overlapped_text(said(*words), turns) == [Span(1.0, 1.5), Span(1.7, 2.0)]


def test_a_segment_without_words_is_text_all_along():
    turns = [SpeakerTurn(0.0, 2.0, A), SpeakerTurn(1.0, 3.0, B)]

    assert overlapped_text(Transcript((Segment(0.0, 9.0, "да"),), "ru"), turns) == [Span(1.0, 2.0)]


def test_two_turns_of_one_speaker_are_no_overlap():
    turns = [SpeakerTurn(0.0, 2.0, A), SpeakerTurn(1.0, 3.0, A), SpeakerTurn(3.0, 4.0, B)]

    assert overlapped_text(said(("да", 0.0, 4.0)), turns) == []


@given(transcripts(), OVERLAPPING_TURNS)
def test_overlaps_are_those_that_looking_at_every_moment_finds(transcript, turns):
    said_in = [
        span
        for segment in transcript.segments
        for span in ([word for word in segment.words if word.start is not None] or [segment])
    ]
    found = overlapped_text(transcript, turns)

    for moment in moments(turns, *said_in):
        voices = {turn.speaker for turn in turns if turn.start < moment < turn.end}
        expected = len(voices) > 1 and any(span.start < moment < span.end for span in said_in)
        assert any(span.start < moment < span.end for span in found) == expected


def test_hundreds_of_overlaps_are_told_in_one_line():
    stretches = [Span(10.0 * n, 10.0 * n + 0.1 + n / 500) for n in range(300)]

    assert overlap_warning(stretches) == (
        "several people speak at once in 119.7 s of the text (300 places, the longest are 2950.00-2950.69, "
        "2960.00-2960.69, 2970.00-2970.69, 2980.00-2980.70, 2990.00-2990.70 s); each word there has one speaker"
    )


def test_overlaps_next_to_each_other_are_one_place():
    assert overlap_warning([Span(1.0, 1.5), Span(2.5, 3.0)]) == (
        "several people speak at once in 1.0 s of the text (1.00-3.00 s); each word there has one speaker"
    )


# --- who they are


def test_a_speakers_name_holds_for_all_of_their_segments():
    before = assign_speakers(
        make_transcript("Да", "Нет", "Да"), make_diarization((0.0, 1.0, A), (1.0, 2.0, B), (2.0, 3.0, A))
    )

    found = apply_names(before, [SpeakerMatch(A, "Анна", 0.7), SpeakerMatch(B, "unknown", 0.1)])

    assert [(segment.speaker_id, segment.similarity) for segment in found.segments] == [
        ("Анна", 0.7), ("unknown", 0.1), ("Анна", 0.7)
    ]  # fmt: skip


def test_without_diarization_each_segment_has_its_own_match():
    found = apply_names(make_transcript("Да", "Нет"), [SpeakerMatch(None, "Анна", 0.7, segment=1)])

    assert [(segment.speaker_id, segment.similarity) for segment in found.segments] == [(None, None), ("Анна", 0.7)]


def test_a_segments_own_similarity_counts_where_it_agrees_with_its_speakers_name():
    before = assign_speakers(make_transcript("Да", "Нет"), make_diarization((0.0, 2.0, A)))
    matches = (
        SpeakerMatch(A, "Анна", 0.7),
        SpeakerMatch(A, "Анна", 0.6, segment=0),
        SpeakerMatch(A, "Иван", 0.9, segment=1),
    )

    found = apply_names(before, matches)

    assert [(segment.speaker_id, segment.similarity) for segment in found.segments] == [("Анна", 0.6), ("Анна", 0.7)]


def test_a_match_of_nobody_and_nothing_names_no_segment():
    found = apply_names(
        make_transcript("Да"), [SpeakerMatch(None, "Анна", 0.7), SpeakerMatch(None, "Анна", 0.7, segment=9)]
    )

    assert found == make_transcript("Да")


def test_how_long_a_speaker_speaks_counts_no_moment_twice():
    turns = [SpeakerTurn(5.0, 6.0, A), SpeakerTurn(0.0, 2.0, B), SpeakerTurn(1.0, 3.0, B), SpeakerTurn(2.0, 3.0, A)]

    assert list(speech_s(turns).items()) == [(B, 3.0), (A, 2.0)]


@pytest.mark.parametrize(
    ("fields", "sentences"),
    [
        ({}, []),
        ({"num_speakers": 2, "min_speakers": 2, "max_speakers": 2}, []),
        ({"num_speakers": 3}, ["diarize found 2 speakers, but num_speakers is 3"]),
        ({"num_speakers": 1}, ["diarize found 2 speakers, but num_speakers is 1"]),
        ({"min_speakers": 3, "max_speakers": 5}, ["diarize found 2 speakers, but min_speakers is 3"]),
        ({"max_speakers": 1}, ["diarize found 2 speakers, but max_speakers is 1"]),
    ],
)
def test_a_number_of_speakers_that_is_not_met_is_told(fields, sentences):
    turns = make_diarization((0.0, 1.0, A), (1.0, 2.0, B), (2.0, 3.0, A)).turns

    assert unmet_counts(turns, make_job(**fields).request) == sentences


def test_one_speaker_is_told_in_the_singular():
    assert unmet_counts([SpeakerTurn(0.0, 1.0, A)], make_job(num_speakers=2).request) == [
        "diarize found 1 speaker, but num_speakers is 2"
    ]
