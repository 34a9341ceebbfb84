"""Kind of a failure by the words of the libraries: want of memory, a GPU that must be replaced, or anything else.

Knows no model library: their exceptions are told by module, name and text.
"""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING, Literal, TypeAlias

from whisperx_worker.errors import DeviceError, WorkerError

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind: TypeAlias = Literal["memory", "gpu", "other"]

_MEMORY = re.compile(
    r"out of memory|OUT_OF_MEMORY|bad_alloc|cudaErrorMemoryAllocation"
    r"|CU(BLAS|FFT|DNN|SOLVER|SPARSE|RAND)_(STATUS_)?\w*ALLOC(ATION)?_FAILED"
    # The handle needs memory of its own, and both libraries say no more than this when there is none.
    r"|CUBLAS_STATUS_NOT_INITIALIZED|CUDNN_STATUS_NOT_INITIALIZED"
    r"|can't allocate memory|cannot allocate memory|not enough memory|failed to allocate memory"
    # torch's allocator asks NVML when memory is short, and fails of that where it is not there.
    r"|CUDACachingAllocator\.cpp.* INTERNAL ASSERT|INTERNAL ASSERT.*CUDACachingAllocator\.cpp"
    r"|available memory of \d+ is smaller than requested",
    re.IGNORECASE,
)
"""CUDA, cuBLAS, cuDNN, torch, CTranslate2 and onnxruntime on want of memory."""

_GPU = re.compile(
    r"\bCUDA (driver |runtime )?(error|failure|failed)\b|\bCUDA unknown error|\bcudaError[A-Z]|\bCUDA_ERROR_"
    r"|cudaGetDeviceCount\(\)|CUDA driver (initialization|version)|No CUDA GPUs are available|no NVIDIA driver"
    r"|\bcu(BLAS|DNN|FFT|SOLVER|SPARSE|RAND)(Lt)?( frontend)? (error|failure|failed)\b"
    r"|\bCU(BLAS|DNN|FFT|SOLVER|SPARSE|RAND)_(STATUS_)?[A-Z]|\bCUDNN_(BACKEND|FE)\b|\bNVRTC\b"
    r"|Triton Error \[CUDA\]|illegal memory access|device-side assert|uncorrectable ECC|unspecified launch failure"
    r"|GPU has fallen off the bus",
    re.IGNORECASE,
)
"""The same libraries on everything else that a GPU can do wrong."""

_OWN_WORDS = (WorkerError, ValueError, LookupError, TypeError, OSError, ImportError, AttributeError, AssertionError)
"""Their texts may quote a client, and no library reports its GPU by them."""


def kind_of(error: BaseException) -> Kind:
    """Judge an exception and all that led to it.

    After a fault of the GPU every later call fails in its own way, want of memory included: the fault wins.
    """
    kinds = {_own_kind(one) for one in causes(error)}
    return "gpu" if "gpu" in kinds else "memory" if "memory" in kinds else "other"


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those that it was raised from, while handling, or as a group of; each once."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [cause for cause in (one.__cause__, one.__context__) if cause is not None]
        waiting += getattr(one, "exceptions", ())


def of_the_gpu(error: BaseException) -> BaseException | None:
    """Return the exception of a chain that tells of a fault of the GPU, or None."""
    return next((one for one in causes(error) if _own_kind(one) == "gpu"), None)


def root_of(error: BaseException) -> BaseException:
    """Return what an exception was first raised from."""
    seen = set[int]()
    while (cause := error.__cause__ or error.__context__) is not None and id(error) not in seen:
        seen.add(id(error))
        error = cause
    return error


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory is used up, and the GPU otherwise as it should be."""
    return kind_of(error) == "memory"


def _own_kind(error: BaseException) -> Kind:
    name = type(error).__name__
    if isinstance(error, MemoryError) or name == "OutOfMemoryError":
        return "memory"
    if isinstance(error, DeviceError):
        return "gpu"
    if isinstance(error, OSError):
        return "memory" if error.errno == errno.ENOMEM else "other"
    if isinstance(error, _OWN_WORDS) or not isinstance(error, Exception):
        return "other"
    text = str(error)
    if _MEMORY.search(text):
        return "memory"
    return "gpu" if _GPU.search(text) or name in {"AcceleratorError", "CudaError"} else "other"
