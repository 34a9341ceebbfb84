"""Writes the table of LICENCES.md, the licences of all locked packages, from their own metadata.

`make licences` runs it; a test fails where a locked package is not in the table.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from importlib.metadata import Distribution, distributions
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.utils import canonicalize_name

from tools.lock import PYTHONS, ROOT, locked, name, version

LICENCES = ROOT / "LICENCES.md"
PLACE = re.compile(r"(<!-- packages -->\n).*(\n<!-- end -->)", re.DOTALL)
HEAD = "| package | version | licence |\n| --- | --- | --- |"
NOT_PERMISSIVE = re.compile(r"GPL|MPL|EUPL|NC-|non-?commercial|proprietary", re.IGNORECASE)
"""Licences that ask for more than a notice: the packages under them stand in the text above the table."""

TITLES = {
    "MIT": r"MIT License|The MIT License",
    "BSD-3-Clause": r"BSD 3-Clause",
    "Apache-2.0": r"Apache License\s+Version 2.0",
}
"""How the text of a licence begins, for packages whose metadata name none."""


def licence(package: Distribution) -> str:
    """What a package says of its licence, in a line.

    Raises:
        ValueError: When it says nothing that is understood.
    """
    metadata = package.metadata
    classifiers = [text for text in metadata.get_all("Classifier") or () if text.startswith("License :: ")]
    (expression, *_), (short, *_) = (metadata.get_all(field) or [""] for field in ("License-Expression", "License"))
    said = (
        expression
        or "; ".join(text.rpartition(" :: ")[2] for text in classifiers)
        or ("" if "\n" in short else short.strip())
        or _by_its_text(package)
    )
    if not said:
        raise ValueError(f"{metadata['Name']} {package.version} does not say what its licence is")
    return said


def _by_its_text(package: Distribution) -> str:
    """The licence whose text lies in the package's metadata, or nothing."""
    for file in package.files or ():
        if not re.search(r"dist-info/.*LICEN[CS]E", str(file)):
            continue
        beginning = Path(str(file.locate())).read_text(encoding="utf-8")[:300]
        for title, pattern in TITLES.items():
            if re.search(pattern, beginning):
                return title
    return ""


def row(package: str, versions: list[str], licence: str) -> str:
    """A line of the table."""
    return f"| {package} | {', '.join(versions)} | {licence} |"


def locked_versions() -> dict[str, list[str]]:
    """The versions of each package in the lock file."""
    versions: defaultdict[str, list[str]] = defaultdict(list)
    for requirement in locked():
        versions[name(requirement)].append(version(requirement))
    return versions


def installed(folder: str | None = None) -> dict[str, Distribution]:
    """What is installed here, or in a folder, by name."""
    found = distributions(path=[folder]) if folder else distributions()
    return {str(canonicalize_name(one.metadata["Name"])): one for one in found}


def fetched(pins: list[str], folder: str) -> dict[str, Distribution]:
    """Packages that this Python does not get: those of the oldest one that we run on."""
    uv = str(Path(sys.executable).with_name("uv"))
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--target", folder, "--python-version", PYTHONS[0], *pins]
    subprocess.run(command, check=True)
    return installed(folder)


def main() -> None:
    """Write the page."""
    versions = locked_versions()
    with TemporaryDirectory() as folder:
        here = installed()
        pins = [f"{package}=={versions[package][0]}" for package in versions if package not in here]
        known = here | (fetched(pins, folder) if pins else {})
        rows = [row(package, found, licence(known[package])) for package, found in sorted(versions.items())]
    text = "\n".join([HEAD, *rows])
    page = LICENCES.read_text(encoding="utf-8")
    LICENCES.write_text(PLACE.sub(lambda found: found[1] + text + found[2], page), encoding="utf-8")


if __name__ == "__main__":
    main()
