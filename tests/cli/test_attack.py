"""``sdpadv attack`` and ``sdpadv evaluate``, as a user runs them."""
import json
import re

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np.cli import main
from sdpadv_np.data import images


@pytest.fixture(scope="module")
def place(tmp_path_factory, classifier, glyphs):
    """A classifier, a trained generator and some images of the user's, as files."""
    folder = tmp_path_factory.mktemp("place")
    sd.save(classifier, folder / "classifier.h5")
    g = glyphs
    attack = sd.attacks.SdpAdv(classifier).fit(
        g.x_train[:1000], g.y_train[:1000], g.x_val[:200], g.y_val[:200], epochs=2, progress=False
    )
    sd.save(attack, folder / "generator.h5")
    x = np.round(g.x_test[:40, 0] * 255).astype(np.uint8)
    np.savez(folder / "mine.npz", images=x, labels=g.y_test[:40])
    np.save(folder / "mine.npy", x)
    np.save(folder / "y.npy", g.y_test[:40])
    return folder


def line(capsys, *arguments):
    """The one line of error that a failing command prints."""
    assert main([str(a) for a in arguments]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("sdpadv: "), lines
    return lines[0]


def run(*arguments):
    assert main([str(a) for a in arguments]) == 0


def test_by_name_it_is_the_librarys_attack(place, tmp_path, classifier, capsys):
    run(
        "attack",
        place / "mine.npz",
        "--classifier",
        place / "classifier.h5",
        "--attack",
        "pgd",
        "--eps",
        0.2,
        "--set",
        "steps=4",
        "random_start=false",
        "--output",
        tmp_path / "o",
    )
    given, written = images.load(place / "mine.npz"), images.load(tmp_path / "o/adversarial.npz")
    expected = sd.attacks.PGD(classifier, eps=0.2, steps=4, random_start=False)(given.x)
    assert (
        written.x.tobytes() == expected.tobytes() and written.y.tolist() == given.y.tolist() and written.layout == "NHW"
    )
    record = json.loads((tmp_path / "o/record.json").read_text())
    assert (
        record["parameters"]["steps"] == 4
        and record["parameters"]["labels"] == "predicted"
        and record["made"]["numpy"] == np.__version__
    )
    assert (
        record["figures"]["accuracy"] == classifier.accuracy(expected, given.y)
        and record["figures"]["measured against"] == "true labels"
    )
    assert record["figures"]["linf"] == pytest.approx(0.2, abs=1e-6) and record["distortion"] is None
    assert {p.name for p in (tmp_path / "o").iterdir()} == {"adversarial.npz", "record.json", "pictures.png"}
    assert "steps = 4" in capsys.readouterr().out


def test_a_generator_needs_no_classifier(place, tmp_path, capsys):
    run("attack", place / "mine.npy", "--attack", place / "generator.h5", "--output", tmp_path / "o")
    written = images.load(tmp_path / "o/adversarial.npy")
    assert written.x.tobytes() == sd.load(place / "generator.h5")(images.load(place / "mine.npy").x).tobytes()
    record = json.loads((tmp_path / "o/record.json").read_text())
    assert record["figures"].keys() == {"l2sq", "linf", "seconds", "count"} and record["distortion"]["shift"] > 0
    assert re.search(r"\ndistortion: \d+°, x \d+ %, y \d+ %, shear \d+°, [\d.]+ px\n", capsys.readouterr().out)
    assert record["parameters"]["classifier"] is None and record["parameters"]["kappa"] == 2.0


def test_labels_from_a_file_and_targets(place, tmp_path, classifier):
    common = ("attack", place / "mine.npy", "--classifier", place / "classifier.h5", "--attack", "fgsm", "--eps", 0.3)
    run(*common, "--labels", "true", "--true-labels", place / "y.npy", "--output", tmp_path / "true")
    run(*common, "--target", 3, "--output", tmp_path / "target")
    x = images.load(place / "mine.npy").x
    np.testing.assert_array_equal(
        images.load(tmp_path / "true/adversarial.npy").x,
        sd.attacks.FGSM(classifier, labels="true")(x, np.load(place / "y.npy")),
    )
    np.testing.assert_array_equal(
        images.load(tmp_path / "target/adversarial.npy").x, sd.attacks.FGSM(classifier)(x, targets=np.full(40, 3))
    )
    figures = json.loads((tmp_path / "target/record.json").read_text())["figures"]
    assert figures["measured against"] == "predicted labels" and 0 < figures["in target"] <= 1


def test_a_folder_of_pngs_is_measured_as_it_is_written(place, tmp_path, classifier):
    from PIL import Image

    given = images.load(place / "mine.npz")
    for i in range(6):
        (tmp_path / f"png/{given.y[i]}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.round(given.x[i, 0] * 255).astype(np.uint8)).save(tmp_path / f"png/{given.y[i]}/{i}.png")
    run(
        "attack",
        tmp_path / "png",
        "--classifier",
        place / "classifier.h5",
        "--attack",
        "fgsm",
        "--eps",
        0.123,
        "--output",
        tmp_path / "o",
    )
    before, after = images.load(tmp_path / "png"), images.load(tmp_path / "o/adversarial")
    assert after.names == before.names and after.y.tolist() == before.y.tolist()
    figures = json.loads((tmp_path / "o/record.json").read_text())["figures"]
    assert figures["linf"] == pytest.approx(round(0.123 * 255) / 255, abs=1e-6)
    assert figures["l2sq"] == pytest.approx(np.square(after.x - before.x).sum() / 6, rel=1e-5)


def test_nothing_is_overwritten(place, tmp_path, capsys):
    command = ("attack", place / "mine.npy", "--attack", place / "generator.h5", "--output", tmp_path / "o")
    run(*command)
    before = (tmp_path / "o/adversarial.npy").read_bytes()
    capsys.readouterr()
    assert "holds results already (record.json); choose another --output" in line(capsys, *command)
    assert (tmp_path / "o/adversarial.npy").read_bytes() == before


def bad(place):
    attack, c, g = ("attack", place / "mine.npy"), ("--classifier", place / "classifier.h5"), place / "generator.h5"
    return [
        ((*attack, "--attack", "fgsm"), "fgsm needs the classifier that it attacks: --classifier FILE"),
        ((*attack, "--attack", "fsgm", *c), "there is no attack 'fsgm'; choose one of"),
        ((*attack, "--attack", "sdpadv", *c), "sdpadv must be trained first; sdpadv train makes a generator.h5"),
        ((*attack, "--attack", "fgsm", *c, "--eps", "2"), "eps is 2.0; it must be at least 0 and at most 1"),
        ((*attack, "--attack", "fgsm", *c, "--set", "steps=3"), "FGSM has no parameter 'steps'; it has"),
        ((*attack, "--attack", "pgd", *c, "--set", "steps=three"), "steps is a whole number, not 'three'"),
        ((*attack, "--attack", "pgd", *c, "--set", "steps"), "give NAME=VALUE"),
        ((*attack, "--attack", g, "--eps", "0.2"), "eps=0.2: .*generator.h5 has no such parameter to set"),
        ((*attack, "--attack", g, "--target", "3"), "a trained generator has no targets"),
        ((*attack, "--attack", "fgsm", *c, "--target", "10"), "--target is 10; the classifier has the classes 0 to 9"),
        ((*attack, "--attack", "fgsm", *c, "--labels", "true"), 'labels="true" needs the labels'),
        ((*attack, "--attack", place / "classifier.h5"), "holds a classifier; as an attack give the generator.h5"),
        ((*attack, "--attack", "fgsm", "--classifier", g), "holds no classifier but a generator"),
        ((*attack, "--attack", place / "nothing.h5"), "nothing.h5: cannot be read: No such file"),
        ((*attack, "--attack", "fgsm", "--classifier", place / "mine.npy"), "mine.npy: was not written by sdpadv-np"),
        (("attack", place / "nothing.npy", "--attack", g), "nothing.npy: cannot be read: No such file"),
        (("attack", place / "y.npy", "--attack", g), "y.npy: x has dtype int64"),
        (("attack", place / "small.npy", "--attack", g), r"x has shape \(2, 5, 5\); expected \(N, 1, 28, 28\)"),
        (
            (*attack, "--attack", "fgsm", *c, "--true-labels", place / "mine.npy"),
            r"mine.npy: labels has shape \(40, 28, 28\)",
        ),
        ((*attack, "--attack", g, "--threads", "0"), "threads is 0"),
        (("evaluate", *c, "--attacks", "fgsm", "--images", place / "mine.npy"), "has no labels.*--true-labels FILE"),
        (("evaluate", *c, "--attacks", "fgsm", "--dataset", "glyphs", "--limit", "0"), "limit is 0"),
        (
            ("evaluate", *c, "--attacks", "fgsm", g, "--dataset", "glyphs", "--set", "steps=3"),
            "steps=3: fgsm, .*generator.h5 have no such parameter to set",
        ),
        (("evaluate", *c, "--attacks", "fgsm", "--dataset", "glyphs", "--eps", "-1"), "eps is -1.0"),
        (
            (*attack, "--attack", "fgsm", *c, "--target", 10**22),
            "--target is 1(0){22}; the classifier has the classes 0 to 9",
        ),
        ((*attack, "--attack", "fgsm", *c, "--target", "-1"), "--target is -1"),
        ((*attack, "--attack", g, "--seed", "3"), "seed=3: .*generator.h5 has no such parameter to set"),
        ((*attack, "--attack", "fgsm", *c, "--threads", 10**24), "threads is 1(0){24}; it must be at most 4096"),
        (
            (*attack, "--attack", "fgsm", *c, "--true-labels", place / "beyond.npy"),
            "beyond.npy: y has labels from 0 to 99; expected 0 to 9",
        ),
        (
            ("evaluate", *c, "--attacks", "fgsm", "--dataset", "glyphs", "--true-labels", place / "y.npy"),
            "--true-labels: a data set has its own",
        ),
        (
            (
                "evaluate",
                *c,
                "--attacks",
                "fgsm",
                "--images",
                place / "mine.npz",
                "--dataset",
                "mnist",
                "--data-dir",
                "x",
            ),
            "leave out --dataset and --data-dir, or --images",
        ),
        (("attack", "/proc/self/mem", "--attack", g), "/proc/self/mem: cannot be read: Input/output error"),
    ]


@pytest.mark.parametrize("number", range(32))
def test_wrong_input_is_one_line_and_nothing_is_written(place, tmp_path, capsys, number):
    import re

    np.save(place / "small.npy", np.full((2, 5, 5), 0.5))
    np.save(place / "beyond.npy", np.r_[:39, 99] * (np.arange(40) == 39))
    arguments, message = bad(place)[number]
    assert re.search(message, line(capsys, *arguments, "--output", tmp_path / "o"))
    assert not (tmp_path / "o").exists()


def test_evaluate_prints_what_evaluate_returns(place, tmp_path, classifier, glyphs, capsys):
    run(
        "evaluate",
        "--classifier",
        place / "classifier.h5",
        "--attacks",
        "fgsm",
        "mim",
        place / "generator.h5",
        "--dataset",
        "glyphs",
        "--limit",
        100,
        "--eps",
        0.1,
        "--set",
        "steps=2",
        "--picture",
        "--output",
        tmp_path / "o",
    )
    record = json.loads((tmp_path / "o/evaluation.json").read_text())
    assert [r["attack"] for r in record["results"]] == ["no attack", "FGSM", "MIM", "SdpAdv"]
    x, y = glyphs.x_test[:100], glyphs.y_test[:100]
    for result, attack in zip(
        record["results"][1:],
        (
            sd.attacks.FGSM(classifier, eps=0.1),
            sd.attacks.MIM(classifier, eps=0.1, steps=2),
            sd.load(place / "generator.h5"),
        ),
    ):
        expected = sd.evaluate(classifier, attack, x, y).as_dict()
        assert {k: result[k] for k in expected if k != "seconds_per_100"} == {
            k: v for k, v in expected.items() if k != "seconds_per_100"
        }
    assert record["results"][3]["distortion"]["scale_x"] > 0 and record["results"][1]["parameters"]["eps"] == 0.1
    text = capsys.readouterr().out
    assert (tmp_path / "o/table.txt").read_text().strip() in text and "px" in text
    assert len(list((tmp_path / "o").glob("pictures-*.png"))) == 3


def test_evaluate_on_the_users_images(place, tmp_path, classifier):
    run(
        "evaluate",
        "--classifier",
        place / "classifier.h5",
        "--attacks",
        place / "generator.h5",
        place / "generator.h5",
        "--images",
        place / "mine.npz",
        "--output",
        tmp_path / "o",
    )
    results = json.loads((tmp_path / "o/evaluation.json").read_text())["results"]
    given = images.load(place / "mine.npz")
    assert results[0]["accuracy"] == classifier.accuracy(given.x, given.y) and results[1]["count"] == 40
    assert "generator.h5" in results[1]["attack"]  # told apart


def test_interrupted(place, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sd.attacks.FGSM, "_attack", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    for command, said in (
        (("attack", place / "mine.npz", "--attack"), "no images were written"),
        (("evaluate", "--images", place / "mine.npz", "--attacks"), "no results were"),
    ):
        assert (
            main(
                [
                    str(a)
                    for a in (*command, "fgsm", "--classifier", place / "classifier.h5", "--output", tmp_path / "o")
                ]
            )
            == 130
        )
        assert said in capsys.readouterr().err and not (tmp_path / "o").exists()


def test_the_list_shows_every_attack_with_its_defaults(capsys):
    from sdpadv_np.attacks import registry

    with pytest.raises(SystemExit) as stop:
        main(["attack", "--list"])
    text = capsys.readouterr().out
    assert (
        stop.value.code == 0
        and all(f"{name}" in text for name in registry.names())
        and "decay=1.0" in text
        and "trained first" in text
    )


@pytest.mark.parametrize("command", ("attack", "evaluate", "reproduce"))
def test_help_shows_defaults_and_an_example(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0 and "(default: " in text and f"  sdpadv {command}" in text.split("example")[1]


@pytest.mark.parametrize(
    "arguments",
    (
        ("train", "--resume", ""),
        ("train", "--data-dir", ""),
        ("train", "--output", " "),
        ("attack", "", "--attack", "fgsm"),
        ("attack", "x.npy", "--attack", ""),
        ("attack", "x.npy", "--attack", "fgsm", "--classifier", ""),
        ("evaluate", "--classifier", "c.h5", "--attacks", "fgsm", "--images", ""),
        ("evaluate", "--classifier", "c.h5", "--attacks", "fgsm", "--true-labels", ""),
        ("reproduce", "table1", "--work", ""),
        ("bench", "affine", "--output", ""),
    ),
)
def test_an_empty_text_is_no_path(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    assert stop.value.code == 2 and capsys.readouterr().err.splitlines()[-1].endswith(
        ": is empty; give a name, or leave the option out"
    )
    assert not list(tmp_path.iterdir())


def test_a_kernel_that_there_is_not(monkeypatch, capsys):
    monkeypatch.setenv("SDPADV_KERNEL", "zzz")
    assert "SDPADV_KERNEL is 'zzz'; choose one of numpy, numba" in line(capsys, "attack", "x.npy", "--attack", "fgsm")


@pytest.mark.parametrize("radius", ("nan", "inf", "-1"))
def test_a_radius_that_is_none(radius, capsys, tmp_path):
    assert f"radius is {float(radius)}; it must be at least 0 and finite" in line(
        capsys, "bench", "affine", "--quick", f"--radius={radius}", "--output", tmp_path / "o"
    )
