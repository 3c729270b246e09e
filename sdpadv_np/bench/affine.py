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

import functools
import gc
import importlib
from dataclasses import asdict, dataclass

import numpy as np

from .. import checks, xp
from ..errors import ArgumentError, Error
from ..kernels import affine_sample
from ..storage.provenance import provenance
from . import peers, runner, timing
from .problem import KERNELS, TASKS, Case, Problem

REFERENCE = "numpy"
RATIOS = (REFERENCE, "torch", "torch.compile")  # every contender is compared with these
_CHECKED = 1024  # images at most, evenly spaced

# What is measured if not told otherwise, by device, then with --quick. scan: the N of the plot; budget: seconds of one contender in one task.
_DEFAULTS = {
    ("cpu", False): {"cases": ("28x28x1:128", "28x28x1:1024", "32x32x3:128", "224x224x3:16"), "scan": (1, 4, 16, 64, 256, 1024, 4096)},
    ("cpu", True): {"cases": ("28x28x1:32", "32x32x3:8"), "scan": (1, 8, 64)},
    ("cuda", False): {"cases": tuple(f"28x28x1:{n}" for n in (1024, 4096, 16384, 65536)), "scan": (64, 256, 1024, 4096, 16384, 65536)},
    ("cuda", True): {"cases": ("28x28x1:1024",), "scan": (64, 1024)},
}
_EFFORT = {False: {"rounds": 25, "budget": 4.0}, True: {"rounds": 5, "budget": 0.2}}


@dataclass(frozen=True)
class Settings:
    """Everything that a run depends on; made by :meth:`resolve`."""

    cases: tuple[str, ...]
    scan: tuple[int, ...]
    rounds: int
    budget: float
    conventions: tuple[str, ...] = affine_sample.CONVENTIONS
    peers: tuple[str, ...] = tuple(peers.PEERS)
    device: str = "cpu"
    threads: int = 1
    radius: float = 0.15  # theta is uniform around the identity; the attack moves it by up to gamma = 0.3, by half of that on average
    seed: int = 0

    @classmethod
    def resolve(cls, device: str = "cpu", quick: bool = False, **given) -> Settings:
        """The defaults for this device, with what is given (and not None) in their place.

        >>> Settings.resolve(quick=True, threads=2).cases
        ('28x28x1:32', '32x32x3:8')
        """
        given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items() if value is not None}
        settings = cls(**{**_DEFAULTS[device, quick], **_EFFORT[quick], "device": device, **given})
        settings.jobs()  # a case that cannot be read shows now
        for name, low in (("rounds", 1), ("threads", 1), ("seed", 0)):
            checks.whole(name, getattr(settings, name), low)
        checks.number("radius", settings.radius)
        return settings

    def jobs(self) -> list[tuple[Case, str, bool]]:
        """(case, task, is it there for the plot alone?)"""
        sizes = [Case.parse(text) for text in self.cases]
        cases = [Case(s.height, s.width, s.channels, s.count, convention) for s in sizes for convention in self.conventions]
        cases += [Case(s.height, s.width, s.channels, s.count, kernel="flow") for s in sizes[:1]]
        jobs = [(case, task, False) for case in cases for task in TASKS[case.kernel]]
        scan = [(Case(28, 28, 1, n, self.conventions[0]), task) for n in self.scan for task in TASKS["affine"][:2]]
        return jobs + [(*job, True) for job in scan if (*job, False) not in jobs]


def _check(name, contender, results, problem, task, chosen, expected) -> float:
    """The largest relative difference (in the 2-norm) from what is ``expected`` of the ``chosen`` images; raises if it is too large.

    A position within rounding of a whole pixel may fall to either side of it. The value is
    continuous there, its slope is not, and in tf_reference the value is not either.
    """
    case, largest = problem.case, 0.0
    for k, (got, true) in enumerate(zip(contender.read(results), expected, strict=True)):
        if got.shape[1:] != true.shape[1:] or len(got) != case.count:
            raise Error(f"{name} gives {task} of {case} the shape {list(got.shape)}; a benchmark of wrong results is refused")
        difference = float(np.linalg.norm(xp.to_numpy(got)[chosen] - true) / max(np.linalg.norm(true), 1e-30))
        jumps = case.convention == "tf_reference" or (k == len(expected) - 1 and task != "forward")
        allowed = max(2e-2 if jumps else 1e-4, contender.tolerance)
        if not difference <= allowed:  # NaN is refused as well
            raise Error(f"{name} differs from the reference by {difference:.2g} in {task} of {case} (result {k + 1} of {len(expected)}, "
                        f"allowed {allowed:g}); a benchmark of wrong results is refused")
        largest = max(largest, difference)
    return largest


def _device(settings):
    """(clock, function to the device, copy, wait for the device, the device's name)"""
    if settings.device == "cpu":
        return timing.wall, np.asarray, np.copyto, lambda: None, "CPU"
    try:
        cupy = importlib.import_module("cupy")
        name = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode() + f", CuPy {cupy.__version__}"
    except Exception as error:  # CuPy not installed, no driver, no device: each has an error of its own
        raise ArgumentError(f"device is 'cuda', but CuPy cannot use one here ({error}); leave out --device") from error
    return timing.cuda_events(cupy), cupy.asarray, cupy.copyto, cupy.cuda.runtime.deviceSynchronize, name


def run(settings: Settings, say=print) -> dict:
    """Measure everything that ``settings`` ask for; returns the record of it.

    ``say`` is given one line of progress per job.
    """
    *device, device_name = _device(settings)
    jobs = settings.jobs()
    for kernel in KERNELS.values():
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
    chosen = np.unique(np.linspace(0, case.count - 1, _CHECKED).astype(int))
    expected = problem.results(task, REFERENCE, [a[chosen].astype(np.float64) for a in problem.host])
    kernel = KERNELS[case.kernel]
    makers, missing = {}, dict(missing)
    for name in (*kernel.implementations(), *found):
        if scan and name == "torch.compile":
            missing[name] = "left out of the plot: it would compile for every N anew"
        elif name in found:
            makers[name] = functools.partial(found[name].contender, problem, task)
        elif kernel.implementations()[name]:
            makers[name] = functools.partial(runner.Contender, functools.partial(problem.results, task, name))
        else:
            missing[name] = kernel.why_not(name)
    prepared = runner.prepare(makers, lambda name, contender, results: _check(name, contender, results, problem, task, chosen, expected), wait)
    moved = case.bytes(task)
    source, target = to_device(np.ones(moved // 2, np.uint8)), to_device(np.zeros(moved // 2, np.uint8))
    gc.collect()
    rng = np.random.default_rng(settings.seed)
    samples = timing.interleaved({**prepared.calls, "copy": lambda: copy(target, source)}, settings.rounds, rng, clock, budget=settings.budget)
    copied = samples.pop("copy")
    contenders = {
        name: {
            "seconds": timing.spread(own), "ns_per_pixel": 1e9 * timing.spread(own)["median"] / case.pixels(),
            "share_of_copy": timing.ratio(copied, own), "times_as_fast_as": {peer: timing.ratio(samples[peer], own) for peer in RATIOS if peer in samples},
            "first_call_seconds": prepared.first[name], "difference_from_reference": prepared.differences[name],
        }
        for name, own in samples.items()
    }
    return {"case": asdict(case), "title": str(case), "task": task, "plot_only": scan, "bytes": moved, "pixels": case.pixels(),
            "copy_seconds": timing.spread(copied), "contenders": contenders, "missing": missing | prepared.missing, "inapplicable": prepared.inapplicable}
