"""A plan's calls as one CUDA graph: launched at once, instead of one after the other from Python."""
from __future__ import annotations

import sys
import warnings


class Graph:
    """A captured graph, the stream it was captured on, and the memory that its calls use in passing."""

    def __init__(self, graph, stream, pool, cupy):
        self.graph, self.stream, self.pool, self.cupy = graph, stream, pool, cupy

    def launch(self) -> None:
        """After what was queued on the current stream, and before what will be."""
        current = self.cupy.cuda.get_current_stream()
        self.stream.wait_event(current.record())
        self.graph.launch(self.stream)
        current.wait_event(self.stream.record())


def capture(calls, undo):
    """The graph of ``calls``, or None, with a warning, where CUDA cannot capture one of them.

    What a call allocates in passing comes from a pool that belongs to the graph, so that nobody
    else is given the same memory between two launches. While it captures, CUDA allocates nothing;
    so the calls are carried out once before, to fill the pool, and ``undo()`` takes back what they changed.
    """
    cupy = sys.modules["cupy"]
    stream, pool = cupy.cuda.Stream(non_blocking=True), cupy.cuda.MemoryPool()
    cupy.cuda.get_current_stream().synchronize()
    try:
        with stream, cupy.cuda.using_allocator(pool.malloc):
            _carry_out(calls)
            stream.synchronize()
            stream.begin_capture()
            try:
                _carry_out(calls)
            finally:
                graph = stream.end_capture()
        graph.upload(stream)
    except Exception as error:  # CuPy, Numba and CUDA have errors of their own for it
        warnings.warn(f"the step cannot be captured into a CUDA graph ({error}); its calls are replayed one by one", RuntimeWarning, stacklevel=4)
        return None
    finally:
        undo()
    return Graph(graph, stream, pool, cupy)


def _carry_out(calls):
    for function, arguments in calls:
        function(*arguments)
