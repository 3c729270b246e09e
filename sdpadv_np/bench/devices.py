"""Where a benchmark computes: how arrays get there, how to wait for it, and which clock times it."""
from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import ArgumentError
from . import timing


@dataclass(frozen=True)
class Device:
    """array(numpy array) gives the array there; copy(target, source); clock None: one of timing.CLOCKS."""

    name: str = "CPU"
    array: Callable = np.asarray
    copy: Callable = np.copyto
    wait: Callable = lambda: None
    clock: Callable | None = None


CPU = Device()


def find(name: str) -> Device:
    """The device "cpu" or "cuda"; ArgumentError if CuPy cannot use a GPU."""
    if name == "cpu":
        return CPU
    try:
        cupy = importlib.import_module("cupy")
        model = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode()
    except Exception as error:  # CuPy is not installed, or there is no driver or no GPU: each has its own error class
        raise ArgumentError(f"device is 'cuda', but CuPy cannot use one here ({error}); leave out --device") from error
    synchronize, clock = cupy.cuda.runtime.deviceSynchronize, timing.cuda_events(cupy)
    return Device(f"{model}, CuPy {cupy.__version__}", cupy.asarray, cupy.copyto, synchronize, clock)
