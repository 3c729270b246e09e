"""stAdv's flow loss: its definition pixel by pixel, its gradient, and every implementation against them."""
import numpy as np
import pytest
from everywhere import everywhere

import sdpadv_np as sd
from sdpadv_np import ops
from sdpadv_np.kernels import flow_smoothness

every = pytest.mark.parametrize("implementation", everywhere(flow_smoothness))
paddings = pytest.mark.parametrize("padding", flow_smoothness.PADDINGS)


def by_hand(flow, padding):
    """One image (2, H, W), as the formula reads."""
    _, h, w = flow.shape
    total = 0.0
    for i in range(h):
        for j in range(w):
            for a, b in ((i - 1, j - 1), (i - 1, j + 1), (i + 1, j - 1), (i + 1, j + 1)):
                inside = 0 <= a < h and 0 <= b < w
                other = flow[:, min(max(a, 0), h - 1), min(max(b, 0), w - 1)] if inside or padding == "symmetric" else 0
                total += np.sqrt(np.square(flow[:, i, j] - other).sum() + 1e-8)
    return total


def recorded(flow, padding):
    """The same with the engine's operations, which give its gradient."""
    n, _, h, w = flow.shape
    if padding == "symmetric":
        above = ops.concatenate(flow[:, :, :1], flow, flow[:, :, -1:], axis=2)
        padded = ops.concatenate(above[:, :, :, :1], above, above[:, :, :, -1:], axis=3)
    else:
        padded = ops.place(
            flow, index=(slice(None), slice(None), slice(1, h + 1), slice(1, w + 1)), shape=(n, 2, h + 2, w + 2),
        )
    shifted = (padded[:, :, i : i + h, j : j + w] for i in (0, 2) for j in (0, 2))
    return sum(ops.sum(ops.sqrt(ops.sum(ops.square(flow - other), axis=1) + 1e-8), axis=(1, 2)) for other in shifted)


@every
@paddings
@pytest.mark.parametrize("size", ((7, 6), (28, 28), (1, 1), (1, 5), (4, 1), (2, 2), (3, 67)))
def test_the_formula_and_its_gradient(rng, implementation, padding, size):
    for dtype, rtol in ((np.float64, 1e-10), (np.float32, 2e-5)):
        flow = rng.standard_normal((3, 2, *size)).astype(dtype)
        value, gradient = flow_smoothness.value_and_gradient(flow, padding, implementation)
        assert value.dtype == gradient.dtype == dtype and gradient.shape == flow.shape
        np.testing.assert_allclose(value, [by_hand(one.astype(np.float64), padding) for one in flow], rtol=rtol)
        t = sd.Tensor(flow.astype(np.float64), requires_grad=True)
        (expected,) = sd.grad(ops.sum(recorded(t, padding)), [t])
        np.testing.assert_allclose(gradient, expected.data, atol=rtol * 20)


@every
@paddings
def test_no_flow_and_equal_flow(implementation, padding):
    for level, free in ((0.0, True), (4.3, padding == "symmetric")):
        value, gradient = flow_smoothness.value_and_gradient(
            np.full((2, 2, 7, 6), level, np.float32), padding, implementation,
        )
        assert np.isfinite(gradient).all()
        if free:
            np.testing.assert_allclose(value, 4 * 42 * 1e-4, rtol=1e-5)
            assert np.abs(gradient).max() == 0
        else:
            assert value.min() > 100


@every
def test_any_layout_and_no_image_and_not_a_number(rng, implementation):
    flow = rng.standard_normal((6, 2, 8, 9)).astype(np.float32)
    other = flow[::2, :, ::-1]
    other.flags.writeable = False
    got = flow_smoothness.value_and_gradient(other, implementation=implementation)
    for a, b in zip(
        got, flow_smoothness.value_and_gradient(np.ascontiguousarray(other), implementation=implementation),
    ):
        np.testing.assert_array_equal(a, b)
    assert flow_smoothness.value_and_gradient(flow[:0], implementation=implementation)[1].shape == (0, 2, 8, 9)
    flow[1, 0, 3, 3] = np.nan
    value, _ = flow_smoothness.value_and_gradient(flow, implementation=implementation)
    assert np.isnan(value[1]) and np.isfinite(np.delete(value, 1)).all()


@pytest.mark.parametrize(("flow", "padding", "message"), (
    (np.zeros((2, 3, 4, 4)), "symmetric", "must be"), (np.zeros((2, 2, 4)), "symmetric", "must be"),
    (np.zeros((2, 2, 4, 4), int), "symmetric", "float32 or float64"),
    (np.zeros((2, 2, 4, 4)), "reflect", "choose one of symmetric, constant"),
))
def test_bad_arguments(flow, padding, message):
    with pytest.raises(ValueError, match=message):
        flow_smoothness.value_and_gradient(flow, padding)
