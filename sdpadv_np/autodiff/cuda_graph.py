"""A plan's calls as one CUDA graph: launched at once, instead of one after the other from Python."""
from __future__ import annotations

import sys
import warnings


class Graph:
    """A captured graph, and the pool of memory for its calls' temporary arrays."""

    def __init__(self, graph, pool):
        self.graph, self.pool = graph, pool

    def launch(self) -> None:
        """Queue the graph on the current stream."""
        self.graph.launch()


def capture(calls):
    """The graph of ``calls``, or None, with a warning, where CUDA cannot capture one of them.

    Temporary arrays of a call come from a pool that belongs to the graph, so that no other code gets the same memory
    between two launches. The calls are executed once before the capture, which fills the pool and compiles and loads
    every kernel; the capture itself executes nothing. A call that copies from or to main memory, or waits for the
    GPU, cannot be captured (CuPy raises RuntimeError).
    """
    cupy = sys.modules["cupy"]
    stream, pool = cupy.cuda.Stream(non_blocking=True), cupy.cuda.MemoryPool()
    cupy.cuda.get_current_stream().synchronize()
    try:
        with stream, cupy.cuda.using_allocator(pool.malloc):
            try:
                _execute(calls)
            finally:
                stream.synchronize()
            stream.begin_capture()
            try:
                _execute(calls)
            finally:
                graph = stream.end_capture()
            graph.upload()
            stream.synchronize()
    except Exception as error:  # CuPy, Numba and CUDA raise different errors
        warnings.warn(f"the step cannot be captured into a CUDA graph ({error}); its calls are replayed one by one",
                      RuntimeWarning, stacklevel=4)
        return None
    return Graph(graph, pool)


def _execute(calls):
    for function, arguments in calls:
        function(*arguments)
