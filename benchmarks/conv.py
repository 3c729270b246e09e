"""Are the convolutions faster than PyTorch's? ``sdpadv bench conv`` with every peer, torch.compile included.

    python benchmarks/conv.py                 # one thread
    python benchmarks/conv.py --threads 2

Writes benchmarks/results/conv/, see record.py beside this file.
"""
from record import main

if __name__ == "__main__":
    main("conv", __doc__)
