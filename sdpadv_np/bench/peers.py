"""Other libraries' answers to the questions asked here, each behind the same small adapter.

The product needs none of these libraries, and no module of it imports one. An adapter fetches its
library by name with importlib, when a benchmark that was asked to compare with it begins; one that
is not installed is named as missing in every table.

An adapter is made with the device ("cpu" or "cuda") and turns a problem of ``sdpadv_np.bench.affine``
into a :class:`~sdpadv_np.bench.runner.Contender`, or raises Inapplicable; its ``version`` is the
library's. All preparation (matrices in the peer's own coordinates, its own memory layout) is done
outside the timed call, in the peer's favour.
"""
from __future__ import annotations

import importlib
import warnings

import numpy as np

from .runner import Contender, Inapplicable


class Torch:
    """PyTorch: affine_grid and grid_sample, backward through autograd. Eager, or compiled for the very shapes.

    Where no gradient is asked for, no tensor requires one, so that nothing is recorded: torch.no_grad
    would do the same, at a microsecond per call. For the flow, grid_sample's own unit and layout
    are used, which leaves one addition.
    """

    compiled = False

    def __init__(self, device):
        self.torch = importlib.import_module("torch")
        if device == "cuda" and not self.torch.cuda.is_available():
            raise ImportError("this build of PyTorch finds no CUDA device")
        self.version = self.torch.__version__

    def _tensor(self, array):
        return self.torch.from_numpy(array) if isinstance(array, np.ndarray) else self.torch.from_dlpack(array)

    def _array(self, tensor):
        return tensor.detach().cpu().numpy()

    def contender(self, problem, task):
        x, g = self._tensor(problem.x), self._tensor(problem.g)
        if problem.case.kernel == "flow":
            sample, moved, read = self._flow(problem)
        else:
            sample, moved, read = self._affine(problem)
        if self.compiled:
            self.torch._dynamo.reset()  # else the limit on recompilations ends in the eager program, silently
            sample = self.torch.compile(sample, dynamic=False)
        if task == "forward":
            return Contender(lambda: (sample(x, moved),), lambda results: [self._array(r) for r in results])
        inputs = [tensor.detach().requires_grad_() for tensor in ((moved,) if task == "theta only" else (x, moved))]
        arguments = (x, *inputs)[-2:]

        def call():
            y = sample(*arguments)
            return y, *self.torch.autograd.grad(y, inputs, g)

        return Contender(call, lambda results: read([self._array(r) for r in results]))

    def _affine(self, problem):
        corners = {"half_pixel": False, "align_corners": True}.get(problem.case.convention)
        if corners is None:
            raise Inapplicable(f"PyTorch has no {problem.case.convention}")
        size, functional = list(problem.x.shape), self.torch.nn.functional

        def sample(x, theta):
            return functional.grid_sample(x, functional.affine_grid(theta, size, align_corners=corners), align_corners=corners)

        return sample, self._tensor(problem.moved), lambda results: results

    def _flow(self, problem):
        h, w = problem.x.shape[2:]
        unit = np.array([2 / max(w - 1, 1), 2 / max(h - 1, 1)], np.float32)  # of one pixel; x first
        rows, columns = np.indices((h, w), np.float32)
        base = np.stack([columns, rows], axis=-1) * unit - 1
        device, functional = self._tensor(problem.x).device, self.torch.nn.functional
        base, unit_here = (self.torch.from_numpy(a).to(device) for a in (base, unit))
        flow = (self._tensor(problem.moved).flip(1).permute(0, 2, 3, 1) * unit_here).contiguous()

        def sample(x, flow):
            return functional.grid_sample(x, base + flow, padding_mode="border", align_corners=True)

        return sample, flow, lambda results: [*results[:-1], (results[-1] * unit).transpose(0, 3, 1, 2)[:, ::-1]]


class TorchCompiled(Torch):
    """The same program through torch.compile, for the shapes at hand (dynamic=False)."""

    compiled = True

    def __init__(self, device):
        super().__init__(device)
        self.torch.compiler.config.force_disable_caches = True  # so that compiling costs what it costs the first time
        warnings.filterwarnings("ignore", "dynamo_pgo force disabled")  # it warns of just this at every compilation


class _PerImage:
    """What the libraries below share: forward only, half_pixel, one image at a time, on the CPU."""

    library, tolerance = "", 0.0

    def __init__(self, device):
        if device != "cpu":
            raise ImportError("it computes on the CPU only")
        self.module = importlib.import_module(self.library)
        self.version = importlib.import_module(self.library.partition(".")[0]).__version__

    def contender(self, problem, task):
        if task != "forward" or problem.case.kernel != "affine" or problem.case.convention != "half_pixel":
            raise Inapplicable(f"{self.library} samples forward, along affine grids, in half_pixel only")
        h, w = problem.x.shape[2:]
        theta = problem.moved.astype(np.float64)
        matrix = np.array([[w], [h]]) * theta[:, :, :2] / np.array([w, h])  # of pixel numbers: (2 p + 1) / w - 1 put in for u, and solved for p'
        offset = (np.array([w, h]) * (theta @ np.array([1 / w - 1, 1 / h - 1, 1]) + 1) - 1) / 2
        return self.per_image(problem.x, matrix, offset)


class Scipy(_PerImage):
    """scipy.ndimage.affine_transform; of its modes grid-constant is the one that interpolates with the zeros outside."""

    library = "scipy.ndimage"

    def per_image(self, x, matrix, offset):
        matrix, offset = np.ascontiguousarray(matrix[:, ::-1, ::-1]), np.ascontiguousarray(offset[:, ::-1])  # SciPy counts rows first
        transform = self.module.affine_transform

        def call():
            y = np.empty_like(x)
            for n in range(len(x)):
                for channel in range(x.shape[1]):
                    transform(x[n, channel], matrix[n], offset[n], output=y[n, channel], order=1, mode="grid-constant")
            return (y,)

        return Contender(call)


class OpenCV(_PerImage):
    """cv2.warpAffine, on images with channels last, which is its layout."""

    library = "cv2"
    tolerance = 0.03  # before version 5 it rounds positions to 1/32 of a pixel

    def per_image(self, x, matrix, offset):
        cv2, affine = self.module, np.concatenate([matrix, offset[:, :, None]], axis=2)
        images, size = np.ascontiguousarray(x.transpose(0, 2, 3, 1)), x.shape[:1:-1]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP

        def call():
            y = np.empty_like(images)
            for n in range(len(images)):
                cv2.warpAffine(images[n], affine[n], size, dst=y[n], flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
            return (y,)

        return Contender(call, lambda results: (results[0].transpose(0, 3, 1, 2),), self.tolerance)


PEERS = {"torch": Torch, "torch.compile": TorchCompiled, "scipy": Scipy, "opencv": OpenCV}


def load(names, device: str) -> tuple[dict, dict[str, str]]:
    """({name: adapter}, {name: why it is missing}) for every peer there is; those not in ``names`` were not asked for."""
    found, missing = {}, {}
    for name, adapter in PEERS.items():
        if name not in names:
            missing[name] = "not asked for (--peers)"
            continue
        try:
            found[name] = adapter(device)
        except ImportError as error:
            missing[name] = str(error)
    return found, missing
