"""Reverse-mode differentiation: collect the recorded results, walk them backwards, add up.

    for node in reversed(nodes):                        # latest first: outputs before the inputs they came from
        g = walk.take(node)                             # complete: every use of node was made later
        for t, d in walk.contributions(node, g):        # d = rule(g, node, *node.inputs), for each input t
            walk.add(t, d)                              # gradient of t += d

The loop is the same for arrays and for Tensors (``create_graph``), see the note in registry.py. How rules are
called, and which gradients may be added to in place, is decided in accumulation.py.
"""
from __future__ import annotations

import operator

import numpy as np

from .. import xp
from ..errors import AttackError, GraphError, PlanError
from .accumulation import Backward, seed, unshared
from .tensor import Tensor


def grad(output, inputs, grad_output=None, create_graph: bool = False) -> list[Tensor]:
    """The gradients of ``output`` with respect to ``inputs``, one Tensor each.

    Parameters
    ----------
    output : Tensor
    inputs : sequence of Tensor
        Leaves or intermediate results; only what lies between them and the output is computed.
    grad_output : array_like, optional
        Gradient of ``output``, same shape; 1 if the output has one element.
    create_graph : bool
        Record the computation of the gradients, so that they can be differentiated again.

    An input that the output does not depend on gets zeros. The graph is kept.

    >>> import numpy as np, sdpadv_np as sd
    >>> x = sd.Tensor(np.array(3.), requires_grad=True)
    >>> (first,) = sd.grad(x * x * x, [x], create_graph=True)
    >>> (second,) = sd.grad(first, [x])
    >>> first.item(), second.item()
    (27.0, 18.0)
    """
    if isinstance(inputs, Tensor):
        raise GraphError("grad: inputs must be a list; write sd.grad(output, [x])")
    for t in inputs:
        if not (isinstance(t, Tensor) and t.requires_grad):
            raise GraphError(f"grad: {t!r:.80} does not require a gradient; make it with requires_grad=True")
    found = _gradients(output, grad_output, set(map(id, inputs)), create_graph)
    if create_graph:
        return [found[id(t)] if id(t) in found else Tensor(xp.array_module(output.data).zeros_like(t.data))
                for t in inputs]
    return [Tensor(a) for a in unshared([found.get(id(t)) for t in inputs], inputs)]


def backward(output: Tensor, grad=None, retain_graph: bool = False) -> None:
    """Add d output / d leaf to ``.grad`` of every leaf that requires it; also a method of Tensor.

    ``grad`` (an array of output's shape) is the gradient of output; 1 if output has one element.
    The graph is released afterwards unless ``retain_graph``.

    >>> import numpy as np, sdpadv_np as sd
    >>> x = sd.Tensor(np.array([1., 2.]), requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4.])
    """
    nodes = _recorded(output)
    leaves = {id(t): t for node in nodes for t in node.inputs if type(t) is Tensor and t.requires_grad and t.op is None}
    found = _gradients(output, grad, set(leaves), False)
    reached = [t for key, t in leaves.items() if key in found]
    for t, g in zip(reached, unshared([found[id(t)] for t in reached], reached)):
        if t.grad is None:
            t.grad = g
        else:
            np.add(t.grad, g, out=t.grad)
    if not retain_graph:
        for node in nodes:
            node.inputs, node.params, node.saved, node.op = (), {}, None, _RELEASED


def gradients_into(output: Tensor, inputs, buffers) -> None:
    """Write the gradients of ``output`` into ``buffers`` (arrays of the inputs' shapes): one per input."""
    into = {id(t): buffer for t, buffer in zip(inputs, buffers)}
    found = _gradients(output, None, set(into), False, into)
    for key, buffer in into.items():
        gradient = found.get(key, 0)
        if gradient is not buffer:
            np.copyto(buffer, gradient)


class _Released:
    name = "released"

    def __reduce__(self):
        return "_RELEASED"  # one object, also in another process


_RELEASED = _Released()
_SEQ = operator.attrgetter("seq")
_NO_BUFFERS: dict = {}


def _recorded(output: Tensor) -> list[Tensor]:
    """Every recorded result that ``output`` depends on, in order of creation."""
    if not (isinstance(output, Tensor) and output.requires_grad):
        raise GraphError(
            "backward: the output does not depend on any Tensor with requires_grad=True "
            "(or was computed on plain arrays, or under no_grad)"
        )
    seen, stack, nodes = {id(output)}, [output], []
    while stack:
        t = stack.pop()
        if t.op is None:
            continue
        if t.op is _RELEASED:
            raise GraphError(
                "backward: the graph was released by an earlier backward; call that one with retain_graph=True")
        nodes.append(t)
        for i in t.inputs:
            if type(i) is Tensor and i.requires_grad and id(i) not in seen:
                seen.add(id(i))
                stack.append(i)
    nodes.sort(key=_SEQ)
    return nodes


def _between(targets: set[int], nodes: list[Tensor]) -> set[int]:
    """The ids of the targets and of the nodes that depend on them."""
    found = set(targets)
    for node in nodes:
        for t in node.inputs:
            if id(t) in found:
                found.add(id(node))
                break
    return found


def _gradients(output: Tensor, grad_output, targets: set[int], create_graph: bool, buffers=_NO_BUFFERS) -> dict:
    """Gradients by id of the Tensors whose ids are ``targets``: arrays, or Tensors if ``create_graph``.

    buffers : {id: array} into which a rule may write a gradient
    """
    nodes = _recorded(output)
    wanted = _between(targets, nodes)
    walk = Backward(targets, wanted, create_graph, buffers)
    g = seed(output, grad_output)
    walk.add(output, Tensor(g) if create_graph else g)
    try:
        for node in reversed(nodes):
            if id(node) in wanted:
                g = walk.take(node)
                for t, d in walk.contributions(node, g):
                    walk.add(t, d)
    except (AttackError, GraphError, PlanError):
        raise
    except Exception as error:
        raise node.op.failure(error, node.inputs, node.params, node.where()) from error
    return walk.gradients
