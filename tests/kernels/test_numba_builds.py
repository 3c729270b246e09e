"""The Numba kernels as compiled programs: bounds checks, the cache on disk, the bits on several threads."""
import os
import subprocess
import sys

import numpy as np
import pytest
from everywhere import everywhere

from sdpadv_np.kernels import affine_sample, conv2d, flow_sample
from sdpadv_np.kernels.runtime import threads


def outputs(program, env, times):
    """The words that a program prints, in so many processes."""
    command = [sys.executable, "-c", program]
    return [subprocess.check_output(command, text=True, env=env).split() for _ in range(times)]


def test_no_vector_reaches_beyond_its_array(tmp_path):
    """The Numba kernels compiled with bounds checks, on every kind of wild theta and flow."""
    program = """
import numpy as np
from sdpadv_np.kernels import affine_sample, flow_sample
rng = np.random.default_rng(0)
for size in ((1, 1), (1, 7), (5, 1), (28, 28), (3, 17)):
    x = rng.random((6, 2, *size), np.float32)
    for wild in (0.3, 2, 1e3, 1e30, np.inf, np.nan):
        theta = (np.eye(2, 3) + rng.uniform(-0.3, 0.3, (6, 2, 3))).astype(np.float32)
        theta.reshape(6, 6)[np.arange(6), np.arange(6)] = wild
        flow = rng.uniform(-3, 3, (6, 2, *size)).astype(np.float32)
        flow.reshape(-1)[::3] = wild
        for convention in affine_sample.CONVENTIONS:
            y, derivatives = affine_sample.forward(x, theta, convention, derivatives=True, implementation="numba")
            for s in (None, derivatives):
                affine_sample.backward(y, x, theta, convention, derivatives=s, implementation="numba")
        y, derivatives = flow_sample.forward(x, flow, derivatives=True, implementation="numba")
        for s in (None, derivatives):
            flow_sample.backward(y, x, flow, derivatives=s, implementation="numba")
"""
    env = os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr


def test_the_next_process_finds_the_compiled_kernels(tmp_path):
    program = """
import numpy as np
from sdpadv_np.kernels import affine_sample
x, theta = np.zeros((1, 1, 4, 4), np.float32), np.zeros((1, 6), np.float32)
y, derivatives = affine_sample.forward(x, theta, derivatives=True, implementation="numba")
affine_sample.backward(y, x, theta, implementation="numba")
affine_sample.backward(y, x, theta, implementation="numba", needs=(False, True), derivatives=derivatives)
from sdpadv_np.kernels.affine_sample import numba_cpu as n
print(*(sum(f.stats.cache_hits.values()) for f in (n._forward_part, n._gradients_part, n._theta_part)))
"""
    env = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    hits = outputs(program, env, 2)
    assert hits == [["0", "0", "0"], ["1", "1", "1"]]


@pytest.mark.parametrize("kernel", (affine_sample, flow_sample))
def test_threads_change_no_bit(rng, kernel, monkeypatch):
    x, g = rng.random((2, 700, 1, 28, 28), np.float32)
    if kernel is affine_sample:
        moved = np.eye(2, 3) + rng.uniform(-0.3, 0.3, (700, 2, 3))
    else:
        moved = rng.uniform(-2, 2, (700, 2, 28, 28))
    moved, results = moved.astype(np.float32), []
    for count in (1, 2, 5):
        monkeypatch.setattr(threads._limit, "count", count)
        y, derivatives = kernel.forward(x, moved, derivatives=True, implementation="numba")
        both = kernel.backward(g, x, moved, implementation="numba")
        alone = kernel.backward(g, x, moved, implementation="numba", needs=(False, True), derivatives=derivatives)[1]
        results.append([a.tobytes() for a in (y, derivatives, *both, alone)])
    assert results[0] == results[1] == results[2]


_CONVOLUTIONS = """
import numpy as np
from sdpadv_np.kernels import conv2d
rng = np.random.default_rng(0)
for algorithm, shape, outputs, kernel, stride, padding in {cases}:
    x, w = rng.random(shape, np.float32), rng.random((outputs, shape[1], *kernel), np.float32)
    padding = conv2d.resolve_padding(padding, shape[2:], kernel, stride)
    y = conv2d.forward(x, w, stride, padding, w[:, 0, 0, 0], "relu", algorithm)
    conv2d.input_gradient(y, w, shape[2:], stride, padding, algorithm)
    conv2d.weight_gradient(y, x, kernel, stride, padding, algorithm)
"""
_CASES = [
    ("direct", (3, 1, 1, 1), 1, (1, 1), 1, 0), ("direct", (2, 1, 9, 7), 33, (8, 5), 2, "same"),
    ("direct", (0, 3, 4, 4), 5, (3, 3), 1, 1), ("direct", (2, 7, 5, 5), 80, (5, 5), 1, 0),
    ("direct", (3, 16, 15, 13), 33, (2, 4), 1, "same"), ("direct", (3, 3, 8, 8), 17, (3, 2), 3, ((1, 0), (0, 3))),
    ("winograd", (3, 16, 14, 14), 16, (6, 6), 2, 0), ("winograd", (2, 16, 9, 12), 48, (3, 3), 1, 1),
    ("winograd", (2, 8, 7, 9), 80, (5, 5), 2, "same"),
]


_DENSE = """
from sdpadv_np.kernels import dense
for n, k, o in (128, 784, 200), (130, 101, 97), (600, 50, 49):
    x, W, g = rng.random((n, k), np.float32), rng.random((k, o), np.float32), rng.random((n, o), np.float32)
    dense.forward(x, W, W[0].copy()), dense.input_gradient(g, W), dense.weight_gradient(g, x)
"""


def test_no_product_reaches_beyond_its_arrays(tmp_path):
    env = os.environ | {
        "SDPADV_KERNEL": "", "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path),
        "NUMBA_OPT": "0"}  # compiling took four times as long optimised
    program = _CONVOLUTIONS.format(cases=_CASES) + _DENSE
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr


def test_convolutions_are_compiled_once_and_the_next_process_finds_them(tmp_path):
    program = """
from collections import Counter
from numba.core import event, types
compiled = Counter()
class Count(event.Listener):
    def on_start(self, event):
        function, arguments = event.data["dispatcher"].py_func, tuple(map(types.unliteral, event.data["args"]))
        compiled[function.__module__, function.__name__, arguments] += function.__module__.startswith("sdpadv_np")
    def on_end(self, event):
        pass
event.register("numba:compile", Count())
""" + _CONVOLUTIONS.format(cases=[_CASES[1], _CASES[6]]) + """
from sdpadv_np.kernels.conv2d import _direct, _winograd
parts = [getattr(m, name) for m in (_direct, _winograd) for name in ("_forward_part", "_input_part", "_weight_part")]
print(*(sum(f.stats.cache_hits.values()) for f in parts), max(compiled.values(), default=0))
"""
    env = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "SDPADV_KERNEL": "numba"}
    hits = outputs(program, env, 2)
    assert hits == [[*"000000", "1"], [*"111111", "0"]]


@pytest.mark.parametrize("algorithm", ("direct", "winograd"))
@pytest.mark.parametrize("implementation", everywhere(conv2d, but=("numpy",)))
def test_threads_change_no_bit_of_a_convolution(rng, algorithm, implementation, monkeypatch):
    x, w = rng.random((21, 64, 14, 14), np.float32), rng.random((128, 64, 6, 6), np.float32)
    padding, results = ((0, 0), (0, 0)), []
    g = rng.random((21, 128, 5, 5), np.float32)
    for count in (1, 2, 5):
        monkeypatch.setattr(threads._limit, "count", count)
        y = conv2d.forward(x, w, 2, padding, None, "linear", algorithm, implementation)
        dx = conv2d.input_gradient(g, w, (14, 14), 2, padding, algorithm, implementation)
        dw = conv2d.weight_gradient(g, x, (6, 6), 2, padding, algorithm, implementation)
        results.append([a.tobytes() for a in (y, dx, dw)])
    assert results[0] == results[1] == results[2]
