"""The definition: bilinear sampling as in affine_sample, at the pixel's own position plus the flow."""
from __future__ import annotations

from ..affine_sample.reference import derivatives_at, sample, scatter
from ..runtime.dispatch import array_module
from ..runtime.tracing import copy_to


def pixels(flow):
    """(2, H, W): the position of each pixel, x first."""
    return array_module(flow).indices(flow.shape[2:], flow.dtype)[::-1]


def positions(flow):
    """(N, 2, H, W): the position in the input of each output pixel, x first."""
    return pixels(flow) + flow[:, ::-1]


def forward(x, flow, derivatives=False, out=None):
    where = positions(flow)
    y = sample(x, where, edge="clamp")
    return copy_to(out, (y, derivatives_at(x, where, "clamp")[:, ::-1]) if derivatives else y)


def backward(g, x, flow, needs, derivatives=None, out=None):
    where = positions(flow)
    grad_x = scatter(g, where, x.shape[2:], edge="clamp") if needs[0] else None
    if not needs[1]:
        return copy_to(out, (grad_x, None))
    derivatives = derivatives_at(x, where, "clamp")[:, ::-1] if derivatives is None else derivatives
    return copy_to(out, (grad_x, (g[:, None] * derivatives).sum(axis=2)))
