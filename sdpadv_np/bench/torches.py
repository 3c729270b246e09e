"""PyTorch's ways of running a program, and our networks as PyTorch's modules with the same weights."""
from __future__ import annotations

import importlib
import warnings
from dataclasses import dataclass

import numpy as np

from ..kernels.conv2d import resolve_padding
from ..nn import Conv2d, Dense, Flatten


@dataclass(frozen=True)
class Variant:
    """How PyTorch is asked to run a program."""

    torch: object
    fused: bool = False  # Adam in one kernel
    channels_last: bool = False
    compiled: bool = False

    def compile(self, function):
        """The function through torch.compile for the very shapes, if this variant compiles."""
        return self.torch.compile(function, dynamic=False) if self.compiled else function

    def reset(self) -> None:
        """Forget what was compiled: else the limit on recompilations ends in the eager program, silently."""
        if self.compiled:
            self.torch._dynamo.reset()

    def tensor(self, array):
        """The array's own memory; in the variant's layout if it is a batch of images."""
        tensor = self.torch.from_numpy(np.ascontiguousarray(array))
        return tensor.contiguous(memory_format=self.torch.channels_last) if self.channels_last and tensor.ndim == 4 else tensor

    def adam(self, parameters, lr, betas=(0.9, 0.999)):
        return self.torch.optim.Adam(parameters, lr=lr, betas=betas, fused=self.fused)


VARIANTS = {  # the compiled ones get the faster Adam too
    "torch": {}, "torch.fused": {"fused": True}, "torch.channels_last": {"fused": True, "channels_last": True},
    "torch.compile": {"fused": True, "compiled": True},
}
DEFAULT = ("torch", "torch.fused", "torch.channels_last")


def load(names, threads: int = 1) -> tuple[dict, dict, dict]:
    """({name: Variant}, {name: why it is missing}, {library: version})."""
    missing = {name: "not asked for (--peers)" for name in VARIANTS if name not in names}
    if len(missing) == len(VARIANTS):
        return {}, missing, {}
    try:
        torch = importlib.import_module("torch")
    except ImportError as error:
        return {}, {**{name: str(error) for name in VARIANTS}, **missing}, {}
    if "torch.compile" in names:
        torch.compiler.config.force_disable_caches = True  # so that compiling costs what it costs the first time
        warnings.filterwarnings("ignore", "dynamo_pgo force disabled")  # it warns of just this at every compilation
    found = {name: Variant(torch, **how) for name, how in VARIANTS.items() if name in names}
    return found, missing, {"torch": torch.__version__}


class Module:
    """A network of ours as torch.nn.Sequential; ``size`` is its images' (height, width).

    ``flat(of)`` gives of(parameter) of all parameters as one array in our order and layout.
    """

    def __init__(self, variant: Variant, network, size=(28, 28)):
        self.torch, nn = variant.torch, variant.torch.nn
        self._activations = {"linear": [], "relu": [nn.ReLU()], "leaky_relu": [nn.LeakyReLU(0.2)], "tanh": [nn.Tanh()]}
        self._ordered, layers = [], []
        for layer, tensors in zip(network.layers, network.tensors):
            made, size = self._layer(nn, layer, size)
            layers += made
            if tensors:
                self._fill(next(m for m in made if hasattr(m, "weight")), tensors, isinstance(layer, Dense))
        self.module = nn.Sequential(*layers)
        if variant.channels_last:
            self.module.to(memory_format=self.torch.channels_last)
        self.parameters = list(self.module.parameters())
        self.forward = variant.compile(self.module)

    def _layer(self, nn, layer, size):
        if isinstance(layer, Flatten):
            return [nn.Flatten()], size
        after = self._activations[layer.activation]
        if isinstance(layer, Dense):
            return [nn.Linear(layer.inputs, layer.outputs), *after], size
        if not isinstance(layer, Conv2d):
            raise TypeError(f"{type(layer).__name__} has no translation")
        (top, bottom), (left, right) = pads = resolve_padding(layer.padding, size, layer.kernel, layer.stride)
        even = top == bottom and left == right
        conv = nn.Conv2d(layer.inputs, layer.outputs, layer.kernel, layer.stride, padding=(top, left) if even else 0)
        out = tuple((n + sum(p) - k) // layer.stride + 1 for n, p, k in zip(size, pads, layer.kernel))
        return [*([] if even else [nn.ZeroPad2d((left, right, top, bottom))]), conv, *after], out

    def _fill(self, module, tensors, transposed):
        with self.torch.no_grad():
            for parameter, ours in ((module.weight, tensors["W"].data), (module.bias, tensors["b"].data)):
                values = ours.T if transposed else ours
                parameter.copy_(self.torch.from_numpy(np.array(values)).reshape(parameter.shape))
                self._ordered.append((parameter, transposed))

    def flat(self, of):
        arrays = [of(parameter).detach().numpy() for parameter, _ in self._ordered]
        return np.concatenate([(a.T if transposed else a).ravel() for a, (_, transposed) in zip(arrays, self._ordered)])

    def frozen(self) -> Module:
        """Itself, with parameters that want no gradient."""
        self.module.requires_grad_(False)
        return self
