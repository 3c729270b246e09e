"""The processor that Numba compiles for: this one, or the one named by the environment.

With NUMBA_CPU_NAME and NUMBA_CPU_FEATURES (set both, or Numba takes the features of this processor) kernels are
compiled for another one. Code that depends on a processor's features asks here, never the machine itself.
"""
from __future__ import annotations

from numba import config
from numba.core.codegen import get_host_cpu_features


def _features():
    listed = config.CPU_FEATURES if config.CPU_FEATURES is not None else get_host_cpu_features()
    return frozenset(word[1:] for word in listed.split(",") if word.startswith("+"))


FEATURES = _features()  # LLVM's names, "avx512f", "fma", ...; features that another one implies may be missing
