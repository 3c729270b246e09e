"""Every example in a docstring and in the README runs as written."""
import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sdpadv_np

ROOT = Path(__file__).resolve().parent.parent
MODULES = [m.name for m in pkgutil.walk_packages(sdpadv_np.__path__, "sdpadv_np.") if not m.name.endswith("__main__")]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def test_public_names_are_documented():
    for name in sdpadv_np.__all__:
        assert getattr(sdpadv_np, name).__doc__, name


def test_the_readmes_library_example_runs(tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    program = example.replace('"mnist"', '"glyphs"').replace("epochs=20", "epochs=1")
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda p: p.name)
def test_examples_run(path, tmp_path):
    done = subprocess.run([sys.executable, str(path), "--dataset", "glyphs", "--epochs", "1"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", sorted((ROOT / "kernels").glob("*/README.md")), ids=lambda p: p.parent.name)
def test_kernel_pages_quote_the_reference_as_it_is_and_link_to_what_is_there(page):
    text, source = page.read_text(), (page.parent / "reference.py").read_text()
    quotes = re.findall(r"```python\n(.*?)```", text, re.S)
    assert quotes
    for quote in quotes:
        assert f"\n{quote}" in source, f"{page.parent.name}/reference.py does not hold:\n{quote}"
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (page.parent / target).exists(), target
