"""The samplers, each implementation in turn; those on a GPU are skipped, with the reason, where they cannot run."""
import pytest
from everywhere import ON_GPU

from sdpadv_np.kernels import affine_sample, flow_sample


class On:
    """A kernel with its implementation chosen; takes and gives NumPy arrays wherever it runs."""

    def __init__(self, kernel, name):
        if not kernel.implementations()[name]:
            pytest.skip(f"{kernel.__name__.rpartition('.')[2]} on {name}: {kernel.why_not(name)}")
        self.kernel, self.name = kernel, name

    def forward(self, *arrays, **options):
        return self._there_and_back(self.kernel.forward, arrays, options)

    def backward(self, *arrays, **options):
        return self._there_and_back(self.kernel.backward, arrays, options)

    def _there_and_back(self, function, arrays, options):
        if self.name not in ON_GPU:
            return function(*arrays, implementation=self.name, **options)
        import cupy

        there = [cupy.asarray(a) if hasattr(a, "dtype") else a for a in arrays]
        result = function(
            *there, implementation=self.name,
            **{k: cupy.asarray(v) if hasattr(v, "dtype") else v for k, v in options.items()},
        )
        return result.get() if hasattr(result, "get") else tuple(r if r is None else r.get() for r in result)


def _each(names):
    return [pytest.param(name, marks=pytest.mark.gpu) if name in ON_GPU else name for name in names]


@pytest.fixture(params=_each(affine_sample.implementations()))
def affine(request):
    return On(affine_sample, request.param)


@pytest.fixture(params=_each(flow_sample.implementations()))
def flow(request):
    return On(flow_sample, request.param)
