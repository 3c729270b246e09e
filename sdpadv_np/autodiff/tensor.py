"""Tensor: an array and its history.

One slotted object per result. The result of an operation keeps the operation, its inputs and its parameters, and
nothing points the other way: when the last result is dropped, the whole graph is freed at once, without the cycle
collector. ``seq`` numbers Tensors in the order of their creation, copies and unpickled ones included. Inputs exist
before outputs, so this order is topological, and the backward pass (engine.py) needs no recursion, only a sort.

The operators (``+``, ``@``, ...) and ``backward`` are attached to the class in ops.py.
"""
from __future__ import annotations

import contextlib
import copy
import itertools
import operator
import threading
from typing import Any

import numpy as np

from .. import xp
from ..errors import ArgumentError

next_seq = itertools.count().__next__


class _State(threading.local):
    """Settings of each thread: whether operations are recorded, and the listeners."""

    recording = True
    hooks: tuple = ()


state = _State()


@contextlib.contextmanager
def _set(name: str, value):
    """Within this block the setting has this value."""
    before = getattr(state, name)
    setattr(state, name, value)
    try:
        yield
    finally:
        setattr(state, name, before)


def no_grad():
    """Within this block (of this thread) operations are not recorded.

    >>> import numpy as np, sdpadv_np as sd
    >>> x = sd.Tensor(np.ones(2, np.float32), requires_grad=True)
    >>> with sd.no_grad():
    ...     (x * 2).requires_grad
    False
    """
    return _set("recording", False)


def enable_grad():
    """The counterpart of no_grad, for functions that differentiate internally, also within a caller's no_grad."""
    return _set("recording", True)


def hooks(*listeners):
    """Within this block, ``listeners`` are called for every operation.

    A listener may have ``forward(tensor)``, called after each recorded or unrecorded operation
    on Tensors, and ``backward(tensor, index, contribution)``, called with each single
    contribution to the gradient of ``tensor.inputs[index]``, before it is summed.
    """
    return _set("hooks", state.hooks + listeners)


def _comparison(compare):
    return lambda self, other: compare(self.data, raw(other))


class Tensor:
    """An array whose operations are recorded for differentiation.

    Parameters
    ----------
    array : array_like
        NumPy or CuPy array (kept, not copied), DLPack, or numbers (floats become float32).
    requires_grad : bool
        Whether derivatives with respect to it are computed; float32 and float64 only.
    name : str, optional
        Shown in messages and figures.

    Arrays used beside Tensors (in ``t * array``) are kept, not copied: do not change them before the gradients are
    computed. Parameters (indices, labels, limits) are copied and may be changed at once.

    >>> import numpy as np, sdpadv_np as sd
    >>> x = sd.Tensor(np.array([1., 2., 3.]), requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4., 6.])
    """

    __slots__ = ("data", "grad", "requires_grad", "op", "inputs", "params", "saved", "seq", "name", "site")
    __array_ufunc__ = None  # ndarray * Tensor calls Tensor.__rmul__, not once per element

    def __init__(self, array, requires_grad: bool = False, name: str | None = None):
        if isinstance(array, Tensor):
            raise ArgumentError("Tensor of a Tensor; use t.detach(), or t itself")
        self.data = xp.as_array(array)
        if (dtype := self.data.dtype) not in xp.FLOATS:
            if dtype.kind not in "fiub" or dtype == np.float16:
                raise ArgumentError(f"Tensor: dtype {dtype} is not supported; use float32 or float64")
            if requires_grad:
                raise ArgumentError(f"Tensor: requires_grad=True needs float32 or float64, got {dtype}; "
                                    "convert with array.astype(np.float32)")
        self.grad = None
        self.requires_grad = requires_grad
        self.op: Any = None
        self.inputs: tuple = ()
        self.params: dict[str, Any] = {}
        self.saved = None
        self.seq = next_seq()
        self.name = name
        self.site: Any = None

    shape = property(lambda self: self.data.shape)
    dtype = property(lambda self: self.data.dtype)
    ndim = property(lambda self: self.data.ndim)
    size = property(lambda self: self.data.size)

    def detach(self) -> Tensor:
        """The same array, without its history."""
        return Tensor(self.data, name=self.name)

    def item(self) -> float:
        """The one element as a Python number."""
        return self.data.item()

    def where(self) -> str:
        """``file:line`` of the code outside the engine that created this Tensor."""
        if self.site is None:
            return "an input"
        if isinstance(self.site, str):  # of another process
            return self.site
        code, instruction = self.site
        for start, end, line in code.co_lines():
            if start <= instruction < end:
                return f"{code.co_filename}:{line}"
        return f"{code.co_filename}:{code.co_firstlineno}"

    def __repr__(self):
        op = f", op={self.op.name}" if self.op is not None else ""
        name = f", name={self.name!r}" if self.name else ""
        leaf = ", requires_grad=True" if self.requires_grad and self.op is None else ""
        values = np.array2string(xp.to_numpy(self.data), threshold=20, precision=5)
        return f"Tensor({values}, dtype={self.dtype}{op}{name}{leaf})"

    def __copy__(self):
        """Another Tensor with the same array and history."""
        return _copy(self, self.data, self.inputs)

    def __deepcopy__(self, memo):
        """A Tensor with an array of its own; its history is copied too, without recursion, so at any length."""
        for t in _history(self, memo):
            inputs = tuple(memo.get(id(i), i) for i in t.inputs)
            memo[id(t)] = _copy(t, copy.deepcopy(t.data, memo), inputs)
        return memo[id(self)]

    def __reduce__(self):
        site = None if self.site is None else self.where()
        return _unpickled, (
            self.data, self.grad, self.requires_grad, self.op, self.inputs, self.params, self.saved, self.name, site)

    def __len__(self):
        return len(self.data)

    def __iter__(self):
        if not self.ndim:
            raise TypeError("a Tensor without axes cannot be iterated over; its number is t.item()")
        return (self[row] for row in range(len(self)))  # type: ignore[index]

    def __array__(self, *_, **__):
        raise TypeError("a Tensor cannot become an array without losing its history; use t.data or t.detach()")

    def __array_function__(self, function, *_):
        name = f"np.{function.__name__}"
        raise TypeError(f"{name} of a Tensor is not recorded; use sd.ops (sd.ops.sum(t), t.sum(), ...), "
                        f"or {name}(t.data) for the array alone")

    __float__ = item
    __hash__ = object.__hash__

    def __bool__(self):
        raise TypeError("the truth of a Tensor is not differentiable; compare t.data (an array) instead")

    def __eq__(self, other):
        raise TypeError("Tensor == is ambiguous; compare t.data (arrays), or use `a is b`")

    __ne__ = __eq__

    # Comparisons give plain boolean arrays: a mask has no derivative.
    __gt__ = _comparison(operator.gt)
    __ge__ = _comparison(operator.ge)
    __lt__ = _comparison(operator.lt)
    __le__ = _comparison(operator.le)

    def _refuse_in_place(self, *_):
        raise TypeError(
            "a Tensor cannot be changed in place, its history would be wrong; "
            "write t = t + other, or change t.data between steps"
        )

    __iadd__ = __isub__ = __imul__ = __itruediv__ = __ipow__ = __imatmul__ = __setitem__ = _refuse_in_place


def _history(tensor: Tensor, known) -> list[Tensor]:
    """``tensor`` and its ancestors whose ids are not ``known``, in order of creation."""
    found, stack = {}, [tensor]
    while stack:
        t = stack.pop()
        if type(t) is Tensor and id(t) not in known and id(t) not in found:
            found[id(t)] = t
            stack.extend(t.inputs)
    return sorted(found.values(), key=lambda t: t.seq)


def _unpickled(data, grad, requires_grad, op, inputs, params, saved, name, site) -> Tensor:
    t = Tensor.__new__(Tensor)
    t.data, t.grad, t.requires_grad, t.op, t.inputs = data, grad, requires_grad, op, inputs
    t.params, t.saved, t.name, t.site = params, saved, name, site
    t.seq = next_seq()
    return t


def _copy(t: Tensor, data, inputs) -> Tensor:
    grad = None if t.grad is None else t.grad.copy()
    return _unpickled(data, grad, t.requires_grad, t.op, inputs, t.params, t.saved, t.name, t.site)


def raw(value):
    """The array of a Tensor, or ``value`` itself: for masks and shapes in rules."""
    return value.data if type(value) is Tensor else value
