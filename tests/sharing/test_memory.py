"""What nobody uses any more is gone at once, without the cycle collector."""
import contextlib
import gc
import weakref

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np.autodiff.recorded import Memory
from sdpadv_np.kernels.conv2d import _packing_cache


@contextlib.contextmanager
def no_collector():
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def trained(kind, few, classifier):
    if kind == "distilled":
        ask = sd.models.Queries(classifier.probabilities)
        return sd.models.distil(few[0], ask(few[0]), few[2], ask(few[2]), epochs=1, progress=False)
    make = {"A": sd.models.ModelA, "B": sd.models.ModelB}.get(kind) or (lambda: getattr(sd.attacks, kind)(classifier))
    return make().fit(*few, epochs=1, batch_size=8, progress=False)


@pytest.mark.parametrize("kind", ("A", "B", "SdpAdv", "ATN", "ConvAdvGAN", "distilled"))
def test_a_training_leaves_its_data_and_its_model_to_their_owners(glyphs, classifier, kind):
    d = glyphs
    few = tuple(part[:24].copy() for part in (d.x_train, d.y_train, d.x_val, d.y_val))
    trained(kind, few, classifier)  # what is made once is made
    with no_collector():
        data = weakref.ref(few[0])
        model = trained(kind, few, classifier)
        del few
        assert data() is None
        store = weakref.ref(getattr(model, "generator", model).store)
        del model
        assert store() is None


def test_packed_weights_go_with_their_model():
    x = np.random.default_rng(0).random((2, 1, 28, 28), np.float32)
    before = len(_packing_cache._cache)
    with no_collector():
        models = [sd.models.ModelA(seed=seed) for seed in range(3)]
        answers = [model.logits(x) for model in models]
        assert len(_packing_cache._cache) == before + 3
        assert [model.logits(x).tobytes() for model in models] == [a.tobytes() for a in answers]
        models[0].store.data[:] = models[1].store.data
        assert models[0].logits(x).tobytes() == answers[1].tobytes()
        del models
        assert len(_packing_cache._cache) == before


@pytest.mark.parametrize("job", ("plan", "attack", "fit"))
def test_buffers_go_with_what_recorded_them(few_images, job):
    """A plan's buffers hold no cycle that only the collector would find."""
    model, (x, y) = sd.models.ModelB(), few_images
    made = []

    def work():
        if job == "plan":
            sd.Plan(model.network, [model.store])(x)
        elif job == "attack":
            sd.attacks.PGD(model, steps=3)(x)
        else:
            model.fit(x, y, x, y, epochs=1, batch_size=8, progress=False)

    original = Memory.__init__

    def noted(self, block, array, free):
        original(self, block, array, free)
        made.append(weakref.ref(array))

    with pytest.MonkeyPatch.context() as patch, no_collector():
        patch.setattr(Memory, "__init__", noted)
        work()
        assert made and not any(ref() is not None for ref in made)


@pytest.fixture
def few_images(glyphs):
    return glyphs.x_train[:24], glyphs.y_train[:24]
