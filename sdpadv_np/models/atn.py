"""The networks of adversarial transformation networks (Baluja & Fischer 2018)."""
from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from .. import checks
from ..autodiff import ops
from ..nn import Network, perceptron
from ..storage import schema
from .amortised import Amortised

FORMS = ("p-atn", "aae")


class ATNGenerator(Amortised):
    """x -> x_A by one dense network G with ReLU between its layers.

    form : "p-atn" computes a residual, x_A = clip(x + G(x), 0, 1), initially 0; "aae" (adversarial autoencoding) the
        image itself, x_A = sigmoid(G(x))
    hidden : sizes of the hidden layers

    >>> import numpy as np, sdpadv_np as sd
    >>> x = np.full((2, 1, 28, 28), 0.5, np.float32)
    >>> bool((sd.models.ATNGenerator()(x) == x).all())
    True
    """

    kind = "atn_generator"
    fields: ClassVar = {"form": schema.text(*FORMS), "hidden": schema.sequence(schema.integer(1))}

    def __init__(
        self, form="p-atn", hidden=(512, 512), image_shape=(1, 28, 28), seed=0, dtype=np.float32, device="cpu",
    ):
        self.form, self.hidden = checks.choice("form", form, FORMS), checks.sizes("hidden", hidden)
        image_shape = checks.image_shape("image_shape", image_shape)
        sizes = self.chains({"hidden": self.hidden, "image_shape": image_shape})["g"]
        self.network = Network("g", perceptron(sizes, "relu", "he", init="zero" if form == "p-atn" else "glorot"))
        super().__init__([self.network], image_shape, seed, dtype, device)

    @classmethod
    def chains(cls, parameters):
        pixels = math.prod(parameters["image_shape"])
        return {"g": (pixels, *parameters["hidden"], pixels)}

    def transform(self, x):
        change = ops.reshape(self.network(x), shape=x.shape)
        return ops.sigmoid(change) if self.form == "aae" else ops.clip(x + change, low=0.0, high=1.0)
