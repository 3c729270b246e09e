"""Choosing among the implementations of one kernel."""
from __future__ import annotations

import importlib
import os
import sys
import warnings

import numpy as np

ARRAYS_OF = {  # implementation: the libraries whose arrays it takes, slowest implementation first
    "numpy": ("numpy", "cupy"),
    "numba": ("numpy",),
    "amx": ("numpy",),
    "numba-cuda": ("cupy",),
    "cuda": ("cupy",),
}
COMPILED = ("numba", "amx")  # by Numba for the CPU, at the first call
RARE = ("amx",)  # few processors have it, so its absence needs no warning
_warned: set[str] = set()


def array_library(array) -> str:
    """"cupy" or "numpy"."""
    cupy = sys.modules.get("cupy")  # imported wherever a CuPy array exists
    return "cupy" if cupy is not None and isinstance(array, cupy.ndarray) else "numpy"


def array_module(array):
    """numpy or cupy: the module that makes arrays compatible with this one, or with the array of a recorded one."""
    return sys.modules["cupy"] if array_library(getattr(array, "array", array)) == "cupy" else np


class Implementations:
    """The implementations of one kernel: modules of its folder, loaded at their first use.

    Called with an array and a name it gives that module. Without a name it gives the implementation in the environment
    variable SDPADV_KERNEL, if this kernel has it for such arrays, and otherwise the fastest available here.
    """

    def __init__(self, package, **modules):
        self.package, self.kernel = package, package.rpartition(".")[2]
        self.modules = {name.replace("_", "-"): module for name, module in modules.items()}
        self.loaded, self.missing = {}, {}

    def __call__(self, array, name=None):
        library = array_library(array)
        if name is None:
            name = os.environ.get("SDPADV_KERNEL") or None
            if name not in (None, *ARRAYS_OF):
                raise ValueError(f"SDPADV_KERNEL is {name!r}; set it to one of {', '.join(ARRAYS_OF)}, or unset it")
            if name not in self.modules or library not in ARRAYS_OF[name]:
                return self._fastest(library)
        if name not in self.modules:
            raise ValueError(f"{self.kernel}: implementation is {name!r}; choose one of {', '.join(self.modules)}")
        if not self._load(name):
            raise RuntimeError(f"{self.kernel}: implementation {name!r} cannot run here: {self.missing[name]}")
        if library not in ARRAYS_OF[name]:
            move = "x.get()" if library == "cupy" else "cupy.asarray(x)"
            raise ValueError(
                f"{self.kernel}: implementation {name!r} does not take {library} arrays; move them with {move}")
        return self.loaded[name]

    def available(self):
        """{name: can it run here?}"""
        return {name: self._load(name) for name in self.modules}

    def why_not(self, name):
        """The reason why an implementation is not available; "" if it is."""
        return self.missing.get(name, "")

    def _fastest(self, library):
        for name in reversed(ARRAYS_OF):
            if name not in self.modules or library not in ARRAYS_OF[name]:
                continue
            if self._load(name):
                return self.loaded[name]
            if name not in (*RARE, *_warned):
                _warned.add(name)
                warnings.warn(
                    f"{name} kernels cannot run here ({self.missing[name]}); slower ones are used", RuntimeWarning,
                    stacklevel=4)

    def _load(self, name):
        if name not in self.loaded and name not in self.missing:
            try:
                self.loaded[name] = importlib.import_module(f"{self.package}.{self.modules[name]}")
            except (ImportError, OSError, ValueError) as error:  # OSError: a library; ValueError: Numba's settings
                self.missing[name] = str(error)
        return name in self.loaded
