"""sd.ops and its stub hold exactly the table; own operations stand beside it.

``python tests/autodiff/test_ops.py`` writes the stub.
"""
import copy
import inspect
import pickle
from pathlib import Path

import numpy as np
import pytest

import sdpadv_np as sd
from sdpadv_np import Tensor, ops
from sdpadv_np.autodiff.registry import FUNCTIONS, OPS, OWN
from sdpadv_np.errors import ArgumentError, OperationError

STUB = Path(ops.__file__).with_suffix(".pyi")


def stub() -> str:
    """The names and parameters of the table, for editors and type checkers."""
    lines = ["# ruff: noqa: E501", "# Written by tests/autodiff/test_ops.py from the table of rules."]
    lines += ["from typing import Any", ""]
    for name in sorted(FUNCTIONS):
        parameters = []
        for p in inspect.signature(FUNCTIONS[name]).parameters.values():
            star = "*" if p.kind is p.VAR_POSITIONAL else ""
            parameters.append(f"{star}{p.name}: Any" + ("" if p.default is p.empty else " = ..."))
        if all(p.kind is p.POSITIONAL_ONLY for p in inspect.signature(FUNCTIONS[name]).parameters.values()):
            parameters.append("/")
        lines.append(f"def {name}({', '.join(parameters)}) -> Any: ...")
    return "\n".join(lines) + "\n"


def test_the_stub_is_the_table():
    assert STUB.read_text() == stub(), "run python tests/autodiff/test_ops.py"


def test_ops_are_the_table():
    assert ops.__all__ == sorted(OPS) == sorted(FUNCTIONS)
    assert all(getattr(ops, name) is FUNCTIONS[name] for name in OPS)


def RULE(g, y, x):
    return g * (3 * x * x)


@pytest.fixture
def cube():
    yield sd.define_op(
        "cube", lambda x, scale=1.0: scale * x**3, lambda g, y, x, scale: g * (3 * scale * x * x),
        formula="x̄ = 3 ȳ scale x²", samples=lambda rng: [([rng.standard_normal(3)], {"scale": 2.0})],
        kinks="none", doc="scale x³")
    OWN.pop("cube", None)


def test_an_operation_of_one_s_own(cube):
    x = Tensor(np.array([1.0, -2.0]), requires_grad=True)
    (first,) = sd.grad(cube(x, scale=2.0).sum(), [x], create_graph=True)
    (second,) = sd.grad(first.sum(), [x])
    np.testing.assert_array_equal(first.data, [6.0, 24.0])
    np.testing.assert_array_equal(second.data, [12.0, -24.0])
    sd.gradcheck(cube, np.array([0.3, -1.2]), order=3)
    assert "x̄ = 3 ȳ scale x²" in cube.__doc__ and "scale x³" in cube.__doc__
    assert "cube" not in OPS and not hasattr(ops, "cube")
    plan = sd.Plan(lambda a: cube(a))
    for k in range(4):
        np.testing.assert_array_equal(plan(np.array([k], float)), [k**3])


def test_its_graphs_can_be_copied_and_pickled(cube):
    x = Tensor(np.array([2.0]), requires_grad=True)
    for y in (copy.deepcopy(cube(x)), pickle.loads(pickle.dumps(cube(x)))):
        y.sum().backward()
    assert pickle.loads(pickle.dumps(cube(x))).op is OWN["cube"]


def test_what_define_op_refuses(cube):
    def define(name="other", rules=(lambda g, y, x: g * y,), formula="x̄ = ȳ y"):
        return sd.define_op(name, np.exp, *rules, formula=formula, samples=[np.array([0.5, -1.0])])

    with pytest.raises(ArgumentError, match="'exp' is one of sd.ops"):
        define("exp")
    with pytest.raises(TypeError, match="no derivative rule"):
        define(rules=())
    with pytest.raises(ArgumentError, match="differs from the rule of input 0"):
        define(formula="x̄ = ȳ x")
    with pytest.raises(ArgumentError, match="differs from the rule"):
        define(rules=(lambda g, y, x: g * x,))
    assert "other" not in OWN
    define("cube")  # anew, with another rule
    assert OWN["cube"].formula == "x̄ = ȳ y"
    with pytest.raises(OperationError, match="cube"):
        cube(Tensor(np.ones(2)), scale=np.ones(3))


@pytest.mark.parametrize("change, message", (
    ({"name": "a b"}, "name is 'a b'; give a text of letters"),
    ({"name": 5}, "name is 5"),
    ({"forward": 5}, "its forward is 5; give a function"),
    ({"rules": [5]}, "its rule 0 is 5"),
    ({"rules": [RULE, RULE]}, "has 2 rules, a sample has 1 inputs; give one rule for each"),
    ({"forward": lambda x: 1 / 0}, r"its forward fails at a sample \(ZeroDivisionError: division by zero\)"),
    ({"forward": lambda x: np.multiply(x, x * x, out=x)}, "its forward fails .*read-only.*; let it make new arrays"),
    ({"forward": lambda x: None}, "its forward gives object at a sample; expected real numbers"),
    ({"forward": lambda x: x + 1j}, "its forward gives complex128"),
    ({"rules": [lambda g, y, x: None]}, "its rule 0 gives object"),
    ({"rules": [lambda g, y, x: np.zeros(7)]}, r"of shape \(7,\) at an input of shape \(2,\)"),
    ({"samples": []}, "has 1 rules, a sample has 0 inputs"),
    ({"samples": lambda rng: []}, "samples gives no case"),
    ({"formula": "x̄ = " + "(" * 9999}, "cannot be computed"),
    ({"formula": "x̄ = __import__('os').abort()"}, "cannot be read"),
    ({"formula": None}, "formula is None"),
))
def test_define_op_names_what_is_wrong_with_the_functions_samples_and_formula(change, message):
    points = np.array([0.5, -2.0])
    given = {"name": "other", "forward": lambda x: x**3, "rules": [RULE], "formula": "x̄ = 3 ȳ x²", "samples": [points]}
    given |= change
    with pytest.raises(ArgumentError, match=message) as caught:
        sd.define_op(given.pop("name"), given.pop("forward"), *given.pop("rules"), **given)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
    assert "other" not in OWN and points.tolist() == [0.5, -2.0]


if __name__ == "__main__":
    STUB.write_text(stub())
