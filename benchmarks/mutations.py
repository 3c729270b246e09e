"""The mutations of a program that benchmarks/mutants.py tries, one at a time.

Comparisons are reversed or moved by one, + and -, * and / exchanged, conditions negated, ``and`` and
``or`` exchanged, ``not`` and ``-`` left out, numbers moved by one (or doubled), True and False exchanged,
the first two arguments of a call exchanged, statements that do something dropped.

Left out are texts (docstrings, messages, formulas), annotations, and the sample inputs of the table of
operations, which belong to its tests.
"""
import ast
import contextlib
import copy
import itertools
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
    whole = source.encode()
    starts = [0, *itertools.accumulate(map(len, whole.splitlines(keepends=True)))]
    for node, operation in _nodes(ast.parse(source), None):
        for changed in _changes(node):
            first, last = starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
            after = ast.unparse(changed)
            inserted = after if isinstance(node, ast.stmt) else f"({after})"
            text = (whole[:first] + inserted.encode() + whole[last:]).decode()
            with contextlib.suppress(SyntaxError):
                compile(text, "mutant", "exec")
                yield Mutation(node.lineno, _short(ast.unparse(node)), _short(after), text, operation)


def _short(text: str, most: int = 160) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 3] + "..."


def _nodes(node, operation):
    """(node, the operation it belongs to) of all that may be changed."""
    match node:
        case ast.Call(ast.Name("define"), [ast.Constant(name), *_]):
            operation = name
    if isinstance(node, (ast.stmt, ast.expr)):
        yield node, operation
    for child in _children(node):
        yield from _nodes(child, operation)


def _children(node):
    match node:
        case ast.JoinedStr() | ast.Raise() | ast.Import() | ast.ImportFrom():
            return []
        case ast.FunctionDef(name=name) | ast.Assign([ast.Name(name), *_]) if name in _SAMPLES:
            return []
        case ast.FunctionDef():
            return [*node.args.defaults, *filter(None, node.args.kw_defaults), *node.body]
        case ast.AnnAssign():
            return [node.value] if node.value else []
        case ast.Call():
            return [node.func, *node.args, *(k.value for k in node.keywords if k.arg not in _TEXTS)]
    return ast.iter_child_nodes(node)


def _with(node, **fields):
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _changes(node) -> Iterator[ast.AST]:
    """What ``node`` may become."""
    match node:
        case ast.Compare():
            for place, operator in enumerate(node.ops):
                for other in _COMPARISONS[type(operator)]:
                    yield _with(node, ops=[*node.ops[:place], other(), *node.ops[place + 1 :]])
        case ast.BinOp():
            yield _with(node, op=_ARITHMETIC[type(node.op)]())
        case ast.AugAssign():
            yield from (_with(node, op=_ARITHMETIC[type(node.op)]()), ast.Pass())
        case ast.BoolOp():
            yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
        case ast.UnaryOp():
            yield node.operand
        case ast.Constant():
            yield from map(ast.Constant, _other(node.value))
        case ast.If() | ast.While() | ast.IfExp():
            yield _with(node, test=ast.UnaryOp(ast.Not(), node.test))
        case ast.Call(args=[first, second, *rest]):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            starred = isinstance(first, ast.Starred) or isinstance(second, ast.Starred)
            if name not in _SYMMETRIC and not starred and ast.dump(first) != ast.dump(second):
                yield _with(node, args=[second, first, *rest])
        # what is missed later, not at once: a call, a write, a raise, a jump
        case ast.Expr(ast.Call() | ast.Yield()) | ast.Raise() | ast.Break() | ast.Continue() | ast.Delete():
            yield ast.Pass()
        case ast.Assign() if all(isinstance(t, (ast.Attribute, ast.Subscript)) for t in node.targets):
            yield ast.Pass()


def _other(value) -> list:
    match value:
        case bool():
            return [not value]
        case int():
            return [value + 1] if value != 1 else [2, 0]
        case float():
            return [2 * value] if value else [1.0]
    return []
