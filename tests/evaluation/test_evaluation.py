"""Metrics, tables, pictures."""
import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np.errors import ArgumentError
from sdpadv_np.evaluation import figures, paper, tables
from sdpadv_np.evaluation.metrics import measure


def test_measured_by_hand(rng):
    # class 0: a bright corner
    f = sd.models.ExternalClassifier(lambda x: np.stack([x[:, 0, 0, 0], 1 - x[:, 0, 0, 0]], axis=1), classes=2)
    x = np.zeros((4, 1, 2, 2), np.float32)
    x[:3, 0, 0, 0] = 1
    y = np.array([0, 0, 1, 1])  # right, right, wrong, right
    x_adv = x.copy()
    x_adv[0, 0, 0, 0] = 0  # now wrong
    x_adv[2, 0, 0, 0] = 0.25  # now right
    result = measure(f, x, y, x_adv, seconds=2.0)
    assert (result.accuracy, result.clean_accuracy, result.count) == (0.75, 0.75, 4)
    assert result.success_rate == pytest.approx(1 / 3) and result.linf == 1 and result.seconds_per_100 == 50
    assert result.l2sq == pytest.approx((1 + 0.75**2) / 4)


def test_evaluate_any_callable(classifier, glyphs):
    x, y = glyphs.x_test[:100], glyphs.y_test[:100]
    nothing, black = sd.evaluate(classifier, None, x, y), sd.evaluate(classifier, lambda x, y: x * 0, x, y)
    assert nothing.accuracy == nothing.clean_accuracy == classifier.accuracy(x, y) and nothing.l2sq == 0
    assert black.accuracy < 0.3 and black.seconds_per_100 > 0
    with pytest.raises(ArgumentError, match="it must keep the shape"):
        sd.evaluate(classifier, lambda x, y: x[:, 0], x, y)
    with pytest.raises(ArgumentError, match="one label per image"):
        sd.evaluate(classifier, None, x, y[:3])


def test_the_papers_numbers():
    assert paper.accuracy("mnist", "B", "SdpAdv", 0.1) == 0.0281
    assert paper.accuracy("fashion-mnist", "A", "SdAdv") == 0.1762
    assert paper.accuracy("mnist", "B", "FGSM", 0.15) is None and paper.accuracy("glyphs", "B", "FGSM", 0.1) is None
    assert paper.l2sq("mnist", "SdpAdv", 0.1) == 111.7 and paper.l2sq("mnist", "FGSM", 0.1) is None
    assert paper.l2sq("mnist", "SdAdv") == 120.66


def test_table(classifier, glyphs):
    result = sd.evaluate(classifier, None, glyphs.x_test[:50], glyphs.y_test[:50])
    table = tables.rows([(paper.CLEAN, None, result), ("SdpAdv", 0.1, result)], "mnist", "B")
    assert tables.text(table).splitlines()[3].split()[:4] == ["SdpAdv", "0.1", f"{result.accuracy:.4f}", "0.0281"]
    lines = tables.markdown(table).splitlines()
    assert lines[0].startswith("| attack |") and lines[1].startswith("| --- | ---:")
    assert all(line.count("|") == 10 for line in lines)


def test_pictures_are_written(tmp_path, classifier, glyphs):
    from matplotlib import image

    chosen = figures.examples(classifier, glyphs.x_test, glyphs.y_test)
    assert len(chosen) == 10 and sorted(glyphs.y_test[chosen]) == list(range(10))
    figures.grid(
        tmp_path / "g.png", figures.steps(sd.models.Generator(), glyphs.x_test[chosen]), "title", classifier,
        glyphs.class_names
    )
    steps = figures.steps(sd.models.Generator(), glyphs.x_test[chosen])
    few = "$\\nothing$", "b"  # names for less than the classifier's classes, the first one no formula
    figures.grid(tmp_path / "n.png", steps, "title", classifier, few)
    figures.curves(tmp_path / "c.png", {"Model B": classifier.history, "empty": []})
    for name in ("g.png", "c.png"):
        assert image.imread(tmp_path / name).std() > 0.05


@pytest.mark.parametrize("name", ("module://matplotlib_inline.backend_inline", "no-backend-at-all", "svg"))
def test_no_backend_is_needed_and_the_variable_is_left_alone(name):
    """As Jupyter exports it to a shell without its package; a backend that is installed is set for others."""
    program = """
import os, sys
sys.modules["matplotlib_inline"] = None
from sdpadv_np.evaluation import figures
assert figures.png(figures.canvas(1, 1)).startswith(b"\\x89PNG")
import matplotlib
print(os.environ["MPLBACKEND"], matplotlib.rcParams._get("backend") == os.environ["MPLBACKEND"])
"""
    import os
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=os.environ | {"MPLBACKEND": name}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == name and (name != "svg" or done.stdout.split()[1] == "True")


def test_without_matplotlib_it_says_what_to_install(monkeypatch, tmp_path, classifier):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(ArgumentError, match=r"pip install 'sdpadv-np\[plot\]'"):
        figures.curves(tmp_path / "c.png", {"Model B": classifier.history})


SUMS = {  # the last column of Tables 1 and 2, in the order of the rows
    ("mnist", "A"): (3.9645, 2.0323, 1.8641, 0.4098, 2.3082, 0.9992, 1.1624, 2.0681, 0.3336),
    ("mnist", "B"): (3.9236, 0.5975, 1.5773, 0.3275, 2.0067, 0.9713, 0.9306, 1.2215, 0.2037),
    ("fashion-mnist", "A"): (3.6121, 0.8060, 1.2131, 0.7922, 1.7822, 0.8211, 0.9239, 0.5567, 0.1982),
    ("fashion-mnist", "B"): (3.5531, 0.6614, 1.6908, 0.6577, 1.6170, 0.7227, 0.7093, 0.3946, 0.1647),
}


@pytest.mark.parametrize("dataset, model", SUMS)
def test_the_papers_columns_add_up_to_its_sums(dataset, model):
    rows = (paper.CLEAN, paper.STM, paper.STADV, paper.SDADV, "FGSM", "PGD", "MIM", "AdvGAN", "SdpAdv")
    for attack, total in zip(rows, SUMS[dataset, model]):
        figures = [
            paper.accuracy(dataset, model, attack, 0.3, defence) for defence in (paper.UNDEFENDED, *paper.DEFENCES)
        ]
        assert sum(figures) == pytest.approx(total, abs=1.01e-4), attack  # the paper rounds
    assert paper.accuracy(dataset, model, "FGSM", 0.1, "Adv-Train") is None
    assert paper.seconds("mnist", paper.STADV) == 620.8 and paper.seconds("mnist", "SdpAdv", 0.2) is None


def test_distortion_of_a_turn_a_shift_and_a_zoom(classifier, glyphs):
    from sdpadv_np.evaluation import distortion

    turn = np.radians(-30)
    theta = np.array([[np.cos(turn), -np.sin(turn), 0, np.sin(turn), np.cos(turn), 0]])
    assert distortion.mean_of_theta(theta, (28, 28)) == pytest.approx(
        {"rotation": 30, "scale_x": 100, "scale_y": 100, "shear": 0, "shift": 0}, abs=1e-3
    )
    two = [[1, 0, 0.3, 0, 1, -0.4], [2.0, 0, 0, 0, 0.5, 0], np.zeros(6)]  # the last flattens the picture
    assert distortion.mean_of_theta(two, (28, 28)) == pytest.approx(
        {"rotation": 0, "scale_x": 75, "scale_y": 150, "shear": 0, "shift": 3.5}
    )
    assert distortion.mean_of_theta(np.zeros((1, 6)), (28, 28)) == {}
    x = glyphs.x_test[:3]
    assert distortion.mean_distortion(sd.attacks.SdpAdv(classifier), x)["scale_x"] == 100
    assert distortion.mean_distortion(sd.models.Generator(eps=0.1), x)["shift"] == 0
    assert distortion.mean_distortion(sd.attacks.FGSM(classifier), x) is None
    assert distortion.mean_distortion(sd.attacks.AdvGAN(classifier), x) is None

    class Turned:
        shift_twice = True

        def transformation(self, x, y, progress):
            return np.tile([0.1, 0.0, -30.0], (len(x), 1))

    class Flowing:
        def flow(self, x, y, progress):
            return np.stack([np.full(x.shape[:1] + x.shape[2:], v) for v in (3.0, 4.0)], axis=1)

    assert distortion.mean_distortion(Turned(), x) == pytest.approx({"rotation": 30, "shift": 5.6})
    assert distortion.mean_distortion(Flowing(), x) == {"flow": 5.0}
    assert distortion.text(distortion.mean_distortion(Turned(), x)) == "30°, 5.6 px"
    assert distortion.text(None) == ""


def test_examples_take_turns_over_the_classes(classifier, glyphs):
    chosen = figures.examples(classifier, glyphs.x_test, glyphs.y_test, 20)
    assert glyphs.y_test[chosen].tolist() == [*range(10), *range(10)]
    wrong = (classifier.predict(glyphs.x_test[:30]) + 1) % 10  # no image is right
    assert figures.examples(classifier, glyphs.x_test[:30], wrong, 5).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "made, message",
    (
        (lambda x: np.where(x > 0.5, np.nan, x), r"what the attack returned\[0\] holds NaN"),
        (lambda x: x + 1, "what the attack returned has values from"), (lambda x: x[:1], "the attack returned shape")
    )
)
def test_what_is_no_image_is_not_measured(made, message, rng):
    x, f = rng.random((3, 1, 28, 28), np.float32), sd.models.ModelB()
    with pytest.raises(ArgumentError, match=message):
        sd.evaluate(f, lambda x, y: made(x), x, np.zeros(3, int))


def test_as_many_classes_as_there_are_logits(rng):
    class Wide:
        def logits(self, x):
            return np.tile(np.arange(100, dtype=np.float32), (len(x), 1))

    assert sd.evaluate(Wide(), None, rng.random((3, 1, 8, 8), np.float32), np.array([99, 99, 5])).accuracy == 2 / 3


@pytest.mark.parametrize("attack", (sd.attacks.FGSM, "fgsm", sd.models.ModelB()), ids=("class", "name", "classifier"))
def test_what_is_no_attack_is_refused(attack, glyphs, classifier):
    with pytest.raises(ArgumentError, match="cannot be called as attack"):
        sd.evaluate(classifier, attack, glyphs.x_test[:2], glyphs.y_test[:2])


def test_what_is_no_classifier_is_refused(glyphs):
    class Fitted:
        def predict_proba(self, x):
            return np.full((len(x), 10), 0.1)

    with pytest.raises(ArgumentError, match="no logits.*sd.models.ExternalClassifier"):
        sd.evaluate(Fitted(), None, glyphs.x_test[:2], glyphs.y_test[:2])


def test_without_pillow_it_is_not_said_to_be_matplotlib(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(sd.Error, match="pictures need Pillow; install it with"):
        figures.canvas(1, 1)
