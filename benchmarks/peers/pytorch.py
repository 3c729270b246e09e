"""PyTorch as a contender: eager, with the fused Adam, with channels last, and compiled.

Each variant executes the program of the job's operation, which pytorch_steps.py and pytorch_operations.py have.
"""
import warnings
from dataclasses import dataclass

import numpy as np
import torch

from sdpadv_np.bench import startup
from sdpadv_np.bench.steps import STEP

from . import pytorch_operations, pytorch_steps

__version__ = torch.__version__
get_threads, set_threads = torch.get_num_threads, torch.set_num_threads
_FIRST_STEP = startup.BATCH + """
import os
import torch
from torch import nn
torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
model = nn.Sequential(nn.Flatten(), nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 200), nn.ReLU(), nn.Linear(200, 10))
optimiser = torch.optim.Adam(model.parameters(), fused=True)
loss = nn.functional.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(y))
loss.backward()
optimiser.step()
print(loss.item())
"""


@dataclass(frozen=True)
class Variant:
    """A way to execute PyTorch programs; called with a job it gives a Candidate, or a function without arguments."""

    fused: bool = False  # Adam in one kernel
    channels_last: bool = False
    compiled: bool = False

    def __call__(self, job):
        reasons = {
            f"there is no PyTorch program for {job.operation}": job.operation not in _PROGRAMS,
            "left out of the curves, in which torch alone takes part": job.scan and self != eager,
            "no optimiser here": self == fused and job.task != STEP,
            "no convolution here": self.channels_last and not (
                job.operation in ("conv2d", "Model A") or job.parameters.get("convolutions", False)),
        }
        for reason, applies in reasons.items():
            if applies:
                raise NotImplementedError(reason)
        if self.compiled:
            torch.compiler.config.force_disable_caches = True  # compiling must take as long as the first time
            warnings.filterwarnings("ignore", "dynamo_pgo force disabled")  # PyTorch warns of this setting every time
            torch._dynamo.reset()  # else the limit on recompilations ends in the eager program, silently
        return _PROGRAMS[job.operation](self, job)

    def compile(self, function):
        """The function through torch.compile for exactly these shapes, if this variant compiles."""
        return torch.compile(function, dynamic=False) if self.compiled else function

    def tensor(self, array):
        """The array's own memory where possible; batches of images in the variant's layout."""
        if not isinstance(array, np.ndarray):
            return torch.from_dlpack(array)
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        if self.channels_last and tensor.ndim == 4:
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        return tensor

    def adam(self, parameters, lr, betas=(0.9, 0.999)):
        return torch.optim.Adam(parameters, lr=lr, betas=betas, fused=self.fused)


def _startup(variant, job):
    programs = {startup.IMPORT: "import torch", startup.STEP: _FIRST_STEP}
    if job.task not in programs:
        raise NotImplementedError("it is installed compiled")
    return startup.process(programs[job.task], job)


_PROGRAMS = {"training step": pytorch_steps.step, "generator": pytorch_steps.generator, "start-up": _startup,
             **pytorch_operations.PROGRAMS}
eager, fused = Variant(), Variant(fused=True)
channels_last, compiled = Variant(fused=True, channels_last=True), Variant(fused=True, compiled=True)
