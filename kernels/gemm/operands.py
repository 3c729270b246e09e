"""Named tuples that describe matrices to compiled code; to Numba each is one argument, without a cost."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Matrix(NamedTuple):
    """Element (i, j) is array[offset + i * stride + j]."""

    array: np.ndarray
    offset: int
    stride: int


class Left(NamedTuple):
    """The left matrix a of a product: a[i, k] is array[rows[i] + depths[k]], for i < height."""

    array: np.ndarray
    rows: np.ndarray
    depths: np.ndarray
    height: int


class Output(NamedTuple):
    """The result c of a product: c[i, j] is array[i * stride + j], for j < columns; it becomes activation(start + sum).

    accumulate : whether ``start`` is c[i, j]; otherwise it is bias[j], or 0 if ``bias`` is empty
    activation : LINEAR, RELU or LEAKY (kernels/simd/activation.py)
    """

    array: np.ndarray
    stride: int
    columns: int
    accumulate: bool
    bias: np.ndarray
    activation: int


class Prefetch(NamedTuple):
    """Memory that will be needed next: step k of a register block fetches the cache line of array[offset + k * step].

    It need not exist.
    """

    array: np.ndarray
    offset: int
    step: int
