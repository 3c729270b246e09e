"""Are the convolutions faster than PyTorch's? ``sdpadv bench conv`` with PyTorch, torch.compile included.

    python benchmarks/conv.py                 # one thread
    python benchmarks/conv.py --threads 2

Writes benchmarks/results/conv/, see record.py.
"""
from record import main

from sdpadv_np.bench.conv import BOTH, FORWARD
from sdpadv_np.bench.goals import Goal

GOALS = tuple(
    Goal(f"Model A N {count}", task, f"ours {algorithm}", "torch", goal, floor)
    for count in (128, 1000)
    for task, algorithm, goal, floor in ((FORWARD, "direct", 2.2, 1.8), (FORWARD, "auto", 3.8, 2.2),
                                         (BOTH, "direct", 2.8, 1.8), (BOTH, "auto", 5.5, 3.3))
)

if __name__ == "__main__":
    main("conv", __doc__, ("torch", "torch.channels_last", "torch.compile"), GOALS)
