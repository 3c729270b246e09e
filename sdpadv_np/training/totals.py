"""The losses of an epoch, added up and looked at."""
from __future__ import annotations

import math

import numpy as np

from .. import xp
from ..errors import TrainingError

LOOK = 20  # steps


class Totals:
    """Sums of the losses over the steps of an epoch; raises TrainingError, with epoch and step, for one that is not finite.

    Losses in main memory are looked at after every step. To look at those on a GPU means to wait
    for it; they are kept there and fetched together, every LOOK steps and at the epoch's end.

    sums : {name: sum over the steps looked at}
    first, latest : {name: loss} of the first and the last of these steps
    """

    def __init__(self, title: str, epoch: int):
        self.title, self.epoch, self.step = title, epoch, 0
        self.sums: dict[str, float] = {}
        self.first: dict[str, float] = {}
        self.latest: dict[str, float] = {}
        self._unseen: list[dict] = []

    def add(self, losses: dict) -> None:
        """The losses of one more step: {name: number or 0-d array}."""
        self._unseen.append(losses)
        if len(self._unseen) == LOOK or not any(xp.device_of(value) == "cuda" for value in losses.values()):
            self.look()

    def look(self) -> None:
        """Look at all that was not looked at yet."""
        for losses in _fetched(self._unseen):
            self.step += 1
            for name, value in losses.items():
                self.check({name: value})
                self.sums[name] = self.sums.get(name, 0.0) + value
            self.first, self.latest = self.first or losses, losses
        self._unseen.clear()

    def check(self, figures: dict) -> None:
        """Raise TrainingError for one that is not finite."""
        for name, value in figures.items():
            if not math.isfinite(value):
                raise TrainingError(f"{self.title}: {name} is {value} in epoch {self.epoch}, step {self.step}; lower the learning rate, or look at the images")


def _fetched(unseen: list[dict]) -> list[dict]:
    """The same losses as Python numbers; from a GPU in one copy."""
    values = [value for losses in unseen for value in losses.values()]
    if values and xp.device_of(values[0]) == "cuda":
        values = xp.to_numpy(np.stack(values)).tolist()
    numbers = iter(map(float, values))
    return [{name: next(numbers) for name in losses} for losses in unseen]
