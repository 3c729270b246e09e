"""Layers: what they compute, and how their parameters begin. They hold no numbers themselves."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..autodiff import ops

ACTIVATIONS = {"linear": lambda x: x, "relu": ops.relu, "tanh": ops.tanh}


INITIAL = {  # weights (values as float64) by name; fan_in and fan_out count the numbers an output and an input meet
    "glorot": lambda rng, shape, fan_in, fan_out: rng.uniform(-1, 1, shape) * np.sqrt(6 / (fan_in + fan_out)),  # Glorot & Bengio 2010
    "he": lambda rng, shape, fan_in, fan_out: rng.standard_normal(shape) * np.sqrt(2 / fan_in),  # He et al. 2015, before a ReLU
    "zero": lambda rng, shape, fan_in, fan_out: np.zeros(shape),
}


def unit_norm(rng, shape, output_axis: int) -> np.ndarray:
    """Normal weights, then the weights of each output scaled to length 1: as Defense-GAN's classifiers begin."""
    w = rng.standard_normal(shape)
    others = tuple(i for i in range(len(shape)) if i != output_axis)
    return w / np.sqrt(np.square(w).sum(axis=others, keepdims=True))


@dataclass(frozen=True)
class Dense:
    """activation(x W + b): x (N, inputs) -> (N, outputs).

    init : how W begins, "unit" or a name in INITIAL
    bias : how b begins; zeros if None
    """

    inputs: int
    outputs: int
    activation: str = "linear"
    init: str = "glorot"
    bias: tuple | None = None

    def initial(self, rng) -> dict:
        shape = (self.inputs, self.outputs)
        W = unit_norm(rng, shape, 1) if self.init == "unit" else INITIAL[self.init](rng, shape, *shape)
        return {"W": W, "b": np.zeros(self.outputs) if self.bias is None else np.array(self.bias)}

    def __call__(self, x, W, b):
        return ACTIVATIONS[self.activation](ops.dense(x, W, b))


@dataclass(frozen=True)
class Conv2d:
    """activation(conv2d(x, W) + b): x (N, inputs, H, W) -> (N, outputs, H', W'); W begins with unit_norm."""

    inputs: int
    outputs: int
    kernel: tuple[int, int]
    stride: int = 1
    padding: str = "valid"
    activation: str = "linear"

    def initial(self, rng) -> dict:
        return {"W": unit_norm(rng, (self.outputs, self.inputs, *self.kernel), 0), "b": np.zeros((self.outputs, 1, 1))}

    def __call__(self, x, W, b):
        return ACTIVATIONS[self.activation](ops.conv2d(x, W, stride=self.stride, padding=self.padding) + b)


@dataclass(frozen=True)
class Flatten:
    """(N, ...) -> (N, everything else)."""

    def initial(self, rng) -> dict:
        return {}

    def __call__(self, x):
        return ops.reshape(x, shape=(x.shape[0], -1))
