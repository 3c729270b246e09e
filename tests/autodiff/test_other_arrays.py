"""Arrays of another module: the sampling rules, to second order, on arrays that refuse to be mixed with NumPy's.

The stand-in behaves as CuPy does where the two differ: it has its own asarray, arange, zeros and
bincount, and a plain NumPy array in one of its calls is an error.
"""
import sys
import types

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import Tensor, ops
from sdpadv_np.kernels import affine_sample, flow_sample


class Array(np.ndarray):
    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **options):
        return self._own(getattr(ufunc, method), inputs, options | ({"out": out} if out else {}))

    def __array_function__(self, function, _, inputs, options):
        return self._own(function, inputs, options)

    @staticmethod
    def _own(function, inputs, options):
        result = function(*map(_bare, inputs), **{k: _bare(v) for k, v in options.items()})
        return _dressed(result)


def _bare(value):
    if isinstance(value, Array):
        return value.view(np.ndarray)
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError("a NumPy array among those of the other module")
    return type(value)(map(_bare, value)) if isinstance(value, (list, tuple)) else value


def _dressed(value):
    if isinstance(value, tuple):
        return tuple(map(_dressed, value))
    return np.asarray(value).view(Array) if isinstance(value, (np.ndarray, np.generic)) else value


@pytest.fixture
def other(monkeypatch):
    module = types.ModuleType("cupy")
    module.ndarray = Array
    for name in ("arange", "zeros", "ones_like", "zeros_like", "asarray", "array"):
        setattr(module, name, lambda *a, function=getattr(np, name), **o: _dressed(function(*(x.view(np.ndarray) if isinstance(x, Array) else x for x in a), **o)))
    module.bincount = lambda *a, **o: Array._own(np.bincount, a, o)
    monkeypatch.setitem(sys.modules, "cupy", module)
    for kernel in (affine_sample, flow_sample):  # only the definition takes them here
        monkeypatch.setattr(kernel._choose, "loaded", {})
        monkeypatch.setattr(kernel._choose, "missing", {"cuda": "no device", "numba-cuda": "no device"})
    return _dressed


CALLS = {
    "affine_sample": lambda a, b: ops.affine_sample(a, b, convention="half_pixel"),
    "affine_sample to another size": lambda a, b: ops.affine_sample(a, b, convention="tf_reference", size=(3, 5)),
    "flow_sample": ops.flow_sample,
}


@pytest.mark.filterwarnings("ignore:.*kernels cannot run here")
@pytest.mark.parametrize("name", CALLS)
def test_two_orders_of_gradients(name, other, rng):
    x = rng.standard_normal((2, 2, 4, 3))
    moved = rng.uniform(-0.4, 0.4, (2, 2, 4, 3)) if name == "flow_sample" else np.eye(2, 3) + rng.uniform(-0.4, 0.4, (2, 2, 3))

    def two_orders(dress):
        a, b = Tensor(dress(x), requires_grad=True), Tensor(dress(moved), requires_grad=True)
        y = CALLS[name](a, b)
        plain = sd.grad((y * y).sum(), [a, b])
        first = sd.grad((CALLS[name](a, b) ** 2).sum(), [a, b], create_graph=True)
        second = sd.grad((first[0] ** 2).sum() + (first[1] ** 2).sum(), [a, b])
        return [y, *plain, *first, *second]

    got = two_orders(other)
    assert all(isinstance(t.data, Array) for t in got)
    sys.modules.pop("cupy")
    for ours, theirs in zip(got, two_orders(lambda a: a)):
        np.testing.assert_allclose(ours.data.view(np.ndarray), theirs.data, rtol=1e-10, atol=1e-10)
