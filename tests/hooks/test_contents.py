"""What plugins return is checked, and the plugin is named; what cannot be does not reach the response."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from whisperx_worker import (
    Audio,
    DecodedText,
    Diarization,
    Language,
    Result,
    Segment,
    Span,
    SpeakerMatch,
    SpeakerTurn,
    Speech,
    Transcript,
    Word,
    hookimpl,
)
from whisperx_worker.hooks.contents import find_fault
from whisperx_worker.results.formats.result_json import as_json
from whisperx_worker.testing import load_plugin, make_audio, make_job, make_transcript, run_chain

ALLO = Segment(0.0, 1.0, "Алло.", (Word("Алло.", 0.1, 0.9, 0.8),))


def said(**changes):
    return Transcript((replace(ALLO, **changes),), "ru")


def word(**changes):
    fields = {"word": "Алло.", "start": 0.1, "end": 0.9, "score": 0.8, **changes}
    return said(words=(Word(**fields),))


TRANSCRIPTS = {
    "segment 0 is dict and no Segment": Transcript(({"start": 0, "end": 1, "text": "Алло."},), "ru"),
    "its segments are str and no tuple": Transcript("Алло.", "ru"),
    "segment 0 has a text that is int": said(text=5),
    "segment 0 has end nan, which is no time": said(end=math.nan),
    "segment 0 has start -1.0, which is no time": said(start=-1.0),
    "segment 0 has start '0', which is no time": said(start="0"),
    "segment 0 ends at 1.0 before it starts at 2.0": said(start=2.0),
    "segment 0 has words that are no tuple of Words": said(words=({"word": "Алло."},)),
    "segment 0 has another text than its words": said(text="███"),
    "segment 0 has avg_logprob inf, which is no number": said(avg_logprob=math.inf),
    "segment 0 has a speaker that is no text": said(speaker=1),
    "segment 0 has a word 0 that is NoneType": word(word=None),
    "segment 0 has a word 0 that has end nan, which is no time": word(end=math.nan),
    "segment 0 has a word 0 that has score 'high', which is no number": word(score="high"),
    "segment 0 has a word 0 that ends at 0.0 before it starts at 0.1": word(end=0.0),
    "segment 0 has a word 0 that has a speaker that is no text": word(speaker=b"A"),
    "its segments are not in time order": Transcript((Segment(5.0, 6.0, "Да"), Segment(1.0, 2.0, "Нет")), "ru"),
    "its language is int": Transcript((), 7),
    "it has language_probability nan, which is no number": Transcript((), "ru", math.nan),
    "its speech is no tuple of Spans in time order": Transcript((), "ru", speech=(Span(3, 4), Span(1, 2))),
}
TURN = SpeakerTurn(0.0, 1.0, "A")


def frames(*probabilities, kind=np.float32):
    return np.array(probabilities, kind)


SPEECH = {
    "its spans are no tuple of Spans": Speech(((0.0, 1.0),)),
    "its faint are no tuple of Spans": Speech((), "faint"),
    "spans[1] has end nan, which is no time": Speech((Span(0, 1), Span(2, math.nan))),
    "its spans are not in time order, or overlap": Speech((Span(0, 2), Span(1, 3))),
    "faint[0] ends at 1 before it starts at 2": Speech((), (Span(2, 1),)),
    "its probabilities are float64 of shape (1,) and not one for each frame in float32": Speech(
        (), (), frames(0.5, kind=np.float64), 0.1
    ),
    "its probabilities are list and not one for each frame in float32": Speech((), (), [0.5], 0.1),
    "not all of its probabilities are in 0..1": Speech((), (), frames(0.5, math.nan), 0.1),
    "its frame_s is 0.0, which is no length of a frame": Speech((), (), frames(0.5)),
    "its code is None, which is no language": Language(None, 0.5),
    "its code is '', which is no language": Language("", 0.5),
    "its probability is 1.5, which is not in 0..1": Language("ru", 1.5),
    "its probability is nan, which is not in 0..1": Language("ru", math.nan),
}
OTHERS = {
    "its samples are float64 of shape (2, 9) and not one channel of float32": Audio(np.zeros((2, 9))),
    "it has no samples": Audio(np.zeros(0, np.float32)),
    "not all of its samples are numbers": Audio(np.array([0, np.nan], np.float32)),
    "its turns are no tuple of SpeakerTurns": Diarization(((0, 1, "A"),), (), {}),
    "exclusive[0] has end inf, which is no time": Diarization((TURN,), (SpeakerTurn(0.0, math.inf, "A"),), {}),
    "turns[0] has a speaker that is int": Diarization((SpeakerTurn(0, 1, 1),), (), {}),
    "its turns are not in time order": Diarization((SpeakerTurn(2, 3, "A"), TURN), (), {}),
    "its embeddings are list and no mapping": Diarization((TURN,), (TURN,), []),
    "item 0 is str and no SpeakerMatch": ["Анна"],
    "item 0 has similarity nan, which is no number": [SpeakerMatch("A", "Анна", math.nan)],
    "item 0 has a name that is no text": [SpeakerMatch("A", 5, 0.5)],
    "item 0 has a name without a similarity, or the other way round": [SpeakerMatch("A", "Анна", None)],
    "item 0 has runner_up 'x', which is no number": [SpeakerMatch("A", "Анна", 0.5, "x")],
    "segment 0 has a text that is list": Result(said(text=[]), 1.0),
    "its transcript is NoneType": Result(None, 1.0),
    "its duration_s is nan": Result(said(), math.nan),
}


@pytest.mark.parametrize(("fault", "value"), [*TRANSCRIPTS.items(), *OTHERS.items(), *SPEECH.items()])
def test_each_fault_has_its_words(fault, value):
    assert find_fault(value) == fault


@pytest.mark.parametrize(
    "value",
    [
        make_audio(),
        make_transcript("Алло", "Добрый день"),
        said(words=()),
        said(text=" алло "),
        word(start=None, end=None, score=None),
        word(start=np.float32(0.5), end=1),
        Transcript([Segment(0, 1, "Да", [Word("да")])], None),
        Diarization([TURN], [], {}),
        [SpeakerMatch(None, "unknown", np.float64(0.1), segment=0)],
        [SpeakerMatch("A", None, None)],
        (),
        Result(make_transcript("Алло"), 1.0),
        Speech([Span(0, 1), Span(1, 2)], [Span(2, 3)], frames(0, 1), 0.1),
        Speech(()),
        Language("ru"),
        DecodedText(Span(0, 1), "", -0.2, 0.0, retry=True),
    ],
)
def test_what_is_sound_passes(value):
    assert find_fault(value) is None


def test_lists_become_tuples_that_no_later_plugin_can_change():
    made = Transcript([Segment(0, 1, "Да", [Word("Да")])], "ru")

    assert isinstance(made.segments, tuple)
    assert isinstance(made.segments[0].words, tuple)


def test_samples_cannot_be_made_writable_again():
    audio = make_audio()

    with pytest.raises(ValueError, match="WRITEABLE"):
        audio.samples.setflags(write=True)


def test_numbers_of_numpy_reach_the_response_as_json():
    segment = Segment(np.float32(0.5), np.int64(1), "Да", (Word("Да", np.int32(0), np.float64(0.25)),))

    assert json.loads(json.dumps(as_json(Result(Transcript((segment,), "ru"), 1.0))))["segments"] == [
        {"start": 0.5, "end": 1, "text": "Да", "words": [{"word": "Да", "start": 0, "end": 0.25}]}
    ]


@pytest.mark.parametrize(("fault", "value"), TRANSCRIPTS.items())
def test_in_a_chain_the_plugins_change_is_left_out_and_it_is_named(fault, value):
    host = load_plugin(SimpleNamespace(post_align=hookimpl(lambda: value)), name="odd")
    job, before = make_job(host), make_transcript("Алло")

    assert run_chain(host, "post_align", before, job) is before
    assert [str(warned) for warned in job.warnings] == [
        f"plugin odd failed in post_align: it returned Transcript in which {fault}; its change is left out"
    ]


def test_only_changed_segments_are_checked_so_that_a_long_recording_costs_little():
    text = " ".join(["слово"] * 10)
    long = make_transcript(*[text] * 10_000)
    changed = replace(long, segments=(replace(long.segments[0], speaker="A"), *long.segments[1:]))

    def seconds(*arguments):
        began_s = time.process_time()
        assert find_fault(*arguments) is None
        return time.process_time() - began_s

    assert seconds(changed, long) < seconds(changed) / 3
