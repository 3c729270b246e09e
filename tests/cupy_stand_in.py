"""A stand-in for CuPy, built on NumPy: for testing GPU computations on machines without a GPU.

``CuPy()`` is a module to be put at sys.modules["cupy"]. Its arrays are not NumPy arrays, and they are as strict as
CuPy's (each point after the sources of CuPy 14.2):

- a NumPy array among the arguments is an error, one without axes too; Python and NumPy numbers are accepted;
- np.asarray of one is an error; results without axes stay arrays;
- it has only CuPy's functions and methods, with CuPy's parameters (``_FUNCTIONS``, ``_METHODS``);
- copies between main memory and the GPU, and waits for the GPU, are counted in ``transfers``, and are errors within
  ``cupy.without_transfers()`` and while a stream captures: float(), bool(), get(), asarray of a NumPy array, a mask
  as an index, a number stored through an index array, bincount;
- while a stream captures, functions are not executed but added to its graph; ``launch`` executes the graph. Memory is
  not reused between them.
"""
import contextlib
import functools
import inspect
import types

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

_FUNCTIONS = {  # name: parameters, where CuPy's differ from NumPy's
    "all": ("axis", "out", "keepdims"), "any": ("axis", "out", "keepdims"),
    "argmax": ("axis", "dtype", "out", "keepdims"), "argsort": ("axis", "kind"), "bincount": ("weights", "minlength"),
    "broadcast_to": ("shape",), "clip": ("a_min", "a_max", "out"), "column_stack": (),
    "concatenate": ("axis", "out", "dtype", "casting"), "copyto": ("src", "casting", "where"), "dot": ("b", "out"),
    "einsum": (), "empty_like": ("dtype", "order", "subok", "shape"), "expand_dims": ("axis",), "flatnonzero": (),
    "full_like": ("fill_value", "dtype", "order", "subok", "shape"),
    "isin": ("test_elements", "assume_unique", "invert"), "max": ("axis", "out", "keepdims"),
    "may_share_memory": ("b", "max_work"), "mean": ("axis", "dtype", "out", "keepdims"),
    "min": ("axis", "out", "keepdims"), "moveaxis": ("source", "destination"), "norm": ("ord", "axis", "keepdims"),
    "ones_like": ("dtype", "order", "subok", "shape"), "pad": ("pad_width", "mode", "constant_values"),
    "repeat": ("repeats", "axis"), "reshape": ("shape", "order"), "stack": ("axis", "out", "dtype", "casting"),
    "sum": ("axis", "dtype", "out", "keepdims"), "swapaxes": ("axis1", "axis2"), "take_along_axis": ("indices", "axis"),
    "tile": ("reps",), "transpose": ("axes",), "where": ("x", "y"), "zeros_like": ("dtype", "order", "subok", "shape"),
}
_METHODS = (
    "all", "any", "argmax", "argmin", "argsort", "astype", "copy", "dot", "max", "mean", "min", "ravel", "repeat",
    "reshape", "squeeze", "std", "sum", "swapaxes", "transpose", "view",
)
_MAKERS = ("arange", "empty", "eye", "full", "indices", "ones", "zeros", "linspace")
_WAITS = ("bincount", "flatnonzero")  # the shape of their results depends on values, so the CPU waits for the GPU


class Transfer(AssertionError):
    """A copy between main memory and the GPU, or a wait, where none is allowed."""


class _State:
    transfers, forbidden, capturing, pools = [], 0, None, []


def transfer(what):
    _State.transfers.append(what)
    if _State.capturing is not None:
        raise RuntimeError(f"the current stream is capturing, so {what} is disallowed")
    if _State.forbidden:
        raise Transfer(what)


def _first(function) -> set:
    """The name of a function's first parameter; NumPy's compiled ones show none before NumPy 2.3."""
    try:
        return {next(iter(inspect.signature(function).parameters))}
    except ValueError:
        return set()


class ndarray(NDArrayOperatorsMixin):
    __slots__ = ("_a", "_base")

    def __init__(self, shape, dtype=float, memptr=None, strides=None, order="C"):
        self._a = np.ndarray(shape, dtype, None if memptr is None else memptr.block, strides=strides, order=order)
        self._base = None

    shape, dtype, ndim, size, nbytes, itemsize, strides, flags = (
        property(lambda self, name=name: getattr(self._a, name))
        for name in ("shape", "dtype", "ndim", "size", "nbytes", "itemsize", "strides", "flags")
    )
    data = property(lambda self: types.SimpleNamespace(block=self._a, ptr=self._a.ctypes.data))
    base = property(lambda self: self._base)
    T = property(lambda self: self.transpose())

    def __len__(self):
        return len(self._a)

    def __iter__(self):
        return iter([self[i] for i in range(len(self))])

    def __array__(self, *_, **__):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        methods = ("__call__", "outer", "at", "reduce", "accumulate", "reduceat")
        if ufunc.__name__ in ("divmod", "spacing") or method not in methods:
            return NotImplemented
        known = (ndarray, np.ndarray, np.generic, bool, int, float)
        if not all(isinstance(x, known) for x in (*inputs, *options.get("out", ()))):
            return NotImplemented  # NumPy asks the other type next
        comparison = ufunc.__name__ in ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal")
        inputs = [x.item() if comparison and isinstance(x, np.ndarray) and x.ndim == 0 else x for x in inputs]
        return _execute(getattr(ufunc, method), inputs, options)

    def __array_function__(self, function, kinds, args, kwargs):
        if function.__name__ not in _FUNCTIONS or any(kind not in (ndarray, np.ndarray) for kind in kinds):
            return NotImplemented
        wrong = set(kwargs) - set(_FUNCTIONS[function.__name__]) - _first(function)
        if wrong:
            raise TypeError(f"cupy.{function.__name__}() got an unexpected keyword argument {sorted(wrong)[0]!r}")
        if function.__name__ in _WAITS:
            transfer(f"the wait of cupy.{function.__name__}")
        if function.__name__ in ("concatenate", "stack") and len(args[0]) > 8:
            transfer("the copy of the addresses of more than eight arrays")
        return _execute(function, args, kwargs)

    def _method(name):
        def method(self, *args, **kwargs):
            reduction = name in ("max", "min", "argmax", "argmin", "any", "all")
            if reduction and set(kwargs) - {"axis", "out", "dtype", "keepdims"}:
                raise TypeError(f"{name}() got an unexpected keyword argument")
            return _execute(getattr(np.ndarray, name), (self, *args), kwargs)

        method.__name__ = name
        return method

    for _name in _METHODS:
        locals()[_name] = _method(_name)
    del _name, _method

    def __getitem__(self, index):
        for part in index if isinstance(index, tuple) else (index,):
            if isinstance(part, (list, np.ndarray)):
                transfer("the copy of an index from main memory")
            if getattr(part, "dtype", None) == bool:
                transfer("the wait for a mask that is an index")
        return _execute(_get, (self, _on_device(index)), {})

    def __setitem__(self, index, value):
        parts = index if isinstance(index, tuple) else (index,)
        arrays = [p for p in parts if isinstance(p, (ndarray, list, np.ndarray))]
        if isinstance(value, np.ndarray) and (value.size != 1 or arrays):
            if not arrays:
                raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
            transfer("the copy of numbers from main memory")
        if any(not isinstance(p, ndarray) for p in arrays) or (arrays and not isinstance(value, ndarray)):
            transfer("the copy of an index, or of a number stored through one, from main memory")
        number = isinstance(value, np.ndarray) and value.size == 1
        _execute(_set, (self, _on_device(index), value.item() if number else _on_device(value)), {})

    def fill(self, value):
        self[...] = value

    def set(self, array):
        if array.dtype != self.dtype or array.shape != self.shape:
            raise TypeError("array cannot be set")
        transfer("set()")
        self._a[...] = array

    def get(self):
        transfer("get()")
        return self._a.copy()

    def item(self):
        transfer("item()")
        return self._a.item()

    def tolist(self):
        return self.get().tolist()

    def tobytes(self):
        return self.get().tobytes()

    def __float__(self):
        return float(self.get())

    def __int__(self):
        return int(self.get())

    def __bool__(self):
        return bool(self.get())

    __index__ = __int__

    def __repr__(self):
        return f"stand-in for cupy.{self._a!r}"


def _get(array, index):
    return array[index]


def _set(array, index, value):
    array[index] = value


def _on_device(value):
    """Index arrays of NumPy become arrays of the stand-in: CuPy copies them."""
    if isinstance(value, tuple):
        return tuple(map(_on_device, value))
    return wrap(value) if isinstance(value, np.ndarray) else value


def unwrap(value):
    if isinstance(value, ndarray):
        return value._a
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(value, slice):
        return slice(*(int(unwrap(v)) if isinstance(v, ndarray) else v for v in (value.start, value.stop, value.step)))
    return type(value)(map(unwrap, value)) if type(value) in (list, tuple) else value


def wrap(value):
    """Arrays of the stand-in in place of NumPy's, those without axes included."""
    if isinstance(value, (tuple, list)):
        return type(value)(map(wrap, value))
    if not isinstance(value, (np.ndarray, np.generic)):
        return value
    array = ndarray.__new__(ndarray)
    array._a, array._base = np.asarray(value), None
    if isinstance(value, np.ndarray) and value.base is not None:
        array._base = value.base
    return array


def _execute(function, args, kwargs):
    """Execute the call, or, while a stream captures, record it (_Capture)."""
    into = kwargs.get("out")
    if isinstance(into, tuple):
        (into,) = into
        kwargs = {**kwargs, "out": into}
    arrays, options = unwrap(tuple(args)), {k: unwrap(v) for k, v in kwargs.items()}
    if _State.capturing is not None:
        return _State.capturing.record(function, arrays, options, into)
    result = function(*arrays, **options)
    return into if into is not None else wrap(result)


class _Capture:
    """Records calls; each launch computes their results again, into the same memory."""

    def __init__(self):
        self.calls, self.before = [], []

    def record(self, function, arrays, options, into):
        in_place = function in (_set, np.copyto) or getattr(function, "__name__", "") == "at"
        changed = into._a if into is not None else arrays[0] if in_place else None
        if changed is not None:  # captured, not executed: end_capture() restores these arrays
            whole = _owner(changed)
            if not any(whole is w for w, _ in self.before):
                self.before.append((whole, whole.copy()))
            function(*arrays, **options)
            self.calls.append(functools.partial(function, *arrays, **options))
            return into
        result = np.asarray(function(*arrays, **options))
        if not any(isinstance(a, np.ndarray) and np.may_share_memory(a, result) for a in arrays):
            self.calls.append(lambda: result.__setitem__(..., function(*arrays, **options)))
        return wrap(result)


def _owner(array):
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


class Graph:
    def __init__(self, calls):
        self.calls, self.launched = calls, 0

    def upload(self, stream=None):
        pass

    def launch(self, stream=None):
        self.launched += 1
        for call in self.calls:
            call()


class Event:
    pass


class Stream:
    def __init__(self, null=False, non_blocking=False):
        self.null = null

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def synchronize(self):
        if _State.capturing is not None:
            raise RuntimeError("cudaErrorStreamCaptureUnsupported: operation not permitted when stream is capturing")

    def record(self, event=None):
        return event or Event()

    def wait_event(self, event):
        pass

    def begin_capture(self, mode=None):
        if self.null:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        _State.capturing = _Capture()

    def end_capture(self):
        capture, _State.capturing = _State.capturing, None
        for whole, numbers in capture.before:
            whole[...] = numbers
        graph = Graph(capture.calls)
        _State.pools.append(graph)
        return graph


class CuPy(types.ModuleType):
    """The module. ``transfers``: the copies and waits so far; ``graphs``: all captured graphs."""

    ndarray, float32, float64, int64, newaxis = ndarray, np.float32, np.float64, np.int64, None

    def __init__(self, device=True):
        super().__init__("cupy")
        _State.transfers, _State.pools, _State.capturing, _State.forbidden = [], [], None, 0
        self.transfers, self.graphs = _State.transfers, _State.pools
        for name in _MAKERS:
            setattr(self, name, functools.partial(self._make, getattr(np, name)))
        for name in _FUNCTIONS:
            if hasattr(np, name):
                setattr(self, name, functools.partial(self._call, getattr(np, name)))
        self.add = types.SimpleNamespace(at=lambda out, index, g: _execute(np.add.at, (out, index, g), {}))
        self.lib = types.SimpleNamespace(stride_tricks=types.SimpleNamespace(as_strided=self._strided))
        self.cuda = types.SimpleNamespace(
            is_available=lambda: device, Stream=Stream, Event=Event, MemoryPool=_Pool,
            using_allocator=lambda allocator: contextlib.nullcontext(), get_current_stream=lambda: Stream(null=True),
            runtime=types.SimpleNamespace(getDeviceCount=lambda: 0, CUDARuntimeError=RuntimeError),
        )

    @staticmethod
    def _make(function, *args, **kwargs):
        return _execute(function, args, kwargs)

    @staticmethod
    def _call(function, *args, **kwargs):
        if function.__name__ in _WAITS:
            transfer(f"the wait of cupy.{function.__name__}")
        return _execute(function, args, kwargs)

    @staticmethod
    def _strided(x, shape, strides):
        return wrap(np.lib.stride_tricks.as_strided(x._a, shape, strides))

    def asarray(self, a, dtype=None, order=None):
        return self.array(a, dtype, copy=None)

    def array(self, a, dtype=None, copy=True):
        if isinstance(a, ndarray):
            return a.astype(a.dtype if dtype is None else dtype, copy=bool(copy))
        transfer("asarray() of numbers in main memory")
        return wrap(np.array(a, dtype))

    def ascontiguousarray(self, a, dtype=None):
        return _execute(np.ascontiguousarray, (a, dtype), {})

    def asnumpy(self, a):
        return a.get() if isinstance(a, ndarray) else np.asarray(a)

    @contextlib.contextmanager
    def without_transfers(self):
        _State.forbidden += 1
        try:
            yield
        finally:
            _State.forbidden -= 1


class _Pool:
    malloc = None
