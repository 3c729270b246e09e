"""The same training steps as PyTorch programs, each in the manner of PyTorch's users.

In the peer's favour: gradients are computed only for the parameters that are trained, the images lie in memory in its
layout, and the indices of the batches are tensors already.
"""
from __future__ import annotations

import itertools

import numpy as np
import torch
from torch.nn import functional

from sdpadv_np.bench import Candidate, steps

from . import trainings
from .pytorch_networks import Module


def step(variant, job) -> Candidate:
    """The training step of the job."""
    return _program(variant, job).candidate(job.parameters["batches"])


def generator(variant, job) -> Candidate:
    """The generator's forward pass on all images of the job's training."""
    program = _program(variant, job)

    def call():
        with torch.no_grad():
            return program.distort(program.arrays[0])[3]

    return Candidate(call, lambda x_a: x_a.numpy())


def _program(variant, job):
    task, step = trainings.program(job, ClassifierStep, SdpAdvStep, CriticStep)
    return step(variant, task, job.parameters["optimise"])


class _Step:
    """The common part: networks, those of one parameter store with one optimiser, and batches in turns."""

    def __init__(self, variant, task, optimise: bool):
        self.task, self.optimise = task, optimise
        self.arrays = [variant.tensor(array) for array in trainings.arrays(task)]
        trained = trainings.networks(task)
        self.modules = {name: [Module(variant, network) for network in own] for name, (own, _) in trained.items()}
        self.parameters = {name: [p for m in modules for p in m.parameters] for name, modules in self.modules.items()}
        self.optimisers = {name: variant.adam(self.parameters[name], float(o.lr), (o.beta1, o.beta2))
                           for name, (_, o) in trained.items()}
        self.prepare(variant)

    def _flat(self, function) -> dict:
        """{network: function(parameter) of all of its parameters, as one array}"""
        return {name: np.concatenate([m.flat(function) for m in modules]) for name, modules in self.modules.items()}

    def update(self, name, loss):
        self.optimisers[name].zero_grad(set_to_none=True)
        loss.backward(inputs=self.parameters[name])
        if self.optimise:
            self.optimisers[name].step()

    def candidate(self, batches) -> Candidate:
        before, turns = self._flat(lambda p: p), itertools.cycle([torch.from_numpy(n) for n in batches])

        def call():
            chosen = next(turns)
            return self.step(*(array[chosen] for array in self.arrays))

        def read(losses):
            gradients, after = self._flat(lambda p: p.grad), self._flat(lambda p: p)
            weights = {name: (gradients[name], after[name]) for name in after}
            return steps.results(losses, weights, before, self.optimise)

        return Candidate(call, read)


class ClassifierStep(_Step):
    """Cross-entropy, Adam."""

    def prepare(self, variant):
        classifier = self.modules["classifier"][0].module
        self.loss = variant.compile(lambda x, y: functional.cross_entropy(classifier(x), y))

    def step(self, x, y):
        loss = self.loss(x, y)
        self.update("classifier", loss)
        return {"loss": loss.item()}


class SdpAdvStep(_Step):
    """D's step, then the generator's, as in attacks/sdpadv_training.py: box, margin, non-saturating."""

    def prepare(self, variant):
        self.attack = attack = self.task.attack
        self.alpha = attack.alpha_at(0, self.task.epochs)
        settings = attack.projection, attack.objective, attack.gan_loss, attack.convention
        if settings != ("box", "margin", "nonsaturating", "half_pixel"):
            raise NotImplementedError("the PyTorch program is for box, margin, nonsaturating and half_pixel alone")
        (self.d,), (self.h_sd, self.h_p) = ([m.module for m in modules] for modules in self.modules.values())
        size = self.task.generator.image_shape[1:]
        self.classifier = Module(variant, self.task.classifier.network, size).frozen().module
        self.identity = torch.tensor([1.0, 0, 0, 0, 1, 0])
        self.distort, self.d_loss, self.terms = map(variant.compile, (self._distort, self._d_loss, self._terms))

    def _distort(self, x):
        attack = self.attack
        theta_raw = self.h_sd(x)
        theta = self.identity + (theta_raw - self.identity).clamp(-attack.gamma, attack.gamma)
        grid = functional.affine_grid(theta.view(-1, 2, 3), list(x.shape), align_corners=False)
        x_t = functional.grid_sample(x, grid, align_corners=False)
        eta_raw = self.h_p(x_t).view_as(x)
        return theta_raw, x_t, eta_raw, (x_t + eta_raw.clamp(-attack.eps, attack.eps)).clamp(0, 1)

    def _d_loss(self, x_t, x_a):
        clean, adversarial = (functional.log_softmax(self.d(x), 1) for x in (x_t, x_a))
        return -(clean[:, 1].mean() + adversarial[:, 0].mean())

    def _terms(self, theta_raw, eta_raw, x_a, y):
        z, y = self.classifier(x_a), y[:, None]
        margin = z.gather(1, y)[:, 0] - z.scatter(1, y, -np.inf).amax(1)
        return {
            "L_adv": margin.clamp(min=-self.attack.kappa).mean(),
            "L_theta": (theta_raw - self.identity).norm(dim=1).mean(),
            "L_eta": (eta_raw.flatten(1).norm(dim=1) - self.attack.eps).relu().mean(),
            "L_GAN": -functional.log_softmax(self.d(x_a), 1)[:, 1].mean(),
        }

    def step(self, x, y):
        theta_raw, x_t, eta_raw, x_a = self.distort(x)
        d_loss = self.d_loss(x_t.detach(), x_a.detach())
        self.update("discriminator", d_loss)
        terms, attack = self.terms(theta_raw, eta_raw, x_a, y), self.attack
        adversarial, theta, eta, gan = terms.values()
        self.update("generator", adversarial + self.alpha * theta + attack.beta * eta + attack.lam * gan)
        return {**{name: term.item() for name, term in terms.items()}, "L_D": d_loss.item()}


class CriticStep(_Step):
    """WGAN-GP's critic: the gradient penalty goes through torch.autograd.grad(create_graph=True)."""

    def prepare(self, variant):
        self.critic = self.modules["critic"][0].forward

    def step(self, real, fake, mix):
        mixed = (mix * real + (1 - mix) * fake).requires_grad_()
        (gradient,) = torch.autograd.grad(self.critic(mixed).sum(), mixed, create_graph=True)
        penalty = (gradient.flatten(1).norm(dim=1) - 1).square().mean()
        distance = self.critic(real).mean() - self.critic(fake).mean()
        self.update("critic", self.task.penalty * penalty - distance)
        return {"distance": distance.item(), "penalty": penalty.item()}
