"""Adam over a flat parameter store."""
from __future__ import annotations

import numpy as np

from .. import checks, xp
from ..autodiff import Tensor
from ..kernels import adam
from ..nn import ParameterStore


class Adam:
    """Adam (Kingma & Ba 2015, Algorithm 1) on a :class:`~sdpadv_np.nn.ParameterStore`.

    ``step()`` uses ``store.gradient``.
    """

    def __init__(self, store: ParameterStore, lr: float = 1e-3, beta1: float = 0.9, beta2: float = 0.999,
                 eps: float = 1e-8):
        self.store, self.eps = store, checks.number("eps", eps)
        self.beta1, self.beta2 = checks.number("beta1", beta1, 0, 1), checks.number("beta2", beta2, 0, 1)
        module = xp.array_module(store.data)
        # an array, so that a schedule changes recorded steps, too: adam.lr[...] = 1e-4
        self.lr = module.full((), checks.number("lr", lr), np.float64)
        self.m, self.v, self.t = np.zeros_like(store.data), np.zeros_like(store.data), module.zeros((), np.int64)

    def descend(self, loss: Tensor) -> None:
        """Differentiate ``loss`` with respect to the parameters, and step."""
        self.store.differentiate(loss)
        self.step()

    def step(self) -> None:
        adam.step(self.store.data, self.store.gradient, self.m, self.v, self.t,
                  self.lr, self.beta1, self.beta2, self.eps)

    def state(self, name: str) -> dict:
        """The live arrays of a checkpoint: parameters, both moments, the step count."""
        return {f"{name}/parameters": self.store.data, f"{name}/m": self.m, f"{name}/v": self.v, f"{name}/t": self.t}
