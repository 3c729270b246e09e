"""A network is a list of layers; the parameters of one or several networks lie in one flat store.

With one buffer for all parameters and one for all gradients, the optimiser is a single pass over memory, a checkpoint
a single array, and "copy the best model" a single copy. Only the store holds Tensors, views into its buffer, and
networks ask it for theirs. So a copied or unpickled store makes its own views, and a thread that records a step sees
proxies (autodiff/recorder.py) that no other thread sees.
"""
from __future__ import annotations

import contextlib
import copy
from typing import Any, NamedTuple

import numpy as np

from .. import checks, xp
from ..autodiff import Tensor
from ..autodiff.engine import gradients_into
from ..errors import FileError
from ..kernels.runtime.tracing import recording
from .blocks import mode
from .use import Use


class Network:
    """Layers applied in turn; its parameters are called ``name/layer/W`` and so on.

    An array is computed with arrays; a Tensor is recorded, parameters included. ``training`` selects the training
    mode of layers that have one (batch normalisation, dropout).
    """

    def __init__(self, name: str, layers):
        self.name, self.layers = name, list(layers)
        self.store: Any = None  # the ParameterStore that holds its parameters

    @property
    def tensors(self) -> list[dict[str, Tensor]]:
        """The parameters of each layer."""
        return self.store.parameters().layers[self.name]

    def __call__(self, x, training: bool = False):
        recorded = isinstance(x, Tensor)
        for layer, tensors in zip(self.layers, self.tensors):
            x = mode(layer, training)(x, **(tensors if recorded else {k: t.data for k, t in tensors.items()}))
        return x


def store_of(model) -> ParameterStore | None:
    """The parameters of one of the package's models; None for others, whatever their ``store`` may be."""
    store = getattr(model, "store", None)
    return store if isinstance(store, ParameterStore) else None


def reading(model):
    """Within this block the parameters of ``model`` must not change; of an external classifier nothing is known."""
    store = store_of(model)
    return contextlib.nullcontext() if store is None else store.use.reading()


class Parameters(NamedTuple):
    """The Tensors over one flat array: by name, and by network and layer."""

    tensors: dict[str, Tensor]
    layers: dict[str, list[dict[str, Tensor]]]


class ParameterStore:
    """The parameters of ``networks`` in one flat array, with their gradients in another.

    A network's initial weights depend on ``seed`` and its name alone, not on other networks or the device.

    data, gradient : 1-D arrays, all parameters in order
    tensors : {"name/layer/W": Tensor}, views into ``data``
    use : the lock of their readers and trainers (use.py); two trainings at once are refused
    """

    def __init__(self, networks, seed: int, dtype=np.float32, device: str = "cpu"):
        self._shapes: dict[str, list[dict[str, tuple]]] = {}  # of each network's layers
        flat = [np.empty(0)]
        for network in networks:
            rng = np.random.default_rng([seed, *network.name.encode()])
            initial = [layer.initial(rng) for layer in network.layers]
            self._shapes[network.name] = [{key: np.shape(value) for key, value in values.items()} for values in initial]
            flat += [np.ravel(value) for values in initial for value in values.values()]
            network.store = self
        self._assign(xp.on(device).asarray(np.concatenate(flat).astype(checks.real_dtype("dtype", dtype))))

    def _assign(self, data) -> None:
        """Make the parameters views into ``data``."""
        self.data, self.gradient, self.use = data, np.zeros_like(data), Use(" and ".join(self._shapes))
        self._parameters = self._views(data)
        self._gradients = [t.data for t in self._views(self.gradient).tensors.values()]

    def _views(self, data) -> Parameters:
        layers: dict[str, list[dict[str, Tensor]]] = {}
        tensors, start = {}, 0
        for network, shapes in self._shapes.items():
            layers[network] = [{} for _ in shapes]
            for number, by_key in enumerate(shapes):
                for key, shape in by_key.items():
                    name, size = f"{network}/{number}/{key}", int(np.prod(shape, dtype=int))
                    view = data[start : start + size].reshape(shape)
                    layers[network][number][key] = tensors[name] = Tensor(view, requires_grad=True, name=name)
                    start += size
        return Parameters(tensors, layers)

    def parameters(self) -> Parameters:
        """The Tensors as this thread sees them."""
        recorder = recording.recorder
        return self._parameters if recorder is None else recorder.proxies.get(id(self), self._parameters)

    def proxies(self, recorder) -> Parameters:
        """The Tensors for a thread that records a step: computations on parameters alone are recorded, too."""
        return self._views(recorder.proxy(self.data))

    tensors = property(lambda self: self.parameters().tensors)

    @property
    def device(self) -> str:
        """"cpu" or "cuda": the device of the parameters."""
        return xp.device_of(self.data)

    def to(self, device: str) -> None:
        """Move the parameters to "cpu" or "cuda". Create optimisers and plans anew afterwards."""
        module = xp.on(device)
        if device != self.device:
            with self.use.training():
                self._assign(module.asarray(xp.to_numpy(self.data)))

    def differentiate(self, loss: Tensor) -> None:
        """Fill ``gradient`` with d loss / d parameters; nothing else is differentiated."""
        gradients_into(loss, self.tensors.values(), self._gradients)

    def arrays(self) -> dict:
        """{name: array}, views into ``data``."""
        return {name: t.data for name, t in self.tensors.items()}

    def snapshot(self) -> dict:
        """{name: array}, copies that no training changes any more; BusyError while another thread trains."""
        with self.use.reading():
            return {name: array.copy() for name, array in self.arrays().items()}

    def load(self, arrays: dict, source: str) -> None:
        """Copy in arrays of the same names and shapes; ``source`` is named in errors."""
        missing, extra = self.tensors.keys() - arrays.keys(), arrays.keys() - self.tensors.keys()
        if missing or extra:
            what = f"lacks {sorted(missing)[0]}" if missing else f"has an unknown {sorted(extra)[0]}"
            raise FileError(f"{source}: {what}; it belongs to another model")
        for name, t in self.tensors.items():
            if arrays[name].shape != t.shape or arrays[name].dtype != t.dtype:
                raise FileError(f"{source}: {name} is {arrays[name].dtype}{list(arrays[name].shape)}, "
                                f"expected {t.dtype}{list(t.shape)}")
        with self.use.training():
            for name, t in self.tensors.items():
                t.data[...] = xp.like(arrays[name], t.data)

    def __getstate__(self):
        with self.use.reading():
            return {"shapes": self._shapes, "data": self.data.copy(), "gradient": self.gradient.copy()}

    def __setstate__(self, state):
        self._shapes = state["shapes"]
        module = xp.array_module(state["data"])
        self._assign(module.array(state["data"]))  # own memory: process pools pass read-only arrays
        self.gradient[...] = module.array(state["gradient"])

    __copy__ = copy.deepcopy
