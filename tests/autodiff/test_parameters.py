"""What is no operand: numbers of any kind are taken and kept as Python's; what cannot be differentiated is refused, and
each cause has its own remedy.
"""
import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import Tensor, ops
from sdpadv_np.errors import OperationError


def tensor(*shape, dtype=np.float32):
    return Tensor(np.full(shape, 0.5, dtype), requires_grad=True)


@pytest.mark.parametrize(
    "call",
    [
        lambda x, n: ops.sum(x, axis=n(1)), lambda x, n: ops.max(x, axis=n(-1)),
        lambda x, n: ops.mean(x, axis=(n(0), 1)), lambda x, n: ops.transpose(x, axes=(n(1), n(0))),
        lambda x, n: ops.swapaxes(x, n(0), n(1)), lambda x, n: ops.reshape(x, shape=(n(6),)),
        lambda x, n: x.reshape(n(3), n(2)), lambda x, n: x[n(1)], lambda x, n: x[:, n(-1)],
        lambda x, n: ops.concatenate(x, x, axis=n(1)), lambda x, n: ops.broadcast_to(x, shape=(n(2), n(2), n(3))),
        lambda x, n: ops.reflect_pad(x, width=n(1)), lambda x, n: x ** n(2),
        lambda x, n: ops.conv2d(
            x.reshape(1, 1, 2, 3), np.ones((1, 1, 1, 1), np.float32), stride=n(1), padding=((n(0), 0), (0, n(0))),
        ),
    ],
)
def test_whole_numbers_of_any_kind_there_and_back(call):
    x = tensor(2, 3)
    expected = call(x, int)
    g = np.ones_like(expected.data)
    for kind in (np.int64, np.int16):
        y = call(x, kind)
        np.testing.assert_array_equal(y.data, expected.data)
        for composed in (False, True):
            np.testing.assert_array_equal(
                sd.grad(y, [x], g, create_graph=composed)[0].data, sd.grad(expected, [x], g)[0].data,
            )


@pytest.mark.parametrize("kind", (np.float64, np.float32))
@pytest.mark.parametrize(
    "call",
    [
        lambda x, n: ops.clip(x, n(0.25), n(1.0)), lambda x, n: ops.leaky_relu(x, slope=n(0.25)),
        lambda x, n: x ** n(0.5), lambda x, n: ops.perturb(x, x.data, eps=n(0.25)),
    ],
)
def test_real_numbers_of_any_kind_leave_float32_alone(call, kind):
    x = tensor(3)
    y = call(x, kind)
    (g,) = sd.grad(y, [x], np.ones(3, np.float32))
    assert y.dtype == g.dtype == np.float32
    np.testing.assert_array_equal(y.data, call(x, float).data)
    assert all(type(value) is float for value in y.params.values())


def test_a_list_may_change_between_the_two_ways():
    x, axes, shape = tensor(2, 3, 4), [1, 2, 0], [6, 4]
    y, z = ops.transpose(x, axes=axes), ops.reshape(x, shape=shape)
    axes.reverse(), shape.clear()
    assert [g.shape for t in (y, z) for g in sd.grad(t, [x], np.ones(t.shape))] == [(2, 3, 4)] * 2


REMEDIES = [  # call, what is said at the end
    (lambda x: ops.clip(x, tensor(3), 1.0), "low must be a number or an array, not a Tensor .*: use maximum$"),
    (lambda x: ops.clip(x, 0.0, high=tensor(3)), "high must be .*: use minimum$"),
    (lambda x: ops.clip(x.data, 0.0, high=tensor(3)), "high must be .*: use minimum$"),
    (lambda x: ops.leaky_relu(x, slope=tensor()), r"slope must be .*: use where\(x.data > 0, x, slope \* x\)$"),
    (lambda x: x ** tensor(3), r"exponent must be .*: use exp\(exponent \* log\(x\)\)$"),
    (lambda x: ops.perturb(x, x, eps=tensor()), "eps must be .*: limit eta with minimum and maximum instead$"),
    (lambda x: ops.margin(x.reshape(1, 3), labels=Tensor(np.array([1]))), r"labels must be .*: pass labels\.data$"),
    (lambda x: x[Tensor(np.array([1]))], r"index must be .*: pass index\.data$"),
    (lambda x: x.reshape(1, 3)[0, Tensor(np.array([1]))], r"index must be .*: pass index\.data$"),
    (lambda x: ops.sum(x, axis=Tensor(np.array(1))), r"axis must be .*: pass axis\.data$"),
    (lambda x: ops.sum(x, axis=1), "axis 1 is out of bounds .*; axes are counted from 0, or back from the last as -1$"),
    (lambda x: ops.max(tensor(), axis=1), "axes are counted from 0, or back from the last as -1$"),
    (lambda x: ops.swapaxes(x), "axes are counted from 0, or back from the last as -1$"),
    (lambda x: x + np.ones(2, np.float32), "shapes must be equal, or 1, counted from the right$"),
    (lambda x: x * np.ones(3), r"use \.astype\(np\.float32\)$"),
    (lambda x: x * "two", "[^t]$"),
    (lambda x: x[7], "out of bounds for axis 0 with size 3$"),
    (lambda x: ops.max(tensor(0)), "which has no identity$"),
    (
        lambda x: ops.concatenate(tensor(2, 3), np.zeros(0, np.float32)),
        r"an empty one is np.empty\(\(0, ...\)\), not np.empty\(0\)\)$",
    ),
]


@pytest.mark.parametrize("number", range(len(REMEDIES)))
def test_each_cause_has_its_own_remedy(number):
    call, message = REMEDIES[number]
    with pytest.raises(OperationError, match=message) as caught:
        call(tensor(3))
    assert "make the shapes agree" not in str(caught.value)
    assert ("shapes must be equal" in str(caught.value)) == ("shapes must be equal" in message)


def test_one_operand_too_many_is_not_taken_for_the_results_place():
    x, y = np.ones(2), np.zeros(2)
    for call in (
        lambda: ops.exp(x, y), lambda: ops.exp(Tensor(x), Tensor(y)), lambda: ops.add(x, x, y), lambda: ops.add(x),
    ):
        with pytest.raises(TypeError, match="operands?, got"):
            call()
    np.testing.assert_array_equal(y, 0)


@pytest.mark.parametrize(
    "call, numpys",
    [
        (lambda x: x.reshape([3, 2]), lambda x: x.reshape([3, 2])),
        (lambda x: x.reshape(np.array([3, -1])), lambda x: x.reshape(3, -1)),
        (lambda x: x.reshape(6), lambda x: x.reshape(6)),
        (lambda x: x[:1, :1].reshape(), lambda x: x[0, 0]),
        (lambda x: ops.transpose(x.reshape(6), axes=0), lambda x: x.reshape(6)),
        (lambda x: ops.transpose(x, axes=np.array([1, 0])), lambda x: x.T),
        (lambda x: ops.sum_to(x.reshape(6), shape=1), lambda x: x.sum(keepdims=True)[0]),
        (lambda x: ops.sum_to(x, shape=[2, 1]), lambda x: x.sum(1, keepdims=True)),
        (lambda x: ops.broadcast_to(x.reshape(6), shape=6), lambda x: x.reshape(6)),
        (lambda x: ops.sum(x, axis=np.array([0])), lambda x: x.sum(0)),
        (lambda x: ops.max(x, axis=[1, 0]), lambda x: x.max()),
        (lambda x: ops.clip(x, None, 0.7), lambda x: np.clip(x, None, 0.7)),
        (lambda x: ops.clip(x, low=0.7, high=None), lambda x: np.clip(x, 0.7, None)),
        (lambda x: x ** np.array([True, False, True]), lambda x: x ** np.array([True, False, True])),
        (lambda x: x**True, lambda x: x), (lambda x: x**False, np.ones_like),
        (lambda x: ops.cross_entropy(x, labels=[0, 2]), lambda x: ops.cross_entropy(x, labels=np.array([0, 2]))),
    ],
)
def test_what_numpy_takes_is_taken_there_and_back(call, numpys):
    x = np.array([[0.3, 0.9, 0.5], [0.6, 0.2, 0.8]])
    y = call(Tensor(x, requires_grad=True))
    np.testing.assert_array_equal(y.data, numpys(x))
    sd.gradcheck(call, x)


def test_wrong_numbers_of_arguments_are_refused_at_the_call():
    x = tensor(3)
    with pytest.raises(TypeError, match="concatenate takes one operand or more, got none"):
        ops.concatenate()
    with pytest.raises(TypeError, match="sum takes 1 operand and axis, keepdims, got 4 arguments"):
        ops.sum(x, 0, True, 5)
