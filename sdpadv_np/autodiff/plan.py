"""A step, recorded once and replayed with fixed buffers: the same numbers, bit for bit, without building graphs.

    step = Plan(function, stores)
    losses = step(x, y)         the first call records, the second runs both ways and compares, later ones replay

The step's Python runs once: branches, loops, attributes and computed numbers are frozen. Whatever changes from call
to call must be an input (images, labels, the weight of a loss term), or an array that the step reads in place
(weights, Adam's moments, step count and learning rate). The second call, on other data, detects violations.

On a GPU the replayed calls are captured into one CUDA graph. Inputs in main memory are first copied to the GPU, into
arrays at fixed addresses, and nothing is copied back. README.md explains recording and replay in detail.
"""
from __future__ import annotations

import sys
import threading

import numpy as np

from .. import xp
from ..errors import PlanError
from ..kernels.runtime.tracing import recording
from .recorded import Recorded
from .recorder import recorded
from .tensor import raw, state

MOST = 4  # signatures kept at a time; the least recently used one is dropped


class Plan:
    """``function(*inputs)``, recorded for each combination of its inputs' shapes and dtypes.

    Parameters
    ----------
    function : callable
        Takes arrays, returns an array or Tensor, or a tuple or dictionary of them.
    stores : sequence of ParameterStore
        Whose parameters it uses, trained or not.

    Threads may share a plan; each recording serves one of them at a time. A copy or unpickled plan records anew.

    >>> import numpy as np, sdpadv_np as sd
    >>> def step(x):
    ...     t = sd.Tensor(x, requires_grad=True)
    ...     return sd.grad((t * t).sum(), [t])[0]
    >>> plan = Plan(step)
    >>> [plan(np.array([k, 3], np.float32)).tolist() for k in range(4)]
    [[0.0, 6.0], [2.0, 6.0], [4.0, 6.0], [6.0, 6.0]]
    """

    def __init__(self, function, stores=()):
        self.function, self.stores = function, tuple(stores)
        self._tapes: dict[tuple, _Tape] = {}
        self._lock = threading.Lock()  # of the dictionary, from which a tape is taken while it runs

    def __call__(self, *inputs):
        """What ``function(*inputs)`` returns, as new arrays."""
        arrays = [xp.as_array(raw(value)) for value in inputs]
        if recording.recorder is not None:  # an outer plan records this one, too
            return _each(raw, self.function(*arrays))
        if "cupy" in sys.modules:
            arrays = xp.together(arrays, [store.data for store in self.stores])
        if state.hooks:  # listeners are called for every operation
            return _each(_copied, self.function(*arrays))
        signature = tuple((a.shape, a.dtype.str, type(a)) for a in arrays)
        with self._lock:
            tape = self._tapes.pop(signature, None)
        if tape is None:
            tape = _Tape(self.function, self.stores, arrays)
        elif not tape.verified:
            tape.verify(self.function, arrays)
        else:
            tape.replay(arrays)
        results = _each(_copied, tape.results)
        with self._lock:
            self._tapes[signature] = tape  # at the end: the most recently used
            if len(self._tapes) > MOST:
                del self._tapes[next(iter(self._tapes))]
        return results

    def __reduce__(self):
        return type(self), (self.function, self.stores)

    @property
    def calls(self) -> int:
        """How many calls a replay makes, for the inputs used last."""
        if not self._tapes:
            raise PlanError("this plan has not been called yet")
        return len(list(self._tapes.values())[-1].calls)

    @property
    def bytes(self) -> int:
        """The memory of all buffers, inputs included, of every recorded signature."""
        return sum(tape.bytes for tape in self._tapes.values())


class _Tape:
    """The calls for one signature of the inputs."""

    def __init__(self, function, stores, inputs):
        self.slots = [np.array(a) if isinstance(a, np.ndarray) else a.copy() for a in inputs]
        self.verified, self.graph = False, None
        with recorded(stores) as recorder:
            self.results = _each(_checked, function(*map(recorder.proxy, self.slots)))
            recorder.finish()
        self.calls, self.written = recorder.calls, recorder.written
        self.bytes = recorder.bytes + sum(slot.nbytes for slot in self.slots)

    def replay(self, inputs) -> None:
        for slot, value in zip(self.slots, inputs):
            slot[...] = value
        if self.graph is not None:
            self.graph.launch()
            return
        for function, arguments in self.calls:
            function(*arguments)

    def verify(self, function, inputs) -> None:
        """Run the step itself on these inputs, then the replay from the same state, and compare (see _same)."""
        before = [array.copy() for array in self.written]
        same_layout = [np.empty_like(slot) for slot in self.slots]  # the order of memory changes the bits of sums
        _store(zip(same_layout, inputs))
        expected = _each(_copied, function(*same_layout))
        after = [array.copy() for array in self.written]
        _store(zip(self.written, before))
        self.replay(inputs)
        results = [("a result", *pair) for pair in zip(_leaves(self.results), _leaves(expected), strict=True)]
        changed = [("an array that the step changes", *pair) for pair in zip(self.written, after)]
        for what, got, want in results + changed:
            if not _same(raw(got), want):
                _store(zip(self.written, after))
                raise PlanError(
                    f"replayed on other data the step differs in {what}, shape {list(want.shape)}: something "
                    "that changes from call to call was frozen (a number, a branch, a random draw, an array made "
                    "outside); make it an input, or an array that is changed in place")
        self.verified = True
        if any(xp.device_of(slot) == "cuda" for slot in self.slots):
            from .cuda_graph import capture

            self.graph = capture(self.calls)
            _store(zip(self.written, before))
            self.replay(inputs)  # the capture has changed results and state


def _store(pairs) -> None:
    for array, value in pairs:
        array[...] = value


def _each(function, value):
    """``function`` of every leaf of the tuples and dictionaries in ``value``."""
    if isinstance(value, dict):
        return {k: _each(function, v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(_each(function, v) for v in value)
    return function(value)


def _leaves(value) -> list:
    found = []
    _each(found.append, value)
    return found


def _checked(value):
    value = raw(value)
    if type(value) is not Recorded:
        raise PlanError(f"a recorded step returned {type(value).__name__}, which would be frozen; "
                        "return arrays or Tensors that depend on its inputs")
    return value


def _copied(value):
    value = raw(value)
    return value.array.copy() if type(value) is Recorded else xp.as_array(value).copy()


def _same(a, b) -> bool:
    """Equal bits; on a GPU, where the order of sums varies, a distance of at most a thousandth of b's norm."""
    a = a.array if type(a) is Recorded else a
    if a.dtype != b.dtype:
        return False
    x, y = xp.to_numpy(a), xp.to_numpy(b)
    if x.tobytes() == y.tobytes():
        return True
    return xp.device_of(a) == "cuda" and x.dtype.kind == "f" and bool(np.linalg.norm(x - y) <= 1e-3 * np.linalg.norm(y))
