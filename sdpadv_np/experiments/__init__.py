"""Experiments: classifiers, attacks on them and measurements, made, kept and reused by one runner.

``run`` is one small experiment, as ``sdpadv train`` is; a table of the paper (``sdpadv reproduce``) is many cells.
"""
from .experiment import Experiment, Settings
from .runner import Runner, WorkFolder
from .running import Results, compute, run

__all__ = ["Experiment", "Results", "Runner", "Settings", "WorkFolder", "compute", "run"]
