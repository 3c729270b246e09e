"""Is a training step faster than PyTorch's? ``sdpadv bench train`` with every peer, torch.compile included (a minute for each of its cases).

    python benchmarks/train.py                # one thread
    python benchmarks/train.py --clock cpu    # on a busy machine: the processor's time

Writes benchmarks/results/train/, see record.py beside this file.
"""
from record import main

if __name__ == "__main__":
    main("train", __doc__)
