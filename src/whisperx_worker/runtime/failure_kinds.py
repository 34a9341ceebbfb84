"""Kind of a failure by the text of its exception: memory, GPU or other.

No model library is imported: their exceptions are recognised by name and text.
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
    # Creating the handle needs memory, and both libraries report nothing else when there is none.
    r"|CUBLAS_STATUS_NOT_INITIALIZED|CUDNN_STATUS_NOT_INITIALIZED"
    r"|can't allocate memory|cannot allocate memory|not enough memory|failed to allocate memory"
    # torch's allocator asks NVML when memory is short, and fails of that where it is not there.
    r"|CUDACachingAllocator\.cpp.* INTERNAL ASSERT|INTERNAL ASSERT.*CUDACachingAllocator\.cpp"
    r"|available memory of \d+ is smaller than requested",
    re.IGNORECASE,
)
"""Messages of CUDA, cuBLAS, cuDNN, torch, CTranslate2 and onnxruntime on lack of memory."""

_GPU = re.compile(
    r"\bCUDA (driver |runtime )?(error|failure|failed)\b|\bCUDA unknown error|\bcudaError[A-Z]|\bCUDA_ERROR_"
    r"|cudaGetDeviceCount\(\)|CUDA driver (initialization|version)|No CUDA GPUs are available|no NVIDIA driver"
    r"|\bcu(BLAS|DNN|FFT|SOLVER|SPARSE|RAND)(Lt)?( frontend)? (error|failure|failed)\b"
    r"|\bCU(BLAS|DNN|FFT|SOLVER|SPARSE|RAND)_(STATUS_)?[A-Z]|\bCUDNN_(BACKEND|FE)\b|\bNVRTC\b"
    r"|Triton Error \[CUDA\]|illegal memory access|device-side assert|uncorrectable ECC|unspecified launch failure"
    r"|GPU has fallen off the bus",
    re.IGNORECASE,
)
"""Messages of the same libraries on other failures of a GPU."""

_OTHER_ERRORS = (
    WorkerError,
    ValueError,
    LookupError,
    TypeError,
    OSError,
    ImportError,
    AttributeError,
    AssertionError,
)
"""Exceptions that may quote a client, and by which no library reports its GPU."""


def failure_kind(error: BaseException) -> Kind:
    """Classify an exception together with its causes.

    After a fault of the GPU later calls fail in other ways, lack of memory included: the fault wins.
    """
    kinds = {_single_kind(one) for one in causes(error)}
    return "gpu" if "gpu" in kinds else "memory" if "memory" in kinds else "other"


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception, its causes, contexts and members of its group, without repetition."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [cause for cause in (one.__cause__, one.__context__) if cause is not None]
        waiting += getattr(one, "exceptions", ())


def gpu_fault(error: BaseException) -> BaseException | None:
    """Return the exception of a chain that reports a fault of the GPU, or None."""
    return next((one for one in causes(error) if _single_kind(one) == "gpu"), None)


def root_cause(error: BaseException) -> BaseException:
    """Return what an exception was first raised from."""
    seen = set[int]()
    while (cause := error.__cause__ or error.__context__) is not None and id(error) not in seen:
        seen.add(id(error))
        error = cause
    return error


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory is used up, and the GPU otherwise as it should be."""
    return failure_kind(error) == "memory"


def _single_kind(error: BaseException) -> Kind:
    """Classify one exception without its causes."""
    name = type(error).__name__
    if isinstance(error, MemoryError) or name == "OutOfMemoryError":
        return "memory"
    if isinstance(error, DeviceError):
        return "gpu"
    if isinstance(error, OSError):
        return "memory" if error.errno == errno.ENOMEM else "other"
    if isinstance(error, _OTHER_ERRORS) or not isinstance(error, Exception):
        return "other"
    text = str(error)
    if _MEMORY.search(text):
        return "memory"
    return "gpu" if _GPU.search(text) or name in {"AcceleratorError", "CudaError"} else "other"
