"""Every hook is documented, its example runs, and some test implements it."""

from __future__ import annotations

import doctest
import inspect
import re
from types import SimpleNamespace

import pytest

from tests.house.sources import ROOT
from whisperx_worker import (
    Audio,
    DecodedText,
    Diarization,
    ExtraSchema,
    Language,
    ModelCache,
    PluginInfo,
    Request,
    Result,
    Settings,
    Span,
    Speech,
    StageEnd,
    Transcript,
    VoiceEmbeddings,
)
from whisperx_worker.hooks import hookspecs, observer_hookspecs, setup_hookspecs
from whisperx_worker.testing import load_plugin, make_audio, make_job, make_transcript

HOOKS = {
    name: hook
    for specs in (hookspecs, observer_hookspecs, setup_hookspecs)
    for name, hook in inspect.getmembers(specs, inspect.isfunction)
    if hook.__module__ == specs.__name__
}


def test_there_are_these_hooks_and_no_other():
    assert sorted(HOOKS) == [
        "align", "decoded", "detect_speech", "diarize", "embed_voices", "finalize", "identify_language", "job_ended", "job_started", "partial", "post_align", "post_diarize", "pre_audio",
        "prepare", "register_extra", "register_models", "register_options", "register_outputs", "register_plugin",
        "respond", "shutdown", "source", "stage_ended", "transcribe", "verify_speakers", "warm_up",
    ]  # fmt: skip


@pytest.mark.parametrize("name", HOOKS)
def test_a_hooks_docstring_begins_with_its_kind_and_has_an_example(name):
    doc = inspect.getdoc(HOOKS[name])
    assert doc.split()[0] in {"Chain.", "Engine.", "Observer.", "Setup."}
    assert "\nExample:\n" in doc


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_says_what_none_means(name):
    answers_nothing = inspect.signature(HOOKS[name]).return_annotation == "None"
    assert answers_nothing or re.search(r"\bNone\b", inspect.getdoc(HOOKS[name]).partition("Example:")[0])


@pytest.mark.parametrize("name", HOOKS)
def test_every_argument_of_a_hook_is_documented(name):
    said = f"{hookspecs.__doc__}{inspect.getdoc(HOOKS[name])}"
    missing = [name for name in inspect.signature(HOOKS[name]).parameters if not re.search(rf"\b{name}\b", said)]
    assert missing == []


def example_of(name):
    """The function that a hook's docstring defines, its doctest run."""
    (test,) = doctest.DocTestFinder(recurse=False).find(HOOKS[name], name)
    names = test.globs
    assert doctest.DocTestRunner().run(test, clear_globs=False).failed == 0
    return names[name]


@pytest.mark.parametrize("name", HOOKS)
def test_a_hooks_example_is_a_plugin_that_works(name):
    host = load_plugin(SimpleNamespace(**{name: example_of(name)}))
    assert host.records[0].hooks == (name,)
    (implementation,) = host.implementations(name)
    values = {
        "audio": make_audio(),
        "sounds": [make_audio().samples],
        "transcript": make_transcript("Алло"),
        "speech": Speech((Span(0.0, 1.0),)),
        "language": Language("ru"),
        "decoded": DecodedText(Span(0.0, 1.0), "алло", -0.2, 0.0),
        "diarization": Diarization((), exclusive=(), embeddings={}),
        "result": Result(make_transcript("Алло"), 1.0),
        "job": make_job(host),
        "options": None,
        "ended": StageEnd("transcribe", 0.0, 1.0),
        "error": None,
        "request": make_job(host).request,
        "segments": make_transcript("Алло").segments,
        "response": {"segments": [{"text": "Алло"}], "detected_language": "ru", "warnings": []},
        "models": ModelCache(),
        "settings": Settings(),
    }
    if name == "source":  # it downloads
        return
    answer = implementation.function(*[values[argument] for argument in implementation.argnames])
    promised = {
        "detect_speech": Speech, "identify_language": Language, "decoded": DecodedText,
        "pre_audio": Audio, "transcribe": Transcript, "align": Transcript, "post_align": Transcript,
        "diarize": Diarization, "embed_voices": VoiceEmbeddings, "verify_speakers": list, "finalize": Result, "register_options": type,
        "prepare": Request, "partial": tuple, "post_diarize": Diarization, "respond": dict, "register_plugin": PluginInfo,
        "job_started": type(None), "job_ended": type(None), "shutdown": type(None), "register_extra": ExtraSchema,
        "register_models": list, "register_outputs": list, "stage_ended": type(None), "warm_up": type(None),
    }  # fmt: skip
    assert isinstance(answer, promised[name])


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_implemented_by_a_plugin_of_some_test(name):
    tests = [path.read_text(encoding="utf-8") for path in ROOT.glob("tests/**/*.py")]
    assert any(re.search(rf"@hookimpl.*\n\s*def {name}\(", text) for text in tests)
