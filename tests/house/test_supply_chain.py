"""Bounds, the image's lock file and the licences, all without a network: `make supply-chain` resolves them anew."""

import re

import pytest
from packaging.requirements import Requirement

from tools.licences import HEAD, LICENCES, NOT_PERMISSIVE, locked_versions
from tools.lock import LOCK, PYTHONS, ROOT, applies, declared, locked, name, version

pytestmark = pytest.mark.slow

LINES = LOCK.read_text(encoding="utf-8")
TOLD, TABLE = LICENCES.read_text(encoding="utf-8").split(f"<!-- packages -->\n{HEAD}\n")
ROWS = re.findall(r"^\| (.+) \| (.+) \| (.+) \|$", TABLE, re.MULTILINE)


def build_requirements():
    listed = re.search(r"requires = \[(.*)\]", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))[1]
    return [Requirement(text) for text in re.findall(r'"(.+?)"', listed)]


@pytest.mark.parametrize(
    "requirement", [*declared("worker", "evaluate", "dev", "bench"), *build_requirements()], ids=str
)
def test_a_requirement_has_a_lower_and_an_upper_bound(requirement):
    assert {one.operator for one in requirement.specifier} >= {">=", "<"}


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_file_has_what_setup_cfg_asks_for(python):
    pinned = {name(one): version(one) for one in locked() if applies(one, python)}
    unmet = [str(one) for one in declared("worker") if not one.specifier.contains(pinned.get(name(one), "0"))]
    assert unmet == []


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_file_has_one_version_for_each_python(python):
    names = [name(one) for one in locked() if applies(one, python)]
    assert len(names) == len(set(names))


def test_the_lock_file_has_nothing_that_setup_cfg_no_longer_asks_for():
    entries = re.split(r"\n(?=[a-z0-9])", LINES)[1:]
    ours = {entry.partition("==")[0] for entry in entries if "whisperx-worker (setup.cfg)" in entry}
    assert ours == {name(one) for one in declared("worker")}


def test_every_locked_package_has_its_hashes():
    entries = re.split(r"\n(?=[a-z0-9])", LINES)[1:]
    assert len(entries) > 150
    assert [entry.partition(" ")[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_licence_of_every_locked_package_is_listed():
    assert {package: versions for package, versions, _ in ROWS} == {
        package: ", ".join(versions) for package, versions in locked_versions().items()
    }


def test_a_licence_that_asks_for_more_than_a_notice_is_told_above_the_table():
    packages = [package for package, _, licence in ROWS if NOT_PERMISSIVE.search(licence)]
    assert {"certifi", "paramiko", "tqdm"} <= set(packages)
    untold = [package for package in packages if not package.startswith("nvidia-") and f"`{package}`" not in TOLD]
    assert untold == []
    assert "`nvidia-*`" in TOLD
