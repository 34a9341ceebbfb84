"""Speech and language reach the recogniser that takes them, and plugins see each chunk's text."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.hooks.whole_jobs import open_host, response_to
from whisperx_worker import (
    Audio,
    DecodedText,
    Language,
    ModelCache,
    ModelRequirement,
    Segment,
    Span,
    Speech,
    Transcript,
    hookimpl,
)
from whisperx_worker.hooks.engine_choice import engines_for_job, recognition_steps
from whisperx_worker.hooks.requirements import required_models
from whisperx_worker.operate.doctor import findings
from whisperx_worker.pipeline.worker import Worker, warm_up
from whisperx_worker.testing import make_job

WITHOUT_OURS = {"plugins_block": ("recognises",)}
HALF = Speech((Span(0.0, 0.5),))
KAZAKH = Language("kk", 0.75)


class Detects:
    """A detector with a given answer, which notes the recordings that it gets."""

    def __init__(self, answer=HALF):
        self.answer, self.seen = answer, []

    @hookimpl
    def detect_speech(self, audio):
        self.seen.append(audio)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Identifies:
    """A language identification with a given answer, which notes the speech that it gets."""

    def __init__(self, answer=KAZAKH):
        self.answer, self.seen = answer, []

    @hookimpl
    def identify_language(self, speech):
        self.seen.append(speech)
        return self.answer


class Takes:
    """A recogniser that takes speech and language, and says what it got."""

    def __init__(self):
        self.seen = []

    @hookimpl
    def transcribe(self, audio, speech, language):
        self.seen.append((audio, speech, language))
        segments = tuple(Segment(span.start, span.end, "Алло.") for span in speech.spans)
        code, probability = (language.code, language.probability) if language else (None, None)
        return Transcript(segments, code, probability, speech.spans)


class TakesSound:
    @hookimpl
    def transcribe(self, audio):
        return Transcript((Segment(0.0, audio.duration_s, "Алло."),), "ru")


def answer(**given):
    return response_to(settings=WITHOUT_OURS, **given)


# --- what the recogniser gets


def test_the_recogniser_gets_the_speech_and_the_language_that_were_found():
    detects, identifies, takes = Detects(), Identifies(), Takes()

    response = answer(detects=detects, identifies=identifies, takes=takes, debug=True)

    assert [(speech, language) for _, speech, language in takes.seen] == [(HALF, KAZAKH)]
    assert identifies.seen == [HALF]
    assert len(detects.seen) == 1
    assert (response["detected_language"], response["language_probability"]) == ("kk", 0.75)
    assert list(response["timings"])[3:6] == ["detect_speech_s", "identify_language_s", "transcribe_s"]


@pytest.mark.parametrize("fields", [{}, {"language": "ru"}])
def test_for_a_recogniser_that_takes_sound_alone_nothing_is_looked_for(fields):
    detects, identifies = Detects(), Identifies()

    response = answer(detects=detects, identifies=identifies, takes=TakesSound(), debug=True, **fields)

    assert (detects.seen, identifies.seen) == ([], [])
    assert {"detect_speech_s", "identify_language_s"}.isdisjoint(response["timings"])


def test_a_language_that_the_job_names_is_not_looked_for():
    takes, identifies = Takes(), Identifies()

    answer(detects=Detects(), identifies=identifies, takes=takes, language="ru")

    assert (identifies.seen, takes.seen[0][2]) == ([], Language("ru"))


@pytest.mark.parametrize(
    ("speech", "asked"), [(Speech(()), 0), (Speech((), (Span(0.0, 1.0),)), 1), (HALF, 1)], ids=["none", "faint", "some"]
)
def test_the_language_is_looked_for_where_there_may_be_speech(speech, asked):
    takes, identifies = Takes(), Identifies()

    answer(detects=Detects(speech), identifies=identifies, takes=takes)

    assert (len(identifies.seen), takes.seen[0][2]) == (asked, KAZAKH if asked else None)


def test_a_recogniser_may_take_the_language_alone_or_with_a_default():
    class TakesLanguage:
        @hookimpl
        def transcribe(self, language=None):
            return Transcript((), language.code)

    detects = Detects()
    assert answer(detects=detects, identifies=Identifies(), takes=TakesLanguage())["detected_language"] == "kk"
    assert len(detects.seen) == 1
    assert answer(detects=detects, takes=TakesLanguage(), language="ru")["detected_language"] == "ru"
    assert len(detects.seen) == 1


def test_speech_ends_with_the_recording():
    takes = Takes()
    beyond = Speech((Span(0.0, 0.5), Span(0.75, 1.25)), (Span(2.0, 3.0),))

    answer(detects=Detects(beyond), takes=takes, language="ru")

    ((_, speech, _),) = takes.seen
    assert (speech.spans, speech.faint) == ((Span(0.0, 0.5), Span(0.75, 1.0)), ())


# --- what fails


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (KeyError("x"), "detect_speech failed in plugin detects: it raised KeyError"),
        (None, "detect_speech: plugin detects declined this job"),
        (
            Speech((Span(0.5, 0.1),)),
            "detect_speech failed in plugin detects: it returned Speech in which spans[0] ends at 0.1 before it starts at "
            "0.5",
        ),
    ],
)
def test_without_speech_to_read_the_job_fails_with_one_sentence(found, sentence):
    assert answer(detects=Detects(found), identifies=Identifies(), takes=Takes())["error"] == sentence


def test_without_a_language_the_job_fails_with_one_sentence():
    given = {"detects": Detects(), "takes": Takes()}
    assert answer(**given)["error"] == "identify_language: no active plugin does this step"
    assert answer(**given, identifies=Identifies(Language("kk", 75)))["error"] == (
        "identify_language failed in plugin identifies: it returned Language in which its probability is 75, which is not "
        "in 0..1"
    )


def test_an_engine_is_chosen_by_its_setting():
    chosen = {**WITHOUT_OURS, "detect_speech_engine": "other", "identify_language_engine": "other"}

    class Other:
        @hookimpl
        def detect_speech(self):
            return Speech((Span(0.25, 0.75),))

        @hookimpl
        def identify_language(self):
            return Language("tt", 0.5)

    takes = Takes()
    response_to(settings=chosen, detects=Detects(), identifies=Identifies(), other=Other(), takes=takes)
    assert [(speech.spans, language) for _, speech, language in takes.seen] == [
        ((Span(0.25, 0.75),), Language("tt", 0.5))
    ]


# --- engines that wrap the recogniser


class Hands:
    """An engine that takes sound alone, and hands on what a function makes of it."""

    def __init__(self, change):
        self.change = change

    @hookimpl
    def transcribe(self, audio, next_engine):
        return next_engine(**self.change(audio))


def louder(audio):
    return Audio(audio.samples + np.float32(0.5))


@pytest.mark.parametrize(
    ("change", "heights"),
    [
        (lambda _audio: {}, [0.0]),
        (lambda audio: {"audio": audio}, [0.0]),
        (lambda audio: {"audio": louder(audio)}, [0.5]),
        (lambda audio: {"audio": louder(audio), "speech": HALF}, []),
    ],
    ids=["nothing", "the same", "another", "another and its speech"],
)
def test_speech_is_found_in_the_sound_that_the_next_engine_gets(change, heights):
    detects, takes = Detects(), Takes()

    answer(detects=detects, identifies=Identifies(), hands=Hands(change), takes=takes, plugins={"hands": {}})

    assert [audio.samples.max() for audio in detects.seen] == heights
    assert [(speech, language.code) for _, speech, language in takes.seen] == [(HALF, "kk")]


def test_an_engine_that_takes_speech_hands_it_on_with_the_same_sound_only():
    class Both:
        def __init__(self, change):
            self.change = change

        @hookimpl
        def transcribe(self, audio, speech, next_engine):
            assert speech is HALF
            return next_engine(**self.change(audio))

    found = []
    for change in (lambda audio: {"audio": audio}, lambda audio: {"audio": louder(audio)}):
        detects = Detects()
        answer(detects=detects, identifies=Identifies(), both=Both(change), takes=Takes(), plugins={"both": {}})
        found.append(len(detects.seen))
    assert found == [1, 2]


# --- what the operator sees


class Wants:
    """A plugin that identifies the language with a model."""

    @hookimpl
    def register_models(self):
        return [ModelRequirement("shared", "identify_language"), ModelRequirement("own", "identify_language")]

    @hookimpl
    def identify_language(self):
        return Language("ru", 1.0)


class TakesWithModel(Takes):
    @hookimpl
    def register_models(self):
        return [ModelRequirement("shared", "transcribe")]


def steps_and_models(**plugins):
    settings, host = open_host(WITHOUT_OURS, **plugins)
    job = replace(make_job(host), settings=settings)
    steps = recognition_steps(engines_for_job(host, "transcribe", job))
    return steps, [(need.step, need.name) for need in required_models(host, settings)]


def test_a_model_that_two_steps_share_is_that_of_the_recogniser():
    assert steps_and_models(detects=Detects(), wants=Wants(), takes=TakesWithModel()) == (
        ("detect_speech", "identify_language", "transcribe"),
        [("transcribe", "shared"), ("identify_language", "own")],
    )


def test_models_of_steps_that_the_recogniser_does_not_need_are_not_missed():
    assert steps_and_models(detects=Detects(), wants=Wants(), takes=TakesSound()) == (("transcribe",), [])


def rows(**plugins):
    settings, host = open_host(WITHOUT_OURS, **plugins)
    steps = ("detect_speech", "identify_language", "transcribe")
    return {row.name: (row.state, row.what) for row in findings(settings, host, at_start=True) if row.name in steps}


def test_the_doctor_fails_where_a_step_of_the_recogniser_is_missing():
    assert rows(detects=Detects(), takes=Takes()) == {
        "detect_speech": ("ok", "by detects"),
        "identify_language": ("failure", "no active plugin does this step"),
        "transcribe": ("ok", "by takes"),
    }
    assert rows(takes=TakesSound()) == {"transcribe": ("ok", "by takes")}


def test_a_detector_that_cannot_be_warmed_up_fails_plain_jobs():
    class Cold(Detects):
        @hookimpl
        def warm_up(self):
            raise KeyError("x")

    def reason(takes):
        settings, host = open_host(WITHOUT_OURS, cold=Cold(), identifies=Identifies(), takes=takes)
        return warm_up(Worker(settings, host, ModelCache()))

    assert reason(Takes()) == "plugin cold failed in warm_up: it raised KeyError"
    assert reason(TakesSound()) is None


# --- texts as they are decoded


class Asks:
    """A recogniser of one chunk, which asks the plugins and notes their answers."""

    def __init__(self):
        self.answers = []

    @hookimpl
    def transcribe(self, job):
        self.answers.append(job.decoded(DecodedText(Span(0.0, 1.0), "алло ранпод", -0.2, 0.0)))
        return Transcript((Segment(0.0, 1.0, self.answers[0].text),), "ru")


class Corrects:
    def __init__(self, **changes):
        self.changes = changes

    @hookimpl
    def decoded(self, decoded):
        return replace(decoded, **self.changes)


class Spells:
    @hookimpl
    def decoded(self, decoded):
        return replace(decoded, text=decoded.text.replace("ранпод", "RunPod"))


class Capitalises:
    @hookimpl(closed=True)
    def decoded(self, decoded):
        if decoded.text == "":
            raise KeyError
        return replace(decoded, text=decoded.text.capitalize())


def test_plugins_correct_a_text_one_after_the_other():
    response = answer(asks=Asks(), capitalises=Capitalises(), spells=Spells())
    assert (response["segments"][0]["text"], response["warnings"]) == ("Алло RunPod", [])


def test_a_plugin_may_ask_for_another_try():
    asks = Asks()
    answer(asks=asks, corrects=Corrects(retry=True))
    assert [(one.text, one.retry) for one in asks.answers] == [("алло ранпод", True)]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"text": None}, "its text is NoneType"),
        ({"retry": "yes"}, "its retry is 'yes', which is neither true nor false"),
        ({"span": Span(0.0, 2.0)}, "span is changed, which decoded may not do"),
        ({"temperature": 0.2}, "temperature is changed, which decoded may not do"),
    ],
)
def test_a_change_that_cannot_be_is_left_out_and_its_plugin_is_named(changes, fault):
    response = answer(asks=Asks(), corrects=Corrects(**changes))
    assert response["segments"][0]["text"] == "алло ранпод"
    assert response["warnings"] == [
        f"plugin corrects failed in decoded: it returned DecodedText in which {fault}; its change is left out"
    ]


def test_a_closed_plugin_that_fails_ends_the_job():
    response = answer(asks=Asks(), blanks=Corrects(text=""), capitalises=Capitalises())
    assert response["error"] == (
        "plugin capitalises failed in decoded: it raised KeyError; the job does not go on without it"
    )
