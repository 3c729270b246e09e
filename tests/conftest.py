"""Fixtures of all tests. No test uses the network or the user's cache."""
import functools
import os
import sys
import types

import numpy as np
import pytest
from cupy_stand_in import CuPy
from threadpoolctl import threadpool_limits

import sdpadv_np as sd
from sdpadv_np.kernels import affine_sample, flow_sample
from sdpadv_np.kernels.runtime import dispatch


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """One BLAS thread, as on the command line; two are ten times slower on a busy machine."""
    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory):
    os.environ["SDPADV_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ.pop("SDPADV_DATA", None)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def glyphs():
    return sd.data.load("glyphs")


@pytest.fixture(scope="session")
def classifier(glyphs):
    """Model B after four epochs on the glyphs; shared by all tests, so do not train it further."""
    d = glyphs
    return sd.models.ModelB().fit(d.x_train, d.y_train, d.x_val, d.y_val, epochs=4, progress=False)


@pytest.fixture
def stand_in(monkeypatch):
    """tests/cupy_stand_in.py in CuPy's place: a GPU for machines without one, and NumPy's kernels alone."""
    module = CuPy()
    monkeypatch.setitem(sys.modules, "cupy", module)
    monkeypatch.setenv("SDPADV_KERNEL", "numpy")  # the same definitions on both devices
    monkeypatch.setattr(dispatch, "_warned", {"cuda", "numba-cuda"})
    for kernel in (affine_sample, flow_sample):
        monkeypatch.setattr(
            kernel._choose, "loaded", {k: v for k, v in kernel._choose.loaded.items() if "cuda" not in k},
        )
        monkeypatch.setattr(kernel._choose, "missing", {"cuda": "no device", "numba-cuda": "no device"})
    return types.SimpleNamespace(cupy=module, without_transfers=module.without_transfers, rtol=1e-5, atol=1e-6)


@pytest.fixture(params=("stand-in", pytest.param("cuda", marks=pytest.mark.gpu)))
def gpu(request):
    """``gpu.cupy``, and ``gpu.without_transfers()``: within it a copy back, or on the stand-in any copy, is an error.

    rtol, atol : tolerances after some float32 training steps, beside the CPU; a GPU sums in another order, and Adam
        magnifies differences of small gradients
    """
    if request.param == "stand-in":
        return request.getfixturevalue("stand_in")
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    if not cupy.cuda.is_available():
        pytest.skip("CuPy finds no GPU")
    import cupyx

    without_transfers = functools.partial(cupyx.allow_synchronize, False)
    return types.SimpleNamespace(cupy=cupy, without_transfers=without_transfers, rtol=2e-2, atol=5e-3)
