"""A small external classifier for images of any shape, with such images: the class is the nearest of ten patterns."""
import functools
from typing import NamedTuple

import numpy as np

import sdpadv_np as sd

CLASSES = 10


class Tiny(NamedTuple):
    """``classifier`` (sd.models.ExternalClassifier) and images with labels, all of them classified correctly."""

    classifier: object
    x: np.ndarray
    y: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray


@functools.cache
def tiny(shape=(1, 8, 8)) -> Tiny:
    """Images are patterns of .3 and .7 with some noise.

    The logits are negative squared distances to the patterns, plus a small tanh network that bends the decision
    boundaries, which would be planes otherwise.
    """
    rng = np.random.default_rng(0)
    patterns = np.where(rng.random((CLASSES, *shape)) > 0.5, 0.7, 0.3).astype(np.float32)
    W = 4 * (patterns - patterns.mean(axis=0)).reshape(CLASSES, -1).T / np.sqrt(patterns[0].size)
    b = -2 * np.square(patterns).reshape(CLASSES, -1).sum(axis=1) / np.sqrt(patterns[0].size)

    A, B = 6 * rng.standard_normal((len(W), 30)) / np.sqrt(len(W)), 0.04 * rng.standard_normal((30, CLASSES))

    def logits(x):
        flat = x.reshape(len(x), -1).astype(np.float64)  # float64, so that a result does not depend on the batch size
        return flat @ W + b + np.tanh((flat - 0.5) @ A) @ B

    def vjp(x, g):
        bent = 1 - np.square(np.tanh((x.reshape(len(x), -1).astype(np.float64) - 0.5) @ A))
        return (g @ W.T + (g @ B.T * bent) @ A.T).reshape(x.shape)

    def images(count):
        y = rng.integers(0, CLASSES, count)
        return np.clip(patterns[y] + rng.normal(0, 0.05, (count, *shape)), 0, 1).astype(np.float32), y

    result = Tiny(sd.models.ExternalClassifier(logits, vjp, shape, CLASSES), *images(128), *images(60))
    for x in (result.x, result.x_val):
        x.flags.writeable = False
    return result
