"""Reverse-mode differentiation: collect what was recorded, walk it backwards, add up.

    for node in reversed order of making:        # outputs before the inputs they came from
        g = gradients.pop(node)                  # complete: every use of node was made later
        for each input that is wanted:
            gradients[input] += rule(g, node, *node.inputs)

The loop is the same for arrays and for Tensors (``create_graph``), see the note in registry.py.
What a Tensor is, is the object itself (its ``id``: all of them live while the walk lasts); ``seq`` is
only the order. Who owns a gradient array decides whether it may be added to in place: the first contribution may
be an alias (``add`` hands on g itself), the second makes a new array, which is ours from then on.
"""
from __future__ import annotations

import operator

import numpy as np

from .. import xp
from ..errors import AttackError, GraphError, PlanError
from .rules.shape import sum_to
from .tensor import Tensor, raw, state


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
        module = xp.array_module(output.data)
        return [found[id(t)] if id(t) in found else Tensor(module.zeros_like(t.data)) for t in inputs]
    return [Tensor(a) for a in _unshared([found.get(id(t)) for t in inputs], inputs)]


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
    for t, g in zip(reached, _unshared([found[id(t)] for t in reached], reached)):
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
        return "_RELEASED"  # there is one, also in another process


_RELEASED = _Released()
_SEQ = operator.attrgetter("seq")


def _recorded(output: Tensor) -> list[Tensor]:
    """Every recorded result that ``output`` depends on, first made first."""
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
            raise GraphError("backward: the graph was released by an earlier backward; call that one with retain_graph=True")
        nodes.append(t)
        for i in t.inputs:
            if type(i) is Tensor and i.requires_grad and id(i) not in seen:
                seen.add(id(i))
                stack.append(i)
    nodes.sort(key=_SEQ)
    return nodes


def _gradients(output: Tensor, grad_output, targets: set[int], create_graph: bool, into={}) -> dict:
    """Gradients of the targets (ids) by id: arrays, or Tensors if ``create_graph``; in the arrays of ``into`` where a fused rule can write there."""
    nodes = _recorded(output)
    wanted = set(targets)  # grows to all that lies on a path to a target; the rest is never computed
    for node in nodes:
        for t in node.inputs:
            if type(t) is Tensor and id(t) in wanted:
                wanted.add(id(node))
                break
    g = _seed(output, grad_output)
    gradients = {id(output): Tensor(g) if create_graph else g}
    owned: set[int] = set()
    try:
        for node in reversed(nodes):
            key = id(node)
            if key not in wanted or key not in gradients:
                continue
            g = gradients[key] if key in targets else gradients.pop(key)
            _contribute(node, g, wanted, create_graph, gradients, owned, into)
    except (AttackError, GraphError, PlanError):
        raise
    except Exception as error:
        raise node.op.failure(error, node.inputs, node.params, node.where()) from error
    return gradients


def _contribute(node: Tensor, g, wanted, create_graph: bool, gradients: dict, owned: set, into: dict) -> None:
    """The rules at work: what ``node`` adds to the gradient of each wanted input."""
    op, inputs, params = node.op, node.inputs, node.params
    y, values = (node, inputs) if create_graph else (node.data, [t.data if type(t) is Tensor else t for t in inputs])
    fused = None
    if op.fused is not None and not create_graph:
        needs = [type(t) is Tensor and id(t) in wanted for t in inputs]
        out = [into.get(id(t)) if need and id(t) not in gradients else None for t, need in zip(inputs, needs)]
        fused = op.fused(g, y, *values, needs=needs, saved=node.saved, out=out, **params)
    rules = op.rules if op.variadic else op.vjps
    for index, t in enumerate(inputs):
        key = id(t)
        if type(t) is not Tensor or key not in wanted:
            continue
        if fused is not None:
            d = fused[index]
        else:
            d = rules[index](g, y, *values, **params)
            if op.broadcasts and d.shape != t.data.shape:
                d = sum_to(d, shape=t.data.shape)
        for listener in state.hooks:
            if hasattr(listener, "backward"):
                listener.backward(node, index, d)
        if key not in gradients:
            gradients[key] = d
            if d is into.get(key):
                owned.add(key)
        elif key in owned:
            np.add(gradients[key], d, out=gradients[key])
        else:
            total = gradients[key] = gradients[key] + d
            if xp.is_array(total):
                owned.add(key)


def _seed(output: Tensor, grad_output):
    if grad_output is None:
        if output.size != 1:
            raise GraphError(
                f"backward: the output has shape {list(output.shape)}, only one element needs no gradient; "
                "take its sum() or mean(), or pass the gradient"
            )
        return xp.array_module(output.data).ones_like(output.data)
    g = xp.as_array(raw(grad_output))
    if g.shape != output.shape:
        raise GraphError(f"backward: the output has shape {list(output.shape)}, its gradient {list(g.shape)}; make them equal")
    if g.dtype.kind not in "fiub":
        raise GraphError(f"backward: the gradient has dtype {g.dtype}; give real numbers, such as {output.dtype}")
    return g.astype(output.dtype)  # a copy: the caller's array must not become somebody's .grad


def _unshared(arrays, like):
    """Results that are nobody else's: each gets its own memory, zeros where there was no gradient."""
    taken, result = set(), []
    for array, t in zip(arrays, like):
        if array is None:
            array = xp.array_module(t.data).zeros_like(t.data)
        elif not xp.is_array(array) or array.base is not None or id(array) in taken:
            array = xp.array_module(t.data).array(array, dtype=t.dtype)
        taken.add(id(array))
        result.append(array)
    return result
