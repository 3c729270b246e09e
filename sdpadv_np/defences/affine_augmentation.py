"""Training on randomly distorted images: the plain defence against spatial attacks."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import checks
from ..attacks.parameters import parameter
from ..autodiff import ops
from .base import Defence


@dataclass(frozen=True)
class AffineAugmentation(Defence):
    """Half of the loss is that of x' = T_theta(x), theta drawn for every image and step within gamma of the identity.

    gamma : largest change of an entry of theta (2 x 3), uniformly distributed; SdpAdv's default reach is 0.3
    """

    gamma: float = parameter(0.3, checks.number, high=1)

    def draw(self, rng, x):
        return (np.array([1, 0, 0, 0, 1, 0]) + rng.uniform(-self.gamma, self.gamma, (len(x), 6)),)

    def disturb(self, classifier, x, y, theta):
        return ops.affine_sample(x, theta)
