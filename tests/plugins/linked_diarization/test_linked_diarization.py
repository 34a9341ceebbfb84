"""From windows to tracks, from tracks to pieces, from pieces to people, from people to turns: no model, literals only."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from whisperx_worker_plugins.linked_diarization import clustering, local_tracks
from whisperx_worker_plugins.linked_diarization.assignment import (
    assign_speakers,
    mean_embeddings,
    select_for_embedding,
    speaker_activity,
)
from whisperx_worker_plugins.linked_diarization.clustering import (
    CANNOT_LINK_COST,
    SAME_TRACK_DISCOUNT,
    SATURATION_S,
    EmbeddedPieces,
    SpeakerBounds,
    cluster,
    linkage,
)
from whisperx_worker_plugins.linked_diarization.local_tracks import (
    LinkedTracks,
    Piece,
    Track,
    Windows,
    cannot_link,
    cut_into_pieces,
    link_windows,
    runs,
)
from whisperx_worker_plugins.linked_diarization.turns import exclusive_speaker, frame_loudness_db, trim_quiet_edges

FRAMES, HOP = 40, 10


def windows_of(who, orders, hop=HOP, frames=FRAMES):
    """What a model would hear: `who` (frames, people) seen through windows, each in an order of its own."""
    who = np.asarray(who, np.float32)
    count = (len(who) - frames) // hop + 1
    cut = [who[number * hop :][:frames][:, list(orders[number % len(orders)])] for number in range(count)]
    return Windows(np.stack(cut), hop, 0.5)


def talk(*spans, frames=100, people=3):
    """Who speaks: (person, first frame, frame after the last) of each stretch."""
    who = np.zeros((frames, people))
    for person, start, end in spans:
        who[start:end, person] = 1
    return who


def one_hot(*voices):
    return np.eye(8, dtype=np.float32)[list(voices)]


# --- windows become tracks


@pytest.mark.parametrize("windows_at_once", [1, 2, 4, 1000])
def test_a_speaker_is_followed_through_windows_that_order_speakers_anew(monkeypatch, windows_at_once):
    monkeypatch.setattr(local_tracks, "_WINDOWS_PER_BLOCK", windows_at_once)
    who = talk((0, 0, 100), (1, 15, 25), (1, 45, 55), (1, 75, 85))

    linked = link_windows(windows_of(who, [(0, 1, 2), (1, 0, 2), (2, 1, 0)]))

    assert linked.tracks == (Track(0, (0, 1, 2, 0, 1, 2, 0)), Track(0, (1, 0, 1, 1, 0, 1, 1)))


def test_a_speaker_who_is_silent_in_all_shared_frames_begins_a_new_track():
    who = talk((0, 0, 10), (0, 60, 100))

    assert link_windows(windows_of(who, [(0, 1, 2)])).tracks == (Track(0, (0,)), Track(3, (0, 0, 0, 0)))


def test_two_speakers_of_one_window_are_never_one_track():
    who = talk((0, 0, 50), (1, 50, 100))

    tracks = link_windows(windows_of(who, [(0, 1, 2), (1, 0, 2)])).tracks

    assert len(tracks) == 2
    assert not {(w, i) for w, i in zip(tracks[0].windows, tracks[0].local_speakers, strict=True)} & set(
        zip(tracks[1].windows, tracks[1].local_speakers, strict=True)
    )


def test_fewer_than_five_shared_frames_link_nothing():
    who = talk((0, 0, 14))

    assert [track.first_window for track in link_windows(windows_of(who, [(0, 1, 2)])).tracks] == [0, 1]


def test_where_nobody_speaks_there_is_no_track():
    assert link_windows(windows_of(talk(), [(0, 1, 2)])).tracks == ()
    assert link_windows(windows_of(talk((0, 0, 40), frames=40), [(0, 1, 2)])).tracks == (Track(0, (0,)),)


def test_coverage_counts_the_windows_that_hear_a_frame():
    coverage = Windows(np.zeros((3, 4, 1), np.float32), 2, 0.5).coverage()

    assert coverage.tolist() == [1, 1, 2, 2, 2, 2, 1, 1]


scores = arrays(
    np.float32, st.tuples(st.integers(1, 6), st.just(12), st.just(3)), elements=st.sampled_from([0, 0.25, 0.75, 1])
)


@given(scores, st.integers(1, 11))
def test_every_local_speaker_who_speaks_is_in_exactly_one_track(values, hop):
    windows = Windows(values, hop, 0.5)

    met = [
        pair for track in link_windows(windows).tracks for pair in zip(track.windows, track.local_speakers, strict=True)
    ]

    assert sorted(met) == [tuple(pair) for pair in np.argwhere(windows.active.any(axis=1)).tolist()]


# --- tracks become pieces


def test_pieces_are_what_a_track_says_alone():
    linked = link_windows(windows_of(talk((0, 0, 60), (1, 40, 100)), [(0, 1, 2), (1, 0, 2)]))

    assert cut_into_pieces(linked, np.zeros(100, np.float32), max_frames=90, min_frames=5) == [
        Piece(0, 0, 40),
        Piece(1, 60, 100),
    ]


def test_a_long_stretch_is_cut_where_it_is_quietest():
    linked = link_windows(windows_of(talk((0, 0, 100)), [(0, 1, 2)]))
    loudness_db = np.zeros(100, np.float32)
    loudness_db[[30, 62, 99]] = -20, -10, -40

    assert cut_into_pieces(linked, loudness_db, max_frames=40, min_frames=10) == [
        Piece(0, 0, 30),
        Piece(0, 30, 62),
        Piece(0, 62, 100),
    ]


@given(scores, st.integers(1, 11), st.integers(1, 8), st.integers(1, 4))
def test_pieces_of_a_track_do_not_overlap_and_are_not_empty(values, hop, max_frames, min_frames):
    windows = Windows(values, hop, 0.5)
    loudness_db = np.linspace(0, -40, windows.frames, dtype=np.float32)

    found = cut_into_pieces(link_windows(windows), loudness_db, max_frames, min_frames)

    for track in {piece.track for piece in found}:
        mine = [piece for piece in found if piece.track == track]
        assert all(a.end <= b.start for a, b in pairwise(mine))
    assert all(0 <= piece.start < piece.end <= windows.frames for piece in found)


def test_pieces_that_one_window_hears_as_two_speakers_stay_apart():
    linked = link_windows(windows_of(talk((0, 0, 30), (1, 32, 60), (0, 80, 100)), [(0, 1, 2)]))
    found = cut_into_pieces(linked, np.zeros(100, np.float32), max_frames=90, min_frames=5)

    rivals = {frozenset(pair) for pair in cannot_link(linked, found).tolist()}

    order = {(piece.start, piece.end): number for number, piece in enumerate(found)}
    first, second, third = order[0, 30], order[32, 60], order[80, 100]
    assert {first, second} not in rivals, "60 frames fit into no window of 40"
    assert {first, third} not in rivals


def test_pieces_within_one_window_of_two_tracks_stay_apart():
    linked = LinkedTracks(Windows(np.zeros((1, 40, 3), np.float32), HOP, 0.5), (Track(0, (0,)), Track(0, (1,))))

    assert cannot_link(linked, [Piece(0, 0, 10), Piece(1, 20, 30)]).tolist() == [[0, 1]]
    assert cannot_link(linked, [Piece(0, 0, 10), Piece(0, 20, 30)]).tolist() == []
    assert cannot_link(linked, []).shape == (0, 2)


# --- pieces become people


def voices_of(embeddings, seconds, *rivals, tracks=None):
    unit = np.asarray(embeddings, np.float32)
    pairs = np.array(sorted({(min(pair), max(pair)) for pair in rivals}), np.intp).reshape(-1, 2)
    unit = unit / np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-9)
    numbers = np.arange(len(seconds)) if tracks is None else np.array(tracks)
    return EmbeddedPieces(unit, np.asarray(seconds, np.float64), numbers, pairs)


def any_voices(count, seed):
    """Voices drawn at random, of three tracks, a tenth of the pairs rivals."""
    draw = np.random.default_rng(seed)
    rivals = np.argwhere(draw.random((count, count)) < 0.1)
    return voices_of(
        draw.normal(size=(count, 4)), draw.uniform(1, 9, count), *[(a, b) for a, b in rivals if a != b],
        tracks=draw.integers(0, 3, count),
    )  # fmt: skip


def test_the_most_similar_are_joined_first():
    made = linkage(voices_of([[1, 0], [0, 1], [1, 0.1]], [1, 1, 1]), np.arange(3))

    assert [{merge.target, merge.absorbed} for merge in made] == [{0, 2}, {1, made[0].target}]


def test_every_second_that_a_window_hears_as_two_people_costs():
    (merge,) = linkage(voices_of(one_hot(0, 0), [4, 7], (0, 1)), np.arange(2))

    assert merge.cost == pytest.approx(4 * CANNOT_LINK_COST)


def test_the_cost_of_a_join_is_wards_for_speech_that_counts_less_the_more_of_it_there_is():
    (merge,) = linkage(voices_of(one_hot(0, 1), [SATURATION_S, SATURATION_S]), np.arange(2))

    assert merge.cost == pytest.approx(2 * SATURATION_S / 2 / 2)


def test_joining_stretches_of_one_track_costs_less():
    (merge,) = linkage(voices_of(one_hot(0, 1), [SATURATION_S, SATURATION_S], tracks=[7, 7]), np.arange(2))

    assert merge.cost == pytest.approx((1 - SAME_TRACK_DISCOUNT) * 2 * SATURATION_S / 2 / 2)


def test_a_long_stretch_counts_more_in_its_group():
    made = linkage(voices_of([[1, 0], [1, 0.2], [0, 1]], [9, 1, 1]), np.arange(3))

    assert {made[0].target, made[0].absorbed} == {0, 1}
    mean = (9 * np.array([1, 0]) + np.array([1, 0.2]) / np.hypot(1, 0.2)) / 10
    speech = [10 / (1 + 10 / SATURATION_S), 1 / (1 + 1 / SATURATION_S)]
    assert made[1].cost == pytest.approx(((mean - [0, 1]) ** 2).sum() * speech[0] * speech[1] / sum(speech), rel=1e-5)


def test_as_many_speakers_as_voices_differ():
    assert cluster(voices_of(one_hot(0, 1, 0, 2, 1), [9] * 5), SpeakerBounds(0.5, 3)).tolist() == [0, 1, 0, 2, 1]


def test_rivals_are_two_speakers_though_they_sound_nearly_the_same():
    assert cluster(voices_of([[1, 0], [1, 0.1]], [9, 9], (0, 1)), SpeakerBounds(0.5, 3)).tolist() == [0, 1]


def test_who_hardly_speaks_is_one_of_those_who_do():
    near = [[1, 0], [0, 1], [0.6, 0.5]]

    assert cluster(voices_of(near, [9, 9, 1]), SpeakerBounds(0.1, 3)).tolist() == [0, 1, 0]


def test_a_stretch_that_was_joined_early_goes_to_the_speaker_whom_it_is_most_like():
    near = [[1, 0], [0.8, 0.7], [0, 1], [0.1, 1]]

    labels = cluster(voices_of(near, [9, 1, 9, 9]), SpeakerBounds(1.0, 3))

    assert labels[1] == labels[0] != labels[2] == labels[3]


def test_where_everybody_hardly_speaks_there_is_a_speaker_all_the_same():
    assert cluster(voices_of(one_hot(0, 1), [1, 2]), SpeakerBounds(0.5, 3)).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("fewest", "most", "found"), [(1, None, 3), (1, 2, 2), (1, 1, 1), (4, None, 4), (5, 5, 5), (9, 9, 5)]
)
def test_the_number_of_speakers_is_kept_as_far_as_there_are_voices(fewest, most, found):
    vectors = [[1, 0, 0], [1, 0.2, 0], [0, 1, 0], [0.1, 1, 0], [0, 0, 1]]

    labels = cluster(voices_of(vectors, [9] * 5), SpeakerBounds(0.5, 3, fewest, most))

    assert len(set(labels.tolist())) == found


def test_a_voice_that_is_asked_for_is_kept_though_it_hardly_speaks():
    assert cluster(
        voices_of(one_hot(0, 1), [9, 1]), SpeakerBounds(0.5, 3, min_speakers=2, max_speakers=2)
    ).tolist() == [0, 1]


def test_nobody_is_nobody():
    assert cluster(voices_of(np.zeros((0, 2)), []), SpeakerBounds(0.5, 3)).tolist() == []


@given(st.integers(1, 12), st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(0, 3))
def test_any_voices_are_joined_to_one_and_never_more_than_asked_for(count, seed, fewest, more):
    voices = any_voices(count, seed)

    made = linkage(voices, np.arange(count))
    labels = cluster(voices, SpeakerBounds(0.3, 4.0, fewest, fewest + more))

    gone = [merge.absorbed for merge in made]
    assert len(set(gone)) == count - 1
    assert all(merge.target not in gone[:number] for number, merge in enumerate(made))
    assert set(labels.tolist()) == set(range(labels.max() + 1))
    assert labels.max() < fewest + more


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 90), st.integers(1, 50)), max_size=12))
def test_rivals_are_those_that_looking_at_every_pair_finds(parts):
    spans_of_tracks = [(0, 3), (0, 6), (2, 4), (3, 9), (5, 6), (0, 1)]
    tracks = tuple(Track(first, (0,) * (after - first)) for first, after in spans_of_tracks)
    linked = LinkedTracks(Windows(np.zeros((9, FRAMES, 3), np.float32), HOP, 0.5), tracks)
    found = [Piece(track, start, start + length) for track, start, length in parts]

    def rival(one, other):
        shared = set(tracks[one.track].windows) & set(tracks[other.track].windows)
        fit = max(one.end, other.end) - min(one.start, other.start) <= FRAMES
        return one.track != other.track and bool(shared) and fit

    expected = {frozenset(pair) for pair in combinations(range(len(found)), 2) if rival(*(found[n] for n in pair))}
    pairs = cannot_link(linked, found).tolist()
    assert {frozenset(pair) for pair in pairs} == expected
    assert len(pairs) == len(expected)


@given(st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_groups_are_what_joining_their_stretches_one_by_one_makes_of_them(count, seed):
    voices = any_voices(count, seed)
    made = linkage(voices, np.arange(count))
    half = len(made) // 2
    called = np.arange(count)
    for merge in made[:half]:
        called[called == merge.absorbed] = merge.target

    anew = linkage(voices, np.unique(called, return_inverse=True)[1])

    assert [merge.cost for merge in anew] == pytest.approx([merge.cost for merge in made[half:]], rel=1e-3, abs=1e-4)


def test_of_many_stretches_neighbours_are_joined_first_and_the_speakers_are_the_same(monkeypatch):
    draw = np.random.default_rng(0)
    who = draw.integers(0, 4, 600)
    voices = voices_of(one_hot(*who) + draw.normal(0, 0.1, (600, 8)), draw.uniform(1, 4, 600))
    whole = cluster(voices, SpeakerBounds(0.7, 3))
    monkeypatch.setattr(clustering, "MAX_GROUPS", 100)
    in_parts = cluster(voices, SpeakerBounds(0.7, 3))

    assert len(set(zip(who, whole, strict=True))) == len(set(zip(whole, in_parts, strict=True))) == 4


def test_pieces_that_tell_a_voice_are_the_long_ones_and_the_longest_of_a_track():
    parts = [Piece(0, 0, 50), Piece(0, 60, 70), Piece(1, 0, 20), Piece(1, 30, 55), Piece(2, 0, 10)]

    assert select_for_embedding(parts, min_frames=40, min_only_frames=15) == [0, 3]


def test_voices_of_one_track_are_told_apart_and_found_again_in_another():
    parts = [Piece(0, 0, 10), Piece(0, 12, 20), Piece(1, 90, 100), Piece(0, 20, 22)]
    linked = LinkedTracks(Windows(np.zeros((7, 40, 3), np.float32), HOP, 0.5), (Track(0, (0,)), Track(6, (0,))))
    embeddings = np.concatenate([one_hot(0, 1, 1), np.full((1, 8), np.nan, np.float32)])

    found = assign_speakers(parts, embeddings, linked, SpeakerBounds(0.5, 1), frame_s=0.2)

    assert found.tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize("minutes", [1, 10])
def test_two_people_are_two_in_a_long_recording_too_where_windows_are_wrong_now_and_then(minutes):
    turns = 15 * minutes
    # They take turns of 4 s, but every twentieth time one of them goes on and windows hear somebody else.
    who = (np.cumsum(np.arange(turns) % 20 > 0) % 2).repeat(2)
    parts = [Piece(turn, first, first + 18) for turn in range(turns) for first in (40 * turn, 40 * turn + 20)]
    tracks = tuple(Track(max(0, 4 * turn - 3), (0,) * 7) for turn in range(turns))
    linked = LinkedTracks(Windows(np.zeros((4 * turns + 4, FRAMES, 3), np.float32), HOP, 0.5), tracks)
    noise = np.random.default_rng(0).normal(0, 0.15, (2 * turns, 8)).astype(np.float32)

    found = assign_speakers(parts, one_hot(*who) + noise, linked, SpeakerBounds(0.7, 2.0), frame_s=0.1)

    assert set(zip(who.tolist(), found.tolist(), strict=True)) == {(0, 0), (1, 1)}


def test_who_speaks_for_seconds_is_a_speaker_in_ten_minutes_too():
    parts = [Piece(number, 100 * number, 100 * number + 20) for number in range(300)]
    linked = LinkedTracks(Windows(np.zeros((1, 40, 3), np.float32), HOP, 0.5), (Track(0, (0,)),) * 300)
    who = np.array([0, 1] * 145 + [2] * 5 + [0, 1] * 2 + [0])

    found = assign_speakers(parts, one_hot(*who), linked, SpeakerBounds(0.7, 2.0), frame_s=0.1)

    assert found.tolist() == who.tolist()


def test_pieces_that_tell_no_voice_are_one_speaker():
    linked = LinkedTracks(Windows(np.zeros((1, 40, 3), np.float32), HOP, 0.5), (Track(0, (0,)),))

    assert assign_speakers(
        [Piece(0, 0, 3)], np.full((1, 8), np.nan, np.float32), linked, SpeakerBounds(0.5, 5), 0.5
    ).tolist() == [0]


def test_a_track_is_its_pieces_speakers_half_way_to_the_next():
    linked = link_windows(windows_of(talk((0, 0, 40), frames=40), [(0, 1, 2)]))
    parts = [Piece(0, 0, 10), Piece(0, 20, 40)]

    heard = speaker_activity(linked, parts, np.array([0, 1]))

    assert heard.argmax(axis=1).tolist() == [0] * 15 + [1] * 25
    assert heard.max(axis=1).tolist() == [1.0] * 40


def test_a_track_that_is_never_alone_is_spoken_by_the_nearest():
    linked = LinkedTracks(Windows(np.ones((1, 40, 3), np.float32), HOP, 0.5), (Track(0, (0,)), Track(0, (1,))))

    assert speaker_activity(linked, [Piece(0, 0, 10)], np.array([0])).tolist() == [[1.0]] * 40


def test_a_track_that_is_never_alone_is_not_spoken_by_whoever_speaks_at_the_same_time():
    linked = LinkedTracks(
        Windows(np.ones((2, 40, 3), np.float32), 40, 0.5), (Track(0, (0,)), Track(0, (1,)), Track(1, (0,)))
    )

    heard = speaker_activity(linked, [Piece(0, 0, 30), Piece(2, 60, 80)], np.array([0, 1]))

    assert heard.tolist() == [[1.0, 1.0]] * 40 + [[0.0, 1.0]] * 40


def test_a_mean_embedding_counts_each_piece_by_its_length():
    parts = [Piece(0, 0, 30), Piece(0, 30, 40), Piece(1, 0, 5)]
    embeddings = np.array([[2, 0], [0, 5], [np.nan, np.nan]], np.float32)

    means = mean_embeddings(parts, embeddings, np.array([0, 0, 1]))

    assert means[0].tolist() == pytest.approx([3 / 10**0.5, 1 / 10**0.5])
    assert np.isnan(means[1]).all()


# --- people become turns


def test_runs_are_stretches_of_true():
    assert runs(np.array([False, True, True, False, True])) == [(1, 3), (4, 5)]
    assert runs(np.zeros(3, dtype=bool)) == []


def test_loudness_is_that_of_the_sound_around_a_frame():
    samples = np.concatenate([np.full(1600, 0.1), np.zeros(1600)]).astype(np.float32)

    found = frame_loudness_db(samples, np.array([800, 2400, 9000]))

    assert found.tolist() == pytest.approx([-20.0, -100.0, -100.0], abs=0.01)


def test_quiet_edges_are_cut_off_and_quiet_middles_are_kept():
    speaks = np.ones((10, 1), dtype=bool)
    loudness_db = np.array([-80, -50, -20, -20, -80, -20, -20, -49, -51, -80], np.float32)

    assert trim_quiet_edges(speaks, loudness_db)[:, 0].tolist() == [False] + [True] * 7 + [False] * 2


def test_one_speaker_at_a_time_is_the_one_heard_best():
    heard = np.array([[0.9, 0.6], [0.6, 0.9], [0.9, 0.6], [0.1, 0.2]], np.float32)
    speaks = np.array([[True, True], [True, True], [False, True], [False, False]])

    assert exclusive_speaker(heard, speaks).tolist() == [[True, False], [False, True], [False, True], [False, False]]


@given(
    arrays(np.float32, (12, 3), elements=st.floats(0, 1, width=32)), arrays(bool, (12, 3)),
    arrays(np.float32, 12, elements=st.floats(-100, 0, width=32)),
)  # fmt: skip
def test_turns_never_grow_and_somebody_speaks_alone_wherever_anybody_speaks(heard, speaks, loudness_db):
    kept = trim_quiet_edges(speaks, loudness_db)
    alone = exclusive_speaker(heard, kept)

    assert not (kept & ~speaks).any()
    assert kept.any(axis=0).tolist() == speaks.any(axis=0).tolist()
    assert alone.sum(axis=1).tolist() == kept.any(axis=1).astype(int).tolist()
    assert not (alone & ~kept).any()
