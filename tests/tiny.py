"""A tiny classifier from outside and images for it, of any shape: ten patterns, told apart by their nearest."""
import functools
from typing import NamedTuple

import numpy as np

import sdpadv_np as sd

CLASSES = 10


class Tiny(NamedTuple):
    """``classifier`` (sd.models.Foreign) and images with their labels, all of which it gets right."""

    classifier: object
    x: np.ndarray
    y: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray


@functools.lru_cache(maxsize=None)
def tiny(shape=(1, 8, 8)) -> Tiny:
    """Patterns of .3 and .7 with a little noise; the logits grow as the squared distances to the patterns fall, and are bent a little."""
    rng = np.random.default_rng(0)
    patterns = np.where(rng.random((CLASSES, *shape)) > 0.5, 0.7, 0.3).astype(np.float32)
    W = 4 * (patterns - patterns.mean(axis=0)).reshape(CLASSES, -1).T / np.sqrt(patterns[0].size)
    b = -2 * np.square(patterns).reshape(CLASSES, -1).sum(axis=1) / np.sqrt(patterns[0].size)

    def logits(x):
        z = x.reshape(len(x), -1) @ W + b
        return z + 0.2 * np.tanh(z)

    def vjp(x, g):
        slope = 1 + 0.2 * (1 - np.square(np.tanh(x.reshape(len(x), -1) @ W + b)))
        return ((g * slope) @ W.T).reshape(x.shape)

    def images(count):
        y = rng.integers(0, CLASSES, count)
        return np.clip(patterns[y] + rng.normal(0, 0.05, (count, *shape)), 0, 1).astype(np.float32), y

    result = Tiny(sd.models.Foreign(logits, vjp, shape, CLASSES), *images(128), *images(60))
    for x in (result.x, result.x_val):
        x.flags.writeable = False
    return result
