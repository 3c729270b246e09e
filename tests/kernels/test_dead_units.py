"""Convolution layers: of units that a ReLU cut off nothing comes, though all behind is infinite. A mask selects:
infinity times 0 would be no number.
"""
import numpy as np
import pytest
from everywhere import everywhere

from sdpadv_np.kernels import conv2d

LAYERS = {  # algorithm, x, w, stride
    "few channels": ("direct", (3, 1, 12, 12), (16, 1, 8, 8), 2),
    "odd": ("direct", (3, 5, 7, 9), (33, 5, 5, 3), 2),
    "one pixel": ("direct", (7, 32, 5, 5), (32, 32, 5, 5), 1),
    "winograd": ("winograd", (2, 16, 14, 14), (32, 16, 6, 6), 2),
}


@pytest.mark.parametrize("implementation", everywhere(conv2d))
@pytest.mark.parametrize("name", LAYERS)
def test_of_dead_units_nothing_comes(rng, implementation, name):
    algorithm, x, w, stride = LAYERS[name]
    if implementation == "numpy":
        algorithm = "direct"  # it knows no other
    w = rng.standard_normal(w).astype(np.float32)
    g = rng.standard_normal(
        conv2d.forward(np.zeros(x, np.float32), w, stride, ((0, 0), (0, 0))).shape
    ).astype(np.float32)
    y = np.where(rng.random(g.shape) < 0.5, np.abs(g), np.float32(0))

    def gradient(behind):
        given = np.where(y > 0, g, np.float32(behind))
        return conv2d.input_gradient(
            given, w, x[2:], stride, ((0, 0), (0, 0)), algorithm, implementation, y=y, activation="relu",
        )

    assert np.isfinite(gradient(0)).all() and gradient(0).any()
    for behind in (np.inf, -np.inf, np.nan):
        np.testing.assert_array_equal(gradient(behind), gradient(0))
