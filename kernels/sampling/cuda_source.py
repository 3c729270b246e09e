"""Source text and compiler options of the CUDA C kernels; needs neither CuPy nor a device."""
from __future__ import annotations

from pathlib import Path

import numpy as np

KERNELS = Path(__file__).parent.parent


def source(kernel: str) -> str:
    files = "sampling/bilinear.cuh", "sampling/kernels.cuh", f"{kernel}/{kernel}.cu"
    return "".join((KERNELS / file).read_text() for file in files)


def options(dtype) -> tuple[str, ...]:
    return "-std=c++17", f"-DREAL={'float' if np.dtype(dtype).itemsize == 4 else 'double'}"
