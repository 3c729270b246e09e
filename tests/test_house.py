"""The rules of the house: who may import whom, what loads when, what is shipped."""
import ast
import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "sdpadv_np"
ORDER = (  # each may import only what stands before it (and itself)
    "errors", "open_blocks", "extras", "kernels", "xp", "checks", "storage", "autodiff", "nn", "optim", "losses", "data",
    "training", "warming", "models", "attacks", "evaluation", "experiments", "bench", "cli",
)
KERNELS_IMPORT = {
    "__future__", "concurrent", "ctypes", "contextlib", "fractions", "functools", "hashlib", "importlib", "logging", "math", "operator", "os", "pathlib", "stat", "sys", "tempfile", "threading", "time", "typing",
    "warnings", "weakref", "numpy", "numba", "llvmlite", "cupy", "sdpadv_np",
}
INSIDE_AUTODIFF = ("tensor", "parameters", "registry", "rules", "accumulation", "engine", "sealed", "gradcheck", "ops", "recorded", "recorder", "cuda_graph", "plan")
SOURCES = [p for top in (PACKAGE, ROOT / "kernels", ROOT / "examples", ROOT / "benchmarks") for p in top.rglob("*.py")]


def imported(path: Path, package: str):
    """Absolute names of what a module of ``package`` imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{a.name}" for a in node.names)


def modules():
    for top, name in ((PACKAGE, "sdpadv_np"), (ROOT / "kernels", "sdpadv_np.kernels")):
        for path in top.rglob("*.py"):
            yield path, ".".join([name, *path.relative_to(top).parent.parts])


def test_imports_point_downward_only():
    for path, package in modules():
        room = package.split(".")[1] if "." in package else path.stem
        if room == "__init__":
            continue  # the public face
        for name in imported(path, package):
            parts = name.split(".")
            if parts[0] == "sdpadv_np" and len(parts) > 1 and parts[1] in ORDER:
                assert ORDER.index(parts[1]) <= ORDER.index(room), f"{path} imports {name}"


def test_kernels_import_nothing_of_ours():
    for path, package in modules():
        if package.startswith("sdpadv_np.kernels"):
            for name in imported(path, package):
                assert name.split(".")[0] in KERNELS_IMPORT, f"{path} imports {name}"
                assert not name.startswith("sdpadv_np") or name.startswith("sdpadv_np.kernels"), f"{path} imports {name}"


def test_autodiff_has_an_order_too():
    for path in (PACKAGE / "autodiff").rglob("*.py"):
        room = "rules" if path.parent.name == "rules" else path.stem
        if room == "__init__":
            continue
        for name in imported(path, "sdpadv_np.autodiff" + (".rules" if room == "rules" else "")):
            parts = name.split(".")
            if parts[:2] == ["sdpadv_np", "autodiff"] and len(parts) > 2 and parts[2] in INSIDE_AUTODIFF:
                assert INSIDE_AUTODIFF.index(parts[2]) <= INSIDE_AUTODIFF.index(room), f"{path} imports {name}"


def test_no_framework_in_the_product():
    for path in (*PACKAGE.rglob("*.py"), *(ROOT / "kernels").rglob("*.py")):
        assert not re.search(r"^\s*(import|from) (torch|jax|tensorflow|scipy|pickle)\b", path.read_text(), re.M), path


def test_importing_loads_numpy_and_nothing_slower():
    program = "import sys, sdpadv_np; print(*(m for m in ('numba', 'h5py', 'cupy', 'matplotlib', 'tqdm', 'argparse', 'urllib.request') if m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split() == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_can_be_held_in_the_head(path):
    assert len(path.read_text().splitlines()) <= 260


def test_every_folder_is_packaged():
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg")
    named = set(setup["options"]["packages"].split())
    assert named == {package for path, package in modules() if path.name == "__init__.py"}


def test_the_wheel_holds_everything(tmp_path):
    import shutil
    import zipfile

    for name in ("sdpadv_np", "kernels"):
        shutil.copytree(ROOT / name, tmp_path / "src" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / "src")
    (tmp_path / "src/kernels/affine_sample/marker.cu").write_text("// any CUDA source\n")
    build = "import setuptools.build_meta as b; b.build_wheel(r'%s')" % tmp_path
    done = subprocess.run([sys.executable, "-c", build], cwd=tmp_path / "src", capture_output=True, text=True)
    if "No module named 'setuptools'" in done.stderr:
        pytest.skip("setuptools is not installed in this environment")
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    expected = {str(Path("sdpadv_np") / p.relative_to(PACKAGE)) for p in PACKAGE.rglob("*.py")}
    expected |= {str(Path("sdpadv_np/kernels") / p.relative_to(ROOT / "kernels")) for end in ("*.py", "*.cu", "*.cuh") for p in (ROOT / "kernels").rglob(end)}
    assert expected | {"sdpadv_np/kernels/affine_sample/marker.cu"} <= inside
    assert not {name.split("/")[0] for name in inside} - {"sdpadv_np"} - {n for n in (i.split("/")[0] for i in inside) if n.endswith(".dist-info")}
