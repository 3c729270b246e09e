"""``sdpadv bench train|conv|ops|memory|startup`` as a user runs them, as small as can be; and that peers compute what we do."""
import functools
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sdpadv_np.bench import QUESTIONS, jaxes, memory, memory_child, scans, startup, steps, timing, torch_steps, torches, train
from sdpadv_np.cli import main
from sdpadv_np.errors import Error

ROOT = Path(__file__).resolve().parent.parent.parent
TORCH = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not TORCH, reason="PyTorch is not installed")


def bench(folder, question, *options):
    assert main(["bench", question, "--quick", "--rounds", "1", "--output", str(folder / question), *options]) == 0
    assert {f.name for f in (folder / question).iterdir()} == {f"{question}.{end}" for end in ("json", "md", "png")}
    return json.loads((folder / question / f"{question}.json").read_text())


def tasks(record):
    return [(r["title"], list(r["contenders"])) for r in record["results"]]


PEER = ["torch"] * TORCH


def test_train(tmp_path):
    fused = ["torch.fused", "torch.channels_last"] * TORCH
    record = bench(tmp_path, "train", "--cases", "model-b", "wgan-gp", "--peers", *PEER, *fused)
    assert tasks(record) == [
        (f"{case}, {task}", ["ours eager", "ours", *PEER, *fused[: task == "step"]])
        for case in ("Model B", "WGAN-GP critic 784-200-200-1") for task in ("step", "forward+backward")
    ]
    for result in record["results"]:
        assert {"torch.compile", "jax.jit"} <= result["missing"].keys()
        assert list(result["inapplicable"]) == (fused if result["task"] == "forward+backward" else fused[1:])


def test_conv(tmp_path):
    record = bench(tmp_path, "conv", "--cases", "layers", "--peers", *PEER)
    assert [r["task"] for r in record["results"]] == ["forward", "input gradient", "weight gradient"] * 3
    assert [r["case"] for r in record["results"]][::3] == ["Model A conv1 1->64 N 8", "Model A conv2 64->128 N 8", "Model A conv3 128->128 N 8"]
    for result in record["results"]:
        winograd = ["ours winograd"] * ("conv2" in result["case"])
        assert list(result["contenders"]) == ["ours numpy", "ours direct", *winograd, *PEER] and ("ours winograd" in result["inapplicable"]) == (not winograd)


def test_ops(tmp_path):
    record = bench(tmp_path, "ops", "--cases", "chain", "margin", "adam", "--peers", *PEER)
    assert [list(r["contenders"]) for r in record["results"]] == [["ours", "ours plan", *PEER], ["ours", *PEER], ["ours", *PEER]]


def test_the_curves(tmp_path, monkeypatch):
    monkeypatch.setitem(QUESTIONS["ops"].cases, "batch", functools.partial(scans._scan, "images", (1, 3)))
    record = bench(tmp_path, "ops", "--cases", "batch", "--peers", *PEER)
    assert [(r["task"], r["scan"]) for r in record["results"]] == [(task, ["images", n]) for n in (1, 3) for task in ("step", "generator forward")]


def test_startup(tmp_path):
    record = bench(tmp_path, "startup", "--cases", "step", "--peers")
    assert tasks(record) == [(f"start-up, {startup.STEP}", ["ours"])] and record["results"][0]["contenders"]["ours"]["seconds"]["median"] > 0.01


def test_a_process_that_fails_is_named():
    with pytest.raises(Error, match="the process failed: ZeroDivisionError"):
        startup._process("1 / 0", 1).call()
    with pytest.raises(Error, match="the process failed: .*unknown"):
        memory._process(json.dumps({"work": "step", "threads": 1, "case": "model-b", "contender": "ours", "seed": 0, "batch": 1, "unknown": 1}))


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")


@linux
def test_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_QUICK_STEPS", 40)
    record = bench(tmp_path, "memory", "--cases", "model-b", "growth", "--peers")
    peak, *along = record["results"]
    assert peak["title"] == "Model B, peak of a step" and 0 < peak["contenders"]["ours"]["bytes"]["median"] < 1e8
    assert [r["scan"] for r in along] == [["steps", n] for n in range(0, 41, 4)] and along[0]["contenders"]["ours"]["bytes"]["median"] > 1e7
    (_, _, (plan,)), (heading, columns, (row,)) = record["tables"]
    assert plan[0] == "Model B" and float(plan[1].split()[0]) > 0.05 and int(plan[2]) > 10
    assert "40 steps" in heading and len(columns) == len(row) and row[0] == "ours" and row[-1] == "+0"


@linux
def test_the_peak_is_a_peak():
    before = memory_child.forget_peak()
    held = np.ones(4_000_000)
    del held
    assert 30e6 < memory_child.resident("VmHWM") - before < 60e6
    assert memory_child.resident("VmHWM") - memory_child.forget_peak() < 60e6
    with pytest.raises(OSError, match="has no VmNothing"):
        memory_child.resident("VmNothing")


@linux
def test_growth_sees_what_is_kept(monkeypatch):
    kept = []
    monkeypatch.setattr(steps, "ours", lambda start, numbers: steps.Contender(lambda: kept.append((np.zeros(1000), {}))))
    found = memory_child.growth("ours", 0, 200)
    assert found["objects"] >= 20 and found["traced"] > 20 * 8000 and set(found["resident"]) == set(range(0, 201, 20))


def same_first_two_steps(mine, theirs):
    """The first from the same weights; the second from those that the first left, so that state is handed on."""
    got, expected = theirs.read(theirs.call()), mine.read(mine.call())
    assert got.keys() == expected.keys()
    for what, true in expected.items():
        assert np.linalg.norm(got[what] - true) <= (1e-2 if "update" in what else 1e-4) * np.linalg.norm(true), what
    second, later = theirs.read(theirs.call()), mine.read(mine.call())
    losses = next(iter(later))
    np.testing.assert_allclose(second[losses], later[losses], rtol=1e-3)


@needs_torch
@pytest.mark.parametrize("variant", ["torch", "torch.fused", "torch.channels_last"])
@pytest.mark.parametrize("case", train.CASES)
def test_pytorch_computes_the_same_step(case, variant):
    _, make, (program, _), _ = train.CASES[case]
    (found,) = torches.load([variant])[0].values()
    start, numbers = functools.partial(make, 4, 1), [np.arange(4), np.arange(4, 8)]
    with timing.equal_threads(1):
        same_first_two_steps(steps.ours(start, numbers, algorithm="direct"), program(found, start()[0], True).contender(numbers))


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
@pytest.mark.parametrize("optimise", [True, False])
@pytest.mark.parametrize("case", train.CASES)
def test_jax_computes_the_same_step(case, optimise):
    _, make, (_, program), _ = train.CASES[case]
    (jax,) = jaxes.load([jaxes.NAME], 1)[0].values()
    start, numbers = functools.partial(make, 4, 1), [np.arange(4), np.arange(4, 8)]
    same_first_two_steps(steps.ours(start, numbers, optimise, algorithm="direct"), program(jax, start()[0], optimise).contender(numbers))


def test_an_uninstalled_jax_is_missing_with_its_reason(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    assert not jaxes.load([jaxes.NAME], 1)[0] and "jax" in jaxes.load([jaxes.NAME], 1)[1][jaxes.NAME]
    assert jaxes.load([], 1)[1] == {jaxes.NAME: "not asked for (--peers)"}


@needs_torch
def test_a_wrong_pytorch_program_is_refused(monkeypatch):
    monkeypatch.setattr(torch_steps.CriticStep, "update", lambda self, name, loss: torch_steps._Step.update(self, name, 1.001 * loss))
    with pytest.raises(Error, match="torch differs from ours eager by 0.001 in gradient of critic of WGAN-GP critic 784-200-200-1, step"):
        train.QUESTION.run(train.QUESTION.resolve(quick=True, cases=["wgan-gp"], peers=["torch"]), lambda line: None)


def test_an_optimiser_that_does_nothing_is_refused(monkeypatch):
    real = steps.Adam
    monkeypatch.setattr(steps, "Adam", lambda store, *how: real(store, *how) if store.data[0] == 0 else steps.Still(store))
    monkeypatch.setattr(steps.CriticTraining, "state", lambda self: {})
    task, _ = steps.critic("784-200-200-1", 4, 0)
    assert isinstance(task.optimiser, steps.Still)
    mine = steps.ours(lambda: steps.critic("784-200-200-1", 4, 0), [np.arange(4)], plan=False)
    assert not mine.read(mine.call())["update of critic"].any()


def test_a_plan_is_judged_and_timed_as_a_replay_from_the_same_weights():
    start, numbers = functools.partial(steps.sdpadv, "B", 4, 0), [np.arange(4), np.arange(4, 8)]
    eager, replayed = steps.ours(start, numbers, plan=False), steps.ours(start, numbers)
    for _ in range(2):
        for (what, a), b in zip(eager.read(eager.call()).items(), replayed.read(replayed.call()).values(), strict=True):
            np.testing.assert_array_equal(a, b, err_msg=what)


def test_without_optimiser_nothing_moves():
    contender = steps.ours(functools.partial(steps.classifier, "B", 4, 0), [np.arange(4)], optimise=False)
    first = contender.read(contender.call())
    again = contender.read(contender.call())
    assert list(first) == ["losses loss", "gradient of classifier"] and all(np.array_equal(first[k], again[k]) for k in first)


def test_an_uninstalled_pytorch_is_missing_with_its_reason(monkeypatch):
    monkeypatch.setattr(torches.importlib, "import_module", lambda name: (_ for _ in ()).throw(ImportError(f"No module named {name!r}")))
    found, missing, versions = torches.load(["torch"])
    assert not found and not versions and missing["torch"] == "No module named 'torch'" and missing["torch.fused"] == "not asked for (--peers)"


@pytest.mark.parametrize("question", QUESTIONS)
def test_bad_values_are_one_line(question, capsys, tmp_path):
    for options, words in ((["--rounds", "0"], "rounds is 0"), (["--threads", "9999"], "this machine has")):
        assert main(["bench", question, "--quick", *options, "--output", str(tmp_path / "r")]) == 1
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1 and lines[0].startswith("sdpadv: ") and words in lines[0]
    assert not list(tmp_path.rglob("*.*"))


def test_goals_name_cases_and_tasks_that_exist():
    """A goal whose case was renamed would never be judged, silently."""
    for question in (QUESTIONS["train"], QUESTIONS["conv"], QUESTIONS["startup"], QUESTIONS["ops"]):
        assert question.goals and all(goal.against in (None, *question.against) for goal in question.goals)
        jobs = {(job.case, job.task) for name in question.cases if name not in question.scans for job in question.cases[name](question.resolve(peers=()), {})}
        assert {(goal.case, goal.task) for goal in question.goals} <= jobs


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_programs_that_make_the_committed_records(question, tmp_path):
    program = ROOT / "benchmarks" / f"{question}.py"
    assert f'main("{question}", __doc__)' in program.read_text()
    done = subprocess.run([sys.executable, str(program), "--rounds", "0"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "rounds is 0" in done.stderr
