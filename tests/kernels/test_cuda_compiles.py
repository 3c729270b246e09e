"""What nvcc says of the CUDA C kernels, and what those hear who have no device."""
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sdpadv_np.kernels.sampling import cuda_source as _cuda_source

spec = importlib.util.spec_from_file_location(
    "cuda_resources", Path(__file__).parents[2] / "benchmarks" / "cuda_resources.py"
)
cuda_resources = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cuda_resources)


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="no nvcc on PATH")
@pytest.mark.parametrize("kernel", cuda_resources.KERNELS)
@pytest.mark.parametrize("dtype", cuda_resources.DTYPES)
@pytest.mark.parametrize("architecture", cuda_resources.ARCHITECTURES)
def test_compiles_without_warnings_and_spills(kernel, dtype, architecture):
    functions = cuda_resources.resources(kernel, dtype, architecture)
    assert set(functions) == {"forward_shared", "forward_global", "backward_shared", "backward_global"}
    for numbers in functions.values():
        assert 0 < numbers["registers"] <= 128  # 512 threads of them fit a multiprocessor
        assert numbers["stack_bytes"] == numbers["spill_store_bytes"] == numbers["spill_load_bytes"] == 0


@pytest.mark.parametrize("kernel", cuda_resources.KERNELS)
def test_no_compare_and_swap_and_no_float_atomics(kernel):
    text = _cuda_source.source(kernel)
    assert "atomicCAS" not in text
    assert (
        text.count("atomicAdd(") == 4 and "atomicAdd((float" not in text
    )  # three of sums, one that counts: all unsigned


def test_the_sources_are_where_the_package_is():
    folder = Path(_cuda_source.__file__).parent.parent
    assert {str(p.relative_to(folder)) for end in ("cu", "cuh") for p in folder.rglob(f"*.{end}")} == {
        "sampling/bilinear.cuh", "sampling/kernels.cuh", "affine_sample/affine_sample.cu", "flow_sample/flow_sample.cu"}


@pytest.mark.parametrize("kernel", cuda_resources.KERNELS)
@pytest.mark.parametrize(
    "found, reason",
    (
        ("sys.modules['cupy'] = None", "pip install 'sdpadv-np[cuda13]'"),
        ("cupy.cuda.runtime.getDeviceCount = lambda: 0", "CuPy finds no CUDA device"),
        (
            "def none(): raise RuntimeError('no driver')\ncupy.cuda.runtime.getDeviceCount = none",
            "CuPy finds no CUDA device (no driver)",
        ),
    ),
)
def test_what_is_missing_is_said(kernel, found, reason):
    program = f"import sys\nimport cuda_on_cpu\ncupy = sys.modules['cupy'] = cuda_on_cpu.CuPy('.')\n{found}\n"
    program += f"from sdpadv_np.kernels import {kernel} as kernel\n"
    program += "for name in ('cuda', 'numba-cuda'): print(kernel.implementations()[name], kernel.why_not(name))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    )
    for line in done.stdout.splitlines():
        assert line.startswith("False ") and reason in line
