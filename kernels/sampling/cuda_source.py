"""The text of the CUDA C kernels and how it is compiled; needs neither CuPy nor a device."""
from __future__ import annotations

from pathlib import Path

import numpy as np

KERNELS = Path(__file__).parent.parent


def source(kernel: str) -> str:
    return (KERNELS / "sampling" / "bilinear.cuh").read_text() + (KERNELS / kernel / f"{kernel}.cu").read_text()


def options(dtype) -> tuple[str, ...]:
    return "-std=c++17", f"-DREAL={'float' if np.dtype(dtype).itemsize == 4 else 'double'}"
