"""Activations and their derivatives: every implementation against the formula, in every layout."""
import numpy as np
import pytest
from everywhere import everywhere

from sdpadv_np.kernels import activation

FORMULAS = {
    "linear": (lambda x: x, lambda x: np.ones_like(x)),
    "relu": (lambda x: np.maximum(x, 0), lambda x: 1.0 * (x > 0)),
    "leaky_relu": (lambda x: np.where(x > 0, x, 0.2 * x), lambda x: np.where(x > 0, 1, 0.2)),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
}
LAYOUTS = {
    "rows": (5, 7), "channels last": (2, 3, 4, 5), "channels first": (2, 3, 4, 5), "empty": (0, 7), "one": (1, 1),
}
every = pytest.mark.parametrize("implementation", everywhere(activation))


def laid_out(a, layout):
    return np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) if layout == "channels last" else a


@every
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", FORMULAS)
def test_is_the_formula(rng, implementation, dtype, layout, name):
    x = rng.standard_normal(LAYOUTS[layout]).astype(dtype)
    bias = rng.standard_normal(x.shape[1]).astype(dtype)
    before = x + (bias if x.ndim == 2 else bias[:, None, None])
    value, slope = FORMULAS[name]
    y = laid_out(x.copy(), layout)
    activation.forward(y, bias, name, implementation)
    np.testing.assert_allclose(y, value(before), rtol=1e-6, atol=1e-7)
    g = rng.standard_normal(x.shape).astype(dtype)
    g.flags.writeable = False
    expected = g * slope(before)
    for given in (g, laid_out(g, layout)):
        h = activation.backward(given, y, name, implementation)
        assert h.dtype == dtype and h.shape == g.shape
        np.testing.assert_allclose(h, expected, rtol=2e-5, atol=1e-6)
    out = np.empty_like(y)
    assert activation.backward(g, y, name, implementation, out=out) is out
    np.testing.assert_array_equal(out, h)


@every
def test_without_a_bias_and_at_the_edges_of_float32(implementation):
    y = np.array([[np.nan, np.inf, -np.inf, -0.0, 1e-45]], np.float32)
    activation.forward(y, None, "relu", implementation)
    np.testing.assert_array_equal(y, np.array([[np.nan, np.inf, 0, 0, 1e-45]], np.float32))
    y = np.array([[np.nan, np.inf, -np.inf, -2]], np.float32)
    activation.forward(y, np.zeros(4, np.float32), "relu", implementation)
    np.testing.assert_array_equal(y, np.array([[np.nan, np.inf, 0, 0]], np.float32))


@every
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
@pytest.mark.parametrize("layout", ((2, 3), (1, 3, 1, 2)))
def test_of_dead_units_nothing_but_0_comes(implementation, dtype, layout):
    """A mask selects: infinity times 0 would be no number."""
    y = np.array([-0.0, 0.0, 1.0, np.nan, -1.0, np.inf], dtype).reshape(layout)
    for behind in (np.inf, -np.inf, np.nan):
        g = np.full(layout, behind, dtype)
        np.testing.assert_array_equal(
            activation.backward(g, y, "relu", implementation).ravel(), [0, 0, behind, 0, 0, behind],
        )
        np.testing.assert_array_equal(activation.backward(g, y, "leaky_relu", implementation), g)
    np.testing.assert_array_equal(
        activation.backward(np.full(layout, np.inf, dtype), np.zeros(layout, dtype), "tanh", implementation), np.inf,
    )


@every
def test_unknown_activations_are_refused(implementation):
    with pytest.raises(ValueError, match="choose one of linear, relu"):
        activation.forward(np.zeros((1, 1), np.float32), None, "swish", implementation)
