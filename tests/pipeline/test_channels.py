"""A job whose channels are read apart answers in the time of the recording, whatever a plugin does meanwhile."""

import json
from dataclasses import replace

import numpy as np
import pytest

from whisperx_worker import Audio, OutputFormat, Segment, Span, SpeakerTurn, Speech, Transcript, Word, hookimpl
from whisperx_worker.contract.channels import lay_out
from whisperx_worker.testing import Recording, make_diarization, run_job
from whisperx_worker.types import SAMPLE_RATE_HZ

LENGTH_S = 4.0
SPANS = lay_out(2, LENGTH_S)
SECOND = SPANS[1].start


def laid_out(*channels):
    """Channels of one length, one after the other."""
    spans = lay_out(len(channels), len(channels[0]) / SAMPLE_RATE_HZ)
    samples = np.zeros(round(spans[-1].end * SAMPLE_RATE_HZ), np.float32)
    for span, channel in zip(spans, channels, strict=True):
        first = round(span.start * SAMPLE_RATE_HZ)
        samples[first : first + len(channel)] = channel
    return Audio(samples, spans)


def noise(seed, level=0.05, seconds=LENGTH_S):
    return (level * np.random.default_rng(seed).standard_normal(round(seconds * SAMPLE_RATE_HZ))).astype(np.float32)


def segment(start, *words):
    timed = tuple(Word(text, start + 0.4 * place, start + 0.4 * place + 0.3) for place, text in enumerate(words))
    return Segment(start, timed[-1].end, " ".join(words), timed)


AUDIO = laid_out(noise(1), noise(2))
CALL = Recording(
    AUDIO,
    Transcript(
        (segment(1.0, "Слушаю", "вас."), segment(SECOND + 0.5, "Добрый", "день."), segment(SECOND + 2.0, "Анна?")), "ru"
    ),
    make_diarization((1.0, 1.7, "SPEAKER_00"), (SECOND + 0.5, SECOND + 1.2, "SPEAKER_01"),
                     (SECOND + 2.0, SECOND + 2.3, "SPEAKER_00")),
)  # fmt: skip


def times_of(segments):
    return [(one["text"], one["start"], one["channel"], one.get("speaker")) for one in segments]


def test_each_channel_is_one_speaker_and_segments_are_in_the_order_of_the_recording():
    answer = run_job({}, CALL, channels="separate", channel_names=["Анна"], output_formats=["json", "rttm", "txt"])

    assert times_of(answer.response["segments"]) == [
        ("Добрый день.", 0.5, 1, "CHANNEL_1"), ("Слушаю вас.", 1.0, 0, "Анна"), ("Анна?", 2.0, 1, "CHANNEL_1"),
    ]  # fmt: skip
    assert {word["speaker"] for word in answer.response["segments"][1]["words"]} == {"Анна"}
    assert answer.response["speakers"] == [
        {"speaker": "CHANNEL_1", "speech_s": 1.0}, {"speaker": "Анна", "speech_s": 0.7},
    ]  # fmt: skip
    assert answer.response["warnings"] == []
    assert answer.result.duration_s == LENGTH_S
    assert answer.outputs["txt"].splitlines() == [
        "[CHANNEL_1]: Добрый день.", "[Анна]: Слушаю вас.", "[CHANNEL_1]: Анна?",
    ]  # fmt: skip
    assert [line.split()[3] for line in answer.outputs["rttm"].splitlines()] == ["0.500", "1.000", "2.000"]


def test_with_diarization_no_speaker_is_in_two_channels_and_labels_go_by_first_turns():
    answer = run_job({}, CALL, channels="separate", diarization=True)

    assert times_of(answer.response["segments"]) == [
        ("Добрый день.", 0.5, 1, "SPEAKER_00"), ("Слушаю вас.", 1.0, 0, "SPEAKER_01"), ("Анна?", 2.0, 1, "SPEAKER_02"),
    ]  # fmt: skip
    assert [one["speaker"] for one in answer.response["speakers"]] == ["SPEAKER_00", "SPEAKER_01", "SPEAKER_02"]
    assert answer.response["warnings"] == []


def test_verified_names_follow_the_channels():
    samples = [{"name": "Вера", "audio_base64": "UklGRg=="}, {"name": "Олег", "audio_base64": "UklGRg=="}]
    answer = run_job({}, CALL, channels="separate", speaker_samples=samples)
    assert [one["speaker_id"] for one in answer.response["segments"]] == ["Олег", "Вера", "Олег"]


def test_a_single_channel_is_a_channel_too():
    mono = replace(CALL, audio=Audio(noise(1)), transcript=Transcript((segment(1.0, "Да."),), "ru"))
    assert times_of(run_job({}, mono, channels="separate").response["segments"]) == [("Да.", 1.0, 0, "CHANNEL_0")]
    assert "channel" not in run_job({}, mono, channels="auto").response["segments"][0]


def test_more_names_than_channels_end_the_job_before_any_model():
    answer = run_job({}, CALL, channels="separate", channel_names=["Анна", "Борис", "Вера"])
    assert answer.response["error"] == "channel_names has 3 names, but the recording has 2 channels"


def test_names_that_auto_has_no_use_for_are_reported():
    mono = replace(CALL, audio=Audio(noise(1)))
    answer = run_job({}, mono, channels="auto", channel_names=["Анна"], output_formats=["rttm"])
    assert answer.response["warnings"] == [
        "channel_names are not used, since the channels are not read apart",
        "rttm has no turns, since the channels are not read apart and there is no diarization",
    ]


class Watches:
    """Plugin that keeps what its hooks get, and warns of places."""

    def __init__(self):
        self.seen = []

    @hookimpl
    def post_align(self, transcript, job):
        self.seen.append([one.start for one in transcript.segments])
        job.warn("odd", Span(SECOND + 1.0, SECOND + 2.0))
        job.warn("odd everywhere", Span(0.0, AUDIO.duration_s))
        job.warn(f"odd in places ({job.places([Span(0.5, 1.0), Span(SECOND, SECOND + 0.25)])})")
        job.note_text("removed", Segment(SECOND + 3.0, SECOND + 3.5, "Эхо"), "it is odd")

    @hookimpl
    def finalize(self, result, job):
        self.seen.append([one.start for one in result.transcript.segments])
        job.warn("late", Span(1.0, 2.0))

    @hookimpl
    def register_outputs(self):
        return [OutputFormat("length", ".txt", lambda audio: f"{audio.duration_s} {audio.channel_spans}")]


def test_plugins_see_laid_out_times_and_the_client_those_of_the_recording():
    plugin = Watches()
    answer = run_job({"watches": plugin}, CALL, channels="separate", stream=True, debug=True, output_formats=["length"])

    assert plugin.seen == [[1.0, SECOND + 0.5, SECOND + 2.0], [0.5, 1.0, 2.0]]
    assert answer.response["warnings"] == [
        "channel 1, 1.00-2.00 s: odd",
        "0.00-4.00 s: odd everywhere",
        "odd in places (channel 0, 0.50-1.00 s; channel 1, 0.00-0.25 s)",
        "1.00-2.00 s: late",
    ]
    assert answer.response["debug"]["removed"] == [
        {"channel": 1, "start": 3.0, "end": 3.5, "text": "Эхо", "why": "it is odd"}
    ]
    assert [(one.start, one.channel, one.speaker) for one in answer.streamed] == [
        (0.5, 1, "CHANNEL_1"), (1.0, 0, "CHANNEL_0"), (2.0, 1, "CHANNEL_1"),
    ]  # fmt: skip
    assert answer.outputs["length"] == "4.0 ()"


class Changes:
    """Plugin that answers with another recording."""

    def __init__(self, change):
        self.change = change
        self.spans = None

    @hookimpl
    def pre_audio(self, audio):
        return self.change(audio)

    @hookimpl
    def post_align(self, audio):
        self.spans = audio.channel_spans


@pytest.mark.parametrize(
    ("change", "warnings"),
    [
        (lambda audio: Audio(audio.samples * np.float32(0.5)), []),
        (lambda audio: replace(audio, samples=audio.samples * np.float32(0.5)), []),
        (
            lambda audio: Audio(audio.samples[:-1].copy()),
            ["it has another length, which it must keep where channels are read apart"],
        ),
        (lambda audio: Audio(audio.samples, (Span(0.0, 1.0),)), ["its channel_spans are changed"]),
    ],
    ids=["bare samples", "replaced samples", "another length", "other channels"],
)
def test_channels_stay_where_they_are_whatever_pre_audio_answers(change, warnings):
    plugin = Changes(change)
    answer = run_job({"changes": plugin}, CALL, channels="separate")

    assert answer.response["warnings"] == [
        f"plugin changes failed in pre_audio: it returned Audio in which {fault}; its change is left out"
        for fault in warnings
    ]
    assert plugin.spans == SPANS
    assert len(answer.response["segments"]) == 3


class Shortens:
    """Recogniser that hands another recording on."""

    @hookimpl(tryfirst=True)
    def transcribe(self, audio, next_engine):
        return next_engine(audio=Audio(audio.samples[:-1].copy()))


def test_an_engine_cannot_hand_on_a_recording_of_another_length():
    answer = run_job({"shortens": Shortens()}, CALL, channels="separate", plugins={"shortens": {}})
    assert "it has another length, which it must keep" in answer.response["error"]


class SpansSeams:
    """Engines that know nothing of channels."""

    @hookimpl(tryfirst=True)
    def detect_speech(self):
        return Speech((Span(1.0, SECOND + 1.0),))

    @hookimpl(tryfirst=True)
    def transcribe(self, speech):
        words = Word("Раз", 3.0, 3.5), Word("два", SECOND + 0.2, SECOND + 0.6)
        return Transcript((Segment(3.0, SECOND + 0.6, "Раз два", words),), "ru", speech=speech.spans)

    @hookimpl(tryfirst=True)
    def diarize(self):
        return make_diarization((2.0, SECOND + 3.0, "X"))


def test_what_engines_find_across_a_seam_is_cut_there():
    plugins = {"spans_seams": SpansSeams()}
    answer = run_job(plugins, CALL, channels="separate", diarization=True, plugins={"spans_seams": {}})

    assert times_of(answer.response["segments"]) == [
        ("два", 0.2, 1, "SPEAKER_00"), ("Раз", 3.0, 0, "SPEAKER_01"),
    ]  # fmt: skip
    assert answer.result.turns == (SpeakerTurn(0.0, 3.0, "SPEAKER_00"), SpeakerTurn(2.0, 4.0, "SPEAKER_01"))
    assert answer.result.transcript.speech == (Span(0.0, 4.0),)


class OneChannelSpeaks:
    @hookimpl(tryfirst=True)
    def detect_speech(self):
        return Speech((Span(1.0, 2.0),))

    @hookimpl(tryfirst=True)
    def transcribe(self, speech):
        return Transcript((segment(1.0, "Да."),), "ru", speech=speech.spans)


def test_a_channel_without_speech_is_reported():
    plugins = {"one_channel_speaks": OneChannelSpeaks()}
    answer = run_job(plugins, CALL, channels="separate", plugins={"one_channel_speaks": {}})
    assert answer.response["warnings"] == ["channel 1, 0.00-4.00 s: no speech was found"]


def test_a_mixed_job_knows_no_channel():
    mixed = replace(CALL, audio=Audio(noise(1, seconds=20.0)))
    answer = run_job({}, mixed)
    assert not any("channel" in one or "speaker" in one for one in answer.response["segments"])
    assert json.dumps(answer.response, ensure_ascii=False).count("CHANNEL_") == 0
