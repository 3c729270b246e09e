"""SdpAdv through queries: what is asked, counted and learned; and distillation."""
from types import SimpleNamespace

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import ops
from sdpadv_np.attacks import BlackBoxSdpAdv
from sdpadv_np.errors import ArgumentError
from sdpadv_np.models import Queries, distil


def fit(attack, d, epochs=3, count=2000, **options):
    return attack.fit(d.x_train[:count], d.y_train[:count], d.x_val, d.y_val, epochs=epochs, progress=False, **options)


@pytest.mark.parametrize("answers", ("probabilities", "predict"))
def test_the_attack_on_the_substitute_works_on_the_classifier(classifier, glyphs, answers):
    asked = []

    def ask(x):
        asked.append(x)
        return getattr(classifier, answers)(x)

    attack = fit(BlackBoxSdpAdv(ask, rounds=2, substitute_epochs=6, seed=3), glyphs)
    result = sd.evaluate(classifier, attack, glyphs.x_test, glyphs.y_test)
    assert result.accuracy < 0.5 < result.clean_accuracy
    assert sum(map(len, asked)) == attack.generator.settings["queries"] == 2 * 2000 + len(glyphs.x_val)
    assert max(map(len, asked)) <= 500
    assert all(x.min() >= 0 and x.max() <= 1 and x.dtype == np.float32 for x in asked)
    np.testing.assert_array_equal(np.concatenate(asked)[: len(glyphs.x_val)], glyphs.x_val)
    last = np.concatenate(asked)[-2000:]  # the first round's adversarial examples
    assert classifier.accuracy(last, glyphs.y_train[:2000]) < 0.7
    assert (attack.substitute.predict(glyphs.x_test) == classifier.predict(glyphs.x_test)).mean() > 0.8


def test_a_foreign_classifier_without_a_gradient_is_enough(classifier, glyphs, tmp_path):
    foreign = sd.models.ExternalClassifier(classifier.logits, image_shape=(1, 28, 28))
    attack = fit(BlackBoxSdpAdv(foreign.probabilities, rounds=1, substitute_epochs=2), glyphs, epochs=1, count=256)
    sd.save(attack, tmp_path / "g.h5")
    again = sd.load(tmp_path / "g.h5")
    assert again(glyphs.x_test).tobytes() == attack(glyphs.x_test).tobytes()
    assert (
        again.settings["method"] == "black-box SdpAdv"
        and again.settings["queries"] > 0
        and again.settings["rounds"] == 1
    )
    np.testing.assert_allclose(foreign.probabilities(glyphs.x_test[:5]), classifier.probabilities(glyphs.x_test[:5]))


def test_the_first_questions_lie_within_the_limits_of_the_attack(rng, monkeypatch):
    x = rng.uniform(0.3, 0.7, (40, 1, 28, 28)).astype(np.float32)
    still = BlackBoxSdpAdv(lambda x: x, gamma=0.0, eps=0.2)._explored(x)
    assert 0.19 < np.abs(still - x).max() <= 0.2 + 1e-6
    drawn = []
    monkeypatch.setattr(ops, "affine_sample", lambda x, theta, convention: drawn.append(theta) or x)
    moved = BlackBoxSdpAdv(lambda x: x, gamma=0.3, eps=0.0)._explored(x)
    np.testing.assert_array_equal(moved, x)
    deviation = np.abs(drawn[0] - np.array([1, 0, 0, 0, 1, 0]))
    assert drawn[0].dtype == np.float32 and (deviation.max(axis=0) > 0.25).all() and deviation.max() <= 0.3 + 1e-6


def test_a_resumed_run_ends_with_the_same_bits(classifier, glyphs, tmp_path, monkeypatch):
    def made():
        return BlackBoxSdpAdv(classifier.probabilities, rounds=2, substitute_epochs=2)

    from sdpadv_np.attacks.sdpadv_training import SdpAdvTraining

    whole = fit(made(), glyphs, epochs=2, count=256)
    step, steps = SdpAdvTraining.step, []

    def stop(self, chosen, epoch):
        steps.append(epoch)
        if steps.count(1) == 4:  # in the second epoch of the second round, which has two steps an epoch
            raise KeyboardInterrupt
        return step(self, chosen, epoch)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(SdpAdvTraining, "step", stop)
        fit(made(), glyphs, epochs=2, count=256, checkpoint=tmp_path / "c.h5")
    resumed = fit(made(), glyphs, epochs=2, count=256, checkpoint=tmp_path / "c.h5")
    assert resumed.generator.store.data.tobytes() == whole.generator.store.data.tobytes()


def test_soft_answers_are_learned_and_hard_ones_are_the_ordinary_training(glyphs, rng):
    x, x_val = glyphs.x_train[:256], glyphs.x_val[:100]
    soft = ops.softmax(rng.standard_normal((1, 10)).astype(np.float32))
    p, p_val = np.repeat(soft, 256, axis=0), np.repeat(soft, 100, axis=0)
    substitute = distil(x, p, x_val, p_val, epochs=30, batch_size=32, progress=False)
    assert np.abs(substitute.probabilities(x_val) - p_val).mean() < 0.02
    hard = np.eye(10, dtype=np.float32)
    labelled = distil(x, hard[glyphs.y_train[:256]], x_val, hard[glyphs.y_val[:100]], epochs=2, progress=False)
    ordinary = sd.models.ModelB().fit(x, glyphs.y_train[:256], x_val, glyphs.y_val[:100], epochs=2, progress=False)
    np.testing.assert_allclose(labelled.store.data, ordinary.store.data, atol=1e-5)
    assert labelled.settings["trained on"] == "probabilities"


@pytest.mark.parametrize(
    "answer, message",
    [
        (lambda x: np.zeros((len(x), 3)), r"shape \(2, 3\) for 2 images; expected \(2, 10\)"),
        (lambda x: np.ones((len(x), 10)), "no probabilities"),
        (lambda x: np.full((len(x), 10), np.nan), "no probabilities"),
        (lambda x: np.full(len(x), 10), "labels from 10 to 10"),
        (lambda x: np.zeros(len(x)), "dtype float64"),
    ],
)
def test_answers_that_are_none(answer, message):
    with pytest.raises(ArgumentError, match=message):
        Queries(answer)(np.zeros((2, 1, 28, 28), np.float32))


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"rounds": 0}, "rounds is 0"),
        ({"architecture": "C"}, "choose one of A, B"),
        ({"substitute_epochs": 0}, "substitute_epochs"),
        ({"eps": 2}, "eps"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ArgumentError, match=message):
        BlackBoxSdpAdv(lambda x: x, **parameters)


def test_a_classifier_is_no_function():
    with pytest.raises(ArgumentError, match="such as f.probabilities"):
        BlackBoxSdpAdv(SimpleNamespace(logits=None))


def test_probabilities_of_another_library_are_taken(glyphs, rng):
    """scikit-learn's predict_proba gives float64."""
    x, x_val = glyphs.x_train[:64], glyphs.x_val[:20]
    p = ops.softmax(rng.standard_normal((84, 10)).astype(np.float32))

    def weights(change):
        return distil(
            x, change(p[:64]), x_val, change(p[64:]), epochs=1, batch_size=32, progress=False
        ).store.data.tobytes()

    assert weights(lambda p: p) == weights(lambda p: p.astype(np.float64)) == weights(np.ndarray.tolist)
    assert distil(x, np.eye(10, dtype=int)[glyphs.y_train[:64]], x_val, p[64:], epochs=1, progress=False).history


@pytest.mark.parametrize(
    "change, message",
    [
        (
            lambda p: p.argmax(axis=1),
            r"has shape \(5,\) for 5 images; expected \(5, 10\), .*np.eye\(10, dtype=np.float32\)\[",
        ),
        (lambda p: p.argmax(axis=1).tolist(), r"np.eye\(10, dtype=np.float32\)\["),
        (
            lambda p: p[:, :9],
            r"(has shape \(5, 9\) for 5 images; expected \(5, 10\)|rows that are no probabilities)",
        ),  # p itself tells how many classes there are
        (lambda p: p[:3], r"shape \(3, 10\) for 5 images"),
        (lambda p: p * np.nan, "rows that are no probabilities .*image 0 of 5"),
        (lambda p: np.log(p), "rows that are no probabilities"),
        (lambda p: p * 2, "with sum 1"),
        (lambda p: [[1.0], [0.5, 0.5]], "is no array"),
        (lambda p: p.astype(str), "has dtype <U"),
        (lambda p: np.ma.array(p, mask=p > 0.05), "masked array"),
        (lambda p: None, r"shape \(\) for 5"),
    ],
)
@pytest.mark.parametrize("which", ("p", "p_val"))
def test_what_is_no_probabilities_is_told_before_anything_is_trained(glyphs, which, change, message):
    x, p = glyphs.x_train[:5], np.full((5, 10), 0.1, np.float32)
    given = {"p": p, "p_val": p, which: change(p)}
    with pytest.raises(ArgumentError, match=f"^{which} .*{message}"):
        distil(x, given["p"], x, given["p_val"], epochs=1, progress=False)
