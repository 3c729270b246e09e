"""Other libraries as contenders of ``sdpadv bench``: PyTorch, JAX, SciPy and OpenCV, each in its users' own manner.

A peer is a function of a Job like any contender (see sdpadv_np.bench). All preparation (parameters in the peer's own
coordinates, its own memory layout) is done outside the timed call, in the peer's favour.
"""
import importlib
import os
import sys

PEERS = {
    "torch": "peers.pytorch:eager", "torch.fused": "peers.pytorch:fused",
    "torch.channels_last": "peers.pytorch:channels_last", "torch.compile": "peers.pytorch:compiled",
    "jax.jit": "peers.jax_steps:jit", "scipy": "peers.scipy_sampler:transform", "opencv": "peers.opencv_sampler:warp",
}


def find(names, known, threads: int = 1) -> tuple[list[str], dict[str, str]]:
    """(NAME=MODULE:FUNCTION of those of ``names`` that are installed, {name: why another of ``known`` is missing})."""
    if "jax" not in sys.modules:  # XLA reads its number of threads when it is loaded
        flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen={str(threads > 1).lower()}"
        os.environ.update(NPROC=str(threads), XLA_FLAGS=flags)
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
    found, missing = [], {name: "not requested (--peers)" for name in known if name not in names}
    for name in names:
        try:
            importlib.import_module(PEERS[name].partition(":")[0])
            found.append(f"{name}={PEERS[name]}")
        except ImportError as error:
            missing[name] = str(error)
    return found, missing
