"""``sdpadv reproduce`` on the glyphs with tiny trainings, as a user runs it."""
import json
import os
import signal
import subprocess
import sys
import time

import pytest

import sdpadv_np as sd
from sdpadv_np.cli import main
from sdpadv_np.evaluation import paper
from sdpadv_np.experiments import reproduction
from sdpadv_np.experiments.reproduction import cells, schedule, tables

TINY = ["--dataset", "glyphs", "--models", "B", "--epochs", "1", "--classifier-epochs", "1", "--limit", "60"]
FEW = ["--cells", "no-attack", "FGSM", "SdAdv-margin", "SdpAdv-eps0.1"]


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return str(tmp_path_factory.mktemp("work"))


@pytest.fixture(scope="module")
def done(work, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reproduce")
    assert main(["reproduce", "table1", *TINY, *FEW, "--output", str(folder), "--work", work]) == 0
    return folder


def records(folder):
    return {p.stem: json.loads(p.read_text()) for p in (folder / "cells").glob("[!.]*.json")}


def bits(folder):
    """All of the records but times and places."""
    kept = {}
    for name, record in records(folder).items():
        kept[name] = [
            record["settings"], record["distortion"],
            *({k: v for k, v in record[part].items() if k != "seconds_per_100"} for part in ("result", "hundred"))
        ]
    return kept


def test_each_cell_is_one_small_file_that_says_everything(done):
    found = records(done)
    assert set(found) == {
        "glyphs-B-no-attack", "glyphs-B-SdAdv-margin",
        *(f"glyphs-B-FGSM-eps0.{e}-{labels}" for e in (1, 2, 3) for labels in ("predicted", "true")),
        "glyphs-B-SdpAdv-eps0.1-margin", "glyphs-B-SdpAdv-eps0.1-cross_entropy",
    }
    record = found["glyphs-B-SdpAdv-eps0.1-margin"]
    assert record["settings"]["epochs"] == 1
    assert record["settings"]["parameters"]["kappa"] == 2.0 and record["settings"]["limit"] == 60
    assert record["seconds"]["cell"] >= record["seconds"]["training"] > 0
    assert {"commit", "processor"} <= record["made"].keys()
    assert found["glyphs-B-FGSM-eps0.1-true"]["settings"]["parameters"]["labels"] == "true"
    assert all(p.stat().st_size < 10_000 for p in done.rglob("*") if p.suffix == ".json" and p.parent.name == "cells")
    assert {p.name for p in done.iterdir()} == {"cells", "table1.txt", "table1.md", "table1.json"}  # no weights


def test_a_cell_is_what_the_library_measures(done, work, glyphs):
    from pathlib import Path

    (path,) = Path(work, "classifiers").iterdir()
    classifier = sd.load(path)
    x, y = glyphs.x_test[:60], glyphs.y_test[:60]
    expected = sd.evaluate(classifier, sd.attacks.FGSM(classifier, eps=0.2, labels="true"), x, y).as_dict()
    result = records(done)["glyphs-B-FGSM-eps0.2-true"]["result"]
    assert {k: v for k, v in result.items() if k != "seconds_per_100"} == {
        k: v for k, v in expected.items() if k != "seconds_per_100"
    }
    (generator,) = [sd.load(p) for p in Path(work, "generators").glob("*SdAdv*")]
    assert records(done)["glyphs-B-SdAdv-margin"]["result"]["accuracy"] == classifier.accuracy(generator(x), y)
    assert not list(Path(work, "checkpoints").iterdir())


def test_the_tables_show_the_cells(done):
    found, text = records(done), (done / "table1.txt").read_text()
    row = next(line.split() for line in text.splitlines() if line.startswith("FGSM") and "true labels" in line)
    assert row[3:] == [f"{found[f'glyphs-B-FGSM-eps0.{e}-true']['result']['accuracy']:.4f}" for e in (1, 2, 3)]
    assert next(line.split() for line in text.splitlines() if line.startswith("PGD"))[3:] == ["–"] * 3  # not computed
    markdown, stored = (done / "table1.md").read_text(), json.loads((done / "table1.json").read_text())
    assert "| SdAdv | margin |" in markdown and "seed: 0; " in markdown and "epochs: B 1; " in markdown
    assert len(stored["cells"]) == 10 and stored["parameters"]["epochs"] == {"B": 1}


def test_what_is_there_is_not_computed_again_and_more_is_added(done, work, tmp_path, capsys, monkeypatch):
    import shutil

    shutil.copytree(done, tmp_path / "r")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "r/cells").iterdir()}
    monkeypatch.setattr(sd.attacks.SdpAdv, "fit", lambda *_, **__: pytest.fail("trained again"))
    assert main(
        ["reproduce", "table1", *TINY, "--cells", "MIM-eps0.3", "--output", str(tmp_path / "r"), "--work", work]
    ) == 0
    out = capsys.readouterr().out
    order = [c["cell"] for c in json.loads((tmp_path / "r/table1.json").read_text())["cells"]]
    # the plan's, not that of computing
    assert order.index("glyphs-B-MIM-eps0.3-predicted") < order.index("glyphs-B-SdpAdv-eps0.1-margin")
    assert "10 of 12 cells are there already" in out
    assert "[11/12] glyphs-B-MIM-eps0.3-predicted: accuracy" in out and "1 cell left, " in out
    assert {p: p.stat().st_mtime_ns for p in before} == before
    # another target takes the cells they share, and the trained networks
    assert main(
        ["reproduce", "table3", *TINY, "--cells", "SdpAdv-eps0.1", "--output", str(tmp_path / "r"), "--work", work]
    ) == 0
    assert "L2sq, all" in (tmp_path / "r/table3.txt").read_text()


def test_an_attack_that_is_not_there_is_skipped_and_computed_when_it_is(work, tmp_path, capsys, monkeypatch):
    from sdpadv_np.attacks import registry

    command = [
        "reproduce", "table1", *TINY, "--cells", "MIM-eps0.1-true", "PGD-eps0.1-true", "--output", str(tmp_path),
        "--work", work,
    ]
    with monkeypatch.context() as patch:
        patch.delitem(registry._NAMES, "mim")
        assert main(command) == 0
    out = capsys.readouterr().out
    assert "skipped: this version has no attack MIM: glyphs-B-MIM-eps0.1-true\n" in out
    assert set(records(tmp_path)) == {"glyphs-B-PGD-eps0.1-true"}
    assert main(command) == 0
    assert "skipped" not in capsys.readouterr().out and len(records(tmp_path)) == 2


def test_killed_at_any_moment_the_same_command_ends_with_the_same_bits(done, tmp_path):
    """kill -9 again and again at growing times, in a work folder of its own so that everything is trained anew."""
    command = [
        sys.executable, "-m", "sdpadv_np.cli", "reproduce", "table1", *TINY, *FEW, "--output", str(tmp_path / "r"),
        "--work", str(tmp_path / "w"),
    ]
    kills, wait = 0, 1.5
    while True:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            _, error = process.communicate(timeout=wait)
            assert process.returncode == 0, error.decode()
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills, wait = kills + 1, wait * 1.3
        time.sleep(0.01)
    assert kills >= 1 and bits(tmp_path / "r") == bits(done)


def test_interrupted_in_a_training_it_says_how_to_go_on(done, tmp_path, capsys, monkeypatch):
    from sdpadv_np.attacks import sdpadv_training

    original, count = sdpadv_training.SdpAdvTraining.step, [0]

    def step(self, chosen, epoch):
        count[0] += 1
        if count[0] == 50:  # in the second training
            raise KeyboardInterrupt
        return original(self, chosen, epoch)

    command = ["reproduce", "table1", *TINY, *FEW, "--output", str(tmp_path / "r"), "--work", str(tmp_path / "w")]
    monkeypatch.setattr(sdpadv_training.SdpAdvTraining, "step", step)
    assert main(command) == 130
    kept = f"finished cells and epochs are kept in {tmp_path / 'r'} and {tmp_path / 'w'}; the same command goes on"
    assert kept in capsys.readouterr().err
    monkeypatch.undo()
    assert 0 < len(records(tmp_path / "r")) < 10
    assert main(command) == 0 and bits(tmp_path / "r") == bits(done)


def line(capsys, *arguments):
    """The one line of error that a failing command prints."""
    assert main([str(a) for a in arguments]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("sdpadv: "), lines
    return lines[0]


def test_a_folder_of_other_settings_or_a_damaged_cell_is_refused(done, work, tmp_path, capsys):
    import shutil

    shutil.copytree(done, tmp_path / "r")
    command = ["reproduce", "table1", *TINY, *FEW, "--output", str(tmp_path / "r"), "--work", work]
    for option, said in (
        (["--seed", "1"], "seed 0, now it is 1"), (["--limit", "50"], "limit 60, now it is 50"),
        (["--epochs", "2"], "epochs 1, now it is 2"),
    ):
        message = f"was computed with {said}; give the same options, choose another --output"
        assert message in line(capsys, *command, *option)
    path = tmp_path / "r/cells/glyphs-B-FGSM-eps0.1-true.json"
    path.write_text(path.read_text()[:100])
    assert "FGSM-eps0.1-true.json: is not JSON" in line(capsys, *command)


@pytest.mark.parametrize("options, message", [
    (["table1", "--epochs", "0"], "epochs is 0"), (["table1", "--limit", "-1"], "limit is -1"),
    (["table1", "--seed", "-1"], "seed is -1"), (["table1", "--threads", "0"], "threads is 0"),
    (
        ["table1", "--cells", "PDG", "--dataset", "glyphs"],
        "--cells PDG: no cell is called so; there are glyphs-A-no-attack",
    ),
    (["figure3", "--models", "A", "B"], "figure3: shows one model at a time"),
    (["transfer", "--models", "B"], "transfer: is between two models"),
    (["table1", "--data-dir", "/nowhere", "--models", "B"], "/nowhere: has no idx file of mnist"),
])
def test_wrong_input_is_one_line(tmp_path, capsys, options, message):
    assert message in line(capsys, "reproduce", *options, "--output", tmp_path / "r", "--work", tmp_path / "w")
    assert not (tmp_path / "r").exists()


def test_a_folder_that_cannot_be_written(work, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert "cannot be written" in line(
        capsys, "reproduce", "table1", *TINY, "--cells", "FGSM-eps0.1-true", "--output", tmp_path / "file" / "r",
        "--work", work,
    )


def test_pictures(done, work, tmp_path, capsys):
    from matplotlib import image

    for target in ("figure1", "figure3", "tradeoff"):
        cells_ = [
            "--cells", "no-attack", "PGD-eps0.3-predicted", "SdAdv-margin",
            "margin-kappa5" if target == "tradeoff" else "SdpAdv-eps0.1-margin",
        ]
        assert main(["reproduce", target, *TINY, *cells_, "--output", str(tmp_path), "--work", work]) == 0
        assert image.imread(tmp_path / f"{target}.png").std() > 0.05
        assert json.loads((tmp_path / f"{target}.json").read_text())["target"] == target


def test_transfer_measures_one_models_images_on_the_other(work, tmp_path, glyphs, monkeypatch):
    """With a small classifier in A's place: it is the bookkeeping that is looked at."""
    from sdpadv_np import models
    from sdpadv_np.storage import saving

    class Small(models.ModelB):
        architecture = "A"

    monkeypatch.setitem(models.ARCHITECTURES, "A", Small)
    classifiers = saving._KINDS["classifier"]
    monkeypatch.setitem(saving._KINDS, "classifier", classifiers._replace(types=(Small, *classifiers.types)))
    options = [*TINY[:2], *TINY[4:], "--models", "A", "B", "--cells", "no-attack", "FGSM-eps0.3-true"]
    assert main(
        ["reproduce", "transfer", *options, "--seed", "1", "--output", str(tmp_path), "--work", str(tmp_path / "w")]
    ) == 0
    found = records(tmp_path)
    assert {n.partition("glyphs-")[2] for n in found} == {
        "A-no-attack", "B-no-attack", "A-FGSM-eps0.3-true", "A-FGSM-eps0.3-true-on-B", "B-FGSM-eps0.3-true",
        "B-FGSM-eps0.3-true-on-A"}
    loaded = {p.name[7]: sd.load(p) for p in (tmp_path / "w/classifiers").iterdir()}
    x, y = glyphs.x_test[:60], glyphs.y_test[:60]
    x_adv = sd.attacks.FGSM(loaded["A"], eps=0.3, labels="true", seed=1)(x, y)
    assert found["glyphs-A-FGSM-eps0.3-true-on-B"]["result"]["accuracy"] == loaded["B"].accuracy(x_adv, y)
    assert "A on B" in (tmp_path / "transfer.txt").read_text()


def test_quick_is_small_and_what_is_given_counts(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(
        [
            "reproduce", "table2", "--quick", "--dataset", "glyphs", "--cells", "no-attack", "--limit", "30", "--work",
            str(tmp_path / "w"),
        ]
    ) == 0
    out = capsys.readouterr().out
    assert "epochs = B 2" in out and "limit = 30" in out and "models = B" in out
    assert (tmp_path / "runs/reproduce-quick/table2.txt").exists()


def test_the_plans_are_the_papers():
    table = cells.of_table("mnist", ("A", "B"))
    assert len(table) == len({c.name for c in table}) == 2 * (1 + 3 * 2 + 5 * 3 * 2)
    for cell in table:  # every cell has the paper's figure beside it
        assert paper.accuracy(cell.dataset, cell.model, cell.attack, cell.eps) is not None
    for cell in cells.of_table_3(("mnist", "fashion-mnist"), "A"):
        if cell.attack != paper.CLEAN:
            assert paper.l2sq(cell.dataset, cell.attack, cell.eps)
            assert paper.seconds(cell.dataset, cell.attack, cell.eps)
    assert set(cells.of_table_3(("mnist",), "A")) <= set(table)  # computed once
    assert set(cells.of_figure("mnist", "A", {*cells.DEMONSTRATION, *cells.SAMPLES}).values()) <= set(table)


def test_the_sweeps_defaults_are_the_attacks():
    names = {c.name for c in cells.of_table("mnist", ("B",))}
    for curve, swept in cells.of_tradeoff("mnist", "B").items():
        if curve.startswith("SdpAdv over"):
            assert "mnist-B-SdpAdv-eps0.1-margin" in {c.name for c in swept} & names
    attack = sd.attacks.SdpAdv(None)
    assert (attack.gamma, attack.kappa, attack.alpha) == tuple(cells.STANDARD[k] for k in ("gamma", "kappa", "alpha"))


def test_the_papers_layout_has_the_papers_figures():
    record = {"result": {"accuracy": 0.5}}
    above, below = tables.in_the_papers_layout(
        "mnist", "A", {cells.Cell("mnist", "A", "PGD", (("eps", 0.2), ("labels", "true"))): record}
    )
    assert ("STM", "predicted labels", "–", "0.4959") in above.rows
    assert ("PGD", "true labels", "–", "0.4239", "0.5000", "0.0128", "–", "0.0059") in below.rows
    tables_groups = (*tables.GROUPS, ("Adv-Critic", (0.3,)))  # a defended column is one more group
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "GROUPS", tables_groups)
        _, below = tables.in_the_papers_layout("mnist", "A", {})
    assert below.rows[0][-2:] == ("–", "0.3595") and below.columns[-2:] == ("Adv-Critic, eps 0.3", "paper")


def test_time_left_goes_by_the_cells_most_alike():
    def record(seconds):
        return {"seconds": {"cell": seconds}}

    pgd = [cells.Cell("mnist", "B", "PGD", (("eps", e),)) for e in (0.1, 0.2, 0.3)]
    mim, sdpadv = cells.Cell("mnist", "B", "MIM"), cells.Cell("mnist", "B", "SdpAdv")
    assert schedule.time_left(
        pgd[2:], {pgd[0]: record(10), pgd[1]: record(20), sdpadv: record(900)}
    ) == "1 cell left, 15 s"
    # not trained either
    assert schedule.time_left([mim], {pgd[0]: record(10), sdpadv: record(900)}) == "1 cell left, 10 s"
    assert schedule.time_left([sdpadv], {pgd[0]: record(10)}) == "1 cell left, 0 s and 1 of a kind not met yet"
    assert schedule.time_left([], {}) == "done"


MEASURED = {
    "accuracy": 0.5, "clean_accuracy": 1.0, "success_rate": 0.5, "l2sq": 1.0, "linf": 0.1, "seconds_per_100": 0.2,
    "count": 10_000,
}
RECORD = {
    "settings": {"seed": 0}, "result": MEASURED, "hundred": MEASURED | {"count": 100}, "distortion": None,
    "seconds": {"training": 0.0, "attack": 1.0, "cell": 1.0}, "threads": 1, "made": {},
}


def test_store_keeps_whole_files_only(tmp_path):
    store, cell = reproduction.Store(tmp_path), cells.Cell("mnist", "B")
    assert store.read(cell, {"seed": 0}) is None
    store.write(cell, RECORD)
    assert store.read(cell, {"seed": 0}) == RECORD
    with pytest.raises(sd.Error, match="was computed with seed 0, now it is 3"):
        store.read(cell, {"seed": 3})
    store.write(cell, RECORD | {"settings": {"parameters": {"kappa": 2.0}}})
    with pytest.raises(sd.Error, match="was computed with parameter tau absent, now it is None"):
        store.read(cell, {"parameters": {"kappa": 2.0, "tau": None}})


@pytest.mark.parametrize("text, message", [
    ("[]", "expected an object"), ("7", "expected an object"), ("[" * 100_000, "lists within lists"),
    (json.dumps(RECORD).replace("0.1", "NaN"), "NaN is no number"),
    (json.dumps(RECORD | {"result": []}), "result is .*expected an object"),
    (json.dumps(RECORD | {"result": MEASURED | {"l2sq": "1"}}), "result: l2sq is '1'; expected a finite number"),
    (json.dumps(RECORD | {"settings": {"seed": 0, "parameters": 3}}), "was computed with parameters 3"),
    (json.dumps({k: v for k, v in RECORD.items() if k != "seconds"}), "lacks seconds"),
    (
        json.dumps(RECORD | {"result": MEASURED | {"accuracy": 7}}),
        "result: accuracy is 7; expected a finite number from 0 to 1",
    ),
    (json.dumps(RECORD | {"hundred": RECORD["hundred"] | {"linf": 2.0}}), "hundred: linf is 2.0"),
    (json.dumps(RECORD | {"result": MEASURED | {"count": 3}}), "result: count is 3; expected 10000"),
    (json.dumps(RECORD | {"hundred": MEASURED}), "hundred: count is 10000; expected 100"),
    (json.dumps(RECORD | {"distortion": {"shift": "far"}}), "distortion is"), ("\xff", "is not JSON"),
])
def test_a_cell_of_odd_content_is_one_clear_error(tmp_path, text, message):
    store, cell = reproduction.Store(tmp_path), cells.Cell("mnist", "B")
    store.write(cell, RECORD)
    store.path(cell).write_bytes(text.encode("latin-1"))
    with pytest.raises(sd.errors.FileError, match=message) as error:
        store.read(cell, {"seed": 0})
    assert "no-attack.json: " in str(error.value)


def test_the_records_of_this_repository_are_read():
    from pathlib import Path

    folder = Path(__file__).resolve().parents[2] / "benchmarks/results/reproduce"
    store, named = reproduction.Store(folder), [
        c for d in ("mnist", "fashion-mnist") for c in cells.of_table(d, ("A", "B"))
    ]
    for cell in named:
        if store.path(cell).exists():
            assert store.read(cell, json.loads(store.path(cell).read_text())["settings"])["result"]["count"] == 10_000


def test_a_folder_of_something_else_is_left_alone(tmp_path, capsys):
    (tmp_path / "cellar").mkdir()
    for name in ("notes", ".notes.unfinished", "cellar/.notes.unfinished", ".sdpadv-ab12cd_x.unfinished"):
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (time.time() - 7200,) * 2)
    before = sorted(tmp_path.rglob("*"))
    assert "holds no reproduction, but other files; choose another --output" in line(
        capsys, "reproduce", "table1", *TINY, "--output", tmp_path, "--work", tmp_path / "w"
    )
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_another_command_works_in_is_refused(done, work, capsys):
    with reproduction.Store(done).locked():
        assert "another sdpadv command is working in this folder" in line(
            capsys, "reproduce", "table1", *TINY, *FEW, "--output", done, "--work", work
        )
    (done / ".notes.unfinished").write_text("")
    (done / ".sdpadv-ab12cd_x.unfinished").write_text("")
    with reproduction.Store(done).locked():
        assert sorted(p.name for p in done.glob(".*")) == [".notes.unfinished", ".sdpadv-lock"]
    (done / ".notes.unfinished").unlink()
