"""Every implementation of the affine sampler against its definition, and the definition against loops."""
import math

import numpy as np
import pytest

from sdpadv_np.kernels import affine_sample as kernel
from sdpadv_np.kernels.affine_sample import reference

FASTER = [name for name in kernel.implementations() if name != "numpy"]
SIZES = [((1, 1), None), ((1, 5), (3, 1)), ((7, 3), None), ((4, 6), (9, 2)), ((28, 28), None)]
conventions = pytest.mark.parametrize("convention", kernel.CONVENTIONS)
everywhere = pytest.mark.parametrize("implementation", kernel.implementations())


def by_hand(x, theta, convention, size):
    """The formula, one pixel at a time, in Python floats."""
    n, c, h, w = x.shape
    y = np.zeros((n, c, *size))
    for k in range(n):
        (a, b, e), (cc, d, f) = theta[k].tolist()
        for i in range(size[0]):
            for j in range(size[1]):

                def normal(q, m):
                    if convention == "half_pixel":
                        return (2 * q + 1) / m - 1
                    return 2 * q / (m - 1) - 1 if m > 1 else 0.0

                def pixel(t, m):
                    return ((t + 1) * m - 1) / 2 if convention == "half_pixel" else (t + 1) * ((m - 1) if convention == "align_corners" else m) / 2

                u, v = normal(j, size[1]), normal(i, size[0])
                p, q = pixel(a * u + b * v + e, w), pixel(cc * u + d * v + f, h)
                if convention == "tf_reference" and not (0 <= p < w - 1 and 0 <= q < h - 1):
                    continue
                for row in (math.floor(q), math.floor(q) + 1):
                    for column in (math.floor(p), math.floor(p) + 1):
                        if 0 <= row < h and 0 <= column < w:
                            y[k, :, i, j] += x[k, :, row, column] * (1 - abs(p - column)) * (1 - abs(q - row))
    return y


def problem(rng, size=(5, 6), output=None, n=3, c=2, dtype=np.float64, spread=0.5, convention="half_pixel"):
    """Images, gradients and thetas whose positions keep away from whole pixels, the kinks."""
    output = output or size
    while True:
        theta = np.array([[1, 0, 0], [0, 1, 0]]) + rng.uniform(-spread, spread, (n, 2, 3))
        p = reference.positions(theta, size, output, convention)
        movable = reference.grid(size, output, convention, np.dtype(np.float64))[2].ravel() > 0  # a 1-pixel axis may have no extent
        if np.abs(p - np.round(p))[:, movable].min(initial=1) > 1e-5:
            break
    return rng.standard_normal((n, c, *size)).astype(dtype), theta.astype(dtype), rng.standard_normal((n, c, *output)).astype(dtype)


@conventions
@pytest.mark.parametrize("size, output", SIZES[:4])
def test_the_definition_is_the_formula(rng, convention, size, output):
    x, theta, _ = problem(rng, size, output, convention=convention)
    got = reference.forward(x, theta, convention, output or size)
    np.testing.assert_allclose(got, by_hand(x, theta, convention, output or size), atol=1e-12)


@pytest.mark.parametrize("implementation", FASTER)
@conventions
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
@pytest.mark.parametrize("size, output", SIZES)
@pytest.mark.parametrize("n, c", ((0, 1), (1, 1), (4, 3)))
def test_equals_the_definition(rng, implementation, convention, dtype, size, output, n, c):
    x, theta, g = problem(rng, size, output, n, c, dtype, convention=convention)
    tolerance = {"rtol": 1e-5, "atol": 2e-5} if dtype == np.float32 else {"rtol": 1e-11, "atol": 1e-11}
    options = {"convention": convention}
    y = kernel.forward(x, theta, size=output, implementation=implementation, **options)
    assert y.dtype == dtype and y.shape == g.shape
    np.testing.assert_allclose(y, kernel.forward(x, theta, size=output, implementation="numpy", **options), **tolerance)
    got = kernel.backward(g, x, theta, implementation=implementation, **options)
    want = kernel.backward(g, x, theta, implementation="numpy", **options)
    for a, b in zip(got, want):
        assert a.dtype == dtype and a.shape == b.shape
    np.testing.assert_allclose(got[0], want[0], **tolerance)
    if dtype == np.float64:  # in float32 a position may round to the other side of a whole pixel, where theta's gradient jumps
        np.testing.assert_allclose(got[1], want[1], rtol=1e-10, atol=1e-9)


@everywhere
def test_theta_gradient_in_float32(rng, implementation):
    x, theta, g = problem(rng, (4, 4), n=8, spread=0.3)
    low = kernel.backward(*(a.astype(np.float32) for a in (g, x, theta)), implementation=implementation)[1]
    np.testing.assert_allclose(low, kernel.backward(g, x, theta, implementation="numpy")[1], rtol=1e-4, atol=1e-4)


@everywhere
@pytest.mark.parametrize("convention", ("half_pixel", "align_corners"))
@pytest.mark.parametrize("size", ((28, 28), (1, 1), (5, 31)))
def test_identity_gives_back_the_very_image(rng, implementation, convention, size):
    x = rng.random((2, 1, *size), np.float32)
    theta = np.tile(np.array([1, 0, 0, 0, 1, 0], np.float32), (2, 1))
    np.testing.assert_array_equal(kernel.forward(x, theta, convention, implementation=implementation), x)


@everywhere
@conventions
@pytest.mark.parametrize("value", (1e3, -1e9, 1e30, np.inf, -np.inf, np.nan))
def test_wild_theta_reads_nothing(rng, implementation, convention, value):
    x, g = rng.standard_normal((2, 6, 1, 4, 4)).astype(np.float32)
    theta = np.tile(np.eye(2, 3, dtype=np.float32), (6, 1, 1))
    theta.reshape(6, 6)[np.arange(6), np.arange(6)] = value
    with np.errstate(invalid="ignore", over="ignore"):
        y = kernel.forward(x, theta, convention, implementation=implementation)
        grad_x, grad_theta = kernel.backward(g, x, theta, convention, implementation=implementation)
    assert np.isfinite(y).all() and np.isfinite(grad_x).all() and np.isfinite(grad_theta).all()
    translated = [2, 5]  # everything is shifted out of the image
    assert not y[translated].any() and not grad_x[translated].any() and not grad_theta[translated].any()


@everywhere
def test_layout_and_read_only_inputs_do_not_matter(rng, implementation):
    x, theta, g = problem(rng)
    expected = [kernel.forward(x, theta, implementation=implementation), *kernel.backward(g, x, theta, implementation=implementation)]
    strange = []
    for a in (x, theta, g):
        wide = np.zeros((*a.shape, 3))
        wide[..., 1] = a
        strange.append(wide[..., 1])
        strange[-1].flags.writeable = False
    x, theta, g = strange
    got = [kernel.forward(x, theta, implementation=implementation), *kernel.backward(g, x, theta, implementation=implementation)]
    for a, b in zip(got, expected):
        np.testing.assert_array_equal(a, b)


@everywhere
def test_only_what_is_needed(rng, implementation):
    x, theta, g = problem(rng)
    both = kernel.backward(g, x, theta, implementation=implementation)
    only_x = kernel.backward(g, x, theta, implementation=implementation, needs=(True, False))
    only_theta = kernel.backward(g, x, theta, implementation=implementation, needs=(False, True))
    assert only_x[1] is None and only_theta[0] is None
    np.testing.assert_array_equal(only_x[0], both[0])
    np.testing.assert_allclose(only_theta[1], both[1], rtol=1e-12)


@everywhere
def test_theta_as_six_numbers(rng, implementation):
    x, theta, g = problem(rng)
    flat = theta.reshape(-1, 6)
    np.testing.assert_array_equal(kernel.forward(x, flat, implementation=implementation), kernel.forward(x, theta, implementation=implementation))
    assert kernel.backward(g, x, flat, implementation=implementation)[1].shape == flat.shape


@everywhere
def test_same_bits_twice(rng, implementation):
    x, theta, g = problem(rng, (28, 28), n=16, dtype=np.float32)
    first, second = (kernel.backward(g, x, theta, implementation=implementation) for _ in range(2))
    assert [a.tobytes() for a in first] == [a.tobytes() for a in second]


def test_tf_reference_identity_stretches_and_loses_the_last_row_and_column():
    x = np.arange(1.0, 17).reshape(1, 1, 4, 4)
    y = kernel.forward(x, np.eye(2, 3)[None], "tf_reference")[0, 0]
    np.testing.assert_allclose(y[0], [1, 1 + 4 / 3, 1 + 8 / 3, 0])
    assert not y[-1].any() and not y[:, -1].any()


def test_misuse_is_explained(rng):
    x, theta, g = problem(rng)
    with pytest.raises(ValueError, match="convention is 'corners'; choose one of half_pixel"):
        kernel.forward(x, theta, "corners")
    with pytest.raises(ValueError, match=r"theta has shape \[2, 2, 3\]; for 3 images it must be \(3, 2, 3\) or \(3, 6\)"):
        kernel.forward(x, theta[:2])
    with pytest.raises(ValueError, match="both must be float32, or both float64"):
        kernel.forward(x, theta.astype(np.float32))
    with pytest.raises(ValueError, match="at least one pixel"):
        kernel.forward(x[:, :, :0], theta)
    with pytest.raises(ValueError, match=r"it must be \(N, C, H, W\)"):
        kernel.forward(x[0], theta)
    with pytest.raises(ValueError, match="dtype, N and C must agree"):
        kernel.backward(g[:2], x, theta)
