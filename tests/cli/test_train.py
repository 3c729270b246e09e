"""The main job on the glyphs, as a user runs it."""
import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np.cli import main
from sdpadv_np.storage import files

SMALL = ["train", "--dataset", "glyphs", "--classifier-epochs", "2", "--epochs", "2"]
FILES = {
    "classifier.h5", "curves.png", "generator.h5", "history.csv", "metrics.json", "parameters.json", "pictures.png",
    "sdadv.h5", "table.md", "table.txt",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main([*SMALL, "--output", str(folder)]) == 0
    return folder


def test_everything_is_in_the_run_folder(run, capsys):
    assert {f.name for f in run.iterdir() if f.is_file()} == FILES
    record = json.loads((run / "metrics.json").read_text())
    assert [r["attack"] for r in record["results"]] == ["no attack", "FGSM", "PGD", "MIM", "SdAdv", "SdpAdv"]
    assert record["parameters"]["gamma"] == 0.3 and record["parameters"]["seed"] == 0
    assert record["trained"]["sdpadv"]["kappa"] == 2.0
    assert {"commit", "numpy", "processor", "sdpadv_np"} <= record["made"].keys()
    with open(run / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["training"] for r in rows] == ["Model B"] * 2 + ["SdpAdv"] * 2 + ["SdAdv"] * 2
    assert float(rows[2]["L_theta"]) > 0


def test_the_table_says_what_the_files_do(run, glyphs):
    results = {r["attack"]: r for r in json.loads((run / "metrics.json").read_text())["results"]}
    classifier, generator = sd.load(run / "classifier.h5"), sd.load(run / "generator.h5")
    assert classifier.accuracy(glyphs.x_test, glyphs.y_test) == results["no attack"]["accuracy"]
    assert classifier.accuracy(generator(glyphs.x_test), glyphs.y_test) == results["SdpAdv"]["accuracy"] < 0.5
    assert f"{results['SdpAdv']['accuracy']:.4f}" in (run / "table.txt").read_text()


def test_the_classifier_is_reused_and_it_is_said(run, tmp_path, capsys):
    assert main([*SMALL, "--compare", "--output", str(tmp_path / "again")]) == 0
    assert "Model B: reused from" in capsys.readouterr().out
    assert (tmp_path / "again/classifier.h5").read_bytes() == (run / "classifier.h5").read_bytes()
    assert sd.load(
        tmp_path / "again/generator.h5"
    ).store.data.tobytes() == sd.load(run / "generator.h5").store.data.tobytes()


def test_methods_and_comparisons(tmp_path, run):
    assert main(
        [
            *SMALL, "--method", "advgan", "--eps", "0.3", "--compare", "fgsm", "bim", "--labels", "true", "--output",
            str(tmp_path / "a"),
        ]
    ) == 0
    record = json.loads((tmp_path / "a/metrics.json").read_text())
    assert [(r["attack"], r["eps"]) for r in record["results"]] == [
        ("no attack", None), ("FGSM", 0.3), ("BIM", 0.3), ("AdvGAN", 0.3)
    ]
    assert main([*SMALL, "--eps", "0", "--compare", "--output", str(tmp_path / "b")]) == 0
    record = json.loads((tmp_path / "b/metrics.json").read_text())
    assert record["parameters"]["method"] == "sdadv" and record["results"][-1]["attack"] == "SdAdv"


def line(capsys, *arguments):
    """The one line of error that a failing command prints."""
    assert main(list(arguments)) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("sdpadv: "), lines
    return lines[0]


@pytest.mark.parametrize(
    "options, message",
    [
        (["--eps", "-0.1"], "eps is -0.1; it must be at least 0"), (["--eps", "nan"], "eps is nan"),
        (["--gamma", "-1"], "gamma is -1.0"),
        (["--kappa", "-3"], "kappa"), (["--epochs", "0"], "epochs is 0"), (["--batch-size", "0"], "batch_size is 0"),
        (["--seed", "-1"], "seed is -1"),
        (["--threads", "0"], "threads is 0"), (["--method", "advgan", "--eps", "2"], "eps is 2.0"),
    ],
)
def test_bad_values_are_noticed_before_anything_is_written(tmp_path, capsys, options, message):
    assert message in line(capsys, "train", "--dataset", "glyphs", *options, "--output", str(tmp_path / "r"))
    assert not (tmp_path / "r").exists()


def test_wrong_usage_exits_with_2(capsys):
    for arguments in (["train", "--eps", "a tenth"], ["train", "--objective", "hinge"], ["fly"], []):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 2


def test_folders_that_will_not_do(run, tmp_path, capsys):
    assert "holds a run already; go on with it by --resume" in line(capsys, *SMALL, "--output", str(run))
    (tmp_path / "file").write_text("")
    assert "cannot be written" in line(capsys, *SMALL, "--output", str(tmp_path / "file" / "run"))
    assert "is not a run folder" in line(capsys, "train", "--resume", str(tmp_path))
    assert "leave out --eps, or start a new run" in line(capsys, "train", "--resume", str(run), "--eps", "0.2")


def test_no_data_is_one_line_and_no_results(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SDPADV_DATA", str(tmp_path / "nowhere"))
    assert "has no idx file of mnist" in line(capsys, "train", "--output", str(tmp_path / "r"))
    assert [f.name for f in (tmp_path / "r").iterdir()] == ["parameters.json"]


def test_interruption_says_how_to_go_on_and_going_on_ends_the_same(run, tmp_path, capsys, monkeypatch):
    from sdpadv_np.attacks.sdpadv_training import SdpAdvTraining

    folder, original, count = tmp_path / "r", SdpAdvTraining.step, [0]

    def step(self, chosen, epoch):
        count[0] += 1
        if count[0] == 50:  # in the second of two epochs of 39 steps
            raise KeyboardInterrupt
        return original(self, chosen, epoch)

    monkeypatch.setattr(SdpAdvTraining, "step", step)
    assert main([*SMALL, "--output", str(folder)]) == 130
    assert f"go on with: sdpadv train --resume {folder}" in capsys.readouterr().err
    monkeypatch.undo()
    assert not (folder / "generator.h5").exists()
    assert main(["train", "--resume", str(folder)]) == 0
    same_results(run, folder)


def same_results(run, other):
    for name in ("classifier.h5", "generator.h5", "sdadv.h5"):
        assert sd.load(run / name).store.data.tobytes() == sd.load(other / name).store.data.tobytes(), name
    results = [
        [
            {
                k: v for k, v in r.items() if k != "seconds_per_100"
            } for r in json.loads((f / "metrics.json").read_text())["results"]
        ] for f in (run, other)
    ]
    assert results[0] == results[1]


def test_killed_at_any_moment_and_resumed_it_ends_with_the_same_bits(run, tmp_path):
    """kill -9 at growing times, with an empty cache, so that the classifier is trained too; see benchmarks/kills.py."""
    folder = tmp_path / "r"
    environment = {**os.environ, "SDPADV_CACHE": str(tmp_path / "cache")}
    command, kills, wait = [*SMALL, "--output", str(folder)], 0, 1.5
    while True:
        process = subprocess.Popen(
            [sys.executable, "-m", "sdpadv_np.cli", *command], env=environment, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            _, error = process.communicate(timeout=wait)
            assert process.returncode == 0, error.decode()
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills, wait = kills + 1, wait * 1.7
        if (folder / "parameters.json").exists():
            command = ["train", "--resume", str(folder)]
        time.sleep(0.01)
    assert kills >= 1
    same_results(run, folder)
    assert not list(folder.rglob("*.unfinished"))


def test_a_full_disk_in_mid_training(tmp_path):
    """No file over 200 kB can be written: parameters can, a checkpoint cannot."""
    import resource

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    environment = {**os.environ, "SDPADV_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "sdpadv_np.cli", *SMALL, "--output", str(tmp_path / "r")]
    done = subprocess.run(command, env=environment, preexec_fn=limit, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "File too large; make room or choose another folder" in done.stderr.splitlines()[-1], done.stderr
    assert [p.name for p in (tmp_path / "r").rglob("*") if p.is_file()] == ["parameters.json"]


def test_a_damaged_generator_in_the_run_folder_is_refused(run, tmp_path, capsys):
    import shutil

    shutil.copytree(run, tmp_path / "r")
    path = tmp_path / "r" / "generator.h5"
    path.write_bytes(path.read_bytes()[:5000])
    assert "generator.h5: is damaged or cut off" in line(capsys, "train", "--resume", str(tmp_path / "r"))


def test_a_damaged_cache_only_costs_time(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SDPADV_CACHE", str(tmp_path / "cache"))
    short = [*SMALL, "--epochs", "1", "--compare"]
    assert main([*short, "--output", str(tmp_path / "1")]) == 0
    (cached,) = (tmp_path / "cache/classifiers").iterdir()
    whole = cached.read_bytes()
    cached.write_bytes(whole[:-10])
    capsys.readouterr()
    assert main([*short, "--output", str(tmp_path / "2")]) == 0
    assert "Model B: not reused:" in capsys.readouterr().out
    assert np.array_equal(*(files.read(p)[1]["model_b/1/W"] for p in (cached, tmp_path / "1/classifier.h5")))


def test_data_command(capsys):
    assert main(["data", "glyphs"]) == 0
    assert capsys.readouterr().out.splitlines()[2].split()[:4] == ["glyphs", "train", "5000", "1"]
    assert "dataset is 'cifar'" in line(capsys, "data", "cifar")


@pytest.mark.parametrize("command", ("train", "data"))
def test_help_shows_defaults_and_an_example(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0 and "(default: " in text and f"  sdpadv {command}" in text.split("example")[1]
