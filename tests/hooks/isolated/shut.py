"""Closed plugin that crashes."""

import os

from whisperx_worker import hookimpl


@hookimpl(closed=True)
def finalize():
    os.abort()
