"""The formulas that readers see: each is computed and compared with its rules; a wrong one is found out."""
import dataclasses

import numpy as np
import pytest

from sdpadv_np.autodiff.formulas import check
from sdpadv_np.autodiff.registry import OPS
from sdpadv_np.errors import ArgumentError


@pytest.mark.parametrize("name", sorted(OPS))
def test_the_formula_is_the_rule(name):
    for seed in range(2):
        check(OPS[name], np.random.default_rng(seed))


WRONG = {  # name: a formula of another operation, or with a typical mistake
    "add": "ā = ȳ,  b̄ = −ȳ",
    "sub": "ā = ȳ,  b̄ = ȳ",
    "div": "ā = ȳ / b,  b̄ = −ȳ y b",
    "sqrt": "x̄ = ȳ / 2 · y",
    "square": "x̄ = ȳ x²",
    "tanh": "x̄ = ȳ (1 + y²)",
    "power": "x̄ = ȳ p xᵖ if p ≠ 0 else 0",
    "relu": "x̄ = ȳ [x < 0]",
    "maximum": "ā = ȳ [a < b],  b̄ = ȳ [a ≥ b]",
    "matmul": "Ā = Ȳ Bᵀ,  B̄ = Ȳᵀ A",
    "dense": "X̄ = Z̄ Wᵀ,  W̄ = Xᵀ Z̄,  b̄ = Σₙ ȳ  with Z̄ = ȳ · activation′(y)",
    "softmax": "z̄ = y (ȳ − Σₖ yₖ)",
    "cross_entropy": "z̄ = ȳ (onehot(labels) − softmax(z))",
    "mean": "x̄ = ȳ repeated",
    "max": "x̄ = ȳ repeated",
    "transpose": "x̄ = transpose(ȳ, axes)",
    "conv2d_layer": "x̄ = conv_transpose2d(ȳ, w),  w̄ = conv2d_weight(ȳ, x),  b̄ = Σₙᵢⱼ ȳ",
    "flow_sample": "x̄ = scatter(ȳ, p),  f̄low = (Σ_c ȳ S_x, Σ_c ȳ S_y)  "
                   "with p = positions(flow),  S_x = sample(x, p, 0, 1),  S_y = sample(x, p, 1, 0)",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_formula_is_found_out(name):
    with pytest.raises(ArgumentError, match=f"operation '{name}': its formula .* (differs from the rule of|cannot be)"):
        check(dataclasses.replace(OPS[name], formula=WRONG[name]))


@pytest.mark.parametrize("formula, message", [
    ("x̄ = ȳ in all directions", "'in' is neither an input"), ("x̄ = ȳ w", "'w' is neither an input nor a parameter"),
    ("z̄ = ȳ", "'z' is neither an input"), ("ȳ = ȳ", "says nothing of input 0, x"),
    ("x̄ = ȳ (1 − y²", "is missing before"),
    ("x̄ = ȳ @ y", "@ y' cannot be read"),
    ("x̄ = sinh(ȳ", "neither an input"), ("x̄ = __import__(ȳ)", "cannot be read"),
    ("x̄ = reshape(ȳ, y)", "cannot be computed"), ("", "cannot be computed"),
])
def test_a_formula_that_cannot_be_read_says_where(formula, message):
    with pytest.raises(ArgumentError, match=message):
        check(dataclasses.replace(OPS["tanh"], formula=formula))
