"""The convolutional generator and discriminator of AdvGAN (Xiao et al. 2018), as in its public implementations."""
from __future__ import annotations

from typing import ClassVar

import numpy as np

from .. import checks
from ..autodiff import ops
from ..errors import ArgumentError
from ..nn import BatchNorm, Conv2d, ConvTranspose2d, InstanceNorm, Network, ParameterStore, ReflectPad, Residual
from ..storage import schema
from .amortised import Amortised

_LEAKY, _RELU = "leaky_relu", InstanceNorm("relu")
SMALLEST = 22  # height and width from which the discriminator's three convolutions leave an output


class AdvGANGenerator(Amortised):
    """x -> x_A = clip(x + clip(G(x), -eps, eps), 0, 1); G is an encoder, four residual blocks and a decoder.

    Encoder: three 3x3 convolutions to 8, 16 (stride 2) and 32 (stride 2) channels; decoder: the reverse, by transposed
    convolutions, tanh at the end. Instance normalisation and ReLU follow each, batch normalisation lies within the
    blocks. Height and width are multiples of 4, at least 16.

    >>> import numpy as np, sdpadv_np as sd
    >>> g = sd.models.AdvGANGenerator(eps=0.3)
    >>> g(np.full((2, 1, 28, 28), 0.5, np.float32)).shape
    (2, 1, 28, 28)
    """

    kind = "advgan_generator"
    fields: ClassVar = {"eps": schema.number(0, 1)}

    def __init__(self, eps=0.3, image_shape=(1, 28, 28), seed=0, dtype=np.float32, device="cpu"):
        self.eps = checks.number("eps", eps, 0, 1, above=True)
        channels, height, width = checks.image_shape("image_shape", image_shape)
        if any(n % 4 or n < 16 for n in (height, width)):
            raise ArgumentError(
                f"images are {height}x{width}; this generator needs multiples of 4, at least 16: pad them")
        once, twice = ((height - 5) // 2, (width - 5) // 2), (height - 5, width - 5)
        encoder = [Conv2d(channels, 8, (3, 3), init="dcgan"), _RELU, _down(8, 16), _RELU, _down(16, 32), _RELU]
        decoder = [_up(32, 16, once), _RELU, _up(16, 8, twice), _RELU]
        last = ConvTranspose2d(8, channels, (6, 6), (height, width), activation="tanh", init="dcgan")
        self.network = Network("g", [*encoder, *(_block(32) for _ in range(4)), *decoder, last])
        super().__init__([self.network], image_shape, seed, dtype, device)

    def perturb(self, x, training: bool = False):
        """(eta before it is clipped, x_A)."""
        eta = self.network(x, training)
        return eta, ops.perturb(x, eta, eps=self.eps)

    def transform(self, x):
        return self.perturb(x)[1]


def _down(inputs, outputs):
    return Conv2d(inputs, outputs, (3, 3), stride=2, init="dcgan")


def _up(inputs, outputs, size):
    return ConvTranspose2d(inputs, outputs, (3, 3), size, stride=2, init="dcgan")


def _block(channels):
    half = (ReflectPad(1), Conv2d(channels, channels, (3, 3), init="dcgan"))
    return Residual((*half, BatchNorm(channels, "relu", spread=0.02), *half, BatchNorm(channels, spread=0.02)))


def conv_discriminator(image_shape, seed: int, dtype=np.float32, device: str = "cpu") -> tuple[Network, ParameterStore]:
    """Three 4x4 convolutions of stride 2 to 8, 16, 32 channels, leaky ReLU, then 1x1: per patch a logit of "real"."""
    def conv(inputs, outputs, activation="linear"):
        return Conv2d(inputs, outputs, (4, 4), stride=2, activation=activation, init="dcgan")

    first, last = conv(image_shape[0], 8, _LEAKY), Conv2d(32, 1, (1, 1), init="dcgan")
    norms = (BatchNorm(channels, _LEAKY, spread=0.02) for channels in (16, 32))
    network = Network("d", [first, conv(8, 16), next(norms), conv(16, 32), next(norms), last])
    return network, ParameterStore([network], seed, dtype, device)
