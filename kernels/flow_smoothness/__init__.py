"""The smoothness of a flow: stAdv's L_flow (Xiao et al. 2018, Eq. 4), with its gradient.

    L_flow = sum over pixels p, and the four diagonal neighbours q of p, of sqrt(|flow_p - flow_q|² + 1e-8)

The diagonal neighbours are those of the published program (rakutentech/stAdv; the paper's text has the
four adjacent ones). Beyond the edge the flow is padded:

    symmetric   with the pixels of the edge: a constant flow has no loss
    constant    with zeros: the flow is drawn to 0 at the edge

Without the 1e-8 equal neighbours would have no gradient; with it a constant flow has L_flow = 4e-4 per
pixel.
"""
from __future__ import annotations

from ..runtime.dispatch import Implementations

PADDINGS = ("symmetric", "constant")
INSIDE_ROOT = 1e-8

_choose = Implementations(__name__, numpy="reference", numba="numba_cpu")
implementations, why_not = _choose.available, _choose.why_not


def value_and_gradient(flow, padding="symmetric", implementation=None):
    """(L_flow (N,), its gradient (N, 2, H, W)) of flows (N, 2, H, W) in pixels, float32 or float64.

    >>> import numpy as np
    >>> from sdpadv_np.kernels import flow_smoothness
    >>> value, gradient = flow_smoothness.value_and_gradient(np.full((1, 2, 28, 28), 3.0))
    >>> round(float(value[0]), 4), float(abs(gradient).max())
    (0.3136, 0.0)
    """
    if flow.ndim != 4 or flow.shape[1] != 2 or min(flow.shape[2:]) < 1:
        raise ValueError(f"flow has shape {list(flow.shape)}; it must be (N, 2, H, W) with at least one pixel")
    if flow.dtype.kind != "f" or flow.dtype.itemsize < 4:
        raise ValueError(f"flow is {flow.dtype}; it must be float32 or float64")
    if padding not in PADDINGS:
        raise ValueError(f"padding is {padding!r}; choose one of {', '.join(PADDINGS)}")
    return _choose(flow, implementation).value_and_gradient(flow, padding, flow.dtype.type(INSIDE_ROOT))
