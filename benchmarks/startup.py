"""How long until the first training step of a fresh process? ``sdpadv bench startup`` with PyTorch.

    python benchmarks/startup.py

Writes benchmarks/results/startup/, see record.py.
"""
from record import main

from sdpadv_np.bench.goals import Goal
from sdpadv_np.bench.startup import STEP

GOALS = (Goal("start-up", STEP, "ours", None, 0.8, 1.2),)

if __name__ == "__main__":
    main("startup", __doc__, ("torch",), GOALS)
