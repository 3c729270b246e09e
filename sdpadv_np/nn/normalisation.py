"""Normalisation: each channel shifted and scaled to mean 0 and variance 1, over one image or over the batch."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..autodiff import ops
from ..autodiff.tensor import raw
from .layers import Layer

ACTIVATIONS = {"linear": lambda x: x, "relu": ops.relu, "leaky_relu": ops.leaky_relu, "tanh": ops.tanh}
_EPS = 1e-5  # added to a variance, so that a constant channel gives 0


@dataclass(frozen=True)
class InstanceNorm(Layer):
    """activation((x - mean) / sqrt(var + 1e-5)), mean and variance over H and W per image and channel.

    (Ulyanov et al. 2016.)
    """

    activation: str = "linear"

    def __call__(self, x):
        return ACTIVATIONS[self.activation](_normalised(x, (2, 3))[0])


@dataclass(frozen=True)
class BatchNorm(Layer):
    """activation(gamma (x - mean) / sqrt(var + 1e-5) + beta), x (N, features, H, W) (Ioffe & Szegedy 2015).

    In training, mean and variance are the batch's, over N, H and W, and the running statistics move by ``momentum``
    towards them; in evaluation the running statistics are used, as constants. They lie in the parameter store beside
    gamma and beta, so that files, checkpoints and the choice of the best epoch include them; no loss depends on them,
    so that an optimiser does not change them.

    spread : gamma is drawn from N(1, spread^2)
    """

    features: int
    activation: str = "linear"
    momentum: float = 0.1
    spread: float = 0.0

    def initial(self, rng) -> dict:
        shape = (self.features, 1, 1)
        gamma = 1 + self.spread * rng.standard_normal(shape)
        return {"gamma": gamma, "beta": np.zeros(shape), "mean": np.zeros(shape), "var": np.ones(shape)}

    def __call__(self, x, gamma, beta, mean, var):
        scale = 1 / np.sqrt(raw(var) + _EPS)
        return ACTIVATIONS[self.activation](gamma * ((x - raw(mean)) * scale) + beta)

    def training(self, x, gamma, beta, mean, var):
        normalised, batch_mean, batch_var = _normalised(x, (0, 2, 3))
        count = x.size // self.features
        self._follow(raw(mean), raw(batch_mean)[0])
        self._follow(raw(var), raw(batch_var)[0] * (count / max(count - 1, 1)))  # the unbiased estimate
        return ACTIVATIONS[self.activation](gamma * normalised + beta)

    def _follow(self, running, batch):
        running[...] = running + self.momentum * (batch - running)


def _normalised(x, axes):
    """(normalised x, mean, variance over ``axes``)."""
    mean = ops.mean(x, axis=axes, keepdims=True)
    centred = x - mean
    var = ops.mean(ops.square(centred), axis=axes, keepdims=True)
    return centred / ops.sqrt(var + _EPS), mean, var
