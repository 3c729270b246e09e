"""Layers: what they compute, and how their parameters begin. They hold no numbers themselves."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..autodiff import ops

ACTIVATIONS = {"linear": lambda x: x, "relu": ops.relu, "tanh": ops.tanh}


def initial_weight(rng, shape, fan_in: int, fan_out: int, activation: str) -> np.ndarray:
    """He et al. 2015 (normal, variance 2/fan_in) before a ReLU, Glorot & Bengio 2010 (uniform) otherwise."""
    if activation == "relu":
        return rng.standard_normal(shape) * np.sqrt(2 / fan_in)
    limit = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, shape)


@dataclass(frozen=True)
class Dense:
    """activation(x W + b): x (N, inputs) -> (N, outputs).

    ``bias`` gives the initial bias; then the weights begin at zero, so that every input yields it.
    """

    inputs: int
    outputs: int
    activation: str = "linear"
    bias: tuple | None = None

    def initial(self, rng) -> dict:
        shape = (self.inputs, self.outputs)
        if self.bias is not None:
            return {"W": np.zeros(shape), "b": np.array(self.bias)}
        return {"W": initial_weight(rng, shape, *shape, self.activation), "b": np.zeros(self.outputs)}

    def __call__(self, x, W, b):
        return ACTIVATIONS[self.activation](ops.dense(x, W, b))


@dataclass(frozen=True)
class Conv2d:
    """activation(conv2d(x, W) + b): x (N, inputs, H, W) -> (N, outputs, H', W')."""

    inputs: int
    outputs: int
    kernel: tuple[int, int]
    stride: int = 1
    padding: str = "valid"
    activation: str = "linear"

    def initial(self, rng) -> dict:
        shape = (self.outputs, self.inputs, *self.kernel)
        area = self.kernel[0] * self.kernel[1]
        return {
            "W": initial_weight(rng, shape, self.inputs * area, self.outputs * area, self.activation),
            "b": np.zeros((self.outputs, 1, 1)),
        }

    def __call__(self, x, W, b):
        return ACTIVATIONS[self.activation](ops.conv2d(x, W, stride=self.stride, padding=self.padding) + b)


@dataclass(frozen=True)
class Flatten:
    """(N, ...) -> (N, everything else)."""

    def initial(self, rng) -> dict:
        return {}

    def __call__(self, x):
        return ops.reshape(x, shape=(x.shape[0], -1))
