"""Faults that can be caused on a real GPU."""

from __future__ import annotations

import ctypes
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MIN_FILLED = 1 << 20
"""Bytes; less than this may stay free."""

KERNELS = b"""
.version 7.0
.target sm_70
.address_size 64
.visible .entry write_nowhere()
{
    .reg .b64 %place;
    .reg .b32 %value;
    mov.u64 %place, 16;
    mov.u32 %value, 1;
    st.global.u32 [%place], %value;
    ret;
}
.visible .entry stop()
{
    trap;
    ret;
}
"""
"""PTX, which the driver compiles for its GPU."""


@dataclass(frozen=True)
class Fault:
    """Failure of a GPU that can be caused on purpose."""

    cause: Callable[[], None]
    """Causes the fault and raises the library's error."""
    text: str
    """Message of the library; raised where there is no GPU."""
    is_lasting: bool
    """Whether every later call of the process fails, so that the worker must be replaced."""


def assert_on_device() -> None:
    """Read an index out of range, which only the kernel notices."""
    import torch

    torch.zeros(4, device="cuda")[torch.tensor([99], device="cuda")].cpu()


def write_nowhere() -> None:
    """Write to an unmapped address."""
    launch(b"write_nowhere")


def stop() -> None:
    """Trap in a kernel."""
    launch(b"stop")


def launch(kernel: bytes) -> None:
    """Launch one of `KERNELS` in torch's context and synchronize.

    Raises:
        RuntimeError: As torch reports the kernel's failure.
        OSError: When the driver refuses the kernel itself.
    """
    import torch

    torch.zeros(1, device="cuda")
    cuda = ctypes.CDLL("libcuda.so.1")
    module, function = ctypes.c_void_p(), ctypes.c_void_p()
    for code in (
        cuda.cuModuleLoadData(ctypes.byref(module), KERNELS),
        cuda.cuModuleGetFunction(ctypes.byref(function), module, kernel),
        cuda.cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, None, None, None),
    ):
        if code:
            raise OSError(f"the kernel {kernel.decode()} could not be launched: CUDA error {code}")
    torch.cuda.synchronize()


def fill_by_torch() -> None:
    """Allocate more than any GPU has."""
    import torch

    torch.empty(1 << 46, dtype=torch.uint8, device="cuda")


def fill_before_cublas() -> None:
    """Multiply on a full GPU in a new thread.

    The thread's cuBLAS handle needs memory.
    """
    import torch

    one = torch.ones(64, 64, device="cuda")
    product = torch.empty_like(one)
    raised: list[RuntimeError] = []

    def multiply() -> None:
        try:
            torch.mm(one, one, out=product)
            torch.cuda.synchronize()
        except RuntimeError as error:
            raised.append(error)

    filling = []
    try:
        size, _ = torch.cuda.mem_get_info()
        while size > MIN_FILLED:
            try:
                filling.append(torch.empty(size, dtype=torch.uint8, device="cuda"))
            except torch.cuda.OutOfMemoryError:
                size //= 2
        thread = threading.Thread(target=multiply)
        thread.start()
        thread.join()
    finally:
        filling.clear()
        torch.cuda.empty_cache()
    if not raised:
        raise OSError("cuBLAS found memory for its handle on a GPU without any")
    raise raised[0]


FAULTS = {
    "device-side assert": Fault(assert_on_device, "CUDA error: device-side assert triggered", is_lasting=True),
    "illegal address": Fault(write_nowhere, "CUDA error: an illegal memory access was encountered", is_lasting=True),
    "launch failure": Fault(stop, "CUDA error: unspecified launch failure", is_lasting=True),
    "torch without memory": Fault(fill_by_torch, "CUDA out of memory. Tried to allocate 64.00 TiB.", is_lasting=False),
    "cuBLAS without memory": Fault(
        fill_before_cublas,
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        is_lasting=False,
    ),
}
"""Faults by name.

Hardware errors (ECC, a GPU that fell off the bus) cannot be caused; they end in the same place.
"""
