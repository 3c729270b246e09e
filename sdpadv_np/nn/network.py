"""A network is a list of layers; the numbers of one or several networks live in one flat store.

One buffer for all parameters and one for all gradients make the optimiser a single pass over
memory, a checkpoint a single array, and "copy the best model" a single copy.
"""
from __future__ import annotations

import numpy as np

from .. import xp
from ..autodiff import Tensor
from ..autodiff.engine import gradients_into
from ..errors import FileError
from .blocks import mode


class Network:
    """Layers applied in turn; its parameters are called ``name/layer/W`` and so on.

    Given an array it computes on arrays; given a Tensor it is recorded, parameters included.
    ``training`` is for layers that work otherwise then (batch normalisation).
    """

    def __init__(self, name: str, layers):
        self.name, self.layers = name, list(layers)
        self.tensors: list[dict[str, Tensor]] = []  # one dict per layer, filled by ParameterStore

    def __call__(self, x, training: bool = False):
        recorded = isinstance(x, Tensor)
        for layer, tensors in zip(self.layers, self.tensors):
            x = mode(layer, training)(x, **(tensors if recorded else {k: t.data for k, t in tensors.items()}))
        return x


class ParameterStore:
    """The parameters of ``networks`` in one flat array, with their gradients in another.

    A network's initial weights depend on ``seed`` and its name alone, not on the others or the device.

    data, gradient : 1-D arrays, all parameters in order
    tensors : {"name/layer/W": Tensor}, views into ``data``
    """

    def __init__(self, networks, seed: int, dtype=np.float32, device: str = "cpu"):
        initial = {}
        for network in networks:
            rng = np.random.default_rng([seed, *network.name.encode()])
            network.tensors = []
            for number, layer in enumerate(network.layers):
                values = layer.initial(rng)
                network.tensors.append(dict.fromkeys(values))
                initial.update({f"{network.name}/{number}/{key}": (network.tensors[-1], key, v) for key, v in values.items()})
        self.tensors: dict[str, Tensor] = {}
        for name, (slot, key, value) in initial.items():
            slot[key] = self.tensors[name] = Tensor(value.astype(dtype), requires_grad=True, name=name)
        flat = [t.data.ravel() for t in self.tensors.values()]
        self._lay(xp.on(device).asarray(np.concatenate(flat) if flat else np.empty(0, dtype)))

    def _lay(self, data) -> None:
        """Let the parameters be views into ``data``."""
        self.data, self.gradient, self._gradients, start = data, np.zeros_like(data), [], 0
        for t in self.tensors.values():
            part, shape = slice(start, start + t.size), t.shape
            t.data = data[part].reshape(shape)
            self._gradients.append(self.gradient[part].reshape(shape))
            start = part.stop

    @property
    def device(self) -> str:
        """"cpu" or "cuda": where the parameters lie."""
        return xp.device_of(self.data)

    def to(self, device: str) -> None:
        """Move the parameters to "cpu" or "cuda". Optimisers and plans made before do not follow; make them anew."""
        module = xp.on(device)
        if device != self.device:
            self._lay(module.asarray(xp.to_numpy(self.data)))

    def differentiate(self, loss: Tensor) -> None:
        """Fill ``gradient`` with d loss / d parameters; nothing else is differentiated."""
        gradients_into(loss, self.tensors.values(), self._gradients)

    def arrays(self) -> dict:
        """{name: array}, views into ``data``."""
        return {name: t.data for name, t in self.tensors.items()}

    def load(self, arrays: dict, source: str) -> None:
        """Copy in arrays of the same names and shapes; ``source`` is named in errors."""
        missing, extra = self.tensors.keys() - arrays.keys(), arrays.keys() - self.tensors.keys()
        if missing or extra:
            what = f"lacks {sorted(missing)[0]}" if missing else f"has an unknown {sorted(extra)[0]}"
            raise FileError(f"{source}: {what}; it belongs to another model")
        for name, t in self.tensors.items():
            if arrays[name].shape != t.shape or arrays[name].dtype != t.dtype:
                raise FileError(f"{source}: {name} is {arrays[name].dtype}{list(arrays[name].shape)}, expected {t.dtype}{list(t.shape)}")
        for name, t in self.tensors.items():
            t.data[...] = xp.like(arrays[name], t.data)
