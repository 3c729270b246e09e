"""One epoch loop for every training.

What happens in an epoch depends only on the state at its start, the seed and the epoch's number:
the order of the images is drawn anew from (seed, epoch). So the checkpoint at an epoch's end is all
that is needed to go on as if nothing had happened, bit for bit, and a kill costs at most one epoch.
"""
from __future__ import annotations

import time
from typing import Protocol

import numpy as np

from .. import schema, xp
from .checkpoint import Checkpoint
from .progress import Progress, figures_text
from .threads import one_blas_thread
from .totals import Totals


class Task(Protocol):
    """What is trained."""

    title: str
    count: int  # training images
    batch_size: int
    epochs: int
    seed: int

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


def train(task: Task, checkpoint=None, progress: bool = True) -> list[dict]:
    """Run ``task`` to its last epoch and leave the best epoch's weights in it.

    ``checkpoint`` is a path; if the file exists, training goes on from it. It is written at the
    end of every epoch. Returns the history: one row of figures per epoch.
    """
    schema.storable(task.settings(), task.title)  # what no file can hold is refused now, not after the work
    checkpoint = Checkpoint(checkpoint, task)
    history, best = checkpoint.restore()
    batch = min(task.batch_size, task.count)
    steps = task.count // batch  # the last incomplete batch is left out; the order changes every epoch
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
            validation = task.validate()
            figures = {**{name: total / steps for name, total in losses.sums.items()}, **validation}
            score = list(task.score(figures))
            if best is None or score < best["score"]:
                best = {"epoch": epoch + 1, "score": score, "weights": task.weights().copy()}
            history.append({"epoch": epoch + 1, **figures, "best_epoch": best["epoch"], "seconds": time.perf_counter() - started})
            checkpoint.save(history, best)
            bar.line(f"epoch {epoch + 1}/{task.epochs}  {figures_text(figures)}")
    task.weights()[...] = xp.like(best["weights"], task.weights())
    return history


