"""``sd.experiments.run``: an experiment from the data to the table, in the library."""
import json
import re

import numpy as np
import own
import pytest

import sdpadv_np as sd
from sdpadv_np.attacks.sdpadv_training import SdpAdvTraining
from sdpadv_np.cli import main
from sdpadv_np.errors import ArgumentError, DataError, FileError

SMALL = {"epochs": 1, "classifier_epochs": 2, "limit": 100, "report": None}


@pytest.fixture(scope="module")
def results():
    return sd.experiments.run("glyphs", "B", ["fgsm", ("fgsm", {"eps": 0.1}), "sdpadv"], **SMALL)


def arrays(count=200):
    (x, y), (x_val, y_val) = own.images(count), own.images(100, seed=1)
    return {"x_train": x, "y_train": y, "x_val": x_val, "y_val": y_val, "x_test": x_val, "y_test": y_val}


def test_the_results_are_the_librarys(results, glyphs, capsys):
    x, y = glyphs.x_test[:100], glyphs.y_test[:100]
    f = sd.models.ModelB().fit(
        glyphs.x_train, glyphs.y_train, glyphs.x_val, glyphs.y_val, epochs=2, progress=False)
    assert results.classifier.store.data.tobytes() == f.store.data.tobytes()
    assert list(results.evaluations) == ["no attack", "FGSM", "FGSM 2", "SdpAdv"]
    assert results["FGSM"].accuracy == sd.evaluate(f, sd.attacks.FGSM(f), x, y).accuracy
    assert results["FGSM 2"].linf == pytest.approx(0.1)
    assert results.attack is results.attacks["SdpAdv"] and results["SdpAdv"].count == 100
    assert results["SdpAdv"].accuracy == f.accuracy(results.attack(x), y)
    assert len(results.histories["Model B"]) == 2 and len(results.histories["SdpAdv"]) == 1
    assert "paper" in str(results) and f"{results['SdpAdv'].accuracy:.4f}" in str(results)
    assert capsys.readouterr() == ("", "")


def test_seed_and_parameters_reach_the_attacks():
    described = sd.experiments.Experiment("glyphs", "B", (("pgd", {"eps": 0.1}),))
    assert described.describe()["attacks"] == (("pgd", {"eps": 0.1}),)
    results = sd.experiments.run(
        arrays(), own.network(), [("pgd", {"eps": 0.1}), ("rfgsm", {"seed": 5})], seed=3, **SMALL
    )
    assert results.attacks["PGD"].seed == 3 and results.attacks["PGD"].eps == 0.1 and results.attacks["RFGSM"].seed == 5


def test_own_data_and_an_own_network(tmp_path):
    network = own.network()
    before = network.store.data.copy()
    results = sd.experiments.run(arrays(), network, ["fgsm", "sdpadv"], **SMALL)
    assert not network.history and np.array_equal(network.store.data, before)
    assert len(results.classifier.history) == 2 and results.data.image_shape == own.SHAPE
    assert results.attack(results.data.x_test[:3]).shape == (3, *own.SHAPE)
    assert "paper" not in str(results)
    again = sd.experiments.run(results.data, results.classifier, ["sdpadv"], **SMALL)  # trained: used as it is
    assert again.classifier.store.data.tobytes() == results.classifier.store.data.tobytes()
    assert again.attack.generator.store.data.tobytes() == results.attack.generator.store.data.tobytes()
    as_it_is = sd.experiments.run(arrays(), network, ["fgsm"], **{**SMALL, "classifier_epochs": 0})
    assert np.array_equal(as_it_is.classifier.store.data, before)


def test_a_classifier_from_outside(tmp_path):
    data = arrays()
    W = np.random.default_rng(0).normal(size=(int(np.prod(own.SHAPE)), own.CLASSES)).astype(np.float32)
    mine = sd.models.ExternalClassifier(
        lambda x: x.reshape(len(x), -1) @ W, lambda x, g: (g @ W.T).reshape(x.shape), own.SHAPE, own.CLASSES)
    results = sd.experiments.run(data, mine, ["fgsm"], folder=tmp_path / "r", **SMALL)
    assert results.classifier is mine and results["FGSM"].linf > 0
    assert {p.name for p in (tmp_path / "r").iterdir()} == {
        "metrics.json", "parameters.json", "pictures.png", "table.md", "table.txt"}


def test_a_folder_holds_everything_and_an_interrupted_call_ends_with_the_same_bits(tmp_path, monkeypatch):
    network, step, count = own.network(), SdpAdvTraining.step, [0]

    def interrupted(self, chosen, epoch):
        count[0] += 1
        if count[0] == 7:
            raise KeyboardInterrupt
        return step(self, chosen, epoch)

    def run(folder, **changes):
        options = {**SMALL, "epochs": 3, "batch_size": 50, **changes}
        return sd.experiments.run(arrays(), network, ["sdadv", "sdpadv"], folder=tmp_path / folder, **options)

    whole = run("whole")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(SdpAdvTraining, "step", interrupted)
        run("broken")
    assert not (tmp_path / "broken/generator.h5").exists()
    again = run("broken")
    for name in ("classifier.h5", "generator.h5", "sdadv.h5"):
        one, other = (sd.load(tmp_path / folder / name).store.data.tobytes() for folder in ("whole", "broken"))
        assert one == other
    assert {
        n: e.accuracy for n, e in again.evaluations.items()
    } == {n: e.accuracy for n, e in whole.evaluations.items()}
    assert {p.name for p in (tmp_path / "whole").iterdir()} == {
        "checkpoints", "classifier.h5", "curves.png", "generator.h5", "history.csv", "metrics.json", "parameters.json",
        "pictures.png", "sdadv.h5", "table.md", "table.txt",
    }
    record = json.loads((tmp_path / "whole/metrics.json").read_text())
    assert [r["attack"] for r in record["results"]] == ["no attack", "SdAdv", "SdpAdv"]
    with pytest.raises(
        FileError, match="holds another experiment: its epochs is 3, now it is 4; choose another folder"
    ):
        run("whole", epochs=4)
    network.store.data[0] += 1
    with pytest.raises(FileError, match="holds another experiment: its classifier"):
        run("whole")


def test_run_folders_are_not_mixed_up(tmp_path, capsys):
    sd.experiments.run(arrays(), own.network(), ["fgsm"], folder=tmp_path / "r", **SMALL)
    assert main(["train", "--resume", str(tmp_path / "r")]) == 1
    assert "is not a run folder (parameters.json has no parameters)" in capsys.readouterr().err
    (tmp_path / "r/parameters.json").write_text('{"parameters": {}}')
    with pytest.raises(FileError, match="has no experiment.*give one that sd.experiments.run made"):
        sd.experiments.run(arrays(), own.network(), ["fgsm"], folder=tmp_path / "r", **SMALL)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/notes").write_text("")
    with pytest.raises(ArgumentError, match="is there already, with other files in it"):
        sd.experiments.run(arrays(), own.network(), ["fgsm"], folder=tmp_path / "other", **SMALL)


@pytest.mark.parametrize("arguments, options, message", [
    (("glyphs", "B", ["pdg"]), {}, "there is no attack 'pdg'"),
    (("glyphs", "B", []), {}, "attacks is empty"),
    (("glyphs", "B", [("fgsm", {"gamma": 1})]), {}, "fgsm has no parameter 'gamma'; it has"),
    (("glyphs", "B", [("sdpadv", {"eps": 2.0})]), {}, "eps is 2.0"),
    (("glyphs", "C", ["fgsm"]), {}, "classifier is 'C'; give 'A', 'B', a classifier, or the path of a file"),
    (("glyphs", "B"), {"epochs": 0}, "epochs is 0"),
    (("glyphs", "B"), {"classifier_epochs": 0}, "classifier_epochs is 0"),
    (("glyphs", "B"), {"limit": -1}, "limit is -1"), (("glyphs", "B"), {"seed": -1}, "seed is -1"),
    (("glyphs", "B"), {"batch_size": 0}, "batch_size is 0"), (("glyphs", "B"), {"device": "gpu"}, "device is 'gpu'"),
])
def test_wrong_parameters_are_refused_before_anything_is_trained(arguments, options, message, monkeypatch):
    monkeypatch.setattr(sd.models.ModelB, "fit", lambda *_, **__: pytest.fail("trained"))
    with pytest.raises(ArgumentError, match=re.escape(message)):
        sd.experiments.run(*arguments, **{"report": None, **options})


def test_what_does_not_fit_is_refused(tmp_path):
    with pytest.raises(
        ArgumentError, match=r"Model B takes images \(1, 28, 28\) of 10 classes, own has \(3, 8, 8\) of 7"
    ):
        sd.experiments.run(arrays(), "B", ["fgsm"], report=None)
    with pytest.raises(ArgumentError, match="give a network of your own that fits"):
        sd.experiments.run("glyphs", own.network(), ["fgsm"], report=None)
    with pytest.raises(FileError, match="nowhere.npz"):
        sd.experiments.run(tmp_path / "nowhere.npz", "B", ["fgsm"], report=None)
    with pytest.raises(DataError, match="has no training images"):
        sd.experiments.run({"z": np.zeros(3)}, "B", ["fgsm"], report=None)
    sd.save(sd.models.Generator(), tmp_path / "g.h5")
    with pytest.raises(FileError, match="holds no classifier but a generator"):
        sd.experiments.run("glyphs", tmp_path / "g.h5", ["fgsm"], report=None)
