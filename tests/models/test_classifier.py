"""Classifiers A and B."""
import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import Tensor
from sdpadv_np.errors import ArgumentError, TrainingError


@pytest.mark.parametrize("model, parameters", ((sd.models.ModelA, 710_218), (sd.models.ModelB, 199_210)))
def test_shapes_and_sizes(model, parameters, rng):
    f, x = model(), rng.random((3, 1, 28, 28), np.float32)
    assert f.store.data.size == parameters
    z = f.logits(x)
    assert z.shape == (3, 10) and z.dtype == np.float32
    np.testing.assert_array_equal(z, f.logits(Tensor(x)).data)
    np.testing.assert_allclose(f.probabilities(x).sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(f.predict(x), z.argmax(axis=1))


def test_weights_begin_within_one_over_the_root_of_fan_in():
    b, a = sd.models.ModelB().store.tensors, sd.models.ModelA().store.tensors
    for weights, fan_in in (
        (b["model_b/1/W"], 784), (b["model_b/3/W"], 200), (a["model_a/0/W"], 64), (a["model_a/1/W"], 64 * 36),
    ):
        assert 0.95 < np.abs(weights.data).max() * np.sqrt(fan_in) <= 1
    assert not b["model_b/1/b"].data.any()


def test_learns(classifier, glyphs):
    assert classifier.accuracy(glyphs.x_test, glyphs.y_test) > 0.97
    assert [row["epoch"] for row in classifier.history] == [1, 2, 3, 4] and classifier.settings["lr"] == 1e-3


def test_the_kept_weights_are_those_of_the_best_epoch(glyphs):
    d, f = glyphs, sd.models.ModelB()
    f.fit(d.x_train[:500], d.y_train[:500], d.x_val, d.y_val, epochs=3, lr=0.02, progress=False)
    best = max(row["validation accuracy"] for row in f.history)
    assert f.accuracy(d.x_val, d.y_val) == pytest.approx(best, abs=1e-9)


def test_model_a_learns(glyphs):
    d, f = glyphs, sd.models.ModelA()
    f.fit(d.x_train[:1000], d.y_train[:1000], d.x_val[:200], d.y_val[:200], epochs=2, batch_size=50, progress=False)
    assert f.accuracy(d.x_test[:200], d.y_test[:200]) > 0.8


def test_same_seed_same_bits(glyphs):
    d = glyphs

    def weights(seed):
        return sd.models.ModelB(seed).fit(
            d.x_train, d.y_train, d.x_val, d.y_val, epochs=1, seed=seed, progress=False,
        ).store.data.tobytes()

    assert weights(0) == weights(0) != weights(1)


def test_memory_is_bounded_by_chunks(classifier, glyphs, monkeypatch):
    seen = []
    inner = classifier.network.__class__.__call__
    monkeypatch.setattr(classifier.network.__class__, "__call__", lambda self, x: seen.append(len(x)) or inner(self, x))
    assert len(classifier.logits(glyphs.x_train)) == 5000 and max(seen) <= 500


def test_bad_input_to_fit(glyphs):
    d, f = glyphs, sd.models.ModelB()
    x, y = d.x_train[:10], d.y_train[:10]
    for change, message in (
        ({"x": x * 255}, r"x has values from 0 to 2\d\d.*divide by 255"),
        ({"x": x[:, 0]}, r"x has shape \(10, 28, 28\); expected \(N, 1, 28, 28\)"),
        ({"x": (x * 255).astype(np.uint8)}, "x has dtype uint8.*/ 255"),
        ({"x": x[:0], "y": y[:0]}, "no image in it"),
        ({"x": np.where(x > 0.5, np.nan, x)}, r"x\[\d\] holds NaN"),
        ({"y": y[:5]}, r"y has shape \(5,\); expected \(10,\)"),
        ({"y": y + 5}, "labels from 5 to .*expected 0 to 9"),
        ({"y": y.astype(np.float32)}, "y has dtype float32.*astype"),
        ({"epochs": 0}, "epochs is 0; it must be at least 1"),
        ({"epochs": 1.5}, "epochs is 1.5"),
        ({"lr": -1.0}, "lr is -1.0; it must be above 0"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"y_val": y[:3]}, "y_val has shape"),
    ):
        before = f.store.data.copy()
        with pytest.raises(ArgumentError, match=message):
            f.fit(**{"x": x, "y": y, "x_val": x, "y_val": y, "progress": False, **change})
        assert f.store.data.tobytes() == before.tobytes()


def test_training_stops_at_the_first_loss_that_is_not_finite(glyphs):
    f = sd.models.ModelB()
    f.store.data[0] = np.nan
    with pytest.raises(TrainingError, match="Model B: loss is nan in epoch 1, step 1; lower the learning rate"):
        f.fit(glyphs.x_train, glyphs.y_train, glyphs.x_val, glyphs.y_val, epochs=1, progress=False)
