"""The slope of clip: every implementation against the definition."""
import numpy as np
import pytest
from everywhere import everywhere

from sdpadv_np.kernels import clip

every = pytest.mark.parametrize("implementation", everywhere(clip))


@every
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
@pytest.mark.parametrize("shape", ((0,), (1,), (37,), (3, 1, 5, 4)))
def test_is_the_definition(rng, implementation, dtype, shape):
    x, g = rng.standard_normal(shape).astype(dtype), rng.standard_normal(shape).astype(dtype)
    g.flags.writeable = False
    for low, high in ((-0.5, 0.5), (0, np.inf), (np.full(shape[-1:], -0.2, dtype), 0.3)):
        expected = np.where((x >= low) & (x <= high), g, 0)
        h = clip.backward(g, x, low, high, implementation)
        assert h.dtype == dtype
        np.testing.assert_array_equal(h, expected)
        np.testing.assert_array_equal(clip.backward(np.asfortranarray(g), x, low, high, implementation), expected)
        out = np.empty_like(x)
        assert clip.backward(g, x, low, high, implementation, out=out) is out
        np.testing.assert_array_equal(out, expected)


@every
def test_the_limits_belong_to_it_and_nan_does_not(implementation):
    x = np.array([-1, 1, np.nan, 1.0000001], np.float32)
    np.testing.assert_array_equal(clip.backward(np.ones(4, np.float32), x, -1, 1, implementation), [1, 1, 0, 0])
    for behind in (np.inf, np.nan):  # a mask selects: infinity times 0 would be no number
        np.testing.assert_array_equal(
            clip.backward(np.full(4, behind, np.float32), x, -1, 1, implementation), [behind, behind, 0, 0],
        )
