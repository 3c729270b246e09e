"""Compilation of all kernels ahead of the first attack."""
from __future__ import annotations

import contextlib
import warnings

from .training.progress import compiling_shown


def warm_up(progress: bool = True) -> dict[str, float]:
    """Compile every kernel for this processor, so that no later attack, model or training in float32 waits for it.

    Numba compiles a kernel on its first call; later processes load it from a cache beside the source, or in the folder
    that NUMBA_CACHE_DIR names. Compiling all of them takes 20 to 30 s of one core, once for an installation and a
    processor; loading them takes a second.

    progress : whether compilation is shown on standard error

    Returns the seconds spent on each kernel: {} if all are compiled already, or, with a warning, if Numba is missing.

    >>> import sdpadv_np as sd
    >>> compiled = sd.warm_up(progress=False)
    >>> sd.warm_up(progress=False)
    {}
    """
    if reason := why_not_compiled():
        warnings.warn(f"nothing was compiled, and slower kernels are used: {reason}", RuntimeWarning, stacklevel=2)
        return {}
    from .kernels.runtime import jit
    from .kernels.warm_up import warm_up as call_all

    before = dict(jit.compile_seconds)
    with compiling_shown() if progress else contextlib.nullcontext():
        call_all()
    spent = {kernel: seconds - before.get(kernel, 0.0) for kernel, seconds in jit.compile_seconds.items()}
    return {kernel: seconds for kernel, seconds in spent.items() if seconds}


def why_not_compiled() -> str:
    """The reason why nothing can be compiled here; "" where it can."""
    try:
        from .kernels.runtime import jit  # noqa: F401
    except ImportError as error:
        return str(error)
    return ""
