"""The perturbation step: every implementation against the definition."""
import numpy as np
import pytest
from everywhere import everywhere

from sdpadv_np.kernels import perturb

every = pytest.mark.parametrize("implementation", everywhere(perturb))


def by_hand(g, x, eta, eps):
    """(x_A, the gradient of x, that of eta), number by number."""
    results = np.zeros((3, x.size), x.dtype)
    for k, (ḡ, value, change) in enumerate(zip(g.ravel(), x.ravel(), eta.ravel())):
        moved = value + min(max(change, -eps), eps)
        inside = 0 <= moved <= 1
        results[:, k] = min(max(moved, 0), 1), ḡ * inside, ḡ * inside * (-eps <= change <= eps)
    return results.reshape(3, *x.shape)


@every
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
@pytest.mark.parametrize("shape", ((0,), (1,), (37,), (3, 1, 5, 4)))
def test_is_the_definition(rng, implementation, dtype, shape):
    g, x, eta = (rng.standard_normal(shape).astype(dtype) for _ in range(3))
    x, eps = (x + dtype(0.5)).astype(dtype), dtype(0.25)  # a number of any dtype is one
    expected = by_hand(g, x, eta, eps)
    for arrange in (lambda a: a, np.asfortranarray):
        a, b, c = map(arrange, (g, x, eta))
        out = [np.empty_like(x) for _ in range(3)]
        assert perturb.forward(b, c, 0.25, implementation, out=out[0]) is out[0]
        perturb.backward(a, b, c, 0.25, implementation=implementation, out=(out[1], out[2]))
        alone = perturb.forward(b, c, 0.25, implementation), *perturb.backward(
            a, b, c, 0.25, implementation=implementation,
        )
        for got, again, want in zip(alone, out, expected):
            assert got.dtype == dtype
            np.testing.assert_array_equal(got, want)
            np.testing.assert_array_equal(again, want)


@every
def test_the_limits_belong_to_it_and_nan_stays(implementation):
    x, eta = np.float32([0.75, 0.25, 0.5, np.nan, 0.5]), np.float32([0.25, -0.25, 9, 0, np.nan])
    assert np.isnan(perturb.forward(x, eta, 0.25, implementation)[3:]).all()
    gradient_x, gradient_eta = perturb.backward(np.ones(5, np.float32), x, eta, 0.25, implementation=implementation)
    np.testing.assert_array_equal(gradient_x, [1, 1, 1, 0, 0])
    np.testing.assert_array_equal(gradient_eta, [1, 1, 0, 0, 0])
    for needs in ((True, True), (True, False), (False, True)):
        for behind in (np.inf, np.nan):  # a mask selects: infinity times 0 would be no number
            found = perturb.backward(np.full(5, behind, np.float32), x, eta, 0.25, needs, implementation)
            for got, expected in zip(found, ([behind, behind, behind, 0, 0], [behind, behind, 0, 0, 0])):
                assert got is None or np.array_equal(got, np.float32(expected), equal_nan=True)


@every
def test_what_is_not_needed_is_left_out(implementation):
    x = np.zeros(3, np.float32)
    for needs in ((True, False), (False, True)):
        results = perturb.backward(x, x, x, 0.1, needs, implementation)
        assert [r is not None for r in results] == list(needs)


def test_arrays_must_agree():
    with pytest.raises(ValueError, match=r"x is float32\[3\], another array float32\[2\]"):
        perturb.forward(np.zeros(3, np.float32), np.zeros(2, np.float32), 0.1)
