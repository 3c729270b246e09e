"""The door of a kernel: where a recorder may stand and note each call, to repeat it later.

NumPy's functions hand a call over to arguments that ask for it (``__array_function__``). A kernel
must also be noted where all its arguments are ordinary arrays, as Adam's are; so the door asks
whether anybody records in this thread. Nobody does, as a rule, and then it costs 0.1 microseconds.

A function behind such a door

- takes ``out=None``: arrays to put the results into, in the shape in which it returns them (one
  array, or a tuple with None for what was not asked for), and returns these; or it writes into
  some of its arguments, named in ``writes``, and returns nothing;
- depends on its arguments alone.

What stands between the door and the computation, checks and choices, comes out the same each time
and takes longer than many a computation. So a kernel may tell what it does, by :func:`execute`,
and only that is repeated.
"""
from __future__ import annotations

import functools
import threading

import numpy as np


class _Recording(threading.local):
    recorder = None  # has call(function, args, kwargs, writes)
    calls = None  # while a kernel is traced: the tuples of calls that it executes, and None for other work


recording = _Recording()


def execute(*calls):
    """Make the calls, a function and its arguments each: all that a kernel does to fill ``out``, or what it writes into."""
    if recording.calls is not None:
        recording.calls.append(calls)
    for function, arguments in calls:
        function(*arguments)


def _untraced():
    """A kernel did something that it does not tell: repeated, all of it has to be."""
    if recording.calls is not None:
        recording.calls.append(None)


def calls_made_by(function, *arguments):
    """Call a kernel; the calls that do the same again."""
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
            _untraced()  # by way of another kernel, which tells its part only
            traced, recording.calls = recording.calls, None
            try:
                return function(*args, **kwargs)
            finally:
                recording.calls = traced
        return recording.recorder.call(function, args, kwargs, positions)

    return wrapper


def output_buffer(out, shape, dtype):
    """``out``, if it can be written to number after number, otherwise new memory, which :func:`copy_to` copies into it.

    ValueError for an ``out`` of another shape or dtype than the result's: what is compiled would write beyond its end.
    """
    if out is not None and (out.dtype != dtype or out.shape != (shape if isinstance(shape, tuple) else (shape,))):
        raise ValueError(f"out is {out.dtype}{list(out.shape)}, the result {np.dtype(dtype)}{list(shape) if isinstance(shape, tuple) else [shape]}; they must agree")
    return out if out is not None and out.flags.c_contiguous else np.empty(shape, dtype)


class _Memory:
    """An array's numbers without its lock."""

    def __init__(self, array):
        self.array = array  # lives as long as what is made of it
        self.__array_interface__ = {**array.__array_interface__, "data": (array.__array_interface__["data"][0], False)}


def contiguous(array):
    """The same numbers, contiguous, as the one type of array that kernels are compiled for; without a copy where that can be.

    For Numba an array that is read-only is of another type, and everything would be compiled once more.
    What a kernel takes through here it only reads.
    """
    if array.flags.carray:
        return array
    if not (array.flags.c_contiguous and array.flags.aligned):
        _untraced()
        return np.array(array, order="C")
    return np.asarray(_Memory(array))


def flattened(array, dtype=None):
    """The same, 1-D."""
    if dtype not in (None, array.dtype):
        _untraced()
        array = array.astype(dtype)
    return contiguous(array).reshape(-1)


def copy_to(out, result):
    """``result`` (an array, a tuple, None) itself, or ``out`` with its numbers: for functions that cannot write in place."""
    if out is None or out is result:
        return result
    if isinstance(result, tuple):
        return tuple(copy_to(o, r) for o, r in zip(out, result))
    _untraced()
    out[...] = result
    return out
