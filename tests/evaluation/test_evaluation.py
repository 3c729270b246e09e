"""Metrics, tables, pictures."""
import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np.errors import ArgumentError
from sdpadv_np.evaluation import figures, paper, tables
from sdpadv_np.evaluation.metrics import measure


def test_measured_by_hand(rng):
    f = sd.models.Foreign(lambda x: np.stack([x[:, 0, 0, 0], 1 - x[:, 0, 0, 0]], axis=1), classes=2)  # class 0: a bright corner
    x = np.zeros((4, 1, 2, 2), np.float32)
    x[:3, 0, 0, 0] = 1
    y = np.array([0, 0, 1, 1])  # right, right, wrong, right
    x_adv = x.copy()
    x_adv[0, 0, 0, 0] = 0  # now wrong
    x_adv[2, 0, 0, 0] = 0.25  # now right
    result = measure(f, x, y, x_adv, seconds=2.0)
    assert (result.accuracy, result.clean_accuracy, result.count) == (0.75, 0.75, 4)
    assert result.success_rate == pytest.approx(1 / 3) and result.linf == 1 and result.seconds == 50
    assert result.l2sq == pytest.approx((1 + 0.75**2) / 4)


def test_evaluate_any_callable(classifier, glyphs):
    x, y = glyphs.x_test[:100], glyphs.y_test[:100]
    nothing, black = sd.evaluate(classifier, None, x, y), sd.evaluate(classifier, lambda x, y: x * 0, x, y)
    assert nothing.accuracy == nothing.clean_accuracy == classifier.accuracy(x, y) and nothing.l2sq == 0
    assert black.accuracy < 0.3 and black.seconds > 0
    with pytest.raises(ArgumentError, match="it must keep the shape"):
        sd.evaluate(classifier, lambda x, y: x[:, 0], x, y)
    with pytest.raises(ArgumentError, match="one label per image"):
        sd.evaluate(classifier, None, x, y[:3])


def test_the_papers_numbers():
    assert paper.accuracy("mnist", "B", "SdpAdv", 0.1) == 0.0281 and paper.accuracy("fashion-mnist", "A", "SdAdv") == 0.1762
    assert paper.accuracy("mnist", "B", "FGSM", 0.15) is None and paper.accuracy("glyphs", "B", "FGSM", 0.1) is None
    assert paper.l2sq("mnist", "SdpAdv", 0.1) == 111.7 and paper.l2sq("mnist", "FGSM", 0.1) is None and paper.l2sq("mnist", "SdAdv") == 120.66


def test_table(classifier, glyphs):
    result = sd.evaluate(classifier, None, glyphs.x_test[:50], glyphs.y_test[:50])
    table = tables.rows([(paper.CLEAN, None, result), ("SdpAdv", 0.1, result)], "mnist", "B")
    assert tables.text(table).splitlines()[3].split()[:4] == ["SdpAdv", "0.1", f"{result.accuracy:.4f}", "0.0281"]
    lines = tables.markdown(table).splitlines()
    assert lines[0].startswith("| attack |") and lines[1].startswith("| --- | ---:") and all(line.count("|") == 10 for line in lines)


def test_pictures_are_written(tmp_path, classifier, glyphs):
    from matplotlib import image

    chosen = figures.examples(classifier, glyphs.x_test, glyphs.y_test)
    assert len(chosen) == 10 and sorted(glyphs.y_test[chosen]) == list(range(10))
    figures.grid(tmp_path / "g.png", figures.steps(sd.models.Generator(), glyphs.x_test[chosen]), "title", classifier, glyphs.class_names)
    figures.curves(tmp_path / "c.png", {"Model B": classifier.history, "empty": []})
    for name in ("g.png", "c.png"):
        assert image.imread(tmp_path / name).std() > 0.05


def test_without_matplotlib_it_says_what_to_install(monkeypatch, tmp_path, classifier):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(ArgumentError, match=r"pip install 'sdpadv-np\[plot\]'"):
        figures.curves(tmp_path / "c.png", {"Model B": classifier.history})
