"""``sdpadv bench affine``, as small as possible. No test asserts which candidate is fast."""
import importlib.util
import json

import numpy as np
import pytest

from sdpadv_np.bench import BENCHMARKS, affine, report, runner
from sdpadv_np.cli import main
from sdpadv_np.errors import Error
from sdpadv_np.kernels import affine_sample

TINY = ["bench", "affine", "--quick", "--cases", "5x4x2:3", "flow:5x4x2:3", "--rounds", "3", "--conventions",
        "half_pixel", "tf_reference"]
SETTINGS = BENCHMARKS["affine"].resolve(quick=True, cases=["5x4x2:3"], rounds=3, conventions=["half_pixel"])
TASKS = ("forward", "forward+backward", "theta only")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench") / "out"
    assert main([*TINY, "--output", str(folder)]) == 0
    return folder, json.loads((folder / "affine.json").read_text())


def test_files_and_record(run):
    folder, record = run
    assert {f.name for f in folder.iterdir()} == {"affine.json", "affine.md", "affine.png"}
    assert (folder / "affine.png").read_bytes().startswith(b"\x89PNG")
    assert record["settings"]["cases"] == ["5x4x2:3", "flow:5x4x2:3"] and record["settings"]["seed"] == 0
    assert {"commit", "processor", "numpy"} <= record["made"].keys()
    results = {(r["case"], r["task"]): r for r in record["results"]}
    assert list(results) == [
        (f"5x4x2 N 3 {convention}", task) for convention in ("half_pixel", "tf_reference") for task in TASKS
    ] + [("5x4x2 N 3 flow_sample", "forward+backward")]
    both = results["5x4x2 N 3 half_pixel", "forward+backward"]
    assert both["bytes"] == 4 * (5 * 120 + 3 * 18) and both["copy_seconds"]["median"] > 0
    assert results["5x4x2 N 3 half_pixel", "forward"]["bytes"] == 4 * (2 * 120 + 18)
    assert results["5x4x2 N 3 half_pixel", "theta only"]["bytes"] == 4 * (4 * 120 + 3 * 18)
    assert results["5x4x2 N 3 flow_sample", "forward+backward"]["bytes"] == 4 * (5 * 120 + 3 * 120)
    numpy = both["contenders"]["numpy"]
    assert numpy["times_as_fast_as"]["numpy"] == {"median": 1, "low": 1, "high": 1, "samples": 3}
    assert numpy["difference_from_reference"] < 1e-3 and numpy["share_of_copy"]["median"] > 0
    assert numpy["ns_per_pixel"] == pytest.approx(numpy["seconds"]["median"] * 1e9 / 120)


def test_the_tables_name_what_is_missing_and_why(run):
    folder, record = run
    document, first = (folder / "affine.md").read_text(), record["results"][0]
    words = "](affine.png)", "- seed = 0", "- conventions = half_pixel tf_reference"
    assert all(word in document for word in words)
    assert "ns/pixel | MB moved | of copy speed | x numpy" in document
    for name in (n for n, available in affine_sample.implementations().items() if not available):
        reason = affine_sample.why_not(name)
        assert first["missing"][name] == reason and f"missing: {name}: {reason}" in document
    assert set(affine_sample.implementations()) <= {*first["contenders"], *first["missing"]}


def test_the_curves_hold_the_copy_too():
    record = BENCHMARKS["affine"].run(
        BENCHMARKS["affine"].resolve(quick=True, cases=["images"], rounds=1), lambda line: None)
    assert [(r["task"], r["scan"]) for r in record["results"]] == [
        (task, ("images", n)) for n in (1, 8, 64) for task in TASKS[:2]]
    assert report.picture(record).startswith(b"\x89PNG") and not report.all_tables(record)
    curves = report._curves(record)
    assert set(curves) == {"28x28x1 half_pixel, forward", "28x28x1 half_pixel, forward+backward"}
    assert all("copy of the bytes moved" in lines and len(lines["numpy"]) == 3 for _, lines in curves.values())


def spoiled(spoil):
    """A contender: our reference, its results changed by ``spoil``."""
    return lambda job: lambda: [spoil(result) for result in affine.run_affine(job, "numpy")]


@pytest.mark.parametrize("spoil, words", [
    (lambda r: r * 1.001,
     "mine differs from the reference by 0.001 in y of 5x4x2 N 3 half_pixel, forward .allowed 0.0001"),
    (lambda r: r * np.nan, "by nan"), (lambda r: r[:1], r"the shape \[1, 2, 5, 4\], expected \[3, 2, 5, 4\]"),
    (lambda r: r.reshape(len(r), -1), "the shape"),
])
def test_wrong_results_are_refused(spoil, words):
    job = next(BENCHMARKS["affine"].jobs(SETTINGS))
    with pytest.raises(Error, match=words):
        runner.measure(job, SETTINGS, {"mine": spoiled(spoil)})


def test_images_between_those_that_are_checked_count_for_the_shape(monkeypatch):
    monkeypatch.setattr(affine, "_CHECKED", 2)
    job = next(BENCHMARKS["affine"].jobs(SETTINGS))
    assert job.reference()[0].tolist() == [0, 2]
    assert "mine" in runner.measure(job, SETTINGS, {"mine": spoiled(lambda r: r)})["contenders"]
    with pytest.raises(Error, match="the shape"):
        runner.measure(job, SETTINGS, {"mine": spoiled(lambda r: r[:2])})


def line(capsys, *arguments):
    """The one line of error that a failing command prints."""
    assert main(list(arguments)) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("sdpadv: "), lines
    return lines[0]


@pytest.mark.parametrize("options, message", [
    (["--cases", "28x28:9"], "case is '28x28:9'; write HxWxC:N or flow:HxWxC:N, for example 28x28x1:128"),
    (["--cases", "0x1x1:1"], "case is '0x1x1:1'"), (["--rounds", "0"], "rounds is 0"),
    (["--threads", "0"], "threads is 0"),
    (["--threads", "9999"], "this machine has"), (["--seed", "-1"], "seed is -1"), (["--radius=-1"], "radius is -1.0"),
])
def test_bad_values_are_one_line(capsys, tmp_path, options, message):
    assert message in line(capsys, *TINY, *options, "--output", str(tmp_path / "r"))
    assert not list(tmp_path.rglob("*.*"))


def test_no_cuda_is_one_line(capsys, tmp_path):
    if importlib.util.find_spec("cupy"):
        pytest.skip("CuPy is installed")
    message = line(capsys, *TINY, "--device", "cuda", "--output", str(tmp_path / "r"))
    assert "device is 'cuda', but CuPy cannot use one here" in message


def test_folders_that_are_unusable(run, capsys, tmp_path):
    assert "holds a benchmark already; choose another --output" in line(capsys, *TINY, "--output", str(run[0]))
    (tmp_path / "file").write_text("")
    assert "cannot be written" in line(capsys, *TINY, "--output", str(tmp_path / "file" / "r"))


def test_interruption_leaves_no_files(capsys, tmp_path, monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "measure", stop)
    assert main([*TINY, "--output", str(tmp_path)]) == 130
    assert "no results were written" in capsys.readouterr().err and not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [
    ["bench"], ["bench", "speed"], ["bench", "affine", "--device", "tpu"], ["bench", "affine", "--conventions", "none"],
    ["bench", "affine", "--peers", "jax"], ["bench", "train", "--cases", "none"],
])
def test_wrong_usage_exits_with_2(arguments):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2


def test_debug_counts_before_and_after_the_benchmark(capsys):
    for arguments in (["bench", "--debug", "affine"], ["bench", "affine", "--debug"]):
        assert main([*arguments, "--rounds", "0"]) == 1
        assert "Traceback" in capsys.readouterr().err
