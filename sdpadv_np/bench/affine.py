"""How fast are the samplers? Every implementation of affine_sample and flow_sample beside its peers.

Three tasks, each from the arrays to the results, everything allocated in the call:

    forward            y
    forward+backward   y and the gradients of image and theta (or flow)
    theta only         y and the gradient of theta: the step of an attack that moves a fixed image

The bytes of a task are those that its contract makes anybody move: each array read or written once
per pass. A plain copy that moves as many (half read, half written) takes part in every round; what
share of its speed a contender reaches says how far it is from the memory's limit.
"""
from __future__ import annotations

import gc
import importlib
import time
from dataclasses import asdict, dataclass

import numpy as np

from .. import xp
from ..errors import ArgumentError, Error
from ..kernels import affine_sample, flow_sample
from ..provenance import provenance
from . import peers, timing

TASKS = {"affine": ("forward", "forward+backward", "theta only"), "flow": ("forward+backward",)}
REFERENCE = "numpy"
RATIOS = (REFERENCE, "torch", "torch.compile")  # every contender is compared with these
_CHECKED = 1024  # images at most, evenly spaced


@dataclass(frozen=True)
class Case:
    """One size of the problem: ``count`` images of ``channels`` x ``height`` x ``width``.

    >>> print(Case.parse("28x28x1:128"))
    28x28x1 N 128 half_pixel
    """

    height: int
    width: int
    channels: int
    count: int
    convention: str = "half_pixel"
    kernel: str = "affine"

    @classmethod
    def parse(cls, text: str) -> Case:
        """From HxWxC:N."""
        try:
            size, count = text.split(":")
            numbers = [int(n) for n in (*size.split("x"), count)]
            if len(numbers) == 4 and min(numbers) > 0:
                return cls(*numbers)
        except ValueError:
            pass
        raise ArgumentError(f"case is {text!r}; write HxWxC:N, for example 28x28x1:128")

    def __str__(self):
        return f"{self.height}x{self.width}x{self.channels} N {self.count} {self.convention if self.kernel == 'affine' else 'flow_sample'}"

    def pixels(self) -> int:
        return self.count * self.channels * self.height * self.width

    def bytes(self, task: str) -> int:
        """The least that a task moves, in float32: x and theta in, y out; then x, theta and g in, the gradients out."""
        x, moved = self.pixels(), self.count * (6 if self.kernel == "affine" else 2 * self.height * self.width)
        backward = {"forward": 0, "theta only": 2 * x + 2 * moved, "forward+backward": 3 * x + 2 * moved}[task]
        return 4 * (2 * x + moved + backward)


@dataclass(frozen=True)
class Settings:
    """Everything that a run depends on."""

    cases: tuple[str, ...] = ("28x28x1:128", "28x28x1:1024", "32x32x3:128", "224x224x3:16")
    scan: tuple[int, ...] = (1, 4, 16, 64, 256, 1024, 4096)  # N of the plot, at 28x28x1 in the first convention
    conventions: tuple[str, ...] = affine_sample.CONVENTIONS
    peers: tuple[str, ...] = tuple(peers.PEERS)
    device: str = "cpu"
    threads: int = 1
    rounds: int = 25
    budget: float = 4.0  # seconds that one contender may take for one task
    radius: float = 0.3  # theta is uniform around the identity, as in the attack
    seed: int = 0

    def jobs(self) -> list[tuple[Case, str, bool]]:
        """(case, task, is it there for the plot alone?)"""
        sizes = [Case.parse(text) for text in self.cases]
        cases = [Case(s.height, s.width, s.channels, s.count, convention) for s in sizes for convention in self.conventions]
        cases += [Case(s.height, s.width, s.channels, s.count, kernel="flow") for s in sizes[:1]]
        jobs = [(case, task, False) for case in cases for task in TASKS[case.kernel]]
        scan = [(Case(28, 28, 1, n, self.conventions[0]), task) for n in self.scan for task in TASKS["affine"][:2]]
        return jobs + [(*job, True) for job in scan if (*job, False) not in jobs]


class Problem:
    """The arrays of one case: images in [0, 1], what moves them (theta or flow), a gradient g of y. float32."""

    def __init__(self, case: Case, settings: Settings, to_device):
        rng, self.case = np.random.default_rng(settings.seed), case
        shape = (case.count, case.channels, case.height, case.width)
        x, g = rng.random(shape, np.float32), rng.standard_normal(shape, np.float32)
        if case.kernel == "affine":
            moved = np.eye(2, 3) + rng.uniform(-settings.radius, settings.radius, (case.count, 2, 3))
        else:
            moved = rng.uniform(-2, 2, (case.count, 2, case.height, case.width))
        self.host = x, moved.astype(np.float32), g
        self.x, self.moved, self.g = map(to_device, self.host)

    def results(self, task: str, x, moved, g, implementation: str):
        """y and the gradients that the task asks for, by our own kernels."""
        if self.case.kernel == "flow":
            y = flow_sample.forward(x, moved, implementation)
            return y, *flow_sample.backward(g, x, moved, implementation)
        convention = self.case.convention
        if task == "forward":
            return (affine_sample.forward(x, moved, convention, implementation=implementation),)
        if task == "forward+backward":
            y = affine_sample.forward(x, moved, convention, implementation=implementation)
            return y, *affine_sample.backward(g, x, moved, convention, implementation)
        y, slopes = affine_sample.forward(x, moved, convention, implementation=implementation, slopes=True)
        return y, affine_sample.backward(g, x, moved, convention, implementation, (False, True), slopes)[1]

    def contender(self, task: str, implementation: str) -> peers.Contender:
        return peers.Contender(lambda: self.results(task, self.x, self.moved, self.g, implementation))

    def check(self, name: str, contender: peers.Contender, task: str, results) -> float:
        """The largest relative difference (in the 2-norm) from the reference in float64; raises if it is too large.

        A position within rounding of a whole pixel may fall to either side of it. The value is
        continuous there, its slope is not, and in tf_reference the value is not either.
        """
        chosen = np.unique(np.linspace(0, self.case.count - 1, _CHECKED).astype(int))
        expected = self.results(task, *(a[chosen].astype(np.float64) for a in self.host), REFERENCE)
        largest = 0.0
        for k, (got, true) in enumerate(zip(contender.read(results), expected, strict=True)):
            if got.shape[1:] != true.shape[1:] or len(got) != self.case.count:
                raise Error(f"{name} gives {task} of {self.case} the shape {list(got.shape)}; a benchmark of wrong results is refused")
            difference = float(np.linalg.norm(xp.to_numpy(got[chosen]) - true) / max(np.linalg.norm(true), 1e-30))
            jumps = self.case.convention == "tf_reference" or (k == len(expected) - 1 and task != "forward")
            allowed = max(2e-2 if jumps else 1e-4, contender.tolerance)
            if not difference <= allowed:  # NaN is refused as well
                raise Error(f"{name} differs from the reference by {difference:.2g} in {task} of {self.case} (result {k + 1} of {len(expected)}, "
                            f"allowed {allowed:g}); a benchmark of wrong results is refused")
            largest = max(largest, difference)
        return largest


def _device(settings):
    """(clock, function to the device, copy, wait for the device, the device's name)"""
    if settings.device == "cpu":
        return timing.wall, np.asarray, np.copyto, lambda: None, "CPU"
    try:
        cupy = importlib.import_module("cupy")
        name = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode()
    except Exception as error:  # CuPy not installed, no driver, no device: each has an error of its own
        raise ArgumentError(f"device is 'cuda', but CuPy cannot use one here ({error}); leave out --device") from error
    return timing.cuda_events(cupy), cupy.asarray, cupy.copyto, cupy.cuda.runtime.deviceSynchronize, name


def run(settings: Settings, say=print) -> dict:
    """Measure everything that ``settings`` ask for; returns the record of it.

    ``say`` is given one line of progress per job.
    """
    *device, device_name = _device(settings)
    jobs = settings.jobs()
    for kernel in (affine_sample, flow_sample):
        kernel.implementations()  # loads them, so that Numba is among the libraries whose threads are set
    found, missing = peers.load(settings.peers, settings.device)
    for name, reason in missing.items():
        say(f"missing: {name}: {reason}")
    results = []
    with timing.equal_threads(settings.threads):
        for k, (case, task, scan) in enumerate(jobs):
            results.append(_measure(case, task, scan, settings, found, missing, device))
            say(f"[{k + 1}/{len(jobs)}] {case} {task}: " + _line(results[-1]["contenders"]))
    versions = {name: adapter.version for name, adapter in found.items()}
    return {"question": "affine", "settings": asdict(settings), "device": device_name, "peers": versions, "made": provenance(), "results": results}


def _line(contenders):
    return ", ".join(f"{name} {c['seconds']['median'] * 1e6:.4g} us" for name, c in contenders.items())


def _measure(case, task, scan, settings, found, missing, device) -> dict:
    """One job: every contender made, run once, checked, and then timed in turns."""
    clock, to_device, copy, wait = device
    problem = Problem(case, settings, to_device)
    kernel = {"affine": affine_sample, "flow": flow_sample}[case.kernel]
    calls, first, errors, inapplicable, missing = {}, {}, {}, {}, dict(missing)
    for name in (*kernel.implementations(), *found):
        if scan and name == "torch.compile":
            missing[name] = "left out of the plot: it would compile for every N anew"
            continue
        if name not in found and not kernel.implementations()[name]:
            missing[name] = kernel.why_not(name)
            continue
        try:
            contender = found[name].contender(problem, task) if name in found else problem.contender(task, name)
            start = time.perf_counter()
            results = contender.call()
            wait()
        except peers.Inapplicable as reason:
            inapplicable[name] = str(reason)
        except Exception as error:  # whatever a library raises where it cannot do the task: named in the table, and the others go on
            missing[name] = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        else:
            calls[name], first[name] = contender.call, time.perf_counter() - start
            errors[name] = problem.check(name, contender, task, results)
            del results
    moved = case.bytes(task)
    source, target = to_device(np.ones(moved // 2, np.uint8)), to_device(np.zeros(moved // 2, np.uint8))
    gc.collect()
    rng = np.random.default_rng(settings.seed)
    samples = timing.interleaved({**calls, "copy": lambda: copy(target, source)}, settings.rounds, rng, clock, budget=settings.budget)
    copied = samples.pop("copy")
    contenders = {
        name: {
            "seconds": timing.spread(own), "ns_per_pixel": 1e9 * timing.spread(own)["median"] / case.pixels(),
            "share_of_copy": timing.ratio(copied, own), "times_as_fast_as": {peer: timing.ratio(samples[peer], own) for peer in RATIOS if peer in samples},
            "first_call_seconds": first[name], "difference_from_reference": errors[name],
        }
        for name, own in samples.items()
    }
    return {"case": asdict(case), "title": str(case), "task": task, "plot_only": scan, "bytes": moved, "pixels": case.pixels(),
            "copy_seconds": timing.spread(copied), "contenders": contenders, "missing": missing, "inapplicable": inapplicable}
