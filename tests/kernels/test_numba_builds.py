"""The samplers' Numba kernels as compiled programs: with bounds checks, and kept on disk. Each in processes of its own."""
import os
import subprocess
import sys


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
            y, slopes = affine_sample.forward(x, theta, convention, slopes=True, implementation="numba")
            for s in (None, slopes):
                affine_sample.backward(y, x, theta, convention, slopes=s, implementation="numba")
        y, slopes = flow_sample.forward(x, flow, slopes=True, implementation="numba")
        for s in (None, slopes):
            flow_sample.backward(y, x, flow, slopes=s, implementation="numba")
"""
    env = os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr


def test_the_next_process_finds_the_compiled_kernels(tmp_path):
    program = """
import numpy as np
from sdpadv_np.kernels import affine_sample
x, theta = np.zeros((1, 1, 4, 4), np.float32), np.zeros((1, 6), np.float32)
y, slopes = affine_sample.forward(x, theta, slopes=True, implementation="numba")
affine_sample.backward(y, x, theta, implementation="numba")
affine_sample.backward(y, x, theta, implementation="numba", needs=(False, True), slopes=slopes)
from sdpadv_np.kernels.affine_sample import numba_cpu as n
print(*(sum(f.stats.cache_hits.values()) for f in (n._forward, n._gradients, n._saved)))
"""
    env = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    hits = [subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env, check=True).stdout.split() for _ in range(2)]
    assert hits == [["0", "0", "0"], ["1", "1", "1"]]
