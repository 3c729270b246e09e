"""Sampling along a flow: y[n,c,i,j] is x[n,c] at the position (i + flow[n,0,i,j], j + flow[n,1,i,j]).

The flow is in pixels, its first channel downwards, its second to the right (stAdv: Xiao et al.
2018, Eq. 1-2). Between pixels the image is interpolated bilinearly. A position beyond the edge is
clamped to the edge; there the flow has no influence and its gradient is 0. At whole positions, where
the derivative jumps, it is taken towards the next pixel, and on the last pixel towards the one before.
A position that is NaN is read at 0.
"""
from __future__ import annotations

from ..runtime.dispatch import Implementations
from ..runtime.tracing import traceable
from ..sampling import check_derivatives

_choose = Implementations(__name__, numpy="reference", numba="numba_cpu", cuda="cuda", numba_cuda="numba_cuda")
implementations, why_not = _choose.available, _choose.why_not


@traceable
def forward(x, flow, implementation=None, derivatives=False, out=None):
    """Sample images along flows.

    x : (N, C, H, W) float32 or float64, NumPy or CuPy
    flow : (N, 2, H, W), same dtype, in pixels: down, right
    derivatives : also return the derivatives of y by the flow (N, 2, C, H, W), for :func:`backward`
    out : arrays for the results
    returns y (N, C, H, W), or (y, derivatives)

    >>> import numpy as np
    >>> from sdpadv_np.kernels import flow_sample
    >>> x = np.arange(4, dtype=np.float32).reshape(1, 1, 2, 2)
    >>> right = np.stack([np.zeros((1, 2, 2)), np.full((1, 2, 2), 0.5)], axis=1).astype(np.float32)
    >>> flow_sample.forward(x, right)[0, 0].tolist()
    [[0.5, 1.0], [2.5, 3.0]]
    """
    _check(x, flow)
    return _choose(x, implementation).forward(x, flow, derivatives, out)


@traceable
def backward(grad_y, x, flow, implementation=None, needs=(True, True), derivatives=None, out=None):
    """The gradients (grad_x, grad_flow) of :func:`forward`; None for one that ``needs`` leaves out.

    grad_y : (N, C, H, W), the gradient of y, of x's dtype
    derivatives : those returned by ``forward(..., derivatives=True)``, or None
    grad_x has x's shape, grad_flow the flow's.
    """
    _check(x, flow)
    if grad_y.shape != x.shape or grad_y.dtype != x.dtype:
        raise ValueError(f"grad_y is {grad_y.dtype}{list(grad_y.shape)}, x {x.dtype}{list(x.shape)}; they must agree")
    check_derivatives(derivatives, (len(x), 2, *x.shape[1:]), x.dtype)
    return _choose(x, implementation).backward(grad_y, x, flow, tuple(needs), derivatives, out or (None, None))


def _check(x, flow):
    if x.ndim != 4 or min(x.shape[1:]) < 1:
        raise ValueError(f"x has shape {list(x.shape)}; it must be (N, C, H, W) with at least one pixel and channel")
    if flow.shape != (len(x), 2, *x.shape[2:]):
        raise ValueError(
            f"flow has shape {list(flow.shape)}; for x {list(x.shape)} it must be {[len(x), 2, *x.shape[2:]]}"
        )
    if x.dtype != flow.dtype or x.dtype.kind != "f" or x.dtype.itemsize < 4:
        raise ValueError(f"x is {x.dtype}, flow {flow.dtype}; both must be float32, or both float64")
