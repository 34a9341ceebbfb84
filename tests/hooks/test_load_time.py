"""Loading of a plugin is timed, and the package is named whose import took longest."""

from __future__ import annotations

import sys

import pytest

from whisperx_worker.contract.settings import Settings
from whisperx_worker.hooks.load_time import measured_load
from whisperx_worker.hooks.loading import load_host

PLUGIN = '''"""Plugin that {verb} a library."""

from whisperx_worker import hookimpl
{imports}

@hookimpl
def post_align():
    return None
'''
SLEEPS = "import time\ntime.sleep({seconds})\n"


@pytest.fixture
def libraries(tmp_path, monkeypatch):
    """Write modules that are importable in this test only."""
    monkeypatch.syspath_prepend(str(tmp_path / "libraries"))
    known = set(sys.modules)

    def write(**sources):
        for name, source in sources.items():
            file = tmp_path / "libraries" / f"{name.replace('.', '/')}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(source, encoding="utf-8")

    yield write
    for name in set(sys.modules) - known:
        del sys.modules[name]


def record_of(tmp_path, imports):
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "mood.py").write_text(PLUGIN.format(verb="imports", imports=imports), encoding="utf-8")
    (record,) = [one for one in load_host(Settings(plugins_dir=folder)).records if one.name == "mood"]
    return record


def test_the_slowest_library_of_a_plugin_is_named_with_all_that_it_imports(libraries, tmp_path):
    libraries(light_lib="", heavy_lib="import basis_lib\n", basis_lib=SLEEPS.format(seconds=0.2))

    record = record_of(tmp_path, "import light_lib\nimport heavy_lib\n")

    assert record.slowest_import == "heavy_lib"
    assert record.load_s >= record.slowest_import_s >= 0.2


def test_a_submodule_counts_for_its_package(libraries, tmp_path):
    libraries(**{"big_lib/__init__": "", "big_lib/part": SLEEPS.format(seconds=0.1)}, other_lib="")

    assert record_of(tmp_path, "import other_lib\nimport big_lib.part\n").slowest_import == "big_lib"


def test_of_the_plugins_own_package_only_the_imports_count(libraries):
    libraries(**{"own_lib/__init__": "import own_lib.model\n", "own_lib/model": "import heavy_lib\n"})
    libraries(heavy_lib=SLEEPS.format(seconds=0.1))
    with measured_load() as load:
        __import__("own_lib")

    assert load.slowest_import("own_lib")[0] == "heavy_lib"
    assert load.slowest_import("another")[0] == "own_lib"


def test_a_library_inside_a_function_is_not_imported_at_load(tmp_path):
    record = record_of(tmp_path, "")

    assert (record.slowest_import, record.description) == ("", "Plugin that imports a library.")


def test_the_finder_leaves_nothing_behind():
    before = list(sys.meta_path)
    with measured_load():
        assert sys.meta_path != before
    assert sys.meta_path == before
