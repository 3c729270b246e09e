"""``sdpadv attack`` and ``sdpadv evaluate`` with networks and colour images of one's own."""
import json

import numpy as np
import own
import pytest
from PIL import Image

import sdpadv_np as sd
from sdpadv_np.cli import main
from sdpadv_np.data import images


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A network for 3x8x8, seven classes, a generator trained against it, and images, as files."""
    folder = tmp_path_factory.mktemp("own")
    f, (x, y, x_val, y_val) = own.fitted()
    sd.save(f, folder / "own.h5")
    sd.save(
        sd.attacks.SdpAdv(f).fit(x, y, x_val, y_val, epochs=1, batch_size=32, progress=False), folder / "generator.h5"
    )
    pixels = np.round(x_val[:20] * 255).astype(np.uint8)
    np.savez(folder / "mine.npz", images=pixels, labels=y_val[:20])
    np.save(folder / "last.npy", pixels.transpose(0, 2, 3, 1))
    np.save(folder / "grey.npy", pixels[:, 0])
    np.savez(folder / "large.npz", x=np.zeros((2, 3, 9, 9), np.float32), y=np.zeros(2, int))
    np.savez(folder / "beyond.npz", x=pixels, y=np.full(20, 7))
    for kind in ("png", "jpg"):
        for number, (image, label) in enumerate(zip(pixels[:6].transpose(0, 2, 3, 1), y_val)):
            (folder / kind / str(label)).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / kind / str(label) / f"{number}.{kind}")
    return folder


def run(*arguments):
    assert main([str(a) for a in arguments]) == 0


@pytest.mark.parametrize("name", ("mine.npz", "last.npy", "png", "jpg"))
def test_attack(place, tmp_path, name):
    run(
        "attack",
        place / name,
        "--classifier",
        place / "own.h5",
        "--attack",
        "pgd",
        "--eps",
        0.1,
        "--output",
        tmp_path / "o",
    )
    f, given = sd.load(place / "own.h5"), images.load(place / name, image_shape=own.SHAPE)
    (written,) = (p for p in (tmp_path / "o").iterdir() if p.name.startswith("adversarial"))
    again = images.load(written, image_shape=own.SHAPE)
    np.testing.assert_array_equal(again.x, given.writable(sd.attacks.PGD(f, eps=0.1)(given.x)))
    assert again.layout == given.layout
    record = json.loads((tmp_path / "o/record.json").read_text())
    assert "8x8, 3 channels" in record["parameters"]["images"] and record["figures"]["linf"] <= 0.1 + 1e-6
    with Image.open(tmp_path / "o/pictures.png") as picture:
        assert picture.mode in ("RGB", "RGBA")


def test_a_generator_for_colour_images(place, tmp_path):
    run("attack", place / "mine.npz", "--attack", place / "generator.h5", "--output", tmp_path / "o")
    x = images.load(place / "mine.npz").x
    np.testing.assert_array_equal(images.load(tmp_path / "o/adversarial.npz").x, sd.load(place / "generator.h5")(x))
    assert json.loads((tmp_path / "o/record.json").read_text())["distortion"] is not None


def test_evaluate(place, tmp_path, capsys):
    run(
        "evaluate",
        "--classifier",
        place / "own.h5",
        "--attacks",
        "fgsm",
        place / "generator.h5",
        "--images",
        place / "mine.npz",
        "--eps",
        0.1,
        "--picture",
        "--output",
        tmp_path / "o",
    )
    f, given = sd.load(place / "own.h5"), images.load(place / "mine.npz")
    results = json.loads((tmp_path / "o/evaluation.json").read_text())["results"]
    assert results[0]["accuracy"] == f.accuracy(given.x, given.y)
    assert results[1]["accuracy"] == sd.evaluate(f, sd.attacks.FGSM(f, eps=0.1), given.x, given.y).accuracy
    assert len(list((tmp_path / "o").glob("pictures-*.png"))) == 2


def bad(place):
    c = ("--classifier", place / "own.h5")
    fgsm = (*c, "--attack", "fgsm")
    return [
        (
            ("attack", place / "grey.npy", *fgsm),
            r"grey.npy: x has shape \(20, 8, 8\); expected \(N, 3, 8, 8\) or \(N, 8, 8, 3\): the network .* colour",
        ),
        (
            ("attack", place / "large.npz", *fgsm),
            r"large.npz: x has shape \(2, 3, 9, 9\); .*bring them to 8x8 pixels and 3 channels",
        ),
        (("attack", place / "large.npz", "--attack", place / "generator.h5"), r"expected \(N, 3, 8, 8\)"),
        (
            ("attack", place / "beyond.npz", *fgsm),
            r"beyond.npz: y has labels from 7 to 7; expected 0 to 6: the classifier has 7 classes",
        ),
        (
            ("attack", place / "mine.npz", *fgsm, "--target", "7"),
            "--target is 7; the classifier has the classes 0 to 6",
        ),
        (
            ("evaluate", *c, "--attacks", "fgsm", "--dataset", "glyphs"),
            r"own.h5: takes images \(3, 8, 8\), glyphs has \(1, 28, 28\); give images of your own by --images",
        ),
        (
            ("evaluate", "--classifier", place / "b.h5", "--attacks", place / "generator.h5", "--dataset", "glyphs"),
            r"SdpAdv takes images \(3, 8, 8\), the classifier \(1, 28, 28\); give a generator that was trained against",
        ),
        (
            ("evaluate", "--classifier", place / "few.h5", "--attacks", "fgsm", "--dataset", "glyphs"),
            "glyphs: y has labels from 0 to 9; expected 0 to 6: the classifier has 7 classes",
        ),
    ]


@pytest.mark.parametrize("number", range(8))
def test_wrong_input_is_one_line_and_nothing_is_written(place, tmp_path, capsys, number):
    import re

    sd.save(sd.models.ModelB(), place / "b.h5")
    sd.save(own.network((1, 28, 28)), place / "few.h5")
    arguments, message = bad(place)[number]
    assert main([str(a) for a in (*arguments, "--output", tmp_path / "o")]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and re.search(message, lines[0]), lines
    assert not (tmp_path / "o").exists()


def test_without_pillow_other_files_still_work(place, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    assert (
        main(["attack", str(place / "png"), "--attack", str(place / "generator.h5"), "--output", str(tmp_path / "o")])
        == 1
    )
    assert "PNG and JPEG files need PIL" in capsys.readouterr().err
