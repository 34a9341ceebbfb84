"""First imports of libraries, one after the other in the whole process.

Two threads that import libraries which import each other may be given a half-imported one. Python breaks the deadlock
of its import locks that way, and the library is broken for the one who gets it.
"""

from __future__ import annotations

import importlib
import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

log = logging.getLogger(__name__)

_TRIES = 2

_turn = threading.Lock()
_imported: set[str] = set()


def import_in_turn(places: Iterable[str]) -> None:
    """Import modules while no other thread imports any through this function, each that fails once more.

    What cannot be imported is logged: whoever needs it raises that itself.

    Args:
        places: Modules; a function, `module:function`, is called once in its turn.
    """
    for place in places:
        if place not in _imported:
            with _turn:
                _import(place)


def _import(place: str) -> None:
    module, _, function = place.partition(":")
    for _try in range(_TRIES):
        try:
            imported = importlib.import_module(module)
            if function and place not in _imported:
                getattr(imported, function)()
        except ModuleNotFoundError as error:
            log.info("%s cannot be imported: %s is not installed", module, error.name)
            return
        except Exception:
            log.info("the import of %s failed", place, exc_info=True)
        else:
            _imported.add(place)
            return
