"""Recording the calls that a function makes on arrays, with a fixed array for every result.

NOTE: how a function is recorded without its cooperation.
The function runs once on Recorded arrays. Such a proxy of a NumPy or CuPy array uses NumPy's own protocols: calls on
it arrive at ``__array_ufunc__`` (``a * b``, ``np.exp(a)``, ``np.add.reduce``), ``__array_function__`` (``np.dot``,
``np.where``) or one of its few methods, and kernels at their decorator (kernels/runtime/tracing.py). Each call is
executed once on the real arrays, and recorded:

    y = np.exp(a)         ->  calls += [np.exp, (a, y)]         y is the result, and its buffer from now on
    y = a.reshape(2, -1)  ->  nothing: y is a view of a, and follows it
    y = a[index]          ->  calls += [copy of a[index], (y,)]

Executed again in this order, the calls compute the same function of the inputs' new values. Rules and losses are not
written differently for it (registry.py).

A buffer is free when the last proxy that uses it is dropped, as Python's own memory is, and serves later results of
the same size. So a plan needs no more memory than the function did.
"""
from __future__ import annotations

import contextlib
import functools
from typing import Any

import numpy as np

from .. import xp
from ..errors import PlanError
from ..kernels.runtime.tracing import calls_made_by, recording
from .recorded import Memory, Recorded, recorded_in, unwrapped


class Recorder:
    """Records the calls that are made while it is active.

    calls : list of (function, arguments), in the order of execution
    written : arrays that are not the plan's own and are changed by the calls
    proxies : {id of a store: its parameters as proxies}, which this thread sees in place of ``stores``' own
    """

    def __init__(self, stores=()):
        self.calls, self.written = [], []
        self.proxies = {id(store): store.proxies(self) for store in stores}
        self.free: dict[int, list] = {}
        self.bytes = 0  # of all buffers
        self._constants: dict[int, tuple] = {}  # new arrays that depend on no other: id of memory -> (call, memory)
        self._changed: set[int] = set()  # ids of the memories that calls write into

    def proxy(self, array):
        """The proxy of a caller's array (an input's slot, parameters)."""
        return Recorded(array, None, self)

    def buffer(self, result, lasting=False) -> Recorded:
        """The proxy of a new result, copied into memory of the plan with the result's layout."""
        blocks = self.free.get(result.nbytes)
        if blocks and not lasting:
            block = blocks.pop()
        else:
            block = xp.array_module(result).empty(result.nbytes, np.uint8)
            self.bytes += result.nbytes
        strides = np.empty_like(result).strides  # dense, in result's order of axes, on which later sums depend
        if isinstance(result, np.ndarray):
            array = np.ndarray(result.shape, result.dtype, block, strides=strides)
        else:
            array = type(result)(result.shape, result.dtype, block.data, strides)
        array[...] = result
        return Recorded(array, Memory(block, array, None if lasting else self.free), self)

    def record(self, function, *args):
        self.calls.append((function, args))

    def _constant(self, function, args, kwargs):
        """A new array that depends on no other: filled again in each replay, if a call changes it."""
        made = self.buffer(_array(function(*unwrapped(args), **unwrapped(kwargs))), lasting=True)
        self._constants[id(made.memory)] = len(self.calls), made.memory
        self.record(np.copyto, made.array, made.array.copy())
        return made

    def ufunc(self, ufunc, method, inputs, options):
        """A universal function, or one of its methods (reduce, at, ...)."""
        call = ufunc if method == "__call__" else getattr(ufunc, method)
        out = options.pop("out", None)
        if method == "at":
            return self.write(call, inputs, (0,))
        arrays, extra = unwrapped(inputs), unwrapped(options)
        if out is not None:
            (target,) = out
            self._changing([target])
            into = functools.partial(call, out=unwrapped(target), **extra)
            into(*arrays)
            self.record(into, *arrays)
            return target
        result = self.buffer(_array(call(*arrays, **extra)))
        if method == "__call__" and not extra and ufunc is not np.maximum and ufunc is not np.minimum:  # out by name
            self.record(call, *arrays, result.array)  # the fastest way to call
        else:
            self.record(functools.partial(call, out=result.array, **extra), *arrays)
        return result

    def function(self, function, args, kwargs):
        """A function of NumPy's, or a method: a view stays a view, anything else is recorded."""
        if function is np.copyto:
            return self.write(functools.partial(function, **unwrapped(kwargs)) if kwargs else function, args, (0,))
        kwargs, out = _without_out(kwargs)
        if out is not None:
            return self._into(out, function, args, kwargs)
        if function in _SHAPE_ALONE or not recorded_in((args, kwargs)):
            return self._constant(function, args, kwargs)
        arrays, extra = unwrapped(args), unwrapped(kwargs)
        result = _array(function(*arrays, **extra))
        for source in recorded_in((args, kwargs)):
            if np.may_share_memory(result, source.array):
                return Recorded(result, source.memory, self)
        made = self.buffer(result)
        if (into := _INTO.get(getattr(function, "__name__", ""))) is not None:
            self.record(functools.partial(into, **extra) if extra else into, made.array, *arrays)
        else:
            self.record(_store, made.array, function, arrays, extra)
        return made

    def write(self, function, args, positions):
        """A call that changes some of its arguments and returns nothing."""
        self._changing([args[k] for k in positions if k < len(args)])
        self.calls += calls_made_by(function, *unwrapped(args))

    def _into(self, out, function, args, kwargs):
        """A call that writes its results into arrays given as ``out``."""
        self._changing(out if isinstance(out, tuple) else [out])
        self.calls += calls_made_by(
            functools.partial(function, out=unwrapped(out), **unwrapped(kwargs)), *unwrapped(args))
        return out

    def call(self, function, args, kwargs, writes):
        """A kernel's call (see kernels/runtime/tracing.py); nested calls are part of it."""
        recording.recorder = None
        try:
            return self._call(function, args, kwargs, writes)
        finally:
            recording.recorder = self

    def _call(self, function, args, kwargs, writes):
        kwargs, out = _without_out(kwargs)
        if out is not None:
            return self._into(out, function, args, kwargs)
        if writes:
            return self.write(functools.partial(function, **unwrapped(kwargs)) if kwargs else function, args, writes)
        if not recorded_in((args, kwargs)):
            return function(*args, **kwargs)  # the same in every replay
        arrays, extra = unwrapped(args), unwrapped(kwargs)
        results = function(*arrays, **extra)
        several = isinstance(results, tuple)
        made = tuple(None if r is None else self.buffer(r) for r in (results if several else (results,)))
        out = tuple(None if m is None else m.array for m in made)
        self.calls += calls_made_by(functools.partial(function, out=out if several else out[0], **extra), *arrays)
        return made if several else made[0]

    def _changing(self, targets):
        for target in targets:
            if type(target) is Recorded and target.memory is not None:
                self._changed.add(id(target.memory))
            elif not any(unwrapped(target) is w for w in self.written):
                self.written.append(unwrapped(target))

    def finish(self) -> None:
        """Drop the calls that fill constants which no call changes, and the free blocks."""
        idle = {number for key, (number, _) in self._constants.items() if key not in self._changed}
        self.calls = [call for number, call in enumerate(self.calls) if number not in idle]
        self.free.clear()


@contextlib.contextmanager
def recorded(stores=()):
    """Within this block this thread's calls are recorded by the Recorder that it returns."""
    if recording.recorder is not None:
        raise PlanError("a step is being recorded already in this thread; record one at a time")
    recorder = Recorder(stores)
    try:
        recording.recorder = recorder
        yield recorder
    finally:
        recording.recorder = None
        recorder.proxies.clear()  # a reference cycle otherwise, with all recorded calls


def _store(buffer, function, args, kwargs):
    buffer[...] = function(*args, **kwargs)


def _without_out(kwargs) -> tuple[dict, object]:
    return {k: v for k, v in kwargs.items() if k != "out"}, kwargs.get("out")


def _array(result):
    return np.asarray(result) if isinstance(result, np.generic) else result


def _where(out, condition, a, b):
    np.copyto(out, b)
    np.copyto(out, a, where=condition)


def _max(out, x, axis=None, keepdims=False):
    np.maximum.reduce(x, axis, None, out, keepdims)  # type: ignore[call-overload]


def _sum(out, x, axis=None, keepdims=False):
    np.add.reduce(x, axis, None, out, keepdims)  # type: ignore[call-overload]


def _mean(out, x, axis=None, keepdims=False):
    """ndarray.mean without its Python code, which takes 2 of its 6 microseconds."""
    np.add.reduce(x, axis, None, out, keepdims)  # type: ignore[call-overload]
    np.true_divide(out, np.intp(x.size // max(out.size, 1)), out=out, casting="unsafe")


_SHAPE_ALONE: set[Any] = {np.zeros_like, np.ones_like, np.empty_like, np.full_like}  # by shape alone
_INTO: dict[str, Any] = {  # name of a function -> the same into a buffer; results of others are copied there
    "astype": lambda out, x, dtype=None, **_: np.copyto(out, x, casting="unsafe"),
    "clip": lambda out, x, low, high: np.clip(x, low, high, out=out),
    "concatenate": lambda out, arrays, axis=0: np.concatenate(arrays, axis=axis, out=out),
    "copy": lambda out, x, order=None: np.copyto(out, x),
    "dot": lambda out, a, b: np.dot(a, b, out=out),
    "max": _max,
    "mean": _mean,
    "sum": _sum,
    "where": _where,
}
