"""What does a lesser processor cost? The same questions on what this machine has, and held to older instructions.

    python benchmarks/processors.py

Each processor is an environment of child processes, which hold everybody to the same instructions: our kernels
(Numba), NumPy's own loops and OpenBLAS, PyTorch (ATen, MKL, oneDNN). Writes benchmarks/results/processors/:
the table of times and ratios, and every child's record as JSON. ``--quick --output DIR`` shows that it works.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from numpy._core._multiarray_umath import __cpu_dispatch__ as LOOPS
from sdpadv_np.evaluation import tables
from sdpadv_np.kernels import dense
from sdpadv_np.storage.provenance import provenance

QUESTIONS = {
    "ops": ("dense", "affine"),
    "conv": ("model-a",),
    "train": ("sdpadv-b", "model-b", "model-a"),
}
TITLE = "What kinds of processors cost: one thread, times as fast as PyTorch held to the same instructions"
_FREE = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # of this machine's environment: what NumPy's products would be held to


def _without(*words):
    """NumPy's own loops for instructions of these kinds, switched off."""
    return {"NPY_DISABLE_CPU_FEATURES": " ".join(name for name in LOOPS if any(word in name for word in words))}


def processors():
    """{name: environment}"""
    here = {"this processor": {}}
    if dense.implementations()["amx"]:
        here["without matrix tiles"] = {"SDPADV_KERNEL": "numba"}
    return here | {
        "AVX2": {
            "NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+fma", "OPENBLAS_CORETYPE": "Haswell", **_without("AVX512", "V4"),
            "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2",
        },
        "generic x86-64": {
            "NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "OPENBLAS_CORETYPE": "Nehalem", **_without(""),
            "ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2", "ONEDNN_MAX_CPU_ISA": "SSE41",
        },
    }


def measure(question, cases, environment, rounds):
    """The record of ``sdpadv bench QUESTION`` in a process of its own."""
    free = {name: value for name, value in os.environ.items() if name not in _FREE}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "sdpadv_np.cli", "bench", question, "--cases", *cases, "--peers", "torch", "--rounds", str(rounds), "--output", folder]
        subprocess.run(command, env=free | environment, check=True, stdout=subprocess.DEVNULL)
        return json.loads(Path(folder, f"{question}.json").read_text())


def openblas(environment):
    """For which processor NumPy's products are made."""
    program = "import numpy, threadpoolctl; print(*{i['architecture'] for i in threadpoolctl.threadpool_info() if i['user_api'] == 'blas'})"
    free = {name: value for name, value in os.environ.items() if name not in _FREE}
    return subprocess.run([sys.executable, "-c", program], env=free | environment, check=True, capture_output=True, text=True).stdout.strip()


def rows(records):
    """(job, then for each processor our time and the ratio to PyTorch's)"""
    jobs = {}
    for processor, questions in records.items():
        for record in questions.values():
            for result in record["results"]:
                for name, ours in result["contenders"].items():
                    if name.startswith("ours"):
                        ratio = ours["times_as_fast_as"]["torch"]["median"]
                        jobs.setdefault(f"{result['title']}: {name}", {})[processor] = f"{1000 * ours['seconds']['median']:.3g} ms, {ratio:.2f}"
    return [(job, *(cells.get(processor, "") for processor in records)) for job, cells in jobs.items()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, metavar="N")
    parser.add_argument("--quick", action="store_true", help="the single operations alone, three rounds")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "processors", metavar="DIR")
    p = parser.parse_args()
    questions, rounds = ({"ops": QUESTIONS["ops"]}, 3) if p.quick else (QUESTIONS, p.rounds)
    environments, records = processors(), {}
    for name, environment in environments.items():
        for question, cases in questions.items():
            print(f"{name}: {question}", flush=True)
            records.setdefault(name, {})[question] = measure(question, cases, environment, rounds)
    table = rows(records), ("job: contender", *records)
    print(tables.text(*table))
    made = provenance()
    lines = [
        f"# {TITLE}", "", f"{made['processor']}; each cell: our median time, and how many times as fast as eager PyTorch in the same rounds.", "",
        tables.markdown(*table), "", "| processor | NumPy's products | environment |", "| --- | --- | --- |",
        *(f"| {name} | {openblas(environment)} | {' '.join(f'`{k}={v}`' for k, v in environment.items())} |" for name, environment in environments.items()),
        "", f"Made by `python benchmarks/processors.py`, {made['date']}, commit {made['commit']}. NumPy's products have no variant below SSE4.2 here.", "",
    ]
    p.output.mkdir(parents=True, exist_ok=True)
    (p.output / "README.md").write_text("\n".join(lines))
    (p.output / "records.json").write_text(json.dumps({"made": made, "environments": environments, "records": records}, indent=1) + "\n")
    print(f"written to {p.output}")


if __name__ == "__main__":
    main()
