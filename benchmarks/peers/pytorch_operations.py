"""Single operations as PyTorch programs: the samplers, convolutions, and the jobs of ``sdpadv bench ops``."""
from __future__ import annotations

import functools
import itertools

import numpy as np
import torch
from torch.nn import functional

from sdpadv_np.bench import Candidate, affine, conv, ops

from .pytorch_networks import Module

_SWITCHED = 2e-3  # another order of summation, in a thousand images: some ReLUs whose input is 0 but for rounding


def _numpy(results) -> list[np.ndarray]:
    return [tensor.detach().cpu().numpy() for tensor in results]


def _affine_sample(variant, job):
    """affine_grid and grid_sample, backward through autograd.

    Where no gradient is wanted, no tensor requires one, so that nothing is recorded: torch.no_grad would do the same,
    at a microsecond per call.
    """
    if "convention" not in job.parameters:
        return _differentiated(variant, job, functools.partial(_sample, corners=False))
    corners = {"half_pixel": False, "align_corners": True}.get(job.parameters["convention"])
    if corners is None:
        raise NotImplementedError(f"PyTorch has no {job.parameters['convention']}")
    return _sampled(variant, job, functools.partial(_sample, corners=corners), variant.tensor(job.inputs["theta"]))


def _sample(x, theta, corners):
    grid = functional.affine_grid(theta.view(-1, 2, 3), list(x.shape), align_corners=corners)
    return functional.grid_sample(x, grid, align_corners=corners)


def _flow_sample(variant, job):
    """grid_sample with the flow in its own unit and layout, which leaves one addition."""
    h, w = job.inputs["x"].shape[2:]
    unit = np.array([2 / max(w - 1, 1), 2 / max(h - 1, 1)], np.float32)  # of one pixel; x first
    rows, columns = np.indices((h, w), np.float32)
    flow = variant.tensor(job.inputs["flow"])
    base, scale = (torch.from_numpy(a).to(flow.device) for a in (np.stack([columns, rows], axis=-1) * unit - 1, unit))

    def sample(x, flow):
        return functional.grid_sample(x, base + flow, padding_mode="border", align_corners=True)

    def read(results):
        return [*results[:-1], (results[-1] * unit).transpose(0, 3, 1, 2)[:, ::-1]]

    return _sampled(variant, job, sample, (flow.flip(1).permute(0, 2, 3, 1) * scale).contiguous(), read)


def _sampled(variant, job, sample, moved, read=lambda results: results):
    x, g, sample = variant.tensor(job.inputs["x"]), variant.tensor(job.inputs["g"]), variant.compile(sample)
    wanted = {affine.FORWARD: (), affine.THETA: (moved,)}.get(job.task, (x, moved))
    inputs = [tensor.detach().requires_grad_() for tensor in wanted]
    arguments = (x, *(inputs or [moved]))[-2:]
    return _candidate(sample, arguments, inputs, g, lambda results: read(_numpy(results)))


def _candidate(function, arguments, inputs, g, read=_numpy, tolerance=0.0) -> Candidate:
    """``function(*arguments)``, and its gradients with respect to ``inputs``, if there are any."""
    def call():
        y = function(*arguments)
        return y, *torch.autograd.grad(y, inputs, g)

    return Candidate(call if inputs else lambda: (function(*arguments),), read, tolerance)


def _differentiated(variant, job, function):
    """``function(*inputs)``, and the gradients that the job names; g, if among the inputs, is the result's gradient."""
    wanted = job.parameters["gradients"]
    tensors = {name: torch.from_numpy(a.copy()).requires_grad_(name in wanted) for name, a in job.inputs.items()}
    g = tensors.pop("g", None)
    return _candidate(variant.compile(function), tensors.values(), [tensors[name] for name in wanted], g)


def _with(function):
    return lambda variant, job: _differentiated(variant, job, function)


def _margin(z, y):
    y = y[:, None]
    return (z.gather(1, y)[:, 0] - z.scatter(1, y, -np.inf).amax(1)).clamp(min=-2.0).mean()


def _adam(variant, job):
    """The optimiser's step on parameters of the job's shapes."""
    if variant.compiled:
        raise NotImplementedError("its optimiser is torch.fused's")
    shapes, weights = job.parameters["shapes"], job.inputs["weights"]
    splits = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]

    def tensors(flat):
        return [torch.from_numpy(a.reshape(shape).copy()) for a, shape in zip(np.split(flat, splits), shapes)]

    parameters = [tensor.requires_grad_() for tensor in tensors(weights)]
    optimiser = variant.adam(parameters, job.parameters["lr"])
    turns = itertools.cycle([*map(tensors, job.inputs["gradients"])])

    def call():
        for parameter, gradient in zip(parameters, next(turns)):
            parameter.grad = gradient
        optimiser.step()

    return Candidate(call, lambda _: np.concatenate([p.detach().numpy().ravel() for p in parameters]) - weights)


def _model(variant, job):
    """Model A as a whole."""
    module = Module(variant, job.parameters["network"]().network).frozen().forward
    x, inputs = variant.tensor(job.inputs["x"]), []
    if job.task != conv.FORWARD:
        inputs = [x.requires_grad_()]
    return _candidate(module, [x], inputs, variant.tensor(job.inputs["g"]), tolerance=_SWITCHED if inputs else 0.0)


def _conv2d(variant, job):
    """PyTorch pads symmetrically only; other padding is an operation of its own, for gradients done beforehand."""
    x, weight, bias, g = map(variant.tensor, job.inputs.values())
    stride, ((top, bottom), (left, right)) = job.parameters["stride"], job.parameters["padding"]
    even, (h, w) = top == bottom and left == right, x.shape[2:]
    padding = (top, left) if even else (0, 0)

    def padded(x):
        return x if even else functional.pad(x, (left, right, top, bottom))

    if job.task == "forward":
        convolve = variant.compile(lambda x: functional.conv2d(padded(x), weight, bias, stride, padding))
        return Candidate(lambda: convolve(x), lambda y: y.numpy())
    wanted = [job.task == "input gradient", job.task == "weight gradient", False]
    images, index = padded(x), wanted.index(True)
    geometry = [stride] * 2, list(padding), [1, 1], False, [0, 0], 1
    gradients = torch.ops.aten.convolution_backward
    backward = variant.compile(lambda g: gradients(g, images, weight, None, *geometry, wanted)[index])
    inside = (..., slice(top, top + h), slice(left, left + w)) if index == 0 and not even else ()
    return Candidate(lambda: backward(g), lambda gradient: gradient[inside].numpy())


PROGRAMS = {
    "affine_sample": _affine_sample, "flow_sample": _flow_sample, "conv2d": _conv2d, "Model A": _model, "adam": _adam,
    "chain": _with(lambda x, a, b: ops.chain(x, a, b, torch.tanh)),
    "dense": _with(lambda x, W, b: torch.relu(torch.addmm(b, x, W))),
    "cross_entropy": _with(functional.cross_entropy), "margin": _with(_margin),
}
