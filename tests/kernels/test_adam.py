"""Adam: the printed algorithm, and every implementation against it."""
import numpy as np
import pytest
from everywhere import everywhere

from sdpadv_np.kernels import adam

every = pytest.mark.parametrize("implementation", everywhere(adam))


@every
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_three_steps_of_algorithm_1(rng, implementation, dtype):
    p, m, v = rng.standard_normal(50).astype(dtype), np.zeros(50, dtype), np.zeros(50, dtype)
    q, first, second = p.astype(np.float64), np.zeros(50), np.zeros(50)
    steps = np.zeros((), np.int64)
    for t in (1, 2, 3):
        g = rng.standard_normal(50).astype(dtype)
        adam.step(p, g, m, v, steps, np.array(0.01), 0.9, 0.999, 1e-8, implementation=implementation)
        assert steps == t
        first, second = 0.9 * first + 0.1 * g, 0.999 * second + 0.001 * g.astype(np.float64) ** 2
        q -= 0.01 * (first / (1 - 0.9**t)) / (np.sqrt(second / (1 - 0.999**t)) + 1e-8)
    assert p.dtype == m.dtype == v.dtype == dtype
    np.testing.assert_allclose(p, q, rtol=1e-5 if dtype == np.float32 else 1e-13)


@every
def test_tiny_moments_are_flushed(implementation):
    p, g, m, v = np.zeros(3, np.float32), np.zeros(3, np.float32), np.array(
        [1e-30, -1e-31, 1e-3], np.float32,
    ), np.zeros(3, np.float32)
    adam.step(p, g, m, v, np.array(4), 0.1, 0.9, 0.999, 1e-8, implementation=implementation)
    assert m[0] == 0 and m[1] == 0 and m[2] > 0


@every
def test_a_nan_gradient_is_not_hidden(implementation):
    p, g, m, v = np.ones(2, np.float32), np.array(
        [np.nan, 1], np.float32,
    ), np.zeros(2, np.float32), np.zeros(2, np.float32)
    adam.step(p, g, m, v, np.array(0), 0.1, 0.9, 0.999, 1e-8, implementation=implementation)
    assert np.isnan(p[0]) and np.isfinite(p[1])
