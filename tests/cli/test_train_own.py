"""``sdpadv train --data own.npz --classifier own.h5``: a user's own images and network."""
import json

import numpy as np
import own
import pytest
from PIL import Image

import sdpadv_np as sd
from sdpadv_np.attacks.sdpadv_training import SdpAdvTraining
from sdpadv_np.cli import main

SHORT = ["--epochs", "2", "--classifier-epochs", "2", "--batch-size", "50"]
FILES = {
    "classifier.h5", "curves.png", "generator.h5", "history.csv", "metrics.json", "parameters.json", "pictures.png",
    "table.md",
    "table.txt",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Images, an untrained network and a trained one, as files."""
    folder = tmp_path_factory.mktemp("own")
    (x, y), (x_val, y_val) = own.images(200), own.images(100, seed=1)
    np.savez(folder / "own.npz", x_train=x, y_train=y, x_val=x_val, y_val=y_val, x_test=x_val[:50], y_test=y_val[:50])
    np.savez(folder / "short.npz", x=(x * 255).astype(np.uint8).transpose(0, 2, 3, 1), y=y)
    sd.save(own.network(), folder / "own.h5")
    sd.save(own.network().fit(x, y, x_val, y_val, epochs=3, progress=False), folder / "trained.h5")
    return folder


@pytest.fixture(scope="module")
def run(place):
    command = [
        "train", "--data", place / "own.npz", "--classifier", place / "own.h5", *SHORT, "--output", place / "run"
    ]
    assert main(list(map(str, command))) == 0
    return place / "run"


def train(*arguments) -> None:
    assert main(["train", *map(str, arguments)]) == 0


def line(capsys, *arguments):
    """The one line of error that a failing command prints."""
    assert main(["train", *map(str, arguments)]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("sdpadv: "), lines
    return lines[0]


def test_everything_is_in_the_run_folder(run, place):
    assert {f.name for f in run.iterdir() if f.is_file()} == FILES
    record, data = json.loads((run / "metrics.json").read_text()), sd.data.from_file(place / "own.npz")
    assert [r["attack"] for r in record["results"]] == ["no attack", "FGSM", "PGD", "MIM", "SdpAdv"]
    classifier, generator = sd.load(run / "classifier.h5"), sd.load(run / "generator.h5")
    assert len(classifier.history) == 2
    assert record["results"][0]["accuracy"] == classifier.accuracy(data.x_test, data.y_test)
    assert record["results"][-1]["accuracy"] == classifier.accuracy(generator(data.x_test), data.y_test)
    assert "paper" not in (run / "table.txt").read_text()
    with Image.open(run / "pictures.png") as picture:
        assert np.ptp(np.asarray(picture.convert("RGB")).astype(int), axis=2).max() > 60  # in colour


def test_interrupted_it_resumes_to_the_same_bits_from_another_folder(run, place, tmp_path, monkeypatch):
    step, count = SdpAdvTraining.step, [0]

    def interrupted(self, chosen, epoch):
        count[0] += 1
        if count[0] == 6:
            raise KeyboardInterrupt
        return step(self, chosen, epoch)

    monkeypatch.chdir(place)
    monkeypatch.setattr(SdpAdvTraining, "step", interrupted)
    command = ["train", "--data", "own.npz", "--classifier", "own.h5", *SHORT, "--output", str(tmp_path / "r")]
    assert main(command) == 130
    monkeypatch.undo()
    assert not (tmp_path / "r/generator.h5").exists()
    train("--resume", tmp_path / "r")
    for name in ("classifier.h5", "generator.h5"):
        assert sd.load(run / name).store.data.tobytes() == sd.load(tmp_path / "r" / name).store.data.tobytes()


def test_a_trained_network_is_used_as_it_is_and_kept(place, tmp_path, capsys):
    command = [
        "--data", place / "own.npz", "--classifier", place / "trained.h5", *SHORT, "--compare", "--method", "sdadv"
    ]
    train(*command, "--output", tmp_path / "r")
    assert "own: used as it is" in capsys.readouterr().out
    found, given = sd.load(tmp_path / "r/classifier.h5"), sd.load(place / "trained.h5")
    assert found.store.data.tobytes() == given.store.data.tobytes() and len(found.history) == 3
    assert sd.load(tmp_path / "r/generator.h5").settings["method"] == "SdAdv"


def test_untrained_weights_are_used_as_they_are_if_so_told(place, tmp_path):
    command = ["--data", place / "short.npz", "--classifier", place / "own.h5", "--compare", "--method", "advgan"]
    train(*command, "--epochs", "1", "--classifier-epochs", "0", "--output", tmp_path / "r")
    found, given = sd.load(tmp_path / "r/classifier.h5"), sd.load(place / "own.h5")
    assert found.store.data.tobytes() == given.store.data.tobytes() and not found.history


def test_model_b_trains_on_own_grey_images_and_not_through_the_cache(tmp_path, glyphs, capsys):
    np.savez(tmp_path / "grey.npz", x=glyphs.x_train[:300, 0], y=glyphs.y_train[:300])
    for folder in ("1", "2"):
        train("--data", tmp_path / "grey.npz", *SHORT, "--compare", "--output", tmp_path / folder)
    assert "reused" not in capsys.readouterr().out and "paper" not in (tmp_path / "1/table.txt").read_text()


def test_wrong_input_is_one_line(place, tmp_path, capsys):
    data, output = ["--data", place / "own.npz"], ["--output", tmp_path / "r"]
    assert "Model B takes images (1, 28, 28) of 10 classes, own has (3, 8, 8) of 7" in line(
        capsys, *data, "--output", tmp_path / "b"
    )
    assert "leave out --dataset, or --data" in line(capsys, *data, "--dataset", "glyphs", *output)
    assert "leave out --data-dir, or --data" in line(capsys, *data, "--data-dir", tmp_path, *output)
    assert "classifier_epochs is 0" in line(capsys, "--dataset", "glyphs", "--classifier-epochs", "0", *output)
    assert not (tmp_path / "r").exists()
    assert "nowhere.h5: cannot be read" in line(
        capsys, *data, "--classifier", tmp_path / "nowhere.h5", "--output", tmp_path / "n"
    )
    assert "is neither a npz nor an HDF5 file" in line(
        capsys, "--data", place / "run/table.txt", "--output", tmp_path / "t"
    )
