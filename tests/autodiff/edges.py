"""What operations are worth at and around their edges: see test_edges.py.

CURVES  name -> cases of an operation of one input, number by number: (parameters, points, value, first, second, third derivative).
        TINY and HUGE stand for the dtype's smallest subnormal, four times, and a quarter of its largest number.
CASES   name -> cases of any other: (inputs, parameters, value, gradients for ones behind), None for what is not asked. More in edges_moving.py.

Expected are the exact values, at a kink those of the side that ``kinks=`` of the operation names.
"""
# ruff: noqa: E501  (a table: one line per case)
import numpy as np

INF, NAN, TINY, HUGE = np.inf, np.nan, "tiny", "huge"
_AROUND_0 = (0.0, -0.0, TINY, 1e-3, -1e-3)
_ALL = (*_AROUND_0, 1.0, -1.0, HUGE, INF, -INF, NAN)


def array(value, dtype):
    """Nested lists, with names for numbers that differ between dtypes."""
    info = np.finfo(dtype)
    named = {TINY: 4 * info.smallest_subnormal, HUGE: info.max / 4, "-huge": -info.max / 4}
    if isinstance(value, (list, tuple)):
        return np.stack([array(v, dtype) for v in value]) if len(value) else np.zeros(0, dtype)
    return np.asarray(named.get(value, value) if isinstance(value, str) else value, dtype)


def zero(x):
    return 0 * np.sign(np.nan_to_num(x))


def one(x):
    return zero(x) + 1


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _sigmoid_1(x):
    return sigmoid(x) * sigmoid(-x)


def _sigmoid_2(x):
    return _sigmoid_1(x) * (sigmoid(-x) - sigmoid(x))


def _power(p):
    def derivative(order):
        factor = np.prod([p - k for k in range(order)], initial=1.0)
        return lambda x: factor * np.power(x, float(p - order)) if factor else zero(x)

    return tuple(map(derivative, range(4)))


def _step(low, high=INF, below=0.0):
    """1 from above low to high, both limits as they are named by the caller."""
    return lambda x: np.where((x > low) & (x <= high), 1.0, below)


CURVES = {
    "neg": [({}, _ALL, np.negative, lambda x: -one(x), zero, zero)],
    "exp": [({}, (*_AROUND_0, 1.0, -1.0, 80.0, -80.0, -100.0, 1e4, -1e4, INF, -INF, NAN), *4 * (np.exp,))],
    "log": [({}, (1.0, 1e-3, TINY, 1e30, 0.0), np.log, lambda x: 1 / x, lambda x: -1 / x / x, lambda x: 2 / x / x / x)],
    "sqrt": [({}, (1.0, 4.0, 1e-6, TINY, INF), np.sqrt, lambda x: 0.5 / np.sqrt(x), lambda x: -0.25 / np.sqrt(x) / x, lambda x: 0.375 / np.sqrt(x) / x / x),
             ({}, (0.0,), np.sqrt, lambda x: 0.5 / x, lambda x: -0.25 / x, lambda x: 0.375 / x)],
    "square": [({}, _ALL, np.square, lambda x: 2 * x, lambda x: 2 * one(x), zero)],
    "tanh": [({}, (*_AROUND_0, 1.0, -1.0, 30.0, -30.0, HUGE, INF, -INF),
              np.tanh, lambda x: 1 - np.tanh(x) ** 2, lambda x: -2 * np.tanh(x) * (1 - np.tanh(x) ** 2), lambda x: (1 - np.tanh(x) ** 2) * (6 * np.tanh(x) ** 2 - 2))],
    "sigmoid": [({}, (*_AROUND_0, 1.0, -1.0, 20.0, -20.0, 80.0, -80.0, 1e4, -1e4, INF, -INF, NAN),
                 sigmoid, _sigmoid_1, _sigmoid_2, lambda x: _sigmoid_1(x) * (1 - 6 * _sigmoid_1(x)))],
    "softplus": [({}, (*_AROUND_0, 1.0, -1.0, 20.0, -20.0, 80.0, -80.0, 1e4, -1e4, INF, -INF), lambda x: np.logaddexp(x, 0), sigmoid, _sigmoid_1, _sigmoid_2)],
    "relu": [({}, _ALL, lambda x: np.maximum(x, 0), _step(0), zero, zero)],
    "leaky_relu": [({}, _ALL, lambda x: np.where(x > 0, x, 0.2 * x), _step(0, below=0.2), zero, zero),
                   ({"slope": 0.0}, _AROUND_0, lambda x: np.maximum(x, 0), _step(0), zero, zero)],
    "abs": [({}, _ALL, np.abs, lambda x: np.sign(np.nan_to_num(x)), zero, zero)],
    "clip": [({"low": -1.0, "high": 1.0}, (*_ALL, 1.5, np.nextafter(1, 2, dtype=np.float32)), lambda x: np.clip(x, -1, 1), lambda x: 1.0 * (np.abs(x) <= 1), zero, zero),
             ({"low": 0.0, "high": INF}, _ALL, lambda x: np.clip(x, 0, INF), lambda x: 1.0 * (x >= 0), zero, zero)],
    "power": [*[({"exponent": p}, _ALL if p < 3 else (*_AROUND_0, 1.0, -1.0, 10.0), *_power(p)) for p in (0, 1, 2, 2.0, 3, np.int64(2), np.float64(1))],
              *[({"exponent": p}, (0.0, 1.0, 4.0, 1e-3), *_power(p)) for p in (0.5, 2.5, 4.0)],
              ({"exponent": -1}, (1.0, -1.0, 1e-3, 1e3), *_power(-1))],
}
SLOPES_AT_0 = {"relu": 0, "leaky_relu": 0.2, "tanh": 1, "linear": 1}
_E30 = np.exp(-30.0)
_P30 = _E30 / (1 + 2 * _E30)
_EMPTY = np.zeros((0, 3))

CASES = {
    "add": [
        ((INF, np.array([1.0, NAN])), {}, [INF, NAN], (2.0, [1.0, 1.0])),
        ((_EMPTY, np.ones(3)), {}, _EMPTY, (_EMPTY, np.zeros(3))),
    ],
    "sub": [
        ((-INF, [1.0, HUGE]), {}, [-INF, -INF], (2.0, [-1.0, -1.0])),
        ((_EMPTY, 1.0), {}, _EMPTY, (_EMPTY, 0.0)),
    ],
    "mul": [
        (([0.0, -0.0, TINY, INF], [3.0, INF, 0.5, 2.0]), {}, None, ([3.0, INF, 0.5, 2.0], [0.0, 0.0, TINY, INF])),
        ((_EMPTY, 2.0), {}, _EMPTY, (_EMPTY, 0.0)),
    ],
    "div": [
        (([0.0, 1.0, 1.0, 1.0, -1.0], [2.0, INF, 0.0, -0.0, 0.0]), {}, [0.0, 0.0, INF, -INF, -INF],
         ([0.5, 0.0, INF, -INF, INF], [0.0, 0.0, -INF, -INF, INF])),
        ((_EMPTY, 2.0), {}, _EMPTY, (_EMPTY, 0.0)),
    ],
    "maximum": [
        (([0.0, -0.0, 1.0, INF, -INF, -INF, NAN, 1.0], [0.0, 0.0, 2.0, INF, 0.0, -INF, 1.0, NAN]), {}, [0.0, 0.0, 2.0, INF, 0.0, -INF, NAN, NAN],
         ([1, 1, 0, 1, 0, 1, 1, 1], [0, 0, 1, 0, 1, 0, 0, 0])),
        ((_EMPTY, 0.0), {}, _EMPTY, (_EMPTY, 0.0)),
    ],
    "minimum": [
        (([0.0, -0.0, 1.0, INF, -INF, INF, NAN, 1.0], [0.0, 0.0, 2.0, 0.0, 0.0, INF, 1.0, NAN]), {}, [0.0, 0.0, 1.0, 0.0, -INF, INF, NAN, NAN],
         ([1, 1, 1, 0, 1, 1, 1, 1], [0, 0, 0, 1, 0, 0, 0, 0])),
        ((_EMPTY, 0.0), {}, _EMPTY, (_EMPTY, 0.0)),
    ],
    "where": [
        ((np.array([True, False]), [1.0, NAN], [NAN, 2.0]), {}, [1.0, 2.0], (None, [1, 0], [0, 1])),
        ((np.array([2, 0, -1]), 1.0, np.zeros(3)), {}, [1, 0, 1], (None, 2.0, [0, 1, 0])),
        ((True, _EMPTY, 1.0), {}, _EMPTY, (None, _EMPTY, 0.0)),
    ],
    "perturb": [
        (([0.5, 0.75, 0.25, 1.0, 0.0, 0.5, 0.5, NAN, 0.5], [0.25, 0.25, -0.25, 0.0, -0.0, INF, -INF, 0.0, NAN]), {"eps": 0.25},
         [0.75, 1.0, 0.0, 1.0, 0.0, 0.75, 0.25, NAN, NAN], ([1, 1, 1, 1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 0, 0, 0, 0])),
        ((_EMPTY, _EMPTY), {"eps": 0.1}, _EMPTY, (_EMPTY, _EMPTY)),
        (([0.5, 0.5, 0.5], [0.25, INF, -9.0]), {"eps": INF}, [0.75, 1, 0], ([1, 0, 0], [1, 0, 0])),
    ],
    "sum": [
        *(((np.array(3.0),), {"axis": axis}, 3.0, (1.0,)) for axis in (None, 0, -1, ())),
        *(
            ((np.array([[1.0, INF], [NAN, 2.0]]),), {"axis": axis, "keepdims": keep}, None, (np.ones((2, 2)),))
            for axis in (np.int64(1), (np.int64(0), -1), [0], -2) for keep in (False, True)
        ),
        *(((_EMPTY,), {"axis": axis}, np.zeros(shape), (_EMPTY,)) for axis, shape in ((0, 3), (1, 0), (None, ()))),
    ],
    "mean": [
        *(((np.array(3.0),), {"axis": axis}, 3.0, (1.0,)) for axis in (None, 0, -1, ())),
        *(
            ((np.ones((2, 2)),), {"axis": axis}, None, (np.full((2, 2), 1 / n),))
            for axis, n in ((np.int64(1), 2), ((np.int64(0), -1), 4), ([0], 2), (-2, 2))
        ),
        ((_EMPTY,), {"axis": 1}, np.zeros(0), (_EMPTY,)),
        ((_EMPTY,), {"axis": 0}, [NAN, NAN, NAN], (_EMPTY,)),
    ],
    "max": [
        *(((np.array(3.0),), {"axis": axis}, 3.0, (1.0,)) for axis in (None, 0, -1, ())),
        *(
            (([[1.0, 1.0], [0.0, -0.0], [-INF, -INF], [INF, 1.0], [NAN, 1.0]],), {"axis": axis}, [1, 0, -INF, INF, NAN],
             ([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [1, 0], [0, 0]],))
            for axis in (1, np.int64(-1), [1])
        ),
        ((_EMPTY,), {"axis": 1}, np.zeros(0), (_EMPTY,)),
    ],
    "norm": [
        (([[HUGE, 1.0]],), {}, [INF], ([[0, 0]],)),
        (([[0.0, -0.0], [3.0, 4.0], [TINY, 0.0]],), {}, [1e-6, 5.0, 1e-6], ([[0, 0], [0.6, 0.8], [0, 0]],)),
        ((_EMPTY,), {}, np.zeros(0), (_EMPTY,)),
        ((np.zeros((2, 0)),), {}, [1e-6, 1e-6], (np.zeros((2, 0)),)),
    ],
    "softmax": [
        (([[0.0, -INF], [HUGE, 0.0], [1e4, -1e4], [-INF, -1e4], [2.0, 2.0]],), {}, [[1, 0], [1, 0], [1, 0], [0, 1], [0.5, 0.5]], (np.zeros((5, 2)),)),
        (([[INF, 0.0], [-INF, -INF]],), {}, np.full((2, 2), NAN), (np.full((2, 2), NAN),)),
        ((np.zeros((3, 0)),), {}, np.zeros((3, 0)), (np.zeros((3, 0)),)),
        ((_EMPTY,), {}, _EMPTY, (_EMPTY,)),
        ((np.array(2.0),), {}, 1.0, (0.0,)),
    ],
    "log_softmax": [
        (([[0.0, -INF], [HUGE, 0.0], [1e4, 0.0]],), {}, [[0, -INF], [0, "-huge"], [0, -1e4]], ([[-1, 1], [-1, 1], [-1, 1]],)),
        (([[INF, 0.0], [-INF, -INF]],), {}, np.full((2, 2), NAN), (np.full((2, 2), NAN),)),
        ((np.zeros((3, 0)),), {}, np.zeros((3, 0)), (np.zeros((3, 0)),)),
        ((_EMPTY,), {}, _EMPTY, (_EMPTY,)),
    ],
    "cross_entropy": [
        (([[30.0, 0, 0], [0, -INF, 0], [1e4, 0, 0], [0, HUGE, 0], [-INF, 0, 0]],), {"labels": np.array([0, 0, 1, 1, 0])},
         [np.log1p(2 * _E30), np.log(2), 1e4, 0, INF], ([[-2 * _P30, _P30, _P30], [-0.5, 0, 0.5], [1, -1, 0], [0, 0, 0], [-1, 0.5, 0.5]],)),
        ((_EMPTY,), {"labels": np.zeros(0, int)}, np.zeros(0), (_EMPTY,)),
    ],
    "margin": [
        (([[2.0, 2, 2], [0, -INF, 0], [INF, 0, 1], [HUGE, 0, 0]],), {"labels": np.array([1, 0, 2, 0])}, [0, 0, -INF, HUGE],
         ([[-1, 1, 0], [1, 0, -1], [-1, 0, 1], [1, -1, 0]],)),
        (([[-INF, 0, 1]],), {"labels": np.array([0])}, [-INF], ([[1, 0, -1]],)),
        ((_EMPTY,), {"labels": np.zeros(0, int)}, np.zeros(0), (_EMPTY,)),
    ],
    "matmul": [
        ((np.array([[INF, 1.0]]), np.array([[1.0], [2.0]])), {}, [[INF]], ([[1, 2]], [[INF], [1]])),
        ((np.ones((2, 0)), np.ones((0, 3))), {}, np.zeros((2, 3)), (np.zeros((2, 0)), np.zeros((0, 3)))),
        ((_EMPTY, np.ones((3, 2))), {}, np.zeros((0, 2)), (_EMPTY, np.zeros((3, 2)))),
        ((np.ones((2, 1, 2)), np.ones((2, 1))), {}, np.full((2, 1, 1), 2.0), (np.ones((2, 1, 2)), [[2], [2]])),
    ],
    "dense": [
        *(
            (([[-1.0, 0.0]], [[1.0, 2.0], [3.0, 4.0]], [1.0, 2.0]), {"activation": name}, [[0, 0]], ([[3 * s, 7 * s]], [[-s, -s], [0, 0]], [s, s]))
            for name, s in SLOPES_AT_0.items()
        ),
        ((_EMPTY, np.ones((3, 2)), np.ones(2)), {"activation": "relu"}, np.zeros((0, 2)), (_EMPTY, np.zeros((3, 2)), np.zeros(2))),
    ],
}
