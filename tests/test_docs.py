"""Examples in docstrings and pages run as written, links lead somewhere, names in the glossary exist."""
import doctest
import functools
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sdpadv_np

ROOT = Path(__file__).resolve().parent.parent
MODULES = [m.name for m in pkgutil.walk_packages(sdpadv_np.__path__, "sdpadv_np.") if not m.name.endswith("__main__")]
GLOSSARY = ROOT / "sdpadv_np/GLOSSARY.md"
PAGES = sorted([  # what is written by hand; records under benchmarks/results are written by programs
    ROOT / "README.md", ROOT / "benchmarks/LOG.md", *(ROOT / ".github").glob("*.md"),
    *(ROOT / "sdpadv_np").rglob("*.md"), *(ROOT / "kernels").rglob("*.md"),
])


def named(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def test_public_names_are_documented():
    for name in sdpadv_np.__all__:
        assert getattr(sdpadv_np, name).__doc__, name


README_EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)


@pytest.mark.parametrize("number", range(len(README_EXAMPLES)))
def test_the_readmes_examples_run(number, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "own.npz", x=rng.random((70, 3, 32, 32), np.float32), y=np.arange(70) % 7)
    program = README_EXAMPLES[number].replace('"mnist"', '"glyphs"').replace("epochs=20", "epochs=1")
    program = program.replace("y_val), ", "y_val, epochs=1), ").replace('"sdpadv"], ', '"sdpadv"], epochs=1, ')
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda p: p.name)
def test_examples_run(path, tmp_path):
    command = [sys.executable, str(path), "--dataset", "glyphs", "--epochs", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", [p for p in PAGES if p.name == "README.md" and p.parent != ROOT], ids=named)
def test_pages_quote_their_folder_as_it_is(page):
    quotes = re.findall(r"```python\n(.*?)```", page.read_text(), re.S)
    sources = [path.read_text() for path in sorted(page.parent.rglob("*.py"))]
    assert quotes
    for quote in quotes:
        assert any(f"\n{quote}" in source for source in sources), f"no file of {page.parent.name}/ holds:\n{quote}"


def anchors(page):
    """The anchors of a page's headings, as hosts make them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", page.read_text(), flags=re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page):
    for target, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([^)\s]+))?\)", page.read_text()):
        other = (page.parent / target).resolve() if target else page
        assert other.exists(), target
        assert not anchor or anchor in anchors(other), f"{target}#{anchor}"


@functools.cache
def words(path):
    return set(re.findall(r"\w+", path.read_text()))


GLOSSARY_ROWS = [
    [cell.strip() for cell in line.strip().strip("|").split(" | ")]
    for line in (GLOSSARY.read_text() if GLOSSARY.exists() else "").splitlines()
    if line.startswith("|") and "](" in line
]


@pytest.mark.parametrize("row", GLOSSARY_ROWS, ids=lambda row: row[0].replace("`", "")[:40])
def test_names_in_the_glossary_exist(row):
    files = [(GLOSSARY.parent / target).resolve() for target in re.findall(r"\]\(([^)#:\s]+)", row[-1])]
    names = re.findall(r"`([^`]+)`", row[-2])
    assert files and all(path.exists() for path in files), row
    assert names, row
    held = set().union(*(words(f) for path in files for f in (sorted(path.glob("*.py")) if path.is_dir() else [path])))
    for name in names:
        missing = set(re.findall(r"[^\W\d]\w*", name)) - held - {"sd"}
        assert not missing, f"{missing} of {name} is not in {row[-1]}"
        if name.startswith("sd."):
            functools.reduce(getattr, name.removeprefix("sd.").split("."), sdpadv_np)


def test_the_glossary_is_read():
    assert len(GLOSSARY_ROWS) > 50
