"""Our gradient and search attacks against the original libraries: runs where they can be imported.

The cases, with the reasons where a library differs, are the table of benchmarks/attack_libraries.py.
"""
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import sdpadv_np as sd

pytest.importorskip("torch", reason="oracle: PyTorch is not installed")
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import attack_libraries as bench
import attack_peers as peers

pytestmark = pytest.mark.filterwarnings("ignore")  # the libraries' own
SLOW = {"CW": 6, "SPSA": 60, "DeepFool": 40}  # images, where an attack or a library takes long
ON_A = ("FGSM", "BIM", "MIM", "DeepFool, inner", "CW, c = 10, inner")  # on the convolutions: what is quick enough


def cases(wanted):
    """As parameters; each skipped, before any classifier is trained for it, where its library is missing."""
    for case in bench.CASES:
        if wanted(case):
            missing = peers.missing(case.library)
            skip = pytest.mark.skipif(missing is not None, reason=f"oracle: {missing} is not installed")
            yield pytest.param(case, id=f"{case.attack} - {case.library}", marks=skip)


def images(case, most):
    return next((min(most, n) for attack, n in SLOW.items() if case.attack.startswith(attack)), most)


@pytest.fixture(scope="module")
def model_a(glyphs):
    d = glyphs
    return sd.models.ModelA().fit(
        d.x_train[:1500], d.y_train[:1500], d.x_val[:200], d.y_val[:200], epochs=3, progress=False,
    )


def check(case, classifier, x):
    if case.expect == "pixels":
        classifier = bench.tempered(classifier)
    row = bench.compare(case, classifier, peers.Copy(classifier), x[: images(case, len(x))])
    if case.expect == "pixels":
        assert row["equal pixels"] >= 0.999, json.dumps(row)
    assert bench.agree(row) == (case.expect != "differs"), json.dumps(row)


@pytest.mark.parametrize("case", list(cases(lambda case: True)))
def test_model_b(case, classifier, glyphs):
    check(case, classifier, glyphs.x_test)


@pytest.mark.parametrize("case", list(cases(lambda case: case.attack.startswith(ON_A) and case.expect != "differs")))
def test_model_a(case, model_a, glyphs):
    check(case, model_a, glyphs.x_test[:40])


@pytest.mark.parametrize("model", ("A", "B"))
def test_the_copies_are_copies(model, classifier, model_a, glyphs):
    import torch

    f = model_a if model == "A" else classifier
    copy, x = peers.Copy(f), glyphs.x_test[:20]
    np.testing.assert_allclose(copy.module(torch.from_numpy(x)), f.logits(x), atol=1e-4)
    np.testing.assert_allclose(copy.raised(5.0)(torch.from_numpy(x)), f.logits(x) + 5, atol=1e-4)
    np.testing.assert_allclose(bench.tempered(f).logits(x), 0.1 * f.logits(x), atol=1e-5)
