"""A training that diverges is told, with epoch, step and remedy, and leaves the best it had."""
import types

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import training
from sdpadv_np.errors import TrainingError


class Scripted:
    """Its weights are the number of the epoch; what its steps and epochs say is written down beforehand."""

    title, count, batch_size, seed = "task", 4, 2, 0
    trains, reads, plan = (), (), None

    def __init__(self, losses, scores, weights=(1.0, 2.0, 3.0)):
        self.losses, self.scores, self.script, self.epochs = iter(losses), iter(scores), weights, len(scores)
        self.w = np.array([0.0, -1.0])

    def settings(self):
        return {}

    def origin(self):
        return {}

    def state(self):
        return {"w": self.w}

    def weights(self):
        return self.w

    def step(self, chosen, epoch):
        self.w[:] = self.script[epoch]
        return {"loss": next(self.losses)}

    def validate(self):
        return {"score": next(self.scores)}

    def score(self, figures):
        return (figures["score"],)


def train(task, **options):
    model, task.learned_from = types.SimpleNamespace(history=[]), dict
    try:
        training.train(task, progress=False, model=model, **options)
    finally:
        task.history = model.history


@pytest.mark.parametrize("bad", (np.nan, np.inf))
@pytest.mark.parametrize(
    "where, message",
    (
        ("first", "loss is (nan|inf) in epoch 3, step 1"), ("last", "loss is (nan|inf) in epoch 3, step 2"),
        ("figure", "score is (nan|inf) in epoch 3, step 2"), ("weight", "a weight is (nan|inf) in epoch 3, step 2")
    )
)
def test_the_best_epoch_is_left(bad, where, message, tmp_path):
    losses = [1.0] * 4 + [bad if where == "first" else 1.0, bad if where == "last" else 1.0]
    task = Scripted(
        losses, (0.1, 0.9, bad if where == "figure" else 0.5), (1.0, 2.0, bad if where == "weight" else 3.0)
    )
    with pytest.raises(TrainingError, match=f"^task: {message}; lower the learning rate"):
        train(task, checkpoint=tmp_path / "c.h5")
    np.testing.assert_array_equal(task.w, 1.0)
    assert [row["score"] for row in task.history] == [0.1, 0.9]


def test_the_initial_weights_are_left_where_there_is_no_epoch():
    task = Scripted([1.0, np.nan], (0.1,))
    with pytest.raises(TrainingError, match="epoch 1, step 2"):
        train(task)
    np.testing.assert_array_equal(task.w, [0, -1])
    assert task.history == []


def test_an_interrupted_training_leaves_the_best_epoch_too():
    class Interrupted(Scripted):
        def validate(self):
            if self.w[0] == 3:
                raise KeyboardInterrupt
            return super().validate()

    task = Interrupted([1.0] * 6, (0.9, 0.1, 0.5))
    with pytest.raises(KeyboardInterrupt):
        train(task)
    np.testing.assert_array_equal(task.w, 2.0)
    assert len(task.history) == 2


@pytest.mark.parametrize(
    "first, last, told",
    (
        (2.0, 2001.0, True), (2.0, 1999.0, False), (2.0, 2000.0, False), (0.001, 999.0, False), (0.001, -1001.0, True),
        (-5e10, 5e10, False)
    )
)
def test_a_loss_that_has_grown_beyond_use_is_told(first, last, told):
    task = Scripted([first, 1.0, 1.0, last], (0.1, 0.2))
    if told:
        with pytest.warns(
            RuntimeWarning,
            match="task: loss was .* at first and is .* at the end: the training diverged; lower the learning rate"
        ):
            train(task)
    else:
        train(task)


def test_a_resumed_training_knows_where_it_began(tmp_path):
    train(Scripted([2.0, 2.0], (0.1,)), checkpoint=tmp_path / "c.h5")
    task = Scripted([1e9, 1e9], (0.1, 0.1))
    with pytest.warns(RuntimeWarning, match="was 2 at first"):
        train(task, checkpoint=tmp_path / "c.h5")


def test_a_real_classifier(glyphs):
    d, f = glyphs, sd.models.ModelB()
    before = f.store.data.copy()
    with np.errstate(all="ignore"), pytest.raises(
        TrainingError, match="Model B: .* epoch 1, step 2; lower the learning rate"
    ):
        f.fit(d.x_train[:256], d.y_train[:256], d.x_val[:50], d.y_val[:50], epochs=3, lr=1e30, progress=False)
    assert f.store.data.tobytes() == before.tobytes() and f.history == []
    with pytest.warns(RuntimeWarning, match="Model B: loss was 2.3"):
        f.fit(d.x_train[:256], d.y_train[:256], d.x_val[:50], d.y_val[:50], epochs=1, lr=1e3, progress=False)
