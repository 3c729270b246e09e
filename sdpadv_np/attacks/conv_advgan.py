"""AdvGAN in its original, convolutional form (Xiao et al. 2018)."""
from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from .. import checks, losses
from ..autodiff import Tensor
from ..errors import ArgumentError
from ..models import AdvGANGenerator, conv_discriminator
from ..models.advgan import SMALLEST
from ..models.interface import logits_of
from ..optim import Adam
from .amortised import AmortisedAttack, AmortisedTraining
from .parameters import parameter


@dataclass(frozen=True)
class ConvAdvGAN(AmortisedAttack):
    """AdvGAN of Xiao et al.: a convolutional generator of perturbations, against a least-squares discriminator.

    Minimises L_GAN + weight L_adv + beta L_eta, with L_eta = mean max(0, ||eta|| - bound) of eta
    before it is clipped. The defaults are those of the public implementations, whose L_adv is ten
    times the sum over a batch of 128: ``weight`` 1280 of our mean. The paper's own form of AdvGAN,
    with dense networks, is :func:`~sdpadv_np.attacks.AdvGAN`.

    Parameters
    ----------
    classifier, target, seed : see :class:`~sdpadv_np.attacks.amortised.AmortisedAttack`
    eps : largest change of a pixel
    objective, kappa : see sdpadv_np.losses.adversarial
    weight, beta : of L_adv and L_eta
    bound : the length of eta that costs nothing (c of the paper's hinge loss)
    lr : Adam's learning rate of both networks; a tenth of it in the last sixth of the epochs

    >>> import sdpadv_np as sd
    >>> data = sd.data.load("glyphs")
    >>> f = sd.models.ModelB().fit(data.x_train, data.y_train, data.x_val, data.y_val, epochs=2, progress=False)
    >>> attack = sd.attacks.ConvAdvGAN(f, eps=0.2)
    >>> few = data.x_train[:256], data.y_train[:256], data.x_val[:99], data.y_val[:99]
    >>> attack = attack.fit(*few, epochs=1, progress=False)
    >>> bool(abs(attack(data.x_test) - data.x_test).max() < 0.2001)
    True
    """

    _: KW_ONLY
    eps: float = parameter(0.3, checks.number, high=1, above=True)
    objective: str = parameter("probability_margin", checks.choice, options=losses.OBJECTIVES)
    kappa: float = parameter(0.0, checks.number)
    weight: float = parameter(1280.0, checks.number)
    beta: float = parameter(1.0, checks.number)
    bound: float = parameter(0.0, checks.number)
    lr: float = parameter(1e-3, checks.number, above=True)

    def _generator(self, image_shape):
        if min(image_shape[1:]) < SMALLEST:
            raise ArgumentError(f"images are {image_shape[1]}x{image_shape[2]}; ConvAdvGAN's discriminator needs "
                                f"{SMALLEST} or more: pad them, or use AdvGAN")
        return AdvGANGenerator(self.eps, image_shape, self.seed, dtype=self.dtype, device=self.device)

    def _training(self, *arguments):
        return ConvAdvGANTraining(self, *arguments)


class ConvAdvGANTraining(AmortisedTraining):
    """ConvAdvGAN's training as a task of the epoch loop (training/loop.py): a step of D, then one of the generator."""

    def __init__(self, attack, *data):
        super().__init__(attack, *data)
        self.discriminator, self.d_store = conv_discriminator(
            self.generator.image_shape, attack.seed, self.x.dtype, attack.device)
        self.optimiser, self.d_optimiser = Adam(self.generator.store), Adam(self.d_store)
        self.trains.append(self.d_store)
        self.plan = self.recorded()

    def state(self):
        return {**self.optimiser.state("g"), **self.d_optimiser.state("d")}

    def update(self, chosen, epoch):
        for optimiser in (self.optimiser, self.d_optimiser):
            optimiser.lr[...] = self.attack.lr * (0.1 if 6 * epoch >= 5 * self.epochs else 1.0)
        return self.plan(self.x[chosen], self.aim(self.y[chosen]))

    def learn(self, x, aim):
        """One step of Adam for D, then one for the generator; their losses. Recorded: see autodiff/plan.py."""
        attack, x = self.attack, Tensor(x)
        eta, x_a = self.generator.perturb(x, training=True)

        real, fake = (self.discriminator(images, training=True) for images in (x, x_a.detach()))
        d_loss = losses.least_squares(real, 1) + losses.least_squares(fake, 0)
        self.d_optimiser.descend(d_loss)

        z = logits_of(self.classifier, x_a)
        terms = {
            "L_adv": losses.adversarial(z, aim, attack.objective, attack.kappa, attack.target is not None),
            "L_eta": losses.eta_penalty(eta, attack.bound),
            "L_GAN": losses.least_squares(self.discriminator(x_a, training=True), 1),
        }
        self.optimiser.descend(terms["L_GAN"] + attack.weight * terms["L_adv"] + attack.beta * terms["L_eta"])
        return {**terms, "L_D": d_loss}
