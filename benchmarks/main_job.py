"""The results of the README: ``sdpadv train`` on real data, one run per case, into one record.

    python benchmarks/main_job.py                # everything: about 25 minutes on 2 cores
    python benchmarks/main_job.py mnist-B        # only the cases whose name begins so

Writes benchmarks/results/main_job/: one JSON file per case (parameters, results, machine, commit,
seconds of the whole command) and the pictures, and README.md, the table of all of them.
"""
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import RESULTS as ALL
from common import document

from sdpadv_np.evaluation import paper, tables
from sdpadv_np.storage import files

RESULTS = ALL / "main_job"
CASES = {
    "mnist-B": [],
    "mnist-B-seed1": ["--seed", "1"],
    "mnist-B-seed2": ["--seed", "2"],
    "mnist-B-cross_entropy": ["--objective", "cross_entropy"],
    "mnist-B-l2": ["--projection", "l2"],
    "mnist-B-eps0.3": ["--eps", "0.3", "--compare", "fgsm", "pgd", "mim", "advgan"],
    "fashion-mnist-B": ["--dataset", "fashion-mnist"],
    "fashion-mnist-B-seed1": ["--dataset", "fashion-mnist", "--seed", "1"],
    "fashion-mnist-B-seed2": ["--dataset", "fashion-mnist", "--seed", "2"],
    "fashion-mnist-B-cross_entropy": ["--dataset", "fashion-mnist", "--objective", "cross_entropy"],
    "mnist-A": ["--classifier", "A"],
}
PICTURES = {"mnist-B", "fashion-mnist-B", "mnist-A"}


def run(name: str, options: list[str]) -> None:
    """One ``sdpadv train`` in a process of its own, its classifier trained anew."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["train", *options, "--retrain", "--output", f"{folder}/run"]
        print(f"{name}: sdpadv {' '.join(command[:-2])}", flush=True)
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "sdpadv_np.cli", *command], check=True)
        record = json.loads(Path(folder, "run", "metrics.json").read_text())
        record |= {"command": f"sdpadv {' '.join(command[:-2])}",
                   "command_seconds": round(time.perf_counter() - started, 1)}
        files.write_json(RESULTS / f"{name}.json", record)
        if name in PICTURES:
            shutil.copy(Path(folder, "run", "pictures.png"), RESULTS / f"{name}.png")
            shutil.copy(Path(folder, "run", "curves.png"), RESULTS / f"{name}-curves.png")


def report() -> str:
    """The table of the records: every case, the paper's figure beside ours."""
    rows, records = [], {path.stem: json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))}
    for name, record in ((name, records[name]) for name in CASES if name in records):
        p = record["parameters"]
        for r in record["results"]:
            ours, theirs = f"{r['accuracy']:.4f}", paper.accuracy(p["dataset"], p["classifier"], r["attack"], r["eps"])
            l2, eps = paper.l2sq(p["dataset"], r["attack"], r["eps"]), "" if r["eps"] is None else f"{r['eps']:g}"
            seconds = f"{record['command_seconds']:.0f}" if r["attack"] == paper.CLEAN else ""
            per_100 = r["seconds_per_100"] if "seconds_per_100" in r else r["seconds"]  # as older records call it
            rows.append((name, r["attack"], eps, ours, f"{theirs or ''}", f"{r['l2sq']:.1f}", f"{l2 or ''}",
                         f"{per_100:.4f}", seconds))
    columns = ("case", "attack", "eps", "accuracy", "paper", "L2sq", "paper (A)", "s/100 images", "whole command, s")
    machines = sorted({f"{m['processor']}, {m['cores']} cores, Python {m['python']}, NumPy {m['numpy']}, "
                       f"Numba {m['numba']}, commit {m['commit'][:10]}" for m in (r["made"] for r in records.values())})
    return document(
        "The main job, run on real data",
        "Made by `python benchmarks/main_job.py`; each case's command, parameters and seed are in its JSON file.",
        "\n".join(f"- {m}" for m in machines), tables.markdown(rows, columns))


if __name__ == "__main__":
    for name, options in CASES.items():
        if name.startswith(tuple(sys.argv[1:]) or ""):
            run(name, options)
            files.write_text(RESULTS / "README.md", report())
