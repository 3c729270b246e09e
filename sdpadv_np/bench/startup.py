"""How long until the first training step? Fresh processes, each from its start to its end."""
from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile

import numpy as np

from ..errors import Error
from . import torches
from .goals import Goal
from .runner import Contender, Job, Question

IMPORT, STEP, COMPILE = "import", "import, first step of Model B", "import, first step of Model B, nothing compiled yet"
_BATCH = "import numpy as np\nrng = np.random.default_rng(0)\nx, y = rng.random((128, 1, 28, 28), np.float32), rng.integers(0, 10, 128)\n"
_OURS = _BATCH + """
import sdpadv_np as sd
from sdpadv_np.optim import Adam
model = sd.models.ModelB()
optimiser = Adam(model.store)
loss = sd.ops.mean(sd.ops.cross_entropy(model.logits(sd.Tensor(x)), labels=y))
model.store.differentiate(loss)
optimiser.step()
print(loss.item())
"""
_TORCH = _BATCH + """
from importlib import import_module
torch = import_module("torch")
nn = torch.nn
torch.set_num_threads(int(import_module("os").environ["OMP_NUM_THREADS"]))
model = nn.Sequential(nn.Flatten(), nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 200), nn.ReLU(), nn.Linear(200, 10))
optimiser = torch.optim.Adam(model.parameters(), fused=True)
loss = nn.functional.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(y))
loss.backward()
optimiser.step()
print(loss.item())
"""


def _process(program: str, threads: int, cold: bool = False) -> Contender:
    """A contender that runs the program in a process of its own; what it prints is its loss."""

    def call():
        with tempfile.TemporaryDirectory() as empty:
            pools = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), str(threads))
            done = subprocess.run([sys.executable, "-c", program], env={**os.environ, **pools, **({"NUMBA_CACHE_DIR": empty} if cold else {})}, capture_output=True, text=True)
        if done.returncode:
            raise Error(f"the process failed: {done.stderr.strip().splitlines()[-1]}")
        return done.stdout

    return Contender(call, lambda printed: {"loss": np.array([float(number) for number in printed.split()])})


def _jobs(case: str, programs: dict, settings, peers, cold: bool = False):
    """Contenders are in ``programs`` by name; those of PyTorch take part if it is there."""
    makers = {name: functools.partial(_process, program, settings.threads, cold) for name, program in programs.items() if name != "torch" or "torch" in peers}
    yield Job("start-up", case, makers, tolerance=0.2)  # everybody draws weights of his own


QUESTION = Question(
    name="startup",
    title="From the start of a process to the first training step",
    asks="start-up: import and first step in fresh processes",
    cases={
        "import": functools.partial(_jobs, IMPORT, {"ours": "import sdpadv_np", "python alone": "pass", "numpy": "import numpy", "torch": "import torch"}),
        "step": functools.partial(_jobs, STEP, {"ours": _OURS, "torch": _TORCH}),
        "compile": functools.partial(_jobs, COMPILE, {"ours": _OURS}, cold=True),
    },
    quick=("import", "step"),
    peers=("torch",),
    default_peers=("torch",),
    load=torches.load,
    against=("numpy", "torch"),
    goals=(Goal("start-up", STEP, "ours", None, 0.8, 1.2),),
    clocks=("wall",),
    effort={"rounds": 15, "budget": 40.0},
)
