"""One step of SdpAdv's training: D learns to tell x_T from x_A, then the generator minimises L_g (Eq. 9)."""
from __future__ import annotations

import numpy as np

from .. import losses, xp
from ..autodiff import Tensor
from ..models import discriminator
from ..models.generator import IDENTITY
from ..models.interface import logits_of
from ..optim import Adam
from .amortised import AmortisedTraining


class SdpAdvTraining(AmortisedTraining):
    """SdpAdv's training as a task of the epoch loop (training/loop.py)."""

    def __init__(self, attack, *data):
        super().__init__(attack, *data)
        self.discriminator, self.d_store = discriminator(
            self.generator.image_shape, attack.seed, self.x.dtype, attack.device)
        self.optimiser, self.d_optimiser = Adam(self.generator.store, attack.lr), Adam(self.d_store, attack.lr_d)
        self.trains.append(self.d_store)
        self.plan = self.recorded()

    def state(self):
        return {**self.optimiser.state("g"), **(self.d_optimiser.state("d") if self.attack.eps else {})}

    def update(self, chosen, epoch):
        alpha = xp.array_module(self.x).full((), self.attack.alpha_at(epoch, self.epochs), self.x.dtype)
        return self.plan(self.x[chosen], self.aim(self.y[chosen]), alpha)

    def learn(self, x, y, alpha):
        """One step of Adam for D, then one for the generator; their losses. Recorded: see autodiff/plan.py."""
        out = self.generator.distort(Tensor(x))
        figures = {}
        if self.attack.eps:
            d_loss = losses.discriminator(self.discriminator(out.x_t.detach()), self.discriminator(out.x_a.detach()))
            self.d_optimiser.descend(d_loss)
            figures["L_D"] = d_loss
        terms = self.terms(out, y)
        self.optimiser.descend(self.total(terms, alpha))
        return {**terms, **figures}

    def terms(self, out, y) -> dict:
        """The terms of L_g for a batch, unweighted; those of a step that is off are left out."""
        attack = self.attack
        z = logits_of(self.classifier, out.x_a)
        terms = {"L_adv": losses.adversarial(z, y, attack.objective, attack.kappa, attack.target is not None)}
        if attack.spatial:
            terms["L_theta"] = losses.theta_penalty(out.theta_raw)
        if attack.eps:
            terms["L_eta"] = losses.eta_penalty(out.eta_raw, attack.eps)
            real = self.discriminator(out.x_t) if attack.gan_loss == "minimax" else None
            terms["L_GAN"] = losses.generator_gan(real, self.discriminator(out.x_a), attack.gan_loss)
        return terms

    def total(self, terms: dict, alpha: float):
        """L_g = L_adv + alpha L_theta + beta L_eta + lambda L_GAN (Eq. 9)."""
        weights = {"L_adv": 1.0, "L_theta": alpha, "L_eta": self.attack.beta, "L_GAN": self.attack.lam}
        total = None
        for name, term in terms.items():
            total = term * weights[name] if total is None else total + term * weights[name]
        return total

    def validate(self):
        deviation = self.generator.theta(self.x_val) - xp.array_module(self.x_val).array(IDENTITY, self.x_val.dtype)
        return {**super().validate(), "theta deviation": float(np.linalg.norm(deviation, axis=1).mean())}
