"""How long until the first training step? Fresh processes, each from its start to its end."""
from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile

import numpy as np

from ..errors import Error
from .jobs import Candidate, Job
from .runner import Benchmark

IMPORT, STEP, COMPILE = "import", "import, first step of Model B", "import, first step of Model B, nothing compiled yet"
BATCH = """
import numpy as np
rng = np.random.default_rng(0)
x, y = rng.random((128, 1, 28, 28), np.float32), rng.integers(0, 10, 128)
"""
_OURS = BATCH + """
import sdpadv_np as sd
from sdpadv_np.optim import Adam
model = sd.models.ModelB()
optimiser = Adam(model.store)
loss = sd.ops.mean(sd.ops.cross_entropy(model.logits(sd.Tensor(x)), labels=y))
model.store.differentiate(loss)
optimiser.step()
print(loss.item())
"""


def output_of(arguments: list[str], environment: dict) -> str:
    """The standard output of Python with these arguments; Error with its last line if it fails."""
    done = subprocess.run([sys.executable, *arguments], env=os.environ | environment, capture_output=True, text=True)
    if done.returncode:
        raise Error(f"the process failed: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout


def process(program: str, job: Job) -> Candidate:
    """A candidate that runs the Python program in a new process; the number that it prints, if any, is its loss."""
    pools = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    environment = dict.fromkeys(pools, str(job.parameters["threads"]))

    def call():
        with tempfile.TemporaryDirectory() as empty:
            cache = {"NUMBA_CACHE_DIR": empty} if job.task == COMPILE else {}
            return output_of(["-c", program], environment | cache)

    return Candidate(call, lambda printed: {"loss": np.array([float(number) for number in printed.split()])})


def _jobs(task: str, programs: dict, settings):
    candidates = {name: functools.partial(process, program) for name, program in programs.items()}
    # every program draws its own initial weights
    yield Job("start-up", task, "start-up", candidates, parameters={"threads": settings.threads}, tolerance=0.2)


BENCHMARK = Benchmark(
    name="startup",
    title="From the start of a process to the first training step",
    description="the start: import and first step in fresh processes",
    contract=f"""\
job.operation  "start-up"
job.task       "{IMPORT}", "{STEP}"
               or "{COMPILE}"
job.parameters threads
return         sdpadv_np.bench.startup.process(program, job): it runs the text of a Python program, which prints
               nothing (import) or the loss of its first step; see BATCH there for the images""",
    cases={
        "import": functools.partial(_jobs, IMPORT, {"ours": "import sdpadv_np", "python alone": "pass",
                                                    "numpy": "import numpy"}),
        "step": functools.partial(_jobs, STEP, {"ours": _OURS}),
        "compile": functools.partial(_jobs, COMPILE, {"ours": _OURS}),
    },
    default_cases={"cpu": (("import", "step", "compile"), ("import", "step"))},
    against=("numpy",),
    clocks=("wall",),
    rounds=15,
    budget=40.0,
)
