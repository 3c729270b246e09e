"""One step of SdpAdv's training: D learns to tell x_T from x_A, then the generator minimises L_g (Eq. 9)."""
from __future__ import annotations

import numpy as np

from .. import checks, losses
from ..autodiff import Plan, Tensor
from ..models import discriminator
from ..models.classifier import in_chunks
from ..optim import Adam


class SdpAdvTraining:
    """SdpAdv's training as a task of the epoch loop (training/loop.py)."""

    def __init__(self, attack, x, y, x_val, y_val, epochs, batch_size):
        self.attack, self.generator, self.classifier = attack, attack.generator, attack.classifier
        dtype = self.generator.store.data.dtype
        shape, classes = self.generator.image_shape, getattr(self.classifier, "classes", 10)
        self.x = checks.images(x, "x", shape).astype(dtype, copy=False)
        self.y = checks.labels(y, len(self.x), classes)
        self.x_val = checks.images(x_val, "x_val", shape).astype(dtype, copy=False)
        self.y_val = checks.labels(y_val, len(self.x_val), classes, "y_val")
        self.epochs, self.batch_size, self.seed = checks.whole("epochs", epochs), checks.whole("batch_size", batch_size), attack.seed
        self.title, self.count = _name(attack), len(self.x)
        self.discriminator, self.d_store = discriminator(shape, attack.seed, dtype)
        self.optimiser, self.d_optimiser = Adam(self.generator.store, attack.lr), Adam(self.d_store, attack.lr_d)
        frozen = [self.classifier.store] if hasattr(self.classifier, "store") else []
        self.plan = Plan(self.learn, [self.generator.store, self.d_store, *frozen])

    def settings(self):
        return {"method": self.title, **self.attack.parameters(), "epochs": self.epochs, "batch_size": self.batch_size, "count": self.count}

    def state(self):
        return {**self.optimiser.state("g"), **(self.d_optimiser.state("d") if self.attack.eps else {})}

    def weights(self):
        return self.generator.store.data

    def step(self, chosen, epoch):
        alpha = np.array(self.attack.alpha_at(epoch, self.epochs), self.x.dtype)
        return {name: float(value) for name, value in self.plan(self.x[chosen], self.y[chosen], alpha).items()}

    def learn(self, x, y, alpha):
        """One step of Adam for D, then one for the generator; their losses. Recorded: see autodiff/plan.py."""
        out = self.generator.distort(Tensor(x))
        figures = {}
        if self.attack.eps:
            d_loss = losses.discriminator(self.discriminator(out.x_t.detach()), self.discriminator(out.x_a.detach()))
            self.d_store.differentiate(d_loss)
            self.d_optimiser.step()
            figures["L_D"] = d_loss
        terms = self.terms(out, y)
        self.generator.store.differentiate(self.total(terms, alpha))
        self.optimiser.step()
        return {**terms, **figures}

    def terms(self, out, y) -> dict:
        """The terms of L_g for a batch, unweighted; those of a step that is off are left out."""
        attack = self.attack
        terms = {"L_adv": losses.adversarial(self.classifier.logits(out.x_a), y, attack.objective, attack.kappa)}
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
        x_adv = self.generator(self.x_val)
        predicted = in_chunks(self.classifier.logits, x_adv).argmax(axis=1)
        deviation = self.generator.theta(self.x_val) - np.array([1, 0, 0, 0, 1, 0], x_adv.dtype)
        return {
            "validation accuracy": float((predicted == self.y_val).mean()),
            "L2sq": float(np.square(x_adv - self.x_val).sum(axis=(1, 2, 3)).mean()),
            "theta deviation": float(np.linalg.norm(deviation, axis=1).mean()),
        }

    def score(self, figures):
        return (figures["validation accuracy"], figures["L2sq"])


def _name(attack) -> str:
    return "AdvGAN" if not attack.spatial else "SdpAdv" if attack.eps else "SdAdv"
