"""flow_sample.cu on CuPy arrays."""
from __future__ import annotations

from ..runtime.tracing import copy_to
from ..sampling.cuda import copies_for_backward, cupy, kernels


def forward(x, flow, slopes=False, out=None):
    x, flow = cupy.ascontiguousarray(x), cupy.ascontiguousarray(flow)
    y = cupy.empty(x.shape, x.dtype)
    along = cupy.empty((len(x), 2, *x.shape[1:]), x.dtype) if slopes else None
    kernels("flow_sample", x.dtype).launch("forward", 1, x.shape[2:], x.shape[2:], (x, flow, y, along), *x.shape)
    return copy_to(out, (y, along) if slopes else y)


def backward(g, x, flow, needs, slopes=None, out=None):
    g, x, flow = cupy.ascontiguousarray(g), cupy.ascontiguousarray(x), cupy.ascontiguousarray(flow)
    slopes = None if slopes is None else cupy.ascontiguousarray(slopes)
    grad_x = cupy.empty(x.shape, x.dtype) if needs[0] else None
    grad_flow = cupy.empty(flow.shape, x.dtype) if needs[1] else None
    if any(needs):
        arrays = (g, x, flow, slopes, grad_x, grad_flow)
        kernels("flow_sample", x.dtype).launch("backward", copies_for_backward(needs, slopes), x.shape[2:], x.shape[2:], arrays, *x.shape)
    return copy_to(out, (grad_x, grad_flow))
