"""What does a step need, does an attack's memory stay bounded, does anything grow over 10,000 steps? ``sdpadv bench memory`` with every peer.

    python benchmarks/memory.py

Writes benchmarks/results/memory/, see record.py beside this file.
"""
from record import main

if __name__ == "__main__":
    main("memory", __doc__)
