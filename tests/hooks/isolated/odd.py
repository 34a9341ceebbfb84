"""Plugin that does whatever its options say."""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace
from fractions import Fraction

from whisperx_worker import BadInputError, DeviceError, JobRefusedError, PluginError, hookimpl

_meeting = threading.Barrier(2)


@dataclass(frozen=True)
class Options:
    how: str = "changes"
    times: int = 1
    token: str = "hf_Abcdefgh1234"


class OwnError(BadInputError):
    """Error of a class that the worker does not have."""


@hookimpl
def register_options():
    return Options


def exits():
    os._exit(3)


def crashes():
    ctypes.string_at(0)


def ends():
    sys.exit(1)


def aborts():
    os.abort()


def wants_memory():
    bytearray(1 << 60)


def raises():
    raise KeyError("/root/secret")


def complains():
    raise PluginError("the dictionary is missing")


def complains_of_its_own():
    raise OwnError("the dictionary is wrong")


def breaks_gpu():
    raise RuntimeError("CUDA error: an illegal memory access was encountered")


def cannot_use_gpu():
    raise DeviceError("the GPU is gone")


def refuses():
    raise JobRefusedError("not on Sundays")


def returns_function():
    return lambda: None


def returns_fraction():
    return {"a": Fraction(1, 3)}


def returns_own():
    return Options()


def hangs():
    time.sleep(60)


def hangs_in_native_code():
    ctypes.PyDLL(None).sleep(60)


def leaves_child():
    subprocess.Popen(["sleep", "61"])
    time.sleep(60)


def is_killed():
    os.kill(os.getpid(), signal.SIGKILL)


@hookimpl
def post_align(transcript, job, options):
    if options.how == "tells":
        sys.stdout.write("printed\n")
        os.write(1, b"printed by C\n")
        logging.getLogger("odd").warning("logged with %s", options.token)
        return None
    if options.how == "mutates":
        transcript.segments[0].__dict__["text"] = "gone"
        return None
    if options.how == "warns":
        job.warn("from afar")
        job.progress("post_align", 0.5)
        job.notes["odd"] = {"pid": os.getpid()}
        job.note_text("removed", transcript.segments[0], "for the test")
        with job.timed("odd"), job.models.use(("model", "m"), load=object):
            return None
    if options.how == "waits for progress":
        for _ in range(600):
            job.progress("post_align", 0.5)
            time.sleep(0.1)
    if options.how == "meets":
        _meeting.wait(20)
    if options.how == "hangs where others wait":
        time.sleep(1.0 if job.id == "innocent" else 60)
    act = globals().get(options.how)
    answer = act() if act else None
    if answer is not None:
        return answer
    return replace(transcript, language="en")
