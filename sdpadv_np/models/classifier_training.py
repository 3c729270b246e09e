"""The training of a classifier: Adam on the cross-entropy."""
from __future__ import annotations

from .. import checks, training, xp
from ..autodiff import Plan, Tensor, no_grad, ops
from ..errors import ArgumentError
from ..optim import Adam


class ClassifierTraining:
    """Cross-entropy training as a task of the epoch loop."""

    def __init__(self, classifier, x, y, x_val, y_val, epochs, batch_size, lr, seed):
        if not classifier.store.data.size:
            raise ArgumentError(f"{classifier.title} has no parameters to train; add a layer that has some, as Dense")
        self.classifier, x = classifier, classifier.checked(x)
        y = checks.labels(y, len(x), classifier.classes)
        x_val = classifier.checked(x_val, "x_val")
        y_val = checks.labels(y_val, len(x_val), classifier.classes, "y_val")
        self.x, self.y, self.x_val, self.y_val = (xp.like(a, classifier.store.data) for a in (x, y, x_val, y_val))
        self.epochs, self.batch_size = checks.whole("epochs", epochs), checks.whole("batch_size", batch_size)
        self.targets, self.targets_val = self.y, self.y_val
        self.seed, self.lr = checks.whole("seed", seed, 0), checks.number("lr", lr, above=True)
        self.title, self.count = classifier.title, len(self.x)
        self.steps = self.epochs * (self.count // min(self.batch_size, self.count))
        self.optimiser = Adam(classifier.store, lr=self.lr)
        self.trains, self.reads = [classifier.store], []
        self.plan = Plan(self.learn, self.trains)

    def settings(self):
        return {
            "architecture": self.classifier.description(), "epochs": self.epochs, "batch_size": self.batch_size,
            "lr": self.lr, "seed": self.seed, "count": self.count, "schedule": "linear to 0",
        }

    def origin(self):
        return {
            **training.data_fingerprints(self.x, self.targets, self.x_val, self.targets_val),
            "seed of the initial weights": self.classifier.seed,
        }

    def learned_from(self) -> dict[str, str]:
        """The fingerprints of the data, for the settings of the trained classifier."""
        return training.set_fingerprints(self.x, self.y, self.x_val, self.y_val)

    def state(self):
        return self.optimiser.state("classifier")

    def weights(self):
        return self.classifier.store.data

    def loss(self, logits, targets):
        """The loss: the mean cross-entropy of the labels."""
        return ops.mean(ops.cross_entropy(logits, labels=targets))

    def step(self, chosen, epoch):
        self.optimiser.lr[...] = self.lr * (1 - self.optimiser.t / self.steps)  # computed on the device of t
        return {"loss": self.plan(self.x[chosen], self.targets[chosen])}

    def logits(self, x):
        """The recorded logits of a batch in training: batch normalisation uses its mean and variance, dropout drops."""
        return self.classifier.network(Tensor(x), training=True)

    def learn(self, x, targets):
        """One step of Adam on a batch; the loss before it. Recorded: see autodiff/plan.py."""
        loss = self.loss(self.logits(x), targets)
        self.optimiser.descend(loss)
        return loss

    def validate(self):
        with no_grad():
            logits = self.classifier.logits(self.x_val)
        return {
            "validation loss": float(self.loss(logits, self.targets_val)),
            "validation accuracy": float((logits.argmax(axis=1) == self.y_val).mean()),
        }

    def score(self, figures):
        return (-figures["validation accuracy"], figures["validation loss"])
