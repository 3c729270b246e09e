"""A Tensor in the hands of somebody who takes it for an array."""
import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import Tensor


def test_numpy_s_functions_on_a_tensor_say_what_to_write_instead():
    t = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    for wrong in (
        lambda: np.asarray(t), lambda: np.array([t, t]), lambda: np.asarray(t, np.float32),
        lambda: sd.attacks.FGSM(sd.models.ModelB())(t),
    ):
        with pytest.raises(TypeError, match=r"t.data"):
            wrong()
    for name in ("sum", "where", "concatenate"):
        with pytest.raises(
            TypeError, match=rf"np.{name} of a Tensor is not recorded; use sd.ops .*np.{name}\(t.data\)",
        ):
            getattr(np, name)(*{"where": (t.data > 1, t, 0.0), "concatenate": ([t, t],)}.get(name, (t,)))


def test_a_tensor_is_iterated_over_row_by_row():
    t = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    first, second = t
    (first * second).sum().backward()
    np.testing.assert_array_equal(t.grad, t.data[::-1])
    assert len(list(t)) == 2
    with pytest.raises(TypeError, match=r"its number is t.item\(\)"):
        list(t.sum())
