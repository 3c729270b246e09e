"""Every implementation of the affine sampler against its definition, and the definition against loops."""
import numpy as np
import pytest
from affine_problems import by_hand, problem
from everywhere import everywhere
from hypothesis import given, settings
from hypothesis import strategies as st

from sdpadv_np.kernels import affine_sample as kernel
from sdpadv_np.kernels.affine_sample import reference

SIZES = [((1, 1), None), ((1, 5), (3, 1)), ((7, 3), None), ((4, 6), (9, 2)), ((28, 28), None)]
conventions = pytest.mark.parametrize("convention", kernel.CONVENTIONS)


@conventions
@pytest.mark.parametrize("size, output", SIZES[:4])
def test_the_definition_is_the_formula(rng, convention, size, output):
    x, theta, _ = problem(rng, size, output, convention=convention)
    got = reference.forward(x, theta, convention, output or size)
    np.testing.assert_allclose(got, by_hand(x, theta, convention, output or size), atol=1e-12)


@conventions
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
@pytest.mark.parametrize("size, output", SIZES)
@pytest.mark.parametrize("n, c", ((0, 1), (1, 1), (4, 3)))
def test_equals_the_definition(rng, affine, convention, dtype, size, output, n, c):
    x, theta, g = problem(rng, size, output, n, c, dtype, convention=convention)
    tolerance = {"rtol": 1e-5, "atol": 2e-5} if dtype == np.float32 else {"rtol": 1e-11, "atol": 1e-11}
    options = {"convention": convention}
    y = affine.forward(x, theta, size=output, **options)
    assert y.dtype == dtype and y.shape == g.shape
    np.testing.assert_allclose(y, kernel.forward(x, theta, size=output, implementation="numpy", **options), **tolerance)
    got = affine.backward(g, x, theta, **options)
    want = kernel.backward(g, x, theta, implementation="numpy", **options)
    for a, b in zip(got, want):
        assert a.dtype == dtype and a.shape == b.shape
    np.testing.assert_allclose(got[0], want[0], **tolerance)
    if (
        dtype == np.float64
    ):  # in float32 a position may round to the other side of a whole pixel, where theta's gradient jumps
        np.testing.assert_allclose(got[1], want[1], rtol=1e-10, atol=1e-9)


def test_theta_gradient_in_float32(rng, affine):
    x, theta, g = problem(rng, (4, 4), n=8, spread=0.3)
    low = affine.backward(*(a.astype(np.float32) for a in (g, x, theta)))[1]
    np.testing.assert_allclose(low, kernel.backward(g, x, theta, implementation="numpy")[1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("convention", ("half_pixel", "align_corners"))
@pytest.mark.parametrize("size", ((28, 28), (1, 1), (5, 31)))
def test_identity_gives_back_the_very_image(rng, affine, convention, size):
    x = rng.random((2, 1, *size), np.float32)
    theta = np.tile(np.array([1, 0, 0, 0, 1, 0], np.float32), (2, 1))
    np.testing.assert_array_equal(affine.forward(x, theta, convention), x)


@conventions
@pytest.mark.parametrize("value", (1e3, -1e9, 1e30, np.inf, -np.inf, np.nan))
def test_wild_theta_reads_nothing(rng, affine, convention, value):
    x, g = rng.standard_normal((2, 6, 1, 4, 4)).astype(np.float32)
    theta = np.tile(np.eye(2, 3, dtype=np.float32), (6, 1, 1))
    theta.reshape(6, 6)[np.arange(6), np.arange(6)] = value
    with np.errstate(invalid="ignore", over="ignore"):
        y = affine.forward(x, theta, convention)
        grad_x, grad_theta = affine.backward(g, x, theta, convention)
    assert np.isfinite(y).all() and np.isfinite(grad_x).all() and np.isfinite(grad_theta).all()
    translated = [2, 5]  # everything is shifted out of the image
    assert not y[translated].any() and not grad_x[translated].any() and not grad_theta[translated].any()


def test_layout_and_read_only_inputs_do_not_matter(rng, affine):
    x, theta, g = problem(rng)
    expected = [affine.forward(x, theta), *affine.backward(g, x, theta)]
    strange = []
    for a in (x, theta, g):
        wide = np.zeros((*a.shape, 3))
        wide[..., 1] = a
        strange.append(wide[..., 1])
        strange[-1].flags.writeable = False
    x, theta, g = strange
    got = [affine.forward(x, theta), *affine.backward(g, x, theta)]
    for a, b in zip(got, expected):
        np.testing.assert_array_equal(a, b)


def test_only_what_is_needed(rng, affine):
    x, theta, g = problem(rng)
    both = affine.backward(g, x, theta)
    only_x = affine.backward(g, x, theta, needs=(True, False))
    only_theta = affine.backward(g, x, theta, needs=(False, True))
    assert only_x[1] is None and only_theta[0] is None
    np.testing.assert_array_equal(only_x[0], both[0])
    np.testing.assert_allclose(only_theta[1], both[1], rtol=1e-12)


def test_theta_as_six_numbers(rng, affine):
    x, theta, g = problem(rng)
    flat = theta.reshape(-1, 6)
    np.testing.assert_array_equal(affine.forward(x, flat), affine.forward(x, theta))
    assert affine.backward(g, x, flat)[1].shape == flat.shape


def test_same_bits_twice(rng, affine):
    x, theta, g = problem(rng, (28, 28), n=16, dtype=np.float32)
    first, second = (affine.backward(g, x, theta) for _ in range(2))
    assert [a.tobytes() for a in first] == [a.tobytes() for a in second]


def test_derivatives_equal_finite_differences(rng, affine):
    """The derivatives equal finite differences of the value, and spare the backward pass nothing but time."""
    x, theta, g = problem(rng, (6, 5), (4, 7), c=3)
    y, derivatives = affine.forward(x, theta, size=(4, 7), derivatives=True)
    np.testing.assert_array_equal(y, affine.forward(x, theta, size=(4, 7)))
    scale = reference.grid((6, 5), (4, 7), "half_pixel", np.dtype(np.float64))[2].ravel()
    for axis in range(2):
        moved = theta.copy()
        moved[:, axis, 2] += 1e-7 / scale[axis]
        np.testing.assert_allclose((affine.forward(x, moved, size=(4, 7)) - y) / 1e-7, derivatives[:, axis], atol=1e-6)
    np.testing.assert_allclose(
        affine.backward(g, x, theta, derivatives=derivatives)[1],
        affine.backward(g, x, theta)[1],
        rtol=1e-11,
        atol=1e-11,
    )
    with pytest.raises(ValueError, match="pass those of forward"):
        affine.backward(g, x, theta, derivatives=derivatives[:, :1])


@given(
    st.integers(0, 3),
    st.integers(1, 3),
    *[st.integers(1, 40)] * 4,
    st.sampled_from(kernel.CONVENTIONS),
    st.sampled_from((np.float32, np.float64)),
)
@settings(deadline=None, max_examples=60)
def test_any_size(n, c, h, w, rows, columns, convention, dtype):
    rng = np.random.default_rng(n + c + h + w)
    x, g = rng.random((n, c, h, w)).astype(dtype), rng.random((n, c, rows, columns)).astype(dtype)
    theta = (np.eye(2, 3) + rng.uniform(-0.7, 0.7, (n, 2, 3))).astype(dtype)
    atol = 1e-11 if dtype == np.float64 else 1e-4
    (want, want_grad), (y, grad_x) = (
        (
            kernel.forward(x, theta, convention, (rows, columns), name),
            kernel.backward(g, x, theta, convention, name, needs=(True, False))[0],
        )
        for name in ("numpy", "numba")
    )
    np.testing.assert_allclose(y, want, atol=atol)
    np.testing.assert_allclose(grad_x, want_grad, atol=10 * atol)
    np.testing.assert_allclose(
        (grad_x * x).sum(), (g * y).sum(), rtol=1e-3, atol=1e-3
    )  # the gradient of something linear in x


@pytest.mark.parametrize("convention", ("half_pixel", "align_corners"))
def test_float32_keeps_six_digits(rng, affine, convention):
    x, theta, g = (a.astype(np.float32) for a in problem(rng, (28, 28), n=64, c=1, spread=0.3, convention=convention))
    x, (wide_g, wide_x, wide_theta) = np.abs(x), (a.astype(np.float64) for a in (g, np.abs(x), theta))
    y = kernel.forward(wide_x, wide_theta, convention, implementation="numpy")
    assert np.linalg.norm(affine.forward(x, theta, convention) - y) < 1e-6 * np.linalg.norm(y)
    want = kernel.backward(wide_g, wide_x, wide_theta, convention, implementation="numpy")
    got = affine.backward(g, x, theta, convention)
    assert np.linalg.norm(got[0] - want[0]) < 2e-6 * np.linalg.norm(want[0])


def test_tf_reference_identity_stretches_and_loses_the_last_row_and_column():
    x = np.arange(1.0, 17).reshape(1, 1, 4, 4)
    y = kernel.forward(x, np.eye(2, 3)[None], "tf_reference")[0, 0]
    np.testing.assert_allclose(y[0], [1, 1 + 4 / 3, 1 + 8 / 3, 0])
    assert not y[-1].any() and not y[:, -1].any()


def test_misuse_is_explained(rng):
    x, theta, g = problem(rng)
    with pytest.raises(ValueError, match="convention is 'corners'; choose one of half_pixel"):
        kernel.forward(x, theta, "corners")
    with pytest.raises(
        ValueError, match=r"theta has shape \[2, 2, 3\]; for 3 images it must be \(3, 2, 3\) or \(3, 6\)"
    ):
        kernel.forward(x, theta[:2])
    with pytest.raises(ValueError, match="both must be float32, or both float64"):
        kernel.forward(x, theta.astype(np.float32))
    with pytest.raises(ValueError, match="at least one pixel"):
        kernel.forward(x[:, :, :0], theta)
    with pytest.raises(ValueError, match=r"it must be \(N, C, H, W\)"):
        kernel.forward(x[0], theta)
    with pytest.raises(ValueError, match="dtype, N and C must agree"):
        kernel.backward(g[:2], x, theta)


@pytest.mark.parametrize("implementation", everywhere(kernel))
def test_results_are_put_where_they_are_wanted(rng, implementation):
    x, theta, g = (
        rng.random((3, 2, 5, 6), np.float32),
        rng.uniform(-0.5, 1, (3, 6)).astype(np.float32),
        rng.random((3, 2, 5, 6), np.float32),
    )
    y, derivatives = kernel.forward(x, theta, implementation=implementation, derivatives=True)
    wide = np.empty((3, 2, 5, 12), np.float32)
    for out in (np.empty_like(y), wide[..., ::2]):  # the second cannot be written number after number
        assert kernel.forward(x, theta, implementation=implementation, out=out) is out
        np.testing.assert_array_equal(out, y)
    out = np.empty_like(y), np.empty_like(derivatives)
    assert kernel.forward(x, theta, implementation=implementation, derivatives=True, out=out)[1] is out[1]
    np.testing.assert_array_equal(out[1], derivatives)
    for needs in ((True, True), (False, True), (True, False)):
        expected = kernel.backward(g, x, theta, implementation=implementation, needs=needs)
        out = tuple(None if e is None else np.empty_like(e) for e in expected)
        kernel.backward(g, x, theta, implementation=implementation, needs=needs, out=out)
        for got, want in zip(out, expected):
            assert want is None or np.array_equal(got, want)


@pytest.mark.parametrize("implementation", [name for name in ("numpy", "numba") if kernel.implementations()[name]])
@pytest.mark.parametrize("convention", ("half_pixel", "tf_reference"))
def test_what_lies_outside_is_not_read_and_nothing_comes_from_there(implementation, convention):
    """Neither a pixel at the edge that is no number, nor an infinite gradient: a mask selects."""
    x, theta = np.full((1, 1, 2, 2), np.nan, np.float32), np.float32([[1, 0, 9, 0, 1, 0]])
    np.testing.assert_array_equal(kernel.forward(x, theta, convention, implementation=implementation), 0)
    grad_x, _ = kernel.backward(
        np.full((1, 1, 2, 2), np.inf, np.float32),
        np.ones_like(x),
        theta,
        convention,
        needs=(True, False),
        implementation=implementation,
    )
    np.testing.assert_array_equal(grad_x, 0)
