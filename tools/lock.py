"""Requirements of the image's lock file and of `setup.cfg`."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements.lock"
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def locked(path: Path = LOCK) -> Iterator[Requirement]:
    """Yield every package of the lock file for the supported Pythons on Linux.

    A name may have several versions.
    """
    for line in re.findall(r"^[a-z0-9].*", path.read_text(encoding="utf-8"), re.MULTILINE):
        requirement = Requirement(line.removesuffix("\\"))
        if any(applies(requirement, python) for python in PYTHONS):
            yield requirement


def applies(requirement: Requirement, python: str) -> bool:
    """Return whether a line of the lock file is for this Python on Linux."""
    linux = {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }
    return requirement.marker is None or requirement.marker.evaluate(linux)


def declared(*extras: str) -> list[Requirement]:
    """List the requirements of `setup.cfg`: the package's, and those of these extras."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    lists = [config["options"]["install_requires"], *(config["options.extras_require"][extra] for extra in extras)]
    return [Requirement(line) for text in lists for line in text.split("\n") if line]


def version(requirement: Requirement) -> str:
    """Return the version of a line of the lock file."""
    (specifier,) = requirement.specifier
    return specifier.version


def name(requirement: Requirement) -> str:
    """Return a package's canonical name."""
    return str(canonicalize_name(requirement.name))
