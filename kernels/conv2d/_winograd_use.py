"""Which convolutions Winograd's algorithm can compute."""
from __future__ import annotations

TAPS = 3  # of a one-dimensional filter, after a kernel of stride s is split into s filters


def winograd_applies(inputs: int, outputs: int, kernel: tuple[int, int], stride: int) -> bool:
    """Whether kernels have three taps per stride, and channels fill SIMD vectors."""
    fits = all(2 * stride < k <= TAPS * stride for k in kernel)
    return fits and (stride * inputs) % 16 == outputs % 16 == 0


def check_winograd(inputs: int, outputs: int, kernel: tuple[int, int], stride: int) -> None:
    """ValueError unless the algorithm applies."""
    if not winograd_applies(inputs, outputs, kernel, stride):
        raise ValueError(
            "algorithm winograd is for kernels of three taps per stride (3x3 stride 1, 5x5 and 6x6 stride 2), "
            f"with stride * C and O multiples of 16, not for {kernel[0]}x{kernel[1]} stride {stride} "
            f'from {inputs} to {outputs} channels; use "direct" or "auto"'
        )
