"""``--device``: the commands on a GPU, or on the stand-in for one."""
import json
import sys

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np.cli import main

SMALL = [
    "train", "--dataset", "glyphs", "--classifier-epochs", "1", "--epochs", "1", "--compare", "fgsm", "--device",
    "cuda",
]
pytestmark = pytest.mark.filterwarnings("ignore:the step cannot be captured")


def test_train_then_attack_and_evaluate(gpu, tmp_path, glyphs):
    run = tmp_path / "run"
    assert main([*SMALL, "--output", str(run)]) == 0
    record = json.loads((run / "metrics.json").read_text())
    assert record["parameters"]["device"] == "cuda"
    assert [r["attack"] for r in record["results"]] == ["no attack", "FGSM", "SdpAdv"]
    classifier, generator = sd.load(run / "classifier.h5"), sd.load(run / "generator.h5")
    assert isinstance(classifier.store.data, np.ndarray)
    assert classifier.accuracy(generator(glyphs.x_test), glyphs.y_test) == pytest.approx(
        record["results"][-1]["accuracy"], abs=1e-2,
    )

    np.save(tmp_path / "mine.npy", glyphs.x_test[:20])
    written = []
    for device in ("cpu", "cuda"):
        for name in ("pgd", str(run / "generator.h5")):
            out = tmp_path / f"{device}-{len(written)}"
            assert main(
                [
                    "attack", str(tmp_path / "mine.npy"), "--classifier", str(run / "classifier.h5"), "--attack", name,
                    "--device", device, "--output", str(out),
                ]
            ) == 0
            assert json.loads((out / "record.json").read_text())["parameters"]["device"] == device
            written.append(np.load(out / "adversarial.npy"))
    for here, there in zip(written[:2], written[2:]):
        assert np.median(np.abs(here - there)) < 1e-3
    out = tmp_path / "evaluated"
    assert main(
        [
            "evaluate", "--classifier", str(run / "classifier.h5"), "--attacks", "mim", str(run / "generator.h5"),
            "--dataset", "glyphs", "--limit", "30", "--device", "cuda", "--output", str(out),
        ]
    ) == 0
    assert json.loads((out / "evaluation.json").read_text())["parameters"]["device"] == "cuda"


def test_reproduce(gpu, tmp_path):
    command = [
        "reproduce", "table1", "--quick", "--dataset", "glyphs", "--limit", "30", "--epochs", "1",
        "--classifier-epochs", "1", "--cells", "SdAdv",
    ]
    command += ["--output", str(tmp_path / "o"), "--work", str(tmp_path / "w"), "--device", "cuda"]
    assert main(command) == 0
    cells = [json.loads(p.read_text()) for p in (tmp_path / "o").rglob("*.json") if "SdAdv" in p.name]
    assert cells and all(cell["settings"]["device"] == "cuda" for cell in cells)


@pytest.mark.parametrize("command", (SMALL, ["reproduce", "table1", "--quick", "--device", "cuda"]))
def test_without_cupy_it_says_so_at_once(command, monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert main([*command, "--output", str(tmp_path / "o")]) == 1
    assert "sdpadv: device cuda needs CuPy" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()
