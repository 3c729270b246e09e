"""Edges of the operations that move numbers about, convolve and sample: more of CASES in edges.py."""
# ruff: noqa: E501  (a table: one line per case)
import numpy as np
from edges import INF, NAN, SLOPES_AT_0

_EMPTY, _ONES = np.zeros((0, 3)), np.ones((2, 3))
_X = [[1.0, INF, NAN], [4.0, 5.0, 6.0]]
_LINE = [[[[1.0, 2.0, 3.0, 4.0, NAN]]]]  # kernels of two at stride 2 never come to the last
_TWO = {"stride": 2}
_NO_IMAGES = np.zeros((0, 1, 1, 5))

MOVING = {
    "reshape": [
        *(((_X,), {"shape": shape}, None, (_ONES,)) for shape in ((3, 2), [np.int64(3), -1], np.int64(6), (1, 2, 1, 3))),
        ((np.array(2.0),), {"shape": (1, 1)}, [[2.0]], (1.0,)),
        ((_EMPTY,), {"shape": (3, 0)}, np.zeros((3, 0)), (_EMPTY,)),
    ],
    "transpose": [
        *(((_X,), {"axes": axes}, np.transpose(_X), (_ONES,)) for axes in (None, (1, 0), (-1, 0), [np.int64(-1), np.int64(-2)])),
        ((np.array(2.0),), {}, 2.0, (1.0,)),
        ((_EMPTY,), {"axes": (-1, 0)}, np.zeros((3, 0)), (_EMPTY,)),
        ((np.zeros((2, 3, 4)),), {"axes": (0, -1, 1)}, np.zeros((2, 4, 3)), (np.ones((2, 3, 4)),)),
    ],
    "swapaxes": [
        ((_X,), {}, np.transpose(_X), (_ONES,)),
        ((_X,), {"a": np.int64(0), "b": np.int64(-1)}, np.transpose(_X), (_ONES,)),
        ((_EMPTY,), {}, np.zeros((3, 0)), (_EMPTY,)),
    ],
    "broadcast_to": [
        ((np.array(NAN),), {"shape": (2,)}, [NAN, NAN], (2.0,)),
        (([[1.0, INF]],), {"shape": [np.int64(3), 2]}, None, ([[3, 3]],)),
        ((np.ones((1, 3)),), {"shape": (0, 3)}, _EMPTY, (np.zeros((1, 3)),)),
    ],
    "sum_to": [
        ((_X,), {"shape": (np.int64(1), 3)}, [[5, INF, NAN]], (_ONES,)),
        ((_EMPTY,), {"shape": (1, 3)}, [[0, 0, 0]], (_EMPTY,)),
        ((_EMPTY,), {"shape": ()}, 0.0, (_EMPTY,)),
        ((np.array(2.0),), {"shape": ()}, 2.0, (1.0,)),
    ],
    "getitem": [
        *(
            ((_X,), {"index": index}, np.array(_X)[index], (gradient,))
            for index, gradient in (
                (np.array([[True, False, False], [False, True, False]]), [[1, 0, 0], [0, 1, 0]]),
                (np.array([False, True]), [[0, 0, 0], [1, 1, 1]]),
                (np.zeros((2, 3), bool), np.zeros((2, 3))),
                (np.array([1, 1, -1]), [[0, 0, 0], [3, 3, 3]]),
                ([0, 0], [[2, 2, 2], [0, 0, 0]]),
                ([], np.zeros((2, 3))),
                (np.int64(-1), [[0, 0, 0], [1, 1, 1]]),
                ((np.int64(1), -1), [[0, 0, 0], [0, 0, 1]]),
                ((Ellipsis, None, 0), [[1, 0, 0], [1, 0, 0]]),
                (slice(None, None, -1), _ONES),
                (slice(5, None), np.zeros((2, 3))),
                ((np.array([0, 1]), np.array([True, False, False])), [[1, 0, 0], [1, 0, 0]]),
            )
        ),
        ((np.array(2.0),), {"index": ()}, 2.0, (1.0,)),
        ((np.array(2.0),), {"index": None}, [2.0], (1.0,)),
        ((_EMPTY,), {"index": (slice(None), 0)}, np.zeros(0), (_EMPTY,)),
    ],
    "place": [
        *(
            (([1.0, 2.0, 4.0],), {"index": index, "shape": (3,)}, value, ([1, 1, 1],))
            for index, value in (
                (np.array([0, 0, 2]), [3, 0, 4]),
                ([1, 1, 1], [0, 7, 0]),
                (np.array([True, True, True]), [1, 2, 4]),
                (slice(None, None, -1), [4, 2, 1]),
            )
        ),
        ((np.array(2.0),), {"index": np.int64(1), "shape": [2]}, [0, 2], (1.0,)),
        ((np.zeros(0),), {"index": np.zeros(0, int), "shape": (2,)}, [0, 0], (np.zeros(0),)),
        (([NAN],), {"index": np.array([True, False]), "shape": (2,)}, [NAN, 0], ([1],)),
    ],
    "concatenate": [
        (([1.0], np.zeros(0), [INF, NAN]), {}, [1, INF, NAN], ([1], np.zeros(0), [1, 1])),
        ((np.ones((2, 1)), np.zeros((2, 0)), np.ones((2, 2))), {"axis": np.int64(-1)}, _ONES, (np.ones((2, 1)), np.zeros((2, 0)), np.ones((2, 2)))),
        ((np.zeros(0),), {}, np.zeros(0), (np.zeros(0),)),
    ],
    "reflect_pad": [
        (([[1.0, INF], [2.0, NAN]],), {"width": 0}, [[1, INF], [2, NAN]], (np.ones((2, 2)),)),
        (([[1.0, 2.0], [3.0, 4.0]],), {"width": np.int64(1)}, None, (np.full((2, 2), 4.0),)),
        ((np.zeros((0, 2, 2)),), {}, np.zeros((0, 4, 4)), (np.zeros((0, 2, 2)),)),
    ],
    "reflect_fold": [
        (([[1.0, INF], [2.0, NAN]],), {"width": 0}, [[1, INF], [2, NAN]], (np.ones((2, 2)),)),
        ((np.ones((4, 4)),), {"width": np.int64(1)}, np.full((2, 2), 4.0), (np.ones((4, 4)),)),
        ((np.zeros((0, 4, 4)),), {}, np.zeros((0, 2, 2)), (np.zeros((0, 4, 4)),)),
    ],
    "max_pool2d": [
        (([[[[1.0, 1.0, -INF, -INF, INF, 2.0, 0.0, -0.0]]]],), {"kernel_size": (1, 2)}, [[[[1, -INF, INF, 0]]]], ([[[[1, 0, 1, 0, 1, 0, 1, 0]]]],)),
        (([[[[-INF, -INF, NAN, 3.0]]]],), {"kernel_size": (1, 3), "stride": np.int64(1), "padding": "same"}, [[[[-INF, NAN, NAN, NAN]]]], ([[[[1, 0, 3, 0]]]],)),
        ((np.full((1, 1, 3, 3), -INF),), {"kernel_size": 3, "stride": 2, "padding": 1}, np.full((1, 1, 2, 2), -INF), ([[[[1, 1, 0], [1, 1, 0], [0, 0, 0]]]],)),
        ((_NO_IMAGES,), {"kernel_size": (1, 2)}, np.zeros((0, 1, 1, 2)), (_NO_IMAGES,)),
    ],
    "avg_pool2d": [
        (([[[[1.0, 3.0, -INF, INF, NAN]]]],), {"kernel_size": (1, 2)}, [[[[2, NAN]]]], ([[[[0.5, 0.5, 0.5, 0.5, 0]]]],)),
        (([[[[1.0, 3.0]]]],), {"kernel_size": 3, "stride": np.int64(1), "padding": 1}, np.full((1, 1, 1, 2), 4 / 9), (np.full((1, 1, 1, 2), 2 / 9),)),
        ((_NO_IMAGES,), {"kernel_size": (1, 2)}, np.zeros((0, 1, 1, 2)), (_NO_IMAGES,)),
    ],
    "avg_pool_transpose2d": [
        (([[[[2.0, INF]]]],), {"size": [1, np.int64(5)], "kernel_size": (1, 2)}, [[[[1, 1, INF, INF, 0]]]], (np.ones((1, 1, 1, 2)),)),
        ((np.zeros((0, 1, 1, 2)),), {"size": (1, 5), "kernel_size": (1, 2)}, _NO_IMAGES, (np.zeros((0, 1, 1, 2)),)),
    ],
    "conv2d": [
        ((_LINE, [[[[1.0, 10.0]]]]), _TWO, [[[[21, 43]]]], ([[[[1, 10, 1, 10, 0]]]], [[[[4, 6]]]])),
        ((_NO_IMAGES, [[[[1.0, 10.0]]]]), {}, np.zeros((0, 1, 1, 4)), (_NO_IMAGES, [[[[0, 0]]]])),
    ],
    "conv_transpose2d": [
        (([[[[1.0, 2.0]]]], [[[[1.0, 10.0]]]]), {"size": (np.int64(1), 5), **_TWO}, [[[[1, 10, 2, 20, 0]]]], ([[[[11, 11]]]], [[[[3, 3]]]])),
        ((np.zeros((0, 1, 1, 4)), [[[[1.0, 10.0]]]]), {"size": (1, 5)}, _NO_IMAGES, (np.zeros((0, 1, 1, 4)), [[[[0, 0]]]])),
    ],
    "conv2d_weight": [
        (([[[[1.0, 10.0]]]], _LINE), {"kernel_size": [1, np.int64(2)], **_TWO}, [[[[31, 42]]]], ([[[[3, 7]]]], [[[[1, 1, 10, 10, 0]]]])),
        ((np.zeros((0, 1, 1, 4)), _NO_IMAGES), {"kernel_size": (1, 2)}, [[[[0, 0]]]], (np.zeros((0, 1, 1, 4)), _NO_IMAGES)),
    ],
    "conv2d_layer": [
        *(
            (([[[[1.0, -1.0]]]], [[[[2.0, 2.0]]]], [0.0]), {"activation": name}, [[[[0]]]], ([[[[2 * s, 2 * s]]]], [[[[s, -s]]]], [s]))
            for name, s in SLOPES_AT_0.items()
        ),
        ((_LINE, [[[[1.0, 10.0]]]], [-30.0]), {"activation": "relu", "stride": np.int64(2)}, [[[[0, 13]]]],
         ([[[[0, 0, 1, 10, 0]]]], [[[[3, 4]]]], [1])),
        ((_NO_IMAGES, [[[[1.0, 10.0]]]], [1.0]), {"activation": "relu"}, np.zeros((0, 1, 1, 4)), (_NO_IMAGES, [[[[0, 0]]]], [0])),
    ],
    "sample": [
        (([[[[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]]]], [[[[0.0, 1.0, 2.0, -1.0, 3.0, 1e9, -1e30, INF, NAN]], [[0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0]]]]),
         {}, [[[[1, 2, 32, 0, 0, 0, 0, 0, 0]]]], ([[[[1, 1, 0], [0, 0, 1]]]], [[[[1, 2, -32, 8, 0, 0, 0, 0, 0]], [[7, 14, -32, 0, 0, 0, 0, 0, 0]]]])),
        ((np.zeros((0, 1, 2, 3)), np.zeros((0, 2, 1, 1))), {}, np.zeros((0, 1, 1, 1)), (np.zeros((0, 1, 2, 3)), np.zeros((0, 2, 1, 1)))),
    ],
    "scatter": [
        (([[[[1.0, 2.0, 4.0, 8.0]]]], [[[[0.0, 0.0, 2.0, NAN]], [[0.0, 0.0, 1.0, 1.0]]]]), {"size": (2, 3)}, [[[[3, 0, 0], [0, 0, 4]]]],
         ([[[[1, 1, 1, 0]]]], [[[[0, 0, -4, 0]], [[0, 0, -4, 0]]]])),
        ((np.zeros((0, 1, 1, 1)), np.zeros((0, 2, 1, 1))), {"size": (2, 3)}, np.zeros((0, 1, 2, 3)), (np.zeros((0, 1, 1, 1)), np.zeros((0, 2, 1, 1)))),
    ],
    "affine_sample": [
        (([[[[5.0]]]], [[1.0, 0, 0, 0, 1, 0]]), {}, [[[[5]]]], ([[[[1]]]], [[0, 0, -2.5, 0, 0, -2.5]])),
        *((([[[[5.0]]]], [[1.0, 0, bad, 0, 1, 0]]), {}, [[[[0]]]], ([[[[0]]]], [[0, 0, 0, 0, 0, 0]])) for bad in (NAN, INF, -INF, 1e30)),
        ((np.zeros((0, 1, 2, 3)), np.zeros((0, 6))), {}, np.zeros((0, 1, 2, 3)), (np.zeros((0, 1, 2, 3)), np.zeros((0, 6)))),
    ],
    "flow_sample": [
        (([[[[1.0, 3.0]]]], np.zeros((1, 2, 1, 2))), {}, [[[[1, 3]]]], ([[[[1, 1]]]], [[[[0, 0]], [[2, 2]]]])),
        (([[[[1.0, 3.0]]]], [[[[NAN, 0.0]], [[0.0, NAN]]]]), {}, [[[[1, 1]]]], ([[[[2, 0]]]], [[[[0, 0]], [[2, 0]]]])),
        (([[[[1.0, 3.0]]]], [[[[0.0, 0.0]], [[INF, -1e30]]]]), {}, [[[[3, 1]]]], ([[[[1, 1]]]], np.zeros((1, 2, 1, 2)))),
        ((np.zeros((0, 1, 2, 3)), np.zeros((0, 2, 2, 3))), {}, np.zeros((0, 1, 2, 3)), (np.zeros((0, 1, 2, 3)), np.zeros((0, 2, 2, 3)))),
    ],
}
