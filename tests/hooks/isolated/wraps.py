"""Engine that wraps another."""

from whisperx_worker import hookimpl


@hookimpl
def transcribe(next_engine):
    return next_engine()
