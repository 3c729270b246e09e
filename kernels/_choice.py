"""Choosing among the implementations of one kernel."""
from __future__ import annotations

import importlib
import os
import warnings

NAMES = ("numpy", "numba", "cuda", "numba-cuda")
_told = set()


class Implementations:
    """The implementations of one kernel: modules of its folder, slowest first, loaded when first used.

    Called with a name it gives that module. Called with None it gives the one that the environment
    variable SDPADV_KERNEL names, if this kernel has it, and otherwise the fastest available here.
    """

    def __init__(self, package, **modules):
        self.package, self.kernel, self.modules = package, package.rpartition(".")[2], modules
        self.loaded, self.missing = {}, {}

    def __call__(self, name=None):
        if name is None:
            name = os.environ.get("SDPADV_KERNEL") or None
            if name not in (None, *NAMES):
                raise ValueError(f"SDPADV_KERNEL is {name!r}; set it to one of {', '.join(NAMES)}, or unset it")
            if name not in self.modules:
                return self._fastest()
        if name not in self.modules:
            raise ValueError(f"{self.kernel}: implementation is {name!r}; choose one of {', '.join(self.modules)}")
        if not self._load(name):
            raise RuntimeError(f"{self.kernel}: implementation {name!r} cannot run here: {self.missing[name]}")
        return self.loaded[name]

    def available(self):
        """{name: can it run here?}"""
        return {name: self._load(name) for name in self.modules}

    def _fastest(self):
        for name in reversed(self.modules):
            if self._load(name):
                return self.loaded[name]
            if name not in _told:
                _told.add(name)
                warnings.warn(f"{name} kernels cannot run here ({self.missing[name]}); slower ones are used", RuntimeWarning, stacklevel=4)

    def _load(self, name):
        if name not in self.loaded and name not in self.missing:
            try:
                self.loaded[name] = importlib.import_module(f"{self.package}.{self.modules[name]}")
            except ImportError as error:
                self.missing[name] = str(error)
        return name in self.loaded
