"""The losses of the paper, Eq. 4 and 6-9, each a mean over the batch.

All take Tensors (recorded) or arrays. Penalties take raw theta and eta, before projection: a projected one has no
gradient that could reduce it.
"""
from __future__ import annotations

import numpy as np

from . import checks
from .autodiff import ops
from .autodiff.tensor import raw
from .errors import ArgumentError
from .xp import array_module

OBJECTIVES = ("margin", "cross_entropy", "probability_margin")
GAN_LOSSES = ("nonsaturating", "minimax")


def adversarial(logits, labels, objective: str = "margin", kappa: float = 0.0, targeted: bool = False):
    """L_adv (Eq. 4) of logits Z (N, K) on x_A and labels y (N,), to be minimised.

    "cross_entropy" is the paper's: -mean CE(f(x_A), y). It has almost no gradient where the classifier is confident.
    "margin" is mean max(Z_y - max_{i != y} Z_i, -kappa) on logits (Carlini & Wagner 2017, f_6): it does not saturate,
    and ignores images that are misclassified by a margin of kappa. "probability_margin" is the same on probabilities
    instead of logits, as in AdvGAN's public implementations. ``targeted`` reverses the sign of CE and of the
    difference: labels are then the target classes.
    """
    if objective == "cross_entropy":
        loss = ops.mean(ops.cross_entropy(logits, labels=labels))
        return loss if targeted else -loss
    if objective in ("margin", "probability_margin"):
        difference = ops.margin(logits if objective == "margin" else ops.softmax(logits), labels=labels)
        return ops.mean(ops.clip(-difference if targeted else difference, low=-kappa, high=np.inf))
    raise ArgumentError(f"objective is {objective!r}; choose one of {', '.join(OBJECTIVES)}")


def theta_penalty(theta):
    """L_theta (Eq. 6): mean ||theta - theta_I||_2, theta (N, 6) raw."""
    return ops.mean(ops.norm(theta - array_module(raw(theta)).array([1, 0, 0, 0, 1, 0], theta.dtype)))


def eta_penalty(eta, eps: float):
    """L_eta (Eq. 7): mean max(0, ||eta||_2 - eps), eta (N, ...) raw."""
    return ops.mean(ops.relu(ops.norm(eta) - checks.number("eps", eps)))


def _log_d(logits, label: int):
    """mean log D(.) (label 1, "real") or mean log(1 - D(.)) (label 0) of D's logits (N, 2)."""
    return -ops.mean(ops.cross_entropy(logits, labels=array_module(raw(logits)).full(logits.shape[0], label)))


def discriminator(real, fake):
    """The discriminator's loss: -L_GAN (Eq. 8); real = D's logits (N, 2) on x_T, fake on x_A; class 1 is "real"."""
    return -(_log_d(real, 1) + _log_d(fake, 0))


def generator_gan(real, fake, gan_loss: str = "nonsaturating"):
    """The generator's loss of the GAN game; real = D's logits (N, 2) on x_T, fake on x_A.

    "minimax" is Eq. 8 as printed: mean log D(x_T) + mean log(1 - D(x_A)). "nonsaturating" is
    -mean log D(x_A) (Goodfellow et al. 2014, section 3), which still has a gradient when D wins.
    """
    if gan_loss == "minimax":
        return _log_d(real, 1) + _log_d(fake, 0)
    if gan_loss == "nonsaturating":
        return -_log_d(fake, 1)
    raise ArgumentError(f"gan_loss is {gan_loss!r}; choose one of {', '.join(GAN_LOSSES)}")


def least_squares(logits, wanted: float):
    """mean (sigmoid(logits) - wanted)^2 (Mao et al. 2017), over logits of any shape.

    The discriminator minimises it with wanted = 1 on real and 0 on fake images, the generator with 1 on fake ones.
    """
    return ops.mean(ops.square(ops.sigmoid(logits) - checks.number("wanted", wanted, low=-np.inf)))
