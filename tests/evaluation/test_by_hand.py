"""Every figure of an evaluation against numbers worked out by hand, on images of two pixels."""
import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np.evaluation.metrics import measure

X = np.array([[0.9, 0.0], [0.8, 0.0], [0.1, 0.0], [0.2, 0.0]], np.float32).reshape(4, 1, 1, 2)
Y = np.array([1, 1, 0, 1])  # the last is misclassified from the outset


def bright():
    """Class 1: the first pixel is above one half."""
    return sd.models.ExternalClassifier(
        lambda x: np.stack([0.5 - x[:, 0, 0, 0], x[:, 0, 0, 0] - 0.5], axis=1), image_shape=(1, 1, 2), classes=2
    )


def moved(*changes):
    x = X.copy()
    for image, (first, second) in enumerate(changes):
        x[image, 0, 0] += (first, second)
    return x


@pytest.mark.parametrize("changes, accuracy, success", [
    ([(0, 0)] * 4, 3 / 4, 0),
    ([(-0.5, 0), (0, 0), (0, 0), (0, 0)], 2 / 4, 1 / 3),
    ([(-0.5, 0), (-0.5, 0), (0.5, 0), (0, 0)], 0, 1),
    ([(0, 0), (0, 0), (0, 0), (0.5, 0)], 1, 0),  # one that was wrong and is now right is no success, and no failure
    ([(-0.5, 0), (0, 0), (0, 0), (0.5, 0)], 3 / 4, 1 / 3),
])
def test_accuracy_and_success(changes, accuracy, success):
    result = measure(bright(), X, Y, moved(*changes))
    assert result.accuracy == accuracy and result.success_rate == pytest.approx(success)
    assert result.clean_accuracy == 3 / 4 and result.count == 4


def test_l2sq_is_the_mean_of_sums_and_linf_the_largest_change_of_any_pixel():
    result = measure(bright(), X, Y, moved((-0.3, 0.4), (0, 0), (0.1, 0), (0.2, 0.6)))
    assert result.l2sq == pytest.approx((0.09 + 0.16 + 0 + 0.01 + 0.04 + 0.36) / 4, rel=1e-5)
    assert result.linf == pytest.approx(0.6, rel=1e-6)
    darker = measure(bright(), X, Y, moved((-0.7, 0), (0, 0), (0, 0), (0, 0)))
    assert darker.linf == pytest.approx(0.7, rel=1e-6), "downwards is a change too"


def test_without_a_right_prediction_there_is_no_success():
    result = measure(bright(), X, 1 - Y, moved(*[(0, 0)] * 4))
    assert result.clean_accuracy == 1 / 4
    none = measure(bright(), X[:3], 1 - Y[:3], X[:3])
    assert none.clean_accuracy == 0 and none.success_rate == 0


def test_seconds_are_per_100_images():
    assert measure(bright(), X, Y, X, seconds=2.0).seconds_per_100 == 50


def test_evaluate_gives_the_attack_the_true_labels_and_times_all_images_once(monkeypatch):
    clock, calls = iter([10.0, 13.0]), []
    monkeypatch.setattr("sdpadv_np.evaluation.metrics.time.perf_counter", lambda: next(clock))

    def attack(x, y):
        calls.append((len(x), y.tolist()))
        return np.zeros_like(x)

    result = sd.evaluate(bright(), attack, X, Y)
    assert calls == [(2, [1, 1]), (4, [1, 1, 0, 1])], "two images to warm up, then all"
    assert result.seconds_per_100 == 75 and result.accuracy == 1 / 4 and result.success_rate == pytest.approx(2 / 3)


def test_the_old_name_of_seconds_per_100_warns():
    with pytest.warns(DeprecationWarning, match="is called seconds_per_100 since"):
        assert measure(bright(), X, Y, X, seconds=2.0).seconds == 50
