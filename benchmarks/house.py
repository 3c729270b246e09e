"""How large is each room, and which room imports which? Counts the statements of a commit and draws its imports.

    python benchmarks/house.py                                              # the working tree, as a table
    python benchmarks/house.py --against cb771f4                            # compared with a commit
    python benchmarks/house.py --commit cb771f4 --output DIR/before.md      # writes the table and before.svg

A room is a folder or a module of ``sdpadv_np/``, a folder of ``kernels/``, or one of ``benchmarks/``, ``examples/``
and ``tests/``. A statement is a node of Python's syntax tree (``ast.stmt``), docstrings left out. An import is a pair
of files, the importing and the imported one, wherever the statement stands (in a function, too), except below
``if TYPE_CHECKING``. ``--apart PATH ...`` counts the files at or below these paths in a row of their own. The drawing
(benchmarks/house_drawing.py) needs matplotlib, the extra ``plot``.
"""
from __future__ import annotations

import ast
import io
import subprocess
import tarfile
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from common import document, parser
from house_drawing import circles, draw

from sdpadv_np.evaluation import tables
from sdpadv_np.storage import files

ROOT = Path(__file__).resolve().parent.parent
TOPS = ("sdpadv_np", "kernels", "benchmarks", "examples", "tests")
FACE = "(public face)"  # sdpadv_np/__init__.py
APART = "(counted apart)"


@dataclass
class File:
    """One Python file: its room, its size, and the dotted names that it imports."""

    room: str
    statements: int
    lines: list[int]  # the length of each line
    names: list[str]


@dataclass
class House:
    """``files`` by dotted module name; ``edges`` between files, as pairs of such names."""

    files: dict[str, File] = field(default_factory=dict)
    edges: set[tuple[str, str]] = field(default_factory=set)

    def rooms(self) -> dict[str, list[File]]:
        names = {file.room for file in self.files.values()}
        return {name: [file for file in self.files.values() if file.room == name]
                for name in sorted(names, key=lambda name: (TOPS.index(name.split("/")[0]), name))}

    def between_rooms(self) -> Counter[tuple[str, str]]:
        """{(importing room, imported room): number of pairs of files}; files counted apart are in no room."""
        pairs = ((self.files[a].room, self.files[b].room) for a, b in self.edges)
        return Counter((a, b) for a, b in pairs if a != b and APART not in a + b)


def module_of(path: Path) -> str:
    """The dotted name of a file; ``kernels/`` is installed as ``sdpadv_np.kernels``."""
    parts = path.with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    return ".".join(("sdpadv_np", *parts) if parts[0] == "kernels" else parts)


def room_of(path: Path, apart: list[str]) -> str:
    """The room of a file: sdpadv_np/attacks, sdpadv_np/losses, kernels/simd, tests; or the row of ``--apart``."""
    if any(path.is_relative_to(name) for name in apart):
        return f"{path.parts[0]}/{APART}"
    if path.parts[0] not in TOPS[:2]:
        return path.parts[0]
    return f"{path.parts[0]}/{FACE if path.parts[1] == '__init__.py' else path.with_suffix('').parts[1]}"


def imported(tree: ast.AST, package: str):
    """Dotted names of everything that a module of ``package`` imports; "a.b:c" for ``from a.b import c``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}:{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        else:
            yield from imported(node, package)


def statements(tree: ast.AST) -> int:
    """Statements that are not docstrings."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = list(ast.walk(tree))
    docstrings = sum(isinstance(n, documented) and ast.get_docstring(n, clean=False) is not None for n in nodes)
    return sum(isinstance(n, ast.stmt) for n in nodes) - docstrings


def read(root: Path, apart: list[str]) -> House:
    """The house below ``root``."""
    house = House()
    for path in sorted(p.relative_to(root) for top in TOPS for p in (root / top).rglob("*.py")):
        text = (root / path).read_text()
        tree, name = ast.parse(text), module_of(path)
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        names = list(imported(tree, package))
        house.files[name] = File(room_of(path, apart), statements(tree), [len(s) for s in text.splitlines()], names)
    for name, file in house.files.items():
        for target in file.names:
            base, _, part = target.partition(":")
            found = next((t for t in (f"{base}.{part}", base) if t in house.files), None)
            if found and found != name:
                house.edges.add((name, found))
    return house


def at_commit(commit: str, apart: list[str]) -> House:
    """The house of a commit, read from git without touching the working tree."""
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True)
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
        return read(Path(folder), apart)


def sizes(files: list[File]) -> tuple[int, int, int, int, int]:
    """(files, statements, lines, longest line, lines over 120 characters)"""
    lengths, statements = [n for file in files for n in file.lines], sum(file.statements for file in files)
    return len(files), statements, len(lengths), max(lengths, default=0), sum(n > 120 for n in lengths)


def rows(house: House) -> dict[str, tuple[int, ...]]:
    """{room: sizes and imports to and from other rooms}, then the sums of the product and of everything."""
    between, rooms = house.between_rooms(), house.rooms()

    def row(names):
        out, into = (sum(n for pair, n in between.items() if pair[i] in names and pair[1 - i] not in names)
                     for i in (0, 1))
        return (*sizes([f for name in names for f in rooms[name]]), out, into)

    product = [name for name in rooms if "/" in name]
    sums = {"product": product, "product and benchmarks": [*product, "benchmarks"], "everything": list(rooms)}
    return {name: row([name]) for name in rooms} | {name: row(names) for name, names in sums.items()}


def table(house: House, before: House | None) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    """Rows of texts and their headings; with ``before``, both numbers as "before > after"."""
    now, then = rows(house), rows(before) if before else {}

    def cell(room, i):
        new = f"{now[room][i]:,}" if room in now else "-"
        if not before:
            return new
        old = f"{then[room][i]:,}" if room in then else "-"
        return new if old == new else f"{old} > {new}"

    names = [*(r for r in now if "/" in r), *(r for r in then if "/" in r and r not in now)]
    names += [r for r in now if "/" not in r]
    columns = ("room", "files", "statements", "lines", "longest line", "over 120", "imports", "imported by")
    return [(room, *(cell(room, i) for i in range(7))) for room in names], columns


def summary(house: House) -> list[str]:
    """Longest line, statements and circles, as sentences."""
    between, rooms = house.between_rooms(), house.rooms()
    product = [f for room, files in rooms.items() if "/" in room for f in files]
    _, total, lines, longest, over = sizes(product)
    files, room_circles = circles(house.edges), circles(between)
    return [
        f"Product: {total:,} statements in {lines:,} lines; the longest line has {longest} characters, "
        f"{over:,} lines have more than 120.",
        f"Imports between rooms: {sum(between.values()):,}, of {len(between):,} pairs of rooms.",
        "Circles between files: " + ("; ".join(" - ".join(c) for c in files) or "none") + ".",
        "Circles between rooms: " + ("; ".join(" - ".join(c) for c in room_circles) or "none") + ".",
    ]


def main() -> None:
    p = parser(
        __doc__, commit={"metavar": "A", "help": "the commit to count, in place of the working tree"},
        against={"metavar": "B", "help": "a commit to compare with: cells are B's number > the new one"},
        apart={"nargs": "+", "default": [], "metavar": "PATH", "help": "files and folders in their own row"},
        output={"type": Path, "metavar": "FILE.md", "help": "write the table, and the drawing as FILE.svg"},
    ).parse_args()
    house = at_commit(p.commit, p.apart) if p.commit else read(ROOT, p.apart)
    before = at_commit(p.against, p.apart) if p.against else None
    title = f"The house at {p.commit or 'the working tree'}" + (f", compared with {p.against}" if p.against else "")
    cells = table(house, before)
    print("\n".join([title, "", tables.text(*cells), "", *summary(house)]))
    if p.output:
        picture = p.output.with_suffix(".svg")
        p.output.parent.mkdir(parents=True, exist_ok=True)
        draw(house.between_rooms(), {room: sizes(own)[1] for room, own in house.rooms().items()}, title, picture)
        apart = f" Counted apart: {', '.join(p.apart)}." * bool(p.apart)
        files.write_text(p.output, document(
            title, "\n".join(f"- {line}" for line in summary(house)), f"![rooms and imports]({picture.name})",
            tables.markdown(*cells), f"Made by `python benchmarks/house.py`.{apart}"))
        print(f"written: {p.output}, {picture}")


if __name__ == "__main__":
    main()
