"""How fast are the benchmarks on older processors? The same ones with this machine's instructions, and with fewer.

    python benchmarks/processors.py

Each processor is an environment of child processes, which restricts our kernels (Numba), NumPy's own loops and
OpenBLAS, and PyTorch (ATen, MKL, oneDNN) to the same instructions. Writes benchmarks/results/processors/: the table of
times and ratios, and every child's record as JSON. ``--quick --output DIR`` shows that it works.
"""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from common import RESULTS, document, parser
from numpy._core._multiarray_umath import __cpu_dispatch__ as LOOPS

from sdpadv_np.evaluation import tables
from sdpadv_np.kernels import dense
from sdpadv_np.storage import files
from sdpadv_np.storage.provenance import provenance

BENCHMARKS = {
    "ops": ("dense", "affine"),
    "conv": ("model-a",),
    "train": ("sdpadv-b", "model-b", "model-a"),
}
TITLE = "Kinds of processors: one thread, times as fast as PyTorch with the same instructions"
_UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # of this machine's environment, which restrict NumPy's products


def _without(*words):
    """The environment that disables NumPy's own loops for instructions of these kinds."""
    return {"NPY_DISABLE_CPU_FEATURES": " ".join(name for name in LOOPS if any(word in name for word in words))}


def _run(command, environment):
    """The output of a command in this environment."""
    kept = {name: value for name, value in os.environ.items() if name not in _UNSET}
    return subprocess.run(command, env=kept | environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def processors():
    """{name: environment}"""
    here = {"this processor": {}}
    if dense.implementations()["amx"]:
        here["without AMX tiles"] = {"SDPADV_KERNEL": "numba"}
    return here | {
        "AVX2": {
            "NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+fma", "OPENBLAS_CORETYPE": "Haswell",
            "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2",
            **_without("AVX512", "V4"),
        },
        "generic x86-64": {
            "NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "OPENBLAS_CORETYPE": "Nehalem", **_without(""),
            "ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2", "ONEDNN_MAX_CPU_ISA": "SSE41",
        },
    }


def measure(benchmark, cases, environment, rounds):
    """The record of the program of a benchmark, with PyTorch, in a process of its own."""
    program = Path(__file__).parent / f"{benchmark}.py"
    with tempfile.TemporaryDirectory() as folder:
        options = ["--cases", *cases, "--peers", "torch", "--rounds", str(rounds), "--output", folder]
        _run([sys.executable, str(program), *options], environment)
        return json.loads(Path(folder, "cpu.json").read_text())


def openblas(environment):
    """The processor for which NumPy's products are compiled."""
    program = ("import numpy, threadpoolctl as t\n"
               "print(*{i['architecture'] for i in t.threadpool_info() if i['user_api'] == 'blas'})")
    return _run([sys.executable, "-c", program], environment).strip()


def rows(records):
    """(job, then for each processor our time and the ratio to PyTorch's)"""
    jobs = {}
    for processor, benchmarks in records.items():
        for result in (result for record in benchmarks.values() for result in record["results"]):
            for name, ours in result["contenders"].items():
                if name.startswith("ours"):
                    time, ratio = ours["seconds"]["median"], ours["times_as_fast_as"]["torch"]["median"]
                    jobs.setdefault(f"{result['title']}: {name}", {})[processor] = f"{1000 * time:.3g} ms, {ratio:.2f}"
    return [(job, *(cells.get(processor, "") for processor in records)) for job, cells in jobs.items()]


def main():
    p = parser(__doc__, rounds=15, output=RESULTS / "processors", quick={
        "action": "store_true", "help": "the single operations alone, three rounds"}).parse_args()
    benchmarks, rounds = ({"ops": BENCHMARKS["ops"]}, 3) if p.quick else (BENCHMARKS, p.rounds)
    environments, records = processors(), {}
    for name, environment in environments.items():
        for benchmark, cases in benchmarks.items():
            print(f"{name}: {benchmark}", flush=True)
            records.setdefault(name, {})[benchmark] = measure(benchmark, cases, environment, rounds)
    table = rows(records), ("job: contender", *records)
    print(tables.text(*table))
    made, columns = provenance(), ("processor", "NumPy's products", "environment")
    used = [(name, openblas(environment), " ".join(f"`{k}={v}`" for k, v in environment.items()))
            for name, environment in environments.items()]
    files.write_text(p.output / "README.md", document(
        TITLE, f"{made['processor']}; each cell: our median time, and how many times as fast as eager PyTorch in the "
        "same rounds.", tables.markdown(*table), tables.markdown(used, columns),
        f"Made by `python benchmarks/processors.py`, {made['date']}, commit {made['commit']}. "
        "NumPy's products have no variant below SSE4.2 here."))
    files.write_json(p.output / "records.json", {"made": made, "environments": environments, "records": records})
    print(f"written to {p.output}")


if __name__ == "__main__":
    main()
