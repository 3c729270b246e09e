"""A network of one's own does all that models A and B do."""
import copy
import pickle
import threading

import numpy as np
import own
import pytest

import sdpadv_np as sd
from sdpadv_np import Tensor
from sdpadv_np.attacks import registry
from sdpadv_np.errors import ArgumentError, BusyError, FileError
from sdpadv_np.models import ARCHITECTURES, Queries, distil

SMALL = {  # so that each attack takes a moment
    "carliniwagner": {"steps": 100, "lr": 0.05, "initial_c": 10.0, "search_steps": 2},
    "stadv": {"evaluations": 4, "tau_steps": 1},
    "spsa": {"steps": 3, "samples": 16},
    "deepfool": {"candidates": 3, "steps": 5},
    "blackboxsdpadv": {"substitute_epochs": 2},
}


@pytest.fixture(scope="module")
def trained():
    return own.fitted()


def test_it_learns_and_remembers_how(trained):
    f, (_, _, x_val, y_val) = trained
    assert f.accuracy(x_val, y_val) > 0.9 and f.predict(x_val).shape == y_val.shape
    np.testing.assert_allclose(f.probabilities(x_val).sum(axis=1), 1, rtol=1e-5)
    assert f.settings["architecture"] == f.description() and len(f.history) == 4
    np.testing.assert_array_equal(f.logits(x_val), f.logits(Tensor(x_val)).data)


def test_training_and_evaluation_differ(trained, rng):
    """Batch normalisation moves its running mean in training only; otherwise logits do not depend on the batch."""
    f, (x, *_) = trained
    before = f.store.data.copy()
    np.testing.assert_allclose(f.logits(x[:4]), f.logits(x[:64])[:4], rtol=1e-5, atol=1e-6)
    assert f.store.data.tobytes() == before.tobytes() and np.abs(f.store.tensors["own/1/mean"].data).max() > 0.01


def test_without_parameters_there_is_nothing_to_train():
    nothing = sd.models.Classifier([sd.nn.Flatten()], (3, 1, 1), 3)
    x, y = np.zeros((3, 3, 1, 1), np.float32), np.arange(3)
    with pytest.raises(ArgumentError, match="has no parameters to train; add a layer that has some, as Dense"):
        nothing.fit(x, y, x, y, progress=False)


def test_files_give_it_back(trained, tmp_path):
    f, (x, *_) = trained
    sd.save(f, tmp_path / "own.h5")
    g = sd.load(tmp_path / "own.h5")
    assert type(g) is sd.models.Classifier and repr(g) == repr(f)
    assert (g.name, g.image_shape, g.classes, g.settings, g.history) == (
        f.name,
        f.image_shape,
        f.classes,
        f.settings,
        f.history,
    )
    np.testing.assert_array_equal(g.logits(x[:9]), f.logits(x[:9]))
    sd.save(own.network(dtype=np.float64), tmp_path / "double.h5")
    assert sd.load(tmp_path / "double.h5").dtype == np.float64

    class Mine(sd.models.Classifier):
        pass

    with pytest.raises(ArgumentError, match="Mine is a subclass of Classifier"):
        sd.save(Mine(own.layers(), own.SHAPE, own.CLASSES), tmp_path / "mine.h5")


def test_copies_and_pickles_are_independent(trained):
    f, (x, *_) = trained
    for other in (copy.copy(f), copy.deepcopy(f), pickle.loads(pickle.dumps(f))):
        np.testing.assert_array_equal(other.logits(x[:5]), f.logits(x[:5]))
        other.store.data[:] = 0
        assert f.store.data.any()


def test_the_papers_models_are_such_descriptions():
    for kind in ARCHITECTURES.values():
        one = kind(seed=3)
        other = sd.models.Classifier(kind.layers_for((1, 28, 28), 10), (1, 28, 28), 10, name=one.name, seed=3)
        assert one.store.data.tobytes() == other.store.data.tobytes() and list(one.store.arrays()) == list(
            other.store.arrays()
        )
    assert "Dense(784, 200, activation='relu', init='fan_in')" in repr(sd.models.ModelB()) and "199,210" in repr(
        sd.models.ModelB()
    )


@pytest.mark.parametrize("seed", (0, 1))
def test_same_seed_same_bits(seed):
    x, y = own.images(64)

    def weights():
        return (
            own.network(seed=seed)
            .fit(x, y, x[:9], y[:9], epochs=1, batch_size=16, seed=seed, progress=False)
            .store.data.tobytes()
        )

    assert weights() == weights() != own.network(seed=seed).store.data.tobytes()


def test_a_training_goes_on_to_the_bit(tmp_path, monkeypatch):
    data = (*own.images(64), *own.images(20, seed=1))
    straight = own.network().fit(*data, epochs=3, batch_size=16, progress=False)
    interrupted = own.network()
    from sdpadv_np.models.classifier_training import ClassifierTraining

    original, count = ClassifierTraining.validate, []

    def validate(self):
        count.append(1)
        if len(count) == 3:
            raise KeyboardInterrupt
        return original(self)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ClassifierTraining, "validate", validate)
        interrupted.fit(*data, epochs=3, batch_size=16, checkpoint=tmp_path / "c.h5", progress=False)
    resumed = own.network().fit(*data, epochs=3, batch_size=16, checkpoint=tmp_path / "c.h5", progress=False)
    assert resumed.store.data.tobytes() == straight.store.data.tobytes()
    other = sd.models.Classifier(
        [*own.layers()[:1], sd.nn.BatchNorm(6, "tanh"), *own.layers()[2:]], own.SHAPE, own.CLASSES, "own"
    )
    with pytest.raises(FileError, match="was made with architecture"):
        other.fit(*data, epochs=3, batch_size=16, checkpoint=tmp_path / "c.h5", progress=False)


@pytest.mark.parametrize("name", registry.names())
def test_every_attack_works(name, trained):
    shape = (3, 24, 24) if name == "convadvgan" else own.SHAPE  # the least that its discriminator takes
    f, (x, y, x_val, y_val) = own.fitted(shape, epochs=2) if name == "convadvgan" else trained
    kind, before = registry.find(name), f.store.data.copy()
    attack = kind.make(f, **SMALL.get(name, {}))
    if kind.trained:
        attack.fit(x[:64], y[:64], x_val, y_val, epochs=1, batch_size=32, progress=False)
        assert attack.generator.image_shape == shape
    x_adv = attack(x_val[:16], y_val[:16])
    assert x_adv.shape == (16, *shape) and x_adv.dtype == np.float32 and x_adv.min() >= 0 and x_adv.max() <= 1
    assert (x_adv != x_val[:16]).any() and f.store.data.tobytes() == before.tobytes()
    assert 0 <= sd.evaluate(f, attack, x_val[:16], y_val[:16]).accuracy <= 1


@pytest.mark.parametrize("name", ("sdpadv", "atn"))
def test_generators_for_colour_images_are_files_like_others(name, trained, tmp_path):
    f, (x, y, x_val, y_val) = trained
    attack = registry.find(name).make(f).fit(x[:64], y[:64], x_val, y_val, epochs=1, progress=False)
    sd.save(attack, tmp_path / "generator.h5")
    generator = sd.load(tmp_path / "generator.h5")
    assert generator.image_shape == own.SHAPE
    np.testing.assert_array_equal(generator(x_val), attack(x_val))


def test_one_theta_moves_all_channels(rng):
    x = rng.random((2, 3, 8, 8), np.float32)
    g = sd.models.Generator(eps=0.0, image_shape=(3, 8, 8))
    g.store.tensors["h_sd/3/b" if "h_sd/3/b" in g.store.tensors else "h_sd/2/b"].data[2] += 0.2
    moved = g(x)
    assert g.theta(x).shape == (2, 6) and (moved != x).any()
    one = sd.models.Generator(eps=0.0, image_shape=(1, 8, 8))
    theta = g.theta(x)
    for channel in range(3):
        expected = sd.kernels.affine_sample.forward(x[:, channel : channel + 1], theta)
        np.testing.assert_allclose(moved[:, channel : channel + 1], np.clip(expected, 0, 1), atol=1e-6)
    assert one.image_shape == (1, 8, 8)


def test_distillation_into_and_from_networks_of_ones_own(trained):
    f, (x, _, x_val, _) = trained
    ask = Queries(f.probabilities, classes=own.CLASSES)
    student = own.network(seed=5)
    before = student.store.data.copy()
    g = distil(x, ask(x), x_val, ask(x_val), student, epochs=3, batch_size=32, lr=1e-2, progress=False)
    assert (g.predict(x_val) == f.predict(x_val)).mean() > 0.8 and student.store.data.tobytes() == before.tobytes()
    b = distil(x, ask(x), x_val, ask(x_val), "B", epochs=2, batch_size=32, progress=False)
    assert (b.image_shape, b.classes) == (own.SHAPE, own.CLASSES)
    with pytest.raises(ArgumentError, match="a kernel larger than its input"):
        distil(x, ask(x), x_val, ask(x_val), "A", epochs=1, progress=False)


def test_two_trainings_at_once_are_refused(trained):
    f = copy.copy(trained[0])
    x, y, x_val, y_val = trained[1]
    entered, leave, met = threading.Event(), threading.Event(), []

    def hold():
        with f.store.use.training():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait(10)
    for call in (
        lambda: f.fit(x, y, x_val, y_val, epochs=1, progress=False),
        lambda: sd.attacks.FGSM(f)(x[:2]),
        lambda: copy.copy(f),
    ):
        with pytest.raises(BusyError, match="own is being trained"):
            call()
        met.append(call)
    leave.set()
    thread.join()
    assert len(met) == 3


def test_shapes_and_classes_that_do_not_fit_are_told(trained, rng):
    f = trained[0]
    with pytest.raises(
        ArgumentError,
        match=r"x has shape \(2, 8, 8, 3\); expected \(N, 3, 8, 8\): .*: use x.transpose\(0, 3, 1, 2\)",
    ):
        f.logits(rng.random((2, 8, 8, 3), np.float32))
    with pytest.raises(ArgumentError, match="expected 0 to 6"):
        f.accuracy(rng.random((2, 3, 8, 8), np.float32), np.array([0, 7]))
