"""OpenCV's sampler: cv2.warpAffine, on images with channels last, which is its layout."""
import cv2
import numpy as np

from sdpadv_np.bench import Candidate

from .per_image import matrices

__version__ = cv2.__version__
get_threads, set_threads = cv2.getNumThreads, cv2.setNumThreads
_TOLERANCE = 0.03  # before version 5 it rounds positions to 1/32 of a pixel


def warp(job):
    matrix, offset = matrices(job, "cv2")
    affine, x = np.concatenate([matrix, offset[:, :, None]], axis=2), job.inputs["x"]
    images, size = np.ascontiguousarray(x.transpose(0, 2, 3, 1)), x.shape[:1:-1]
    how = {"flags": cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, "borderMode": cv2.BORDER_CONSTANT, "borderValue": 0}

    def call():
        y = np.empty_like(images)
        for n in range(len(images)):
            cv2.warpAffine(images[n], affine[n], size, dst=y[n], **how)
        return y

    return Candidate(call, lambda y: y.transpose(0, 3, 1, 2), _TOLERANCE)
