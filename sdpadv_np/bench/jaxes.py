"""The same training steps through JAX's jit: pure functions of weights and a batch, compiled for the very shapes.

In the peer's favour: the images are JAX's arrays already, the whole step with Adam is one compiled
function that may reuse its inputs' memory, and gradients leave it only where there is no optimiser.
"""
from __future__ import annotations

import importlib
import itertools
import os
import sys

import numpy as np

from ..kernels.conv2d import resolve_padding
from ..nn import Conv2d, Dense
from . import steps
from .runner import Contender

NAME = "jax.jit"


def load(names, threads: int) -> tuple[dict, dict, dict]:
    """({name: module}, {name: why it is missing}, {library: version})."""
    if NAME not in names:
        return {}, {NAME: "not asked for (--peers)"}, {}
    if "jax" not in sys.modules:  # XLA's threads are settled when it is loaded
        os.environ["NPROC"] = str(threads)
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen={str(threads > 1).lower()}"
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
    try:
        jax = importlib.import_module("jax")
    except ImportError as error:
        return {}, {NAME: str(error)}, {}
    return {NAME: jax}, {}, {"jax": jax.__version__}


def _apply(jax, network, weights, x):
    """The network of ours with these weights, [{"W", "b"} per layer]."""
    jnp = jax.numpy
    activations = {"linear": lambda x: x, "relu": jax.nn.relu, "leaky_relu": lambda x: jax.nn.leaky_relu(x, 0.2), "tanh": jnp.tanh}
    for layer, own in zip(network.layers, weights):
        if isinstance(layer, Dense):
            x = activations[layer.activation](x @ own["W"] + own["b"])
        elif isinstance(layer, Conv2d):
            padding = resolve_padding(layer.padding, x.shape[2:], layer.kernel, layer.stride)
            x = activations[layer.activation](jax.lax.conv_general_dilated(x, own["W"], [layer.stride] * 2, padding) + own["b"].reshape(-1, 1, 1))
        else:
            x = x.reshape(len(x), -1)
    return x


def _weights(jax, *networks):
    return [[{key: jax.numpy.array(t.data) for key, t in tensors.items()} for tensors in network.tensors] for network in networks]


class _Step:
    """losses(name, weights, batch) -> (what ``name`` minimises, figures); networks are trained in the order of ``rates``."""

    tolerance = 0.0

    def __init__(self, jax, optimise: bool, weights: dict, rates: dict, arrays):
        self.jax, self.optimise, self.rates = jax, optimise, rates
        self.start, self.arrays = weights, [jax.numpy.array(a) for a in arrays]
        moments = jax.tree.map(jax.numpy.zeros_like, weights)
        self.state = jax.tree.map(jax.numpy.array, (weights, moments, moments, jax.numpy.zeros(())))
        self.run = jax.jit(self._step if optimise else self._gradients, donate_argnums=0 if optimise else ())

    def _step(self, state, chosen):
        weights, m, v, t = state
        figures, t = {}, t + 1
        for name, (lr, beta1, beta2) in self.rates.items():
            gradient, found = self.jax.grad(self.losses, argnums=1, has_aux=True)(name, weights[name], weights, [a[chosen] for a in self.arrays])
            figures |= found
            m = m | {name: self.jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, m[name], gradient)}
            v = v | {name: self.jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, v[name], gradient)}
            moved = self.jax.tree.map(lambda w, m, v: w - lr * (m / (1 - beta1**t)) / (self.jax.numpy.sqrt(v / (1 - beta2**t)) + 1e-8), weights[name], m[name], v[name])
            weights = weights | {name: moved}
        return (weights, m, v, t), figures

    def _gradients(self, state, chosen):
        gradients, figures = {}, {}
        for name in self.rates:
            gradients[name], found = self.jax.grad(self.losses, argnums=1, has_aux=True)(name, state[0][name], state[0], [a[chosen] for a in self.arrays])
            figures |= found
        return gradients, figures

    def contender(self, numbers) -> Contender:
        turns = itertools.cycle([self.jax.numpy.array(n) for n in numbers])

        def call():
            out, figures = self.run(self.state, next(turns))
            if self.optimise:
                self.state = out
            return {name: float(value) for name, value in figures.items()}, self.jax.block_until_ready(out)

        return Contender(call, lambda results: self._read(*results, numbers[0]), self.tolerance)

    def _read(self, figures, out, first):
        """The gradients are computed once more, one network after the other as the step moves them."""
        after = out[0] if self.optimise else self.start
        found, weights = {}, dict(self.start)
        for name in self.rates:
            gradient, _ = self.jax.grad(self.losses, argnums=1, has_aux=True)(name, weights[name], weights, [a[first] for a in self.arrays])
            found[name] = _flat(self.jax, gradient), _flat(self.jax, after[name])
            weights[name] = after[name]
        return steps.results(figures, found, {name: _flat(self.jax, w) for name, w in self.start.items()}, self.optimise)


def _flat(jax, networks):
    """All numbers in our order."""
    return np.concatenate([np.asarray(layer[key]).ravel() for network in networks for layer in network for key in ("W", "b") if key in layer])


def _norm(jnp, a):
    return jnp.sqrt((a.reshape(len(a), -1) ** 2).sum(1) + 1e-12)


def _rates(optimiser):
    return float(optimiser.lr), optimiser.beta1, optimiser.beta2


class ClassifierStep(_Step):
    def __init__(self, jax, task, optimise):
        self.network = task.classifier.network
        super().__init__(jax, optimise, {"classifier": _weights(jax, self.network)}, {"classifier": _rates(task.optimiser)}, [task.x, task.y])

    def losses(self, name, mine, weights, batch):
        x, y = batch
        logits = _apply(self.jax, self.network, mine[0], x)
        loss = -self.jax.numpy.take_along_axis(self.jax.nn.log_softmax(logits), y[:, None], 1).mean()
        return loss, {"loss": loss}


class SdpAdvStep(_Step):
    def __init__(self, jax, task, optimise):
        self.task, generator = task, task.generator
        self.frozen, self.alpha = _weights(jax, task.classifier.network)[0], task.attack.alpha_at(0, task.epochs)
        weights = {"discriminator": _weights(jax, task.discriminator), "generator": _weights(jax, generator.h_sd, generator.h_p)}
        super().__init__(jax, optimise, weights, {"discriminator": _rates(task.d_optimiser), "generator": _rates(task.optimiser)}, [task.x, task.y])

    def _distort(self, weights, x):
        jnp, attack, generator = self.jax.numpy, self.task.attack, self.task.generator
        theta_raw = _apply(self.jax, generator.h_sd, weights[0], x)
        identity = jnp.array([1.0, 0, 0, 0, 1, 0])
        theta = (identity + jnp.clip(theta_raw - identity, -attack.gamma, attack.gamma)).reshape(-1, 2, 3)
        h, w = x.shape[2:]
        across, down = jnp.meshgrid((2 * jnp.arange(w) + 1) / w - 1, (2 * jnp.arange(h) + 1) / h - 1)
        u, v = jnp.einsum("nij,jhw->inhw", theta, jnp.stack([across, down, jnp.ones_like(across)]))
        at = jnp.stack([((v + 1) * h - 1) / 2, ((u + 1) * w - 1) / 2], 1)
        sample = self.jax.vmap(lambda image, at: self.jax.scipy.ndimage.map_coordinates(image, list(at), order=1, mode="constant"))
        x_t = sample(x[:, 0], at)[:, None]
        eta_raw = _apply(self.jax, generator.h_p, weights[1], x_t).reshape(x.shape)
        return theta_raw - identity, x_t, eta_raw, jnp.clip(x_t + jnp.clip(eta_raw, -attack.eps, attack.eps), 0, 1)

    def losses(self, name, mine, weights, batch):
        jnp, attack, (x, y) = self.jax.numpy, self.task.attack, batch

        def judge(own, x):
            return self.jax.nn.log_softmax(_apply(self.jax, self.task.discriminator, own[0], x))

        if name == "discriminator":
            _, x_t, _, x_a = self._distort(weights["generator"], x)
            loss = -(judge(mine, x_t)[:, 1].mean() + judge(mine, x_a)[:, 0].mean())
            return loss, {"L_D": loss}
        deviation, _, eta_raw, x_a = self._distort(mine, x)
        z, true = _apply(self.jax, self.task.classifier.network, self.frozen, x_a), self.jax.nn.one_hot(y, 10, dtype=bool)
        margin = jnp.where(true, z, 0).sum(1) - jnp.where(true, -jnp.inf, z).max(1)
        terms = {"L_adv": jnp.maximum(margin, -attack.kappa).mean(), "L_theta": _norm(jnp, deviation).mean(),
                 "L_eta": jnp.maximum(_norm(jnp, eta_raw) - attack.eps, 0).mean(), "L_GAN": -judge(weights["discriminator"], x_a)[:, 1].mean()}
        return terms["L_adv"] + self.alpha * terms["L_theta"] + attack.beta * terms["L_eta"] + attack.lam * terms["L_GAN"], terms


class CriticStep(_Step):
    tolerance = 3e-4  # differentiated twice through XLA's convolutions: 1.0e-4 from ours direct was seen

    def __init__(self, jax, task, optimise):
        self.network, self.penalty = task.critic, task.penalty
        super().__init__(jax, optimise, {"critic": _weights(jax, task.critic)}, {"critic": _rates(task.optimiser)}, [task.real, task.fake, task.mix])

    def losses(self, name, mine, weights, batch):
        jnp, (real, fake, mix) = self.jax.numpy, batch

        def critic(x):
            return _apply(self.jax, self.network, mine[0], x)

        slope = self.jax.grad(lambda x: critic(x).sum())(mix * real + (1 - mix) * fake)
        penalty = ((_norm(jnp, slope) - 1) ** 2).mean()
        distance = critic(real).mean() - critic(fake).mean()
        return self.penalty * penalty - distance, {"distance": distance, "penalty": penalty}
