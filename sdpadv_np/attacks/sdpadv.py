"""SdpAdv: a generator trained to distort and perturb (the paper's method), and its two special cases.

eps = 0 leaves the spatial distortion alone: SdAdv. No spatial step leaves the perturbation: AdvGAN in
the paper's form.
"""
from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from .. import checks, losses
from ..errors import ArgumentError
from ..kernels.affine_sample import CONVENTIONS
from ..models import Generator
from ..models.generator import PROJECTIONS
from .amortised import AmortisedAttack
from .parameters import parameter
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
    eps: float = parameter(0.1, checks.number, high=1)
    gamma: float = parameter(0.3, checks.number)
    objective: str = parameter("margin", checks.choice, options=losses.OBJECTIVES)
    kappa: float = parameter(2.0, checks.number)
    projection: str = parameter("box", checks.choice, options=PROJECTIONS)
    convention: str = parameter("half_pixel", checks.choice, options=CONVENTIONS)
    spatial: bool = parameter(True, checks.flag)
    localisation: tuple = parameter((20,), checks.sizes)
    perturbation: tuple = parameter((128, 128), checks.sizes)
    alpha: float = parameter(5.0, checks.number)
    alpha_decay: float = parameter(0.8, checks.number, high=1, above=True)
    alpha_floor: float = parameter(0.8, checks.number)
    beta: float = parameter(1.0, checks.number)
    lam: float = parameter(1.0, checks.number)
    gan_loss: str = parameter("nonsaturating", checks.choice, options=losses.GAN_LOSSES)
    lr: float = parameter(5e-4, checks.number, above=True)
    lr_d: float = parameter(5e-5, checks.number, above=True)

    def __post_init__(self):
        super().__post_init__()
        if not self.spatial and not self.eps:
            raise ArgumentError("eps is 0 and spatial is False: nothing would be changed; give eps > 0 or spatial=True")

    @property
    def title(self):
        return "AdvGAN" if not self.spatial else "SdpAdv" if self.eps else "SdAdv"

    def _generator(self, image_shape):
        parameters = {name: getattr(self, name) for name in Generator.fields}
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
