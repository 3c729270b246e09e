"""Registers, shared memory and spills of each CUDA kernel. Needs nvcc, no GPU.

    python benchmarks/cuda_resources.py

Writes benchmarks/results/cuda_resources.json, and cuda_resources.md, its table.
"""
import re
import subprocess
import tempfile
from pathlib import Path

from sdpadv_np.evaluation import tables
from sdpadv_np.kernels.sampling.cuda_source import options, source
from sdpadv_np.storage import files
from sdpadv_np.storage.provenance import provenance

RESULTS = Path(__file__).parent / "results"
KERNELS, DTYPES, ARCHITECTURES = ("affine_sample", "flow_sample"), ("float32", "float64"), ("sm_75", "sm_80", "sm_90")
FIELDS = {"registers": r"Used (\d+) registers", "static_shared_bytes": r"(\d+) bytes smem",
          "stack_bytes": r"(\d+) bytes stack frame", "spill_store_bytes": r"(\d+) bytes spill stores",
          "spill_load_bytes": r"(\d+) bytes spill loads"}


def resources(kernel: str, dtype: str, architecture: str) -> dict[str, dict[str, int]]:
    """{function: {field: number}}, as ptxas reports."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kernel.cu")
        path.write_text(source(kernel))
        command = ["nvcc", *options(dtype), f"-arch={architecture}", "-cubin", "-Werror=all-warnings", "-Xptxas=-v",
                   "-o", str(path.with_suffix(".cubin")), str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
    functions = re.split(r"Function properties for (\w+)", done.stderr)[1:]
    return {name: {field: int((re.search(pattern, text) or ["", 0])[1]) for field, pattern in FIELDS.items()}
            for name, text in zip(functions[::2], functions[1::2])}


def main() -> None:
    said = subprocess.run(["nvcc", "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"release [\d.]+, V([\d.]+)", said)[1]
    rows = [{"kernel": kernel, "dtype": dtype, "architecture": architecture, "function": function, **numbers}
            for kernel in KERNELS for dtype in DTYPES for architecture in ARCHITECTURES
            for function, numbers in sorted(resources(kernel, dtype, architecture).items())]
    note = ("Compiled, not run on a GPU. The dynamic shared memory of a block holds up to two padded images of "
            "(H + 4) ((W + 4) | 1) numbers.")
    record = {"note": note, "nvcc": version, "provenance": provenance(), "functions": rows}
    files.write_json(RESULTS / "cuda_resources.json", record)
    headings = ["kernel", "function", "dtype", *(f"{a}: registers" for a in ARCHITECTURES), "spills, bytes",
                "static shared memory, bytes"]
    table = []
    for first in (row for row in rows if row["architecture"] == ARCHITECTURES[0]):
        same = [row for row in rows if all(row[key] == first[key] for key in ("kernel", "dtype", "function"))]
        spills = max(row["spill_store_bytes"] + row["spill_load_bytes"] for row in same)
        numbers = (*(row["registers"] for row in same), spills, max(row["static_shared_bytes"] for row in same))
        table.append((first["kernel"], first["function"], first["dtype"], *map(str, numbers)))
    files.write_text(RESULTS / "cuda_resources.md",
                     f"# Resources of the CUDA kernels\n\n{note} nvcc {version}. Command: "
                     f"`python benchmarks/cuda_resources.py`.\n\n{tables.markdown(table, headings)}\n")


if __name__ == "__main__":
    main()
