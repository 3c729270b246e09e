"""What is to be computed: the sizes, the tasks, and the arrays of one case of the sampler benchmark."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import ArgumentError
from ..kernels import affine_sample, flow_sample

TASKS = {"affine": ("forward", "forward+backward", "theta only"), "flow": ("forward+backward",)}
KERNELS = {"affine": affine_sample, "flow": flow_sample}


@dataclass(frozen=True)
class Case:
    """One size of the problem: ``count`` images of ``channels`` x ``height`` x ``width``.

    >>> print(Case.parse("28x28x1:128"))
    28x28x1 N 128 half_pixel
    """

    height: int
    width: int
    channels: int
    count: int
    convention: str = "half_pixel"
    kernel: str = "affine"

    @classmethod
    def parse(cls, text: str) -> Case:
        """From HxWxC:N."""
        try:
            size, count = text.split(":")
            numbers = [int(n) for n in (*size.split("x"), count)]
            if len(numbers) == 4 and min(numbers) > 0:
                return cls(*numbers)
        except ValueError:
            pass
        raise ArgumentError(f"case is {text!r}; write HxWxC:N, for example 28x28x1:128")

    def __str__(self):
        return f"{self.height}x{self.width}x{self.channels} N {self.count} {self.convention if self.kernel == 'affine' else 'flow_sample'}"

    def pixels(self) -> int:
        return self.count * self.channels * self.height * self.width

    def bytes(self, task: str) -> int:
        """The least that a task moves, in float32: x and theta in, y out; then x, theta and g in, the gradients out."""
        x, moved = self.pixels(), self.count * (6 if self.kernel == "affine" else 2 * self.height * self.width)
        backward = {"forward": 0, "theta only": 2 * x + 2 * moved, "forward+backward": 3 * x + 2 * moved}[task]
        return 4 * (2 * x + moved + backward)


class Problem:
    """The arrays of one case: images in [0, 1], what moves them (theta or flow), a gradient g of y. float32."""

    def __init__(self, case: Case, settings, to_device):
        rng, self.case = np.random.default_rng(settings.seed), case
        shape = (case.count, case.channels, case.height, case.width)
        x, g = rng.random(shape, np.float32), rng.standard_normal(shape, np.float32)
        if case.kernel == "affine":
            moved = np.eye(2, 3) + rng.uniform(-settings.radius, settings.radius, (case.count, 2, 3))
        else:
            moved = rng.uniform(-2, 2, (case.count, 2, case.height, case.width))
        self.host = x, moved.astype(np.float32), g
        self.x, self.moved, self.g = map(to_device, self.host)

    def results(self, task: str, implementation: str, arrays=None):
        """y and the gradients that the task asks for, by our own kernels; of other ``arrays`` (x, moved, g) if given."""
        x, moved, g = arrays or (self.x, self.moved, self.g)
        if self.case.kernel == "flow":
            return flow_sample.forward(x, moved, implementation), *flow_sample.backward(g, x, moved, implementation)
        convention = self.case.convention
        if task == "forward":
            return (affine_sample.forward(x, moved, convention, implementation=implementation),)
        if task == "forward+backward":
            y = affine_sample.forward(x, moved, convention, implementation=implementation)
            return y, *affine_sample.backward(g, x, moved, convention, implementation)
        y, derivatives = affine_sample.forward(x, moved, convention, implementation=implementation, derivatives=True)  # as sd.ops.affine_sample does
        return y, affine_sample.backward(g, x, moved, convention, implementation, (False, True), derivatives)[1]
