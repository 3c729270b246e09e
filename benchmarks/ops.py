"""What does one operation cost, and how does time grow with batch and image size? ``sdpadv bench ops --scan`` with every peer.

    python benchmarks/ops.py

Writes benchmarks/results/ops/, see record.py beside this file.
"""
from record import main

if __name__ == "__main__":
    main("ops", __doc__)
