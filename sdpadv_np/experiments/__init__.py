"""Experiments: classifiers, attacks on them and measurements, made, kept and reused by one runner.

``run`` is one small experiment, as ``sdpadv train`` is; a table of the paper (``sdpadv reproduce``) is many cells.
"""
from .experiment import Experiment, Settings
from .results import Results, compute
from .run import run
from .runner import Runner, WorkFolder

__all__ = ["Experiment", "Results", "Runner", "Settings", "WorkFolder", "compute", "run"]
