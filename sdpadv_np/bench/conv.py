"""How fast are the convolutions? Model A as a whole and by layer, and the layers of Defense-GAN."""
from __future__ import annotations

import functools

import numpy as np

from ..autodiff import Tensor, grad
from ..autodiff.tensor import raw
from ..kernels import conv2d
from ..models import ModelA
from ..models.layer_table import output_shapes
from ..nn import Conv2d
from . import steps
from .jobs import Candidate, Job
from .runner import Benchmark

FORWARD, BOTH = "forward", "forward + input gradient"
TASKS = ("forward", "input gradient", "weight gradient")
_WINOGRAD = 2e-2  # Winograd in a whole network, where "auto" takes it: some ReLUs switch


def _model(count: int, settings):
    count = min(count, 8) if settings.quick else count
    g = np.random.default_rng(settings.seed).standard_normal((count, 10), np.float32)
    inputs = {"x": steps.images()[0][:count], "g": g}
    for task in (FORWARD, BOTH):
        candidates = {f"ours {name}{' plan' * plan}": functools.partial(_our_model, name, plan)
                      for plan in (False, True) for name in ("direct", "auto")}
        yield Job(f"Model A N {count}", task, "Model A", candidates, inputs,
                  {"network": functools.partial(ModelA, settings.seed)})


def _our_model(algorithm, plan, job):
    model, (x, g) = job.parameters["network"](), job.inputs.values()
    network = steps.with_algorithm(model.network, algorithm)

    def function(x):
        if job.task == FORWARD:
            return (network(x),)
        images = Tensor(x, requires_grad=True)
        logits = network(images)
        return logits, grad(logits, [images], g)[0]

    call = steps.replayed(function, x, [model.store]) if plan else lambda: function(x)
    return Candidate(call, lambda results: dict(zip(("logits", "gradient of x"), map(raw, results))),
                     0.0 if algorithm == "direct" else _WINOGRAD)


_NETWORKS = {"Model A": lambda: ModelA().network.layers, "Defense-GAN": lambda: steps.CRITICS["Defense-GAN"]}


def _layers(network: str, count: int, settings):
    """Forward, input gradient and weight gradient of each convolution of the network."""
    count = min(count, 8) if settings.quick else count
    layers, shape = _NETWORKS[network](), (1, 28, 28)
    shapes = [shape, *output_shapes(layers, shape)]
    convolutions = [each for each in zip(layers, shapes, shapes[1:]) if isinstance(each[0], Conv2d)]
    for number, (layer, before, after) in enumerate(convolutions, 1):
        inputs, parameters = _arrays(layer, (count, *before), (count, *after), settings.seed)
        for task in TASKS:
            candidates = {f"ours {name}": functools.partial(_our_layer, algorithm, implementation)
                          for name, algorithm, implementation in
                          (("numpy", "direct", "numpy"), ("direct", "direct", None), ("winograd", "winograd", None))}
            yield Job(f"{network} conv{number} {layer.inputs}->{layer.outputs} N {count}", task, "conv2d", candidates,
                      inputs, parameters)


def _arrays(layer: Conv2d, before: tuple, after: tuple, seed: int) -> tuple[dict, dict]:
    """({"x", "w", "b", "g"}, {"stride", "padding"}) of one layer; g is the gradient of the output."""
    rng = np.random.default_rng(seed)
    padding = conv2d.resolve_padding(layer.padding, before[2:], layer.kernel, layer.stride)
    x = rng.random(before, np.float32)
    w = rng.standard_normal((layer.outputs, layer.inputs, *layer.kernel), np.float32)
    w /= np.float32(np.sqrt(w[0].size))
    b, g = (rng.standard_normal(shape, np.float32) for shape in (layer.outputs, after))
    return {"x": x, "w": w, "b": b, "g": g}, {"stride": layer.stride, "padding": padding}


def _our_layer(algorithm, implementation, job):
    x, w, b, g = job.inputs.values()
    stride, padding = job.parameters["stride"], job.parameters["padding"]
    if algorithm == "winograd":
        try:
            conv2d.forward(x[:1], w, stride, padding, algorithm="winograd")
        except ValueError as error:
            raise NotImplementedError("winograd is for three taps a stride, see kernels/conv2d") from error
    # channels innermost in memory, as the layers before and after leave them
    x, g = (np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) for a in (x, g))
    how = {"algorithm": algorithm, "implementation": implementation}
    call = {
        "forward": lambda: conv2d.forward(x, w, stride, padding, b, **how),
        "input gradient": lambda: conv2d.input_gradient(g, w, x.shape[2:], stride, padding, **how),
        "weight gradient": lambda: conv2d.weight_gradient(g, x, w.shape[2:], stride, padding, **how),
    }[job.task]
    return Candidate(call, lambda result: {job.task: result})


BENCHMARK = Benchmark(
    name="conv",
    title="Convolutions",
    description="convolutions: Model A whole and by layer, Defense-GAN's layers",
    contract="""\
job.operation  "conv2d" in the cases of layers, "Model A" in those of the whole network
job.task       conv2d: "forward", "input gradient" or "weight gradient";
               Model A: "forward" or "forward + input gradient"
job.inputs     conv2d: x (N, C, H, W), w (K, C, R, S), b (K,), g (N, K, P, Q), the gradient of the output: float32;
               Model A: x (N, 1, 28, 28), g (N, 10), the gradient of the logits
job.parameters conv2d: stride, padding ((top, bottom), (left, right)); Model A: network() -> sd.models.ModelA
results        conv2d: the array of the task, in the order above; Model A: logits, or (logits, gradient of x)""",
    cases={
        "model-a": functools.partial(_model, 128),
        "model-a-1000": functools.partial(_model, 1000),
        "layers": functools.partial(_layers, "Model A", 128),
        "layers-1000": functools.partial(_layers, "Model A", 1000),
        "defense-gan": functools.partial(_layers, "Defense-GAN", 50),
    },
    default_cases={"cpu": (("model-a", "model-a-1000", "layers", "layers-1000", "defense-gan"),
                           ("model-a", "layers", "defense-gan"))},
    against=("ours direct",),
)
