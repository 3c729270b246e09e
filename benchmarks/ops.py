"""How long does one operation take, and how does time grow? ``sdpadv bench ops --scan`` with PyTorch.

    python benchmarks/ops.py

Writes benchmarks/results/ops/, see record.py.
"""
from record import main

from sdpadv_np.bench.goals import Goal
from sdpadv_np.bench.ops import CHAIN
from sdpadv_np.bench.steps import GRADIENTS

GOALS = (Goal(CHAIN, GRADIENTS, "ours", None, 3e-6, 5e-6), Goal(CHAIN, GRADIENTS, "ours plan", None, 1.3e-6, 2e-6))

if __name__ == "__main__":
    main("ops", __doc__, ("torch", "torch.fused", "torch.compile"), GOALS)
