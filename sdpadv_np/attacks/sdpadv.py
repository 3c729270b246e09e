"""SdpAdv: a generator trained to distort and perturb (the paper's method), and its two special cases.

eps = 0 leaves the spatial distortion alone: SdAdv. No spatial step leaves the perturbation: AdvGAN in
the paper's form.
"""
from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from .. import checks, losses
from ..errors import ArgumentError
from ..models import Generator
from .amortised import AmortisedAttack
from .sdpadv_training import SdpAdvTraining


@dataclass(frozen=True)
class SdpAdv(AmortisedAttack):
    """The attack of the paper: fit once, then one forward pass per image.

    Parameters (defaults of the paper where it gives one)
    ----------
    classifier, target, seed : see :class:`~sdpadv_np.attacks.amortised.AmortisedAttack`
    eps, gamma, projection, convention, spatial, localisation, perturbation : see sdpadv_np.models.Generator
    objective : "margin" (recommended) or "cross_entropy" (as printed), see sdpadv_np.losses.adversarial
    kappa : margin by which an image must be misclassified before the objective lets go of it
    alpha, alpha_decay, alpha_floor : weight of L_theta: alpha at first, times alpha_decay after each
        tenth of the training, never below alpha_floor (the paper: 5, 0.8, 0.8 over 100 epochs)
    beta : weight of L_eta
    lam : weight of L_GAN (the paper's lambda)
    gan_loss : "nonsaturating" or "minimax" (as printed)
    lr, lr_d : Adam's learning rates of generator and discriminator

    >>> import numpy as np, sdpadv_np as sd
    >>> data = sd.data.load("glyphs")
    >>> f = sd.models.ModelB().fit(data.x_train, data.y_train, data.x_val, data.y_val, epochs=3, progress=False)
    >>> attack = sd.attacks.SdpAdv(f, eps=0.1)
    >>> attack = attack.fit(data.x_train, data.y_train, data.x_val, data.y_val, epochs=3, progress=False)
    >>> attack(data.x_test).shape == data.x_test.shape
    True
    """

    _: KW_ONLY
    eps: float = 0.1
    gamma: float = 0.3
    objective: str = "margin"
    kappa: float = 2.0
    projection: str = "box"
    convention: str = "half_pixel"
    spatial: bool = True
    localisation: tuple = (20,)
    perturbation: tuple = (128, 128)
    alpha: float = 5.0
    alpha_decay: float = 0.8
    alpha_floor: float = 0.8
    beta: float = 1.0
    lam: float = 1.0
    gan_loss: str = "nonsaturating"
    lr: float = 5e-4
    lr_d: float = 5e-5

    def __post_init__(self):
        checks.choice("objective", self.objective, losses.OBJECTIVES)
        checks.choice("gan_loss", self.gan_loss, losses.GAN_LOSSES)
        for name in ("kappa", "alpha", "alpha_floor", "beta", "lam"):
            checks.number(name, getattr(self, name))
        checks.number("alpha_decay", self.alpha_decay, 0, 1, above=True)
        for name in ("lr", "lr_d"):
            checks.number(name, getattr(self, name), above=True)
        if not self.spatial and not checks.number("eps", self.eps, 0, 1):
            raise ArgumentError("eps is 0 and spatial is False: nothing would be changed; give eps > 0 or spatial=True")
        super().__post_init__()

    @property
    def title(self):
        return "AdvGAN" if not self.spatial else "SdpAdv" if self.eps else "SdAdv"

    def _generator(self, image_shape):
        parameters = {name: getattr(self, name) for name in Generator.names}
        return Generator(**parameters, image_shape=image_shape, seed=self.seed, dtype=self.dtype, device=self.device)

    def _training(self, *arguments):
        return SdpAdvTraining(self, *arguments)

    def alpha_at(self, epoch: int, epochs: int) -> float:
        """The weight of L_theta in an epoch (counted from 0) of a training of ``epochs``.

        >>> attack = SdpAdv(None)
        >>> [round(attack.alpha_at(e, 100), 2) for e in range(0, 100, 10)]
        [5.0, 4.0, 3.2, 2.56, 2.05, 1.64, 1.31, 1.05, 0.84, 0.8]
        """
        return max(self.alpha_floor, self.alpha * self.alpha_decay ** (10 * epoch // epochs))


def SdAdv(classifier, **parameters) -> SdpAdv:
    """SdpAdv with eps = 0: the spatial distortion alone."""
    return SdpAdv(classifier, eps=0.0, **parameters)


def AdvGAN(classifier, eps: float = 0.3, **parameters) -> SdpAdv:
    """SdpAdv without the spatial step: the paper's form of AdvGAN (Xiao et al. 2018)."""
    return SdpAdv(classifier, eps=eps, spatial=False, **parameters)


def SdpAdvPlus(classifier, **parameters) -> SdpAdv:
    """SdpAdv with a wider perturbation network than the paper's, FC(512) - FC(512), found by a small search.

    On Model B's validation images it had the lower accuracy at no larger L2sq in three of four
    trainings, and the lower L2sq alone in the fourth (benchmarks/results/stronger_networks).
    """
    return SdpAdv(classifier, **{"perturbation": (512, 512), **parameters})
