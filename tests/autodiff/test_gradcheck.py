"""The checker itself: it must find what is wrong, and say where."""
import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import ops
from sdpadv_np.autodiff.registry import Op, caller
from sdpadv_np.errors import ArgumentError


def test_names_the_worst_element():
    def wrong(x):
        return ops.where(np.array([False, False, True]), x.detach() * x, x * x)  # the last element's gradient is halved

    with pytest.raises(
        sd.GradcheckError, match=r"order 1: argument 0, element \(2,\): analytic .* numeric .*the rule is wrong",
    ):
        sd.gradcheck(wrong, np.array([1.0, 2.0, 3.0]))


def test_says_when_a_kink_is_near():
    with pytest.raises(sd.GradcheckError, match="near a kink .*use one side's derivative"):
        sd.gradcheck(ops.relu, np.array([1.0, 0.0]))


def test_a_nan_is_a_failure():
    with pytest.raises(sd.GradcheckError):
        sd.gradcheck(lambda x: x * np.nan, np.array([1.0]))


def test_finds_a_rule_that_is_right_once_and_wrong_twice():
    def detached(x):
        return ops.exp(x) if not x.requires_grad else ops.exp(x.detach()) * (x - x.detach()) + ops.exp(x.detach())

    sd.gradcheck(detached, np.array([0.3]))
    with pytest.raises(sd.GradcheckError, match="order 2"):
        sd.gradcheck(detached, np.array([0.3]), order=2)


def test_wants_float64():
    with pytest.raises(ArgumentError, match="float64"):
        sd.gradcheck(ops.exp, np.ones(2, np.float32))


def test_does_not_change_its_arguments():
    x = np.array([0.5, 1.5])
    sd.gradcheck(lambda t: t * t, x, order=2)
    np.testing.assert_array_equal(x, [0.5, 1.5])


def test_records_also_where_nobody_else_does():
    with sd.no_grad():
        sd.gradcheck(lambda t: t * t, np.array([0.5, 1.5]), order=2)
        assert not (sd.Tensor(np.ones(2), requires_grad=True) * 2).requires_grad  # but only for itself


def test_arrays_of_the_rules_can_be_written_to_afterwards():
    kept = np.array([2.0, 3.0])

    def rule(g, y, x):
        return g * np.ones(2) if isinstance(g, sd.Tensor) else np.multiply(g, 1.0, out=kept)

    sd.gradcheck(caller(Op("total", lambda x: x.sum() + np.zeros(()), (rule,), "", None, ())), np.array([0.5, 1.5]))
    assert kept.flags.writeable
