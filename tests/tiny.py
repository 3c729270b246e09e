"""A tiny classifier from outside and images for it, of any shape: ten patterns, told apart by their nearest."""
import functools
from typing import NamedTuple

import numpy as np

import sdpadv_np as sd

CLASSES = 10


class Tiny(NamedTuple):
    """``classifier`` (sd.models.ExternalClassifier) and images with their labels, all of which it gets right."""

    classifier: object
    x: np.ndarray
    y: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray


@functools.lru_cache(maxsize=None)
def tiny(shape=(1, 8, 8)) -> Tiny:
    """Patterns of .3 and .7 with a little noise; the logits grow as the squared distances to the patterns fall, and a small tanh network beside them bends what would be planes."""
    rng = np.random.default_rng(0)
    patterns = np.where(rng.random((CLASSES, *shape)) > 0.5, 0.7, 0.3).astype(np.float32)
    W = 4 * (patterns - patterns.mean(axis=0)).reshape(CLASSES, -1).T / np.sqrt(patterns[0].size)
    b = -2 * np.square(patterns).reshape(CLASSES, -1).sum(axis=1) / np.sqrt(patterns[0].size)

    A, B = 6 * rng.standard_normal((len(W), 30)) / np.sqrt(len(W)), 0.04 * rng.standard_normal((30, CLASSES))

    def logits(x):
        flat = x.reshape(len(x), -1).astype(np.float64)  # rounded at the end, so that a result does not depend on the batch
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
