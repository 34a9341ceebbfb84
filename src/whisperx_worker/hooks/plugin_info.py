"""Properties of a plugin, and the version of the API that it is written for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from whisperx_worker.errors import PluginError

API_VERSION = "1.0"
"""Version of the plugin API: hooks, their arguments, and the public names."""


@dataclass(frozen=True)
class PluginInfo:
    """Answer to `register_plugin`."""

    on_request: bool = False
    """Whether it takes part only in jobs that name it.

    Where the operator gives it options or requires it, it takes part in all jobs.
    """
    api: str = ""
    """Versions of the plugin API that it works with, such as ">=1.0,<2"; any where it is empty."""


def check_api(wanted: Any) -> None:  # noqa: ANN401  a plugin may put anything there
    """Check that a plugin works with this version of the API.

    Args:
        wanted: Version specifiers as of packages, separated by commas.

    Raises:
        PluginError: When it does not, or the range cannot be read.
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    if wanted == "":
        return
    try:
        matches = SpecifierSet(wanted if isinstance(wanted, str) else "?").contains(API_VERSION)
    except InvalidSpecifier as error:
        raise PluginError(f'its range of the plugin API is {wanted!r}; write it as ">=1.0,<2"') from error
    if not matches:
        raise PluginError(f"it works with the plugin API {wanted}, and this worker has {API_VERSION}")
