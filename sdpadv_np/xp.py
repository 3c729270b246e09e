"""Array modules (NumPy or CuPy), conversion of other libraries' arrays, and the dtypes that carry gradients.

The package computes with NumPy's functions, and NumPy passes CuPy arrays on to CuPy (``__array_ufunc__`` and
``__array_function__``); only code that *makes* arrays asks for the module with :func:`array_module`.
"""
from __future__ import annotations

import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any

import numpy as np

from .errors import ArgumentError

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))  # these carry gradients
DEVICES = ("cpu", "cuda")


def _cupy() -> Any:
    """CuPy if it is imported; otherwise there are no CuPy arrays."""
    return sys.modules.get("cupy")


def array_module(*arrays: Any) -> Any:
    """The module (numpy, cupy, or its stand-in while a step is recorded) of ``arrays``; scalars fit any module.

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


def is_array(value: object) -> bool:
    """True for NumPy and CuPy arrays, and for their stand-ins while a step is recorded (autodiff/recorder.py)."""
    if isinstance(value, np.ndarray) or hasattr(value, "recorder"):
        return True
    cupy = _cupy()
    return cupy is not None and isinstance(value, cupy.ndarray)


def as_array(value: Any) -> Any:
    """``value`` as a NumPy or CuPy array, without a copy where its library allows that.

    Takes arrays of both modules, objects with ``__cuda_array_interface__``, DLPack or the array interface, and Python
    numbers and sequences (whose floats become float32).
    """
    if is_array(value):
        return value
    if hasattr(value, "__cuda_array_interface__"):
        try:
            import cupy
        except ImportError as error:
            raise ArgumentError(
                f"a {type(value).__name__} lies on a GPU, and reading it there needs CuPy, which cannot be imported "
                f"({error}): move it to main memory (.cpu(), .get()), or pip install 'sdpadv-np[cuda13]'"
            ) from error
        return cupy.asarray(value)
    if hasattr(value, "__dlpack__") and not isinstance(value, np.generic):
        try:
            return np.from_dlpack(value)
        except (BufferError, RuntimeError, TypeError):
            pass  # a read-only or gradient-carrying array, for instance: its array interface may still work
    array = np.asarray(value)
    if array.dtype == np.float64 and not hasattr(value, "dtype") and not hasattr(value, "__array__"):
        array = array.astype(np.float32)
    return array


def on(device: str) -> ModuleType:
    """The module that makes arrays on ``device``: numpy for "cpu", cupy for "cuda" (the current GPU).

    Raises ArgumentError, with the remedy, if CuPy or a GPU is missing.
    """
    if device not in DEVICES:
        raise ArgumentError(f"device is {device!r}; choose one of {', '.join(DEVICES)}")
    if device == "cpu":
        return np
    try:
        import cupy
    except ImportError as error:
        raise ArgumentError(
            f"device cuda needs CuPy, which cannot be imported ({error}): pip install 'sdpadv-np[cuda13]', "
            "[cuda12] for an older driver, or use device cpu"
        ) from error
    if not cupy.cuda.is_available():
        raise ArgumentError("device cuda: CuPy finds no GPU; look at the driver (nvidia-smi), or use device cpu")
    return cupy


def device_of(array: object) -> str:
    """"cuda" for a CuPy array, "cpu" otherwise."""
    cupy = _cupy()
    return "cuda" if cupy is not None and isinstance(array, cupy.ndarray) else "cpu"


def like(array: Any, other: Any) -> Any:
    """``array`` on the device of ``other``: itself if it lies there already, otherwise a copy."""
    cupy = _cupy()
    if cupy is None or hasattr(array, "recorder") or hasattr(other, "recorder"):
        return array
    is_cupys = isinstance(array, cupy.ndarray)
    if isinstance(other, cupy.ndarray):
        return array if is_cupys else cupy.asarray(array)
    return array.get() if is_cupys else array


def together(arrays: Iterable[Any], others: Iterable[Any] = ()) -> list[Any]:
    """``arrays`` on one device: the GPU if one of them or of ``others`` lies there."""
    arrays, cupy = list(arrays), _cupy()
    on_gpu = None if cupy is None else next((a for a in (*arrays, *others) if isinstance(a, cupy.ndarray)), None)
    return arrays if on_gpu is None else [like(a, on_gpu) for a in arrays]


def to_numpy(array: Any) -> np.ndarray[Any, Any]:
    """``array`` in main memory, as a NumPy array."""
    return array.get() if device_of(array) == "cuda" else np.asarray(array)


def synchronize(array: Any) -> None:
    """Wait until ``array`` is computed; a GPU computes while Python continues."""
    if device_of(array) == "cuda":
        _cupy().cuda.get_current_stream().synchronize()
