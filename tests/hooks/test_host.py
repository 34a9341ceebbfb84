"""Plugins are found, let in or not, checked and listed, and a broken one takes nothing down."""

from __future__ import annotations

import importlib
import logging
import sys
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from pydantic import BaseModel

from whisperx_worker import ExtraSchema, OutputFormat, PluginError, SettingsError, hookimpl
from whisperx_worker.contract.settings import Settings, load_settings
from whisperx_worker.hooks.host import Candidate, PluginRecord
from whisperx_worker.hooks.loading import installed, load_host, mounted
from whisperx_worker.results.formats.built_in import BUILT_IN_FORMATS

LOUD = """
from dataclasses import replace

from whisperx_worker import hookimpl

@hookimpl
def post_align(transcript):
    louder = tuple(replace(segment, text=segment.text.upper()) for segment in transcript.segments)
    return replace(transcript, segments=louder)
"""


class Loud:
    @hookimpl
    def post_align(self, transcript):
        return transcript


def candidate(name, plugin=None, load=None):
    return Candidate(name, source="somewhere", version="1", load=load or (lambda: plugin or Loud()))


def loaded(*candidates, **settings):
    return load_host(Settings(**settings), candidates)


def only_record(plugin=None, load=None):
    (record,) = loaded(candidate("it", plugin, load)).records
    return record


def names(host, state):
    return [record.name for record in host.records if record.state == state]


def chain_order(host, hook="post_align"):
    return [implementation.plugin_name for implementation in host.implementations(hook)]


def raising(error):
    def load():
        raise error

    return load


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on sys.path, to install distributions into."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def install(site, distribution, version, **points):
    info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    lines = [f"{name} = {target}" for name, target in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[whisperx_worker]", *lines]) + "\n")
    importlib.invalidate_caches()


# --- discovery


def test_an_installed_distribution_is_found_by_its_entry_point(site, monkeypatch):
    (site / "loud_module_a.py").write_text(LOUD)
    install(site, "loud-plugin", "2.3.4", loud="loud_module_a")
    monkeypatch.delitem(sys.modules, "loud_module_a", raising=False)
    records = load_host(Settings()).records
    assert PluginRecord("loud", "loud-plugin", "2.3.4", "active", hooks=("post_align",)) in records


def test_an_entry_point_may_name_an_object_in_a_module(site):
    (site / "loud_module_b.py").write_text(
        f"{LOUD}\nfrom types import SimpleNamespace\nit = SimpleNamespace(loudness=11)\n"
    )
    install(site, "loud-plugin", "1", loud="loud_module_b:it")
    (found,) = [found for found in installed() if found.name == "loud"]
    assert found.load() == SimpleNamespace(loudness=11)


def test_the_plugins_of_this_package_are_found_like_everybody_elses():
    own = {found.name for found in installed() if found.source == "whisperx-worker"}
    assert {"russian_whisper", "wav2vec2_alignment"} <= own


def test_the_plugins_folder_has_modules_and_packages(tmp_path):
    (tmp_path / "loud.py").write_text(LOUD)
    (tmp_path / "quiet").mkdir()
    (tmp_path / "quiet" / "__init__.py").write_text("from .voice import post_align\n")
    (tmp_path / "quiet" / "voice.py").write_text(LOUD)
    (tmp_path / "_helper.py").write_text("raise SystemExit")
    (tmp_path / "notes.txt").write_text("no plugin")
    (tmp_path / "empty").mkdir()
    records = load_host(Settings(plugins_allow=("loud", "quiet"), plugins_dir=tmp_path)).records
    assert [record for record in records if record.state != "blocked"] == [
        PluginRecord("loud", "loud.py", "-", "active", hooks=("post_align",)),
        PluginRecord("quiet", "__init__.py", "-", "active", hooks=("post_align",)),
    ]


def test_without_a_plugins_folder_nothing_is_mounted():
    assert mounted(None) == []


def test_a_plugins_folder_that_does_not_exist_stops_the_start(tmp_path):
    with pytest.raises(SettingsError) as refused:
        load_settings(plugins_dir=tmp_path / "nowhere")
    assert str(refused.value).startswith("WHISPERX_WORKER_PLUGINS_DIR must be a folder that exists, not ")


# --- allow, block, order


def test_a_blocked_plugin_is_listed_and_not_imported():
    host = loaded(candidate("a", load=raising(AssertionError("imported"))), plugins_block=("a",))
    assert host.records == [
        PluginRecord("a", "somewhere", "1", "blocked", "named in WHISPERX_WORKER_PLUGINS_BLOCK"),
    ]


def test_with_an_allow_list_every_other_plugin_is_blocked():
    host = loaded(candidate("a"), candidate("b", load=raising(AssertionError("imported"))), plugins_allow=("a",))
    assert host.records == [
        PluginRecord("a", "somewhere", "1", "active", hooks=("post_align",)),
        PluginRecord("b", "somewhere", "1", "blocked", "not named in WHISPERX_WORKER_PLUGINS_ALLOW"),
    ]
    assert host.active == {"a"}


def test_the_block_list_wins_over_the_allow_list():
    host = loaded(candidate("a"), plugins_allow=("a",), plugins_block=("a",))
    assert names(host, "blocked") == ["a"]


def test_chains_run_in_alphabetical_order():
    assert chain_order(loaded(candidate("b"), candidate("c"), candidate("a"))) == ["a", "b", "c"]


def test_the_allow_list_is_also_the_order_of_chains():
    host = loaded(candidate("a"), candidate("b"), candidate("c"), plugins_allow=("c", "a", "b"))
    assert chain_order(host) == ["c", "a", "b"]


def test_a_name_in_the_lists_that_is_not_installed_is_told(caplog):
    with caplog.at_level(logging.WARNING):
        host = loaded(candidate("a"), plugins_allow=("a", "gone"), plugins_block=("lost",))
    assert host.records[1:] == [
        PluginRecord("gone", "-", "-", "missing", "named in WHISPERX_WORKER_PLUGINS_ALLOW, but not installed"),
        PluginRecord("lost", "-", "-", "missing", "named in WHISPERX_WORKER_PLUGINS_BLOCK, but not installed"),
    ]
    assert caplog.messages == [
        "WHISPERX_WORKER_PLUGINS_ALLOW names a plugin 'gone', which is not installed",
        "WHISPERX_WORKER_PLUGINS_BLOCK names a plugin 'lost', which is not installed",
    ]


# --- broken plugins


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ImportError("no module named nonsense"), "ImportError('no module named nonsense')"),
        (SyntaxError("invalid syntax"), "SyntaxError('invalid syntax')"),
        (SystemExit(3), "it tried to end the process"),
        (PluginError("it needs a licence"), "it needs a licence"),
        (RuntimeError("two\n  lines"), "RuntimeError('two\\n lines')"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_listed_with_its_reason(error, reason):
    assert only_record(load=raising(error)) == PluginRecord("it", "somewhere", "1", "failed", reason)


def test_a_broken_plugin_takes_no_other_down(caplog):
    host = loaded(candidate("a"), candidate("b", load=raising(OSError(5, "broken"))), candidate("c"))
    assert (names(host, "active"), names(host, "failed")) == (["a", "c"], ["b"])
    assert caplog.messages == ["plugin b could not be loaded: OSError(5, 'broken')"]


def test_keyboard_interrupt_goes_through():
    with pytest.raises(KeyboardInterrupt):
        loaded(candidate("a", load=raising(KeyboardInterrupt())))


def test_a_module_that_ends_the_process_at_import_is_only_a_failed_plugin(tmp_path):
    (tmp_path / "quitter.py").write_text("import sys\nsys.exit('bye')\n")
    host = load_host(Settings(plugins_dir=tmp_path), mounted(tmp_path))
    assert host.records == [PluginRecord("quitter", "quitter.py", "-", "failed", "it tried to end the process")]
    assert "whisperx_worker_mounted_quitter" not in sys.modules


class Misspelled:
    @hookimpl
    def post_alignment(self, transcript):
        return transcript


class WrongArgument:
    @hookimpl
    def post_align(self, transkript):
        return transkript


class Wrapper:
    @hookimpl(wrapper=True)
    def post_align(self):
        return (yield)


class OldWrapper:
    @hookimpl(hookwrapper=True)
    def post_align(self):
        yield


class Unmarked:
    def post_align(self, transcript):
        return transcript


def test_a_misspelled_hook_is_named():
    record = only_record(Misspelled())
    assert record.state == "failed"
    assert record.reason.startswith("unknown hook 'post_alignment' in plugin ")


def test_a_misspelled_argument_is_named():
    record = only_record(WrongArgument())
    assert record.state == "failed"
    assert record.reason.startswith("Plugin 'it' for hook 'post_align' ")
    assert "Argument(s) {'transkript'} are declared in the hookimpl" in record.reason


@pytest.mark.parametrize("plugin", [Wrapper(), OldWrapper()])
def test_a_hook_wrapper_is_refused(plugin):
    assert only_record(plugin).reason == (
        "post_align is a hook wrapper; hooks here are chains and engines and cannot be wrapped"
    )


@pytest.mark.parametrize("plugin", [Unmarked(), SimpleNamespace(), 7])
def test_a_plugin_that_implements_no_hook_is_refused(plugin):
    assert only_record(plugin) == PluginRecord("it", "somewhere", "1", "failed", "it implements no hook")


def test_a_class_in_place_of_its_instance_is_refused():
    assert only_record(Loud).reason == "it is a class; offer a module, or an instance of the class"


def test_of_two_plugins_with_one_name_the_first_stays(caplog):
    first, second = Loud(), Loud()
    host = loaded(candidate("a", first), candidate("a", second))
    assert host.records == [
        PluginRecord("a", "somewhere", "1", "active", hooks=("post_align",)),
        PluginRecord("a", "somewhere", "1", "failed", "another plugin has this name"),
    ]
    assert [implementation.plugin for implementation in host.implementations("post_align")] == [first]
    assert caplog.messages == ["plugin a could not be loaded: another plugin has this name"]


def test_a_name_is_free_again_after_a_failure():
    host = loaded(candidate("a", Misspelled()), candidate("a", Loud()))
    assert [record.state for record in host.records] == ["failed", "active"]


# --- options and outputs


@dataclass(frozen=True)
class Dated:
    since: int = 1970


class Modelled(BaseModel):
    since: int = 1970


@dataclass(frozen=True)
class WithoutDefault:
    since: int


class ModelledWithoutDefault(BaseModel):
    since: int


class Unthinkable:
    pass


@dataclass(frozen=True)
class Indescribable:
    what: Unthinkable | None = None


class Optioned:
    def __init__(self, schema, *formats):
        self.schema = schema
        self.formats = formats

    @hookimpl
    def post_align(self, transcript):
        return transcript

    @hookimpl
    def register_options(self):
        return self.schema

    @hookimpl
    def register_outputs(self):
        return self.formats


def shout(name="shout"):
    return OutputFormat(name, ".txt", lambda result: result.transcript.text.upper())


@pytest.mark.parametrize("schema", [Dated, Modelled])
def test_options_are_a_dataclass_or_a_pydantic_model(schema):
    host = loaded(candidate("a", Optioned(schema)))
    assert host.options == {"a": schema}
    assert host.records[0].hooks == ("post_align", "register_options", "register_outputs")


def test_a_plugin_may_say_that_it_takes_no_options():
    assert loaded(candidate("a", Optioned(None))).options == {}


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (WithoutDefault, "every field of its options needs a default"),
        (ModelledWithoutDefault, "every field of its options needs a default"),
        (dict, "register_options must return a pydantic model or a dataclass, the class itself"),
        (Dated(), "register_options must return a pydantic model or a dataclass, the class itself"),
    ],
)
def test_options_that_jobs_could_not_use_are_refused(schema, reason):
    assert only_record(Optioned(schema)) == PluginRecord("it", "somewhere", "1", "failed", reason)


def test_options_that_cannot_be_described_fail_at_the_start_and_not_in_every_job():
    record = only_record(Optioned(Indescribable))
    assert record.state == "failed"
    assert record.reason.startswith("PydanticSchemaGenerationError(")


def test_setup_functions_without_the_mark_are_not_called():
    class Half(Loud):
        def register_options(self):
            raise AssertionError("called")

    assert loaded(candidate("a", Half())).active == {"a"}


def test_output_formats_stand_beside_the_workers_own():
    host = loaded(candidate("a", Optioned(None, shout())))
    assert list(host.outputs) == [*BUILT_IN_FORMATS, "shout"]


@pytest.mark.parametrize(
    ("formats", "reason"),
    [
        ([shout("srt")], "the output format 'srt' exists already"),
        ([shout(), shout()], "the output format 'shout' exists already"),
        (["srt"], "register_outputs must return a list of OutputFormat"),
    ],
)
def test_output_formats_that_cannot_be_used_are_refused(formats, reason):
    assert only_record(Optioned(None, *formats)) == PluginRecord("it", "somewhere", "1", "failed", reason)


def test_a_format_of_another_plugin_stays_with_that_plugin():
    first = Optioned(None, shout())
    host = loaded(candidate("a", first), candidate("b", Optioned(None, shout())))
    assert host.outputs["shout"] is first.formats[0]
    assert host.records[1].reason == "the output format 'shout' exists already"


@pytest.mark.parametrize(
    "plugin",
    [
        Misspelled(),
        WrongArgument(),
        Wrapper(),
        Optioned(WithoutDefault, shout()),
        Optioned(Dated, shout(), shout("srt")),
        Optioned(Dated, shout(), "no format"),
    ],
)
def test_a_plugin_that_fails_half_way_leaves_nothing_behind(plugin):
    host = loaded(candidate("a", plugin))
    assert host.manager.list_name_plugin() == []
    assert host.implementations("post_align") == []
    assert (host.options, host.outputs, host.active) == ({}, BUILT_IN_FORMATS, set())


class Extra(Loud):
    def __init__(self, schema):
        self.schema = schema

    @hookimpl
    def register_extra(self):
        return self.schema() if callable(self.schema) else self.schema


def test_schemas_of_extra_data_are_listed_by_plugin():
    schema = ExtraSchema(word=Dated)
    host = loaded(candidate("a", Extra(schema)), candidate("b", Extra(None)), candidate("c"))
    assert (host.extra, host.active) == ({"a": schema}, {"a", "b", "c"})


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"word": Dated}, "register_extra must return an ExtraSchema"),
        (lambda: ExtraSchema(result=dict), "the schema of result must be a pydantic model or a dataclass, the class itself"),
    ],
)  # fmt: skip
def test_schemas_of_extra_data_that_cannot_be_used_are_refused(schema, reason):
    host = loaded(candidate("it", Extra(schema)))
    assert (host.extra, host.records) == ({}, [PluginRecord("it", "somewhere", "1", "failed", reason)])


def test_a_schema_of_extra_data_that_cannot_be_described_fails_at_the_start():
    assert only_record(Extra(lambda: ExtraSchema(word=Indescribable))).state == "failed"


# --- what the hooks look like


def test_tryfirst_and_trylast_stand_around_the_order_of_registration():
    class Early:
        @hookimpl(tryfirst=True)
        def post_align(self, transcript):
            return transcript

    class Late:
        @hookimpl(trylast=True)
        def post_align(self, transcript):
            return transcript

    host = loaded(
        candidate("a", Late()), candidate("b"), candidate("c", Early()), candidate("d"), candidate("e", Early()),
        candidate("f", Late()),
    )  # fmt: skip
    assert chain_order(host) == ["c", "e", "b", "d", "a", "f"]


def test_the_arguments_of_a_hook_have_the_order_of_its_spec():
    assert loaded().arguments("post_align") == ("transcript", "audio", "job", "options")
