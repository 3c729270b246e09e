"""A checker is the last thing that may be wrong: planted wrong derivatives, each of which must be named, and right
ones, of which none may be.
"""
import itertools

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import ops
from sdpadv_np.autodiff.registry import Op, caller
from sdpadv_np.autodiff.tensor import raw

X, A, B = np.array([[0.3, -1.2, 0.8], [1.7, 0.4, -0.6], [-0.9, 0.5, 1.1]]), np.array([0.7, -1.3]), np.array([0.2, 0.9])


def planted(forward, *rules, **more):
    """An operation that is in no table."""
    return caller(Op("planted", forward, rules, "", None, (0, 1, "y"), **more))


def at(g, index, change):
    """g with one number changed, recorded like any other."""
    mask = np.zeros(g.shape, bool)
    mask[index] = True
    return ops.where(mask, change(g), g)


def turned(g):
    return ops.transpose(g)


def in_place(array, factor):
    array *= factor
    return array


def wide(g):
    return g.astype(np.float64) if isinstance(g, np.ndarray) else g


class Moody:
    """Something else each time."""

    def __init__(self):
        self.number = itertools.count()

    def __call__(self, g):
        return g * (1.0 + 1e-3 * (next(self.number) % 3))


def right(x):
    return x**3


def slope(g, x):
    return g * (3 * x * x)


WRONG = {  # name: (function, arguments, order, what the message must say)
    "NaN": (
        planted(right, lambda g, y, x: slope(g, x) * np.nan), (X,), 1,
        r"argument 0, element \(0, 0\): analytic nan.*the rule is wrong",
    ),
    "NaN at one element": (
        planted(right, lambda g, y, x: at(slope(g, x), (2, 1), lambda g: g * np.nan)), (X,), 1,
        r"element \(2, 1\): analytic nan",
    ),
    "NaN in the first of two": (
        planted(lambda a, b: a + b, lambda g, y, a, b: g * np.nan, lambda g, y, a, b: g), (A, B), 1,
        r"argument 0, element \(0,\): analytic nan",
    ),
    "NaN in the last of two": (
        planted(lambda a, b: a + b, lambda g, y, a, b: g, lambda g, y, a, b: g * np.nan), (A, B), 1,
        r"argument 1, element \(0,\): analytic nan",
    ),
    "infinite": (
        planted(right, lambda g, y, x: at(slope(g, x), (1, 0), lambda g: g * np.inf)), (X,), 1,
        r"element \(1, 0\): analytic -?inf",
    ),
    "scaled": (
        planted(right, lambda g, y, x: 1.001 * slope(g, x)), (X,), 1,
        r"argument 0, element \(1, 0\): .*the rule is wrong",
    ),
    "sign": (planted(right, lambda g, y, x: -slope(g, x)), (X,), 1, "the rule is wrong"),
    "transposed": (planted(right, lambda g, y, x: turned(slope(g, x))), (X,), 1, "the rule is wrong"),
    "transposed argument": (
        planted(lambda a, b: a @ b, lambda g, y, a, b: g @ b, lambda g, y, a, b: ops.transpose(a) @ g), (X, X + 0.1), 1,
        "argument 0",
    ),
    "one element": (
        planted(right, lambda g, y, x: at(slope(g, x), (1, 2), lambda g: g + 1e-4)), (X,), 1,
        r"argument 0, element \(1, 2\): .*the rule is wrong",
    ),
    "one input of three": (
        planted(
            lambda a, b, c: a * b + c, lambda g, y, a, b, c: g * b, lambda g, y, a, b, c: g * b,
            lambda g, y, a, b, c: g,
        ),
        (A, B, A), 1, "argument 1",
    ),
    "nothing": (planted(right, lambda g, y, x: 0 * g), (X,), 1, r"analytic -?0, numeric"),
    "detached": (lambda x: ops.exp(x.detach()), (A,), 1, r"analytic 0, numeric 1\."),
    "partly detached": (lambda x: x.detach() * x, (A,), 1, "the rule is wrong"),
    "depends on what it does not read": (
        planted(lambda a, b: a * a, lambda g, y, a, b: 2 * g * a, lambda g, y, a, b: g * a), (A, B), 1,
        r"argument 1, element \(1,\).*numeric 0,",
    ),
    "shape: one number for all": (
        planted(right, lambda g, y, x: ops.sum(slope(g, x), axis=0)), (X,), 1,
        r"argument 0 is float64\[3, 3\], its gradient float64\[3\]",
    ),
    "shape: an axis too many": (
        planted(np.exp, lambda g, y, x: ops.reshape(g * y, shape=(1, -1))), (A,), 1,
        r"argument 0 is float64\[2\], its gradient float64\[1, 2\]",
    ),
    "rounded to float32": (
        planted(right, lambda g, y, x: raw(slope(g, x)).astype(np.float32)), (X,), 1, "its gradient float32",
    ),
    "loses the graph": (
        planted(right, lambda g, y, x: raw(slope(g, x))), (X,), 1, "with create_graph=True is a plain array",
    ),
    "changes its input": (
        planted(right, lambda g, y, x: g * in_place(raw(x), 1.5)), (X,), 1,
        "argument 0: a derivative rule changes its values in place",
    ),
    "changes its result": (
        planted(np.exp, lambda g, y, x: g * in_place(raw(y), 2.0)), (A,), 1,
        "a derivative rule changes the result in place",
    ),
    "changes what lies between": (
        lambda x: planted(np.exp, lambda g, y, x: g * in_place(raw(y), 1.0 + 1e-9))(x) * 2.0, (A,), 1,
        "differs when it is computed again"
    ),
    "function changes its argument": (
        lambda x: ops.add(planted(lambda x: in_place(x, 2.0), lambda g, y, x: 2 * g)(x), 0.0), (A,), 1,
        "argument 0: the function changes its values in place",
    ),
    "a view, changed": (
        lambda x: _spoilt(ops.reshape(x, shape=(2, 1))), (A,), 1,
        "argument 0: the function changes its values in place",
    ),
    "random function": (
        lambda x, rng=np.random.default_rng(0): x * rng.random(2), (A,), 1, "differs from call to call",
    ),
    "random rule": (
        planted(right, lambda g, y, x, mood=Moody(): mood(slope(g, x))), (X,), 1, "differs when it is computed again"
    ),
    "looks whether it is recorded": (
        lambda x: 2.0 * x if x.requires_grad else 3.0 * x, (A,), 1, "differs where it is recorded",
    ),
    "to first order only": (planted(right, lambda g, y, x: g * (3 * raw(x) ** 2)), (X,), 2, "order 2: argument 0"),
    "to second order only": (
        planted(right, lambda g, y, x: g * planted(lambda x: 3 * x**2, lambda g, y, x: g * (6 * raw(x)))(x)), (X,), 3,
        "order 3: argument 0",
    ),
    "wrong in the incoming gradient": (
        planted(right, lambda g, y, x: raw(g) * (3 * x * x)), (X,), 2, "order 2: argument 1",
    ),
    "fused only": (
        planted(np.exp, lambda g, y, x: g * y, fused=lambda g, y, x, needs, saved, out: (1.01 * g * y,)), (A,), 1,
        r"argument 0, element .*analytic [-.\d]+, numeric",
    ),
    "absolute in the incoming gradient": (
        planted(right, lambda g, y, x: slope(ops.abs(g), x)), (X,), 1, "the rule is wrong",
    ),
    "absolute, of a single number": (
        planted(right, lambda g, y, x: slope(ops.abs(g), x)), (np.array(0.7),), 1,
        "argument 0, .*not linear in the incoming gradient: -1024 times",
    ),
    "guided": (
        planted(lambda x: np.maximum(x, 0), lambda g, y, x: ops.where((raw(g) > 0) & (raw(x) > 0), g, 0.0)), (X,), 1,
        "the rule is wrong",
    ),
    "guided, of a single number": (
        planted(np.exp, lambda g, y, x: ops.where(raw(g) > 0, g * y, 0.0)), (np.array(0.7),), 1,
        "not linear in the incoming gradient: -1024 times",
    ),
    "clipped": (
        planted(right, lambda g, y, x: slope(ops.clip(g, -2.0, 2.0), x)), (X,), 1,
        r"argument 0, element \(0, 0\): .*not linear in the incoming gradient: -1024 times",
    ),
    "gone where it is small": (
        planted(np.exp, lambda g, y, x: g * y if abs(float(raw(g))) > 0.1 else 0 * g), (np.array(0.7),), 1,
        "not linear in the incoming gradient: 0.0009",
    ),
    "clipped, fused only": (
        planted(np.exp, lambda g, y, x: g * y, fused=lambda g, y, x, needs, saved, out: (np.clip(g, -2, 2) * y,)), (A,),
        1, "-1024 times as much gives,",
    ),
    "clipped, composed only": (
        planted(np.exp, lambda g, y, x: ops.clip(g, -2, 2) * y, fused=lambda g, y, x, needs, saved, out: (g * y,)),
        (A,), 1, "gives, with create_graph=True,",
    ),
    "writes into the incoming gradient": (
        planted(np.square, lambda g, y, x: np.multiply(g, 2 * x, out=g)), (A,), 1,
        "order 1: a derivative rule changes the incoming gradient in place; make a new array: planted",
    ),
    "writes into it, within": (
        lambda x: planted(np.square, lambda g, y, x: np.multiply(g, 2 * x, out=g))(x) + x, (A,), 1,
        "changes the incoming gradient in place",
    ),
    "writes into it, fused": (
        planted(np.exp, lambda g, y, x: g * y, fused=lambda g, y, x, needs, saved, out: (np.multiply(g, y, out=g),)),
        (A,), 1, "changes the incoming gradient in place",
    ),
    "the first alone": (
        planted(
            np.multiply, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a,
            fused=lambda g, y, a, b, needs, saved, out: (g * b if needs[1] else 1.01 * g * b, g * a),
        ),
        (A, B), 1, "argument 0, .*differs where argument 0 alone is differentiated:",
    ),
    "the last alone": (
        planted(
            np.multiply, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a,
            fused=lambda g, y, a, b, needs, saved, out: (g * b, g * a if needs[0] else g * b),
        ),
        (A, B), 1, "argument 1, .*differs where argument 1 alone is differentiated:",
    ),
    "alone, by what was saved": (
        planted(
            np.multiply, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a,
            fused=lambda g, y, a, b, needs, saved, out: (saved * g * b, g * a),
            saving=lambda a, b, needs: (a * b, 1.0 if needs[1] else 1.01),
        ),
        (A, B), 1, "argument 0, .*where argument 0 alone is differentiated:",
    ),
    "without the first": (
        planted(
            lambda a, b, c: a * b + c,
            lambda g, y, a, b, c: g * b, lambda g, y, a, b, c: g * a, lambda g, y, a, b, c: g,
            fused=lambda g, y, a, b, c, needs, saved, out: (g * b, g * a, 2 * g if needs == [False, True, True] else g),
        ),
        (A, B, A), 1, "argument 2, .*differs where arguments 1, 2 alone are differentiated:",
    ),
    "composed only": (
        planted(np.exp, lambda g, y, x: 1.01 * (g * y), fused=lambda g, y, x, needs, saved, out: (g * y,)), (A,), 1,
        "with create_graph=True",
    ),
    "float32 only": (
        planted(right, lambda g, y, x: slope(g, x) * (1.01 if g.dtype == np.float32 else 1.0)), (X,), 1,
        r"argument 0, element .* in float32.*wrong in float32",
    ),
    "float32 only, NaN": (
        planted(right, lambda g, y, x: slope(g, x) * (np.nan if g.dtype == np.float32 else 1.0)), (X,), 1,
        "analytic nan in float32",
    ),
    "float32 only, at second order": (
        planted(right, lambda g, y, x: g * planted(
            lambda x: 3 * x**2, lambda g, y, x: g * ((6.1 if g.dtype == np.float32 else 6.0) * x),
        )(x)),
        (X,), 2, "order 2: .*wrong in float32",
    ),
    "float32 becomes float64": (
        planted(right, lambda g, y, x: wide(slope(g, x))), (X,), 1,
        r"in float32: order 1: argument 0 is float32\[3, 3\], its gradient float64",
    ),
    "float32 fails": (
        planted(right, lambda g, y, x: slope(g, x) if g.dtype == np.float64 else g @ np.zeros(0)), (X,), 1,
        "in float32 the gradient cannot be computed",
    ),
    "on a kink, on neither side": (
        planted(lambda x: np.maximum(x, 0), lambda g, y, x: ops.where(x > 0, g, 7 * g * (raw(x) == 0))),
        (np.array([0.0, 1.0]),), 1, "wrong on both sides",
    ),
    "strongly bent": (
        lambda x: planted(right, lambda g, y, x: slope(g, x) + 3 * g)(1e3 * x), (np.array([0.0]),), 1,
        "the rule is wrong",
    ),
    "beside a pole": (
        planted(lambda x: 1 / x, lambda g, y, x: -1.01 * g / (x * x)), (np.array([1e-6]),), 1, "the rule is wrong",
    ),
    "small beside large": (
        planted(lambda x: x * np.array([1e9, 1.0]), lambda g, y, x: g * np.array([1e9, 1.01])), (A,), 1,
        r"argument 0, element \(1,\)",
    ),
    "not finite": (ops.log, (np.array([1.0, 0.0]),), 1, r"own result is -inf at element \(1,\)"),
    "not a number": (lambda x: x * np.nan, (A,), 1, "own result is nan"),
    "jumps": (planted(lambda x: np.floor(x) + x, lambda g, y, x: g), (np.array([1.0]),), 1, "kink|jumps"),
}


def _spoilt(t):
    t.data[...] *= 2
    return t


@pytest.mark.parametrize("name", WRONG)
def test_each_wrong_one_is_named(name):
    fn, arrays, order, message = WRONG[name]
    with pytest.raises(sd.GradcheckError, match=message):
        sd.gradcheck(fn, *arrays, order=order)
    if order > 1:
        sd.gradcheck(fn, *arrays, order=order - 1)


RIGHT = {  # name: (function, arguments); what might be taken for wrong
    "itself": (lambda x: x, (A,)),
    "a view": (lambda x: ops.swapaxes(ops.reshape(x, shape=(3, 3))), (X,)),
    "a constant": (lambda x: sd.Tensor(np.ones(2)), (A,)),
    "x to the power 0, at 0": (lambda a, b: a**0 + b, (np.zeros(1), np.ones(1))),
    "an argument that is not read": (lambda a, b: a * 2.0, (A, B)),
    "one argument twice": (lambda a, b: a * a * b + a, (A, B)),
    "close to a pole": (ops.log, (np.array([1e-5, 1e-9, 1e-12]),)),
    "close to the end of the domain": (ops.sqrt, (np.array([1e-6, 1e-8]),)),
    "close to a kink": (ops.relu, (np.array([1e-7, -1e-9, 1.0]),)),
    "strongly bent": (lambda x: ops.exp(50 * x), (np.array([0.1, 0.3]),)),
    "small beside large": (lambda x: x * np.array([1e10, 1.0]), (A,)),
    "large numbers": (lambda x: x * x, (np.array([1e8, -3e5]),)),
    "a constant that is large": (lambda x: x + 1e12, (np.array([1e5]),)),
    "no axes": (lambda x: x * x, (np.array(0.7),)),
    "no elements": (lambda x: ops.exp(x), (np.zeros((0, 3)),)),
    "float64 is part of it": (lambda x: x * np.array([1.0, 2.0]), (A,)),
    "beyond float32": (lambda x: x * 2.0, (np.array([1e300]),)),
    "linear in what comes in, and in much of it": (
        lambda a, b: ops.matmul(ops.reshape(a, shape=(1, 2)), ops.reshape(b, shape=(2, 1))), (A, B),
    ),
    "an array of ours that cannot be written to": (lambda x: x * np.broadcast_to(np.float64(2), (2,)), (A,)),
    "of huge slope": (lambda x: x * np.array([1e306, 1.0]), (A,)),
    "of a slope that is hardly any": (lambda x: x * np.array([1e-310, 3e-320]), (A,)),
    "three arguments, of which any may be wanted": (
        lambda a, b, c: ops.dense(a, b, c, activation="tanh"), (X, X + 0.1, X[0]),
    ),
    "on a ridge that is chosen": (lambda x: ops.where(np.array([True, False]), x, ops.exp(x)), (A,)),
}


@pytest.mark.parametrize("order", (1, 2, 3))
@pytest.mark.parametrize("name", RIGHT)
def test_no_right_one_is_accused(name, order):
    fn, arrays = RIGHT[name]
    sd.gradcheck(fn, *arrays, order=order)
