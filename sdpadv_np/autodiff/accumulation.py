"""Beside the backward loop (engine.py): calling the rules, adding up contributions, ownership of their memory."""
from __future__ import annotations

from typing import Any

import numpy as np

from .. import xp
from ..errors import GraphError
from .rules.shape import sum_to
from .tensor import Tensor, raw, state


class Backward:
    """One backward pass: the gradients found so far, by the id of their Tensor, and how rules are called.

    All Tensors live while the pass lasts. Who owns a gradient's memory decides whether it may be added to in place:
    the first contribution may be an alias (the rule of ``add`` returns g itself), the second makes a new array, which
    the pass owns from then on.

    targets : ids of the Tensors whose gradients are the result; others are dropped once they were used
    wanted : ids of all Tensors between the targets and the output; no other gradient is computed
    create_graph : compute on Tensors, so that the pass itself is recorded
    buffers : {id: array} where gradients of arrays are to be left, if a rule can write there
    """

    __slots__ = ("targets", "wanted", "create_graph", "buffers", "gradients", "owned")

    def __init__(self, targets, wanted, create_graph, buffers):
        self.targets, self.wanted, self.create_graph, self.buffers = targets, wanted, create_graph, buffers
        self.gradients, self.owned = {}, set()

    def take(self, node: Tensor):
        """The gradient of ``node``, kept only if it is a target."""
        key = id(node)
        return self.gradients[key] if key in self.targets else self.gradients.pop(key)

    def add(self, t: Tensor, d) -> None:
        """Gradient of t += d."""
        key, gradients = id(t), self.gradients
        if key not in gradients:
            gradients[key] = d
            if self.buffers and d is self.buffers.get(key):
                self.owned.add(key)
        elif key in self.owned:
            np.add(gradients[key], d, out=gradients[key])
        else:
            total = gradients[key] = gradients[key] + d
            if xp.is_array(total):
                self.owned.add(key)

    def contributions(self, node: Tensor, g) -> list:
        """(input, what ``node`` adds to its gradient) for each wanted input; g is the gradient of ``node``."""
        op, inputs, params, wanted = node.op, node.inputs, node.params, self.wanted
        y: Any
        values: Any  # the inputs, on which the rules compute
        if self.create_graph:
            y, values = node, inputs
        else:
            y, values = node.data, [t.data if type(t) is Tensor else t for t in inputs]
        if op.fused is not None and not self.create_graph:
            found = self._fused(node, g, values)
        else:
            found = []
            for index, t in enumerate(inputs):
                if id(t) in wanted:
                    rule = op.rule(index) if op.variadic else op.vjps[index]
                    d = rule(g, y, *values, **params)
                    if op.broadcasts and d.shape != t.data.shape:
                        d = sum_to(d, shape=t.data.shape)
                    found.append((t, d))
        if state.hooks:
            self._tell(node, found)
        return found

    def _fused(self, node: Tensor, g, values) -> list:
        """The contributions by one kernel for all inputs, written into the buffers where possible."""
        needs = [id(t) in self.wanted for t in node.inputs]
        out = [self.buffers.get(id(t)) if need and id(t) not in self.gradients else None
               for t, need in zip(node.inputs, needs)]
        results = node.op.fused(g, node.data, *values, needs=needs, saved=node.saved, out=out, **node.params)
        return [(t, d) for t, d, need in zip(node.inputs, results, needs) if need]

    def _tell(self, node: Tensor, contributions: list) -> None:
        """Tell the listeners (tensor.hooks) of each contribution."""
        indices = [index for index, t in enumerate(node.inputs) if id(t) in self.wanted]
        for index, (_, d) in zip(indices, contributions):
            for listener in state.hooks:
                if hasattr(listener, "backward"):
                    listener.backward(node, index, d)


def seed(output: Tensor, grad_output):
    """The gradient of the output itself, a new array: 1, or the caller's."""
    like = output.data
    if grad_output is None:
        if like.size != 1:
            raise GraphError(
                f"backward: the output has shape {list(like.shape)}, only one element needs no gradient; "
                "take its sum() or mean(), or pass the gradient"
            )
        return xp.array_module(like).ones_like(like)
    g = xp.as_array(raw(grad_output))
    if g.shape != like.shape:
        raise GraphError(
            f"backward: the output has shape {list(like.shape)}, its gradient {list(g.shape)}; make them equal")
    if g.dtype.kind not in "fiub":
        raise GraphError(f"backward: the gradient has dtype {g.dtype}; give real numbers, such as {like.dtype}")
    return g.astype(like.dtype)  # a copy: the caller's array must not become a .grad


def unshared(arrays, like) -> list:
    """``arrays`` with memory of their own each; zeros like the Tensor in ``like`` in place of None."""
    taken, result = set(), []
    for array, t in zip(arrays, like):
        if array is None:
            array = xp.array_module(t.data).zeros_like(t.data)
        elif not xp.is_array(array) or array.base is not None or id(array) in taken:
            array = xp.array_module(t.data).array(array, dtype=t.dtype)
        taken.add(id(array))
        result.append(array)
    return result
