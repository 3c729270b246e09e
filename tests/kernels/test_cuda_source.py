"""The CUDA C kernels and their Python side on the CPU (see cuda_on_cpu.py), against the definitions."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cuda_on_cpu
import numpy as np
import pytest
from samplers import SIZES, everything, problem, same_as_the_definition

from sdpadv_np.kernels.affine_sample import CONVENTIONS
from sdpadv_np.kernels.sampling.cuda_source import source

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("g++") is None,
    reason="no g++ on Linux to compile the CUDA C for the CPU with",
)
places = pytest.mark.parametrize("place", ("shared", "global"))
dtypes = pytest.mark.parametrize("dtype", (np.float32, np.float64))
both = pytest.mark.parametrize("kernel", ("affine_sample", "flow_sample"))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return cuda_on_cpu.load(tmp_path_factory.mktemp("cuda"))


@pytest.fixture
def gpu(built, monkeypatch):
    """gpu(kernel, place): the kernel's module, made to hold images in shared memory or not."""
    cupy, modules = built

    def choose(kernel, place="shared"):
        for dtype in (np.float32, np.float64):
            loaded = modules[kernel].run_forward.__globals__["kernels"](kernel, dtype)
            monkeypatch.setattr(
                loaded, "shared_limit", {d: n if place == "shared" else -1 for d, n in loaded.shared_limit.items()}
            )
        return modules[kernel]

    monkeypatch.setattr(cupy, "seed", 0)
    monkeypatch.setattr(cupy, "left_out", 0)
    cupy.launched.clear()
    choose.cupy = cupy
    return choose


@places
@pytest.mark.parametrize("convention", CONVENTIONS)
@dtypes
@pytest.mark.parametrize("size, output", SIZES)
def test_affine_equals_the_definition(rng, gpu, place, convention, dtype, size, output):
    g, x, theta = problem(rng, "affine_sample", dtype, size, output)
    got = everything(gpu("affine_sample", place), "affine_sample", g, x, theta, convention)
    assert {name.partition("_")[2] for name, *_ in gpu.cupy.launched} == {place}
    assert all(a.dtype == dtype for a in got)
    same_as_the_definition(got, "affine_sample", g, x, theta, convention=convention)


@places
@dtypes
@pytest.mark.parametrize("size", ((1, 1), (1, 5), (7, 3), (28, 28)))
def test_flow_equals_the_definition(rng, gpu, place, dtype, size):
    g, x, move = problem(rng, "flow_sample", dtype, size)
    got = everything(gpu("flow_sample", place), "flow_sample", g, x, move)
    assert all(a.dtype == dtype for a in got)
    same_as_the_definition(got, "flow_sample", g, x, move)


@both
@dtypes
def test_images_too_large_for_shared_memory_are_read_from_global_memory(rng, gpu, kernel, dtype):
    g, x, move = problem(rng, kernel, np.float64, (150, 120), n=1, c=1)
    g, x, move = (a.astype(dtype) for a in (g, x, move))
    got = everything(gpu(kernel), kernel, g, x, move)
    forward, backward = gpu.cupy.launched[:2]
    assert forward[0] == "forward_global" and forward[1] * forward[2] > 1 and backward[0] == "backward_global"
    if dtype == np.float64:  # float positions around 100 are too coarse to agree at every kink
        same_as_the_definition(got, kernel, g, x, move)


@places
@dtypes
@pytest.mark.parametrize("size", ((1, 1), (13, 7), (28, 28)))
def test_identity_gives_back_the_very_image(rng, gpu, place, dtype, size):
    x = rng.standard_normal((3, 1, *size)).astype(dtype)
    theta = np.tile(np.eye(2, 3, dtype=dtype), (3, 1, 1))
    for convention in ("half_pixel", "align_corners"):
        if min(size) > 1 or convention == "half_pixel":
            np.testing.assert_array_equal(gpu("affine_sample", place).forward(x, theta, convention, size), x)
    np.testing.assert_array_equal(gpu("flow_sample", place).forward(x, np.zeros((3, 2, *size), dtype)), x)


@places
@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("value", (1e3, -1e9, 1e30, np.inf, -np.inf, np.nan))
def test_wild_theta_reads_nothing(rng, gpu, place, convention, value):
    g, x = rng.standard_normal((2, 6, 1, 4, 4)).astype(np.float32)
    theta = np.tile(np.eye(2, 3, dtype=np.float32), (6, 1, 1))
    theta.reshape(6, 6)[np.arange(6), np.arange(6)] = value
    y, derivatives, *grads = everything(gpu("affine_sample", place), "affine_sample", g, x, theta, convention)
    translated = [2, 5]  # everything is shifted out of the image
    for a in (y, derivatives, *grads):
        assert np.isfinite(a).all() and not a[translated].any()


@places
@dtypes
@pytest.mark.parametrize("value", (1e3, -1e9, 1e30, np.inf, -np.inf, np.nan, 0.0, 3.0))
def test_wild_and_whole_flow(rng, gpu, place, dtype, value):
    g, x, move = problem(rng, "flow_sample", dtype, (4, 4))
    move[:, 0, ::2], move[:, 1, :, ::2] = value, value
    with np.errstate(invalid="ignore"):
        same_as_the_definition(
            everything(gpu("flow_sample", place), "flow_sample", g, x, move), "flow_sample", g, x, move
        )


@both
@places
def test_only_what_is_needed(rng, gpu, kernel, place):
    g, x, move = problem(rng, kernel, np.float32, (7, 5))
    module, convention = gpu(kernel, place), ["half_pixel"] * (kernel == "affine_sample")
    y, derivatives, grad_x, grad_move, *_ = everything(module, kernel, g, x, move)
    np.testing.assert_array_equal(module.forward(x, move, *convention, *[(7, 5)] * len(convention)), y)
    for kept in (None, derivatives):
        only_x, only_move = (
            module.backward(g, x, move, *convention, needs, kept) for needs in ((True, False), (False, True))
        )
        assert only_x[1] is None and only_move[0] is None
        np.testing.assert_array_equal(only_x[0], grad_x)
        np.testing.assert_array_equal(only_move[1], grad_move)
    assert module.backward(g, x, move, *convention, (False, False)) == (None, None)


@both
def test_no_images_strange_layouts_and_read_only(rng, gpu, kernel):
    g, x, move = problem(rng, kernel, np.float64, (4, 6))
    expected = everything(gpu(kernel), kernel, g, x, move)
    strange = [np.repeat(a[..., None], 3, axis=-1)[..., 1] for a in (g, x, move)]
    for a in strange:
        a.flags.writeable = False
    for a, b in zip(everything(gpu(kernel), kernel, *strange), expected):
        np.testing.assert_array_equal(a, b)
    empty = everything(gpu(kernel), kernel, g[:0], x[:0], move[:0])
    assert [a.shape for a in empty] == [(0, *b.shape[1:]) for b in expected]


@both
@places
@pytest.mark.parametrize("scale", (1e-30, 1.0, 1e30, 3e38))
def test_sums_do_not_overflow_where_all_outputs_meet(rng, gpu, kernel, place, scale):
    _, x, move = problem(rng, kernel, np.float32, (28, 28), n=2)
    move[:] = 0  # affine: all read the centre
    if kernel == "flow_sample":
        rows, columns = np.indices((28, 28))
        move[:, 0], move[:, 1] = 20.5 - rows, 3.25 - columns
    g = np.full_like(x, scale / 1000)
    got = everything(gpu(kernel, place), kernel, g, x, move)[2]
    np.testing.assert_allclose(got.sum(axis=(2, 3), dtype=np.float64), 784 * float(scale) / 1000, rtol=4 * 784 * 2**-27)
    g[1, 0, 3, 3] = np.inf
    got = everything(gpu(kernel, place), kernel, g, x, move)[2]
    assert np.isfinite(got[0]).all() and np.isnan(got[1]).all()
    assert not everything(gpu(kernel, place), kernel, 0 * x, x, move)[2].any()


@both
@places
def test_thread_order_does_not_matter_and_every_barrier_does(rng, gpu, kernel, place):
    """Leaving out any barrier must show, or this test of races would show nothing."""
    g, x, move = problem(rng, kernel, np.float32, (28, 28))  # five images for two blocks
    module = gpu(kernel, place)

    def run(seed, left_out=0):
        gpu.cupy.seed, gpu.cupy.left_out = seed, left_out
        return [a.tobytes() for a in everything(module, kernel, g, x, move)]

    expected = run(seed=0)
    assert run(seed=1) == expected and run(seed=2) == expected
    function, unseen = None, set()
    for number, line in enumerate(source(kernel).splitlines(), 1):
        if line[:1].isalpha():
            function = line.partition("(")[0].split()[-1] if "<SHARED>" not in line else function
        if "__syncthreads" not in line:
            continue
        try:
            if run(seed=3, left_out=number) == expected:
                unseen.add(function)
        except RuntimeError:
            pass  # threads waited at different barriers
    for_shared = {"clear_padded", "interpolate"} if place == "global" else set()
    assert unseen == for_shared | ({"block_sum"} if kernel == "flow_sample" else set())  # those that are not called


PROGRAM = """
import cuda_on_cpu, numpy as np
from sdpadv_np.kernels.affine_sample import CONVENTIONS
cupy, modules = cuda_on_cpu.load({folder!r}, sanitize=True)
import samplers as t
modules["affine_sample"].run_forward.__globals__["PADDING"] -= {narrower}
rng = np.random.default_rng(0)
for kernel, module in modules.items():
    for place in ("shared", "global"):
        for size, output in t.SIZES[:4] + [((12, 12), (12, 12))]:
            for value in (0, 1e9, np.nan):
                g, x, move = t.problem(rng, kernel, np.float32, size, output if kernel == "affine_sample" else size)
                move[0, :, :2] += value
                for convention in CONVENTIONS:
                    t.everything(module, kernel, g, x, move, convention)
        loaded = module.run_forward.__globals__["kernels"](kernel, np.float32)
        loaded.shared_limit = dict.fromkeys(loaded.shared_limit, -1)
"""


def test_nothing_is_touched_beyond_its_end(tmp_path):
    """Under the address sanitizer; and with shared memory for a narrower frame, to see that it would tell."""
    library = subprocess.run(["g++", "-print-file-name=libasan.so"], capture_output=True, text=True).stdout.strip()
    if not Path(library).is_file():
        pytest.skip("g++ has no address sanitizer")
    environment = {**os.environ, "LD_PRELOAD": library, "ASAN_OPTIONS": "detect_leaks=0", "OPENBLAS_NUM_THREADS": "1"}
    for narrower in (0, 1):
        program = PROGRAM.format(folder=str(tmp_path), narrower=narrower)
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, cwd=Path(__file__).parent, capture_output=True, text=True
        )
        assert ("AddressSanitizer" in done.stderr) == bool(narrower), done.stderr[-3000:]
        assert (done.returncode == 0) == (not narrower), done.stderr[-3000:]
