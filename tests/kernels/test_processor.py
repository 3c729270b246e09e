"""Kernels are made for the processor that Numba compiles for, not for the machine."""
import os
import platform
import subprocess
import sys

import pytest

pytest.importorskip("numba")
PROGRAM = """
import numpy as np
from sdpadv_np.kernels.gemm.macrokernel import gemm
from sdpadv_np.kernels.gemm.microkernel import MR
from sdpadv_np.kernels.gemm.operands import Left, Output
a, b, c, no_bias = np.ones(2, np.float32), np.ones(32, np.float32), np.zeros(16, np.float32), np.zeros(0, np.float32)
gemm(Left(a, np.zeros(1, np.int64), np.arange(2), 1), b, Output(c, 16, 16, False, no_bias, 0))
assert (c == 2).all(), c
(code,) = gemm.inspect_asm().values()
print(MR, "zmm" in code, "ymm" in code, "vfmadd" in code, "fmaf" in code)
"""


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names of x86-64 processors")
@pytest.mark.parametrize("name, features, expected", (
    ("generic", "", "{1: 2} False False False False"),  # a product without FMA is not a call of the C library's
    ("haswell", "+avx2,+fma", "{1: 6} False True True False"),
))
def test_the_register_block_fits_its_registers(tmp_path, name, features, expected):
    environment = os.environ | {
        "NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features, "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment)
    assert done.stdout == f"{expected}\n", done.stderr
