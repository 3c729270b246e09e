"""float32 stays float32 and float64 float64; nothing else that has a derivative comes out of an operation."""
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import Tensor, ops
from sdpadv_np.errors import ArgumentError, GraphError, OperationError

LONG = np.longdouble if np.dtype(np.longdouble) != np.float64 else np.complex128  # where a long double is no longer
WIDER = [
    LONG(2), np.array([2, 3], LONG), 1j, np.complex64(1), np.array([1j, 2]), Fraction(1, 2), Decimal(2),
    np.array([1, None]),
]


@pytest.mark.parametrize("dtype", (np.float32, np.float64))
@pytest.mark.parametrize("number", range(len(WIDER)))
def test_other_numbers_are_refused(number, dtype):
    x = Tensor(np.ones(2, dtype), requires_grad=True)
    for call in (
        lambda: x * WIDER[number], lambda: WIDER[number] + x, lambda: ops.maximum(x, WIDER[number]),
        lambda: ops.clip(x, WIDER[number], 1.0),
    ):
        try:
            y = call()
        except (OperationError, TypeError):
            continue
        assert y.dtype == dtype  # a number among the parameters is Python's


def test_the_message_says_which():
    x = Tensor(np.ones(2, np.float32))
    with pytest.raises(
        OperationError,
        match=r"float32 mixed with a wider operand would silently become complex64; convert it to real numbers",
    ):
        x * 1j
    with pytest.raises(OperationError, match="the result would be complex128"):
        Tensor(np.arange(2)) * 1j
    assert (Tensor(np.arange(2)) * 0.5).dtype == np.float64  # there was no float before


@pytest.mark.parametrize("seed", ([1j, 1j], np.ones(2, np.complex64), np.array([1, None]), ["a", "b"]))
def test_a_gradient_to_begin_with_is_real(seed):
    x = Tensor(np.ones(2), requires_grad=True)
    with pytest.raises(GraphError, match="give real numbers, such as float64"):
        sd.grad(x * 2, [x], seed)
    with pytest.raises(GraphError, match="give real numbers"):
        (x * 2).backward(seed)


@pytest.mark.parametrize(
    "kind", (np.float64, np.longdouble, lambda v: np.array(v), lambda v: np.array(v, np.longdouble)),
)
@pytest.mark.parametrize(
    "call",
    [
        lambda x, n: ops.leaky_relu(x, slope=n(0.2)), lambda x, n: ops.clip(x, n(0.1), n(0.6)),
        lambda x, n: ops.power(x, exponent=n(2.0)), lambda x, n: ops.perturb(x, x, eps=n(0.25)),
        lambda x, n: sd.losses.eta_penalty(x, n(0.5)), lambda x, n: sd.losses.least_squares(x, n(0.5)),
        lambda x, n: sd.losses.adversarial(x, np.array([0, 1]), kappa=n(0.5)),
    ],
)
def test_a_number_without_axes_has_no_say(call, kind):
    x = np.full((2, 3), 0.5, np.float32)
    want = call(x, float)
    for given in (x, Tensor(x, requires_grad=True)):
        y = call(given, kind)
        y = y.data if isinstance(y, Tensor) else y
        assert y.dtype == np.float32
        np.testing.assert_array_equal(y, want)


@pytest.mark.parametrize("dtype", (None, "nope", int, np.float16, np.longdouble, complex, "O", ">f4", [], 3))
def test_weights_are_of_either_kind(dtype):
    with pytest.raises(ArgumentError, match="dtype is .*; choose np.float32 or np.float64"):
        sd.models.ModelB(dtype=dtype)


def test_weights_are_of_the_kind_that_was_said():
    for dtype in ("float32", np.dtype("f8"), float):
        assert sd.models.ModelB(dtype=dtype).dtype == dtype
