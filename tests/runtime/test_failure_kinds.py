"""Real messages of the libraries, each with the kind of failure that it is."""

from __future__ import annotations

import errno

import pytest

from tests.chains import raised
from whisperx_worker import BadInputError, DeviceError, PluginError
from whisperx_worker.runtime.failure_kinds import causes, failure_kind, gpu_fault, is_out_of_memory, root_cause

HINT = (
    "\nCUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be "
    "incorrect.\nCompile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.\n"
)


class ForeignError(Exception):
    """As onnxruntime's exceptions are, which are no `RuntimeError`."""


class AcceleratorError(RuntimeError):
    """Named as torch's."""


class OutOfMemoryError(RuntimeError):
    """Named as torch's."""


MEMORY = [
    MemoryError("std::bad_alloc"),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    # torch
    RuntimeError('NVML_SUCCESS == r INTERNAL ASSERT FAILED at "../c10/cuda/CUDACachingAllocator.cpp":995'),
    OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 23.64 GiB"),
    OutOfMemoryError("Allocation on device"),
    AcceleratorError(f"CUDA error: out of memory{HINT}"),
    RuntimeError(f"CUDA error: out of memory{HINT}"),
    RuntimeError("CUDA driver error: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    RuntimeError("cuFFT error: CUFFT_ALLOC_FAILED"),
    RuntimeError("cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnCreate(handle)`"),
    RuntimeError("NVRTC_ERROR_OUT_OF_MEMORY"),
    RuntimeError("Triton Error [CUDA]: out of memory"),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
        "allocate 1125899906842624 bytes. Error code 12 (Cannot allocate memory)"
    ),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8589934592 bytes."),
    RuntimeError("std::bad_alloc: cudaErrorMemoryAllocation: out of memory"),
    # CTranslate2
    RuntimeError("CUDA failed with error out of memory"),
    RuntimeError("cuBLAS failed with status CUBLAS_STATUS_ALLOC_FAILED"),
    RuntimeError("cuBLAS failed with status CUBLAS_STATUS_NOT_INITIALIZED"),
    RuntimeError("cuDNN failed with status CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("failed to allocate memory"),
    # onnxruntime
    ForeignError(
        "[ONNXRuntimeError] : 1 : FAIL : CUDA failure 2: out of memory ; GPU=0 ; hostname=h ; expr=cudaStreamCreate"
    ),
    ForeignError("[ONNXRuntimeError] : 1 : FAIL : CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; hostname=h"),
    ForeignError(
        "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running Conv node. "
        "Name:'/conv' Status Message: bfc_arena.cc:376 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool) "
        "Failed to allocate memory for requested buffer of size 8388608000"
    ),
    ForeignError("BFCArena::AllocateRawInternal Available memory of 1024 is smaller than requested bytes of 4096"),
]

GPU = [
    # torch
    RuntimeError("CUDA error: GPU has fallen off the bus"),
    RuntimeError("NVRM: Xid 79, GPU has fallen off the bus."),
    AcceleratorError(f"CUDA error: an illegal memory access was encountered{HINT}"),
    AcceleratorError(f"CUDA error: device-side assert triggered{HINT}"),
    AcceleratorError(f"CUDA error: uncorrectable ECC error encountered{HINT}"),
    AcceleratorError(f"CUDA error: unspecified launch failure{HINT}"),
    AcceleratorError(f"CUDA error: misaligned address{HINT}"),
    AcceleratorError(f"CUDA error: the launch timed out and was terminated{HINT}"),
    AcceleratorError(f"CUDA error: no kernel image is available for execution on the device{HINT}"),
    RuntimeError(f"CUDA error: all CUDA-capable devices are busy or unavailable{HINT}"),
    RuntimeError(f"CUDA error: unknown error{HINT}"),
    RuntimeError("CUDA driver error: an illegal memory access was encountered"),
    RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm( handle, opa, opb, m, n, k)`"),
    RuntimeError("CUDA error: CUBLAS_STATUS_INTERNAL_ERROR when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    RuntimeError("cuDNN error: CUDNN_STATUS_MAPPING_ERROR"),
    RuntimeError("cuDNN Frontend error: [cudnn_frontend] Error: No execution plans support the graph."),
    RuntimeError("cuFFT error: CUFFT_INTERNAL_ERROR"),
    RuntimeError("No CUDA GPUs are available"),
    RuntimeError("Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU"),
    RuntimeError("Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before calling"),
    RuntimeError("CUDA unknown error - this may be due to an incorrectly set up environment"),
    RuntimeError("parallel_for failed: cudaErrorIllegalAddress: an illegal memory access was encountered"),
    RuntimeError("Triton Error [CUDA]: an illegal memory access was encountered"),
    # CTranslate2
    RuntimeError("CUDA failed with error an illegal memory access was encountered"),
    RuntimeError("CUDA failed with error unknown error"),
    RuntimeError("CUDA failed with error CUDA driver version is insufficient for CUDA runtime version"),
    RuntimeError("CUDA failed with error no kernel image is available for execution on the device"),
    RuntimeError("cuBLAS failed with status CUBLAS_STATUS_EXECUTION_FAILED"),
    RuntimeError("cuBLAS failed with status CUBLAS_STATUS_NOT_SUPPORTED"),
    RuntimeError("cuDNN failed with status CUDNN_STATUS_EXECUTION_FAILED"),
    # onnxruntime
    ForeignError("[ONNXRuntimeError] : 1 : FAIL : CUDA failure 700: an illegal memory access was encountered ; GPU=0"),
    ForeignError("CUDA error executing cudaMemcpy(dst_data, src_data, bytes, cudaMemcpyDeviceToHost)"),
    ForeignError(
        "CUDNN failure 5003: CUDNN_STATUS_EXECUTION_FAILED ; GPU=0 ; hostname=h ; expr=cudnnConvolutionForward"
    ),
    # ours
    DeviceError("models must run on the GPU, but there is none that can be used"),
]

OTHER = [
    RuntimeError("memory of an elephant"),
    RuntimeError("mat1 and mat2 shapes cannot be multiplied (1x2 and 3x4)"),
    RuntimeError("Library libcublas.so.12 is not found or cannot be loaded"),
    RuntimeError("No position encodings are defined for positions >= 448"),
    RuntimeError("Unable to open file 'model.bin' in model '/models/x'"),
    NotImplementedError("Could not run 'aten::empty' with arguments from the 'CUDA' backend"),
    ValueError("Requested float16 compute type, but the target device or backend do not support it"),
    ImportError("libcudnn.so.9: cannot open shared object file"),
    OSError(errno.ENOSPC, "No space left on device"),
    # Words of a client, in sentences about them.
    BadInputError("the model 'CUDA error: out of memory' is not on this worker"),
    KeyError("CUDA error: device-side assert triggered"),
    ValueError("could not convert string to float: 'CUDA error: out of memory'"),
    FileNotFoundError("CUDA failure 700: an illegal memory access.wav"),
]


@pytest.mark.parametrize("error", MEMORY, ids=str)
def test_want_of_memory_is_told_whoever_says_it(error):
    assert failure_kind(error) == "memory"
    assert is_out_of_memory(error)


@pytest.mark.parametrize("error", GPU, ids=str)
def test_a_fault_of_the_gpu_is_told_whoever_says_it(error):
    assert failure_kind(error) == "gpu"
    assert gpu_fault(error) is error


@pytest.mark.parametrize("error", OTHER, ids=str)
def test_anything_else_is_neither(error):
    assert failure_kind(error) == "other"
    assert gpu_fault(error) is None


@pytest.mark.parametrize("hidden", [False, True])
def test_the_kind_is_that_of_what_led_to_an_exception(hidden):
    error = raised(PluginError("the model cannot be loaded"), GPU[0], hidden=hidden)
    assert failure_kind(error) == "gpu"
    assert root_cause(error) is GPU[0]


def test_want_of_memory_after_a_fault_of_the_gpu_is_the_fault():
    assert (
        failure_kind(raised(RuntimeError("CUDA error: out of memory"), RuntimeError("CUDA error: unknown error")))
        == "gpu"
    )


class GroupedError(Exception):
    """As ExceptionGroup, which Python 3.10 does not have."""

    def __init__(self, *members):
        self.exceptions = members


def test_a_group_is_as_bad_as_its_worst():
    assert (
        failure_kind(GroupedError(ValueError("x"), GroupedError(RuntimeError("CUDA error: misaligned address"))))
        == "gpu"
    )


def test_a_chain_that_leads_back_to_itself_ends():
    first, second = RuntimeError("a"), RuntimeError("b")
    first.__cause__, second.__cause__ = second, first
    assert set(causes(first)) == {first, second}
    assert root_cause(first) in {first, second}


@pytest.mark.models
def test_torchs_own_exceptions_have_the_names_that_are_looked_for():
    import torch

    assert torch.OutOfMemoryError.__name__ == "OutOfMemoryError"
    assert failure_kind(torch.AcceleratorError("x")) == "gpu"
