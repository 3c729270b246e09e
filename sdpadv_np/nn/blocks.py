"""Layers of convolutional generators: transposed convolution, reflection padding, residual blocks."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..autodiff import ops
from .layers import INITIAL, Layer
from .normalisation import ACTIVATIONS


@dataclass(frozen=True)
class ConvTranspose2d(Layer):
    """activation(conv_transpose2d(x, W) + b): x (N, inputs, H, W) -> (N, outputs, *size).

    size : (H', W') of the result; with a stride above 1 several sizes have the same (H, W)
    """

    inputs: int
    outputs: int
    kernel: tuple[int, int]
    size: tuple[int, int]
    stride: int = 1
    padding: str = "valid"
    activation: str = "linear"
    init: str = "glorot"

    def initial(self, rng) -> dict:
        area = self.kernel[0] * self.kernel[1]
        W = INITIAL[self.init](rng, (self.inputs, self.outputs, *self.kernel), self.inputs * area, self.outputs * area)
        return {"W": W, "b": np.zeros((self.outputs, 1, 1))}

    def __call__(self, x, W, b):
        y = ops.conv_transpose2d(x, W, size=self.size, stride=self.stride, padding=self.padding)
        return ACTIVATIONS[self.activation](y + b)


@dataclass(frozen=True)
class ReflectPad(Layer):
    """(N, C, H, W) -> (N, C, H + 2 width, W + 2 width), the border a mirror image of the interior."""

    width: int = 1

    def __call__(self, x):
        return ops.reflect_pad(x, width=self.width)


@dataclass(frozen=True)
class Residual(Layer):
    """x + layers(x) (He et al. 2016); the layers keep the shape. Its parameters are called ``number/W`` and so on."""

    layers: tuple

    def initial(self, rng) -> dict:
        return {f"{number}/{key}": value for number, layer in enumerate(self.layers)
                for key, value in layer.initial(rng).items()}

    def __call__(self, x, **parameters):
        return x + self._through(x, parameters, training=False)

    def training(self, x, **parameters):
        return x + self._through(x, parameters, training=True)

    def _through(self, x, parameters, training):
        for number, layer in enumerate(self.layers):
            own = {name.partition("/")[2]: value for name, value in parameters.items() if name.startswith(f"{number}/")}
            x = mode(layer, training)(x, **own)
        return x


def mode(layer, training: bool):
    """How to call a layer: ``layer.training`` in training, where it has one."""
    return getattr(layer, "training", layer) if training else layer
