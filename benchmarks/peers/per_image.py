"""Parameters of libraries that sample forward only, in half_pixel, one image at a time on the CPU."""
import numpy as np


def matrices(job, library: str) -> tuple[np.ndarray, np.ndarray]:
    """(matrices (N, 2, 2), offsets (N, 2)) between pixel indices, x first; NotImplementedError for another job."""
    if (job.operation, job.task, job.parameters.get("convention")) != ("affine_sample", "forward", "half_pixel"):
        raise NotImplementedError(f"{library} samples forward, along affine grids, in half_pixel only")
    if not isinstance(job.inputs["x"], np.ndarray):
        raise NotImplementedError("it computes on the CPU only")
    h, w = job.inputs["x"].shape[2:]
    theta = job.inputs["theta"].astype(np.float64)
    # u = (2 p + 1) / w - 1 inserted for u and v, and solved for the input's p
    matrix = np.array([[w], [h]]) * theta[:, :, :2] / np.array([w, h])
    offset = (np.array([w, h]) * (theta @ np.array([1 / w - 1, 1 / h - 1, 1]) + 1) - 1) / 2
    return matrix, offset
