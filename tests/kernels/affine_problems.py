"""Shared by the tests of the affine sampler: the formula in loops, and problems away from the kinks."""
import math

import numpy as np

from sdpadv_np.kernels.affine_sample import reference


def by_hand(x, theta, convention, size):
    """The formula, one pixel at a time, in Python floats."""
    n, c, h, w = x.shape
    y = np.zeros((n, c, *size))
    for k in range(n):
        (a, b, e), (cc, d, f) = theta[k].tolist()
        for i in range(size[0]):
            for j in range(size[1]):

                def normal(q, m):
                    if convention == "half_pixel":
                        return (2 * q + 1) / m - 1
                    return 2 * q / (m - 1) - 1 if m > 1 else 0.0

                def pixel(t, m):
                    return (
                        ((t + 1) * m - 1) / 2
                        if convention == "half_pixel"
                        else (t + 1) * ((m - 1) if convention == "align_corners" else m) / 2
                    )

                u, v = normal(j, size[1]), normal(i, size[0])
                p, q = pixel(a * u + b * v + e, w), pixel(cc * u + d * v + f, h)
                if convention == "tf_reference" and not (0 <= p < w - 1 and 0 <= q < h - 1):
                    continue
                for row in (math.floor(q), math.floor(q) + 1):
                    for column in (math.floor(p), math.floor(p) + 1):
                        if 0 <= row < h and 0 <= column < w:
                            y[k, :, i, j] += x[k, :, row, column] * (1 - abs(p - column)) * (1 - abs(q - row))
    return y


def problem(rng, size=(5, 6), output=None, n=3, c=2, dtype=np.float64, spread=0.5, convention="half_pixel"):
    """Images, gradients and thetas whose positions keep away from whole pixels, the kinks."""
    output = output or size
    while True:
        theta = np.array([[1, 0, 0], [0, 1, 0]]) + rng.uniform(-spread, spread, (n, 2, 3))
        p = reference.positions(theta, size, output, convention)
        movable = (
            reference.grid(size, output, convention, np.dtype(np.float64))[2].ravel() > 0
        )  # a 1-pixel axis may have no extent
        if np.abs(p - np.round(p))[:, movable].min(initial=1) > 1e-5:
            break
    return (
        rng.standard_normal((n, c, *size)).astype(dtype),
        theta.astype(dtype),
        rng.standard_normal((n, c, *output)).astype(dtype),
    )
