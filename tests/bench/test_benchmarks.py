"""``sdpadv bench train|conv|ops|memory|startup`` as a user runs them, as small as possible."""
import functools
import json
import sys

import numpy as np
import pytest

from sdpadv_np.bench import BENCHMARKS, Job, memory, memory_child, scans, startup, steps, train
from sdpadv_np.cli import main
from sdpadv_np.errors import Error


def bench(folder, name, *options):
    assert main(["bench", name, "--quick", "--rounds", "1", "--output", str(folder / name), *options]) == 0
    assert {f.name for f in (folder / name).iterdir()} == {f"{name}.{end}" for end in ("json", "md", "png")}
    return json.loads((folder / name / f"{name}.json").read_text())


def tasks(record):
    return [(r["title"], list(r["contenders"])) for r in record["results"]]


def test_train(tmp_path):
    record = bench(tmp_path, "train", "--cases", "model-b", "wgan-gp")
    titles = [f"{case}, {task}" for case in ("Model B", "WGAN-GP critic 784-200-200-1")
              for task in ("step", "forward+backward")]
    assert tasks(record) == [(title, ["ours eager", "ours"]) for title in titles]


def test_conv(tmp_path):
    record = bench(tmp_path, "conv", "--cases", "layers")
    assert [r["task"] for r in record["results"]] == ["forward", "input gradient", "weight gradient"] * 3
    layers = ["Model A conv1 1->64 N 8", "Model A conv2 64->128 N 8", "Model A conv3 128->128 N 8"]
    assert [r["case"] for r in record["results"]][::3] == layers
    for result in record["results"]:
        winograd = ["ours winograd"] * ("conv2" in result["case"])
        assert list(result["contenders"]) == ["ours numpy", "ours direct", *winograd]
        assert ("ours winograd" in result["inapplicable"]) == (not winograd)


def test_ops(tmp_path):
    record = bench(tmp_path, "ops", "--cases", "chain", "margin", "adam")
    assert [list(r["contenders"]) for r in record["results"]] == [["ours", "ours plan"], ["ours"], ["ours"]]


def test_the_curves(tmp_path, monkeypatch):
    monkeypatch.setitem(BENCHMARKS["ops"].cases, "batch", functools.partial(scans._scan, "images", (1, 3)))
    record = bench(tmp_path, "ops", "--cases", "batch")
    assert [(r["task"], r["scan"]) for r in record["results"]] == [
        (task, ["images", n]) for n in (1, 3) for task in ("step", "generator forward")]


def test_scan_adds_the_curves():
    assert BENCHMARKS["ops"].resolve(scan=True).cases[-2:] == ("batch", "size")
    assert not {"batch", "size"} & set(BENCHMARKS["ops"].resolve().cases)


def test_startup(tmp_path):
    record = bench(tmp_path, "startup", "--cases", "step")
    assert tasks(record) == [(f"start-up, {startup.STEP}", ["ours"])]
    assert record["results"][0]["contenders"]["ours"]["seconds"]["median"] > 0.01


def test_a_process_that_fails_is_named():
    with pytest.raises(Error, match="the process failed: ZeroDivisionError"):
        startup.process("1 / 0", Job("start-up", startup.IMPORT, "start-up", {}, parameters={"threads": 1})).call()
    with pytest.raises(Error, match="the process failed: .*unknown"):
        request = {"work": "images", "function": "unknown", "count": 1, "path": [], "threads": 1, "seed": 0}
        memory._process(json.dumps(request))


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")


@linux
def test_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_QUICK_STEPS", 40)
    record = bench(tmp_path, "memory", "--cases", "model-b", "growth")
    peak, *along = record["results"]
    assert peak["title"] == "Model B, peak of a step" and 0 < peak["contenders"]["ours"]["bytes"]["median"] < 1e8
    assert [r["scan"] for r in along] == [["steps", n] for n in range(0, 41, 4)]
    assert along[0]["contenders"]["ours"]["bytes"]["median"] > 1e7
    (_, _, (plan,)), (heading, columns, (row,)) = record["tables"]
    assert plan[0] == "Model B" and float(plan[1].split()[0]) > 0.05 and int(plan[2]) > 10
    assert "40 steps" in heading and len(columns) == len(row) and row[0] == "ours" and row[-1] == "+0"


@linux
def test_memory_of_a_contender_is_measured_in_a_process_that_finds_its_module(tmp_path, monkeypatch):
    (tmp_path / "my_steps.py").write_text(
        "from sdpadv_np.bench.steps import ours as mine\ndef none(job): raise NotImplementedError('not here')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    record = bench(tmp_path, "memory", "--cases", "model-b", "--contender", "a=my_steps:mine", "my_steps:none")
    (result,) = record["results"]
    assert 0 < result["contenders"]["a"]["bytes"]["median"] < 1e8
    assert result["inapplicable"] == {"my_steps:none": "not here"}


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
def test_growth_sees_what_is_not_freed():
    kept = []
    settings = train.BENCHMARK.resolve()
    found = memory_child.growth(lambda job: lambda: kept.append((np.zeros(1000), {})), 200, settings)
    assert found["objects"] >= 20 and found["traced"] > 20 * 8000 and set(found["resident"]) == set(range(0, 201, 20))


def job(start, batches, optimise=True):
    parameters = {"start": start, "batches": batches, "optimise": optimise}
    return Job("a case", steps.STEP, "training step", {}, parameters=parameters)


def test_an_optimiser_that_does_nothing_is_refused(monkeypatch):
    real = steps.Adam
    def adam(store, *how):
        return real(store, *how) if store.data[0] == 0 else steps.FrozenOptimiser(store)

    monkeypatch.setattr(steps, "Adam", adam)
    monkeypatch.setattr(steps.CriticTraining, "state", lambda self: {})
    task, _ = steps.critic("784-200-200-1", 4, 0)
    assert isinstance(task.optimiser, steps.FrozenOptimiser)
    candidate = steps.ours(job(lambda: steps.critic("784-200-200-1", 4, 0), [np.arange(4)]), plan=False)
    assert not candidate.read(candidate.call())["update of critic"].any()


def test_a_plan_is_judged_and_timed_as_a_replay_from_the_same_weights():
    same = job(functools.partial(steps.sdpadv, "B", 4, 0), [np.arange(4), np.arange(4, 8)])
    eager, replayed = steps.ours(same, plan=False), steps.ours(same)
    for _ in range(2):
        got = replayed.read(replayed.call()).values()
        for (what, a), b in zip(eager.read(eager.call()).items(), got, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=what)


def test_without_optimiser_nothing_moves():
    candidate = steps.ours(job(functools.partial(steps.classifier, "B", 4, 0), [np.arange(4)], optimise=False))
    first = candidate.read(candidate.call())
    again = candidate.read(candidate.call())
    assert list(first) == ["losses loss", "gradient of classifier"]
    assert all(np.array_equal(first[k], again[k]) for k in first)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_bad_values_are_one_line(name, capsys, tmp_path):
    for options, words in ((["--rounds", "0"], "rounds is 0"), (["--threads", "9999"], "this machine has")):
        assert main(["bench", name, "--quick", *options, "--output", str(tmp_path / "r")]) == 1
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1 and lines[0].startswith("sdpadv: ") and words in lines[0]
    assert not list(tmp_path.rglob("*.*"))
