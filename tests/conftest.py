"""What the tests share. No test reaches the network or the user's cache."""
import os

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import sdpadv_np as sd


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """As the command line has it; two BLAS threads on a busy machine are ten times slower."""
    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory):
    os.environ["SDPADV_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ.pop("SDPADV_DATA", None)
    os.environ.pop("SDPADV_KERNEL", None)


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

