"""Arrays that stand in for others while a step is recorded: see the note in recorder.py."""
from __future__ import annotations

import operator

from numpy.lib.mixins import NDArrayOperatorsMixin

from .. import xp
from ..errors import PlanError


class Memory:
    """The block of memory behind a buffer; given back to ``free`` when nobody sees it any more."""

    __slots__ = ("block", "array", "free")

    def __init__(self, block, array, free):
        self.block, self.array, self.free = block, array, free

    def __del__(self):
        if getattr(self, "free", None) is not None:  # an interruption may come before there is one
            self.free.setdefault(self.block.nbytes, []).append(self.block)


class Recorded(NDArrayOperatorsMixin):
    """Stands in for ``array`` while a plan is recorded; ``memory`` is its buffer's, None for the caller's own arrays."""

    __slots__ = ("array", "memory", "recorder")
    module = property(lambda self: Module(self.recorder, xp.array_module(self.array)))  # what xp.array_module tells of it

    def __init__(self, array, memory, recorder):
        self.array, self.memory, self.recorder = array, memory, recorder

    shape = property(lambda self: self.array.shape)
    dtype = property(lambda self: self.array.dtype)
    ndim = property(lambda self: self.array.ndim)
    size = property(lambda self: self.array.size)
    base = property(lambda self: None if self.memory is not None and self.memory.array is self.array else self.array.base)
    T = property(lambda self: self.transpose())

    def __len__(self):
        return len(self.array)

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        return self.recorder.ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function, types, args, kwargs):
        return self.recorder.function(function, args, kwargs)

    def _method(name):
        def method(self, *args, **kwargs):
            return self.recorder.function(getattr(type(self.array), name), (self, *args), kwargs)

        return method

    for _name in ("argmax", "argmin", "astype", "copy", "max", "mean", "min", "ravel", "reshape", "sum", "swapaxes", "transpose", "__getitem__"):
        locals()[_name] = _method(_name)
    del _method, _name

    def __pow__(self, exponent):
        return self.recorder.function(operator.pow, (self, exponent), {})  # arrays have ways of their own for squares and roots

    def __setitem__(self, index, value):
        self.recorder.write(_set, (self, index, value), (0,))

    def _refuse(self, *_, **__):
        raise PlanError("a recorded step asks for a number (item, float, bool, if): it would be frozen; keep it an array, or compute it outside the step")

    item = tolist = tobytes = __float__ = __int__ = __bool__ = __index__ = __array__ = __iter__ = _refuse


def _set(array, index, value):
    array[index] = value


def bare(value):
    """``value`` with real arrays in place of Recorded ones, also within tuples, lists and dictionaries."""
    kind = type(value)
    if kind is Recorded:
        return value.array
    if kind is tuple or kind is list:
        return kind(map(bare, value))
    if kind is dict:
        return {k: bare(v) for k, v in value.items()}
    if kind is slice:
        return slice(bare(value.start), bare(value.stop), bare(value.step))
    return value


def recorded_in(value) -> list[Recorded]:
    """Every Recorded array in ``value``."""
    if type(value) is Recorded:
        return [value]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (tuple, list)):
        return []
    return [array for v in value for array in recorded_in(v)]


class Module:
    """Stands in for numpy (or cupy) where arrays are made to compute with Recorded ones: they are Recorded too."""

    def __init__(self, recorder, module):
        self.recorder, self.module = recorder, module

    def __getattr__(self, name):
        function = getattr(self.module, name)
        if not callable(function) or isinstance(function, type):
            return function
        return lambda *args, **kwargs: self.recorder.function(function, args, kwargs)
