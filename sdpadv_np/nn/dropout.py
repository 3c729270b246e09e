"""Dropout, with random numbers that depend on arrays of the parameter store alone."""
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .. import checks
from ..autodiff import ops
from ..autodiff.tensor import raw
from ..kernels.runtime.tracing import copy_to, traceable
from ..xp import array_module
from .layers import Layer

_LEVELS = 1 << 16  # a rate is rounded to multiples of 1 / _LEVELS
_DRAWS = 1 << 24  # masks before they repeat; whole numbers up to it are exact in float32
_GAMMA = 0x9E3779B97F4A7C15  # SplitMix64's increment


@dataclass(frozen=True)
class Dropout(Layer):
    """In training each element is 0 with probability ``rate``, the others are divided by 1 - rate.

    In evaluation the layer returns x itself (Srivastava et al. 2014). The seed and the number of masks drawn so far
    lie in the parameter store as ``state``, beside the weights: files and checkpoints include them, so that a resumed
    training draws the same masks, and a recorded step (Plan) draws a new mask in every replay. No loss depends on
    them, so that an optimiser does not change them. Masks repeat after 16,777,216 training steps.

    >>> import numpy as np
    >>> from sdpadv_np.nn import Dropout, Network, ParameterStore
    >>> network = Network("example", [Dropout(1 / 3)])
    >>> store = ParameterStore([network], seed=0)
    >>> x = np.ones((1, 8), np.float32)
    >>> network(x).tolist()
    [[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]]
    >>> sorted(set(network(x, training=True).round(1).ravel().tolist()))
    [0.0, 1.5]
    """

    rate: float = 0.5

    def __post_init__(self):
        checks.number("rate", self.rate, 0, 0.999)

    def initial(self, rng) -> dict:
        return {"state": np.array([rng.integers(_DRAWS), 0])}

    def __call__(self, x, state):
        return x

    def training(self, x, state):
        state, dropped = raw(state), round(self.rate * _LEVELS)
        keep = random_mask(state, x.shape, dropped)
        state[1:] = np.fmod(state[1:] + 1, _DRAWS)
        return ops.where(keep, x * (_LEVELS / (_LEVELS - dropped)), 0)


@traceable
def random_mask(state, shape, dropped, out=None):
    """Booleans of ``shape``, False with probability dropped / 65536, by SplitMix64 (Steele, Lea & Flood 2014).

    state : (2,) whole numbers, the seed and the number of the draw; the same on every device gives the same mask
    """
    module, size = array_module(state), math.prod(shape)
    seed = _mixed(state.astype(np.uint64)[:1] * _DRAWS + state.astype(np.uint64)[1:])
    words = _mixed(seed + module.arange(1, size // 4 + 2, dtype=np.uint64) * _GAMMA)
    return copy_to(out, (words.view(np.uint16)[:size] >= dropped).reshape(shape))  # four draws per word


def _mixed(z):
    """SplitMix64's output function of z (uint64)."""
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB
    return z ^ (z >> 31)
