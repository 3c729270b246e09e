"""The Numba CUDA kernels in the simulator, against the definitions, and compiled for a real device."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

SIMULATE = """
import numpy as np
import samplers as t
from sdpadv_np.kernels.affine_sample import CONVENTIONS, numba_cuda as affine
from sdpadv_np.kernels.flow_sample import numba_cuda as flow
rng = np.random.default_rng(0)
for kernel, module, dtype, size, output, conventions in (
    ("affine_sample", affine, np.float32, (4, 5), (4, 5), CONVENTIONS),
    ("affine_sample", affine, np.float64, (3, 2), (1, 3), CONVENTIONS),
    ("affine_sample", affine, np.float64, (1, 1), (1, 1), CONVENTIONS[:1]),
    ("flow_sample", flow, np.float32, (4, 5), (4, 5), (None,)),
    ("flow_sample", flow, np.float64, (1, 3), (1, 3), (None,)),
):
    g, x, move = t.problem(rng, kernel, dtype, size, output, n=2)
    for convention in conventions:
        options = {"convention": convention} if convention else {}
        got = t.everything(module, kernel, g, x, move, **options)
        assert all(a.dtype == dtype for a in got)
        t.same_as_the_definition(got, kernel, g, x, move, **options)
    empty = t.everything(module, kernel, g[:0], x[:0], move[:0])
    assert [a.shape for a in empty] == [(0, *a.shape[1:]) for a in got]
for value in (1e30, np.inf, np.nan):
    g, x, move = t.problem(rng, "flow_sample", np.float32, (4, 4), n=1)
    move[:, 0, ::2], move[:, 1, :, ::2] = value, -value
    t.same_as_the_definition(t.everything(flow, "flow_sample", g, x, move), "flow_sample", g, x, move)
    theta = np.array([[[1, 0, value], [0, 1, 0]]], np.float32)
    assert not any(a.any() for a in t.everything(affine, "affine_sample", g, x, theta))
theta[:] = np.eye(2, 3)
np.testing.assert_array_equal(affine.forward(x, theta, "half_pixel", (4, 4)), x)
np.testing.assert_array_equal(flow.forward(x, np.zeros_like(move)), x)
g[0, 0, 1, 1] = np.nan
assert np.isnan(affine.backward(g, x, theta, "half_pixel", (True, False))[0]).all()
"""
COMPILE = """
import sys
import types
import cuda_on_cpu
sys.modules["cupy"] = cuda_on_cpu.CuPy(".")
from numba import cuda
from numba.cuda import dispatcher
cuda.is_available = lambda: True
dispatcher.get_current_device = lambda: types.SimpleNamespace(compute_capability=(7, 5))  # for device functions
from numba import boolean, float32, float64, int64
from sdpadv_np.kernels.affine_sample import numba_cuda as affine
from sdpadv_np.kernels.flow_sample import numba_cuda as flow
for r in (float32, float64):
    one, two, three, four, five = r[::1], r[:, ::1], r[:, :, ::1], r[:, :, :, ::1], r[:, :, :, :, ::1]
    units, sums = float64[::1], int64[:, :, :, ::1]
    for kernel, arguments in (
        (affine._forward, (four, three, two, two, boolean, three, four, boolean)),
        (affine._backward_x, (four, three, two, two, boolean, units, sums)),
        (affine._backward_theta, (three, four, two, two, three)),
        (flow._forward, (four, four, four, five, boolean)),
        (flow._backward_x, (four, four, units, sums)),
    ):
        try:
            ptx, _ = cuda.compile_ptx(kernel.py_func, arguments, cc=(7, 5))
        except Exception as error:
            words = "NotFound", "not found", "cannot be found"
            missing = any(word in f"{type(error).__name__} {error}" for word in words)
            sys.exit(f"SKIP {error}" if missing else repr(error))
        assert ".cas." not in ptx
"""


def run(program, **environment):
    done = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parent, capture_output=True, text=True,
                          env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **environment})
    if done.stderr.startswith("SKIP"):
        pytest.skip("NVVM is not installed")
    assert done.returncode == 0, done.stderr[-3000:]


def test_in_the_simulator():
    pytest.importorskip("numba.cuda", reason="this numba has no CUDA simulator")
    run(SIMULATE, NUMBA_ENABLE_CUDASIM="1")


def test_compile_for_a_device():
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
    run(COMPILE, NUMBA_ENABLE_CUDASIM="0")
