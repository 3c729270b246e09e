"""Our networks as PyTorch modules with the same weights."""
from __future__ import annotations

import numpy as np
import torch
from torch import nn

from sdpadv_np.kernels.conv2d import resolve_padding
from sdpadv_np.nn import Conv2d, Dense, Flatten

_ACTIVATIONS = {"linear": list, "relu": lambda: [nn.ReLU()], "leaky_relu": lambda: [nn.LeakyReLU(0.2)],
                "tanh": lambda: [nn.Tanh()]}


class Module:
    """A network of ours as torch.nn.Sequential; ``size`` is (height, width) of its images.

    ``flat(function)`` gives function(parameter) of all parameters as one array in our order and layout.
    """

    def __init__(self, variant, network, size=(28, 28)):
        self._ordered, layers = [], []
        for layer, tensors in zip(network.layers, network.tensors):
            made, size = self._layer(layer, size)
            layers += made
            if tensors:
                self._fill(next(m for m in made if hasattr(m, "weight")), tensors, isinstance(layer, Dense))
        self.module = nn.Sequential(*layers)
        if variant.channels_last:
            self.module.to(memory_format=torch.channels_last)
        self.parameters = list(self.module.parameters())
        self.forward = variant.compile(self.module)

    def _layer(self, layer, size):
        """(PyTorch's layers, size of the images after them)"""
        if isinstance(layer, Flatten):
            return [nn.Flatten()], size
        activation = _ACTIVATIONS[layer.activation]()
        if isinstance(layer, Dense):
            return [nn.Linear(layer.inputs, layer.outputs), *activation], size
        if not isinstance(layer, Conv2d):
            raise TypeError(f"{type(layer).__name__} has no translation")
        (top, bottom), (left, right) = pads = resolve_padding(layer.padding, size, layer.kernel, layer.stride)
        even = top == bottom and left == right
        padding = (top, left) if even else 0
        conv = nn.Conv2d(layer.inputs, layer.outputs, layer.kernel, layer.stride, padding=padding)
        out = tuple((n + sum(p) - k) // layer.stride + 1 for n, p, k in zip(size, pads, layer.kernel))
        return [*([] if even else [nn.ZeroPad2d((left, right, top, bottom))]), conv, *activation], out

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
