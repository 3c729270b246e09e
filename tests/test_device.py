"""Training, attacks, evaluation and files on a GPU or its stand-in: the CPU's results, without copies in between."""
import sys
import types

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import xp
from sdpadv_np.attacks import registry
from sdpadv_np.attacks.sdpadv_training import SdpAdvTraining
from sdpadv_np.errors import ArgumentError, TrainingError
from sdpadv_np.models.classifier import ClassifierTraining
from sdpadv_np.training import loop

FEW = {  # attacks without training, with few steps
    "FGSM": {}, "RFGSM": {}, "PGD": {"steps": 3}, "BIM": {"steps": 3}, "MIM": {"steps": 3}, "DeepFool": {"steps": 5},
    "STM": {"angle": (-30.0, 30.0, 2)}, "StAdv": {"evaluations": 4, "tau_steps": 2},
    "CarliniWagner": {"steps": 10, "search_steps": 2}, "SPSA": {"steps": 3, "samples": 8},
}
TRAINED = {"SdpAdv": {}, "SdAdv": {}, "AdvGAN": {}, "ATN": {"hidden": (32,)}, "ConvAdvGAN": {}}
pytestmark = pytest.mark.filterwarnings("ignore:the step cannot be captured")


def part(d, train=320, val=64):
    return d.x_train[:train], d.y_train[:train], d.x_val[:val], d.y_val[:val]


def rows(history):
    return [[v for k, v in row.items() if k != "seconds"] for row in history]


def on_gpu(classifier, tmp_path):
    sd.save(classifier, tmp_path / "f.h5")
    return sd.load(tmp_path / "f.h5", device="cuda")


@pytest.mark.parametrize("Model, train", ((sd.models.ModelB, 320), (sd.models.ModelA, 64)))
def test_a_classifier_is_trained_and_used_there(gpu, glyphs, Model, train, tmp_path):
    data = part(glyphs, train, 32)
    here, there = (Model(device=device).fit(*data, epochs=2, batch_size=32, progress=False) for device in xp.DEVICES)
    assert there.store.device == "cuda" and isinstance(there.store.data, gpu.cupy.ndarray)
    np.testing.assert_allclose(xp.to_numpy(there.store.data), here.store.data, rtol=gpu.rtol, atol=gpu.atol)
    np.testing.assert_allclose(rows(there.history), rows(here.history), rtol=gpu.rtol, atol=gpu.atol)
    assert all(type(v) in (int, float) for v in there.history[0].values())
    x = glyphs.x_test[:40]
    for images in (x, gpu.cupy.asarray(x)):
        z = there.logits(images)
        assert type(z) is type(images)
        np.testing.assert_allclose(xp.to_numpy(z), here.logits(x), rtol=gpu.rtol, atol=gpu.atol)
    y = glyphs.y_test[:40]
    assert there.accuracy(x, y) == here.accuracy(x, y) == there.accuracy(gpu.cupy.asarray(x), y)
    sd.save(there, tmp_path / "f.h5")
    loaded = sd.load(tmp_path / "f.h5")
    assert isinstance(loaded.store.data, np.ndarray) and loaded.history == there.history
    np.testing.assert_array_equal(loaded.store.data, xp.to_numpy(there.store.data))
    np.testing.assert_array_equal(xp.to_numpy(loaded.to("cuda").store.data), xp.to_numpy(there.to("cpu").store.data))


@pytest.mark.parametrize("name", TRAINED)
def test_an_attack_is_trained_and_used_there(gpu, glyphs, classifier, tmp_path, name):
    f, data = on_gpu(classifier, tmp_path), part(glyphs, 96, 32)
    attacks = [registry.find(name).make(c, **TRAINED[name]) for c in (classifier, f)]
    fitted = [attack.fit(*data, epochs=2, batch_size=32, progress=False) for attack in attacks]
    here, there = (a.generator for a in fitted)
    assert isinstance(there.store.data, gpu.cupy.ndarray)
    np.testing.assert_allclose(xp.to_numpy(there.store.data), here.store.data, rtol=gpu.rtol, atol=gpu.atol)
    np.testing.assert_allclose(rows(there.history), rows(here.history), rtol=gpu.rtol, atol=gpu.atol)
    x = glyphs.x_test[:20]
    for images in (x, gpu.cupy.asarray(x)):
        assert type(there(images)) is type(images)
        np.testing.assert_allclose(xp.to_numpy(there(images)), here(x), rtol=gpu.rtol, atol=gpu.atol)
    sd.save(fitted[1], tmp_path / "g.h5")
    np.testing.assert_array_equal(sd.load(tmp_path / "g.h5").store.data, xp.to_numpy(there.store.data))
    result = sd.evaluate(f, fitted[1], x, glyphs.y_test[:20])
    want = sd.evaluate(classifier, fitted[0], x, glyphs.y_test[:20])
    assert result.accuracy == pytest.approx(want.accuracy, abs=0.051)


def test_intermediate_results_have_the_kind_of_the_given_array(gpu, rng):
    here, x = sd.models.Generator(eps=0.3, image_shape=(1, 8, 8)), rng.random((3, 1, 8, 8), np.float32)
    here.store.data += 0.1 * rng.standard_normal(here.store.data.size).astype(np.float32)
    there = here.to("cuda")
    for images in (x, gpu.cupy.asarray(x)):
        got, want = there.distort(images), here.distort(x)
        assert type(got.x_a) is type(images) and got.eps == want.eps
        for a, b in zip(got[:-1], want[:-1], strict=True):
            np.testing.assert_allclose(xp.to_numpy(a), b, rtol=gpu.rtol, atol=gpu.atol)


def tasks(d, classifier, device):
    data = part(d, 320, 32)
    yield ClassifierTraining(sd.models.ModelB(device=device), *data, 4, 32, 1e-3, 0)
    yield ClassifierTraining(sd.models.ModelA(device=device), *data, 4, 16, 1e-3, 0)
    for parameters in ({}, {"gan_loss": "minimax", "projection": "l2"}, {"target": 3, "objective": "cross_entropy"}):
        yield SdpAdvTraining(sd.attacks.SdpAdv(classifier, **parameters), *data, 4, 32)
    yield sd.attacks.ConvAdvGAN(classifier)._training(*data, 4, 16)
    yield sd.attacks.ATN(classifier, hidden=(32,))._training(*data, 4, 32)


@pytest.mark.parametrize("number", range(7))
def test_nothing_is_copied_within_a_step(gpu, glyphs, classifier, tmp_path, number):
    """In neither direction, from the third step on: by then it is recorded, compared and captured."""
    f = on_gpu(classifier, tmp_path)
    (here, there) = (list(tasks(glyphs, c, device))[number] for c, device in ((classifier, "cpu"), (f, "cuda")))
    order = np.random.default_rng(0).permutation(320)
    moved = gpu.cupy.asarray(order)
    for k in range(6):
        chosen = slice(16 * k, 16 * k + 16)
        want = here.step(order[chosen], k // 2)
        if k < 2:
            got = there.step(moved[chosen], k // 2)
        else:
            with gpu.without_transfers():
                got = there.step(moved[chosen], k // 2)
        assert all(isinstance(v, gpu.cupy.ndarray) and v.ndim == 0 for v in got.values())
        got, want = ([float(v) for v in figures.values()] for figures in (got, want))
        np.testing.assert_allclose(got, want, rtol=gpu.rtol, atol=gpu.atol)
    assert all(tape.graph is not None for tape in there.plan._tapes.values())
    for name, array in there.state().items():
        np.testing.assert_allclose(xp.to_numpy(array), here.state()[name], rtol=gpu.rtol, atol=gpu.atol, err_msg=name)


def test_losses_are_fetched_every_twenty_steps(stand_in, glyphs):
    f = sd.models.ModelB(device="cuda")
    f.fit(*part(glyphs, 320), epochs=1, batch_size=8, progress=False)  # 40 steps
    counted = len([t for t in stand_in.cupy.transfers if t == "get()"])
    f = sd.models.ModelB(device="cuda")
    f.fit(*part(glyphs, 320), epochs=1, batch_size=4, progress=False)  # 80 steps
    assert len([t for t in stand_in.cupy.transfers if t == "get()"]) - counted == counted + 2


@pytest.mark.parametrize("device", xp.DEVICES)
def test_a_loss_that_is_not_finite_is_reported_with_its_step(stand_in, device):
    module, seen = xp.on(device), loop.LossSums("Model B", 3)
    with pytest.raises(TrainingError, match="Model B: L_D is nan in epoch 3, step 24; lower the learning rate"):
        for step in range(1, 41):
            loss = np.nan if step == 24 else step
            seen.add({"loss": module.full((), 0.5, np.float32), "L_D": module.full((), loss, np.float32)})
    assert seen.sums == {"loss": 12.0, "L_D": 276.0}
    assert seen.step == 24


def test_a_checkpoint_is_resumed_there_and_here(gpu, glyphs, tmp_path):
    data, path = part(glyphs), tmp_path / "c.h5"
    whole = sd.models.ModelB(device="cuda").fit(*data, epochs=3, batch_size=64, progress=False)

    class Stop(Exception):
        pass

    original, count = ClassifierTraining.validate, []

    def validate(self):
        count.append(1)
        if len(count) == 2:
            raise Stop
        return original(self)

    ClassifierTraining.validate = validate
    try:
        with pytest.raises(Stop):
            sd.models.ModelB(device="cuda").fit(*data, epochs=3, batch_size=64, progress=False, checkpoint=path)
    finally:
        ClassifierTraining.validate = original
    copy = tmp_path / "copy.h5"
    copy.write_bytes(path.read_bytes())
    for device, checkpoint in (("cuda", path), ("cpu", copy)):
        resumed = sd.models.ModelB(device=device)
        resumed.fit(*data, epochs=3, batch_size=64, progress=False, checkpoint=checkpoint)
        got, want = (xp.to_numpy(model.store.data) for model in (resumed, whole))
        np.testing.assert_allclose(got, want, rtol=gpu.rtol, atol=gpu.atol)


@pytest.mark.parametrize("targeted", (False, True))
@pytest.mark.parametrize("name", FEW)
def test_attacks_return_the_kind_of_array_they_are_given(gpu, glyphs, classifier, tmp_path, name, targeted):
    if targeted and name == "DeepFool":
        pytest.skip("DeepFool has no targeted form")
    f, x, y = on_gpu(classifier, tmp_path), glyphs.x_test[:6], glyphs.y_test[:6]
    targets = (y + 1) % 10 if targeted else None
    want = getattr(sd.attacks, name)(classifier, batch_size=4, **FEW[name])(x, y, targets, progress=False)
    for c in (classifier, f):
        for images in (x, gpu.cupy.asarray(x)):
            attack = getattr(sd.attacks, name)(c, batch_size=4, **FEW[name])
            got = attack(images, y, targets, progress=False)
            assert type(got) is type(images) and got.dtype == np.float32
            apart = np.abs(xp.to_numpy(got) - want).max(axis=(1, 2, 3))
            # on a GPU signs of tiny gradients, and choices between equals, differ
            assert np.median(apart) < 2e-3, apart


def test_evaluation_takes_arrays_of_both_kinds(gpu, glyphs, classifier, tmp_path):
    from sdpadv_np.evaluation import distortion

    f, x, y = on_gpu(classifier, tmp_path), glyphs.x_test[:20], glyphs.y_test[:20]
    kinds = [(c, images) for c in (classifier, f) for images in (x, gpu.cupy.asarray(x))]
    results = [sd.evaluate(c, sd.attacks.FGSM(c, eps=0.1), images, y).as_dict() for c, images in kinds]
    for result in results:
        assert all(type(v) in (int, float) for v in result.values())
        got, want = ({k: v for k, v in r.items() if k != "seconds_per_100"} for r in (result, results[0]))
        assert got == pytest.approx(want, rel=1e-3, abs=1e-6)
    for attack in (sd.attacks.STM(f, angle=(-30.0, 30.0, 2)), sd.attacks.StAdv(f, evaluations=3), sd.attacks.SdpAdv(f)):
        assert distortion.mean_distortion(attack, x[:3]) == pytest.approx(
            distortion.mean_distortion(attack, gpu.cupy.asarray(x[:3])), rel=1e-3, abs=1e-3,
        )
    still = sd.models.Generator(spatial=False, device="cuda")
    assert [type(still.theta(a)) for a in (x, gpu.cupy.asarray(x))] == [np.ndarray, gpu.cupy.ndarray]


def test_pictures_of_a_generator_on_the_gpu(gpu, glyphs):
    from sdpadv_np.evaluation import figures

    rows = figures.steps(sd.models.Generator(device="cuda"), glyphs.x_test[:3])
    assert rows[1][0] == "distorted $x_T$" and all(isinstance(images, np.ndarray) for _, images in rows)


@pytest.mark.parametrize("make", (
    lambda: sd.models.ModelB(device="cuda"), lambda: sd.models.Generator(device="cuda"),
    lambda: sd.models.ModelB().to("cuda"), lambda: xp.on("cuda"),
))
def test_a_missing_library_or_gpu_is_named(make, monkeypatch):
    from cupy_stand_in import CuPy

    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(ArgumentError, match=r"needs CuPy.*pip install 'sdpadv-np\[cuda13\]'.*or use device cpu"):
        make()
    monkeypatch.setitem(sys.modules, "cupy", CuPy(device=False))
    with pytest.raises(ArgumentError, match="CuPy finds no GPU; look at the driver"):
        make()


def test_there_is_no_other_device():
    with pytest.raises(ArgumentError, match="device is 'gpu'; choose one of cpu, cuda"):
        sd.models.ModelB(device="gpu")


def test_external_classifiers_get_the_kind_of_array_that_is_given(gpu, glyphs, rng):
    W = rng.standard_normal((784, 10)).astype(np.float32)
    there = gpu.cupy.asarray(W)
    weights = types.SimpleNamespace(of=lambda x: there if isinstance(x, gpu.cupy.ndarray) else W)
    foreign = sd.models.ExternalClassifier(
        lambda x: x.reshape(len(x), -1) @ weights.of(x), lambda x, g: (g @ weights.of(x).T).reshape(x.shape),
    )
    for name in ("FGSM", "PGD"):
        got = [getattr(sd.attacks, name)(foreign)(x) for x in (glyphs.x_test[:4], gpu.cupy.asarray(glyphs.x_test[:4]))]
        assert isinstance(got[1], gpu.cupy.ndarray)
        np.testing.assert_allclose(got[0], xp.to_numpy(got[1]), atol=1e-5)
