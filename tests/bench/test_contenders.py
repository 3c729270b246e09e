"""``--contender``: a user's own kernel through the same interface, right, wrong, failing, and named wrongly."""
import json
import re
import sys

import numpy as np
import pytest

from sdpadv_np.bench import BENCHMARKS, contenders, measure
from sdpadv_np.cli import main
from sdpadv_np.errors import ArgumentError

PROGRAM = '''
import numpy as np
from sdpadv_np.bench import Candidate
from sdpadv_np.kernels import affine_sample

__version__ = "7"
count = 1

def get_threads():
    return count

def set_threads(n):
    global count
    count = n

def right(job):
    if (job.operation, job.task) != ("affine_sample", "forward"):
        raise NotImplementedError("forward only")
    x, theta, convention = job.inputs["x"], job.inputs["theta"], job.parameters["convention"]
    return lambda: affine_sample.forward(x, theta, convention)

def wrong(job):
    kernel = right(job)
    return lambda: 1.01 * kernel()

def rough(job):
    kernel = right(job)
    return Candidate(lambda: 1.01 * kernel(), tolerance=0.02)

def failing(job):
    return lambda: 1 / 0

def no_function(job):
    return 7

def two_results(job):
    kernel = right(job)
    return lambda: (kernel(), kernel())

def greedy(job):
    x = job.inputs["x"]
    def call():
        y = right(job)()
        x[...] = 0
        return y
    return call

def greedy_at_first(job):
    x = job.inputs["x"]
    def call():
        x[...] = 0
        return right(job)()
    return call

def complex_numbers(job):
    kernel = right(job)
    return lambda: kernel() + 0j

def moody(job):
    kernel, calls = right(job), []
    def call():
        calls.append(1)
        if len(calls) > 1:
            raise KeyError("not again")
        return kernel()
    return call

def unruly(job):
    kernel = right(job)
    set_threads(5)
    return kernel
'''


@pytest.fixture
def bench(tmp_path, monkeypatch, capsys):
    """Run ``sdpadv bench affine`` with contenders of the current folder: (status, record, standard error)."""
    module = f"my_kernels_{tmp_path.name}"
    (tmp_path / f"{module}.py").write_text(PROGRAM)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])

    def run(*names, cases=("5x4x2:3",)):
        options = [name.replace("MODULE", module) for name in names]
        status = main(["bench", "affine", "--quick", "--cases", *cases, "--conventions", "half_pixel", "--rounds", "2",
                       "--output", "out", "--contender", *options])
        record = json.loads((tmp_path / "out/affine.json").read_text()) if status == 0 else None
        return status, record, capsys.readouterr().err.replace(module, "MODULE")

    return run


def test_a_right_one_is_compared_with_all(bench):
    _, record, _ = bench("mine=MODULE:right", "rough=MODULE:rough", cases=("5x4x2:3", "flow:5x4x2:3"))
    forward, both, *_ = record["results"]
    assert record["against"] == ["mine", "rough", "numpy"] and record["peers"] == {"mine": "7", "rough": "7"}
    assert forward["contenders"]["mine"]["difference_from_reference"] < 1e-5 and "mine" not in forward["ours"]
    assert forward["contenders"]["rough"]["difference_from_reference"] == pytest.approx(0.01, rel=1e-3)
    assert {"mine", "rough", "numpy"} == forward["contenders"]["numpy"]["times_as_fast_as"].keys()
    assert both["inapplicable"] == {"mine": "forward only", "rough": "forward only"}


@pytest.mark.parametrize("name, words", [
    ("wrong", "MODULE:wrong differs from the reference by 0.01 in y of 5x4x2 N 3 half_pixel, forward (allowed 0.0001)"),
    ("greedy_at_first", "MODULE:greedy_at_first changes its input x in 5x4x2 N 3 half_pixel, forward"),
    ("moody", "MODULE:moody fails while it is timed, after a first call that was right (KeyError: 'not again')"),
    ("greedy", "MODULE:greedy changes its input x in 5x4x2 N 3 half_pixel, forward"),
    ("unruly", "has changed from 1 to 5 threads during the benchmark"),
])
def test_wrong_ones_are_refused_in_one_line(bench, name, words):
    status, _, error = bench(f"MODULE:{name}")
    assert status == 1 and words in error and error.count("\n") == 1


@pytest.mark.parametrize("name, words", [
    ("failing", r"ZeroDivisionError: division by zero \(my_kernels_.*\.py, line \d+\)"),
    ("complex_numbers", "TypeError: y has dtype complex64, expected real numbers"),
    ("no_function", "TypeError: 'int' object is not callable"), ("two_results", "ValueError: 2 results, expected 1: y"),
])
def test_failing_ones_are_named_and_the_others_go_on(bench, name, words):
    status, record, _ = bench(f"mine=MODULE:{name}")
    assert status == 0 and re.match(words, record["results"][0]["missing"]["mine"])
    assert "numpy" in record["results"][0]["contenders"] and "mine" not in record["results"][0]["contenders"]


@pytest.mark.parametrize("names, words", [
    (["nonsense"], "contender is 'nonsense'; write MODULE:FUNCTION or NAME=MODULE:FUNCTION"),
    (["no_such_module:f"], "no_such_module cannot be imported from "),
    (["MODULE:nothing"], "MODULE has no function 'nothing'"), (["MODULE:count"], "MODULE has no function 'count'"),
    (["numpy=MODULE:right"], "contender 'numpy' has the name of one of ours"),
    (["a=MODULE:right", "a=MODULE:rough"], "contenders are called a, a; write NAME=MODULE:FUNCTION with unequal names"),
])
def test_names_that_cannot_be_used_are_one_line(bench, names, words):
    status, _, error = bench(*names)
    assert status == 1 and words in error and error.count("\n") == 1


def test_a_module_that_fails_on_import_is_named_with_its_error(tmp_path, monkeypatch):
    (tmp_path / "half_written.py").write_text("x = (")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ArgumentError, match="half_written cannot be imported .* .SyntaxError: '.' was never closed"):
        contenders.load("half_written:f")


def test_every_benchmark_says_what_a_contender_gets_and_returns(capsys):
    for name in BENCHMARKS:
        with pytest.raises(SystemExit):
            main(["bench", name, "--help"])
        text = capsys.readouterr().out
        assert f"sdpadv bench {name} --contender my_module:my_function" in text
        assert BENCHMARKS[name].contract in text


@pytest.mark.parametrize("name, case, task, contender", [
    ("ops", "dense", "forward+backward", lambda job: lambda: _dense(*job.inputs.values())),
    ("conv", "layers", "weight gradient", lambda job: lambda: _weight_gradient(job)),
])
def test_the_documented_results_of_other_benchmarks(name, case, task, contender):
    """Written from the text of --help alone."""
    settings = BENCHMARKS[name].resolve(quick=True, cases=[case], rounds=1)
    job = next(job for job in BENCHMARKS[name].jobs(settings) if job.task == task)
    assert "mine" in measure(job, settings, {"mine": contender})["contenders"]


def _dense(x, W, b, g):
    y = np.maximum(x @ W + b, 0)
    g = g * (y > 0)
    return y, g @ W.T, x.T @ g, g.sum(0)


def _weight_gradient(job):
    x, w, _, g = job.inputs.values()
    stride, padding = job.parameters["stride"], job.parameters["padding"]
    x = np.pad(x, ((0, 0), (0, 0), *padding))
    result = np.empty_like(w)
    for i, j in np.ndindex(w.shape[2:]):
        part = x[:, :, i : i + stride * g.shape[2] : stride, j : j + stride * g.shape[3] : stride]
        result[:, :, i, j] = np.einsum("nkpq,ncpq->kc", g, part)
    return result
