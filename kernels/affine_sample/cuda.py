"""affine_sample.cu on CuPy arrays."""
from __future__ import annotations

import numpy as np

from ..runtime.tables import cached_table
from ..sampling.cuda import cupy, device, run_backward, run_forward
from .reference import border, grid


@cached_table
def _axes(size, output, convention, dtype, device):
    """reference.grid in affine_sample.cu's form: one number per column and row instead of one per pixel."""
    base, basis, scale = grid(size, output, convention, dtype)
    (column, row), (u, v) = base.reshape(2, *output), basis[:2].reshape(2, *output)
    axes = cupy.asarray(np.concatenate([column[0], u[0], row[:, 0], v[:, 0], scale.ravel()]))
    cupy.cuda.get_current_stream().synchronize()  # once: later calls may come on other streams
    return axes


def _positions(x, theta, output, convention):
    """(arrays, numbers) of the kernels' arguments."""
    axes = _axes(x.shape[2:], tuple(output), convention, x.dtype, device())
    return (theta, axes), (*output, border(convention) == "cut")


def forward(x, theta, convention, size, derivatives=False, out=None):
    return run_forward("affine_sample", x, *_positions(x, theta, size, convention), size, derivatives, out)


def backward(g, x, theta, convention, needs, derivatives=None, out=None):
    return run_backward("affine_sample", g, x, *_positions(x, theta, g.shape[2:], convention), needs, derivatives, out)
