"""The AMX convolution where there is no AMX: only the tile instructions are emulated, all else runs as it is."""
import os
import subprocess
import sys

import pytest

pytest.importorskip("numba")
from sdpadv_np.kernels.simd.processor import FEATURES

PROGRAM = '''
import numba
import numpy as np
from sdpadv_np.kernels.gemm import amx_tiles

@numba.njit
def nothing():
    pass

@numba.njit
def multiply_tiles(tall, wide, a, first, b, steps, c, accumulate):
    """Word (i, k) of a left tile and (k, j) of a right tile each hold two bfloat16, of numbers k and k + 16."""
    left, right = a.array.view(np.uint32), b.array.view(np.uint32)
    words = np.empty(2, np.uint32)
    numbers = words.view(np.float32)
    for i in range(16 * tall):
        for j in range(16 * wide):
            at = c.offset + (first + i // 16) * c.stride + j // 16 * 256 + i % 16 * 16 + j % 16
            total = c.array[at] if accumulate else np.float32(0)
            for step in range(steps):
                for p, q in ORDER:
                    for k in range(16):
                        x = left[a.offset + (first + i // 16) * a.stride + step * 768 + p * 256 + i % 16 * 16 + k]
                        y = right[b.offset + j // 16 * b.stride + step * 768 + q * 256 + k * 16 + j % 16]
                        for half in range(2):
                            words[0] = np.uint32(x << np.uint32(16)) if half == 0 else x & np.uint32(0xFFFF0000)
                            words[1] = np.uint32(y << np.uint32(16)) if half == 0 else y & np.uint32(0xFFFF0000)
                            total += numbers[0] * numbers[1]
            c.array[at] = total

ORDER = amx_tiles._ORDER
amx_tiles.why_unavailable = lambda: ""
amx_tiles.configure_tiles = amx_tiles.release_tiles = nothing
amx_tiles.multiply_tiles = multiply_tiles
from layers import DIRECT_LAYERS, Layer, error
from sdpadv_np.kernels import conv2d
from sdpadv_np.kernels.conv2d import _direct_amx, amx, numba_cpu
for name in DIRECT_LAYERS:
    layer = Layer(np.random.default_rng(0), name)
    assert _direct_amx.applies(numba_cpu._convolution(layer.x.shape, layer.w.shape, *layer.how)), name
    got = (
        amx.forward(layer.x, layer.w, *layer.how, algorithm="direct"),
        amx.input_gradient(layer.g, layer.w, layer.size, *layer.how, "direct"),
        amx.weight_gradient(layer.g, layer.x, layer.kernel, *layer.how, "direct"),
    )
    for a, b in zip(got, layer.expected):
        assert error(a, b) <= conv2d.DIRECT_ERROR, (name, error(a, b))
'''


@pytest.mark.skipif(not {"avx512f", "avx512bw"} <= FEATURES, reason="the processor has no AVX-512")
def test_the_direct_convolution_in_emulated_tiles(tmp_path):
    env = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": os.path.dirname(__file__)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
