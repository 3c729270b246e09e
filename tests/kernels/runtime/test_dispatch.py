"""The choice of implementation."""
import os
import subprocess
import sys

import numpy as np
import pytest

from sdpadv_np.kernels import adam, affine_sample

X, THETA = np.zeros((1, 1, 2, 2), np.float32), np.zeros((1, 6), np.float32)


def test_wrong_names_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="affine_sample: implementation is 'fast'; choose one of numpy"):
        affine_sample.forward(X, THETA, implementation="fast")
    monkeypatch.setenv("SDPADV_KERNEL", "fast")
    with pytest.raises(ValueError, match="SDPADV_KERNEL is 'fast'"):
        affine_sample.forward(X, THETA)


def test_the_environment_chooses(monkeypatch):
    monkeypatch.setenv("SDPADV_KERNEL", "numpy")
    assert adam._choose(X).__name__.endswith("reference")
    monkeypatch.delenv("SDPADV_KERNEL")
    assert adam._choose(X).__name__.endswith("numba_cpu")


def test_without_numba_everything_works_with_one_warning():
    program = """
import sys, warnings
sys.modules["numba"] = None
import numpy as np, sdpadv_np as sd
x, y = np.full((2, 1, 28, 28), 0.5, np.float32), np.array([0, 1])
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    f = sd.models.ModelB().fit(x, y, x, y, epochs=1, progress=False)
    sd.attacks.SdpAdv(f).fit(x, y, x, y, epochs=1, progress=False)(x)
assert [str(w.message).split("(")[0] for w in warned] == ["numba kernels cannot run here "], warned
assert sd.kernels.affine_sample.implementations()["numba"] is False
try:
    sd.kernels.affine_sample.forward(x, np.zeros((2, 6), np.float32), implementation="numba")
except RuntimeError as error:
    assert "cannot run here" in str(error)
else:
    raise AssertionError("no error")
"""
    environment = os.environ | {"SDPADV_KERNEL": ""}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
