"""flow_sample.cu on CuPy arrays."""
from __future__ import annotations

from ..sampling.cuda import run_backward, run_forward


def forward(x, flow, derivatives=False, out=None):
    return run_forward("flow_sample", x, (flow,), (), x.shape[2:], derivatives, out)


def backward(g, x, flow, needs, derivatives=None, out=None):
    return run_backward("flow_sample", g, x, (flow,), (), needs, derivatives, out)
