"""Compile everything ahead of the first attack."""
from __future__ import annotations

import contextlib
import warnings

from .training.compiling import told


def warm_up(progress: bool = True) -> dict[str, float]:
    """Compile every kernel for this processor, so that no attack, model or training in float32 compiles on its way.

    Numba compiles a kernel when it is first called; later processes find it beside the source, or in the
    folder that NUMBA_CACHE_DIR names. All together takes 20 to 30 s of one core, once for an installation
    and a processor; what is there already takes a second to load.

    progress : whether to tell on standard error what is compiled

    Returns the seconds that were spent on compiling each kernel: {} if nothing was left to do, or, with a warning, if
    there is no Numba here.

    >>> import sdpadv_np as sd
    >>> compiled = sd.warm_up(progress=False)
    >>> sd.warm_up(progress=False)
    {}
    """
    if reason := hindrance():
        warnings.warn(f"nothing was compiled, and slower kernels are used: {reason}", RuntimeWarning, stacklevel=2)
        return {}
    from .kernels.runtime import jit
    from .kernels.runtime.warm_up import warm_up as call_all

    before = dict(jit.compile_seconds)
    with told() if progress else contextlib.nullcontext():
        call_all()
    spent = {kernel: seconds - before.get(kernel, 0.0) for kernel, seconds in jit.compile_seconds.items()}
    return {kernel: seconds for kernel, seconds in spent.items() if seconds}


def hindrance() -> str:
    """Why nothing can be compiled here; "" where it can."""
    try:
        from .kernels.runtime import jit  # noqa: F401
    except ImportError as error:
        return str(error)
    return ""
