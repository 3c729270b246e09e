"""One epoch loop for every training.

What happens in an epoch depends only on the state at its start, the seed and the epoch's number:
the order of the images is drawn anew from (seed, epoch). So the checkpoint at an epoch's end is all
that is needed to go on as if nothing had happened, bit for bit, and a kill costs at most one epoch.
"""
from __future__ import annotations

import contextlib
import time
import warnings
from typing import Protocol

import numpy as np

from ..storage import schema
from .. import xp
from ..autodiff import Plan
from ..autodiff.tensor import enable_grad
from ..errors import AttackError, TrainingError
from ..storage.provenance import provenance
from .checkpoint import Checkpoint
from .progress import Progress, figures_text
from .threads import one_blas_thread
from .totals import Totals

GROWN = 1e3  # times its first value: a loss above that is told of


class Task(Protocol):
    """What is trained."""

    title: str
    count: int  # training images
    batch_size: int
    epochs: int
    seed: int
    trains: list  # stores whose parameters change; nobody else may use them meanwhile
    reads: list  # stores whose parameters must not change meanwhile
    plan: Plan | None  # of the step, see autodiff/plan.py

    def settings(self) -> dict:
        """Every resolved parameter; a checkpoint made with others is refused."""

    def origin(self) -> dict:
        """{what: fingerprint} of the data and the classifier that it learns from (origin.py); a checkpoint made from others is refused."""

    def state(self) -> dict:
        """{name: array} of all that changes in training: live arrays, which may be written into."""

    def weights(self) -> np.ndarray:
        """The part of the state that is the result: one live array."""

    def step(self, chosen: np.ndarray, epoch: int) -> dict:
        """Train on the images with these numbers (an array where the weights lie); returns {name: loss}, numbers or 0-d arrays."""

    def validate(self) -> dict:
        """{name: figure} on the validation images."""

    def score(self, figures: dict) -> tuple:
        """The lower the better: which epoch is kept."""


def train(task: Task, checkpoint=None, progress: bool = True, model=None) -> list[dict]:
    """Run ``task`` to its last epoch and leave the best epoch's weights in it, however it ends; the initial ones if it ends before.

    ``checkpoint`` is a path; if the file exists, training goes on from it. It is written at the
    end of every epoch. Returns the history: one row of figures per epoch. ``model`` is what is trained,
    if its ``history``, ``settings`` and ``made`` are to tell of this training: from its first step on,
    and also if it breaks off; a training that is refused leaves them as they were.

    Raises TrainingError where a loss, a weight or a figure is not finite; warns where the losses have grown beyond any use.
    """
    schema.to_json(task.settings(), task.title)  # what no file can hold is refused now, not after the work
    checkpoint = Checkpoint(checkpoint, task)
    with contextlib.ExitStack() as stack:
        stack.enter_context(enable_grad())
        for store in task.trains:
            stack.enter_context(store.use.training())
        for store in task.reads:
            stack.enter_context(store.use.reading())
        history, best = checkpoint.restore()
        if model is not None:
            model.history, model.settings, model.made = history, task.settings() | task.learned_from(), provenance()
        initial = task.weights().copy()
        try:
            _run(task, checkpoint, progress, history, best)
        finally:
            task.weights()[...] = xp.like(best.get("weights", initial), task.weights())
            task.plan = None  # it knows the task as the task knows it: the collector would have to find them, with model, data and buffers
    return history


def _run(task, checkpoint, progress, history, best) -> None:
    """The epochs that ``history`` lacks; it and ``best`` are kept up to date."""
    batch = min(task.batch_size, task.count)
    steps = task.count // batch  # the last incomplete batch is left out; the order changes every epoch
    start, latest = history[0] if history else {}, {}
    with one_blas_thread(), Progress(task.title, task.epochs * steps, progress, done=len(history) * steps) as bar:
        validation: dict[str, float] = {}
        for epoch in range(len(history), task.epochs):
            started = time.perf_counter()
            order = xp.like(np.random.default_rng([task.seed, epoch]).permutation(task.count), task.weights())
            losses = Totals(task.title, epoch + 1)
            for step in range(steps):
                losses.add(task.step(order[step * batch : (step + 1) * batch], epoch))
                bar.update({"epoch": epoch + 1, **losses.latest, **validation})
            losses.look()
            losses.check({"a weight": float(np.abs(task.weights()).max())})
            start, latest = start or losses.first, losses.latest
            try:
                validation = task.validate()
            except AttackError as error:  # weights that are finite, but too large to compute with
                raise TrainingError(f"{task.title}: validation after epoch {epoch + 1}, step {steps}: {error}; lower the learning rate") from error
            figures = {**{name: total / steps for name, total in losses.sums.items()}, **validation}
            losses.check(figures)
            score = list(task.score(figures))
            if not best or score < best["score"]:
                best.update(epoch=epoch + 1, score=score, weights=task.weights().copy())
            history.append({"epoch": epoch + 1, **figures, "best_epoch": best["epoch"], "seconds": time.perf_counter() - started})
            checkpoint.save(history, best)
            bar.line(f"epoch {epoch + 1}/{task.epochs}  {figures_text(figures)}")
    _tell_of_growth(task.title, start, latest)


def _tell_of_growth(title: str, start: dict, latest: dict) -> None:
    """Warn of a loss that ended far above where it began: such a training has diverged, though it met no infinity."""
    for name, value in latest.items():
        if abs(value) > GROWN * max(1.0, abs(start[name])):
            warnings.warn(
                f"{title}: {name} was {start[name]:.4g} at first and is {value:.4g} at the end: the training diverged; lower the learning rate", RuntimeWarning, stacklevel=5
            )


