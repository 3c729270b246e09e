"""The door of a kernel: where a recorder may stand and note each call, to repeat it later.

NumPy's functions hand a call over to arguments that ask for it (``__array_function__``). A kernel
must also be noted where all its arguments are ordinary arrays, as Adam's are; so the door asks
whether anybody records in this thread. Nobody does, as a rule, and then it costs 0.1 microseconds.

A function behind such a door

- takes ``out=None``: arrays to put the results into, in the shape in which it returns them (one
  array, or a tuple with None for what was not asked for), and returns these; or it writes into
  some of its arguments, named in ``writes``, and returns nothing;
- depends on its arguments alone.
"""
from __future__ import annotations

import functools
import threading

import numpy as np


class _Recording(threading.local):
    recorder = None  # has call(function, args, kwargs, writes)


recording = _Recording()


def entrance(function=None, *, writes=()):
    """Decorates a kernel's function; ``writes`` names the arguments that it changes."""
    if function is None:
        return functools.partial(entrance, writes=writes)
    positions = tuple(function.__code__.co_varnames.index(name) for name in writes)

    @functools.wraps(function)
    def door(*args, **kwargs):
        if recording.recorder is None:
            return function(*args, **kwargs)
        return recording.recorder.call(function, args, kwargs, positions)

    return door


def space(out, shape, dtype):
    """``out``, if it can be written to number after number, otherwise new memory, which :func:`put` copies into it."""
    return out if out is not None and out.flags.c_contiguous else np.empty(shape, dtype)


def put(out, result):
    """``result`` (an array, a tuple, None) itself, or ``out`` with its numbers: for functions that cannot write in place."""
    if out is None or out is result:
        return result
    if isinstance(result, tuple):
        return tuple(put(o, r) for o, r in zip(out, result))
    out[...] = result
    return out
