import re
import types

import pytest

from tools.readme import ROOT, untranslated, written
from whisperx_worker.testing import load_plugin, make_transcript, run_chain


@pytest.mark.parametrize(("name", "russian"), [("README.md", False), ("README.ru.md", True)])
def test_the_tables_of_the_readme_are_what_the_code_says(name, russian):
    text = (ROOT / name).read_text(encoding="utf-8")

    assert written(text, russian=russian) == text


def test_every_line_of_the_tables_has_its_russian():
    assert untranslated() == []


@pytest.mark.parametrize("row", ["| `batch_size` |", "| `WHISPERX_WORKER_DEVICE` |", "| `pre_audio("])
def test_a_table_stands_in_the_readme_once(row):
    assert (ROOT / "README.md").read_text(encoding="utf-8").count(row) == 1


def test_the_plugin_of_the_readme_works():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    source = next(block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "@hookimpl" in block)
    plugin = types.ModuleType("brand_names")
    exec(compile(source, "README.md", "exec"), plugin.__dict__)
    host = load_plugin(plugin, name="brand_names")

    changed = run_chain(host, "post_align", make_transcript("Я запустил ранпод."))

    assert changed.segments[0].text == "Я запустил РанПод."
    assert [word.word for word in changed.segments[0].words] == ["Я", "запустил", "РанПод."]
