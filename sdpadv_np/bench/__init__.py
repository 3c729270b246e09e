"""Benchmarks: implementations of this package against each other, and against contenders that a user names.

    sdpadv bench affine                                      # ours
    sdpadv bench affine --contender my_module:my_sampler     # and a kernel of your own

A contender is a function of a :class:`Job`. It is called once per job, prepares whatever it wants, and returns the
function without arguments that is timed. The results of this function are compared with the reference's before any
timing: an array, a tuple of arrays in the documented order (``sdpadv bench affine --help``), or a dict by name. Wrong
ones end the benchmark with an error that says by how much they differ; a contender that raises an exception is listed
with it, and one that raises NotImplementedError is listed as having no such function. The file my_module.py in the
current folder:

>>> import numpy as np
>>> def my_sampler(job):
...     if (job.operation, job.task) != ("affine_sample", "forward"):
...         raise NotImplementedError("it samples forward only")
...     x, theta = job.inputs["x"], job.inputs["theta"]
...     from sdpadv_np.kernels import affine_sample       # your own kernel here
...     return lambda: affine_sample.forward(x, theta, job.parameters["convention"])

Where results must be converted, or round more than float32 does, it returns a :class:`Candidate` instead. The module
may have ``get_threads()`` and ``set_threads(count)`` of its own thread pool (those of BLAS and OpenMP are set anyway),
and ``__version__`` for the record. The same from Python:

>>> settings = BENCHMARKS["affine"].resolve(quick=True, conventions=["half_pixel"], cases=["28x28x1:4"])
>>> job = next(BENCHMARKS["affine"].jobs(settings))
>>> job.title, sorted(job.inputs), job.parameters
('28x28x1 N 4 half_pixel, forward', ['g', 'theta', 'x'], {'convention': 'half_pixel'})
>>> result = measure(job, settings, {"mine": my_sampler})
>>> result["contenders"]["mine"]["difference_from_reference"] < 1e-6
True

``runner`` prepares, checks and measures candidates, ``timing`` times them in turns, ``goals`` judges, ``report`` writes
tables, pictures and files; each other module is one benchmark. ``benchmarks/`` beside this package measures PyTorch,
JAX, SciPy and OpenCV through the same interface.
"""
from . import affine, conv, memory, ops, startup, train
from .jobs import Candidate, Job, Settings, measure
from .runner import Benchmark

__all__ = ["BENCHMARKS", "Benchmark", "Candidate", "Job", "Settings", "measure"]
BENCHMARKS = {module.BENCHMARK.name: module.BENCHMARK for module in (affine, train, conv, ops, memory, startup)}
