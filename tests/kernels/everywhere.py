"""A kernel's implementations on the CPU as a test's parameters: what cannot run on this processor is skipped, and says
why.
"""
import pytest

ON_GPU = ("numba-cuda", "cuda")


def everywhere(kernel, cases=((),), but=()):
    """Parameters (implementation, \\*case), for all implementations that may be had on some CPU, without those in
    ``but``.
    """
    package, params = kernel.__name__.rpartition(".")[2], []
    for name, here in kernel.implementations().items():
        if name not in (*ON_GPU, *but):
            marks = () if here else pytest.mark.skip(reason=f"{package} on {name}: {kernel._choose.why_not(name)}")
            params += [pytest.param(name, *case, marks=marks) for case in cases]
    return params
