"""``sdpadv bench affine``, as small as can be. What is fast is asserted nowhere."""
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from sdpadv_np.bench import affine, peers, report
from sdpadv_np.bench.problem import Case, Problem
from sdpadv_np.cli import main
from sdpadv_np.errors import Error
from sdpadv_np.kernels import affine_sample

TINY = ["bench", "affine", "--quick", "--cases", "5x4x2:3", "--rounds", "3", "--conventions", "half_pixel", "tf_reference"]
SETTINGS = affine.Settings(cases=("5x4x2:3",), scan=(1, 2), rounds=3, budget=0.05, conventions=("half_pixel",), peers=())
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench") / "out"
    assert main([*TINY, "--peers", "scipy", "--output", str(folder)]) == 0
    return folder, json.loads((folder / "affine.json").read_text())


def test_files_and_record(run):
    folder, record = run
    assert {f.name for f in folder.iterdir()} == {"affine.json", "affine.md", "affine.png"}
    assert (folder / "affine.png").read_bytes().startswith(b"\x89PNG")
    assert record["settings"]["cases"] == ["5x4x2:3"] and record["settings"]["seed"] == 0 and {"commit", "processor", "numpy"} <= record["made"].keys()
    results = {(r["title"], r["task"]): r for r in record["results"]}
    assert [key for key, r in results.items() if not r["plot_only"]] == [
        (f"5x4x2 N 3 {convention}", task) for convention in ("half_pixel", "tf_reference") for task in ("forward", "forward+backward", "theta only")
    ] + [("5x4x2 N 3 flow_sample", "forward+backward")]
    both = results["5x4x2 N 3 half_pixel", "forward+backward"]
    assert both["pixels"] == 120 and both["bytes"] == 4 * (5 * 120 + 3 * 18) and both["copy_seconds"]["median"] > 0
    numpy = both["contenders"]["numpy"]
    assert numpy["times_as_fast_as"]["numpy"] == {"median": 1, "low": 1, "high": 1, "samples": 3} and numpy["difference_from_reference"] < 1e-3
    assert numpy["ns_per_pixel"] == pytest.approx(numpy["seconds"]["median"] * 1e9 / 120)
    assert numpy["share_of_copy"]["median"] > 0


def test_the_tables_name_who_is_missing_and_why(run):
    folder, record = run
    document = (folder / "affine.md").read_text()
    assert "missing: torch: not asked for" in document and "| missing | missing |" in document
    assert "](affine.png)" in document and "- seed = 0" in document
    assert ("| none |" in document) == ("scipy" in record["peers"])  # SciPy has no gradients
    first = record["results"][0]
    for name in (n for n, available in affine_sample.implementations().items() if not available):
        assert first["missing"][name] == affine_sample.why_not(name) and f"missing: {name}: {affine_sample.why_not(name)}" in document
    assert set(affine_sample.implementations()) <= {*first["contenders"], *first["missing"]}


def test_an_uninstalled_peer_is_missing_with_its_reason(monkeypatch):
    monkeypatch.setattr(peers.Scipy, "library", "no_such_library")
    found, missing = peers.load(["scipy"], "cpu")
    assert not found and missing["scipy"] == "No module named 'no_such_library'" and missing["torch"] == "not asked for (--peers)"
    assert peers.load(["opencv"], "cuda")[1]["opencv"] == "it computes on the CPU only"


class Peer:
    """Our own reference in a peer's place, its results changed by ``spoil``; None: it fails."""

    version = "0"

    def __init__(self, spoil):
        self.spoil = spoil

    def contender(self, problem, task):
        if self.spoil is None:
            return peers.Contender(lambda: 1 / 0)
        return peers.Contender(lambda: [self.spoil(r) for r in problem.results(task, "numpy")])


def run_with(monkeypatch, spoil):
    monkeypatch.setattr(peers, "load", lambda names, device: ({"torch": Peer(spoil)}, {}))
    return affine.run(SETTINGS, lambda line: None)


@pytest.mark.parametrize("spoil, words", [
    (lambda r: r * 1.001, "torch differs from the reference by 0.001 in forward of 5x4x2 N 3 half_pixel"), (lambda r: r * np.nan, "by nan"),
    (lambda r: r[:1], "the shape"), (lambda r: r.reshape(len(r), -1), "the shape"),
])
def test_wrong_results_are_refused(monkeypatch, spoil, words):
    with pytest.raises(Error, match=words):
        run_with(monkeypatch, spoil)


def test_a_contender_that_fails_is_named_and_the_others_go_on(monkeypatch):
    record = run_with(monkeypatch, None)
    assert record["results"][0]["missing"]["torch"] == "ZeroDivisionError: division by zero" and "numpy" in record["results"][0]["contenders"]
    assert "missing: torch: ZeroDivisionError: division by zero" in report.text(record)


def test_a_right_contender_is_compared_with_everybody(monkeypatch):
    record = run_with(monkeypatch, lambda r: r)
    assert set(record["results"][0]["contenders"]["numpy"]["times_as_fast_as"]) == {"numpy", "torch"}


@pytest.mark.parametrize("peer, results", [("torch", 2), ("scipy", 1), ("opencv", 1)])
def test_peers_compute_the_same(peer, results):
    found, missing = peers.load([peer], "cpu")
    if peer in missing:
        pytest.skip(f"{peer}: {missing[peer]}")
    compared = 0
    for convention in affine_sample.CONVENTIONS:
        for task in ("forward", "forward+backward", "theta only"):
            problem = Problem(Case(6, 9, 3, 4, convention), SETTINGS, np.asarray)
            try:
                contender = found[peer].contender(problem, task)
            except peers.Inapplicable:
                continue
            for got, expected in zip(contender.read(contender.call()), problem.results(task, "numpy"), strict=True):
                np.testing.assert_allclose(got, expected, atol=max(1e-3, contender.tolerance))
            compared += 1
    assert compared == (6 if peer == "torch" else 1)


def test_torchs_flow_is_ours():
    found, missing = peers.load(["torch"], "cpu")
    if missing.get("torch"):
        pytest.skip(missing["torch"])
    problem = Problem(Case(6, 9, 3, 4, kernel="flow"), SETTINGS, np.asarray)
    contender = found["torch"].contender(problem, "forward+backward")
    for got, expected in zip(contender.read(contender.call()), problem.results("forward+backward", "numpy"), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-4)


def line(capsys, *arguments):
    """The one line of error that a failing command prints."""
    assert main(list(arguments)) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("sdpadv: "), lines
    return lines[0]


@pytest.mark.parametrize("options, message", [
    (["--cases", "28x28:9"], "case is '28x28:9'; write HxWxC:N, for example 28x28x1:128"), (["--cases", "0x1x1:1"], "case is '0x1x1:1'"),
    (["--rounds", "0"], "rounds is 0"), (["--threads", "0"], "threads is 0"), (["--threads", "9999"], "this machine has"), (["--seed", "-1"], "seed is -1"),
])
def test_bad_values_are_one_line(capsys, tmp_path, options, message):
    assert message in line(capsys, *TINY, *options, "--peers", "--output", str(tmp_path / "r"))
    assert not list(tmp_path.rglob("*.*"))


def test_no_cuda_is_one_line(capsys, tmp_path):
    if importlib.util.find_spec("cupy"):
        pytest.skip("CuPy is installed")
    assert "device is 'cuda', but CuPy cannot use one here" in line(capsys, *TINY, "--device", "cuda", "--output", str(tmp_path / "r"))


def test_folders_that_will_not_do(run, capsys, tmp_path):
    assert "holds a benchmark already; choose another --output" in line(capsys, *TINY, "--output", str(run[0]))
    (tmp_path / "file").write_text("")
    assert "cannot be written" in line(capsys, *TINY, "--output", str(tmp_path / "file" / "r"))


def test_interruption_leaves_no_files(capsys, tmp_path, monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(affine, "_measure", stop)
    assert main([*TINY, "--peers", "--output", str(tmp_path)]) == 130
    assert "no results were written" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_wrong_usage_exits_with_2():
    for arguments in (["bench"], ["bench", "speed"], ["bench", "affine", "--peers", "jax"], ["bench", "affine", "--conventions", "none"]):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 2


def test_debug_counts_before_and_after_the_question(capsys, tmp_path):
    for arguments in (["bench", "--debug", "affine"], ["bench", "affine", "--debug"]):
        assert main([*arguments, "--rounds", "0"]) == 1
        assert "Traceback" in capsys.readouterr().err


def test_the_committed_benchmarks_verdicts():
    spec = importlib.util.spec_from_file_location("affine_sample_benchmark", ROOT / "benchmarks" / "affine_sample.py")
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)

    def result(title, task, ratio):
        numba = {"seconds": {"median": 1.0}, "times_as_fast_as": {} if ratio is None else {"torch": {"median": ratio, "low": ratio, "high": ratio}}}
        return {"title": title, "task": task, "contenders": {"numpy": {"seconds": {"median": 9.0}}, "numba": numba}}

    record = {"results": [
        result("28x28x1 N 128 half_pixel", "forward", 6.0), result("28x28x1 N 128 align_corners", "forward", 5.9), result("28x28x1 N 1024 half_pixel", "forward", 4.4),
        result("28x28x1 N 128 flow_sample", "forward+backward", None), result("28x28x1 N 128 tf_reference", "forward", 1.0),
    ]}
    verdicts = benchmark.verdicts(record)
    assert [v["verdict"] for v in verdicts] == ["pass", "floor passed, goal failed", "fail", "not measured: PyTorch is missing"]
    assert "| 28x28x1 N 128 align_corners, forward | numba | 5.90 | 5.90-5.90 | 6 | 4.5 | floor passed, goal failed |" in benchmark.table(verdicts)
