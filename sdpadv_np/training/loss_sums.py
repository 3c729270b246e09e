"""The sums of the losses over an epoch, each loss checked to be finite."""
from __future__ import annotations

import math

import numpy as np

from .. import xp
from ..errors import TrainingError

FETCH_EVERY = 20  # steps, for losses on a GPU


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
        on_gpu = any(xp.device_of(value) == "cuda" for value in losses.values())
        if len(self._pending) == FETCH_EVERY or not on_gpu:
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
