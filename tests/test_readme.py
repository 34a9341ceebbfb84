import pytest

from tools.readme import ROOT, untranslated, written


@pytest.mark.parametrize(("name", "russian"), [("README.md", False), ("README.ru.md", True)])
def test_the_tables_of_the_readme_are_what_the_code_says(name, russian):
    text = (ROOT / name).read_text(encoding="utf-8")

    assert written(text, russian=russian) == text


def test_every_line_of_the_tables_has_its_russian():
    assert untranslated() == []


@pytest.mark.parametrize("row", ["| `batch_size` |", "| `WHISPERX_WORKER_DEVICE` |", "| `pre_audio("])
def test_a_table_stands_in_the_readme_once(row):
    assert (ROOT / "README.md").read_text(encoding="utf-8").count(row) == 1
