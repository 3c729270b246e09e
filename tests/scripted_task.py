"""A training task for tests of the epoch loop: its scores are given beforehand, and it records the calls it gets."""
import numpy as np


class Stopped(Exception):
    """Raised where a kill is simulated."""


class Scripted:
    """One weight per image, and a counter; step k adds k to the weights of the images of its batch."""

    title = "scripted"

    def __init__(
        self, scores=(0.1, 0.9, 0.5), count=10, batch_size=4, seed=0, stop_after=None,
        loss=lambda epoch, step: 1.0 + epoch,
    ):
        self.scores, self.epochs, self.count, self.batch_size = scores, len(scores), count, batch_size
        self.seed, self.stop_after, self.loss = seed, stop_after, loss
        self.kept, self.steps = np.zeros(count, np.float32), np.zeros((), np.int64)
        self.chosen = [[] for _ in scores]  # per epoch, the images of each step
        self.validated = 0
        self.trains, self.reads, self.plan = [], [], None

    def settings(self):
        return {
            "method": "scripted", "epochs": self.epochs, "batch_size": self.batch_size, "seed": self.seed,
            "count": self.count,
        }

    def origin(self):
        return {"data": str(self.count)}

    def state(self):
        return {"kept": self.kept, "steps": self.steps}

    def weights(self):
        return self.kept

    def step(self, chosen, epoch):
        if self.steps == self.stop_after:
            raise Stopped
        self.chosen[epoch].append(chosen.tolist())
        self.steps += 1
        self.kept[chosen] += self.steps
        return {"loss": self.loss(epoch, len(self.chosen[epoch]))}

    def validate(self):
        self.validated += 1
        done = int(self.steps) // (self.count // min(self.batch_size, self.count))
        return {"badness": self.scores[done - 1], "steps": int(self.steps)}

    def score(self, figures):
        return (figures["badness"], 1.0)


def after(epochs, **options):
    """The weights at the end of each of the first ``epochs`` epochs, without the loop."""
    task, rows = Scripted(**options), []
    for epoch in range(epochs):
        order = np.random.default_rng([task.seed, epoch]).permutation(task.count)
        for step in range(task.count // task.batch_size):
            task.step(order[step * task.batch_size : (step + 1) * task.batch_size], epoch)
        rows.append(task.kept.copy())
    return rows
