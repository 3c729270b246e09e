"""Layers: their computation and their initial parameters, which a ParameterStore holds."""
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..autodiff import ops

INITIAL = {  # (rng, shape, fan_in, fan_out) -> initial weights
    # LeCun et al. 1998, uniform; PyTorch's default
    "fan_in": lambda rng, shape, fan_in, _: rng.uniform(-1, 1, shape) / np.sqrt(fan_in),
    # Glorot & Bengio 2010
    "glorot": lambda rng, shape, fan_in, fan_out: rng.uniform(-1, 1, shape) * np.sqrt(6 / (fan_in + fan_out)),
    # He et al. 2015, before a ReLU
    "he": lambda rng, shape, fan_in, _: rng.standard_normal(shape) * np.sqrt(2 / fan_in),
    # Radford et al. 2016, for GANs
    "dcgan": lambda rng, shape, *_: rng.standard_normal(shape) * 0.02,
    "zero": lambda rng, shape, *_: np.zeros(shape),
}


class Layer:
    """A layer computes ``layer(x, **parameters)``; this base has no parameters."""

    def initial(self, rng) -> dict:
        """{name: initial value} of its parameters."""
        return {}


@dataclass(frozen=True)
class Dense(Layer):
    """activation(x W + b): x (N, inputs) -> (N, outputs).

    init : the initial W, a name in INITIAL
    bias : the initial b; zeros if None
    """

    inputs: int
    outputs: int
    activation: str = "linear"
    init: str = "glorot"
    bias: tuple | None = None

    def initial(self, rng) -> dict:
        shape = (self.inputs, self.outputs)
        b = np.zeros(self.outputs) if self.bias is None else np.array(self.bias)
        return {"W": INITIAL[self.init](rng, shape, *shape), "b": b}

    def __call__(self, x, W, b):
        return ops.dense(x, W, b, activation=self.activation)


def perceptron(sizes, activation: str, hidden: str, init: str = "glorot", bias: tuple | None = None) -> list[Layer]:
    """Flatten, and Dense layers from each of the ``sizes`` to the next; the last is linear.

    hidden, init : the initial weights of the hidden layers and of the last one, names in INITIAL
    bias : the initial bias of the last one

    >>> perceptron((784, 20, 10), "relu", "he", init="zero")[2]
    Dense(inputs=20, outputs=10, activation='linear', init='zero', bias=None)
    """
    layers = [Dense(inputs, outputs, activation, hidden) for inputs, outputs in zip(sizes, sizes[1:-1])]
    return [Flatten(), *layers, Dense(sizes[-2], sizes[-1], init=init, bias=bias)]


def initial_filters(layer, rng, maps: tuple[int, int]) -> dict:
    """W (*maps, *kernel) and b = 0 of a convolution."""
    area = math.prod(layer.kernel)
    W = INITIAL[layer.init](rng, (*maps, *layer.kernel), layer.inputs * area, layer.outputs * area)
    return {"W": W, "b": np.zeros((layer.outputs, 1, 1))}


@dataclass(frozen=True)
class Conv2d(Layer):
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
        return initial_filters(self, rng, (self.outputs, self.inputs))

    def __call__(self, x, W, b):
        return ops.conv2d_layer(x, W, b, stride=self.stride, padding=self.padding, activation=self.activation,
                                algorithm=self.algorithm)


@dataclass(frozen=True)
class Flatten(Layer):
    """(N, ...) -> (N, product of the other axes)."""

    def __call__(self, x):
        return ops.reshape(x, shape=(x.shape[0], -1))


@dataclass(frozen=True)
class Pooling(Layer):
    """The windows of a pooling; its subclasses define the result of each."""

    kernel: int | tuple[int, int] = 2
    stride: int | tuple[int, int] | None = None
    padding: str | int | tuple = "valid"


class MaxPool2d(Pooling):
    """The maximum of each window: x (N, C, H, W) -> (N, C, H', W').

    kernel, stride : a number or (down, right); stride None is the kernel's size, so that windows do not overlap
    padding : "valid", "same", a number or ((top, bottom), (left, right)); padding never wins
    """

    def __call__(self, x):
        return ops.max_pool2d(x, kernel_size=self.kernel, stride=self.stride, padding=self.padding)


class AvgPool2d(Pooling):
    """The mean of each window: x (N, C, H, W) -> (N, C, H', W'). As :class:`MaxPool2d`, but padding counts as 0."""

    def __call__(self, x):
        return ops.avg_pool2d(x, kernel_size=self.kernel, stride=self.stride, padding=self.padding)
