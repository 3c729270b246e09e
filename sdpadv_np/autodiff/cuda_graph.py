"""A plan's calls as one CUDA graph: launched at once, instead of one after the other from Python."""
from __future__ import annotations

import sys
import warnings


class Graph:
    """A captured graph, and the memory that its calls use in passing."""

    def __init__(self, graph, pool):
        self.graph, self.pool = graph, pool

    def launch(self) -> None:
        """On the current stream: after what was queued there, and before what will be."""
        self.graph.launch()


def capture(calls):
    """The graph of ``calls``, or None, with a warning, where CUDA cannot capture one of them.

    What a call allocates in passing comes from a pool that belongs to the graph, so that nobody
    else is given the same memory between two launches. The calls are carried out once before, so
    that the pool is filled and every kernel compiled and loaded; what is captured is not carried
    out. A call that copies from or to main memory, or waits for the GPU, cannot be captured (CuPy
    raises RuntimeError).
    """
    cupy = sys.modules["cupy"]
    stream, pool = cupy.cuda.Stream(non_blocking=True), cupy.cuda.MemoryPool()
    cupy.cuda.get_current_stream().synchronize()
    try:
        with stream, cupy.cuda.using_allocator(pool.malloc):
            try:
                _carry_out(calls)
            finally:
                stream.synchronize()
            stream.begin_capture()
            try:
                _carry_out(calls)
            finally:
                graph = stream.end_capture()
            graph.upload()
            stream.synchronize()
    except Exception as error:  # CuPy, Numba and CUDA have errors of their own for it
        warnings.warn(f"the step cannot be captured into a CUDA graph ({error}); its calls are replayed one by one", RuntimeWarning, stacklevel=4)
        return None
    return Graph(graph, pool)


def _carry_out(calls):
    for function, arguments in calls:
        function(*arguments)
