"""Which array module an array belongs to, how foreign arrays come in, and the dtype policy.

The package computes with NumPy's functions and lets NumPy hand CuPy arrays over to CuPy
(``__array_ufunc__`` and ``__array_function__``); only code that *makes* arrays asks for the
module with :func:`array_module`. float32 and float64 are the two dtypes that carry gradients.
"""
from __future__ import annotations

import sys

import numpy as np

from .errors import ArgumentError

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
DEVICES = ("cpu", "cuda")


def _cupy():
    """CuPy, if somebody imported it; an array cannot be CuPy's otherwise."""
    return sys.modules.get("cupy")


def array_module(*arrays):
    """The module (numpy or cupy, or what stands in for it) that ``arrays`` belong to; scalars belong to any.

    Raises ArgumentError if NumPy and CuPy arrays are mixed.
    """
    for array in arrays:
        if hasattr(array, "recorder"):
            return array.module
    cupy = _cupy()
    if cupy is None or not any(isinstance(a, cupy.ndarray) for a in arrays):
        return np
    if any(isinstance(a, np.ndarray) and not isinstance(a, cupy.ndarray) and a.ndim for a in arrays):
        raise ArgumentError("NumPy and CuPy arrays in one call; move one with cupy.asarray(a) or a.get()")
    return cupy


def is_array(value) -> bool:
    """True for NumPy and CuPy arrays, and for what stands in for one while a step is recorded (autodiff/recorder.py)."""
    if isinstance(value, np.ndarray) or hasattr(value, "recorder"):
        return True
    cupy = _cupy()
    return cupy is not None and isinstance(value, cupy.ndarray)


def as_array(value):
    """``value`` as a NumPy or CuPy array, without a copy where its owner allows that.

    Takes arrays of both modules, anything with ``__cuda_array_interface__``, DLPack or the
    array interface, and Python numbers and sequences (whose floats become float32).
    """
    if is_array(value):
        return value
    if hasattr(value, "__cuda_array_interface__"):
        try:
            import cupy
        except ImportError as error:
            raise ArgumentError(f"a {type(value).__name__} lies on a GPU, and reading it there needs CuPy, which cannot be imported ({error}): "
                                "move it to main memory (.cpu(), .get()), or pip install 'sdpadv-np[cuda13]'") from error
        return cupy.asarray(value)
    if hasattr(value, "__dlpack__") and not isinstance(value, np.generic):
        try:
            return np.from_dlpack(value)
        except (BufferError, RuntimeError, TypeError):
            pass  # e.g. a read-only or gradient-carrying array: its array interface may still do
    array = np.asarray(value)
    if array.dtype == np.float64 and not hasattr(value, "dtype") and not hasattr(value, "__array__"):
        array = array.astype(np.float32)
    return array


def on(device: str):
    """The module that makes arrays on ``device``: numpy for "cpu", cupy for "cuda" (the current GPU).

    Raises ArgumentError if CuPy or a GPU is missing, and says what to do about it.
    """
    if device not in DEVICES:
        raise ArgumentError(f"device is {device!r}; choose one of {', '.join(DEVICES)}")
    if device == "cpu":
        return np
    try:
        import cupy
    except ImportError as error:
        raise ArgumentError(f"device cuda needs CuPy, which cannot be imported ({error}): pip install 'sdpadv-np[cuda13]', [cuda12] for an older driver, or use device cpu") from error
    if not cupy.cuda.is_available():
        raise ArgumentError("device cuda: CuPy finds no GPU; look at the driver (nvidia-smi), or use device cpu")
    return cupy


def device_of(array) -> str:
    """"cuda" for an array of CuPy's, "cpu" otherwise."""
    cupy = _cupy()
    return "cuda" if cupy is not None and isinstance(array, cupy.ndarray) else "cpu"


def like(array, other):
    """``array`` where ``other`` lies: itself if it lies there already, otherwise a copy in main memory or on the GPU."""
    cupy = _cupy()
    if cupy is None or hasattr(array, "recorder") or hasattr(other, "recorder"):
        return array
    there = isinstance(array, cupy.ndarray)
    if isinstance(other, cupy.ndarray):
        return array if there else cupy.asarray(array)
    return array.get() if there else array


def together(arrays, others=()) -> list:
    """``arrays``, all of them on the GPU if one of them or of ``others`` lies there."""
    cupy = _cupy()
    there = None if cupy is None else next((a for a in (*arrays, *others) if isinstance(a, cupy.ndarray)), None)
    return list(arrays) if there is None else [like(a, there) for a in arrays]


def to_numpy(array) -> np.ndarray:
    """``array`` in main memory, as NumPy."""
    return array.get() if device_of(array) == "cuda" else np.asarray(array)


def finish(array) -> None:
    """Wait until ``array`` is computed, where that goes on beside Python (on a GPU)."""
    if device_of(array) == "cuda":
        _cupy().cuda.get_current_stream().synchronize()
