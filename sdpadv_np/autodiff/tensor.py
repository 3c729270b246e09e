"""Tensor: an array, and how it came to be.

One slotted object per result. A Tensor that came out of an operation keeps the operation, its
inputs and its parameters, and nothing points the other way: when the last result is dropped, the
whole graph goes with it at once, and nothing is left for the cycle collector. ``seq`` counts
Tensors in the order of their making, copies and those out of a pickle included. Inputs exist before outputs, so this order is a topological
order, and the backward pass (engine.py) needs no recursion and no graph search beyond a sort.

The operators (``+``, ``@``, ...) and ``backward`` are attached to the class in ops.py, where the operations are defined.
"""
from __future__ import annotations

import contextlib
import copy
import itertools
import threading

import numpy as np

from .. import xp
from ..errors import ArgumentError

next_seq = itertools.count().__next__


class _State(threading.local):
    """What each thread decides for itself: whether to record, and who listens."""

    recording = True
    hooks = ()


state = _State()


@contextlib.contextmanager
def no_grad():
    """Within this block (of this thread) operations are not recorded.

    >>> import numpy as np, sdpadv_np as sd
    >>> x = sd.Tensor(np.ones(2, np.float32), requires_grad=True)
    >>> with sd.no_grad():
    ...     (x * 2).requires_grad
    False
    """
    before, state.recording = state.recording, False
    try:
        yield
    finally:
        state.recording = before


@contextlib.contextmanager
def enable_grad():
    """no_grad's counterpart: what differentiates for itself records here, whatever the caller does with his own operations."""
    before, state.recording = state.recording, True
    try:
        yield
    finally:
        state.recording = before


@contextlib.contextmanager
def hooks(*listeners):
    """Within this block, tell ``listeners`` of every operation.

    A listener may have ``forward(tensor)``, called after each recorded or unrecorded operation
    on Tensors, and ``backward(tensor, index, contribution)``, called with each single
    contribution to the gradient of ``tensor.inputs[index]``, before it is summed.
    """
    before, state.hooks = state.hooks, state.hooks + listeners
    try:
        yield
    finally:
        state.hooks = before


class Tensor:
    """An array whose operations are recorded, so that it can be differentiated.

    Parameters
    ----------
    array : array_like
        NumPy or CuPy array (kept, not copied), DLPack, or numbers (floats become float32).
    requires_grad : bool
        Whether derivatives with respect to it are wanted; float32 and float64 only.
    name : str, optional
        Shown in messages and pictures.

    Arrays beside Tensors (in ``t * array``) are kept like a Tensor's own: leave them as they are until the gradients
    are taken. Parameters (indices, labels, limits) are copied and may be changed at once.

    >>> import numpy as np, sdpadv_np as sd
    >>> x = sd.Tensor(np.array([1., 2., 3.]), requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4., 6.])
    """

    __slots__ = ("data", "grad", "requires_grad", "op", "inputs", "params", "saved", "seq", "name", "site")
    __array_ufunc__ = None  # so that ndarray * Tensor comes to Tensor.__rmul__, not element by element

    def __init__(self, array, requires_grad: bool = False, name: str | None = None):
        if isinstance(array, Tensor):
            raise ArgumentError("Tensor of a Tensor; use t.detach(), or t itself")
        self.data = xp.as_array(array)
        if (dtype := self.data.dtype) not in xp.FLOATS:
            if dtype.kind not in "fiub" or dtype == np.float16:
                raise ArgumentError(f"Tensor: dtype {dtype} is not supported; use float32 or float64")
            if requires_grad:
                raise ArgumentError(f"Tensor: requires_grad=True needs float32 or float64, got {dtype}; convert with array.astype(np.float32)")
        self.grad = None
        self.requires_grad = requires_grad
        self.op = None
        self.inputs = ()
        self.params = {}
        self.saved = None
        self.seq = next_seq()
        self.name = name
        self.site = None

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
        """``file:line`` of the code outside the engine that made this Tensor."""
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
        made = f", op={self.op.name}" if self.op is not None else ""
        name = f", name={self.name!r}" if self.name else ""
        wants = ", requires_grad=True" if self.requires_grad and self.op is None else ""
        return f"Tensor({np.array2string(xp.to_numpy(self.data), threshold=20, precision=5)}, dtype={self.dtype}{made}{name}{wants})"

    def __copy__(self):
        """Another Tensor with the same array and history."""
        return _copy(self, self.data, self.inputs)

    def __deepcopy__(self, memo):
        """A Tensor with an array of its own; its whole history is copied too, without recursion, so that however long it is it can be."""
        for t in _history(self, memo):
            memo[id(t)] = _copy(t, copy.deepcopy(t.data, memo), tuple(memo.get(id(i), i) for i in t.inputs))
        return memo[id(self)]

    def __reduce__(self):
        site = None if self.site is None else self.where()
        return _unpickled, (self.data, self.grad, self.requires_grad, self.op, self.inputs, self.params, self.saved, self.name, site)

    def __len__(self):
        return len(self.data)

    def __iter__(self):
        if not self.ndim:
            raise TypeError("a Tensor without axes cannot be iterated over; its number is t.item()")
        return (self[row] for row in range(len(self)))

    def __array__(self, *_, **__):
        raise TypeError("a Tensor is no array, and as one it would lose its history; take the array within, t.data, or t.detach()")

    def __array_function__(self, function, *_):
        raise TypeError(f"np.{function.__name__} of a Tensor is not recorded; use sd.ops (sd.ops.sum(t), t.sum(), ...), or np.{function.__name__}(t.data) for the array alone")

    __float__ = item
    __hash__ = object.__hash__

    def __bool__(self):
        raise TypeError("the truth of a Tensor is not differentiable; compare t.data (an array) instead")

    def __eq__(self, other):
        raise TypeError("Tensor == is ambiguous; compare t.data (arrays), or use `a is b`")

    __ne__ = __eq__

    # Comparisons give plain boolean arrays: a mask has no derivative.
    def __gt__(self, other):
        return self.data > raw(other)

    def __ge__(self, other):
        return self.data >= raw(other)

    def __lt__(self, other):
        return self.data < raw(other)

    def __le__(self, other):
        return self.data <= raw(other)

    def _refuse_in_place(self, *_):
        raise TypeError(
            "a Tensor cannot be changed in place, its history would be wrong; "
            "write t = t + other, or change t.data between steps"
        )

    __iadd__ = __isub__ = __imul__ = __itruediv__ = __ipow__ = __imatmul__ = __setitem__ = _refuse_in_place


def _history(tensor: Tensor, known) -> list[Tensor]:
    """``tensor`` and all that it was made of, but for what is ``known`` by its id; first made first."""
    found, stack = {}, [tensor]
    while stack:
        t = stack.pop()
        if type(t) is Tensor and id(t) not in known and id(t) not in found:
            found[id(t)] = t
            stack.extend(t.inputs)
    return sorted(found.values(), key=lambda t: t.seq)


def _unpickled(data, grad, requires_grad, op, inputs, params, saved, name, site) -> Tensor:
    t = Tensor.__new__(Tensor)
    t.data, t.grad, t.requires_grad, t.op, t.inputs, t.params, t.saved, t.name, t.site = data, grad, requires_grad, op, inputs, params, saved, name, site
    t.seq = next_seq()
    return t


def _copy(t: Tensor, data, inputs) -> Tensor:
    grad = None if t.grad is None else t.grad.copy()
    return _unpickled(data, grad, t.requires_grad, t.op, inputs, t.params, t.saved, t.name, t.site)


def raw(value):
    """The array within a Tensor, or ``value`` itself: for masks and shapes in rules."""
    return value.data if type(value) is Tensor else value
