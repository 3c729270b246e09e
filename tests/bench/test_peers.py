"""benchmarks/: other libraries use the same interface as users' contenders, and compute what we do."""
import functools
import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import peers
import pytest

from sdpadv_np.bench import BENCHMARKS, affine, contenders, runner, steps, timing, train
from sdpadv_np.errors import Error

FOLDER = Path(peers.__file__).parents[1]
PROGRAMS = {"affine_sample": "affine", **{name: name for name in ("train", "conv", "ops", "memory", "startup")}}


def contender(name):
    """The contender of a peer; skips the test where its library is not installed."""
    found, missing = peers.find([name], [name])
    if missing:
        pytest.skip(f"{name}: {missing[name]}")
    return contenders.load(found[0])


def same_results(job, peer):
    got = job.candidate(peer.function)
    results = got.read(got.call())
    expected = affine.run_affine(job, "numpy") if job.operation == "affine_sample" else affine.run_flow(job, "numpy")
    for got_, true in zip(results if isinstance(results, (list, tuple)) else [results], expected, strict=True):
        np.testing.assert_allclose(got_, true, atol=max(1e-3, got.tolerance))


@pytest.mark.parametrize("name, count", [("torch", 6), ("scipy", 1), ("opencv", 1)])
def test_samplers(name, count):
    peer, compared, settings = contender(name), 0, BENCHMARKS["affine"].resolve()
    for convention in settings.options["conventions"]:
        for task in affine.RESULTS:
            try:
                same_results(affine.affine_job(affine.Size(6, 9, 3, 4), convention, task, settings), peer)
            except NotImplementedError:
                continue
            compared += 1
    assert compared == count


def test_torchs_flow_is_ours():
    same_results(affine.flow_job(affine.Size(6, 9, 3, 4), BENCHMARKS["affine"].resolve()), contender("torch"))


@pytest.mark.parametrize("name, cases", [
    ("ops", ("chain", "dense", "cross-entropy", "margin", "affine", "adam", "batch")),
    ("conv", ("model-a", "defense-gan")),
    ("startup", ("import",)),
])
def test_other_jobs_of_pytorch_are_ours(name, cases, monkeypatch):
    """The runner compares the results."""
    peer, benchmark = contender("torch"), BENCHMARKS[name]
    def untimed(calls, rounds, *_):
        return {name: np.ones(rounds) for name in calls}

    monkeypatch.setattr(runner.timing, "interleaved", untimed)
    settings = benchmark.resolve(quick=True, cases=cases)
    with timing.equal_threads(1, [peer.module]):
        for job in benchmark.jobs(settings):
            result = runner.measure(job, settings, {"torch": peer.function})
            assert "torch" in result["contenders"], (job.title, result["missing"], result["inapplicable"])


def same_first_two_steps(mine, theirs):
    """The first from the same weights; the second from those that the first left: the state goes on."""
    got, expected = theirs.read(theirs.call()), mine.read(mine.call())
    assert got.keys() == expected.keys()
    for what, true in expected.items():
        assert np.linalg.norm(got[what] - true) <= (1e-2 if "update" in what else 1e-4) * np.linalg.norm(true), what
    second, later = theirs.read(theirs.call()), mine.read(mine.call())
    losses = next(iter(later))
    np.testing.assert_allclose(second[losses], later[losses], rtol=1e-3)


def small(case, optimise=True):
    return train.job(case, train.BENCHMARK.resolve(seed=1), optimise, batch=4)


@pytest.mark.parametrize("variant", ["torch", "torch.fused", "torch.channels_last"])
@pytest.mark.parametrize("case", train.CASES)
def test_pytorch_computes_the_same_step(case, variant):
    peer, job = contender(variant), small(case)
    if variant == "torch.channels_last" and not job.parameters["convolutions"]:
        with pytest.raises(NotImplementedError, match="no convolution here"):
            peer.function(job)
        return
    with timing.equal_threads(1, [peer.module]):
        same_first_two_steps(steps.ours(job, algorithm="direct"), peer.function(job))


@pytest.mark.parametrize("optimise", [True, False])
@pytest.mark.parametrize("case", train.CASES)
def test_jax_computes_the_same_step(case, optimise):
    peer, job = contender("jax.jit"), small(case, optimise)
    same_first_two_steps(steps.ours(job, algorithm="direct"), peer.function(job))


@pytest.mark.parametrize("variant, job, words", [
    ("torch.fused", functools.partial(small, "model-b", False), "no optimiser here"),
    ("torch.compile", lambda: runner.Job("a", "step", "adam", {}), "its optimiser is torch.fused's"),
    ("torch.channels_last", lambda: runner.Job("a", "b", "conv2d", {}, scan=("n", 1)), "left out of the curves"),
    ("torch", lambda: runner.Job("a", "b", "memory", {}), "there is no PyTorch program for memory"),
])
def test_jobs_that_a_variant_of_pytorch_has_no_program_for(variant, job, words):
    with pytest.raises(NotImplementedError, match=words):
        contender(variant).function(job())


def test_a_wrong_pytorch_program_is_refused(monkeypatch):
    peer = contender("torch")
    module = importlib.import_module("peers.pytorch_steps")
    update = module._Step.update
    monkeypatch.setattr(module.CriticStep, "update", lambda self, name, loss: update(self, name, 1.001 * loss))
    settings = train.BENCHMARK.resolve(quick=True, cases=["wgan-gp"])
    job = next(train.BENCHMARK.jobs(settings))
    words = "torch differs from ours eager by 0.001 in gradient of critic of WGAN-GP critic 784-200-200-1, step"
    with pytest.raises(Error, match=words):
        runner.measure(job, settings, {"torch": peer.function})


def test_libraries_that_are_not_installed_are_missing_with_the_reason(monkeypatch):
    monkeypatch.setitem(sys.modules, "peers.pytorch", None)
    found, missing = peers.find(["torch"], ["torch", "scipy"])
    assert not found and "peers.pytorch" in missing["torch"] and missing["scipy"] == "not requested (--peers)"


def test_goals_name_cases_and_tasks_that_exist(program):
    """A goal whose case was renamed would never be judged, silently."""
    for name in ("affine_sample", "train", "conv", "startup", "ops"):
        benchmark, goals = BENCHMARKS[PROGRAMS[name]], program(name).GOALS
        cases = [case for case in benchmark.default_cases["cpu"][0] if case != "images"]
        assert goals and all(goal.against in (None, *peers.PEERS) for goal in goals)
        jobs = {(job.case, job.task) for job in benchmark.jobs(benchmark.resolve(cases=cases))}
        assert {(goal.case, goal.task) for goal in goals} <= jobs


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_programs_that_make_the_committed_records(name, tmp_path):
    command = [sys.executable, str(FOLDER / f"{name}.py"), "--peers", "--rounds", "0"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "rounds is 0" in done.stderr


def test_a_record_with_pytorch(program, tmp_path):
    contender("torch")
    program("record").main("train", "", ("torch", "torch.fused"), arguments=[
        "--quick", "--cases", "model-b", "--rounds", "1", "--peers", "torch", "--output", str(tmp_path)])
    record = json.loads((tmp_path / "cpu.json").read_text())
    assert [list(r["contenders"]) for r in record["results"]] == [["ours eager", "ours", "torch"]] * 2
    assert record["settings"]["contenders"] == ["torch=peers.pytorch:eager"] and "torch" in record["peers"]
    assert record["results"][0]["missing"] == {"torch.fused": "not requested (--peers)"}
    assert record["results"][0]["goals"] == [] and (tmp_path / "cpu.md").exists() and (tmp_path / "cpu.png").exists()
