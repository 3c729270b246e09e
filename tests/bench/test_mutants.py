"""The mutation run: what it changes, what it leaves alone, and that the tests it runs are there."""
import doctest
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_example_of_the_mutations(program):
    module = program("mutations")
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("source, expected", [
    ("f(x)\n", ["pass"]),
    ("a[0] = b\n", ["pass", "a[(1)] = b\n"]),
    ("a += 2\n", ["a -= 2", "pass", "a += (3)\n"]),
    ("y = a and not b\n", ["y = (a or not b)\n", "y = a and (b)\n"]),
    ("y = a in b\n", ["y = (a not in b)\n"]),
    ("def f(a: int = 0.5): return a @ b\n",
     ["def f(a: int = (1.0)): return a @ b\n", "def f(a: int = 0.5): return (a * b)\n"]),
    ("if a:\n    raise ValueError(f'{a + 1}')\n",
     ["if not a:\n    raise ValueError(f'{a + 1}')", "if a:\n    pass\n"]),
    ('"""Text of 1 < 2."""\nx: tuple[1] = f"{y + 1}"\n', []),
    ("ȳ = x̄ + 1  # other alphabets\n",
     [f"ȳ = {changed}  # other alphabets\n" for changed in ("(x̄ - 1)", "x̄ + (2)", "x̄ + (0)")]),
])
def test_each_way_of_breaking(program, source, expected):
    got = [m.text for m in program("mutations").mutations(source)]
    assert [t.strip() for t in got] == [t.strip() for t in expected]


def test_the_row_of_the_table_is_known(program):
    mutations = program("mutations").mutations
    row = 'tanh = define("tanh", t, lambda g, y: g * y, formula="x", samples=normal((3, 4)))'
    rows = {m.operation for m in mutations(f"x = 1\n{row}\n")}
    assert rows == {None, "tanh"}
    assert not any("(3, 5)" in m.text for m in mutations('define("tanh", samples=normal((3, 4)))\n'))


def test_files_and_their_tests_exist(program):
    for name, rounds in program("mutant_tests").TESTS.items():
        assert (ROOT / "sdpadv_np" / name).exists()
        for argument in sum(rounds, []):
            assert not argument.endswith(".py") or (ROOT / "tests" / argument).exists(), argument
