"""How fast are the samplers? Every implementation of affine_sample and flow_sample, against each other.

Three tasks, each from the inputs to the results, with all memory allocated in the call:

    forward            y
    forward+backward   y and the gradients of the image and of theta (or the flow)
    theta only         y and the gradient of theta: the step of an attack that transforms a fixed image

The bytes of a task are the least that any implementation must move: each array is read or written once per pass. A
plain copy that moves as many bytes (half read, half written) is timed in every round; the share of its speed that a
candidate reaches says how far it is from the memory's limit.
"""
from __future__ import annotations

import functools
import re
from typing import NamedTuple

import numpy as np

from .. import checks
from ..errors import ArgumentError
from ..kernels import affine_sample, flow_sample
from ..kernels.affine_sample import CONVENTIONS
from .jobs import Job
from .runner import Benchmark, Option

FORWARD, BOTH, THETA = "forward", "forward+backward", "theta only"
RESULTS = {FORWARD: ("y",), BOTH: ("y", "gradient of x", "gradient of theta"), THETA: ("y", "gradient of theta")}
_FLOW_RESULTS = ("y", "gradient of x", "gradient of flow")
_CHECKED = 1024  # images at most, evenly spaced
_RADIUS = 0.15  # an attack moves theta by up to gamma = 0.3, by half of that on average
_COUNTS = {  # images of the curves: of a full run, with --quick
    "cpu": ((1, 4, 16, 64, 256, 1024, 4096), (1, 8, 64)),
    "cuda": ((64, 256, 1024, 4096, 16384, 65536), (64, 1024)),
}


class Size(NamedTuple):
    """``images`` images of ``channels`` x ``height`` x ``width``.

    >>> Size.parse("28x28x1:128")
    Size(height=28, width=28, channels=1, images=128)
    """

    height: int
    width: int
    channels: int
    images: int

    @classmethod
    def parse(cls, text: str) -> Size:
        """From HxWxC:N."""
        match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)x([1-9]\d*):([1-9]\d*)", text)
        if match is None:
            raise ArgumentError(f"case is {text!r}; write HxWxC:N or flow:HxWxC:N, for example 28x28x1:128")
        return cls(*map(int, match.groups()))

    def __str__(self):
        return f"{self.height}x{self.width}x{self.channels} N {self.images}"


def affine_job(size: Size, convention: str, task: str, settings, scan=None) -> Job:
    """affine_sample on random images and matrices."""
    rng = np.random.default_rng(settings.seed)
    x, g = _images(rng, size)
    radius = settings.options["radius"]
    theta = (np.eye(2, 3) + rng.uniform(-radius, radius, (size.images, 2, 3))).astype(np.float32)
    moved = {FORWARD: 2 * x.size + theta.size, BOTH: 5 * x.size + 3 * theta.size, THETA: 4 * x.size + 3 * theta.size}
    jumps = 2e-2  # a position within rounding of a whole pixel may fall to either side, where the derivative jumps
    tolerance = jumps if convention == "tf_reference" else 1e-4  # in tf_reference the value jumps as well
    return _job(f"{size} {convention}", task, "affine_sample", affine_sample, run_affine, RESULTS[task],
                {"x": x, "theta": theta, "g": g}, {"convention": convention}, moved[task], tolerance,
                {"gradient of theta": jumps}, scan)


def flow_job(size: Size, settings) -> Job:
    """flow_sample on random images and flows of up to two pixels."""
    rng = np.random.default_rng(settings.seed)
    x, g = _images(rng, size)
    flow = rng.uniform(-2, 2, (size.images, 2, size.height, size.width)).astype(np.float32)
    return _job(f"{size} flow_sample", BOTH, "flow_sample", flow_sample, run_flow, _FLOW_RESULTS,
                {"x": x, "flow": flow, "g": g}, {}, 5 * x.size + 3 * flow.size, 1e-4, {"gradient of flow": 2e-2})


def _images(rng, size: Size):
    shape = (size.images, size.channels, size.height, size.width)
    return rng.random(shape, np.float32), rng.standard_normal(shape, np.float32)


def _job(case, task, operation, kernel, run, names, inputs, parameters, numbers, tolerance, tolerances, scan=None):
    """A candidate for each implementation; the reference is "numpy" in float64, on some of the images."""

    def candidate(implementation, job):
        return lambda: run(job, implementation)

    def reference():
        indices = np.unique(np.linspace(0, len(inputs["x"]) - 1, _CHECKED).astype(int))
        job = Job(case, task, operation, {}, {k: a[indices].astype(np.float64) for k, a in inputs.items()}, parameters)
        return indices, dict(zip(names, run(job, "numpy")))

    available = kernel.implementations()
    missing = {name: kernel.why_not(name) for name in available if not available[name]}
    candidates = {name: functools.partial(candidate, name) for name in available if available[name]}
    return Job(case, task, operation, candidates, inputs, parameters, tolerance, tolerances, missing=missing,
               scan=scan, reference=reference, bytes=4 * numbers, pixels=inputs["x"].size)


def run_affine(job: Job, implementation: str) -> tuple:
    """The results of an affine_sample job by one of our implementations."""
    x, theta, g = job.inputs.values()
    convention = job.parameters["convention"]
    if job.task == THETA:  # as sd.ops.affine_sample does
        y, saved = affine_sample.forward(x, theta, convention, implementation=implementation, derivatives=True)
        return y, affine_sample.backward(g, x, theta, convention, implementation, (False, True), saved)[1]
    y = affine_sample.forward(x, theta, convention, implementation=implementation)
    return (y,) if job.task == FORWARD else (y, *affine_sample.backward(g, x, theta, convention, implementation))


def run_flow(job: Job, implementation: str) -> tuple:
    """The results of a flow_sample job by one of our implementations."""
    x, flow, g = job.inputs.values()
    return flow_sample.forward(x, flow, implementation), *flow_sample.backward(g, x, flow, implementation)


def _case(text: str):
    """HxWxC:N: every convention and task of affine_sample; flow:HxWxC:N: flow_sample."""
    size = Size.parse(text.removeprefix("flow:"))
    if text.startswith("flow:"):
        return lambda settings: [flow_job(size, settings)]
    return lambda settings: (affine_job(size, convention, task, settings)
                             for convention in settings.options["conventions"] for task in RESULTS)


def _scan(settings):
    """Time against the number of images of 28x28x1, in the first convention."""
    convention = settings.options["conventions"][0]
    for count in _COUNTS[settings.device][settings.quick]:
        for task in (FORWARD, BOTH):
            job = affine_job(Size(28, 28, 1, count), convention, task, settings, ("images", count))
            yield Job(**{**vars(job), "case": f"28x28x1 {convention}"})


def _check_conventions(name, values):
    for value in values:
        checks.choice(name, value, CONVENTIONS)


BENCHMARK = Benchmark(
    name="affine",
    title="The samplers",
    description="the samplers affine_sample and flow_sample: forward, with both gradients, with theta's alone",
    contract="""\
job.operation  "affine_sample" (or "flow_sample" in the cases flow:HxWxC:N)
job.task       "forward", "forward+backward" or "theta only"
job.inputs     x (N, C, H, W), theta (N, 2, 3) (or flow (N, 2, H, W)), g (N, C, H, W), the gradient of y: float32
job.parameters convention: "half_pixel", "align_corners" or "tf_reference", see sdpadv_np.kernels.affine_sample
results        forward: y; forward+backward: (y, gradient of x, gradient of theta or flow);
               theta only: (y, gradient of theta)""",
    cases={"images": _scan},
    default_cases={
        "cpu": (("28x28x1:128", "28x28x1:1024", "32x32x3:128", "224x224x3:16", "flow:28x28x1:128", "images"),
                ("28x28x1:32", "32x32x3:8", "flow:28x28x1:32", "images")),
        "cuda": (("28x28x1:1024", "28x28x1:4096", "28x28x1:16384", "28x28x1:65536", "flow:28x28x1:1024", "images"),
                 ("28x28x1:1024", "flow:28x28x1:1024", "images")),
    },
    other_case=_case,
    other_form="HxWxC:N (height, width, channels, number of images) or flow:HxWxC:N",
    against=("numpy",),
    budget=4.0,
    options={
        "conventions": Option(CONVENTIONS, f"any of {', '.join(CONVENTIONS)}", _check_conventions,
                              {"nargs": "+", "choices": CONVENTIONS, "metavar": "NAME"}),
        "radius": Option(_RADIUS, "theta is drawn within R of the identity; larger ones leave more of the image",
                         checks.number, {"type": float, "metavar": "R"}),
    },
)
