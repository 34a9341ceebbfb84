"""Plugins that do what none should, by the names of the rows in hostile.json.

A plugin that calls `os._exit` or crashes the interpreter ends the worker: those two belong here when a plugin can have a
process of its own.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable  # noqa: TC003  the schema of the options needs it
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np

from whisperx_worker import (
    Audio,
    Diarization,
    JobRefusedError,
    OutputFormat,
    PluginInfo,
    Result,
    Segment,
    SpeakerMatch,
    SpeakerTurn,
    Transcript,
    VoiceEmbeddings,
    hookimpl,
    with_extra,
)


def plugin(**hooks):
    """A plugin of functions by the names of their hooks."""
    return SimpleNamespace(**{name: hookimpl(function) for name, function in hooks.items()})


def exits():
    sys.exit()


def empty_response():
    return {}


def raising(error):
    """A function that raises an exception."""

    def function():
        raise error

    return function


@dataclass(frozen=True)
class Hostile:
    """One plugin, and what of it is seen."""

    plugin: object = None
    told: str = ""
    """Part of the warning, the error, the reason or the line in the log."""
    source: str = ""
    """In place of the plugin, its file."""
    beside: object = None
    """Another plugin, named `beside`."""
    settings: dict = field(default_factory=dict)
    fields: dict = field(default_factory=dict)


# --- at load


async def asynchronous(transcript):
    return transcript


def generating(transcript):
    yield transcript


class Options:
    def __init__(self, **fields):
        self.fields = fields


@dataclass
class WithoutDefaults:
    needed: int


@dataclass
class NamedEnabled:
    enabled: bool = True


@dataclass
class NoSchema:
    hook: Callable[[int], int] = abs


class Unreadable(Exception):  # noqa: N818
    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


class UnreadableRefusal(JobRefusedError):  # noqa: N818
    __str__ = __repr__ = Unreadable.__str__


class Nothing(BaseException):
    pass


class Elusive:
    """Raises at every attribute but those that Python needs."""

    def __getattribute__(self, name):
        if name.startswith("__"):
            return object.__getattribute__(self, name)
        raise RuntimeError(name)

    def __dir__(self):
        return ["post_align"]


def named(function, **traits):
    function = hookimpl(**traits)(function)
    return SimpleNamespace(post_align=function)


AT_LOAD = {
    "syntax_error": Hostile(source="def post_align(:\n", told="SyntaxError"),
    "raises_at_import": Hostile(source="raise RuntimeError('no licence')\n", told="RuntimeError('no licence')"),
    "exits_at_import": Hostile(source="import sys\nsys.exit(3)\n", told="it tried to end the process"),
    "no_exception_at_import": Hostile(
        source="class Nothing(BaseException): pass\nraise Nothing\n", told="it raised Nothing, which is no Exception"
    ),
    "unreadable_at_load": Hostile(
        plugin(register_options=raising(Unreadable())), "it raised Unreadable, whose text cannot be read"
    ),
    "same_name": Hostile(
        source="from whisperx_worker import hookimpl\n\n@hookimpl\ndef shutdown(): pass\n",
        plugin=plugin(shutdown=lambda: None),
        told="another plugin has this name",
    ),
    "circle": Hostile(
        named(lambda: None, before="beside"),
        "before and after lead in a circle",
        beside=named(lambda: None, before="circle"),
    ),
    "async": Hostile(plugin(post_align=asynchronous), "post_align is async"),
    "generator": Hostile(plugin(post_align=generating), "post_align is a generator"),
    "any_arguments": Hostile(plugin(post_align=lambda **_: None), "takes any arguments"),
    "unknown_argument": Hostile(plugin(post_align=lambda no_such_argument: no_such_argument), "no_such_argument"),
    "unknown_hook": Hostile(plugin(post_alignment=lambda: None), "post_alignment"),
    "no_hook": Hostile(SimpleNamespace(post_align=lambda: None), "it implements no hook"),
    "class": Hostile(Options, "it is a class"),
    "elusive": Hostile(Elusive(), "it implements no hook"),
    "wrapper": Hostile(named(lambda: (yield), wrapper=True), "post_align is a hook wrapper"),
    "closed_engine": Hostile(SimpleNamespace(transcribe=hookimpl(closed=True)(lambda: None)), "transcribe is no chain"),
    "other_api": Hostile(plugin(register_plugin=lambda: PluginInfo(api=">=9")), "it works with the plugin API >=9"),
    "options_without_defaults": Hostile(
        plugin(register_options=lambda: WithoutDefaults), "every field of its options needs a default"
    ),
    "option_enabled": Hostile(plugin(register_options=lambda: NamedEnabled), "its option 'enabled' is one"),
    "options_no_schema": Hostile(plugin(register_options=lambda: NoSchema), "JsonSchema"),
    "format_of_the_worker": Hostile(
        plugin(register_outputs=lambda: [OutputFormat("json", ".json", str)]),
        "the output format 'json' exists already",
    ),
    "wrong_setup": Hostile(plugin(register_outputs=lambda: [5]), "register_outputs must return a list of OutputFormat"),
}

# --- in chains


def with_first(transcript, **changes):
    return replace(transcript, segments=(replace(transcript.segments[0], **changes), *transcript.segments[1:]))


class NeverEqual(Segment):
    def __eq__(self, other):
        raise RuntimeError("never equal")

    __hash__ = object.__hash__


class Fleeting(Transcript):
    """Has its segments until it is handed on."""

    def __getattribute__(self, name):
        if name == "segments" and "gone" in object.__getattribute__(self, "__dict__"):
            raise RuntimeError("gone")
        return object.__getattribute__(self, name)


def fleeting():
    made = Fleeting((Segment(0.0, 1.0, "Да"),), "ru")
    object.__setattr__(made, "gone", True)
    return made


def recurses():
    return recurses()


def writes_samples(audio):
    audio.samples[:] = 0


def allows_writing(audio):
    audio.samples.setflags(write=True)


def assigns_segments(transcript):
    transcript.segments = ()


def changes_options_of_others(job):
    job.request.plugins["beside"]["suffix"] = "!"


def adds_options(job):
    job.options["beside"] = None


def changes_settings(job):
    job.settings.model = "mine"


def changes_request(job):
    job.request = job.request.model_copy(update={"stream": True, "debug": True})


def switches_others_off(job):
    job.plugins_off = frozenset({"beside"})


def changes_extra(result):
    with_extra(result, "any", a=1).extra["any"]["a"] = 2


def changes_embeddings(diarization):
    diarization.embeddings["SPEAKER_07"] = np.zeros(3)


def warns_of_no_text(job):
    job.warn(5)


def prints():
    sys.stdout.write("secret of the house\n")


def hangs():
    time.sleep(2)


WRONG = object()
CHAINS = ("prepare", "pre_audio", "partial", "post_align", "post_diarize", "finalize", "respond")
ITS_CHANGE = {
    "wrong_type": Hostile(plugin(**{hook: lambda: WRONG for hook in CHAINS}), "it returned object instead of "),
    "dict_for_segment": Hostile(
        plugin(post_align=lambda transcript: replace(transcript, segments=({"text": "Алло"},))), "segment 0 is dict"
    ),
    "nan_time": Hostile(
        plugin(post_align=lambda transcript: with_first(transcript, end=math.nan)), "segment 0 has end nan"
    ),
    "huge_time": Hostile(
        plugin(post_align=lambda transcript: with_first(transcript, end=10**400)), "it raised OverflowError"
    ),
    "text_without_words": Hostile(
        plugin(post_align=lambda transcript: with_first(transcript, text="███")), "another text than its words"
    ),
    "flag_no_bool": Hostile(
        plugin(post_align=lambda transcript: with_first(transcript, doubtful=object())), "has doubtful <object"
    ),
    "nan_samples": Hostile(
        plugin(pre_audio=lambda audio: Audio(audio.samples * np.nan)), "not all of its samples are numbers"
    ),
    "no_samples": Hostile(plugin(pre_audio=lambda: Audio(np.zeros(0, np.float32))), "it has no samples"),
    "stereo": Hostile(plugin(pre_audio=lambda: Audio(np.zeros((2, 9), np.float32))), "not one channel of float32"),
    "turns_out_of_order": Hostile(
        plugin(post_diarize=lambda diarization: replace(diarization, turns=diarization.turns[::-1])),
        "its turns are not in time order",
    ),
    "wrong_turns": Hostile(
        plugin(finalize=lambda result: Result(result.transcript, result.duration_s, turns=(5,))),
        "its speakers or turns are no tuple",
    ),
    "never_equal": Hostile(
        plugin(post_align=lambda: Transcript((NeverEqual(0.0, 1.0, "Да"),), "ru")), "segment 0 is NeverEqual"
    ),
    "fleeting": Hostile(plugin(post_align=fleeting), "it raised Runtime"),
    "beam_size": Hostile(
        plugin(prepare=lambda request: request.model_copy(update={"beam_size": 9})), "beam_size is changed"
    ),
    "response_no_json": Hostile(
        plugin(respond=lambda response: {**response, "found": {1, 2}}), "in which not all is JSON"
    ),
    "response_nan": Hostile(plugin(respond=lambda response: {**response, "found": math.nan}), "not all is JSON"),
    "response_empty": Hostile(plugin(respond=empty_response), "segments is missing"),
    "response_number": Hostile(
        plugin(respond=lambda response: {**response, "warnings": 0}), "segments or warnings are no list"
    ),
    "response_error": Hostile(plugin(respond=lambda response: {**response, "error": "no"}), "there is an error"),
    "raises": Hostile(plugin(post_align=raising(ValueError("/srv/secret"))), "it raised ValueError"),
    "unreadable": Hostile(plugin(post_align=raising(Unreadable())), "it raised Unreadable, whose text cannot be read"),
    "unreadable_cause": Hostile(
        source=(
            "from whisperx_worker import hookimpl\n\nclass Bad(Exception):\n    def __str__(self):\n        raise KeyError\n"
            "\n@hookimpl\ndef post_align():\n    raise ValueError('x') from Bad()\n"
        ),
        told="it raised ValueError, whose text cannot be read",
    ),
    "unreadable_refusal": Hostile(
        plugin(post_align=raising(UnreadableRefusal())), "it raised UnreadableRefusal, whose text cannot be read"
    ),
    "exits": Hostile(plugin(post_align=exits), "it tried to end the process"),
    "no_exception": Hostile(plugin(post_align=raising(Nothing())), "it raised Nothing, which is no Exception"),
    "generator_exit": Hostile(
        plugin(post_align=raising(GeneratorExit())), "it raised GeneratorExit, which is no Exception"
    ),
    "cancelled_error": Hostile(
        plugin(post_align=raising(asyncio.CancelledError())), "it raised CancelledError, which is no Exception"
    ),
    "recursion": Hostile(plugin(post_align=recurses), "it raised RecursionError"),
    "memory": Hostile(plugin(post_align=lambda: np.zeros(2**50)), "it ran out of memory"),
    "hangs": Hostile(plugin(post_align=hangs), "it did not end in 0.1 s", settings={"plugins_limit_s": 0.1}),
    "writes_samples": Hostile(plugin(pre_audio=writes_samples), "it raised ValueError"),
    "allows_writing": Hostile(plugin(pre_audio=allows_writing), "it raised ValueError"),
    "assigns_segments": Hostile(plugin(post_align=assigns_segments), "it raised FrozenInstanceError"),
    "changes_options_of_others": Hostile(
        plugin(prepare=changes_options_of_others),
        "it raised TypeError",
        beside=plugin(shutdown=lambda: None),
        fields={"plugins": {"beside": {}}},
    ),
    "adds_options": Hostile(plugin(prepare=adds_options), "it raised TypeError"),
    "changes_settings": Hostile(plugin(prepare=changes_settings), "it raised ValidationError"),
    "changes_request": Hostile(plugin(prepare=changes_request), "it raised AttributeError"),
    "switches_others_off": Hostile(
        plugin(prepare=switches_others_off), "it raised AttributeError", beside=plugin(shutdown=lambda: None)
    ),
    "changes_extra": Hostile(plugin(finalize=changes_extra), "it raised TypeError"),
    "changes_embeddings": Hostile(plugin(post_diarize=changes_embeddings), "it raised TypeError"),
    "warns_of_no_text": Hostile(plugin(post_align=warns_of_no_text), "it raised TypeError"),
}

# --- in engines, formats, observers, and around

ITS_STEP = {
    "align_wrong": Hostile(
        plugin(align=lambda: WRONG), "align failed in plugin align_wrong: it returned object instead of Transcript"
    ),
    "diarize_exits": Hostile(
        plugin(diarize=exits), "diarize failed in plugin diarize_exits: it tried to end the process"
    ),
    "diarize_nan": Hostile(
        plugin(diarize=lambda: Diarization((SpeakerTurn(0.0, math.nan, "A"),), (), {})),
        "in which turns[0] has end nan, which is no time",
    ),
    "embed_wrong": Hostile(
        plugin(
            embed_voices=lambda: VoiceEmbeddings(np.ones((1, 4), np.float32), "made", "1", 0.5),
            verify_speakers=lambda job: job.embed_voices([np.ones(16_000, np.float32)]),
        ),
        "in which vector 0 has length 2, which is not 1",
    ),
    "verify_wrong": Hostile(
        plugin(verify_speakers=lambda: [SpeakerMatch("SPEAKER_00", "Анна", math.nan)]), "similarity nan"
    ),
}


def refuses_without_end():
    raise JobRefusedError("not here")


def cancels(job):
    job.cancel()


THE_JOB = {
    "transcribe_wrong": Hostile(
        plugin(transcribe=lambda: WRONG),
        "transcribe failed in plugin transcribe_wrong: it returned object instead of Transcript",
    ),
    "transcribe_no_exception": Hostile(
        plugin(transcribe=raising(Nothing())), "it raised Nothing, which is no Exception"
    ),
    "transcribe_hangs": Hostile(plugin(transcribe=hangs), "it did not end in 0.1 s", settings={"plugins_limit_s": 0.1}),
    "next_engine_misused": Hostile(
        plugin(transcribe=lambda next_engine: next_engine(5)),
        "transcribe failed in plugin next_engine_misused: next_engine takes arguments of transcribe by name",
    ),
    "closed_fails": Hostile(
        SimpleNamespace(post_align=hookimpl(closed=True)(raising(Nothing()))),
        "the job does not go on without it",
        fields={"stream": False},
    ),
    "refuses": Hostile(plugin(finalize=refuses_without_end), "not here"),
    "source_elsewhere": Hostile(
        SimpleNamespace(source=hookimpl(schemes="archive")(lambda folder: folder.parent / "passwd")),
        "plugin source_elsewhere gave no file in the folder for the recording",
        fields={"audio_file": "archive://1"},
    ),
}


ITS_DATA = {
    "extra_no_json": Hostile(
        plugin(finalize=lambda result: with_extra(result, "extra_no_json", a=object())),
        "plugin extra_no_json put a value",
    ),
    "extra_large": Hostile(
        plugin(finalize=lambda result: with_extra(result, "extra_large", a="я" * 10**6)), "more than 64 KB"
    ),
    "extra_of_others": Hostile(
        plugin(finalize=lambda result: with_extra(result, "nobody", a=1)), "data of no active plugin"
    ),
    "format_exits": Hostile(
        plugin(register_outputs=lambda: [OutputFormat("odd", ".odd", exits)]),
        "the output format odd failed (it tried to end the process)",
        fields={"output_formats": ["json", "txt", "odd"]},
    ),
    "format_no_text": Hostile(
        plugin(register_outputs=lambda: [OutputFormat("odd", ".odd", id)]),
        "the output format odd failed",
        fields={"output_formats": ["json", "txt", "odd"]},
    ),
    "note_no_json": Hostile(
        plugin(post_align=lambda job: job.notes.update(odd=object(), nan=math.nan)),
        "it is no JSON",
        fields={"debug": True},
    ),
}
OBSERVERS = ("job_started", "job_ended", "stage_ended")
ITS_LINE = {
    "observer_raises": Hostile(plugin(**dict.fromkeys(OBSERVERS, raising(OSError("full")))), "failed in stage_ended"),
    "observer_exits": Hostile(plugin(**dict.fromkeys(OBSERVERS, raising(Nothing()))), "failed in job_ended"),
    "observer_refuses": Hostile(plugin(**dict.fromkeys(OBSERVERS, raising(JobRefusedError("no")))), "job_started"),
    "prints": Hostile(plugin(post_align=prints), "secret of the house"),
    "models_raise": Hostile(plugin(register_models=raising(Nothing())), "failed in register_models"),
}


def mutates_response(response):
    response["segments"].clear()
    response.pop("warnings")


def keeps_response(response):
    KEPT.append(response)
    return response


KEPT = []


def starts_thread():
    threading.Thread(target=threading.Event().wait, daemon=True, name="left running").start()


NOTHING = {
    "mutates_response": Hostile(plugin(respond=mutates_response)),
    "keeps_response": Hostile(plugin(respond=keeps_response)),
    "answers_of_observers": Hostile(plugin(**{hook: lambda: WRONG for hook in OBSERVERS})),
    "slow_import": Hostile(
        source="import time\nfrom whisperx_worker import hookimpl\n\ntime.sleep(0.1)\n\n@hookimpl\ndef shutdown(): pass\n"
    ),
    "starts_thread": Hostile(plugin(post_align=starts_thread)),
}


def sets_variable():
    os.environ["HOSTILE"] = "1"


def changes_directory():
    os.chdir("/")


def silences_log():
    logging.getLogger("whisperx_worker").setLevel(logging.CRITICAL)


def shows_no_warnings():
    warnings.simplefilter("ignore")


def replaces_json():
    json.hostile = json.dumps


def replaces_name_of_worker():
    from whisperx_worker import intervals

    intervals.hostile = intervals.merge


def writes_past_frozen(transcript):
    object.__setattr__(transcript, "language", "xx")


ENDS = {
    "interrupts": Hostile(plugin(post_align=raising(KeyboardInterrupt())), "KeyboardInterrupt"),
    "cancels": Hostile(plugin(post_align=cancels), "JobCancelledError"),
}
UNSEEN = {"writes_past_frozen": Hostile(plugin(post_align=writes_past_frozen))}
KEPT_BY_PROCESS = {
    "sets_variable": Hostile(plugin(post_align=sets_variable)),
    "changes_directory": Hostile(plugin(post_align=changes_directory)),
    "silences_log": Hostile(plugin(post_align=silences_log)),
    "shows_no_warnings": Hostile(plugin(post_align=shows_no_warnings)),
    "replaces_json": Hostile(plugin(post_align=replaces_json)),
    "replaces_name_of_worker": Hostile(plugin(post_align=replaces_name_of_worker)),
}
HOSTILE = {
    "load": AT_LOAD,
    "change": ITS_CHANGE,
    "step": ITS_STEP,
    "job": THE_JOB,
    "data": ITS_DATA,
    "line": ITS_LINE,
    "nothing": NOTHING,
    "end": ENDS,
    "unseen": UNSEEN,
    "kept": KEPT_BY_PROCESS,
}
"""Plugins by what they cost and by name."""
