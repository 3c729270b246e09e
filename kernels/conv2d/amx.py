"""float32 in AMX tiles: ``direct`` by _direct_amx.py; ``winograd`` and small sizes by numba_cpu.py."""
from __future__ import annotations

import functools

from ..gemm.amx_tiles import why_unavailable
from . import _direct_amx, numba_cpu

if reason := why_unavailable():
    raise ImportError(reason)

forward = functools.partial(numba_cpu.forward, direct=_direct_amx)
input_gradient = functools.partial(numba_cpu.input_gradient, direct=_direct_amx)
weight_gradient = functools.partial(numba_cpu.weight_gradient, direct=_direct_amx)
