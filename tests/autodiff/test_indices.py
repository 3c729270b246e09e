"""Whatever NumPy takes for an index, there and back: an element that is named twice gets both gradients, and nobody
changes an index in between.
"""
import array

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import Plan, Tensor, ops
from sdpadv_np.errors import OperationError


class Readable:
    """What NumPy can read, and nothing else."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values)


class Whole:
    def __index__(self):
        return 2


ALL = slice(None)
TWICE = [  # each names row 0 twice and row 2 once
    (0, 0, 2), [0, 0, 2], array.array("q", [0, 0, 2]), Readable([0, 0, 2]), np.array([0, 0, 2], np.int8),
    np.array([0, 0, 2]).astype(">i4"), np.array([[0], [0], [2]]),
]
OTHERS = [
    0, -1, range(2), Whole(), np.int16(1), np.array(1), True, None, ..., [],
    [True, False, True], np.array([True, False, True]), Readable([True, False, True]), slice(0, 2), ([0, 2], [1, 1]),
    ((0, 0, 2), (1, 1, 0)), ([[0], [0]], [0, 1]), (None, [1, 1], ..., None), (ALL, [True, False]),
    ([True, False, True], [1]), (np.array([True, False, True]), (1, 0)),
]


def transposed(index, shape, g):
    """What the gradient must be: g added at each element that the index names, one after the other."""
    names, out = np.arange(np.prod(shape)).reshape(shape)[index], np.zeros(shape)
    for name, value in zip(np.ravel(names), np.ravel(g)):
        out.reshape(-1)[name] += value
    return out


@pytest.mark.parametrize("number", range(len(TWICE) + len(OTHERS)))
def test_there_and_back(number):
    index = (TWICE[number], ALL) if number < len(TWICE) else OTHERS[number - len(TWICE)]
    numpys = np.array(index.values) if isinstance(index, Readable) else tuple(
        np.array(p.values) if isinstance(p, Readable) else p for p in index
    ) if isinstance(index, tuple) else index
    x = Tensor(np.arange(6.0).reshape(3, 2), requires_grad=True)
    y = x[index]
    np.testing.assert_array_equal(y.data, x.data[numpys])
    g = 1.0 + np.arange(y.size).reshape(y.shape)
    want = transposed(numpys, (3, 2), g)
    for composed in (False, True):
        np.testing.assert_array_equal(sd.grad(y, [x], g, create_graph=composed)[0].data, want)
    np.testing.assert_array_equal(ops.place(g, index=index, shape=(3, 2)), want)
    plan = Plan(lambda x: sd.grad(ops.sum(ops.square((t := Tensor(x, requires_grad=True))[index])), [t])[0])
    for k in range(1, 4):
        np.testing.assert_array_equal(plan(k * x.data), k * transposed(numpys, (3, 2), 2 * x.data[numpys]))


def test_an_index_that_is_none_is_refused_at_the_call():
    x = Tensor(np.zeros((3, 2)), requires_grad=True)
    for index in ("a", [slice(1)], [[0], [0, 1]], 0.5, [0.0], Readable("a")):
        with pytest.raises(OperationError, match="getitem"):
            x[index]


@pytest.mark.parametrize(
    "call, parameter, other",
    [
        (lambda x, p: x[p], [0, 0, 2], [1, 1, 1]),
        (lambda x, p: x[:, p], [0, 0, 2], [1, 1, 1]),
        (lambda x, p: x[p], np.array([0, 0, 2]), 1),
        (lambda x, p: x[p, 1:], np.array([0, 0, 2]), 1),
        (lambda x, p: x[p], np.array([True, False, True]), False),
        (lambda x, p: x[p], array.array("q", [0, 0, 2]), array.array("q", [1, 1, 1])),
        (lambda x, p: ops.cross_entropy(x, labels=p), np.array([0, 2, 1]), 0),
        (lambda x, p: ops.cross_entropy(x, labels=p), [0, 2, 1], [0, 0, 0]),
        (lambda x, p: ops.margin(x, labels=p), np.array([0, 2, 1]), 0),
        (lambda x, p: ops.clip(x, p, 10.0), np.array([0.0, 0.5, 9.0]), -1.0),
        (lambda x, p: x**p, np.array([1.0, 2.0, 3.0]), 0.0),
        (lambda x, p: ops.reshape(x, shape=p), np.array([9, 1]), 1),
        (lambda x, p: ops.transpose(x, axes=p), np.array([1, 0]), 0),
    ],
)
def test_the_caller_may_change_it_between_the_two_ways(call, parameter, other):
    x = Tensor(np.arange(9.0).reshape(3, 3), requires_grad=True)
    y = call(x, parameter)
    g = 1.0 + np.arange(y.size).reshape(y.shape)
    for composed in (False, True):
        want = sd.grad(call(x, parameter), [x], g, create_graph=composed)[0].data
        before = parameter[:] if not isinstance(parameter, np.ndarray) else parameter.copy()
        parameter[:] = other
        np.testing.assert_array_equal(sd.grad(y, [x], g, create_graph=composed)[0].data, want)
        parameter[:] = before


def test_a_plan_reads_an_array_where_it_lies_on_both_ways():
    place = np.array([0, 0, 2])

    def step(x):
        t = Tensor(x, requires_grad=True)
        return sd.grad(ops.sum(ops.square(t[place])), [t])[0]

    plan, x = Plan(step), np.arange(1.0, 4.0)
    for index in ([0, 0, 2], [1, 1, 1], [2, 0, 2], [0, 1, 2]):
        place[:] = index
        np.testing.assert_array_equal(plan(x), step(x).data)
