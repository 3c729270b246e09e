"""The same training steps through JAX's jit: pure functions of weights and a batch, compiled for exactly these shapes.

In the peer's favour: the images are JAX's arrays already, the whole step with Adam is one compiled function that may
reuse its inputs' memory, and gradients leave it only where there is no optimiser.
"""
from __future__ import annotations

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np

from sdpadv_np.bench import Candidate, steps
from sdpadv_np.kernels.conv2d import resolve_padding
from sdpadv_np.nn import Conv2d, Dense

from . import trainings

__version__ = jax.__version__
_ACTIVATIONS = {"linear": lambda x: x, "relu": jax.nn.relu, "leaky_relu": lambda x: jax.nn.leaky_relu(x, 0.2),
                "tanh": jnp.tanh}


def jit(job) -> Candidate:
    """The training step of the job."""
    if job.operation != "training step" or job.scan:
        raise NotImplementedError("its program is for the training steps alone")
    task, step = trainings.program(job, ClassifierStep, SdpAdvStep, CriticStep)
    return step(task, job.parameters["optimise"]).candidate(job.parameters["batches"])


def _apply(network, weights, x):
    """The network of ours with these weights, [{"W", "b"} per layer]."""
    for layer, own in zip(network.layers, weights):
        if isinstance(layer, Dense):
            x = _ACTIVATIONS[layer.activation](x @ own["W"] + own["b"])
        elif isinstance(layer, Conv2d):
            padding = resolve_padding(layer.padding, x.shape[2:], layer.kernel, layer.stride)
            x = jax.lax.conv_general_dilated(x, own["W"], [layer.stride] * 2, padding) + own["b"].reshape(-1, 1, 1)
            x = _ACTIVATIONS[layer.activation](x)
        else:
            x = x.reshape(len(x), -1)
    return x


def _weights(networks):
    return [[{key: jnp.array(t.data) for key, t in tensors.items()} for tensors in network.tensors]
            for network in networks]


class _Step:
    """``losses(name, own, weights, batch)`` -> (the loss of network ``name`` with weights ``own``, figures)."""

    tolerance = 0.0

    def __init__(self, task, optimise: bool):
        self.task, self.optimise = task, optimise
        networks, self.arrays = trainings.networks(task), [jnp.array(a) for a in trainings.arrays(task)]
        self.start = {name: _weights(own) for name, (own, _) in networks.items()}
        self.rates = {name: (float(o.lr), o.beta1, o.beta2) for name, (_, o) in networks.items()}
        moments = jax.tree.map(jnp.zeros_like, self.start)
        self.state = jax.tree.map(jnp.array, (self.start, moments, moments, jnp.zeros(())))
        self.run = jax.jit(self._step if optimise else self._gradients, donate_argnums=0 if optimise else ())

    def _gradient(self, name, weights, indices):
        """(gradient of the loss of ``name``, figures)"""
        batch = [a[indices] for a in self.arrays]
        return jax.grad(self.losses, argnums=1, has_aux=True)(name, weights[name], weights, batch)

    def _step(self, state, indices):
        weights, m, v, t = state
        figures, t = {}, t + 1
        for name, rates in self.rates.items():
            gradient, found = self._gradient(name, weights, indices)
            moments = [jax.tree.map(functools.partial(_moment, beta, power), old[name], gradient)
                       for old, beta, power in ((m, rates[1], 1), (v, rates[2], 2))]
            after = jax.tree.map(functools.partial(_adam, t, *rates), weights[name], *moments)
            figures |= found
            weights, m, v = (old | {name: new} for old, new in zip((weights, m, v), (after, *moments)))
        return (weights, m, v, t), figures

    def _gradients(self, state, indices):
        gradients, figures = {}, {}
        for name in self.rates:
            gradients[name], found = self._gradient(name, state[0], indices)
            figures |= found
        return gradients, figures

    def candidate(self, batches) -> Candidate:
        turns = itertools.cycle([jnp.array(n) for n in batches])

        def call():
            out, figures = self.run(self.state, next(turns))
            if self.optimise:
                self.state = out
            return {name: float(value) for name, value in figures.items()}, jax.block_until_ready(out)

        return Candidate(call, lambda results: self._read(*results, batches[0]), self.tolerance)

    def _read(self, figures, out, first):
        """The gradients are computed once more, one network after the other, as the step changes them."""
        after = out[0] if self.optimise else self.start
        found, weights = {}, dict(self.start)
        for name in self.rates:
            gradient, _ = self._gradient(name, weights, first)
            found[name] = _flat(gradient), _flat(after[name])
            weights[name] = after[name]
        return steps.results(figures, found, {name: _flat(w) for name, w in self.start.items()}, self.optimise)


def _flat(networks):
    """All numbers in our order."""
    layers = [layer for network in networks for layer in network]
    return np.concatenate([np.asarray(layer[key]).ravel() for layer in layers for key in ("W", "b") if key in layer])


def _norm(a):
    return jnp.sqrt((a.reshape(len(a), -1) ** 2).sum(1) + 1e-12)


def _moment(beta, power, moment, gradient):
    return beta * moment + (1 - beta) * gradient**power


def _adam(t, lr, beta1, beta2, w, m, v):
    return w - lr * (m / (1 - beta1**t)) / (jnp.sqrt(v / (1 - beta2**t)) + 1e-8)


class ClassifierStep(_Step):
    def losses(self, name, own, weights, batch):
        x, y = batch
        logits = _apply(self.task.classifier.network, own[0], x)
        loss = -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1).mean()
        return loss, {"loss": loss}


class SdpAdvStep(_Step):
    def _distort(self, weights, x):
        attack, generator = self.task.attack, self.task.generator
        theta_raw = _apply(generator.h_sd, weights[0], x)
        identity = jnp.array([1.0, 0, 0, 0, 1, 0])
        theta = (identity + jnp.clip(theta_raw - identity, -attack.gamma, attack.gamma)).reshape(-1, 2, 3)
        h, w = x.shape[2:]
        across, down = jnp.meshgrid((2 * jnp.arange(w) + 1) / w - 1, (2 * jnp.arange(h) + 1) / h - 1)
        u, v = jnp.einsum("nij,jhw->inhw", theta, jnp.stack([across, down, jnp.ones_like(across)]))
        positions = jnp.stack([((v + 1) * h - 1) / 2, ((u + 1) * w - 1) / 2], 1)

        def sample(image, at):
            return jax.scipy.ndimage.map_coordinates(image, list(at), order=1, mode="constant")

        x_t = jax.vmap(sample)(x[:, 0], positions)[:, None]
        eta_raw = _apply(generator.h_p, weights[1], x_t).reshape(x.shape)
        return theta_raw - identity, x_t, eta_raw, jnp.clip(x_t + jnp.clip(eta_raw, -attack.eps, attack.eps), 0, 1)

    def losses(self, name, own, weights, batch):
        attack, (x, y) = self.task.attack, batch

        def judge(d, x):
            return jax.nn.log_softmax(_apply(self.task.discriminator, d[0], x))

        if name == "discriminator":
            _, x_t, _, x_a = self._distort(weights["generator"], x)
            loss = -(judge(own, x_t)[:, 1].mean() + judge(own, x_a)[:, 0].mean())
            return loss, {"L_D": loss}
        deviation, _, eta_raw, x_a = self._distort(own, x)
        classifier, true = self.task.classifier.network, jax.nn.one_hot(y, 10, dtype=bool)
        z = _apply(classifier, _weights([classifier])[0], x_a)
        margin = jnp.where(true, z, 0).sum(1) - jnp.where(true, -jnp.inf, z).max(1)
        terms = {
            "L_adv": jnp.maximum(margin, -attack.kappa).mean(), "L_theta": _norm(deviation).mean(),
            "L_eta": jnp.maximum(_norm(eta_raw) - attack.eps, 0).mean(),
            "L_GAN": -judge(weights["discriminator"], x_a)[:, 1].mean(),
        }
        adversarial, theta, eta, gan = terms.values()
        alpha = attack.alpha_at(0, self.task.epochs)
        return adversarial + alpha * theta + attack.beta * eta + attack.lam * gan, terms


class CriticStep(_Step):
    tolerance = 3e-4  # differentiated twice through XLA's convolutions: 1.0e-4 from ours direct was seen

    def losses(self, name, own, weights, batch):
        real, fake, mix = batch

        def critic(x):
            return _apply(self.task.critic, own[0], x)

        gradient = jax.grad(lambda x: critic(x).sum())(mix * real + (1 - mix) * fake)
        penalty = ((_norm(gradient) - 1) ** 2).mean()
        distance = critic(real).mean() - critic(fake).mean()
        return self.task.penalty * penalty - distance, {"distance": distance, "penalty": penalty}
