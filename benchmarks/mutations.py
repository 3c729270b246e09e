"""The mutations of a program that benchmarks/mutants.py tries, one at a time.

Comparisons are reversed or moved by one, + and -, * and / exchanged, conditions negated, ``and`` and
``or`` exchanged, ``not`` and ``-`` left out, numbers moved by one (or doubled), True and False exchanged,
the first two arguments of a call exchanged, statements that do something dropped.

Left out are texts (docstrings, messages, formulas), annotations, and the sample inputs of the table of
operations, which belong to its tests.
"""
import ast
import copy
from collections.abc import Iterator
from typing import NamedTuple

_COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitAnd, ast.LShift: ast.RShift,
    ast.RShift: ast.LShift, ast.MatMult: ast.Mult,
}
# keywords of the table of operations that are no computation, or have a test of their own
_TEXTS = {"samples", "doc", "formula", "hint", "kinks", "reads"}
# functions and names at the level of the module
_SAMPLES = {"_off_grid", "_affine_case", "_flow_case", "_CASES", "_PAIRS", "_LAYERS", "_LABELS", "_SAME"}
_SYMMETRIC = {"min", "max", "maximum", "minimum"}  # functions that are symmetric in two arguments


class Mutation(NamedTuple):
    line: int
    before: str
    after: str
    text: str  # the whole changed program
    operation: str | None  # the row of the table of operations that it stands in


def mutations(source: str) -> Iterator[Mutation]:
    """Every mutation of a program that still compiles.

    >>> for m in mutations("y = f(a, b) if x < 2 else -z"):
    ...     print(f"{m.before} -> {m.after}")
    f(a, b) if x < 2 else -z -> f(a, b) if not x < 2 else -z
    x < 2 -> x <= 2
    x < 2 -> x >= 2
    2 -> 3
    f(a, b) -> f(b, a)
    -z -> z
    """
    lines = source.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    whole = source.encode()
    for node, operation in _nodes(ast.parse(source), None):
        for changed in _changes(node):
            first, last = starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
            after = ast.unparse(changed)
            inserted = after if isinstance(node, ast.stmt) else f"({after})"
            text = (whole[:first] + inserted.encode() + whole[last:]).decode()
            try:
                compile(text, "mutant", "exec")
            except SyntaxError:
                continue
            yield Mutation(node.lineno, _short(ast.unparse(node)), _short(after), text, operation)


def _short(text: str, most: int = 160) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 3] + "..."


def _nodes(node, operation):
    """(node, the operation it belongs to) of all that may be changed."""
    called = getattr(node.func, "id", None) if isinstance(node, ast.Call) else None
    if called == "define" and isinstance(node.args[0], ast.Constant):
        operation = node.args[0].value
    if isinstance(node, (ast.stmt, ast.expr)):
        yield node, operation
    for child in _children(node):
        yield from _nodes(child, operation)


def _children(node):
    sample = isinstance(node, ast.FunctionDef) and node.name in _SAMPLES
    if sample or isinstance(node, (ast.JoinedStr, ast.Raise, ast.Import, ast.ImportFrom)):
        return []
    if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) in _SAMPLES:
        return []
    if isinstance(node, ast.FunctionDef):
        return [*node.args.defaults, *filter(None, node.args.kw_defaults), *node.body]
    if isinstance(node, ast.AnnAssign):
        return [node.value] if node.value else []
    if isinstance(node, ast.Call):
        return [node.func, *node.args, *(k.value for k in node.keywords if k.arg not in _TEXTS)]
    return ast.iter_child_nodes(node)


def _with(node, **fields):
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _changes(node) -> Iterator[ast.AST]:
    """What ``node`` may become."""
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            for other in _COMPARISONS[type(operator)]:
                yield _with(node, ops=[*node.ops[:place], other(), *node.ops[place + 1 :]])
    elif isinstance(node, (ast.BinOp, ast.AugAssign)):
        yield _with(node, op=_ARITHMETIC[type(node.op)]())
        if isinstance(node, ast.AugAssign):
            yield ast.Pass()
    elif isinstance(node, ast.BoolOp):
        yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Constant):
        yield from (ast.Constant(value) for value in _other(node.value))
    elif isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield _with(node, test=ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.Call):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        two, starred = node.args[:2], any(isinstance(a, ast.Starred) for a in node.args[:2])
        if len(two) == 2 and name not in _SYMMETRIC and not starred and ast.dump(two[0]) != ast.dump(two[1]):
            yield _with(node, args=[node.args[1], node.args[0], *node.args[2:]])
    elif _does_something(node):
        yield ast.Pass()


def _other(value):
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1] if value != 1 else [2, 0]
    if isinstance(value, float):
        return [2 * value] if value else [1.0]
    return []


def _does_something(node) -> bool:
    """Whether the effect of the statement is missed later, not at once: a call, a write, a raise, a jump."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, (ast.Call, ast.Yield))
    if isinstance(node, ast.Assign):
        return all(isinstance(t, (ast.Attribute, ast.Subscript)) for t in node.targets)
    return isinstance(node, (ast.Raise, ast.Break, ast.Continue, ast.Delete))
