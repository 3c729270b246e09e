"""The framework of all benchmarks: which candidates are refused, missing and judged, and what the tables hold."""
import json

import numpy as np
import pytest

from sdpadv_np.bench import goals, jobs, report, runner
from sdpadv_np.errors import ArgumentError, Error

RIGHT = {"y": np.arange(4.0), "gradient": np.ones((2, 2))}


def candidate(results=RIGHT, tolerance=0.0):
    return lambda job: jobs.Candidate(lambda: results, lambda r: r, tolerance)


def fail(error):
    def make(job):
        raise error

    return make


def benchmark(makers, **job):
    def jobs(settings):
        return [runner.Job("toy", "step", "toy", {"ours": candidate(), **makers}, **job)]

    return runner.Benchmark(
        name="toy", title="Toys", description="toys", contract="", cases={"toy": jobs},
        default_cases={"cpu": (("toy",),) * 2}, against=("torch",), rounds=3, budget=0.05,
    )


def run(makers, aims=(), missing=None, **job):
    toys = benchmark(makers, **job)
    return toys.run(toys.resolve(), lambda line: None, aims, missing)


@pytest.mark.parametrize("wrong, words", [
    ({"y": np.arange(4.0) * 1.001, "gradient": np.ones((2, 2))}, "torch differs from ours by 0.001 in y of toy, step"),
    ({"y": np.arange(4.0), "gradient": np.full((2, 2), np.nan)}, "by nan in gradient"),
    ({"y": np.arange(4.0), "gradient": np.ones(4)}, "torch gives gradient of toy, step the shape"),
    ({"y": np.arange(4.0)}, "torch gives y in toy, step, ours gives y, gradient"),
])
def test_wrong_results_are_refused(wrong, words):
    with pytest.raises(Error, match=words):
        run({"torch": candidate(wrong)})


def test_tolerances_of_the_job_of_an_array_and_of_a_candidate():
    off = {"y": np.arange(4.0), "gradient": np.full((2, 2), 1.01)}
    for passes in ({"tolerance": 0.02}, {"tolerances": {"gradient": 0.02}}):
        torch = run({"torch": candidate(off)}, **passes)["results"][0]["contenders"]["torch"]
        assert torch["difference_from_reference"] == pytest.approx(0.01)
    assert "torch" in run({"torch": candidate(off, 0.02)})["results"][0]["contenders"]
    with pytest.raises(Error, match="allowed 0.0001"):
        run({"torch": candidate(off)}, tolerances={"y": 0.02})


def test_failing_ones_are_named_and_the_others_go_on():
    makers = {"torch": fail(ImportError("no torch")), "fused": fail(NotImplementedError("no optimiser")),
              "slow": candidate()}
    (result,) = run(makers, missing={"jax": "not requested"})["results"]
    assert set(result["contenders"]) == {"ours", "slow"} and result["inapplicable"] == {"fused": "no optimiser"}
    assert result["missing"] == {"torch": "ImportError: no torch", "jax": "not requested"}


def test_missing_ones_of_ours_are_named_once(monkeypatch):
    toys, lines = benchmark({}, missing={"cuda": "no GPU"}), []
    twice = runner.Settings(**{**vars(toys.resolve()), "cases": ("toy", "toy")})
    record = toys.run(twice, lines.append)
    assert [r["missing"] for r in record["results"]] == [{"cuda": "no GPU"}] * 2
    assert [line for line in lines if "missing" in line] == ["  missing: cuda: no GPU"]


@pytest.mark.parametrize("error, words", [
    (ValueError("broken"), "ValueError: broken"), (NotImplementedError("none"), "none"),
])
def test_a_reference_that_fails_is_an_error(error, words):
    with pytest.raises(Error, match=f"toy, step: ours, which the others are compared with, fails: {words}"):
        run({"ours": fail(error)})


def test_results_without_names_get_those_of_the_reference():
    both = [RIGHT["y"], RIGHT["gradient"]]
    for results in (tuple(both), both):
        assert "torch" in run({"torch": candidate(results)})["results"][0]["contenders"]
    (result,) = run({"torch": candidate(both[:1])})["results"]
    assert result["missing"]["torch"] == "ValueError: 1 results, expected 2: y, gradient"
    with pytest.raises(Error, match="the shape"):
        run({"torch": candidate(both[::-1])})


def test_the_record():
    aims = (goals.Goal("toy", "step", "ours", "torch", 1e-9, 0.0),
            goals.Goal("toy", "other task", "ours", None, 1.0, 2.0))
    record = run({"torch": candidate()}, aims, units=10)
    json.dumps(record, allow_nan=False)
    assert record["benchmark"] == "toy" and record["settings"]["rounds"] == 3
    assert {"commit", "numpy"} <= record["made"].keys()
    (result,) = record["results"]
    ours = result["contenders"]["ours"]
    assert ours["seconds"]["samples"] == 3 and ours["times_as_fast_as"]["torch"]["median"] > 0
    assert ours["difference_from_reference"] == 0 and [g["verdict"] for g in result["goals"]] == ["reached"]


def test_times_are_per_unit(monkeypatch):
    monkeypatch.setitem(runner.timing.CLOCKS, "wall", lambda call, count: 5.0 * count)
    assert run({}, units=10)["results"][0]["contenders"]["ours"]["seconds"]["median"] == 0.5


def test_the_fastest_of_ours_is_judged_where_a_goal_names_none():
    ratio = {"torch": {"median": 2.0}}
    fast, slow = ({"seconds": {"median": s}, "times_as_fast_as": ratio} for s in (1.0, 9.0))
    torch = {"seconds": {"median": 0.1}}
    result = {"ours": ["numpy", "numba", "cuda"], "contenders": {"numpy": slow, "numba": fast, "torch": torch}}
    judged = goals.judge(goals.Goal("a", "b", None, "torch", 2.5, 1.5), result)
    assert judged["ours"] == "numba" and judged["verdict"] == "floor reached, goal missed"


@pytest.mark.parametrize("against, goal, floor, verdict", [
    ("torch", 2.0, 1.0, "reached"), ("torch", 2.1, 2.0, "floor reached, goal missed"), ("torch", 3.0, 2.1, "missed"),
    ("jax", 2.0, 1.0, "not measured: jax is missing"),
    (None, 4.0, 5.0, "reached"), (None, 3.9, 4.0, "floor reached, goal missed"), (None, 1.0, 3.9, "missed"),
])
def test_goals(against, goal, floor, verdict):
    result = {"contenders": {"ours": {"seconds": {"median": 4.0}, "times_as_fast_as": {"torch": {"median": 2.0}}}}}
    assert goals.judge(goals.Goal("a", "b", "ours", against, goal, floor), result)["verdict"] == verdict
    absent = goals.judge(goals.Goal("a", "b", "ours plan", against, goal, floor), result)
    assert absent["verdict"] == "not measured: ours plan is missing"


def spread(median):
    return {"median": median, "low": median / 2, "high": median * 2, "samples": 3}


def record(measure="seconds", scan=None, ratio="times_as_fast_as"):
    first = {"first_call_seconds": 1.0, "difference_from_reference": 0.0}
    ours = {measure: spread(2e-3), **first, ratio: {"torch": spread(0.5)}}
    torch = {measure: spread(1e-3), **first, ratio: {"torch": spread(1.0)}}
    goal = {"case": "a", "task": "b", "ours": "ours", "against": "torch", "goal": 2.0, "floor": 1.0,
            "measured": spread(0.5), "verdict": "missed"}
    result = {"case": "a", "task": "b", "title": "a, b", "scan": None, "ours": ["ours"],
              "contenders": {"ours": ours, "torch": torch}, "missing": {"jax": "none here"},
              "inapplicable": {"torch.fused": "no optimiser"}, "goals": [goal]}
    points = [{**result, "scan": ("images", n), "goals": []} for n in (4, 1)]
    return {"benchmark": "toy", "title": "Toys", "against": ["torch", "torch.fused", "jax"], "measure": measure,
            "settings": {"threads": 1, "clock": "cpu"}, "device": "CPU", "peers": {"torch": "0"},
            "made": {"processor": "a processor"}, "results": [result, *points],
            "tables": [("Growth", ("by", "grew"), [["ours", "+1"]])]}


def test_tables_hold_the_losing_cases_the_goals_and_the_missing():
    document = report.markdown(record(), "Toys", "toy.png")
    assert "| a, b | ours | 2 ms | 1 ms - 4 ms | 0.50 (0.25-1.00) | 1 s |" in document  # slower than torch
    assert "| a, b | ours | torch | 0.5x | 0.25x - 1x | 2x | 1x | missed |" in document
    assert "## Growth" in document and "| ours | +1 |" in document
    assert document.count("| a, b | ours | 2 ms") == 1  # points of curves are not listed
    for words in ("- missing: jax: none here", "- none: torch.fused: no optimiser", "- clock = cpu"):
        assert words in document
    assert "missed" in report.text(record()) and report.picture(record()).startswith(b"\x89PNG")


def test_memory_has_its_own_units():
    memory = record("bytes", ratio="times_as_small_as")
    memory["results"][0]["contenders"]["ours"]["bytes"] = spread(3e6)
    assert "| a, b | ours | 3 MB | 1.5 MB - 6 MB |" in report.markdown(memory, "Toys", "toy.png")
    assert report.picture(memory).startswith(b"\x89PNG")


@pytest.mark.parametrize("given, message", [
    ({"cases": ["none"]}, "cases: there is no 'none'; choose among toy"), ({"device": "cuda"}, "device is 'cuda'"),
    ({"rounds": 0}, "rounds is 0"), ({"threads": 0}, "threads is 0"), ({"seed": -1}, "seed is -1"),
    ({"clock": "sun"}, "clock is 'sun'; choose one of wall, cpu"),
    ({"contenders": ["nowhere"]}, "contender is 'nowhere'"),
])
def test_bad_settings(given, message):
    with pytest.raises(ArgumentError, match=message.replace("(", r"\(")):
        benchmark({}).resolve(**given)
