"""Every operation by name, and the operators and methods of Tensor, which are operations too."""
from __future__ import annotations

from .engine import backward
from .registry import OPS
from .rules.conv import conv2d, conv2d_layer, conv2d_weight, conv_transpose2d
from .rules.elementwise import (
    abs, add, clip, div, exp, leaky_relu, log, maximum, minimum, mul, neg, perturb, power, relu, sigmoid, softplus, sqrt, square, sub, tanh, where,
)
from .rules.linalg import dense, matmul
from .rules.loss import cross_entropy, log_softmax, margin, softmax
from .rules.pool import avg_pool2d, avg_pool_transpose2d, max_pool2d
from .rules.reduction import max, mean, norm, sum
from .rules.sampling import affine_sample, flow_sample, sample, scatter
from .rules.shape import broadcast_to, concatenate, getitem, place, reflect_fold, reflect_pad, reshape, sum_to, swapaxes, transpose
from .tensor import Tensor

__all__ = sorted(OPS)

for _name, _op in {"add": add, "sub": sub, "mul": mul, "truediv": div, "matmul": matmul}.items():
    setattr(Tensor, f"__{_name}__", _op)
    setattr(Tensor, f"__r{_name}__", lambda self, other, _op=_op: _op(other, self))
Tensor.__neg__ = neg
Tensor.__abs__ = abs
Tensor.__pow__ = lambda self, exponent: power(self, exponent=exponent)
Tensor.__getitem__ = lambda self, index: getitem(self, index=index)
Tensor.backward = backward
Tensor.T = property(transpose)
Tensor.sum, Tensor.mean, Tensor.max = sum, mean, max
Tensor.reshape = lambda self, *shape: reshape(self, shape=shape[0] if len(shape) == 1 else shape)
