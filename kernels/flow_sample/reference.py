"""The definition: bilinear sampling as in affine_sample, at the pixel's own place plus the flow."""
from __future__ import annotations

from ..affine_sample.reference import sample, scatter, slopes_at
from ..runtime.dispatch import array_module
from ..runtime.tracing import copy_to


def places(flow):
    """(2, H, W): where each pixel stands, x first."""
    return array_module(flow).indices(flow.shape[2:], flow.dtype)[::-1]


def positions(flow):
    """(N, 2, H, W): where each output pixel is read, x first."""
    return places(flow) + flow[:, ::-1]


def forward(x, flow, slopes=False, out=None):
    where = positions(flow)
    y = sample(x, where, edge="clamp")
    return copy_to(out, (y, slopes_at(x, where, "clamp")[:, ::-1]) if slopes else y)


def backward(g, x, flow, needs, slopes=None, out=None):
    where = positions(flow)
    grad_x = scatter(g, where, x.shape[2:], edge="clamp") if needs[0] else None
    if not needs[1]:
        return copy_to(out, (grad_x, None))
    slopes = slopes_at(x, where, "clamp")[:, ::-1] if slopes is None else slopes
    return copy_to(out, (grad_x, (g[:, None] * slopes).sum(axis=2)))
