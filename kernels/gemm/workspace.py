"""Scratch memory for the parts of a compiled kernel: one array per calling thread, used again by later calls."""
from __future__ import annotations

import threading

import numpy as np

from ..runtime import threads
from ..runtime.jit import OPTIONS, njit

_LINE = 16  # float32 of a cache line


class _Workspace(threading.local):
    array = np.empty(0, np.float32)


_workspace = _Workspace()


def run_with_workspace(part, count, work, size, *arguments):
    """parallel_for(part, count, work, *arguments, workspace), with ``size`` float32 of workspace for each part."""
    parts = threads.part_count(count, work)
    if _workspace.array.size < size * parts:  # fresh memory would be cleared by the system at every call
        memory = np.empty(size * parts + _LINE, np.float32)
        _workspace.array = memory[-(memory.ctypes.data // memory.itemsize) % _LINE :][: size * parts]
    threads.run_parts(part, parts, *arguments, _workspace.array)


@njit(**OPTIONS)
def workspace_of_part(workspace, part, parts):
    """The share of one part, from a cache line on."""
    size = workspace.size // parts // _LINE * _LINE
    return workspace[part * size : (part + 1) * size]
