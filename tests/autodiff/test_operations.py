"""One test of everything an operation promises, over the whole table."""
import inspect

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import Tensor, ops
from sdpadv_np.autodiff.registry import NO_GRADIENT, OPS, define

CASES = [
    pytest.param(name, number, id=f"{name}-{number}")
    for name, op in sorted(OPS.items())
    for number in range(len(op.samples(np.random.default_rng(0))))
]
cases = pytest.mark.parametrize("name, number", CASES)


class Case:
    """An operation at one of its sample inputs; ``fn`` takes the differentiable ones."""

    def __init__(self, name, number):
        self.op, self.call = OPS[name], getattr(ops, name)
        self.arrays, self.params = self.op.samples(np.random.default_rng(0))[number]
        rules = [None] * len(self.arrays) if self.op.variadic else self.op.vjps
        self.wanted = [i for i, rule in enumerate(rules) if rule is not NO_GRADIENT]
        self.inputs = [self.arrays[i] for i in self.wanted]

    def fn(self, *inputs):
        every = list(self.arrays)
        for i, value in zip(self.wanted, inputs):
            every[i] = value
        return self.call(*every, **self.params)

    def gradients(self, inputs, g=None, create_graph=False):
        tensors = [Tensor(a, requires_grad=True) for a in inputs]
        y = self.fn(*tensors)
        g = np.random.default_rng(1).standard_normal(y.shape).astype(y.dtype) if g is None else g
        return y, sd.grad(y, tensors, g, create_graph=create_graph)


@cases
def test_first_and_second_derivative(name, number):
    case = Case(name, number)
    sd.gradcheck(case.fn, *case.inputs, order=2)


@pytest.mark.parametrize("name, number", [c.values for c in CASES if sum(a.size for a in Case(*c.values).inputs) <= 40])
def test_third_derivative_of_small_cases(name, number):
    case = Case(name, number)
    sd.gradcheck(case.fn, *case.inputs, order=3)


@cases
def test_array_in_array_out_and_the_same_numbers(name, number):
    case = Case(name, number)
    plain, recorded = case.fn(*case.inputs), case.fn(*map(Tensor, case.inputs))
    assert not isinstance(plain, Tensor) and isinstance(recorded, Tensor)
    np.testing.assert_array_equal(plain, recorded.data)


@cases
def test_float32_stays_float32(name, number):
    case = Case(name, number)
    y, gradients = case.gradients([a.astype(np.float32) for a in case.inputs])
    assert y.dtype == np.float32
    assert [g.dtype for g in gradients] == [np.float32] * len(gradients)
    graph = case.gradients([a.astype(np.float32) for a in case.inputs], create_graph=True)[1]
    assert [g.dtype for g in graph] == [np.float32] * len(graph)


@cases
def test_gradients_have_their_inputs_shapes(name, number):
    case = Case(name, number)
    assert [g.shape for g in case.gradients(case.inputs)[1]] == [a.shape for a in case.inputs]


@cases
def test_layout_of_the_inputs_does_not_matter(name, number):
    case = Case(name, number)

    def strided(a):
        wide = np.zeros((*a.shape, 2))
        wide[..., 0] = a
        view = wide[..., 0]
        view.flags.writeable = False
        return view

    expected = case.gradients(case.inputs)
    for layout in (np.asfortranarray, strided):
        y, gradients = case.gradients([layout(a) for a in case.inputs])
        np.testing.assert_allclose(y.data, expected[0].data, rtol=1e-12, atol=1e-12)
        for got, want in zip(gradients, expected[1]):
            np.testing.assert_allclose(got.data, want.data, rtol=1e-12, atol=1e-12)


@cases
def test_inputs_are_not_changed(name, number):
    case = Case(name, number)
    before = [a.copy() for a in case.arrays]
    case.gradients(case.inputs)
    for a, b in zip(case.arrays, before):
        np.testing.assert_array_equal(a, b)


@cases
def test_same_bits_twice(name, number):
    case = Case(name, number)
    first, second = case.gradients(case.inputs), case.gradients(case.inputs)
    assert first[0].data.tobytes() == second[0].data.tobytes()
    assert [a.data.tobytes() for a in first[1]] == [b.data.tobytes() for b in second[1]]


@cases
def test_reads_only_what_it_says(name, number):
    """Values that ``reads`` does not name may be anything when the rules run."""
    case = Case(name, number)
    op = case.op
    y = op.forward(*case.arrays, **{**_defaults(case), **case.params})
    g = np.random.default_rng(1).standard_normal(np.shape(y))

    def spoil(value, name):
        return value if name in op.reads else np.broadcast_to(np.full((), np.nan), np.shape(value))

    spoilt = [spoil(a, i) if a.dtype.kind == "f" else a for i, a in enumerate(case.arrays)]
    for i in case.wanted:
        params = {**_defaults(case), **case.params}
        honest = op.rule(i)(g, np.asarray(y), *case.arrays, **params)
        got = op.rule(i)(g, spoil(np.asarray(y), "y"), *spoilt, **params)
        np.testing.assert_array_equal(got, honest)


@cases
def test_fused_rule_equals_the_composed_one(name, number):
    case = Case(name, number)
    if case.op.fused is None:
        return
    fused = case.gradients(case.inputs)[1]
    composed = case.gradients(case.inputs, create_graph=True)[1]  # a graph is only recorded by the composed rule
    for a, b in zip(fused, composed):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-10, atol=1e-12)


def _defaults(case):
    if isinstance(case.op.forward, np.ufunc):
        return {}
    return {
        p.name: p.default for p in list(inspect.signature(case.op.forward).parameters.values())[len(case.op.vjps) :]
        if p.default is not p.empty
    }


def test_an_operation_without_a_rule_is_refused():
    with pytest.raises(TypeError, match="no derivative rule"):
        define("nothing", np.sin, formula="", samples=None)
    with pytest.raises(TypeError, match="defined twice"):
        define("exp", np.exp, lambda g, y, x: g, formula="", samples=None)


def test_a_wrong_rule_is_noticed(monkeypatch):
    """The sweep can fail: spoil one rule and see."""
    monkeypatch.setitem(OPS["tanh"].__dict__, "vjps", (lambda g, y, x: g * (1 - y),))
    with pytest.raises(sd.GradcheckError, match="the rule is wrong"):
        test_first_and_second_derivative("tanh", 0)


@pytest.mark.parametrize("name", sorted(OPS))
def test_every_operation_is_reachable_and_described(name):
    call = getattr(ops, name)
    assert name in ops.__all__ and OPS[name].formula and OPS[name].formula in call.__doc__


def test_signatures_name_inputs_and_parameters():
    assert list(inspect.signature(ops.sum).parameters) == ["x", "axis", "keepdims"]
    assert list(inspect.signature(ops.clip).parameters) == ["x", "low", "high"]


def test_the_maximum_of_nan_hands_nothing_on_and_divides_by_nothing():
    x = sd.Tensor(np.array([[1.0, np.nan], [3.0, 2.0]]), requires_grad=True)
    (g,) = sd.grad(ops.sum(ops.max(x, axis=1)), [x])
    np.testing.assert_array_equal(g.data, [[0, 0], [1, 0]])
