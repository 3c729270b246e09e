"""The derivative table, by kind of operation."""
from . import conv, elementwise, linalg, loss, pool, reduction, sampling, shape  # noqa: F401
