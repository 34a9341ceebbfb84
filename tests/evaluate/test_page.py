"""The documentation shows what the command prints, and every sentence about a bad input."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.evaluate.test_refused_input import CASES

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / "evaluate.md", ROOT / "docs" / "ru" / "evaluate.md"]
NUMBER = re.compile(r"\d+(?:\.\d+)?")


def shown_run(page):
    """The command of the page's report, and what it prints."""
    (block,) = re.findall(r"```console\n\$ (.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    command, _, printed = re.sub(r" \\\n +", " ", block).partition("\n")
    return command, printed


@pytest.mark.models
@pytest.mark.slow
def test_the_report_of_the_page_is_what_the_command_prints(tmp_path):
    pytest.importorskip("meeteval")
    command, printed = shown_run(PAGES[0])
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = command.replace("--report report", f"--report {tmp_path}")
    done = subprocess.run(["bash", "-c", command.encode()], capture_output=True, check=True, cwd=ROOT, env=environment)
    found = done.stdout.decode()
    assert re.sub(r"[\d. ]+", " ", found) == re.sub(r"[\d. ]+", " ", printed)
    # Processors compute in different precision.
    assert [float(n) for n in NUMBER.findall(found)] == pytest.approx(
        [float(n) for n in NUMBER.findall(printed)], rel=0.1, abs=1.0
    )
    assert {path.name for path in tmp_path.iterdir()} == {"evaluation.json", "evaluation.html"}


def test_both_languages_show_the_same_report():
    assert shown_run(PAGES[0]) == shown_run(PAGES[1])


@pytest.mark.parametrize("page", PAGES, ids=["english", "russian"])
def test_the_page_has_every_sentence_about_a_bad_input(page):
    rows = re.findall(
        r"^\| (.+?) \| (`{1,2}) ?(.+?) ?\2 \|$", page.read_text(encoding="utf-8").split("\n## ")[-1], re.MULTILINE
    )
    assert {name: sentence.replace("\\|", "|") for name, _, sentence in rows} == {
        name: sentence for name, (_, _, sentence) in CASES.items()
    }
