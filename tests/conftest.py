"""What the tests share. No test reaches the network or the user's cache."""
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
    """As the command line has it; two BLAS threads on a busy machine are ten times slower."""
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
    """Model B, trained a little on the glyphs; do not train it further."""
    d = glyphs
    return sd.models.ModelB().fit(d.x_train, d.y_train, d.x_val, d.y_val, epochs=4, progress=False)



@pytest.fixture
def stand_in(monkeypatch):
    """What is tested as a GPU where there is none: tests/cupy_stand_in.py, in CuPy's place. Only the kernels' definitions take its arrays."""
    module = CuPy()
    monkeypatch.setitem(sys.modules, "cupy", module)
    monkeypatch.setenv("SDPADV_KERNEL", "numpy")  # so that it is compared with the same definitions on NumPy
    monkeypatch.setattr(dispatch, "_warned", {"cuda", "numba-cuda"})
    for kernel in (affine_sample, flow_sample):
        monkeypatch.setattr(kernel._choose, "loaded", {k: v for k, v in kernel._choose.loaded.items() if "cuda" not in k})
        monkeypatch.setattr(kernel._choose, "missing", {"cuda": "no device", "numba-cuda": "no device"})
    return types.SimpleNamespace(cupy=module, without_transfers=module.without_transfers, rtol=1e-5, atol=1e-6)


@pytest.fixture(params=("stand-in", pytest.param("cuda", marks=pytest.mark.gpu)))
def gpu(request):
    """``gpu.cupy``, and ``gpu.without_transfers()``, in which a copy back, or on the stand-in any copy, is an error.

    rtol, atol : how near the CPU a training of some float32 steps ends; on a GPU sums are taken in another order, and Adam makes much of small slopes
    """
    if request.param == "stand-in":
        return request.getfixturevalue("stand_in")
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    if not cupy.cuda.is_available():
        pytest.skip("CuPy finds no GPU")
    import cupyx

    return types.SimpleNamespace(cupy=cupy, without_transfers=lambda: cupyx.allow_synchronize(False), rtol=2e-2, atol=5e-3)
