"""Every operation of the table by its name, and the operators and methods of Tensor, which are operations too.

ops.pyi names them for editors and type checkers; tests/autodiff/test_ops.py writes it, and holds it equal to the table.
"""
from __future__ import annotations

from . import rules  # noqa: F401  (which fills the table)
from .engine import backward
from .registry import FUNCTIONS
from .tensor import Tensor

__all__ = sorted(FUNCTIONS)
globals().update(FUNCTIONS)

for _name, _op in {"add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "matmul": "matmul"}.items():
    setattr(Tensor, f"__{_name}__", FUNCTIONS[_op])
    setattr(Tensor, f"__r{_name}__", lambda self, other, _op=FUNCTIONS[_op]: _op(other, self))
for _name, _op in {"__neg__": "neg", "__abs__": "abs", "sum": "sum", "mean": "mean", "max": "max"}.items():
    setattr(Tensor, _name, FUNCTIONS[_op])
Tensor.__pow__ = lambda self, exponent, _power=FUNCTIONS["power"]: _power(self, exponent=exponent)
Tensor.__getitem__ = lambda self, index, _getitem=FUNCTIONS["getitem"]: _getitem(self, index=index)
Tensor.reshape = lambda self, *shape: FUNCTIONS["reshape"](self, shape=shape[0] if len(shape) == 1 else shape)
Tensor.T = property(FUNCTIONS["transpose"])
Tensor.backward = backward
