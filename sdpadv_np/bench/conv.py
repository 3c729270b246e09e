"""How fast are the convolutions? Model A whole and layer by layer, and the layers of Defense-GAN, beside PyTorch.

Each contender has its arrays in its own layout: ours and channels_last with the channels innermost
in memory, PyTorch's eager default with the columns.
"""
from __future__ import annotations

import functools

import numpy as np

from ..autodiff import Plan, Tensor, grad
from ..autodiff.tensor import raw
from ..kernels import conv2d
from ..models import ModelA
from ..nn import Conv2d
from . import steps, torches
from .goals import Goal
from .runner import Contender, Inapplicable, Job, Question

FORWARD, BOTH = "forward", "forward + input gradient"
FACES = ("forward", "input gradient", "weight gradient")
_TIES = 2e-3  # any other rounding of the sums, in a thousand images: some ReLUs whose input is 0 but for rounding
_FLIPPED = 2e-2  # winograd in a whole network, where "auto" takes it: some ReLUs switch


def _model(count: int, settings, peers):
    count = min(count, 8) if settings.quick else count
    x = steps.images()[0][:count]
    g = np.random.default_rng(settings.seed).standard_normal((count, 10), np.float32)
    for task in (FORWARD, BOTH):
        makers = {f"ours {name}{' plan' * plan}": functools.partial(_our_model, name, plan, x, g, task, settings.seed)
                  for plan in (False, True) for name in ("direct", "auto")}
        makers |= {name: functools.partial(_their_model, variant, x, g, task, settings.seed) for name, variant in peers.items()}
        yield Job(f"Model A N {count}", task, makers)


def _our_model(algorithm, plan, x, g, task, seed):
    model = ModelA(seed)
    network = steps.with_algorithm(model.network, algorithm)

    def forward(x):
        return (network(x),)

    def both(x):
        images = Tensor(x, requires_grad=True)
        logits = network(images)
        return logits, grad(logits, [images], g)[0]

    function = forward if task == FORWARD else both
    if plan:
        function = Plan(function, [model.store])
        function(x), function(x)  # recorded, verified; from now on replayed
    return Contender(lambda: function(x), lambda results: _named([raw(r) for r in results]), 0.0 if algorithm == "direct" else _FLIPPED)


def _named(results) -> dict:
    return dict(zip(("the logits", "the input's gradient"), results))


def _their_model(variant, x, g, task, seed):
    variant.reset()
    torch, module = variant.torch, torches.Module(variant, ModelA(seed).network).frozen().forward
    x, g = variant.tensor(x), variant.tensor(g)

    def both():
        logits = module(x)
        return logits, *torch.autograd.grad(logits, [x], g)

    call = (lambda: (module(x),)) if task == FORWARD else both
    x.requires_grad_(task == BOTH)
    return Contender(call, lambda results: _named([tensor.detach().numpy() for tensor in results]), _TIES if task == BOTH else 0.0)


_NETWORKS = {"Model A": lambda: ModelA().network.layers, "Defense-GAN": lambda: steps.CRITICS["Defense-GAN"]}


def _layers(network: str, count: int, settings, peers):
    """The three faces of each of the network's convolutions."""
    count = min(count, 8) if settings.quick else count
    for number, (layer, side) in enumerate(_convolutions(_NETWORKS[network](), 28), 1):
        arrays = _Arrays(layer, side, count, settings.seed)
        for face in FACES:
            makers = {f"ours {name}": functools.partial(arrays.ours, face, *how) for name, how in
                      {"numpy": ("direct", "numpy"), "direct": ("direct", None), "winograd": ("winograd", None)}.items()}
            makers |= {name: functools.partial(arrays.theirs, face, variant) for name, variant in peers.items()}
            yield Job(f"{network} conv{number} {layer.inputs}->{layer.outputs} N {count}", face, makers)


class _Arrays:
    """Images, weights, bias and a gradient of the output, for one layer."""

    def __init__(self, layer: Conv2d, side: int, count: int, seed: int):
        rng, self.stride, self.size = np.random.default_rng(seed), layer.stride, (side, side)
        self.padding = conv2d.resolve_padding(layer.padding, self.size, layer.kernel, layer.stride)
        self.x = rng.random((count, layer.inputs, side, side), np.float32)
        self.w = rng.standard_normal((layer.outputs, layer.inputs, *layer.kernel), np.float32) / np.float32(np.sqrt(layer.inputs * layer.kernel[0] * layer.kernel[1]))
        self.b = rng.standard_normal(layer.outputs, np.float32)
        output = [(side + sum(p) - k) // layer.stride + 1 for p, k in zip(self.padding, layer.kernel)]
        self.g = rng.standard_normal((count, layer.outputs, *output), np.float32)

    def ours(self, face, algorithm, implementation):
        x, g = (np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) for a in (self.x, self.g))  # as the layer before and after would leave them
        how = {"algorithm": algorithm, "implementation": implementation}
        call = {
            "forward": lambda: conv2d.forward(x, self.w, self.stride, self.padding, self.b, **how),
            "input gradient": lambda: conv2d.input_gradient(g, self.w, self.size, self.stride, self.padding, **how),
            "weight gradient": lambda: conv2d.weight_gradient(g, x, self.w.shape[2:], self.stride, self.padding, **how),
        }[face]
        if algorithm == "winograd" and not self._winograd():
            raise Inapplicable("winograd is for three taps a stride, see kernels/conv2d")
        return Contender(call, lambda result: {f"the {face}": result})

    def _winograd(self) -> bool:
        try:
            conv2d.forward(self.x[:1], self.w, self.stride, self.padding, algorithm="winograd")
        except ValueError:
            return False
        return True

    def theirs(self, face, variant):
        """PyTorch pads one way only; what it does not know (one pixel more on one side) is padded by itself, for gradients beforehand."""
        variant.reset()
        torch, (h, w) = variant.torch, self.size
        (top, bottom), (left, right) = self.padding
        even = top == bottom and left == right
        padding, pads = ((top, left), None) if even else ((0, 0), (left, right, top, bottom))
        pad = torch.nn.functional.pad
        x, weight, bias, g = map(variant.tensor, (self.x, self.w, self.b, self.g))
        if face == "forward":
            convolve = variant.compile(lambda x: torch.nn.functional.conv2d(x if even else pad(x, pads), weight, bias, self.stride, padding))
            return Contender(lambda: convolve(x), lambda result: {"the forward": result.numpy()})
        padded, wanted = x if even else pad(x, pads), [face == "input gradient", face == "weight gradient", False]
        stride, index = [self.stride] * 2, wanted.index(True)
        backward = variant.compile(lambda g: torch.ops.aten.convolution_backward(g, padded, weight, None, stride, list(padding), [1, 1], False, [0, 0], 1, wanted)[index])
        inside = (slice(None), slice(None), slice(top, top + h), slice(left, left + w)) if index == 0 and not even else ()
        return Contender(lambda: backward(g), lambda result: {f"the {face}": result[inside].numpy()})


def _convolutions(layers, side):
    """(layer, side of its images) for each convolution."""
    for layer in layers:
        if isinstance(layer, Conv2d):
            yield layer, side
            (before, after), _ = conv2d.resolve_padding(layer.padding, (side, side), layer.kernel, layer.stride)
            side = (side + before + after - layer.kernel[0]) // layer.stride + 1


QUESTION = Question(
    name="conv",
    title="Convolutions against PyTorch's",
    asks="convolutions: Model A whole and by layer, Defense-GAN's layers",
    cases={
        "model-a": functools.partial(_model, 128),
        "model-a-1000": functools.partial(_model, 1000),
        "layers": functools.partial(_layers, "Model A", 128),
        "layers-1000": functools.partial(_layers, "Model A", 1000),
        "defense-gan": functools.partial(_layers, "Defense-GAN", 50),
    },
    quick=("model-a", "layers", "defense-gan"),
    peers=("torch", "torch.channels_last", "torch.compile"),
    default_peers=("torch", "torch.channels_last"),
    load=torches.load,
    against=("torch", "torch.channels_last", "torch.compile"),
    goals=tuple(
        Goal(f"Model A N {count}", task, f"ours {algorithm}", "torch", goal, floor)
        for count in (128, 1000)
        for task, algorithm, goal, floor in ((FORWARD, "direct", 2.2, 1.8), (FORWARD, "auto", 3.8, 2.2), (BOTH, "direct", 2.8, 1.8), (BOTH, "auto", 5.5, 3.3))
    ),
)
