"""Every implementation of the flow sampler against its definition, and the definition against loops."""
import math

import numpy as np
import pytest
from everywhere import everywhere

from sdpadv_np.kernels import flow_sample as kernel

SIZES = [(1, 1), (1, 6), (7, 1), (5, 4), (28, 28)]


def problem(rng, size=(5, 4), n=3, c=2, dtype=np.float64):
    """Images, flows that keep away from whole positions and reach beyond the edge, gradients."""
    whole = rng.integers(-3, 4, (n, 2, *size))
    return (
        rng.standard_normal((n, c, *size)).astype(dtype),
        (whole + rng.uniform(0.05, 0.95, whole.shape)).astype(dtype),
        rng.standard_normal((n, c, *size)).astype(dtype),
    )


@pytest.mark.parametrize("size", SIZES[:4])
def test_the_definition_is_the_formula(rng, size):
    x, flow, _ = problem(rng, size)
    y = kernel.forward(x, flow, "numpy")
    h, w = size
    for n, i, j in np.ndindex(len(x), h, w):
        q = min(max(i + flow[n, 0, i, j], 0), h - 1)
        p = min(max(j + flow[n, 1, i, j], 0), w - 1)
        value = sum(
            x[n, :, row, column] * (1 - abs(q - row)) * (1 - abs(p - column))
            for row in range(math.floor(q), min(math.floor(q) + 2, h))
            for column in range(math.floor(p), min(math.floor(p) + 2, w))
        )
        np.testing.assert_allclose(y[n, :, i, j], value, atol=1e-12)


@pytest.mark.parametrize("dtype", (np.float32, np.float64))
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("n, c", ((0, 1), (1, 1), (4, 3)))
def test_equals_the_definition(rng, flow, dtype, size, n, c):
    x, f, g = problem(rng, size, n, c, dtype)
    tolerance = {"rtol": 1e-5, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-12}
    want_y, want_derivatives = kernel.forward(x, f, "numpy", derivatives=True)
    y, derivatives = flow.forward(x, f, derivatives=True)
    assert y.dtype == derivatives.dtype == dtype
    np.testing.assert_allclose(y, want_y, **tolerance)
    np.testing.assert_allclose(derivatives, want_derivatives, **tolerance)
    want = kernel.backward(g, x, f, "numpy")
    for given in (None, derivatives):
        for a, b in zip(flow.backward(g, x, f, derivatives=given), want):
            assert a.dtype == dtype
            np.testing.assert_allclose(a, b, **tolerance)
    assert (
        flow.backward(g, x, f, needs=(False, True))[0] is None
        and flow.backward(g, x, f, needs=(True, False))[1] is None
    )


@pytest.mark.parametrize("size", SIZES)
def test_no_flow_gives_back_the_very_image(rng, flow, size):
    x = rng.random((2, 3, *size), np.float32)
    np.testing.assert_array_equal(flow.forward(x, np.zeros((2, 2, *size), np.float32)), x)


@pytest.mark.parametrize("value", (1e9, -1e30, np.inf, -np.inf, np.nan))
def test_wild_flows_read_the_edge(rng, flow, value):
    x, g = rng.standard_normal((2, 3, 1, 4, 5)).astype(np.float32)
    f = np.full((3, 2, 4, 5), value, np.float32)
    y = flow.forward(x, f)
    corner = x[:, :, -1:, -1:] if value > 0 else x[:, :, :1, :1]
    np.testing.assert_array_equal(y, np.broadcast_to(corner, y.shape))
    grad_x, grad_flow = flow.backward(g, x, f)
    assert not grad_flow.any()
    np.testing.assert_allclose(grad_x.sum(axis=(2, 3)), g.sum(axis=(2, 3)), rtol=1e-4, atol=1e-5)


def test_layout_and_read_only_inputs_do_not_matter(rng, flow):
    arrays = problem(rng)
    expected = [flow.forward(*arrays[:2]), *flow.backward(arrays[2], *arrays[:2])]
    strange = []
    for a in arrays:
        wide = np.zeros((*a.shape, 3))
        wide[..., 1] = a
        strange.append(wide[..., 1])
        strange[-1].flags.writeable = False
    for a, b in zip([flow.forward(*strange[:2]), *flow.backward(strange[2], *strange[:2])], expected):
        np.testing.assert_array_equal(a, b)


def test_same_bits_twice(rng, flow):
    x, f, g = problem(rng, (28, 28), n=16, dtype=np.float32)
    first, second = (flow.backward(g, x, f) for _ in range(2))
    assert [a.tobytes() for a in first] == [a.tobytes() for a in second]


def test_misuse_is_explained(rng):
    x, f, g = problem(rng)
    with pytest.raises(
        ValueError, match=r"flow has shape \[3, 2, 5, 3\]; for x \[3, 2, 5, 4\] it must be \[3, 2, 5, 4\]"
    ):
        kernel.forward(x, f[..., :3])
    with pytest.raises(ValueError, match="both must be float32, or both float64"):
        kernel.forward(x, f.astype(np.float32))
    with pytest.raises(ValueError, match="at least one pixel"):
        kernel.forward(x[:, :0], f)
    with pytest.raises(ValueError, match="they must agree"):
        kernel.backward(g[:2], x, f)


@pytest.mark.parametrize("implementation", everywhere(kernel))
def test_results_are_put_where_they_are_wanted(rng, implementation):
    x, flow, g = (
        rng.random((3, 2, 5, 6), np.float32),
        rng.uniform(-2, 2, (3, 2, 5, 6)).astype(np.float32),
        rng.random((3, 2, 5, 6), np.float32),
    )
    y, derivatives = kernel.forward(x, flow, implementation, derivatives=True)
    out = np.full_like(y, 7), np.full_like(derivatives, 7)
    kernel.forward(x, flow, implementation, derivatives=True, out=out)
    np.testing.assert_array_equal(out[0], y)
    np.testing.assert_array_equal(out[1], derivatives)
    for needs in ((True, True), (False, True), (True, False)):
        expected = kernel.backward(g, x, flow, implementation, needs)
        out = tuple(None if e is None else np.full_like(e, 7) for e in expected)
        kernel.backward(g, x, flow, implementation, needs, out=out)
        for got, want in zip(out, expected):
            assert want is None or np.array_equal(got, want)
