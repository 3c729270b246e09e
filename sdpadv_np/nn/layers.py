"""Layers: what they compute, and how their parameters begin. They hold no numbers themselves."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..autodiff import ops

INITIAL = {  # how weights begin; fan_in and fan_out count the numbers that an output and an input meet
    "fan_in": lambda rng, shape, fan_in, fan_out: rng.uniform(-1, 1, shape) / np.sqrt(fan_in),  # LeCun et al. 1998, uniform; PyTorch's default
    "glorot": lambda rng, shape, fan_in, fan_out: rng.uniform(-1, 1, shape) * np.sqrt(6 / (fan_in + fan_out)),  # Glorot & Bengio 2010
    "he": lambda rng, shape, fan_in, fan_out: rng.standard_normal(shape) * np.sqrt(2 / fan_in),  # He et al. 2015, before a ReLU
    "dcgan": lambda rng, shape, fan_in, fan_out: rng.standard_normal(shape) * 0.02,  # Radford et al. 2016, of GANs
    "zero": lambda rng, shape, fan_in, fan_out: np.zeros(shape),
}


@dataclass(frozen=True)
class Dense:
    """activation(x W + b): x (N, inputs) -> (N, outputs).

    init : how W begins, a name in INITIAL
    bias : how b begins; zeros if None
    """

    inputs: int
    outputs: int
    activation: str = "linear"
    init: str = "glorot"
    bias: tuple | None = None

    def initial(self, rng) -> dict:
        shape = (self.inputs, self.outputs)
        return {"W": INITIAL[self.init](rng, shape, *shape), "b": np.zeros(self.outputs) if self.bias is None else np.array(self.bias)}

    def __call__(self, x, W, b):
        return ops.dense(x, W, b, activation=self.activation)


@dataclass(frozen=True)
class Conv2d:
    """activation(conv2d(x, W) + b): x (N, inputs, H, W) -> (N, outputs, H', W').

    algorithm : auto, direct or winograd, see kernels/conv2d
    """

    inputs: int
    outputs: int
    kernel: tuple[int, int]
    stride: int = 1
    padding: str = "valid"
    activation: str = "linear"
    init: str = "glorot"
    algorithm: str = "auto"

    def initial(self, rng) -> dict:
        area = self.kernel[0] * self.kernel[1]
        W = INITIAL[self.init](rng, (self.outputs, self.inputs, *self.kernel), self.inputs * area, self.outputs * area)
        return {"W": W, "b": np.zeros((self.outputs, 1, 1))}

    def __call__(self, x, W, b):
        return ops.conv2d_layer(x, W, b, stride=self.stride, padding=self.padding, activation=self.activation, algorithm=self.algorithm)


@dataclass(frozen=True)
class Flatten:
    """(N, ...) -> (N, everything else)."""

    def initial(self, rng) -> dict:
        return {}

    def __call__(self, x):
        return ops.reshape(x, shape=(x.shape[0], -1))


@dataclass(frozen=True)
class MaxPool2d:
    """The maximum of each window: x (N, C, H, W) -> (N, C, H', W').

    kernel, stride : a number or (down, right); stride None is the kernel's size, so that windows do not overlap
    padding : "valid", "same", a number or ((top, bottom), (left, right)); padding never wins
    """

    kernel: int | tuple[int, int] = 2
    stride: int | tuple[int, int] | None = None
    padding: str | int | tuple = "valid"

    def initial(self, rng) -> dict:
        return {}

    def __call__(self, x):
        return ops.max_pool2d(x, kernel_size=self.kernel, stride=self.stride, padding=self.padding)


@dataclass(frozen=True)
class AvgPool2d:
    """The mean of each window: x (N, C, H, W) -> (N, C, H', W'); padding counts as zeros, otherwise as :class:`MaxPool2d`."""

    kernel: int | tuple[int, int] = 2
    stride: int | tuple[int, int] | None = None
    padding: str | int | tuple = "valid"

    def initial(self, rng) -> dict:
        return {}

    def __call__(self, x):
        return ops.avg_pool2d(x, kernel_size=self.kernel, stride=self.stride, padding=self.padding)
