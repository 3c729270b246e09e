"""CUDA C on the CPU: our sources compiled by g++ over cuda_on_cpu.h, behind as much of CuPy as we use.

``load()`` gives kernels/<name>/cuda.py imported over a stand-in for CuPy whose arrays are NumPy's, so
the Python side (arguments, sizes, shared memory) is tested along with the CUDA C.
"""
import ctypes
import hashlib
import importlib
import subprocess
import sys
import types
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
KERNELS = ("forward_shared", "forward_global", "backward_shared", "backward_global")


class Device:
    """A small GPU: few blocks, so that each has several images."""

    id = 0
    attributes = {"MultiProcessorCount": 1, "MaxThreadsPerMultiProcessor": 1024, "MaxSharedMemoryPerBlockOptin": 65536}


class Array(np.ndarray):
    """What stands for cupy.ndarray."""


class CuPy(types.ModuleType):
    ndarray = Array

    def __init__(self, folder, sanitize=False):
        super().__init__("cupy")
        self.folder, self.sanitize = Path(folder), sanitize
        self.seed, self.left_out, self.launched = 0, 0, []
        runtime = types.SimpleNamespace(getDeviceCount=lambda: 1, CUDARuntimeError=RuntimeError)
        stream = types.SimpleNamespace(synchronize=lambda: None)
        self.cuda = types.SimpleNamespace(runtime=runtime, Device=Device, get_current_stream=lambda: stream)
        self.asarray, self.ascontiguousarray = np.asarray, np.ascontiguousarray

    def empty(self, shape, dtype):
        return np.full(shape, np.nan, dtype)  # what is not written shows

    def RawModule(self, code, options):
        return Module(self, code, options)


class Module:
    def __init__(self, cupy, code, options):
        self.cupy = cupy
        text = f'#include "{HERE / "cuda_on_cpu.h"}"\n#line 1 "kernel.cu"\n{code}\n' + "".join(
            f"ON_CPU({name})\n" for name in KERNELS
        )
        path = cupy.folder / (hashlib.sha256((text + str(options)).encode()).hexdigest()[:16] + ".cpp")
        path.write_text(text)
        flags = ["-fsanitize=address,bounds", "-fno-sanitize-recover"] if cupy.sanitize else []
        command = [
            "g++",
            "-O1",
            "-fPIC",
            "-shared",
            "-fno-strict-aliasing",
            "-fno-extern-tls-init",
            "-Wno-unknown-pragmas",
            *flags,
            *options,
            str(path),
        ]
        subprocess.run([*command, "-o", path.with_suffix(".so")], check=True)
        self.library = ctypes.CDLL(str(path.with_suffix(".so")))

    def get_function(self, name):
        return Function(self.cupy, name, self.library[f"run_{name}"])


class Function:
    shared_size_bytes = 1024

    def __init__(self, cupy, name, run):
        self.cupy, self.name, self.run = cupy, name, run
        self.max_dynamic_shared_size_bytes = 48 * 1024

    def __call__(self, grid, block, args, shared_mem):
        assert shared_mem <= self.max_dynamic_shared_size_bytes
        values = [
            ctypes.c_void_p(a.ctypes.data)
            if isinstance(a, np.ndarray)
            else ctypes.c_void_p(int(a))
            if a.itemsize == 8
            else ctypes.c_int(a)
            for a in args
        ]
        pointers = (ctypes.c_void_p * len(values))(*(ctypes.addressof(v) for v in values))
        shape = (ctypes.c_int * 3)(*grid, *block)
        self.cupy.launched.append((self.name, *shape))
        parted = self.run(shape, ctypes.c_size_t(shared_mem), pointers, self.cupy.seed, self.cupy.left_out)
        if parted:
            raise RuntimeError(f"{self.name}: threads of a block waited at different barriers")


def load(folder, sanitize=False):
    """(the stand-in, {kernel: its cuda.py over it}); sys.modules is left as it was."""
    names = ["sdpadv_np.kernels.sampling.cuda"] + [
        f"sdpadv_np.kernels.{kernel}.cuda" for kernel in ("affine_sample", "flow_sample")
    ]
    before = {name: sys.modules.pop(name, None) for name in ["cupy", *names]}
    cupy = sys.modules["cupy"] = CuPy(folder, sanitize)
    try:
        modules = [importlib.import_module(name) for name in names]
    finally:
        for name, module in before.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module
    return cupy, {"affine_sample": modules[1], "flow_sample": modules[2]}
