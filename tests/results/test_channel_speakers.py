"""Speakers of channels: one for each, or several by diarization, and none in two of them."""

from whisperx_worker import Diarization, Segment, Span, SpeakerTurn, Transcript, Word
from whisperx_worker.results.channel_layout import ChannelLayout
from whisperx_worker.results.channel_speakers import (
    are_separate,
    assign_in_channels,
    channel_turns,
    channels_without_turns,
    label_channels,
    separate_speakers,
)
from whisperx_worker.testing import make_diarization

SPANS = (Span(0.0, 30.0), Span(40.0, 70.0))
NAMED = ChannelLayout(SPANS, ("Анна", "CHANNEL_1"))
APART = ChannelLayout(SPANS)


def turns_of(diarization):
    return [(turn.start, turn.end, turn.speaker) for turn in diarization.turns]


def test_every_segment_and_word_has_the_speaker_of_its_channel():
    words = Word("Добрый", 1.0, 1.4), Word("день", 1.4, 2.0), Word("Да", 41.0, 41.5)
    labelled = label_channels(Transcript((Segment(1.0, 41.5, "Добрый день Да", words),), "ru"), NAMED)

    assert [(one.text, one.speaker) for one in labelled.segments] == [("Добрый день", "Анна"), ("Да", "CHANNEL_1")]
    assert [word.speaker for one in labelled.segments for word in one.words] == ["Анна", "Анна", "CHANNEL_1"]


def test_turns_of_a_channel_are_the_speech_of_its_text():
    speech = (Span(0.8, 2.1), Span(2.4, 3.0), Span(10.0, 12.0))
    segments = Segment(0.9, 3.5, "Добрый день", speaker="Анна"), Segment(41.0, 42.0, "Да", speaker="CHANNEL_1")

    turns = channel_turns(Transcript(segments, "ru", speech=speech))

    assert turns_of(turns) == [(0.9, 2.1, "Анна"), (2.4, 3.0, "Анна"), (41.0, 42.0, "CHANNEL_1")]
    assert turns.exclusive == turns.turns


def test_a_voice_in_two_channels_is_two_speakers_in_the_order_of_the_recording():
    vector = [1.0]
    diarization = Diarization(
        (SpeakerTurn(5.0, 43.0, "A"), SpeakerTurn(44.0, 45.0, "B")), (SpeakerTurn(6.0, 7.0, "A"),), {"A": vector}
    )
    apart = separate_speakers(diarization, APART)

    assert turns_of(apart) == [(5.0, 30.0, "SPEAKER_02"), (40.0, 43.0, "SPEAKER_00"), (44.0, 45.0, "SPEAKER_01")]
    assert apart.exclusive == (SpeakerTurn(6.0, 7.0, "SPEAKER_02"),)
    assert dict(apart.embeddings) == {"SPEAKER_00": vector, "SPEAKER_02": vector}
    assert are_separate(apart, APART)
    assert not are_separate(diarization, APART)


def test_text_gets_its_speaker_from_turns_of_its_own_channel_only():
    diarization = make_diarization((27.0, 30.0, "SPEAKER_00"))
    transcript = Transcript((Segment(28.0, 29.0, "Алло"), Segment(40.1, 41.0, "Да")), "ru")

    assigned = assign_in_channels(transcript, diarization, APART)

    assert [one.speaker for one in assigned.segments] == ["SPEAKER_00", None]
    assert channels_without_turns(transcript, diarization, APART) == [1]
