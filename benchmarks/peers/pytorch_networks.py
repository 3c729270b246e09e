"""Our networks as PyTorch modules with the same weights."""
from __future__ import annotations

import numpy as np
import torch
from torch import nn

from sdpadv_np.kernels.conv2d import resolve_padding
from sdpadv_np.models.layer_table import output_shapes
from sdpadv_np.nn import Conv2d, Dense, Flatten

_ACTIVATIONS = {"linear": list, "relu": lambda: [nn.ReLU()], "leaky_relu": lambda: [nn.LeakyReLU(0.2)],
                "tanh": lambda: [nn.Tanh()]}


class Module:
    """A network of ours as torch.nn.Sequential, for images of this ``shape``.

    ``flat(function)`` gives function(parameter) of all parameters as one array in our order and layout.
    """

    def __init__(self, variant, network, shape=(1, 28, 28)):
        self._ordered, layers = [], []
        shapes = [shape, *output_shapes(network.layers, shape)]
        for layer, tensors, shape in zip(network.layers, network.tensors, shapes):
            made = self._layer(layer, shape)
            layers += made
            if tensors:
                self._fill(next(m for m in made if hasattr(m, "weight")), tensors, isinstance(layer, Dense))
        self.module = nn.Sequential(*layers)
        if variant.channels_last:
            self.module.to(memory_format=torch.channels_last)
        self.parameters = list(self.module.parameters())
        self.forward = variant.compile(self.module)

    def _layer(self, layer, shape) -> list:
        """PyTorch's layers"""
        match layer:
            case Flatten():
                return [nn.Flatten()]
            case Dense():
                return [nn.Linear(layer.inputs, layer.outputs), *_ACTIVATIONS[layer.activation]()]
            case Conv2d():
                (top, bottom), (left, right) = resolve_padding(layer.padding, shape[1:], layer.kernel, layer.stride)
                even = top == bottom and left == right
                conv = nn.Conv2d(layer.inputs, layer.outputs, layer.kernel, layer.stride, (top, left) if even else 0)
                padding = [] if even else [nn.ZeroPad2d((left, right, top, bottom))]
                return [*padding, conv, *_ACTIVATIONS[layer.activation]()]
        raise TypeError(f"{type(layer).__name__} has no translation")

    def _fill(self, module, tensors, transposed):
        with torch.no_grad():
            for parameter, ours in ((module.weight, tensors["W"].data), (module.bias, tensors["b"].data)):
                values = np.array(ours.T if transposed else ours)
                parameter.copy_(torch.from_numpy(values).reshape(parameter.shape))
                self._ordered.append((parameter, transposed))

    def flat(self, function):
        arrays = [function(parameter).detach().numpy() for parameter, _ in self._ordered]
        return np.concatenate([(a.T if t else a).ravel() for a, (_, t) in zip(arrays, self._ordered)])

    def frozen(self) -> Module:
        """Itself, with parameters that need no gradient."""
        self.module.requires_grad_(False)
        return self
