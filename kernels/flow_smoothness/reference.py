"""The definition in NumPy: four shifted copies of the padded flow."""
from __future__ import annotations

import numpy as np

from ..runtime.dispatch import array_module


def value_and_gradient(flow, padding, inside):
    _, _, h, w = flow.shape
    padded = np.pad(flow, ((0, 0), (0, 0), (1, 1), (1, 1)), mode=padding)
    value, inner, outer = array_module(flow).zeros(len(flow), flow.dtype), np.zeros_like(flow), np.zeros_like(padded)
    for i in (0, 2):
        for j in (0, 2):
            difference = flow - padded[:, :, i : i + h, j : j + w]
            length = np.sqrt((difference * difference).sum(axis=1, keepdims=True) + inside)
            value += length.sum(axis=(1, 2, 3))
            inner += difference / length
            outer[:, :, i : i + h, j : j + w] -= difference / length
    if padding == "symmetric":  # the padding repeats the pixels of the edge
        outer[:, :, 1] += outer[:, :, 0]
        outer[:, :, -2] += outer[:, :, -1]
        outer[:, :, :, 1] += outer[:, :, :, 0]
        outer[:, :, :, -2] += outer[:, :, :, -1]
    return value, inner + outer[:, :, 1:-1, 1:-1]
