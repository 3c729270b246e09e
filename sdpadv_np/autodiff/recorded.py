"""Proxy arrays through which a step is recorded: see the note in recorder.py."""
from __future__ import annotations

import operator

from numpy.lib.mixins import NDArrayOperatorsMixin

from .. import xp
from ..errors import PlanError


class Memory:
    """The block of memory behind a buffer; returned to ``free`` when its last user is dropped."""

    __slots__ = ("block", "array", "free")

    def __init__(self, block, array, free):
        self.block, self.array, self.free = block, array, free

    def __del__(self):
        if getattr(self, "free", None) is not None:  # an interruption may come before it is set
            self.free.setdefault(self.block.nbytes, []).append(self.block)


def _method(name: str):
    return lambda self, *args, **kwargs: self.recorder.function(getattr(type(self.array), name), (self, *args), kwargs)


class Recorded(NDArrayOperatorsMixin):
    """The proxy of ``array`` while a plan is recorded; ``memory`` is its buffer's, None for the caller's arrays."""

    __slots__ = ("array", "memory", "recorder")
    module = property(lambda self: Module(self.recorder, xp.array_module(self.array)))  # xp.array_module returns it

    def __init__(self, array, memory, recorder):
        self.array, self.memory, self.recorder = array, memory, recorder

    shape = property(lambda self: self.array.shape)
    dtype = property(lambda self: self.array.dtype)
    ndim = property(lambda self: self.array.ndim)
    size = property(lambda self: self.array.size)
    T = property(lambda self: self.transpose())

    @property
    def base(self):
        """None for a whole buffer, as for an array that owns its memory."""
        return None if self.memory is not None and self.memory.array is self.array else self.array.base

    def __len__(self):
        return len(self.array)

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        return self.recorder.ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function, types, args, kwargs):
        return self.recorder.function(function, args, kwargs)

    for _name in ("argmax", "argmin", "astype", "copy", "max", "mean", "min", "ravel", "reshape", "sum", "swapaxes",
                  "transpose", "__getitem__"):
        locals()[_name] = _method(_name)
    del _name

    def __pow__(self, exponent):
        return self.recorder.function(operator.pow, (self, exponent), {})  # arrays have faster squares and roots

    def __setitem__(self, index, value):
        self.recorder.write(_set, (self, index, value), (0,))

    def _refuse(self, *_, **__):
        raise PlanError("a recorded step asks for a number (item, float, bool, if): it would be frozen; "
                        "keep it an array, or compute it outside the step")

    item = tolist = tobytes = __float__ = __int__ = __bool__ = __index__ = __array__ = __iter__ = _refuse


def _set(array, index, value):
    array[index] = value


def unwrapped(value):
    """``value`` with arrays in place of their proxies, also within tuples, lists and dictionaries."""
    kind = type(value)
    if kind is Recorded:
        return value.array
    if kind is tuple or kind is list:
        return kind(map(unwrapped, value))
    if kind is dict:
        return {k: unwrapped(v) for k, v in value.items()}
    if kind is slice:
        return slice(unwrapped(value.start), unwrapped(value.stop), unwrapped(value.step))
    return value


def recorded_in(value) -> list[Recorded]:
    """Every proxy in ``value``."""
    if type(value) is Recorded:
        return [value]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (tuple, list)):
        return []
    return [array for v in value for array in recorded_in(v)]


class Module:
    """The proxy of numpy (or cupy) where new arrays are computed with recorded ones: they are recorded, too."""

    def __init__(self, recorder, module):
        self.recorder, self.module = recorder, module

    def __getattr__(self, name):
        function = getattr(self.module, name)
        if not callable(function) or isinstance(function, type):
            return function
        return lambda *args, **kwargs: self.recorder.function(function, args, kwargs)
