"""`check-plugin` names each thing that is missing or wrong in a plugin, and nothing in one that is sound."""

from __future__ import annotations

import re
import sys
import textwrap

import pytest
from typer.testing import CliRunner

from tests.house.sources import EXAMPLES
from whisperx_worker.cli.main import app
from whisperx_worker.contract.settings import Settings
from whisperx_worker.errors import BadInputError
from whisperx_worker.operate import plugin_check
from whisperx_worker.operate.new_plugin import template_hooks, write_plugin
from whisperx_worker.operate.plugin_check import check_plugin, find_plugin

pytestmark = pytest.mark.slow  # whole jobs decode in a process of their own

HEAD = '''
"""Plugin of a test."""

from dataclasses import dataclass, replace
from whisperx_worker import ExtraSchema, JobRefusedError, OutputFormat, hookimpl, with_extra
'''


@pytest.fixture
def findings(tmp_path):
    """Check a plugin with this source; its findings as severity and sentence."""

    def found(source, head=HEAD, **options):
        (tmp_path / "mood.py").write_text(head + textwrap.dedent(source), encoding="utf-8")
        plugin = find_plugin(str(tmp_path / "mood.py"), Settings())
        return [(one.severity, one.what) for one in check_plugin(plugin, **options)]

    return found


def only(found):
    """The sentence of the only finding of a kind, whatever it was found on."""
    (sentence,) = {re.sub(r" \(on [\w ]+\)$", "", what) for _, what in found}
    return found[0][0], sentence


# --- sound plugins


@pytest.mark.parametrize("hook", template_hooks())
def test_a_new_plugin_has_no_errors(tmp_path, hook):
    write_plugin("mood", hook, tmp_path / "mood", ())
    found = check_plugin(find_plugin(str(tmp_path / "mood"), Settings()))

    printed = "it prints, which goes to the log; use logging: "
    assert [one.what.partition("'")[0] for one in found] == [printed] * (hook in {"job_started", "job_ended"})


@pytest.mark.parametrize("name", ["phone_mask", "speaker_texts"])
def test_the_examples_have_no_errors(name):
    (file,) = [path for path in EXAMPLES if path.name == f"{name}.py"]
    assert [one for one in check_plugin(find_plugin(str(file), Settings())) if one.severity == "error"] == []


# --- findings


def test_a_plugin_that_cannot_be_loaded(findings):
    assert findings("import nothere") == [
        ("error", "it cannot be loaded: ModuleNotFoundError(\"No module named 'nothere'\")")
    ]


def test_a_misspelled_hook(findings):
    ((severity, what),) = findings("@hookimpl\ndef post_allign():\n    return None")

    assert severity == "error"
    assert "post_allign" in what


def test_a_library_that_is_imported_too_early(findings, tmp_path, monkeypatch):
    (tmp_path / "heavy_frames.py").write_text("import time; time.sleep(1.1)", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    severity, what = only(findings("import heavy_frames\n@hookimpl\ndef post_align():\n    return None"))
    del sys.modules["heavy_frames"]

    assert (severity, re.sub(r"\d\.\d", "N", what)) == (
        "warning",
        "it takes N s to load, N s of it for heavy_frames: import that inside the function that needs it",
    )


def test_no_docstring(findings):
    source = "from whisperx_worker import hookimpl\n\n@hookimpl\ndef post_align():\n    return None"
    assert findings(source, head="") == [("warning", "it has no docstring; the first line of one is its description")]


def test_an_option_without_a_description(findings):
    source = '''
    @dataclass(frozen=True)
    class Options:
        depth: int = 1
        """Layers."""
        width: int = 2

    @hookimpl
    def register_options():
        return Options
    '''
    assert findings(source) == [("warning", "its option 'width' has no description; write one line under it")]


def test_a_closed_plugin_that_sees_no_pieces(findings):
    assert findings("@hookimpl(closed=True)\ndef post_align():\n    return None") == [
        ("warning", "it is closed and has no partial: jobs with stream are refused, and debug has no texts")
    ]


def test_a_hook_that_raises_is_shown_with_its_line(findings):
    found = findings("@hookimpl\ndef post_align(transcript):\n    return transcript.segments[7]")

    assert only(found) == (
        "error",
        "plugin mood failed in post_align: it raised IndexError (tuple index out of range, mood.py line 8)",
    )
    assert len(found) == 3  # on three transcripts; the whole job adds nothing new


def test_a_closed_hook_that_raises(findings):
    source = """
    @hookimpl(closed=True)
    def partial(segments):
        raise ValueError("no")
    """
    assert only(findings(source)) == (
        "error",
        "plugin mood failed in partial: it raised ValueError (no, mood.py line 9); the job does not go on without it",
    )


def test_a_hook_that_fails_on_one_kind_of_value_only(findings):
    source = """
    @hookimpl
    def finalize(result):
        return replace(result, duration_s=result.transcript.segments[0].end)
    """
    assert findings(source) == [
        (
            "error",
            "plugin mood failed in finalize: it raised IndexError (tuple index out of range, mood.py line 9) "
            "(on a result with a transcript without text)",
        )
    ]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("segments=tuple(replace(s, end=-1.0) for s in transcript.segments)", "segment 0 has end -1.0, which is no time"),
        ("segments=tuple(replace(s, text='***') for s in transcript.segments)", "segment 0 has another text than its words"),
    ],
)  # fmt: skip
def test_contents_that_cannot_be(findings, body, fault):
    found = findings(f"@hookimpl\ndef post_align(transcript):\n    return replace(transcript, {body})")

    assert only(found) == ("error", f"plugin mood failed in post_align: it returned Transcript in which {fault}")


def test_text_without_its_words(findings):
    source = """
    @hookimpl
    def post_align(transcript):
        return replace(transcript, segments=tuple(replace(s, words=()) for s in transcript.segments))
    """
    assert findings(source) == [
        ("warning", "post_align returns 3 segments without the words that they had (on a transcript)")
    ]


def test_a_value_that_is_changed_in_place(findings):
    source = """
    @hookimpl
    def post_align(transcript):
        object.__setattr__(transcript, "language", "en")
    """
    assert only(findings(source)) == (
        "error", "post_align changes its transcript in place; return a new one, made with replace()"
    )  # fmt: skip


def test_samples_that_are_written_to(findings):
    found = findings("@hookimpl\ndef pre_audio(audio):\n    audio.samples[0] = 0.0")

    assert only(found) == (
        "error",
        "plugin mood failed in pre_audio: it raised ValueError (assignment destination is read-only, mood.py line 8)",
    )


def test_options_that_are_changed(findings):
    source = '''
    @dataclass
    class Options:
        calls: int = 0
        """Calls so far."""

    @hookimpl
    def register_options():
        return Options

    @hookimpl
    def post_align(options):
        options.calls += 1
    '''
    assert only(findings(source)) == ("error", "post_align changes its options, which are those of the whole job")


def test_a_hook_that_prints(findings):
    assert findings("@hookimpl\ndef post_align():\n    print('so far')") == [
        ("warning", "it prints, which goes to the log; use logging: 'so far'")
    ]


def test_a_hook_that_is_slow(findings):
    source = "import time\n@hookimpl\ndef post_align():\n    time.sleep(0.06)"

    assert findings(source, max_call_s=0.05) == [("warning", "post_align takes 0.1 s on 3 s of sound")]
    assert findings(source, max_call_s=5.0) == []


def test_a_job_that_is_refused(findings):
    found = findings("@hookimpl\ndef prepare():\n    raise JobRefusedError('not today')")

    assert found == [("warning", "prepare refuses the job on a request: not today")]


def test_an_observer_that_raises(findings):
    found = findings("@hookimpl\ndef job_ended(error):\n    raise KeyError('gone')")

    assert only(found) == (
        "error", "plugin mood failed in job_ended: it raised KeyError ('gone', mood.py line 8)"
    )  # fmt: skip


def test_an_engine_that_declines(findings):
    found = findings("@hookimpl\ndef transcribe():\n    return None")

    assert found == [("error", "transcribe: plugin mood declined this job (on a tone)")]


def test_an_output_format_that_fails(findings):
    source = """
    @hookimpl
    def register_outputs():
        return [OutputFormat("moods", ".txt", lambda result: None)]
    """
    assert findings(source) == [
        (
            "error",
            "in a whole job: the output format moods failed "
            "(it returned NoneType in place of text or bytes) and is left out",
        )
    ]


def test_data_that_its_schema_refuses(findings):
    source = """
    @dataclass(frozen=True)
    class Mood:
        joy: float

    @hookimpl
    def register_extra():
        return ExtraSchema(result=Mood)

    @hookimpl
    def finalize(result):
        return with_extra(result, "mood", joy="much")
    """
    ((severity, what),) = findings(source)

    assert severity == "error"
    assert what.startswith("in a whole job: plugin mood put data that its schema refuses (joy: ")


def test_without_the_decoder_the_whole_job_is_left_out(findings, monkeypatch):
    monkeypatch.setattr(plugin_check.importlib.util, "find_spec", lambda _name: None)
    assert findings("@hookimpl\ndef post_align():\n    return None") == [
        ("warning", "no whole job was run: it needs the library av")
    ]


# --- places and the command


def test_a_plugin_is_found_by_file_by_folder_and_by_name(tmp_path):
    write_plugin("mood", "post_align", tmp_path / "mood", ())
    (tmp_path / "tone").mkdir()
    (tmp_path / "tone" / "__init__.py").touch()

    places = [tmp_path / "mood", tmp_path / "mood" / "mood.py", tmp_path / "tone", "russian_numbers"]
    assert [find_plugin(str(place), Settings()).name for place in places] == ["mood", "mood", "tone", "russian_numbers"]


def test_a_place_without_a_plugin_is_refused(tmp_path):
    with pytest.raises(BadInputError, match=r"'russian_number'; did you mean russian_numbers\?$"):
        find_plugin("russian_number", Settings())
    with pytest.raises(BadInputError, match=rf"has neither __init__\.py nor {tmp_path.name}\.py$"):
        find_plugin(str(tmp_path), Settings())


def test_the_command_prints_one_line_for_each_and_fails_on_errors(tmp_path):
    source = "@hookimpl\ndef register_extra():\n    return None"
    (tmp_path / "mood.py").write_text(HEAD.replace('"""Plugin of a test."""', "") + source, encoding="utf-8")
    warned = CliRunner().invoke(app, ["check-plugin", str(tmp_path / "mood.py")])
    (tmp_path / "mood.py").write_text("import nothere", encoding="utf-8")
    failed = CliRunner().invoke(app, ["check-plugin", str(tmp_path / "mood.py")])

    assert (warned.exit_code, warned.stdout, warned.stderr) == (
        0, "warning: it has no docstring; the first line of one is its description\n", "mood: 0 errors, 1 warnings\n"
    )  # fmt: skip
    assert failed.exit_code == 1
    assert failed.stdout.startswith("error: it cannot be loaded: ModuleNotFoundError")
