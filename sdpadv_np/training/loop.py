"""The epoch loop of every training.

An epoch depends only on the state at its start, the seed and its number: the order of the images is drawn anew from
(seed, epoch). So the checkpoint at the end of an epoch is all that is needed to continue to the same bits, and a kill
costs at most one epoch.
"""
from __future__ import annotations

import contextlib
import math
import time
import warnings
from typing import Any, Protocol

import numpy as np

from .. import xp
from ..autodiff.tensor import enable_grad
from ..errors import AttackError, TrainingError
from ..storage import schema
from ..storage.provenance import provenance
from .checkpoint import Checkpoint
from .progress import Progress, figures_text
from .threads import one_blas_thread

FETCH_EVERY = 20  # steps, for losses on a GPU
DIVERGED = 1e3  # times its first value: a warning is given for a loss that ends above that


class Task(Protocol):
    """A training as the epoch loop sees it."""

    title: str
    count: int  # training images
    batch_size: int
    epochs: int
    seed: int
    trains: list  # stores whose parameters change; nobody else may use them meanwhile
    reads: list  # stores whose parameters must not change meanwhile
    plan: Any  # the Plan of the step (autodiff/plan.py), or None

    def settings(self) -> dict:
        """Every resolved parameter; a checkpoint made with other values is refused."""

    def origin(self) -> dict:
        """{what: fingerprint} of the data and the classifier that it learns from; a checkpoint of others is refused."""

    def learned_from(self) -> dict:
        """Fingerprints that the trained model keeps among its settings."""

    def state(self) -> dict:
        """{name: array} of all arrays that training changes; they are live and may be written into."""

    def weights(self) -> np.ndarray:
        """The part of the state that is the result: one live array."""

    def step(self, chosen: np.ndarray, epoch: int) -> dict:
        """Train on the images with the numbers ``chosen``, an array where the weights lie.

        Returns {name: loss}, numbers or 0-d arrays.
        """

    def validate(self) -> dict:
        """{name: figure} on the validation images."""

    def score(self, figures: dict) -> tuple:
        """A tuple, lower is better, that decides which epoch is kept."""


def train(task: Task, checkpoint=None, progress: bool = True, model=None) -> list[dict]:
    """Run ``task`` to its last epoch and leave the weights of the best epoch in it.

    That holds for a training that breaks off too; before the end of the first epoch it leaves the initial weights.

    checkpoint : a path, written at the end of every epoch; training continues from an existing file
    model : the object that is trained, whose ``history``, ``settings`` and ``made`` are set from the first step on;
        a training that is refused leaves them unchanged

    Returns the history: one row of figures per epoch. Raises TrainingError where a loss, a weight or a figure is not
    finite, and warns where a loss has grown by more than DIVERGED.
    """
    schema.to_json(task.settings(), task.title)  # refuses settings that no file can hold before the work, not after it
    checkpoint = Checkpoint(checkpoint, task)
    with contextlib.ExitStack() as stack:
        stack.enter_context(enable_grad())
        for store in task.trains:
            stack.enter_context(store.use.training())
        for store in task.reads:
            stack.enter_context(store.use.reading())
        history, best = checkpoint.restore()
        if model is not None:
            settings = task.settings() | task.learned_from()
            model.history, model.settings, model.made = history, settings, provenance()
        initial = task.weights().copy()
        try:
            _run(task, checkpoint, progress, history, best)
        finally:
            task.weights()[...] = xp.like(best.get("weights", initial), task.weights())
            task.plan = None  # breaks the reference cycle task - plan, which holds the model, the data and the buffers
    return history


def _run(task, checkpoint, progress, history, best) -> None:
    """Run the epochs that ``history`` lacks, and keep it and ``best`` up to date."""
    batch = min(task.batch_size, task.count)
    steps = task.count // batch  # without the last incomplete batch; the order changes every epoch
    start, latest = history[0] if history else {}, {}
    with one_blas_thread(), Progress(task.title, task.epochs * steps, progress, done=len(history) * steps) as bar:
        validation: dict[str, float] = {}
        for epoch in range(len(history), task.epochs):
            started = time.perf_counter()
            order = xp.like(np.random.default_rng([task.seed, epoch]).permutation(task.count), task.weights())
            losses = LossSums(task.title, epoch + 1)
            for step in range(steps):
                losses.add(task.step(order[step * batch : (step + 1) * batch], epoch))
                bar.update({"epoch": epoch + 1, **losses.latest, **validation})
            losses.fetch()
            losses.check({"a weight": float(np.abs(task.weights()).max())})
            start, latest = start or losses.first, losses.latest
            try:
                validation = task.validate()
            except AttackError as error:  # finite weights that are too large to compute with
                raise TrainingError(
                    f"{task.title}: validation after epoch {epoch + 1}, step {steps}: {error}; lower the learning rate"
                ) from error
            figures = {**{name: total / steps for name, total in losses.sums.items()}, **validation}
            losses.check(figures)
            score = list(task.score(figures))
            if not best or score < best["score"]:
                best.update(epoch=epoch + 1, score=score, weights=task.weights().copy())
            history.append({
                "epoch": epoch + 1, **figures, "best_epoch": best["epoch"], "seconds": time.perf_counter() - started,
            })
            checkpoint.save(history, best)
            bar.line(f"epoch {epoch + 1}/{task.epochs}  {figures_text(figures)}")
    _warn_of_divergence(task.title, start, latest)


def _warn_of_divergence(title: str, start: dict, latest: dict) -> None:
    """Warn of a loss that ended far above its start: such a training has diverged, though all was finite."""
    for name, value in latest.items():
        if abs(value) > DIVERGED * max(1.0, abs(start[name])):
            warnings.warn(
                f"{title}: {name} was {start[name]:.4g} at first and is {value:.4g} at the end: the training diverged; "
                "lower the learning rate", RuntimeWarning, stacklevel=5,
            )


class LossSums:
    """Sums of the losses over the steps of an epoch; TrainingError, with epoch and step, for a loss that is not finite.

    Losses in main memory are checked after every step. Losses on a GPU stay there, because fetching one waits for the
    GPU, and are fetched together, every FETCH_EVERY steps and at the end of the epoch.

    sums : {name: sum over the steps fetched}
    first, latest : {name: loss} of the first and the last of these steps
    """

    def __init__(self, title: str, epoch: int):
        self.title, self.epoch, self.step = title, epoch, 0
        self.sums: dict[str, float] = {}
        self.first: dict[str, float] = {}
        self.latest: dict[str, float] = {}
        self._pending: list[dict] = []

    def add(self, losses: dict) -> None:
        """Add the losses of one more step: {name: number or 0-d array}."""
        self._pending.append(losses)
        if len(self._pending) == FETCH_EVERY or all(xp.device_of(value) != "cuda" for value in losses.values()):
            self.fetch()

    def fetch(self) -> None:
        """Fetch, check and sum the losses that are pending."""
        for losses in _as_numbers(self._pending):
            self.step += 1
            for name, value in losses.items():
                self.check({name: value})
                self.sums[name] = self.sums.get(name, 0.0) + value
            self.first, self.latest = self.first or losses, losses
        self._pending.clear()

    def check(self, figures: dict) -> None:
        """Raise TrainingError for a figure that is not finite."""
        for name, value in figures.items():
            if not math.isfinite(value):
                raise TrainingError(
                    f"{self.title}: {name} is {value} in epoch {self.epoch}, step {self.step}; "
                    "lower the learning rate, or look at the images"
                )


def _as_numbers(steps: list[dict]) -> list[dict]:
    """The same losses as Python numbers; from a GPU in one copy."""
    values = [value for losses in steps for value in losses.values()]
    if values and xp.device_of(values[0]) == "cuda":
        values = xp.to_numpy(np.stack(values)).tolist()
    numbers = iter(map(float, values))
    return [{name: next(numbers) for name in losses} for losses in steps]
