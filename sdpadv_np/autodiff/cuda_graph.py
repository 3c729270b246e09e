"""A plan's calls as one CUDA graph: launched at once, instead of one after the other from Python."""
from __future__ import annotations

import sys
import warnings


class Graph:
    """A captured graph and the stream that it was captured on."""

    def __init__(self, graph, stream, cupy):
        self.graph, self.stream, self.cupy = graph, stream, cupy

    def launch(self) -> None:
        """After what was queued on the current stream, and before what will be."""
        current = self.cupy.cuda.get_current_stream()
        self.stream.wait_event(current.record())
        self.graph.launch(self.stream)
        current.wait_event(self.stream.record())


def capture(calls):
    """The graph of ``calls``, or None, with a warning, where CUDA cannot capture one of them.

    Within a capture no memory may be asked of the driver; CuPy takes what it needs from its pool,
    which the first and second call of the plan have filled.
    """
    cupy = sys.modules["cupy"]
    stream = cupy.cuda.Stream(non_blocking=True)
    cupy.cuda.get_current_stream().synchronize()
    try:
        with stream:
            stream.begin_capture()
            try:
                for function, arguments in calls:
                    function(*arguments)
            finally:
                graph = stream.end_capture()
        graph.upload(stream)
    except Exception as error:  # CuPy, Numba and CUDA have errors of their own for it
        warnings.warn(f"the step cannot be captured into a CUDA graph ({error}); its calls are replayed one by one", RuntimeWarning, stacklevel=4)
        return None
    return Graph(graph, stream, cupy)
