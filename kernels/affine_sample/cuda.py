"""affine_sample.cu on CuPy arrays."""
from __future__ import annotations

import numpy as np

from ..runtime.tables import cached_table
from ..runtime.tracing import copy_to
from ..sampling.cuda import copies_for_backward, cupy, device, kernels
from .reference import border, grid


@cached_table
def _axes(size, output, convention, dtype, device):
    """reference.grid as affine_sample.cu wants it: one number per column and row instead of per pixel."""
    base, basis, scale = grid(size, output, convention, dtype)
    (column, row), (u, v) = base.reshape(2, *output), basis[:2].reshape(2, *output)
    axes = cupy.asarray(np.concatenate([column[0], u[0], row[:, 0], v[:, 0], scale.ravel()]))
    cupy.cuda.get_current_stream().synchronize()  # once: later calls may come on other streams
    return axes


def _tables(x, output, convention):
    return _axes(x.shape[2:], tuple(output), convention, x.dtype, device()), border(convention) == "cut"


def forward(x, theta, convention, size, slopes=False, out=None):
    x, theta = cupy.ascontiguousarray(x), cupy.ascontiguousarray(theta)
    y = cupy.empty((*x.shape[:2], *size), x.dtype)
    along = cupy.empty((len(x), 2, *y.shape[1:]), x.dtype) if slopes else None
    axes, cut = _tables(x, size, convention)
    kernels("affine_sample", x.dtype).launch("forward", 1, x.shape[2:], size, (x, theta, axes, y, along), *x.shape, *size, cut)
    return copy_to(out, (y, along) if slopes else y)


def backward(g, x, theta, convention, needs, slopes=None, out=None):
    g, x, theta = cupy.ascontiguousarray(g), cupy.ascontiguousarray(x), cupy.ascontiguousarray(theta)
    slopes = None if slopes is None else cupy.ascontiguousarray(slopes)
    grad_x = cupy.empty(x.shape, x.dtype) if needs[0] else None
    grad_theta = cupy.empty(theta.shape, x.dtype) if needs[1] else None
    if any(needs):
        output = g.shape[2:]
        axes, cut = _tables(x, output, convention)
        arrays = (g, x, theta, axes, slopes, grad_x, grad_theta)
        kernels("affine_sample", x.dtype).launch("backward", copies_for_backward(needs, slopes), x.shape[2:], output, arrays, *x.shape, *output, cut)
    return copy_to(out, (grad_x, grad_theta))
