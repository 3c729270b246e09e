"""The backward pass with every incoming gradient read-only, so that a rule that writes into it is found out."""
from __future__ import annotations

import contextlib

from .. import xp
from ..errors import GradcheckError, OperationError
from .engine import grad
from .rules.shape import reshape
from .tensor import hooks, raw


class _Seal(contextlib.AbstractContextManager):
    """A listener: what is handed on on the way back cannot be written to meanwhile."""

    def __init__(self):
        self.arrays = []

    def backward(self, tensor, index, contribution):
        array = raw(contribution)
        if xp.device_of(array) == "cpu" and array.flags.writeable:
            array.flags.writeable = False
            self.arrays.append(array)

    def __exit__(self, *_):
        for array in reversed(self.arrays):  # a view's owner was sealed after it, or it was sealed with its owner
            array.flags.writeable = True


def sealed_grad(y, inputs, grad_output, create_graph: bool, order: str) -> list:
    """grad(y, inputs, ...); GradcheckError where a rule writes into the gradient that it is given: others may have been given the same."""
    with _Seal() as seal, hooks(seal):
        try:
            return grad(reshape(y, shape=y.shape), inputs, grad_output, create_graph)  # reshaped, so that also y's own rule gets what was handed on
        except OperationError as error:
            if "read-only" in str(error):
                raise GradcheckError(f"{order}: a derivative rule changes the incoming gradient in place; make a new array: {error}") from error
            raise
