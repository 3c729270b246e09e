"""Is a training step faster than PyTorch's and JAX's? ``sdpadv bench train`` with these.

    python benchmarks/train.py                # one thread; torch.compile takes a minute for each of its cases
    python benchmarks/train.py --clock cpu    # on a busy machine: processor time

Writes benchmarks/results/train/, see record.py.
"""
from record import main

from sdpadv_np.bench.goals import Goal
from sdpadv_np.bench.steps import GRADIENTS, STEP

GOALS = (
    Goal("SdpAdv on Model B", STEP, "ours", "torch", 2.7, 2.1),
    Goal("SdpAdv on Model B", STEP, "ours", "torch.compile", 3.0, 2.1),
    Goal("SdpAdv on Model A", STEP, "ours", "torch", 3.5, 2.5),
    Goal("Model B", STEP, "ours", "torch", 2.8, 2.1),
    Goal("Model B", STEP, "ours", "torch.fused", 1.8, 1.5),
    Goal("Model B", GRADIENTS, "ours", "torch", 1.5, 1.3),
    Goal("Model A", STEP, "ours", "torch", 2.5, 1.5),
    Goal("WGAN-GP critic 784-200-200-1", STEP, "ours", "torch", 1.5, 1.0),
    Goal("WGAN-GP critic Defense-GAN", STEP, "ours", "torch", 1.5, 1.0),
)

if __name__ == "__main__":
    main("train", __doc__, ("torch", "torch.fused", "torch.channels_last", "torch.compile", "jax.jit"), GOALS)
