"""First imports of libraries, one after the other in the whole process.

Two threads that import libraries which import each other may get a half-imported one: that is how Python breaks the
deadlock of its import locks.
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
    """Import modules under a lock of the process, with a second try for each.

    A failed import is logged only: the code that needs the module raises the error.

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
