"""L-BFGS: SciPy's results one by one, and functions that know nothing of each other."""
import numpy as np
import pytest

from sdpadv_np.errors import ArgumentError
from sdpadv_np.optim import minimise
from sdpadv_np.optim.lbfgs import REASONS, _cubic


def rosenbrock(x, which=None):
    a, b = x[:, :-1], x[:, 1:]
    gradient = np.zeros_like(x)
    gradient[:, :-1] = -400 * a * (b - a * a) - 2 * (1 - a)
    gradient[:, 1:] += 200 * (b - a * a)
    return (100 * (b - a * a) ** 2 + (1 - a) ** 2).sum(axis=1), gradient


def quadratics(rng, count, size):
    """Convex ones, of condition numbers up to 1e4, and where each is least."""
    Q = np.linalg.qr(rng.standard_normal((count, size, size)))[0]
    A = Q @ (10 ** rng.uniform(-2, 2, (count, size, 1)) * Q.swapaxes(1, 2))
    least = rng.standard_normal((count, size))

    def function(x, which):
        slope = np.einsum("nij,nj->ni", A[which], x - least[which])
        return 0.5 * (slope * (x - least[which])).sum(axis=1), slope

    return function, least


def reasons(found):
    return [REASONS[r] for r in found.reason]


def one(function, which):
    """Function number ``which`` alone, as SciPy takes it."""
    def alone(x):
        value, gradient = function(x[None], np.array([which]))
        return float(value[0]), gradient[0]

    return alone


@pytest.mark.parametrize("memory", (3, 10))
def test_scipy_finds_the_same_with_as_many_evaluations(rng, memory):
    optimize = pytest.importorskip("scipy.optimize")
    quadratic, _ = quadratics(rng, 8, 12)
    for function, x0 in ((rosenbrock, rng.uniform(-2, 2, (30, 6))), (quadratic, np.zeros((8, 12)))):
        found = minimise(function, x0, memory=memory)
        theirs = [optimize.fmin_l_bfgs_b(one(function, n), x0[n], m=memory) for n in range(len(x0))]
        agreed = 0
        for n, (x, value, _) in enumerate(theirs):
            assert found.value[n] < 1e-6 or found.value[n] == pytest.approx(value, abs=1e-5), n
            agreed += np.allclose(found.x[n], x, atol=0.02)
        # Rosenbrock in 6 dimensions has a second valley, and which is entered is rounding's choice
        assert agreed >= 0.9 * len(x0)
        ours, scipys = found.evaluations.mean(), np.mean([info["funcalls"] for _, _, info in theirs])
        assert 0.8 * scipys < ours < 1.2 * scipys, (ours, scipys)


def test_the_least_point_is_found_in_both_precisions(rng):
    function, least = quadratics(rng, 20, 10)
    for dtype, close in ((np.float64, 1e-3), (np.float32, 0.05)):
        found = minimise(function, np.zeros((20, 10), dtype), gtol=1e-5, ftol=0.0)
        assert found.x.dtype == found.gradient.dtype == dtype
        np.testing.assert_allclose(found.x, least, atol=close)


def test_functions_do_not_influence_each_other(rng):
    x0 = rng.uniform(-2, 2, (9, 5))
    together = minimise(rosenbrock, x0)
    assert len(set(together.evaluations)) > 3  # they end at different times
    for n in range(9):
        alone = minimise(rosenbrock, x0[n : n + 1])
        assert alone.x[0].tobytes() == together.x[n].tobytes() and alone.evaluations[0] == together.evaluations[n]
    order = rng.permutation(9)
    assert minimise(rosenbrock, x0[order]).x.tobytes() == together.x[order].tobytes()


def test_each_function_is_asked_by_its_number_and_only_while_it_is_active(rng):
    function, _ = quadratics(rng, 6, 8)
    asked = np.zeros(6, int)

    def counted(x, which):
        assert len(x) == len(which) == len(set(which))
        asked[which] += 1
        return function(x, which)

    found = minimise(counted, np.zeros((6, 8)))
    np.testing.assert_array_equal(found.evaluations, asked)
    assert (found.steps < found.evaluations).all()


def test_every_step_descends_and_satisfies_the_wolfe_conditions(rng):
    seen = []

    def watched(x, which):
        value, gradient = rosenbrock(x)
        seen.append((x[0].copy(), value[0], gradient[0]))
        return value, gradient

    found = minimise(watched, rng.uniform(-2, 2, (1, 4)), evaluations=200)
    x, value, gradient = seen[0]
    steps = 0
    for trial, f, g in seen[1:]:
        along = gradient @ (trial - x)
        if f <= value + 1e-3 * along + 1e-12 and g @ (trial - x) >= 0.9 * along - 1e-12:
            x, value, gradient, steps = trial, f, g, steps + 1
    assert steps == found.steps[0] and value == found.value[0]


def test_why_each_one_ended(rng):
    x0 = np.array([[0.0], [3.0], [5.0], [7.0]])

    def function(x, which):  # at its least; a parabola; ever downwards; no number beyond the start
        value, gradient = x[:, 0] ** 2, 2 * x.copy()
        value[which == 2], gradient[which == 2] = -x[which == 2, 0], -1
        value[(which == 3) & (x[:, 0] != 7)] = np.nan
        return value, gradient

    found = minimise(function, x0)
    assert reasons(found) == ["gradient", "gradient", "line search", "line search"]
    np.testing.assert_array_equal(found.x[[0, 3]], x0[[0, 3]])
    assert found.evaluations.tolist()[::2] == [1, 21]
    assert reasons(minimise(rosenbrock, np.full((1, 3), -1.0), ftol=0.5)) == ["decrease"]
    few = minimise(rosenbrock, np.full((1, 3), -1.0), evaluations=10)
    assert reasons(few) == ["evaluations"] and few.evaluations.tolist() == [10]


def test_where_a_cubic_is_least():
    def end(t):  # of (t - 2)² (t + 1), least at 2, largest at 0
        return [t, (t - 2) ** 2 * (t + 1), 3 * t * (t - 2)]

    ends = np.array([[end(0.5), end(3.0)], [end(1.0), end(1.5)], [end(1.7), end(0.1)]])
    np.testing.assert_allclose(_cubic(ends[:, 0], ends[:, 1]), 2.0)


def test_a_line_search_that_fails_begins_anew_from_the_steepest_descent(rng):
    asked = []

    def lame(x, which):
        asked.append(x[0].copy())
        value, gradient = rosenbrock(x)
        return (np.full(1, np.inf) if 15 < len(asked) <= 40 else value), gradient

    found = minimise(lame, np.full((1, 4), -1.5))
    assert reasons(found) != ["line search"] and found.value[0] < 1e-6
    begun = next(
        k for k in range(16, 40)
        if np.linalg.norm(asked[k + 1] - asked[k]) > np.linalg.norm(asked[k] - asked[k - 1]) * 2
    )
    x = asked[begun]  # after 20 halvings as good as the iterate itself
    _, gradient = rosenbrock(x[None])
    np.testing.assert_allclose(asked[begun + 1] - x, -gradient[0] / np.linalg.norm(gradient), atol=1e-3)


def test_a_function_can_be_stopped_alone(rng):
    x0 = rng.uniform(-2, 2, (5, 4))
    free = minimise(rosenbrock, x0)
    found = minimise(rosenbrock, x0, stop=lambda which: which == 2)
    assert reasons(found)[2] == "stopped" and found.evaluations[2] == 2
    rest = [0, 1, 3, 4]
    assert found.x[rest].tobytes() == free.x[rest].tobytes()


def test_a_kink_does_not_stop_it():
    def kinked(x, which):  # |x| + 5 |y|, least at 0 where it has no gradient
        return np.abs(x) @ np.array([1.0, 5.0]), np.sign(x) * np.array([1.0, 5.0])

    found = minimise(kinked, np.array([[1.3, 0.7], [-2.1, 3.3]]), evaluations=300)
    assert found.value.max() < 1e-4


def test_nothing_to_minimise_and_nothing_changed(rng):
    assert minimise(rosenbrock, np.zeros((0, 4))).x.shape == (0, 4)
    x0 = rng.uniform(-2, 2, (3, 4))
    before = x0.copy()
    minimise(rosenbrock, x0)
    np.testing.assert_array_equal(x0, before)


@pytest.mark.parametrize(("x0", "options", "message"), (
    (np.zeros(3), {}, r"x0 is float64\[3\]; expected"), (np.zeros((2, 3), int), {}, "x0 is int64"),
    ([1.0], {}, "x0 is list"),
    (np.zeros((2, 3)), {"memory": 0}, "memory is 0"), (np.zeros((2, 3)), {"evaluations": 1}, "evaluations is 1"),
    (np.zeros((2, 3)), {"gtol": -1.0}, "gtol is -1.0"), (np.zeros((2, 3)), {"ftol": "small"}, "ftol is 'small'"),
))
def test_bad_arguments(x0, options, message):
    with pytest.raises(ArgumentError, match=message):
        minimise(rosenbrock, x0, **options)
