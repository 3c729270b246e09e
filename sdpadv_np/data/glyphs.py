"""Glyphs: ten classes of small drawings, made by our own code, for tests and machines without any network."""
from __future__ import annotations

import numpy as np

from ..kernels import affine_sample

_DRAWINGS = (  # 7 rows of 5 cells
    "01110 10001 10001 10001 10001 10001 01110",
    "00100 01100 00100 00100 00100 00100 01110",
    "01110 10001 00001 00110 01000 10000 11111",
    "11111 00010 00100 00010 00001 10001 01110",
    "00010 00110 01010 10010 11111 00010 00010",
    "11111 10000 11110 00001 00001 10001 01110",
    "00110 01000 10000 11110 10001 10001 01110",
    "11111 00001 00010 00100 01000 01000 01000",
    "01110 10001 10001 01110 10001 10001 01110",
    "01110 10001 10001 01111 00001 00010 01100",
)


def draw(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """``count`` images (N, 28, 28) uint8 and their labels: the digits' shapes, slanted, shifted, speckled."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 10, count)
    shapes = np.array([[[int(c) for c in row] for row in drawing.split()] for drawing in _DRAWINGS], np.float32)
    canvas = np.zeros((10, 1, 28, 28), np.float32)
    canvas[:, 0, 4:25, 6:21] = shapes.repeat(3, axis=1).repeat(3, axis=2)
    angle, size = rng.uniform(-0.2, 0.2, count), rng.uniform(0.85, 1.25, count)
    slant, (right, down) = rng.uniform(-0.15, 0.15, count), rng.uniform(-0.1, 0.1, (2, count))
    cos, sin = np.cos(angle) * size, np.sin(angle) * size
    theta = np.stack([cos, -sin + slant, right, sin, cos, down], axis=1).astype(np.float32)
    x = affine_sample.forward(canvas[y], theta, implementation="numpy")[:, 0] * rng.uniform(0.7, 1, (count, 1, 1))
    x += rng.normal(0, 0.05, x.shape)
    return (np.clip(x, 0, 1) * 255).round().astype(np.uint8), y.astype(np.uint8)
