"""Are the samplers faster than PyTorch's, SciPy's and OpenCV's? ``sdpadv bench affine`` with these, against goals.

    python benchmarks/affine_sample.py                  # one thread; torch.compile takes a minute a job
    python benchmarks/affine_sample.py --threads 2
    python benchmarks/affine_sample.py --device cuda    # needs CuPy and a GPU

Writes benchmarks/results/affine_sample/, see record.py.
"""
from record import main

from sdpadv_np.bench.goals import Goal

_GOALS = (  # case, task, how many times as fast as eager PyTorch: the goal, and the floor
    ("28x28x1 N 128", "forward", 6.0, 4.5),
    ("28x28x1 N 1024", "forward", 6.0, 4.5),
    ("28x28x1 N 128", "forward+backward", 5.5, 4.0),
    ("28x28x1 N 1024", "forward+backward", 5.5, 4.0),
    ("28x28x1 N 128", "theta only", 9.0, 7.0),
    ("28x28x1 N 1024", "theta only", 9.0, 7.0),
    ("32x32x3 N 128", "forward", 3.5, 2.5),
    ("224x224x3 N 16", "forward", 3.5, 2.5),
    ("32x32x3 N 128", "forward+backward", 3.0, 2.3),
    ("224x224x3 N 16", "forward+backward", 3.0, 2.3),
)
GOALS = (
    *(Goal(f"{case} {convention}", task, None, "torch", goal, floor) for case, task, goal, floor in _GOALS
      for convention in ("half_pixel", "align_corners")),  # those that PyTorch has
    Goal("28x28x1 N 128 flow_sample", "forward+backward", None, "torch", 4.0, 2.5),
)

if __name__ == "__main__":
    main("affine", __doc__, ("torch", "torch.compile", "scipy", "opencv"), GOALS, results="affine_sample")
