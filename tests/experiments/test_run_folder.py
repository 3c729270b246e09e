"""What a run folder may hold: what its parameters say, and nothing else."""
import json
import types

import pytest

import sdpadv_np as sd
from sdpadv_np.attacks.amortised import AmortisedTraining
from sdpadv_np.cli import main, train
from sdpadv_np.errors import FileError
from sdpadv_np.experiments import Settings, reuse
from sdpadv_np.experiments.reuse import Files
from sdpadv_np.experiments.run_folder import RunFolder
from sdpadv_np.models.classifier import ClassifierTraining
from sdpadv_np.storage import folders

PARAMETERS = {
    "dataset": "glyphs", "data_dir": None, "data": None, "classifier": "B", "classifier_epochs": 4, "retrain": False,
    "method": "sdpadv", "eps": 0.1, "gamma": 0.3, "objective": "margin",
    "kappa": 2.0, "projection": "box", "convention": "half_pixel", "gan_loss": "nonsaturating", "epochs": 2,
    "batch_size": 128, "seed": 0, "device": "cpu", "threads": 1,
    "labels": "predicted", "compare": ["fgsm", "sdadv"],
}


def line(capsys, *arguments):
    """The one line of error that a failing command prints."""
    assert main(list(map(str, arguments))) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("sdpadv: "), lines
    return lines[0]


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "run"
    path.mkdir()
    (path / "parameters.json").write_text(json.dumps({"parameters": PARAMETERS}))
    return path


def rewrite(folder, **changes):
    kept = {name: value for name, value in {**PARAMETERS, **changes}.items() if value is not ...}
    (folder / "parameters.json").write_text(json.dumps({"parameters": kept}))


def test_parameters_come_back_as_they_were_written(folder):
    assert train.stored(folder) == PARAMETERS
    changed = {"eps": 0.3, "data_dir": "-a folder", "retrain": True, "compare": [], "seed": 7, "method": "advgan"}
    rewrite(folder, **changed)
    assert train.stored(folder) == PARAMETERS | changed
    rewrite(folder, eps=0.0, method="sdadv", compare=["fgsm"])
    assert train.stored(folder)["eps"] == 0.0


@pytest.mark.parametrize("name", ("kappa", "device", "labels", "gan_loss", "compare", "data"))
def test_what_an_older_run_did_not_store_is_the_default(folder, name):
    rewrite(folder, **{name: ...})
    default = {"compare": ["fgsm", "pgd", "mim", "sdadv"]}.get(name, PARAMETERS[name])
    assert train.stored(folder) == PARAMETERS | {name: default}


@pytest.mark.parametrize("changes, message", [
    ({"tau": 1}, "tau"), ({"resume": "x"}, "resume"), ({"help": True}, "help"),
    ({"eps": "0.1"}, "eps is '0.1'; expected 0.1"), ({"eps": "a tenth"}, "eps: invalid float value"),
    ({"eps": [0.1]}, "eps"),
    ({"seed": 1.5}, "seed: invalid int value"), ({"seed": -1}, "seed is -1"), ({"epochs": 0}, "epochs is 0"),
    ({"epochs": True}, "epochs"), ({"classifier": "Z"}, "classifier: invalid choice: 'Z'"),
    ({"compare": "fgsm"}, "compare"), ({"compare": ["fgsm", ["pgd"]]}, "invalid choice"),
    ({"compare": ["sdpadv"]}, r"compare is \['sdpadv'\]; expected \[\]"), ({"method": {}}, "method"),
    ({"eps": float("nan")}, "NaN is no number"), ({"dataset": None}, "dataset is None; expected 'mnist'"),
    ({"data_dir": 3}, "data_dir is 3"), ({"eps": 10**400}, "eps"),
    *(
        (
            {"compare": ["fgsm", option]}, f"compare: invalid choice: '{option}'"
        ) for option in ("--help", "-h", "--version", "--retrain", "--seed=0")
    ),
])
def test_odd_parameters_are_one_clear_error(folder, changes, message):
    rewrite(folder, **changes)
    with pytest.raises(FileError, match=message) as error:
        train.stored(folder)
    assert str(folder / "parameters.json") in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    ("", "[]", "3", '{"parameters": []}', '{"parameters": 3}', "{", "[" * 100_000, "\xff\xfe", '{"settings": {}}'),
)
def test_a_file_that_is_no_description_is_one_clear_error(folder, text, capsys):
    (folder / "parameters.json").write_bytes(text.encode("latin-1"))
    assert "parameters.json" in line(capsys, "train", "--resume", folder)


def test_a_folder_that_is_no_run_is_left_as_it_is(tmp_path, capsys):
    for name in (".notes.unfinished", "below/.notes.unfinished", ".sdpadv-ab12cd_x.unfinished"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "text").write_text("")
    before = sorted(tmp_path.rglob("*"))
    assert "is not a run folder" in line(capsys, "train", "--resume", tmp_path)
    assert sorted(tmp_path.rglob("*")) == before
    assert "is not a run folder" in line(capsys, "train", "--resume", tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_only_what_our_writers_left_is_removed_when_a_run_goes_on(folder):
    ours = [".sdpadv-ab12cd_x.unfinished", "checkpoints/.sdpadv-ab12cd_x.unfinished"]
    foreign = [".notes.unfinished", "checkpoints/.notes.unfinished", "below/.sdpadv-ab12cd_x.unfinished"]
    for name in (*ours, *foreign):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("")
    with RunFolder.resume(folder, train.stored(folder)) as run:
        assert run.parameters == PARAMETERS
        assert [name for name in (*ours, *foreign) if (folder / name).exists()] == foreign
    assert not (folder / folders.LOCK).exists()


def test_a_run_that_is_worked_in_is_refused(folder, capsys):
    with folders.locked(folder):
        assert "another sdpadv command is working in this folder" in line(capsys, "train", "--resume", folder)
        for command in (
            ["train", "--dataset", "glyphs"], ["attack", "x.npy", "--attack", "fgsm"],
            ["evaluate", "--classifier", "c.h5", "--attacks", "fgsm"],
        ):
            assert "another sdpadv command is working in this folder" in line(capsys, *command, "--output", folder)
    assert "holds a run already; go on with it by --resume" in line(
        capsys, "train", "--dataset", "glyphs", "--output", folder
    )


def test_a_cache_that_may_not_be_entered_is_no_hindrance(monkeypatch, tmp_path, glyphs):
    (tmp_path / "classifiers").mkdir(mode=0)
    path, said = tmp_path / "classifiers" / "model.h5", []
    # root may enter it
    monkeypatch.setattr(
        type(path), "exists", lambda path: (_ for _ in ()).throw(PermissionError(13, "Permission denied", str(path)))
    )
    monkeypatch.setattr(sd.models.ModelB, "fit", lambda self, *_, **__: self)
    new = sd.models.ModelB()
    assert reuse.trained(new, glyphs, 1, Settings(), Files(cache=path), said.append) is new
    assert said == [f"Model B: not reused: {path}: cannot be read: Permission denied"]


def verified(path, data, epochs, batch_size, seed):
    """Model B in the file, if it was trained so."""
    like = sd.models.ModelB()
    return reuse.verified(
        path, like, like.trained_by(data.x_train, data.y_train, data.x_val, data.y_val, epochs, batch_size, seed=seed)
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory, classifier, glyphs):
    """A classifier of four epochs and generators of one against it, as files."""
    folder, g = tmp_path_factory.mktemp("place"), glyphs
    few = types.SimpleNamespace(
        x_train=g.x_train[:300], y_train=g.y_train[:300], x_val=g.x_val[:50], y_val=g.y_val[:50]
    )
    sd.save(classifier, folder / "classifier.h5")
    for name, attack in (
        ("generator", sd.attacks.SdpAdv(classifier)), ("wide", sd.attacks.SdpAdv(classifier, eps=0.3)),
        ("advgan", sd.attacks.AdvGAN(classifier)),
    ):
        reuse.fitted(attack, few, 1, Settings(), Files(folder / f"{name}.h5"), print, False)
    sd.save(sd.models.ModelA(), folder / "untrained-A.h5")
    sd.save(sd.models.ModelB(), folder / "untrained-B.h5")
    sd.save(sd.models.Generator(), folder / "untrained-generator.h5")
    sd.save(
        sd.models.ModelB().fit(few.x_train, few.y_train, few.x_val, few.y_val, epochs=4, progress=False),
        folder / "few.h5",
    )
    return folder, few


@pytest.mark.parametrize("name, message", [
    ("untrained-A", "holds Model A, here it must be a trained Model B"),
    ("untrained-B", "never trained, here it must be a trained one"),
    ("few", "trained with count = 300, here it must be 5000"),
    ("generator", "holds a generator of SdpAdv, here it must be a trained Model B"),
])
def test_another_classifier_is_refused(place, glyphs, name, message):
    path = place[0] / f"{name}.h5"
    with pytest.raises(FileError, match=f"{path}: .*{message}; put the right file back, or remove it"):
        verified(path, glyphs, 4, 128, 0)


def test_the_right_classifier_is_taken_and_other_settings_are_named(place, glyphs, classifier, monkeypatch, tmp_path):
    path = place[0] / "classifier.h5"
    assert verified(path, glyphs, 4, 128, 0).store.data.tobytes() == classifier.store.data.tobytes()
    for settings, message in (
        ((5, 128, 0), "epochs = 4, here it must be 5"), ((4, 64, 0), "batch_size = 128"), ((4, 128, 1), "seed = 0")
    ):
        with pytest.raises(FileError, match=message):
            verified(path, glyphs, *settings)
    said = []
    found = reuse.trained(sd.models.ModelB(), glyphs, 4, Settings(), Files(cache=path), said.append)
    assert found.history and said == [f"Model B: reused from {path} (4 epochs, seed 0)"]
    other = tmp_path / "other.h5"
    other.write_bytes((place[0] / "untrained-A.h5").read_bytes())
    monkeypatch.setattr(sd.models.ModelB, "fit", lambda self, *_, **__: self)
    reuse.trained(sd.models.ModelB(), glyphs, 4, Settings(), Files(cache=other), said.append)
    assert "Model B: not reused" in said[1] and "holds Model A" in said[1]


@pytest.mark.parametrize("name, message", [
    ("wide", "trained with eps = 0.3, here it must be 0.1"),
    ("classifier", "holds Model B, here it must be a generator of SdpAdv"), ("untrained-generator", "never trained"),
    (
        "advgan",
        "trained with method = 'AdvGAN', here it must be 'SdpAdv'|trained with spatial = False, here it must be True",
    ),
])
def test_another_generator_is_refused(place, classifier, name, message):
    folder, few = place
    with pytest.raises(FileError, match=message):
        reuse.fitted(sd.attacks.SdpAdv(classifier), few, 1, Settings(), Files(folder / f"{name}.h5"), print, False)
    said = []
    attack = reuse.fitted(
        sd.attacks.SdpAdv(classifier), few, 1, Settings(), Files(folder / "generator.h5"), said.append
    )
    assert said == [f"SdpAdv: taken from {folder / 'generator.h5'}"] and attack.generator.history


def test_a_generator_against_another_classifier_is_refused(place, glyphs):
    folder, few = place
    other = sd.models.ModelB(seed=1).fit(few.x_train, few.y_train, few.x_val, few.y_val, epochs=1, progress=False)
    with pytest.raises(FileError, match="trained with classifier under attack = '.*', here it must be"):
        reuse.fitted(sd.attacks.SdpAdv(other), few, 1, Settings(), Files(folder / "generator.h5"), print, False)


@pytest.mark.parametrize("part, name", (("x_train", "training set"), ("x_val", "validation set")))
def test_a_classifier_of_another_data_set_is_refused(place, part, name):
    folder, few = place
    others = types.SimpleNamespace(x_train=few.x_train, y_train=few.y_train, x_val=few.x_val, y_val=few.y_val)
    verified(folder / "few.h5", others, 4, 128, 0)
    setattr(others, part, getattr(few, part)[::-1])
    with pytest.raises(FileError, match=f"trained with {name} = '.*', here it must be"):
        verified(folder / "few.h5", others, 4, 128, 0)


def test_a_training_that_broke_off_is_no_whole_one(place, tmp_path, monkeypatch):
    folder, few = place
    model, attack = sd.models.ModelB(), sd.attacks.SdpAdv(sd.load(folder / "few.h5"))
    for trained_one, task in ((model, ClassifierTraining), (attack, AmortisedTraining)):
        validate, done = task.validate, []

        def interrupted(self):
            done.append(1)
            if len(done) == 3:
                raise KeyboardInterrupt
            return validate(self)

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(task, "validate", interrupted)
            trained_one.fit(few.x_train, few.y_train, few.x_val, few.y_val, epochs=5, progress=False)
    sd.save(model, tmp_path / "c.h5")
    sd.save(attack, tmp_path / "g.h5")
    message = (
        "holds a training that broke off after epoch 2 of 5, here it must be a whole one; "
        "put the right file back, or remove it"
    )
    with pytest.raises(FileError, match=message):
        verified(tmp_path / "c.h5", few, 5, 128, 0)
    with pytest.raises(FileError, match=message):
        reuse.fitted(attack, few, 5, Settings(), Files(tmp_path / "g.h5"), print, False)


def test_exchanged_files_are_one_line(place, folder, capsys):
    for name, other in (("classifier", "generator"), ("generator", "classifier")):
        (folder / f"{name}.h5").write_bytes((place[0] / f"{other}.h5").read_bytes())
    assert "classifier.h5: holds a generator of SdpAdv, here it must be a trained Model B" in line(
        capsys, "train", "--resume", folder
    )
