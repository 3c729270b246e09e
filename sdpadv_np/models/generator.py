"""The adversarial generator g of the paper (section 3.3, Eq. 5) and its discriminator d.

    theta = h_sd(x)      x_T = t_theta(x)      eta = h_p(x_T)      x_A = x_T + eta
"""
from __future__ import annotations

import math
from typing import ClassVar, NamedTuple

import numpy as np

from .. import checks, xp
from ..autodiff import Tensor, ops
from ..autodiff.tensor import raw
from ..kernels.affine_sample import CONVENTIONS
from ..nn import Network, ParameterStore, perceptron
from ..storage import schema
from .amortised import Amortised
from .chunks import in_chunks

PROJECTIONS = ("box", "l2")
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)  # (a, b, e, c, d, f)


class Distorted(NamedTuple):
    """All results of the generator for a batch; "raw" is before projection, None stands for a step that is off."""

    theta_raw: object  # (N, 6)
    theta: object
    x_t: object  # (N, C, H, W)
    eta_raw: object
    x_a: object
    eps: float

    @property
    def eta(self):
        """eta_raw, clipped to [-eps, eps]."""
        return None if self.eta_raw is None else ops.clip(self.eta_raw, low=-self.eps, high=self.eps)


class Generator(Amortised):
    """x -> x_A in one forward pass.

    Parameters
    ----------
    eps : float in [0, 1]
        Largest change of a pixel in the perturbation step; 0 switches the step off (SdAdv).
    gamma : float >= 0
        Radius of theta around the identity, in coordinates where the image spans [-1, 1].
    projection : "box" or "l2"
        theta - theta_I is clipped element by element to [-gamma, gamma], or scaled to length gamma
        where longer. eta is always clipped to [-eps, eps], x_A to [0, 1].
    convention : str
        Position of the pixels in [-1, 1], see sdpadv_np.kernels.affine_sample.
    spatial : bool
        False switches the spatial step off (AdvGAN).
    localisation, perturbation : tuples
        Sizes of the hidden layers of h_sd (tanh) and of h_p (ReLU); the defaults are the paper's.

    >>> import numpy as np, sdpadv_np as sd
    >>> g = sd.models.Generator(eps=0.1, gamma=0.3)
    >>> x = np.full((2, 1, 28, 28), 0.5, np.float32)
    >>> g(x).shape, g.theta(x)[0].tolist()
    ((2, 1, 28, 28), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    """

    kind = "generator"
    fields: ClassVar = {
        "eps": schema.number(0, 1), "gamma": schema.number(0), "projection": schema.text(*PROJECTIONS),
        "convention": schema.text(*CONVENTIONS), "spatial": schema.boolean(),
        "localisation": schema.sequence(schema.integer(1)), "perturbation": schema.sequence(schema.integer(1)),
    }

    def __init__(
        self, eps=0.1, gamma=0.3, projection="box", convention="half_pixel", spatial=True, localisation=(20,),
        perturbation=(128, 128), image_shape=(1, 28, 28), seed=0, dtype=np.float32, device="cpu",
    ):
        self.eps, self.gamma = checks.number("eps", eps, 0, 1), checks.number("gamma", gamma)
        self.projection = checks.choice("projection", projection, PROJECTIONS)
        self.convention = checks.choice("convention", convention, CONVENTIONS)
        self.spatial, image_shape = checks.flag("spatial", spatial), checks.image_shape("image_shape", image_shape)
        self.localisation = checks.sizes("localisation", localisation)
        self.perturbation = checks.sizes("perturbation", perturbation)
        # initially both steps change nothing: theta = identity, eta = 0
        sizes = self.chains({**vars(self), "image_shape": image_shape})
        h_sd = perceptron(sizes["h_sd"], "tanh", "glorot", init="zero", bias=IDENTITY) if self.spatial else []
        h_p = perceptron(sizes["h_p"], "relu", "he", init="zero") if self.eps else []
        self.h_sd, self.h_p = Network("h_sd", h_sd), Network("h_p", h_p)
        super().__init__([self.h_sd, self.h_p], image_shape, seed, dtype, device)

    @classmethod
    def chains(cls, parameters):
        pixels = math.prod(parameters["image_shape"])
        h_sd = {"h_sd": (pixels, *parameters["localisation"], len(IDENTITY))} if parameters["spatial"] else {}
        return h_sd | ({"h_p": (pixels, *parameters["perturbation"], pixels)} if parameters["eps"] else {})

    def distort(self, x) -> Distorted:
        """Every intermediate result: recorded Tensors for a Tensor, arrays of x's kind for an array."""
        if isinstance(x, Tensor) or xp.device_of(x) == self.store.device:
            return self._distort(x)
        found = self._distort(xp.like(x, self.store.data))
        arrays = {name: array for name, array in found._asdict().items() if name != "eps" and array is not None}
        return found._replace(**{name: xp.like(array, x) for name, array in arrays.items()})

    def _distort(self, x) -> Distorted:
        theta_raw = theta = eta_raw = None
        x_t = x
        if self.spatial:
            theta_raw = self.h_sd(x)
            theta = self._project(theta_raw)
            x_t = ops.affine_sample(x, theta, convention=self.convention)
        x_a = x_t
        if self.eps:
            eta_raw = ops.reshape(self.h_p(x_t), shape=x.shape)
            x_a = ops.perturb(x_t, eta_raw, eps=self.eps)
        return Distorted(theta_raw, theta, x_t, eta_raw, x_a, self.eps)

    def _project(self, theta):
        module, identity = xp.array_module(raw(theta)), np.array(IDENTITY, theta.dtype)
        gamma = theta.dtype.type(self.gamma)
        if self.projection == "box":
            return ops.clip(theta, low=module.asarray(identity - gamma), high=module.asarray(identity + gamma))
        identity = module.asarray(identity)
        deviation = theta - identity
        length = ops.reshape(ops.norm(deviation), shape=(-1, 1))
        return identity + deviation * ops.minimum(self.gamma / length, module.ones((), theta.dtype))

    def transform(self, x):
        return self.distort(x).x_a

    def theta(self, x):
        """The projected theta of each image, (N, 6) as (a, b, e, c, d, f)."""
        if not self.spatial:
            return np.tile(xp.array_module(x).array(IDENTITY, self.dtype), (len(x), 1))
        return in_chunks(lambda part: self._project(self.h_sd(part)), self.checked(x), self.store.data)

def discriminator(image_shape, seed: int, dtype=np.float32, device: str = "cpu") -> tuple[Network, ParameterStore]:
    """d: images -> logits (N, 2), FC(64) - FC(32) - FC(2) with ReLU between; class 1 is "real"."""
    network = Network("d", perceptron((math.prod(image_shape), 64, 32, 2), "relu", "he"))
    return network, ParameterStore([network], seed, dtype, device)
