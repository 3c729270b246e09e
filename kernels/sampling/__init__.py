"""Bilinear sampling: shared by affine_sample and flow_sample, on CPU and GPU."""
from __future__ import annotations


def check_derivatives(derivatives, shape, dtype):
    """ValueError if the saved derivatives, which may be None, are not those of this forward pass."""
    if derivatives is not None and (derivatives.shape != shape or derivatives.dtype != dtype):
        raise ValueError(
            f"derivatives are {derivatives.dtype}{list(derivatives.shape)}, not {dtype}{list(shape)}; "
            "pass those of forward(..., derivatives=True) for this very y"
        )
