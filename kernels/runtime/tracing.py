"""Tracing: a recorder notes each call of a kernel, to replay it later.

NumPy's functions hand a call over to arguments that ask for it (``__array_function__``). A kernel must also be noted
where all its arguments are ordinary arrays, as Adam's are; so :func:`traceable` asks whether a recorder is active in
this thread. Without one that costs 0.1 microseconds.

A traceable function

- takes ``out=None``: arrays for the results, in the structure in which it returns them (one array, or a tuple with
  None for what was not asked for), and returns these; or it writes into some of its arguments, named in ``writes``,
  and returns nothing;
- depends on its arguments alone.

Checks and choices of implementation come out the same at each replay and take longer than many a computation. So a
kernel makes its calls of compiled functions through :func:`execute`, and only these are replayed.
"""
from __future__ import annotations

import functools
import threading

import numpy as np


class _Recording(threading.local):
    recorder = None  # has call(function, args, kwargs, writes)
    calls = None  # of the kernel that is traced: a tuple for each execute(), and None for other work


recording = _Recording()


def execute(*calls):
    """Make the calls, a function and its arguments each: all that a kernel does to fill ``out`` or its ``writes``."""
    if recording.calls is not None:
        recording.calls.append(calls)
    for function, arguments in calls:
        function(*arguments)


def _not_traced():
    """A kernel did work outside of execute(), so a replay has to call the whole kernel."""
    if recording.calls is not None:
        recording.calls.append(None)


def calls_made_by(function, *arguments):
    """Call a kernel; the calls that repeat it."""
    before, recording.calls = recording.calls, []
    try:
        function(*arguments)
        traced = recording.calls
    finally:
        recording.calls = before
    return traced[0] if len(traced) == 1 and traced[0] is not None else ((function, arguments),)


def traceable(function=None, *, writes=()):
    """Decorates a kernel's function; ``writes`` names the arguments that it changes."""
    if function is None:
        return functools.partial(traceable, writes=writes)
    positions = tuple(function.__code__.co_varnames.index(name) for name in writes)

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        if recording.recorder is None:
            if recording.calls is None:
                return function(*args, **kwargs)
            _not_traced()  # one kernel called another, whose calls are only a part
            traced, recording.calls = recording.calls, None
            try:
                return function(*args, **kwargs)
            finally:
                recording.calls = traced
        return recording.recorder.call(function, args, kwargs, positions)

    return wrapper


def output_buffer(out, shape, dtype):
    """``out`` if it is contiguous, otherwise a new array, which :func:`copy_to` copies into it.

    ValueError for an ``out`` of another shape or dtype than the result's: compiled code would write beyond its end.
    """
    shape = shape if isinstance(shape, tuple) else (shape,)
    if out is not None and (out.dtype != dtype or out.shape != shape):
        raise ValueError(
            f"out is {out.dtype}{list(out.shape)}, the result {np.dtype(dtype)}{list(shape)}; they must agree")
    return out if out is not None and out.flags.c_contiguous else np.empty(shape, dtype)


class _Writeable:
    """The memory of an array, without its read-only flag."""

    def __init__(self, array):
        self.array = array  # lives as long as arrays of its memory
        self.__array_interface__ = {**array.__array_interface__, "data": (array.__array_interface__["data"][0], False)}


def contiguous(array):
    """The same elements as a contiguous array that is not read-only; without a copy where possible.

    For Numba a read-only array is of another type, and everything would be compiled once more. Kernels only read
    the result.
    """
    if array.flags.carray:
        return array
    if not (array.flags.c_contiguous and array.flags.aligned):
        _not_traced()
        return np.array(array, order="C")
    return np.asarray(_Writeable(array))


def flattened(array, dtype=None):
    """The same, 1-D."""
    if dtype not in (None, array.dtype):
        _not_traced()
        array = array.astype(dtype)
    return contiguous(array).reshape(-1)


def copy_to(out, result):
    """``result`` (an array, a tuple, None), copied to ``out`` if given: for functions that cannot write in place."""
    if out is None or out is result:
        return result
    if isinstance(result, tuple):
        return tuple(copy_to(o, r) for o, r in zip(out, result))
    _not_traced()
    out[...] = result
    return out
