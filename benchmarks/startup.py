"""How long until the first training step of a fresh process? ``sdpadv bench startup`` with every peer.

    python benchmarks/startup.py

Writes benchmarks/results/startup/, see record.py beside this file.
"""
from record import main

if __name__ == "__main__":
    main("startup", __doc__)
