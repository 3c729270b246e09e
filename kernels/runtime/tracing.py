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
and takes longer than many a computation. So a kernel may tell what it does, by :func:`carry_out`,
and only that is repeated.
"""
from __future__ import annotations

import functools
import threading

import numpy as np


class _Recording(threading.local):
    recorder = None  # has call(function, args, kwargs, writes)
    told = None  # what a kernel tells, while one is asked: tuples of calls, and None for what it did besides


recording = _Recording()


def carry_out(*calls):
    """Make the calls, a function and its arguments each: all that a kernel does to fill ``out``, or what it writes into."""
    if recording.told is not None:
        recording.told.append(calls)
    for function, arguments in calls:
        function(*arguments)


def _done_besides():
    """A kernel did something that it does not tell: repeated, all of it has to be."""
    if recording.told is not None:
        recording.told.append(None)


def told_by(function, *arguments):
    """Call a kernel; the calls that do the same again."""
    before, recording.told = recording.told, []
    try:
        function(*arguments)
        told = recording.told
    finally:
        recording.told = before
    return told[0] if len(told) == 1 and told[0] is not None else ((function, arguments),)


def entrance(function=None, *, writes=()):
    """Decorates a kernel's function; ``writes`` names the arguments that it changes."""
    if function is None:
        return functools.partial(entrance, writes=writes)
    positions = tuple(function.__code__.co_varnames.index(name) for name in writes)

    @functools.wraps(function)
    def door(*args, **kwargs):
        if recording.recorder is None:
            if recording.told is None:
                return function(*args, **kwargs)
            _done_besides()  # by way of another kernel, which tells its part only
            told, recording.told = recording.told, None
            try:
                return function(*args, **kwargs)
            finally:
                recording.told = told
        return recording.recorder.call(function, args, kwargs, positions)

    return door


def space(out, shape, dtype):
    """``out``, if it can be written to number after number, otherwise new memory, which :func:`put` copies into it.

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


def plain(array):
    """The same numbers, contiguous, as the one type of array that kernels are compiled for; without a copy where that can be.

    For Numba an array that is read-only is of another type, and everything would be compiled once more.
    What a kernel takes through here it only reads.
    """
    if array.flags.carray:
        return array
    if not (array.flags.c_contiguous and array.flags.aligned):
        _done_besides()
        return np.array(array, order="C")
    return np.asarray(_Memory(array))


def flat(array, dtype=None):
    """The same, 1-D."""
    if dtype not in (None, array.dtype):
        _done_besides()
        array = array.astype(dtype)
    return plain(array).reshape(-1)


def put(out, result):
    """``result`` (an array, a tuple, None) itself, or ``out`` with its numbers: for functions that cannot write in place."""
    if out is None or out is result:
        return result
    if isinstance(result, tuple):
        return tuple(put(o, r) for o, r in zip(out, result))
    _done_besides()
    out[...] = result
    return out
