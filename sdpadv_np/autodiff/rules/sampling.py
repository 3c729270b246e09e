"""Derivatives of bilinear sampling.

The value at a position is linear in the image and, in the position, a product of hat functions. So sampling with the
hats differentiated (``dy``, ``dx`` times) and its transpose in the image, ``scatter``, are closed under
differentiation:

    S = sample(x, p)     x̄ = scatter(ȳ, p)     p̄_x = Σ_c ȳ sample(x, p, dy, dx + 1),  p̄_y likewise

The affine sampler is S at p = base + scale ((θ − I) basis), see kernels/affine_sample; its fused rule is one kernel
for both gradients.
"""
# ruff: noqa: E501  (a table: one line per derivative)
from __future__ import annotations

import numpy as np

from ...kernels import affine_sample as kernel
from ...kernels import flow_sample as flow_kernel
from ...kernels.affine_sample import reference
from ...kernels.flow_sample import reference as flow_reference
from ..registry import define
from ..tensor import raw
from ._samples import case, cases
from .reduction import sum
from .shape import concatenate, reshape


def _position_gradient(g, x, positions, dy, dx, edge):
    """Gradient of the positions (N,2,Ho,Wo): x first."""
    return concatenate(
        sum(g * sample(x, positions, dy=dy, dx=dx + 1, edge=edge), axis=1, keepdims=True),
        sum(g * sample(x, positions, dy=dy + 1, dx=dx, edge=edge), axis=1, keepdims=True),
        axis=1,
    )


def affine_positions(theta, size, output, convention):
    """Pixel positions (N,2,*output) for theta (N,2,3) or (N,6): linear in theta."""
    base, basis, scale, identity = reference.grid_for(raw(theta), size, output, convention)
    deviation = reshape(theta, shape=(-1, 2, 3)) - identity
    return reshape(base + scale * (deviation @ basis), shape=(-1, 2, *output))


def _theta_gradient(g, y, x, theta, convention, size):
    output = y.shape[2:]
    positions = affine_positions(theta, x.shape[2:], output, convention)
    of_positions = _position_gradient(g, x, positions, 0, 0, reference.border(convention))
    _, basis, scale, _ = reference.grid_for(raw(theta), x.shape[2:], output, convention)
    return reshape(scale * (reshape(of_positions, shape=(-1, 2, output[0] * output[1])) @ basis.T), shape=theta.shape)


def _saving(forward, needs, *arguments):
    """(y, the spatial derivatives), which the fused rule needs where only positions are differentiated."""
    return forward(*arguments, derivatives=True) if needs == [False, True] else (forward(*arguments), None)


def flow_positions(flow):
    """Pixel positions (N,2,H,W), x first, for a flow (N,2,H,W) in pixels, down first: linear in the flow."""
    return flow_reference.pixels(raw(flow)) + concatenate(flow[:, 1:], flow[:, :1], axis=1)


def _flow_gradient(g, y, x, flow):
    of_positions = _position_gradient(g, x, flow_positions(flow), 0, 0, "clamp")
    return concatenate(of_positions[:, 1:], of_positions[:, :1], axis=1)


def _affine_terms(x, theta, convention, size):
    grid = x.shape[2:], size or x.shape[2:], convention
    _, basis, scale, _ = reference.grid_for(theta, *grid)
    return {
        "positions": lambda theta: affine_positions(theta, *grid), "basis": basis, "scale": scale,
        "edge": reference.border(convention),
    }


@case
def _off_grid(rng, shape, output, **params):
    """Images (or with ``size`` what is scattered into them), positions 0.1 pixels from every kink, some outside."""
    whole = rng.integers(-2, max(shape[2:]) + 1, (shape[0], 2, *output))
    value = rng.standard_normal((*shape[:2], *output) if "size" in params else shape)
    return [value, whole + rng.uniform(0.1, 0.9, whole.shape)]


@case
def _affine_case(rng, shape, convention, size=None):
    """x and a theta none of whose positions comes near a whole number, found by trial."""
    while True:
        theta = np.array([1, 0, 0, 0, 1, 0]) + rng.uniform(-0.4, 0.4, (shape[0], 6))
        p = affine_positions(theta, shape[2:], size or shape[2:], convention)
        if np.abs(p - np.round(p)).min() > 1e-3:
            return [rng.standard_normal(shape), theta]


@case
def _flow_case(rng, shape):
    """x and a flow whose positions keep 0.1 pixels from whole numbers, some beyond the edge."""
    whole = rng.integers(-2, 3, (shape[0], 2, *shape[2:]))
    return [rng.standard_normal(shape), whole + rng.uniform(0.1, 0.9, whole.shape)]


_KINKS = "at whole pixel positions the derivative towards the next pixel is taken"

sample = define(
    "sample", lambda x, positions, dy=0, dx=0, edge="zeros": reference.sample(x, positions, dy, dx, edge),
    lambda g, y, x, positions, dy, dx, edge: scatter(g, positions, size=x.shape[2:], dy=dy, dx=dx, edge=edge),
    lambda g, y, x, positions, dy, dx, edge: _position_gradient(g, x, positions, dy, dx, edge),
    formula="x̄ = scatter(ȳ, p),  p̄ = (Σ_c ȳ S_x, Σ_c ȳ S_y)  with S_x = sample(x, p, dy, dx + 1),  S_y = sample(x, p, dy + 1, dx)", reads=(0, 1), kinks=_KINKS,
    samples=cases(_off_grid((2, 3, 4, 5), (2, 3)), _off_grid((2, 1, 4, 5), (2, 2), edge="cut"), _off_grid((1, 2, 4, 4), (2, 2), dx=1)),
    doc="Bilinear values of x (N,C,H,W) at pixel positions (N,2,Ho,Wo), x first -> (N,C,Ho,Wo).",
)
scatter = define(
    "scatter", lambda g, positions, size, dy=0, dx=0, edge="zeros": reference.scatter(g, positions, size, dy, dx, edge),
    lambda h, y, g, positions, size, dy, dx, edge: sample(h, positions, dy=dy, dx=dx, edge=edge),
    lambda h, y, g, positions, size, dy, dx, edge: _position_gradient(g, h, positions, dy, dx, edge),
    formula="ḡ = sample(ȳ, p),  p̄ = (Σ_c g S_x, Σ_c g S_y)  with S_x = sample(ȳ, p, dy, dx + 1),  S_y = sample(ȳ, p, dy + 1, dx)", reads=(0, 1), kinks=_KINKS,
    samples=cases(_off_grid((2, 3, 4, 5), (2, 3), size=(4, 5)),
                  _off_grid((1, 2, 4, 4), (2, 2), size=(4, 4), dy=1)),
    doc="The transpose of sample in the image: g (N,C,Ho,Wo) added at positions -> (N,C,*size).",
)
affine_sample = define(
    "affine_sample", lambda x, theta, convention="half_pixel", size=None: kernel.forward(x, theta, convention, size),
    lambda g, y, x, theta, convention, size: scatter(
        g, affine_positions(theta, x.shape[2:], y.shape[2:], convention), size=x.shape[2:], edge=reference.border(convention)),
    _theta_gradient,
    formula="x̄ = scatter(ȳ, p, size(x)),  θ̄ = scale · D basisᵀ  with p = positions(θ),  S_x = sample(x, p, 0, 1),  S_y = sample(x, p, 1, 0),  D = flattened((Σ_c ȳ S_x, Σ_c ȳ S_y))", terms=_affine_terms, reads=(0, 1), kinks=_KINKS,
    saving=lambda x, theta, needs, convention, size: _saving(kernel.forward, needs, x, theta, convention, size),
    fused=lambda g, y, x, theta, needs, saved, out, convention, size: kernel.backward(g, x, theta, convention, needs=needs, derivatives=saved),
    samples=cases(_affine_case((2, 2, 3, 4), convention="half_pixel"), _affine_case((1, 1, 4, 3), convention="align_corners", size=(2, 3)),
                  _affine_case((2, 1, 3, 3), convention="tf_reference")),
    doc="Bilinear values of x (N,C,H,W) along the affine grids theta (N,2,3) or (N,6); see kernels/affine_sample.",
    hint="x (N,C,H,W), theta (N,2,3) or (N,6), same dtype, convention half_pixel, align_corners or tf_reference",
)
flow_sample = define(
    "flow_sample", lambda x, flow: flow_kernel.forward(x, flow),
    lambda g, y, x, flow: scatter(g, flow_positions(flow), size=x.shape[2:], edge="clamp"),
    _flow_gradient,
    formula="x̄ = scatter(ȳ, p),  f̄low = (Σ_c ȳ S_y, Σ_c ȳ S_x)  with p = positions(flow),  S_x = sample(x, p, 0, 1),  S_y = sample(x, p, 1, 0)", terms=lambda x, flow: {"positions": flow_positions, "edge": "clamp"}, reads=(0, 1), kinks=_KINKS,
    saving=lambda x, flow, needs: _saving(flow_kernel.forward, needs, x, flow),
    fused=lambda g, y, x, flow, needs, saved, out: flow_kernel.backward(g, x, flow, needs=needs, derivatives=saved),
    samples=cases(_flow_case((2, 2, 4, 3)), _flow_case((1, 1, 3, 5))),
    doc="Bilinear values of x (N,C,H,W) at each pixel's place plus flow (N,2,H,W), in pixels, down first; see kernels/flow_sample.",
    hint="x (N,C,H,W), flow (N,2,H,W), same dtype",
)
