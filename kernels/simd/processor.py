"""The processor that Numba compiles for: this one, or the one that the environment names.

With NUMBA_CPU_NAME and NUMBA_CPU_FEATURES (both: Numba takes the features from this processor otherwise) kernels
are compiled for another one. Whatever depends on what a processor can asks here, and never the machine itself.
"""
from __future__ import annotations

from numba import config
from numba.core.codegen import get_host_cpu_features


def _features():
    told = config.CPU_FEATURES if config.CPU_FEATURES is not None else get_host_cpu_features()
    return frozenset(word[1:] for word in told.split(",") if word.startswith("+"))


FEATURES = _features()  # as LLVM names them, "avx512f", "fma", ...; what one of them implies need not be among them
