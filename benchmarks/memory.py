"""How much memory does a step need, and does memory grow with images or steps? ``sdpadv bench memory`` with PyTorch.

    python benchmarks/memory.py

Writes benchmarks/results/memory/, see record.py.
"""
from record import main

if __name__ == "__main__":
    main("memory", __doc__, ("torch", "torch.channels_last"))
