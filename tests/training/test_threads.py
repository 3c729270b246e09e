"""What we compute has BLAS on one thread, and no bit of it depends on how many threads there are."""
import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import sdpadv_np as sd
from sdpadv_np.training import threads as module


def blas():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


class Asking(sd.models.ModelB):
    """Notes how many threads BLAS has when a batch comes in."""

    def logits(self, x):
        seen.update(blas())
        return super().logits(x)


seen: set = set()


def trained():
    seen.clear()
    x, y = np.full((4, 1, 28, 28), 0.5, np.float32), np.arange(4)
    Asking().fit(x, y, x, y, epochs=1, batch_size=2, progress=False)
    return set(seen)


@pytest.fixture(autouse=True)
def two_threads():
    with threadpool_limits(2, user_api="blas"):
        if blas() != {2}:
            pytest.skip("BLAS has one thread here")
        yield


def test_one_thread_while_it_lasts():
    assert trained() == {1} and blas() == {2}


@pytest.mark.parametrize("count", (1, 2, 5))
def test_the_number_of_threads_changes_no_bit(glyphs, count):
    few = tuple(part[:256] for part in (glyphs.x_train, glyphs.y_train, glyphs.x_val, glyphs.y_val))

    def result():
        attack = sd.attacks.SdpAdv(
            sd.models.ModelB().fit(*few, epochs=1, progress=False)
        ).fit(*few, epochs=1, progress=False)
        return attack.generator.store.data.tobytes(), attack(few[0]).tobytes(), sd.attacks.PGD(
            sd.models.ModelA(), steps=1
        )(few[0][:40]).tobytes()

    expected = result()
    with module.threads(count):
        assert trained() == {1} and module.get_threads() == count
        assert result() == expected


def test_without_threadpoolctl_it_is_left_alone(monkeypatch, capsys):
    module._libraries.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "threadpoolctl", None)
    assert trained() == {2} and not capsys.readouterr().err
    with module.threads(1):
        assert "threadpoolctl is not installed" in capsys.readouterr().err


def test_outside_a_training_the_bits_are_those_within(rng):
    x, f, g = rng.random((500, 1, 28, 28), np.float32), sd.models.ModelB(), sd.models.Generator()
    g.store.data += 0.1 * rng.standard_normal(g.store.data.size).astype(np.float32)
    for call in (f.logits, g, g.theta, sd.attacks.FGSM(f)):
        outside = call(x)
        with threadpool_limits(1, user_api="blas"):
            assert outside.tobytes() == call(x).tobytes()
    assert blas() == {2}


def test_the_limit_is_lifted_by_the_last_of_several():
    first, second = module.one_blas_thread(), module.one_blas_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)  # as by another thread that ends in between
    assert blas() == {1}
    second.__exit__(None, None, None)
    assert blas() == {2}
