"""Downloads from the Hugging Face hub, and their failures as one sentence each."""

from __future__ import annotations

import errno
import logging
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from whisperx_worker.errors import GatedModelError, ModelNotFoundError, WorkerError
from whisperx_worker.runtime.failure_kinds import causes
from whisperx_worker.runtime.import_order import import_in_turn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import SecretStr

    from whisperx_worker.contract.settings import Settings

log = logging.getLogger(__name__)

OFFLINE = "HF_HUB_OFFLINE"

_OFFLINE_TOO = "TRANSFORMERS_OFFLINE"
"""Both forbid the hub's client to ask the hub."""

MAIN = "main"
"""Revision of an unpinned model: the newest on the hub."""

NO_ROOM = {errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.ENOSPC, errno.EROFS}


def forbid_hub_by_default(settings: Settings) -> None:
    """Forbid the hub to every library where no model may be downloaded, unless the environment allows it.

    To be called before a plugin imports the hub's client, which reads the variable once.
    """
    if not settings.hub_models:
        os.environ.setdefault(OFFLINE, "1")


def hub_is_forbidden() -> bool:
    """Return whether the environment forbids the hub's client to ask the hub, as the client reads it."""
    return any(os.environ.get(name, "").upper() in {"1", "ON", "YES", "TRUE"} for name in (OFFLINE, _OFFLINE_TOO))


def download_model(hub_id: str, revision: str, token: SecretStr | None) -> Path:
    """Download a model into the hub's cache, and return its folder.

    Raises:
        GatedModelError: When the model is gated and the token does not open it.
        ModelNotFoundError: When it cannot be downloaded for any other reason.
    """
    import_in_turn(("huggingface_hub",))
    from huggingface_hub import snapshot_download

    log.info("downloading the model %s at %s", hub_id, revision)
    if revision == MAIN:
        log.warning("the revision of %s is not pinned, and may be another one next time", hub_id)
    with translate_hub_errors(hub_id):
        return Path(snapshot_download(hub_id, revision=revision, token=token.get_secret_value() if token else False))


@contextmanager
def translate_hub_errors(hub_id: str) -> Iterator[None]:
    """Turn exceptions of the hub's client into one sentence each.

    Raises:
        GatedModelError: When the model is gated and the token does not open it.
        ModelNotFoundError: When it cannot be had for any other reason.
    """
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        yield
    except WorkerError:
        raise
    except GatedRepoError:
        raise GatedModelError(f"the model {hub_id!r} is gated, and the token does not open it") from None
    except RepositoryNotFoundError:
        raise ModelNotFoundError(f"the hub has no model {hub_id!r}, or the token does not open it") from None
    except RevisionNotFoundError:
        raise ModelNotFoundError(f"the model {hub_id!r} has no such revision on the hub") from None
    except (HfHubHTTPError, OSError, ValueError, KeyError, RuntimeError) as error:
        if is_offline(error):
            raise ModelNotFoundError(f"the model {hub_id!r} could not be downloaded: {OFFLINE} is set") from None
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise ModelNotFoundError(f"the model {hub_id!r} could not be written: {error.strerror}") from None
        raise ModelNotFoundError(f"the model {hub_id!r} could not be downloaded ({type(error).__name__})") from None


def is_offline(error: BaseException) -> bool:
    """Return whether an exception comes from the client's offline mode, directly or as a cause."""
    from huggingface_hub.errors import OfflineModeIsEnabled

    return any(isinstance(one, OfflineModeIsEnabled) for one in causes(error))
