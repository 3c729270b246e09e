"""A checkpoint of another training is refused; settings that cannot be stored are refused before the work."""
import types
from pathlib import Path

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import training
from sdpadv_np.errors import ArgumentError, FileError
from sdpadv_np.training import fingerprints

OLD = Path(__file__).parent.parent / "storage" / "old_files"
RNG = np.random.default_rng(0)
# those of old_files/checkpoint.h5
W, X, Y = RNG.standard_normal((4, 10)).astype(np.float32), RNG.random((8, 1, 2, 2)).astype(np.float32), np.arange(8)


@pytest.fixture(autouse=True)
def _nothing_to_compile(monkeypatch):
    monkeypatch.setenv("SDPADV_KERNEL", "numpy")


def foreign(W=W, noise=0.0):
    draw = np.random.default_rng(1)
    return sd.models.ExternalClassifier(
        lambda x: x.reshape(len(x), -1) @ W + noise * draw.standard_normal((len(x), 10)),
        lambda x, g: (g @ W.T).reshape(x.shape), image_shape=(1, 2, 2)
    )


def _model(data, checkpoint, seed=0, **_):
    return sd.models.ModelB(seed=seed).fit(*data, epochs=1, batch_size=8, checkpoint=checkpoint, progress=False)


def _distil(data, checkpoint, **_):
    x, y, x_val, y_val = data
    return sd.models.distil(
        x, np.eye(10, dtype=np.float32)[y], x_val, np.eye(10, dtype=np.float32)[y_val], epochs=1, batch_size=8,
        checkpoint=checkpoint, progress=False
    )


def _attack(kind):
    def fit(data, checkpoint, classifier=None):
        return kind(sd.models.ModelB() if classifier is None else classifier).fit(
            *data, epochs=1, batch_size=8, checkpoint=checkpoint, progress=False
        )

    return fit


def _black_box(data, checkpoint, classifier=None):
    attack = sd.attacks.BlackBoxSdpAdv(
        (sd.models.ModelB() if classifier is None else classifier).probabilities, substitute_epochs=1
    )
    return attack.fit(*data, epochs=1, batch_size=8, checkpoint=checkpoint, progress=False)


TASKS = {
    "classifier": _model, "distillation": _distil, "SdpAdv": _attack(sd.attacks.SdpAdv), "ATN": _attack(sd.attacks.ATN),
    "ConvAdvGAN": _attack(sd.attacks.ConvAdvGAN), "black box": _black_box
}


@pytest.mark.parametrize("name", TASKS)
def test_a_checkpoint_made_from_other_data_or_another_classifier_is_refused(tmp_path, glyphs, name):
    fit, d = TASKS[name], glyphs
    data = (d.x_train[:16], d.y_train[:16], d.x_val[:16], d.y_val[:16])
    fit(data, tmp_path / "c")
    others = {
        "set of training images": (data[0][::-1], *data[1:]),
        "set of training labels": (data[0], (data[1] + 1) % 10, *data[2:]),
        "set of validation images": (*data[:2], data[2][::-1], data[3]),
        "set of validation labels": (*data[:3], (data[3] + 1) % 10),
    }
    for what, other in others.items():
        if name == "distillation" and "labels" not in what:
            other = (other[0], data[1], other[2], data[3])
        message = f"was made with another {what} than now; resume with the same data"
        if name == "black box":
            message = "was made with another set of (training|validation) (images|labels)"
        with pytest.raises(FileError, match=message):
            fit(other, tmp_path / "c")
    if name not in ("classifier", "distillation"):
        other = sd.models.ModelB(seed=5)
        with pytest.raises(FileError, match="was made with another (classifier under attack|set of training labels)"):
            fit(data, tmp_path / "c", classifier=other)
    fit(data, tmp_path / "c")  # and its own goes on to be taken


def test_the_seed_of_a_models_weights_is_part_of_it(tmp_path, glyphs):
    d = glyphs
    data = (d.x_train[:16], d.y_train[:16], d.x_val[:16], d.y_val[:16])
    _model(data, tmp_path / "c")
    with pytest.raises(FileError, match="another seed of the initial weights"):
        _model(data, tmp_path / "c", seed=1)


def _atn(classifier, checkpoint, **options):
    return sd.attacks.ATN(classifier, hidden=(2,), target=1).fit(
        X, Y, X, Y, epochs=1, batch_size=4, checkpoint=checkpoint, progress=False, **options
    )


def test_a_classifier_without_weights_is_known_by_its_answers(tmp_path):
    _atn(foreign(), tmp_path / "c")
    _atn(foreign(W * (1 + 1e-6)), tmp_path / "c")  # the last bits may be another machine's
    with pytest.raises(FileError, match="another classifier under attack"):
        _atn(foreign(W[::-1].copy()), tmp_path / "c")


def test_one_whose_answers_differ_from_call_to_call_is_not_compared():
    for answer in (np.inf, np.nan):  # no file could hold them
        assert fingerprints.classifier_fingerprint(
            types.SimpleNamespace(logits=lambda x, a=answer: np.full((len(x), 10), a)), X
        ) == fingerprints.RANDOMISED
    assert fingerprints.classifier_fingerprint(foreign(noise=0.1), X) == fingerprints.RANDOMISED
    assert fingerprints.same(
        fingerprints.classifier_fingerprint(foreign(noise=1e-6), X), fingerprints.classifier_fingerprint(foreign(), X)
    )


@pytest.mark.parametrize(
    "one, other",
    [
        ([[1.0]], [[2.0]]), ([1.0], [[1.0]]), ([[1.0]], "a"), (["a"], [1.0]), (None, "a"), ([[1.0], []], [1.0]),
        (None, [1.0])
    ]
)
def test_what_a_file_may_hold_in_place_of_answers(one, other):
    assert not fingerprints.same(one, other) and not fingerprints.same(other, one)


def test_a_checkpoint_of_the_format_before_is_gone_on_with_and_said_to_be_unknown():
    with pytest.warns(UserWarning, match="checkpoint.h5: an older sdpadv-np made it and did not note from which data"):
        attack = _atn(foreign(), OLD / "checkpoint.h5")
    assert attack.generator.store.data.tobytes() == sd.load(OLD / "atn_generator.h5").store.data.tobytes()
    with pytest.raises(FileError, match="was made with hidden = .2., now it is .3."):
        sd.attacks.ATN(foreign(), hidden=(3,), target=1).fit(
            X, Y, X, Y, epochs=1, batch_size=4, checkpoint=OLD / "checkpoint.h5", progress=False
        )


def _odd_checkpoint(path, change):
    from sdpadv_np.storage import files

    _, arrays, attributes = files.read(path)
    change(arrays, attributes)
    files.write(path, "checkpoint", arrays, attributes)


@pytest.mark.parametrize("change, message", [
    (lambda arrays, a: a.pop("history"), "lacks history"),
    (lambda arrays, a: a.update(best_epoch=2), "its best epoch is 2 of 1 of 1"),
    (lambda arrays, a: a.update(history=a["history"] * 2), "its best epoch is 1 of 2 of 1"),
    (lambda arrays, a: arrays.pop("best"), r"best is nothing, expected float32\[22\]"),
    (lambda arrays, a: arrays.update(best=arrays["best"][:-1]), r"best is float32\[21\]"),
    (
        lambda arrays, a: arrays.update({"state/g/t": np.zeros(1, np.int64)}),
        r"state/g/t is int64\[1\], expected int64\[\]"
    ),
])
def test_an_odd_checkpoint_with_the_right_checksum(tmp_path, change, message):
    _atn(foreign(), tmp_path / "c")
    _odd_checkpoint(tmp_path / "c", change)
    with pytest.raises(FileError, match=message) as error:
        _atn(foreign(), tmp_path / "c")
    assert str(tmp_path / "c") in str(error.value)


def test_settings_that_no_file_can_hold_are_refused_before_the_first_step():
    class Task:
        title = "Job"

        def settings(self):
            return {"epochs": 1, "sizes": [1, {"target": np.int64(3)}]}

    with pytest.raises(ArgumentError, match=r"Job: sizes: 1: target is .*3.* \(int64\), which a file cannot hold"):
        training.train(Task())
