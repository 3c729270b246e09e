"""The same training steps as PyTorch programs, each in the manner of PyTorch's users.

In the peer's favour: gradients are computed only for the parameters that are trained, the images lie in memory in its
layout, and the indices of the batches are tensors already.
"""
from __future__ import annotations

import itertools

import numpy as np
import torch
from torch.nn import functional

from sdpadv_np.attacks.sdpadv_training import SdpAdvTraining
from sdpadv_np.bench import Candidate, steps
from sdpadv_np.models.classifier import ClassifierTraining

from .pytorch_networks import Module


def step(variant, job) -> Candidate:
    """The training step of the job."""
    return _program(variant, job).candidate(job.parameters["batches"])


def generator(variant, job) -> Candidate:
    """The generator's forward pass on all images of the job's training."""
    program = _program(variant, job)

    def call():
        with torch.no_grad():
            return program.distort(program.x)[3]

    return Candidate(call, lambda x_a: x_a.numpy())


def _program(variant, job):
    task, _ = job.parameters["start"]()
    kinds = {ClassifierTraining: ClassifierStep, SdpAdvTraining: SdpAdvStep, steps.CriticTraining: CriticStep}
    return kinds[type(task)](variant, task, job.parameters["optimise"])


class _Step:
    """The common part: networks, each with its optimiser, and batches in turns."""

    def __init__(self, variant, optimise: bool):
        self.variant, self.optimise = variant, optimise
        self.modules, self.optimisers = {}, {}

    def network(self, name, network, optimiser):
        """A network of ours (for 28x28 images, if it has convolutions), to be trained with ``optimiser``'s rates."""
        module = self.modules[name] = Module(self.variant, network)
        betas = optimiser.beta1, optimiser.beta2
        self.optimisers[name] = self.variant.adam(module.parameters, float(optimiser.lr), betas)
        return module

    def update(self, name, loss):
        self.optimisers[name].zero_grad(set_to_none=True)
        loss.backward(inputs=self.modules[name].parameters)
        if self.optimise:
            self.optimisers[name].step()

    def candidate(self, batches) -> Candidate:
        before = {name: module.flat(lambda p: p).copy() for name, module in self.modules.items()}
        turns = itertools.cycle([torch.from_numpy(n) for n in batches])

        def read(losses):
            weights = {name: (module.flat(lambda p: p.grad), module.flat(lambda p: p))
                       for name, module in self.modules.items()}
            return steps.results(losses, weights, before, self.optimise)

        return Candidate(lambda: self.step(next(turns)), read)


class ClassifierStep(_Step):
    """Cross-entropy, Adam."""

    def __init__(self, variant, task, optimise):
        super().__init__(variant, optimise)
        self.network("classifier", task.classifier.network, task.optimiser)
        self.x, self.y = variant.tensor(task.x), variant.tensor(task.y)
        self.loss = variant.compile(self._loss)

    def _loss(self, x, y):
        return functional.cross_entropy(self.modules["classifier"].module(x), y)

    def step(self, chosen):
        loss = self.loss(self.x[chosen], self.y[chosen])
        self.update("classifier", loss)
        return {"loss": loss.item()}


class SdpAdvStep(_Step):
    """D's step, then the generator's, as in attacks/sdpadv_training.py: box, margin, non-saturating."""

    def __init__(self, variant, task, optimise):
        super().__init__(variant, optimise)
        attack, generator = task.attack, task.generator
        settings = attack.projection, attack.objective, attack.gan_loss, attack.convention
        if settings != ("box", "margin", "nonsaturating", "half_pixel"):
            raise NotImplementedError("the PyTorch program is for box, margin, nonsaturating and half_pixel alone")
        self.attack, self.alpha = attack, attack.alpha_at(0, task.epochs)
        self.d = self.network("discriminator", task.discriminator, task.d_optimiser).module
        self.h_sd, self.h_p = (Module(variant, network) for network in (generator.h_sd, generator.h_p))
        self.modules["generator"] = _Both(self.h_sd, self.h_p)
        self.optimisers["generator"] = variant.adam(self.modules["generator"].parameters, float(task.optimiser.lr))
        self.classifier = Module(variant, task.classifier.network, generator.image_shape[1:]).frozen().module
        self.identity = torch.tensor([1.0, 0, 0, 0, 1, 0])
        self.x, self.y = variant.tensor(task.x), variant.tensor(task.y)
        self.distort, self.d_loss, self.terms = map(variant.compile, (self._distort, self._d_loss, self._terms))

    def _distort(self, x):
        attack = self.attack
        theta_raw = self.h_sd.module(x)
        theta = self.identity + (theta_raw - self.identity).clamp(-attack.gamma, attack.gamma)
        grid = functional.affine_grid(theta.view(-1, 2, 3), list(x.shape), align_corners=False)
        x_t = functional.grid_sample(x, grid, align_corners=False)
        eta_raw = self.h_p.module(x_t).view_as(x)
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

    def step(self, chosen):
        theta_raw, x_t, eta_raw, x_a = self.distort(self.x[chosen])
        d_loss = self.d_loss(x_t.detach(), x_a.detach())
        self.update("discriminator", d_loss)
        terms = self.terms(theta_raw, eta_raw, x_a, self.y[chosen])
        adversarial, theta, eta, gan = terms.values()
        attack = self.attack
        self.update("generator", adversarial + self.alpha * theta + attack.beta * eta + attack.lam * gan)
        return {**{name: term.item() for name, term in terms.items()}, "L_D": d_loss.item()}


class _Both:
    """Two modules as one: the generator's two networks share one parameter store of ours."""

    def __init__(self, *modules):
        self.modules, self.parameters = modules, [p for module in modules for p in module.parameters]

    def flat(self, function):
        return np.concatenate([module.flat(function) for module in self.modules])


class CriticStep(_Step):
    """WGAN-GP's critic: the gradient penalty goes through torch.autograd.grad(create_graph=True)."""

    def __init__(self, variant, task, optimise):
        super().__init__(variant, optimise)
        self.critic, self.penalty = self.network("critic", task.critic, task.optimiser).forward, task.penalty
        self.real, self.fake, self.mix = map(variant.tensor, (task.real, task.fake, task.mix))

    def step(self, chosen):
        real, fake, mix = self.real[chosen], self.fake[chosen], self.mix[chosen]
        mixed = (mix * real + (1 - mix) * fake).requires_grad_()
        (gradient,) = torch.autograd.grad(self.critic(mixed).sum(), mixed, create_graph=True)
        penalty = (gradient.flatten(1).norm(dim=1) - 1).square().mean()
        distance = self.critic(real).mean() - self.critic(fake).mean()
        self.update("critic", self.penalty * penalty - distance)
        return {"distance": distance.item(), "penalty": penalty.item()}
