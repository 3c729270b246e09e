"""The rules of the house: who may import whom, what loads when, how long lines and files may be, what is shipped."""
import ast
import configparser
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "benchmarks"))

import house as plan  # noqa: E402

PACKAGE = ROOT / "sdpadv_np"
ORDER = (  # each room of sdpadv_np may import only itself and what stands before it
    "errors", "version", "deprecation", "open_blocks", "extras", "kernels", "xp", "checks", "storage", "autodiff", "nn",
    "optim", "losses", "data", "training", "warming", "models", "attacks", "defences", "evaluation", "experiments",
    "bench", "cli",
)
INSIDE_AUTODIFF = (
    "tensor", "parameters", "operation", "registry", "rules", "accumulation", "engine", "read_only", "differences",
    "derivative_check", "gradcheck", "ops", "formula_reader", "formulas", "own_operations", "recorded", "recorder",
    "cuda_graph", "plan",
)
KERNELS_IMPORT = {
    "__future__", "collections", "concurrent", "contextlib", "ctypes", "cupy", "dataclasses", "fractions", "functools",
    "hashlib", "importlib", "llvmlite", "logging", "math", "numba", "numpy", "operator", "os", "pathlib", "sdpadv_np",
    "stat", "sys", "tempfile", "threading", "time", "typing", "warnings", "weakref",
}
FRAMEWORKS = {"cv2", "jax", "jaxlib", "keras", "pickle", "scipy", "tensorflow", "torch"}
IMPORTERS = {"__import__", "find_spec", "import_module", "importorskip", "needed"}  # functions that import by name
HOUSE = plan.read(ROOT, [])
PRODUCT = {name: file for name, file in HOUSE.files.items() if "/" in file.room}
SOURCES = [p for top in (PACKAGE, ROOT / "kernels", ROOT / "examples", ROOT / "benchmarks") for p in top.rglob("*.py")]


def path_of(name: str) -> Path:
    """The file of a module of the product."""
    parts = name.split(".")
    base = ROOT.joinpath(*parts[1:] if parts[1:2] == ["kernels"] else parts)
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def room_of(name: str) -> str:
    """The room of sdpadv_np in which a module stands; "" for the public face."""
    return (name.split(".") + [""])[1]


def product_imports():
    """(importing, imported) module of the product, in functions too; the public face may import everything."""
    return [(a, b) for a, b in sorted(HOUSE.edges) if a in PRODUCT and b in PRODUCT and a != "sdpadv_np"]


def test_imports_point_downward_only():
    assert {room_of(name) for name in PRODUCT} - {""} <= set(ORDER)
    for importing, imported in product_imports():
        assert imported != "sdpadv_np", f"{importing} imports the public face"
        assert ORDER.index(room_of(imported)) <= ORDER.index(room_of(importing)), f"{importing} imports {imported}"


def test_no_import_goes_in_a_circle():
    between = {(a, b) for a, b in HOUSE.between_rooms() if "/" in a}
    assert plan.circles(HOUSE.edges) == []
    assert plan.circles(between) == []


def test_a_circle_would_be_found():
    assert plan.circles([("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")]) == [["a", "b", "c"]]
    assert plan.circles([("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]) == []


def test_imports_within_functions_are_read_too():
    tree = ast.parse("def f():\n    if True:\n        from ..data import mnist\n    import torch.nn\n")
    assert list(plan.imported(tree, "sdpadv_np.attacks")) == ["sdpadv_np.data:mnist", "torch.nn"]


def test_kernels_import_nothing_of_ours():
    for name, file in PRODUCT.items():
        if room_of(name) == "kernels":
            for imported in file.names:
                first, ours = re.split("[.:]", imported)[0], imported.replace(":", ".")
                assert first in KERNELS_IMPORT, f"{name} imports {imported}"
                assert first != "sdpadv_np" or ours.startswith("sdpadv_np.kernels"), f"{name} imports {imported}"


def test_autodiff_has_an_order_too():
    inside = [(a.split("."), b.split(".")) for a, b in product_imports() if room_of(a) == room_of(b) == "autodiff"]
    for importing, imported in inside:
        if len(importing) > 2 and len(imported) > 2:
            place, below = (INSIDE_AUTODIFF.index(parts[2]) for parts in (importing, imported))
            assert below <= place, f"{'.'.join(importing)} imports {'.'.join(imported)}"


def imported_by_name(tree):
    """Constant names given to functions such as ``importlib.import_module``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in IMPORTERS:
            yield from (a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str))


def framework_strings(tree):
    """Strings that name a framework or a part of it ("torch", "torch.nn"), or hold a program that imports one."""
    names = "|".join(sorted(FRAMEWORKS))
    rule = re.compile(rf"({names})(\.\w+)*$|(.*\n)*[ \t>.]*(import|from) ({names})\b|.*import_module\(.({names})\b")
    strings = (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str))
    yield from (string for string in strings if rule.match(string))


def test_no_framework_in_the_product():
    for name, file in PRODUCT.items():
        tree = ast.parse(path_of(name).read_text())
        names = {re.split("[.:]", imported)[0] for imported in [*file.names, *imported_by_name(tree)]}
        assert not names & FRAMEWORKS, name
        assert list(framework_strings(tree)) == [], name


def test_a_framework_in_a_string_would_be_found():
    hidden = ["torch", "jax.numpy", "import scipy", "x = 1\n  from torch import nn\n", 'i.import_module("torch")']
    harmless = ["torchlight", "with PyTorch: torch.tensor(x)", "a torch", "imported"]
    assert list(framework_strings(ast.parse(repr(hidden + harmless)))) == hidden


def test_importing_loads_numpy_and_nothing_slower():
    slow = ("numba", "h5py", "cupy", "matplotlib", "tqdm", "argparse", "urllib.request")
    program = f"import sys, sdpadv_np; print(*(m for m in {slow} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_can_be_held_in_the_head(path):
    assert len(path.read_text().splitlines()) <= 250


def test_no_line_has_more_than_120_characters():
    """Tables of rules say that they are exempt; ``ruff check`` holds the same, where it is installed."""
    long = []
    for path in (p for top in plan.TOPS for p in sorted((ROOT / top).rglob("*.py"))):
        lines = path.read_text().splitlines()
        if not any(line.startswith("# ruff: noqa: E501") for line in lines[:30]):
            long += [f"{path.relative_to(ROOT)}:{i}" for i, line in enumerate(lines, 1)
                     if len(line) > 120 and "noqa: E501" not in line]
    assert long == []


def test_every_folder_is_packaged():
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg")
    named = set(setup["options"]["packages"].split())
    assert named == {name for name in PRODUCT if path_of(name).name == "__init__.py"}


def test_the_wheel_holds_everything(tmp_path):
    for name in ("sdpadv_np", "kernels"):
        shutil.copytree(ROOT / name, tmp_path / "src" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / "src")
    (tmp_path / "src/kernels/affine_sample/marker.cu").write_text("// any CUDA source\n")
    build = f"import setuptools.build_meta as b; b.build_wheel({str(tmp_path)!r})"
    done = subprocess.run([sys.executable, "-c", build], cwd=tmp_path / "src", capture_output=True, text=True)
    if "No module named 'setuptools'" in done.stderr or "invalid command 'bdist_wheel'" in done.stderr:
        pytest.skip("this environment has no setuptools, or one before 70.1, which needs the package wheel")
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    sources = [p.relative_to(ROOT) for end in ("*.cu", "*.cuh") for p in (ROOT / "kernels").rglob(end)]
    sources += [path_of(name).relative_to(ROOT) for name in PRODUCT]
    expected = {str("sdpadv_np" / p if p.parts[0] == "kernels" else p) for p in sources}
    assert expected | {"sdpadv_np/kernels/affine_sample/marker.cu"} <= inside
    tops = {name.split("/")[0] for name in inside}
    assert {name for name in tops if not name.endswith(".dist-info")} == {"sdpadv_np"}
