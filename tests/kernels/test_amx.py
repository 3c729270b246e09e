"""AMX tiles: no bit of a float32 is lost, sums are as exact as float32's own, processors without AMX do not warn."""
import os
import subprocess
import sys

import numpy as np
import pytest

from sdpadv_np.kernels import conv2d, dense

tiles = pytest.mark.skipif(not dense.implementations()["amx"], reason=f"dense on amx: {dense.why_not('amx')}")


@tiles
def test_products_with_the_identity_return_every_bit(rng):
    """x = h + m + l, so x times 1 is x: also where the last bits are all set, of any sign and size."""
    powers = np.float32(10.0) ** rng.integers(-25, 38, (256, 256)).astype(np.float32)
    x = rng.standard_normal((256, 256)).astype(np.float32) * powers
    powers = np.float32(2.0) ** np.arange(-100, 92, 0.75).round().astype(np.float32)
    x[0] = np.float32(np.nextafter(np.float32(2), np.float32(0))) * powers
    x[1], x[2] = -x[0], 0
    one = np.eye(256, dtype=np.float32)
    assert np.isfinite(x).all()
    np.testing.assert_array_equal(dense.forward(x, one, np.zeros(256, np.float32), implementation="amx"), x)
    np.testing.assert_array_equal(dense.forward(one, x, np.zeros(256, np.float32), implementation="amx"), x)
    np.testing.assert_array_equal(dense.input_gradient(x, one, implementation="amx"), x)
    np.testing.assert_array_equal(dense.weight_gradient(x, one, implementation="amx"), x)


@tiles
@pytest.mark.parametrize("positive", (False, True))
def test_sums_are_as_exact_as_those_of_float32(rng, positive):
    """Root mean square of the error; of positive numbers too, where an error of one sign would add up."""
    x, W = (rng.standard_normal(shape).astype(np.float32) for shape in ((128, 784), (784, 200)))
    if positive:
        x, W = np.abs(x), np.abs(W)
    exact = x.astype(np.float64) @ W.astype(np.float64)
    by_tiles = dense.forward(x, W, np.zeros(200, np.float32), implementation="amx")
    tiles_error, float32_error = (np.sqrt(np.mean((y - exact) ** 2)) for y in (by_tiles, x @ W))
    assert tiles_error <= 1.25 * float32_error


@tiles
@pytest.mark.parametrize("value", (np.nan, np.inf, -np.inf, 3.4e38))
def test_numbers_that_are_not_finite_or_too_large_become_nan_in_their_row_only(rng, value):
    x, W = rng.standard_normal((64, 256)).astype(np.float32), rng.standard_normal((256, 128)).astype(np.float32)
    x[5, 7] = value
    bad = np.isnan(dense.forward(x, W, np.zeros(128, np.float32), implementation="amx"))
    assert bad[5].all() and not np.delete(bad, 5, axis=0).any()


@pytest.mark.parametrize("name, features", (("generic", ""), ("haswell", "+avx2,+fma")))
def test_without_tiles_the_vectors_are_used_and_no_warning_is_given(name, features):
    """Also on a processor that has tiles, if Numba compiles for one that has none."""
    program = """
import warnings
import numpy as np
from sdpadv_np.kernels import conv2d, dense
x = np.ones((128, 256), np.float32)
with warnings.catch_warnings():
    warnings.simplefilter("error")
    assert (dense.forward(x, x.T.copy(), x[:, 0].copy()) == 257).all()
assert dense.implementations()["amx"] is conv2d.implementations()["amx"] is False
assert "no matrix tiles" in dense.why_not("amx"), dense.why_not("amx")
"""
    environment = os.environ | {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


@tiles
def test_the_environment_can_do_without_tiles(rng, monkeypatch):
    x, W, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((128, 256), (256, 128), 128))
    assert dense.forward(x, W, b).tobytes() == dense.forward(x, W, b, implementation="amx").tobytes()
    monkeypatch.setenv("SDPADV_KERNEL", "numba")
    assert dense.forward(x, W, b).tobytes() == dense.forward(x, W, b, implementation="numba").tobytes()
    assert conv2d.implementations()["numba"]
