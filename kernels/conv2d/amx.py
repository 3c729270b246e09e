"""float32 in the processor's matrix tiles: ``direct`` by _tiled.py, ``winograd`` by the Numba kernels, as everything that tiles don't fit."""
from __future__ import annotations

import functools

from ..gemm.amx_tiles import why_unavailable
from . import _tiled, numba_cpu

if reason := why_unavailable():
    raise ImportError(reason)

forward = functools.partial(numba_cpu.forward, engine=_tiled)
input_gradient = functools.partial(numba_cpu.input_gradient, engine=_tiled)
weight_gradient = functools.partial(numba_cpu.weight_gradient, engine=_tiled)
