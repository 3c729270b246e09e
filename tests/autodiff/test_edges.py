"""Values and derivatives at and around the edges: 0, -0, ties, limits, huge, subnormal, infinite, not a number, no
elements, no axes.
"""
import itertools

import edges
import numpy as np
import pytest
from edges import array
from edges_moving import MOVING

import sdpadv_np as sd
from sdpadv_np import Tensor, ops
from sdpadv_np.autodiff.registry import OPS

CASES = {**edges.CASES, **MOVING}
dtypes = pytest.mark.parametrize("dtype", (np.float64, np.float32), ids=("float64", "float32"))
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of NumPy's, that a number is infinite


def each(table):
    return [
        pytest.param(name, number, id=f"{name}-{number}") for name in sorted(table)
        for number in range(len(table[name]))
    ]


def close(got, expected, dtype, atol=0.0, what=""):
    assert got.dtype == dtype and got.shape == expected.shape, what
    np.testing.assert_allclose(got, expected, rtol=1e-12 if dtype == np.float64 else 2e-6, atol=atol, err_msg=what)


def derivative(y, t):
    return sd.grad(
        y, [t], np.ones_like(y.data), create_graph=True,
    )[0] if y.requires_grad else Tensor(np.zeros_like(t.data))


def test_every_operation_has_edges():
    assert sorted({**edges.CURVES, **CASES}) == sorted(OPS)


@dtypes
@pytest.mark.parametrize("name, number", each(edges.CURVES))
def test_curve_to_the_third_derivative(name, number, dtype):
    params, points, *curves = edges.CURVES[name][number]
    x = array(points, dtype)
    t = Tensor(x, requires_grad=True)
    results = [getattr(ops, name)(t, **params)]
    for _ in range(3):
        results.append(derivative(results[-1], t))
    with np.errstate(all="ignore"):
        exact = [np.asarray(curve(x.astype(np.float64)), np.float64).astype(dtype) for curve in curves]
    for order, (got, expected) in enumerate(zip(results, exact)):
        # of tanh absolute, since its slope is read off its result; of others as a part of the slope
        rounding = 8 * np.finfo(dtype).eps
        atol = rounding if name == "tanh" else rounding * np.nan_to_num(np.abs(exact[1]), nan=0, posinf=0)
        for k, point in enumerate(x):
            close(got.data[k], expected[k], dtype, atol if name == "tanh" else atol[k], f"order {order} at {point}")
    fused = sd.grad(results[0], [t], np.ones_like(x))[0]
    np.testing.assert_array_equal(fused.data, results[1].data)


class Case:
    def __init__(self, name, number, dtype):
        self.call, (inputs, self.params, value, gradients) = getattr(ops, name), CASES[name][number]
        self.value = None if value is None else array(value, dtype)
        self.expected = [None if g is None else array(g, dtype) for g in gradients]
        self.inputs = [given if g is None else array(given, dtype) for given, g in zip(inputs, gradients)]
        self.wanted = [i for i, g in enumerate(gradients) if g is not None]

    def recorded(self, needs):
        tensors = {i: Tensor(self.inputs[i].copy(), requires_grad=True) for i in needs}
        return self.call(*(tensors.get(i, a) for i, a in enumerate(self.inputs)), **self.params), list(tensors.values())


@pytest.mark.parametrize("implementation", ("numpy", None))
@dtypes
@pytest.mark.parametrize("name, number", each(CASES))
def test_value_and_gradients_of_any_of_the_inputs(name, number, dtype, implementation, monkeypatch):
    """Fused and composed, with the definitions and with the fastest kernels, which must not differ, for each subset of
    the inputs.
    """
    monkeypatch.setenv("SDPADV_KERNEL", implementation or "")
    case = Case(name, number, dtype)
    for count in range(1, len(case.wanted) + 1):
        for needs in itertools.combinations(case.wanted, count):
            y, tensors = case.recorded(needs)
            if case.value is not None:
                close(y.data, case.value, dtype, what="value")
            for composed in (False, True):
                for i, g in zip(needs, sd.grad(y, tensors, np.ones_like(y.data), create_graph=composed)):
                    close(
                        g.data, case.expected[i], dtype, 2 * np.finfo(dtype).tiny,
                        f"input {i} of {needs}, composed: {composed}",
                    )


def _finite(arrays):
    return all(np.isfinite(a).all() for a in arrays if a is not None)


@dtypes
@pytest.mark.parametrize("name, number", each(CASES))
def test_no_nan_at_orders_two_and_three(name, number, dtype):
    """Where the gradient is a number the next two are, too."""
    case = Case(name, number, dtype)
    if not _finite(case.expected):
        return
    y, tensors = case.recorded(case.wanted)
    for order in (1, 2, 3):
        found = sd.grad(y, tensors, np.ones_like(y.data), create_graph=True)
        for i, g in zip(case.wanted, found):
            assert not np.isnan(g.data).any() and g.shape == case.inputs[i].shape and g.dtype == dtype, (order, i)
        live = [g for g in found if g.requires_grad]
        if not live:
            return
        y = sum(
            (ops.sum(g * np.arange(1, g.size + 1, dtype=dtype).reshape(g.shape)) for g in live[1:]),
            ops.sum(live[0] * live[0]),
        )


CHOOSERS = {  # name: (function, arguments, where the gradient of each is 0 whatever lies behind)
    "relu": (ops.relu, ([-1.0, 0.0, 2.0],), ([1, 1, 0],)),
    "leaky_relu of slope 0": (lambda x: ops.leaky_relu(x, slope=0.0), ([-1.0, 0.0, 2.0],), ([1, 1, 0],)),
    "abs": (ops.abs, ([0.0, -0.0, -1.0],), ([1, 1, 0],)),
    "clip": (lambda x: ops.clip(x, -1, 1), ([-2.0, 1.0, 3.0],), ([1, 0, 1],)),
    "clip, arrays": (lambda x: ops.clip(x, np.float32([-1, 0, 0]), np.float32(1)), ([-2.0, 1.0, 3.0],), ([1, 0, 1],)),
    "maximum": (ops.maximum, ([0.0, 1.0, 1.0], [1.0, 0.0, 1.0]), ([1, 0, 0], [0, 1, 1])),
    "minimum": (ops.minimum, ([0.0, 1.0, 1.0], [1.0, 0.0, 1.0]), ([0, 1, 0], [1, 0, 1])),
    "where": (lambda a, b: ops.where(np.array([True, False]), a, b), ([1.0, 1.0], [1.0, 1.0]), ([0, 1], [1, 0])),
    "perturb": (
        lambda x, eta: ops.perturb(x, eta, eps=0.5), ([0.5, 0.9, 0.5], [0.1, 0.2, 0.9]), ([0, 1, 0], [0, 1, 1]),
    ),
    "max": (lambda x: ops.max(x, axis=1), ([[1.0, 3.0, 2.0], [2.0, 2.0, 0.0]],), ([[1, 0, 1], [0, 0, 1]],)),
    "margin": (lambda z: ops.margin(z, labels=np.array([0])), ([[1.0, 3.0, 2.0]],), ([[0, 0, 1]],)),
    "power 0": (lambda x: x**0, ([0.0, 1.0],), ([1, 1],)),
    "dense": (
        lambda x: ops.dense(x, np.eye(2, dtype=x.dtype), np.zeros(2, x.dtype), activation="relu")[:, :1],
        ([[-1.0, 0.0]],), ([[1, 1]],),
    ),
    "dense, all inputs": (
        lambda x, W, b: ops.dense(x, W, b, activation="relu"), ([[-1.0]], [[1.0]], [0.0]), ([[1]], [[1]], [1]),
    ),
    "conv2d_layer": (
        lambda x: ops.conv2d_layer(x, np.ones((1, 1, 1, 1), x.dtype), np.zeros(1, x.dtype), activation="relu"),
        ([[[[-1.0, 0.0, 2.0]]]],), ([[[[1, 1, 0]]]],),
    ),
    "conv2d_layer, all inputs": (
        lambda x, w, b: ops.conv2d_layer(x, w, b, activation="relu"), ([[[[-1.0]]]], [[[[1.0]]]], [0.0]),
        ([[[[1]]]], [[[[1]]]], [1]),
    ),
}


@pytest.mark.parametrize("implementation", ("numpy", None))
@dtypes
@pytest.mark.parametrize("name", CHOOSERS)
def test_what_is_not_chosen_has_no_slope_though_all_behind_is_infinite(name, dtype, implementation, monkeypatch):
    monkeypatch.setenv("SDPADV_KERNEL", implementation or "")
    fn, inputs, masks = CHOOSERS[name]
    inputs, masks = [array(a, dtype) for a in inputs], [np.array(m, bool) for m in masks]
    for count in range(1, len(inputs) + 1):
        for needs in itertools.combinations(range(len(inputs)), count):
            for behind in (np.inf, -np.inf, np.nan):
                tensors = {i: Tensor(inputs[i], requires_grad=True) for i in needs}
                y = fn(*(tensors.get(i, a) for i, a in enumerate(inputs)))
                for composed in (False, True):
                    for i, g in zip(
                        needs,
                        sd.grad(y, list(tensors.values()), np.full(y.shape, behind, dtype), create_graph=composed),
                    ):
                        np.testing.assert_array_equal(
                            g.data[masks[i]], 0, err_msg=f"input {i} of {needs}, composed: {composed}",
                        )
                        assert masks[i].all() or not np.isfinite(g.data[~masks[i]]).any()


@dtypes
@pytest.mark.parametrize(
    "mask",
    (
        ops.relu, lambda x: ops.maximum(x, 0.0), lambda x: -ops.minimum(-x, 0.0), lambda x: ops.clip(x, 0, 1),
        lambda x: ops.where(x > 0, x, 0.0),
        lambda x: ops.max(ops.concatenate(x, 0 * x.data)),
        lambda x: ops.margin(ops.concatenate(x, 0 * x.data, 0 * x.data).reshape(1, 3), labels=np.array([1])),
    ),
)
def test_a_root_of_what_is_cut_off_to_the_third_derivative(mask, dtype):
    t = Tensor(np.array([-1.0], dtype), requires_grad=True)
    y = ops.sqrt(mask(t))
    for _ in range(3):
        y = derivative(y, t)
        np.testing.assert_array_equal(y.data, [0])


@dtypes
def test_cross_entropy_keeps_the_slope_of_a_label_that_is_sure(dtype):
    """Third order: p = e⁻³⁰ / (1 + 2 e⁻³⁰); the label's derivatives are -2p, 2p(1 - 2p), -2p(1 - 2p)(1 - 4p)."""
    t, p = Tensor(np.array([[30, 0, 0]], dtype), requires_grad=True), np.exp(-30.0) / (1 + 2 * np.exp(-30.0))
    y, expected = ops.cross_entropy(t, labels=np.array([0])), (
        [-2 * p, p, p], [2 * p * (1 - 2 * p), -p * (1 - 2 * p), -p * (1 - 2 * p)],
        [-2 * p * (1 - 2 * p) * (1 - 4 * p), p, p],
    )
    fused = sd.grad(y, [t], np.ones(1, dtype))[0]
    for order in range(3):
        (g,) = sd.grad(y, [t], np.ones_like(y.data), create_graph=True)
        np.testing.assert_allclose(g.data[0], expected[order], rtol=2e-6)
        if order == 0:
            np.testing.assert_allclose(fused.data, g.data, rtol=1e-6)
        y = g[:, 0]
