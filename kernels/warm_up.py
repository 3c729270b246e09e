"""Compiling ahead: every compiled kernel is called once, on arrays of the types that networks and attacks use."""
from __future__ import annotations

import numpy as np

from . import activation, adam, affine_sample, clip, conv2d, dense, flow_sample, flow_smoothness, logit_loss, perturb
from .runtime.dispatch import COMPILED


def warm_up():
    """Compile, or load from the cache, the kernels that run on this processor."""
    for call in (
        _activation, _adam, _affine_sample, _clip, _conv2d, _dense, _flow_sample, _flow_smoothness, _logit_loss,
        _perturb,
    ):
        call()


def _ones(*shape):
    return np.ones(shape, np.float32)


def _on(kernel):
    """All compiled implementations that can run here, since the fastest passes small arrays to the others."""
    return [name for name, here in kernel.implementations().items() if here and name in COMPILED]


def _activation():
    for name in activation.ACTIVATIONS:
        activation.forward(_ones(2, 3), _ones(3), name)
        activation.backward(_ones(2, 3), _ones(2, 3), name)


def _adam():
    adam.step(_ones(3), _ones(3), _ones(3), _ones(3), np.zeros((), np.int64), 0.1, 0.9, 0.999, 1e-8)


def _affine_sample():
    x, theta = _ones(1, 1, 4, 4), _ones(1, 6)
    _, derivatives = affine_sample.forward(x, theta, derivatives=True)
    affine_sample.backward(x, x, theta)
    affine_sample.backward(x, x, theta, needs=(False, True), derivatives=derivatives)


def _clip():
    clip.backward(_ones(3), _ones(3), 0.0, 1.0)


def _conv2d():
    """Channels that fill vectors, and some that do not, which other functions pack."""
    cases = ("winograd", 1, 16, 16, 14, 6, 2), ("direct", 16, 32, 32, 7, 3, 1), ("direct", 1, 1, 3, 7, 3, 1)
    for implementation in _on(conv2d):
        for algorithm, images, channels, outputs, side, kernel, stride in cases:
            x, w = _ones(images, channels, side, side), _ones(outputs, channels, kernel, kernel)
            padding = (0, 0), (0, 0)
            y = conv2d.forward(x, w, stride, padding, _ones(outputs), "relu", algorithm, implementation)
            conv2d.input_gradient(y, w, x.shape[2:], stride, padding, algorithm, implementation, y=y, activation="relu")
            conv2d.weight_gradient(y, x, w.shape[2:], stride, padding, algorithm, implementation)


def _dense():
    x, W, g = _ones(128, 128), _ones(128, 64), _ones(128, 64)
    for implementation in _on(dense):
        dense.forward(x, W, _ones(64), "relu", implementation)
        dense.input_gradient(g, W, implementation)
        dense.weight_gradient(g, x, implementation)


def _flow_sample():
    x, flow = _ones(1, 1, 4, 4), _ones(1, 2, 4, 4)
    _, derivatives = flow_sample.forward(x, flow, derivatives=True)
    flow_sample.backward(x, x, flow)
    flow_sample.backward(x, x, flow, needs=(False, True), derivatives=derivatives)


def _flow_smoothness():
    flow_smoothness.value_and_gradient(_ones(1, 2, 4, 4))


def _logit_loss():
    for loss in (logit_loss.cross_entropy, logit_loss.margin):
        loss(_ones(1, 3), np.zeros(1, np.int64))


def _perturb():
    perturb.forward(_ones(3), _ones(3), 0.1)
    perturb.backward(_ones(3), _ones(3), _ones(3), 0.1)
