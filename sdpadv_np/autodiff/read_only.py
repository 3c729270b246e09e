"""The backward pass with read-only incoming gradients, so that a rule that writes into its gradient raises."""
from __future__ import annotations

import contextlib

from .. import xp
from ..errors import GradcheckError, OperationError
from .engine import grad
from .rules.shape import reshape
from .tensor import hooks, raw


class _ReadOnly(contextlib.AbstractContextManager):
    """A listener that makes every contribution read-only until its block ends."""

    def __init__(self):
        self.arrays = []

    def backward(self, tensor, index, contribution):
        array = raw(contribution)
        if xp.device_of(array) == "cpu" and array.flags.writeable:
            array.flags.writeable = False
            self.arrays.append(array)

    def __exit__(self, *_):
        for array in reversed(self.arrays):  # a view's base was made read-only after it, or together with its own base
            array.flags.writeable = True


def grad_read_only(y, inputs, grad_output, create_graph: bool, order: str) -> list:
    """grad(y, inputs, ...); GradcheckError where a rule writes into its incoming gradient, which others may share."""
    with _ReadOnly() as listener, hooks(listener):
        try:
            # reshaped, so that y's own rule gets a contribution, too
            return grad(reshape(y, shape=y.shape), inputs, grad_output, create_graph)
        except OperationError as error:
            if "read-only" in str(error):
                raise GradcheckError(f"{order}: a derivative rule changes the incoming gradient in place; "
                                     f"make a new array: {error}") from error
            raise
