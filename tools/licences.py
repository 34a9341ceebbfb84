"""Licences of all locked packages from their metadata, for the table of LICENCES.md.

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
"""Licences that require more than a notice; the text above the table names packages under them."""

TITLES = {
    "MIT": r"MIT License|The MIT License",
    "BSD-3-Clause": r"BSD 3-Clause",
    "Apache-2.0": r"Apache License\s+Version 2.0",
}
"""Beginnings of licence texts, for packages without a licence in their metadata."""


def licence(package: Distribution) -> str:
    """Return a package's licence, in a line.

    Raises:
        ValueError: Its metadata and files name none.
    """
    metadata = package.metadata
    classifiers = [text for text in metadata.get_all("Classifier") or () if text.startswith("License :: ")]
    (expression, *_), (short, *_) = (metadata.get_all(field) or [""] for field in ("License-Expression", "License"))
    named = (
        expression
        or "; ".join(text.rpartition(" :: ")[2] for text in classifiers)
        or ("" if "\n" in short else short.strip())
        or _by_its_text(package)
    )
    if not named:
        raise ValueError(f"{metadata['Name']} {package.version} does not say what its licence is")
    return named


def _by_its_text(package: Distribution) -> str:
    """Recognise the licence text in a package's metadata; empty if there is none."""
    for file in package.files or ():
        if not re.search(r"dist-info/.*LICEN[CS]E", str(file)):
            continue
        beginning = Path(str(file.locate())).read_text(encoding="utf-8")[:300]
        for title, pattern in TITLES.items():
            if re.search(pattern, beginning):
                return title
    return ""


def row(package: str, versions: list[str], licence: str) -> str:
    """Format a row of the table."""
    return f"| {package} | {', '.join(versions)} | {licence} |"


def locked_versions() -> dict[str, list[str]]:
    """Return the versions of each package in the lock file."""
    versions: defaultdict[str, list[str]] = defaultdict(list)
    for requirement in locked():
        versions[name(requirement)].append(version(requirement))
    return versions


def installed(folder: str | None = None) -> dict[str, Distribution]:
    """Return the distributions installed here, or in a folder, by name."""
    found = distributions(path=[folder]) if folder else distributions()
    return {str(canonicalize_name(one.metadata["Name"])): one for one in found}


def fetch(pins: list[str], folder: str) -> dict[str, Distribution]:
    """Install packages for the oldest supported Python in a folder; return them by name."""
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
        known = here | (fetch(pins, folder) if pins else {})
        rows = [row(package, found, licence(known[package])) for package, found in sorted(versions.items())]
    text = "\n".join([HEAD, *rows])
    page = LICENCES.read_text(encoding="utf-8")
    LICENCES.write_text(PLACE.sub(lambda found: found[1] + text + found[2], page), encoding="utf-8")


if __name__ == "__main__":
    main()
