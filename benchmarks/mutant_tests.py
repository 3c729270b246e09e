# ruff: noqa: E501 - a table
"""Which tests benchmarks/mutants.py runs for a mutant of which file: quick ones that should notice first."""

_OPERATIONS = ["autodiff/test_fused.py", "autodiff/test_edges.py", "autodiff/test_operations.py"]
_CONTRACT = ["attacks/test_contract.py", "-k"]
_TASK = ["training/test_every_task.py", "-k"]

_RULES = [[*_OPERATIONS, "-k", "{operation}"], [*_OPERATIONS, "test_losses.py"]]  # those of one operation, then all
TESTS = {  # of each file: rounds of pytest's arguments (paths within tests/), run until one fails
    **{f"autodiff/rules/{name}.py": _RULES for name in ("activation", "conv", "elementwise", "linalg", "loss", "reduction", "sampling", "shape")},
    "autodiff/engine.py": [["autodiff/test_engine.py", "autodiff/test_fused.py"], ["autodiff/test_operations.py"]],
    "autodiff/registry.py": [["autodiff/test_engine.py", "autodiff/test_parameters.py", "autodiff/test_fused.py"], ["autodiff/test_operations.py"]],
    "autodiff/plan.py": [["autodiff/test_plan_verify.py"], ["autodiff/test_plan.py"], ["sharing/test_copies.py", "-k", "plan_s_copy"]],
    "autodiff/recorder.py": [["autodiff/test_plan_verify.py"], ["autodiff/test_plan.py"]],
    "losses.py": [["test_losses.py"], ["attacks/test_sdpadv.py"]],
    "optim/adam.py": [["optim/test_adam.py"], ["training/test_scripted.py", "training/test_every_task.py"]],
    **{f"training/{name}.py": [["training/test_scripted.py", "training/test_divergence.py"], ["training/test_loop.py", "training/test_origin.py"], ["sharing/test_threads.py"]] for name in ("checkpoint", "loop")},
    "models/generator.py": [["models/test_generator.py"], ["test_device.py", "-k", "intermediate"], ["attacks/test_sdpadv.py", "training/test_every_task.py"]],
    "attacks/base.py": [[*_CONTRACT, "gsm or pgd or deepfool"], ["attacks/test_gradient_attacks.py"]],
    "attacks/queries.py": [[*_CONTRACT, "fgsm or spsa or stm or looked"], ["attacks/test_any_classifier.py", "attacks/test_gradient_attacks.py"]],
    "attacks/fgsm.py": [[*_CONTRACT, "gsm or looked"], ["attacks/test_random_starts.py", "attacks/test_gradient_attacks.py"]],
    "attacks/pgd.py": [["attacks/test_random_starts.py"], ["attacks/test_by_hand.py"], [*_CONTRACT, "pgd or bim"], ["attacks/test_gradient_attacks.py"]],
    "attacks/mim.py": [["attacks/test_by_hand.py"], [*_CONTRACT, "mim"], ["attacks/test_gradient_attacks.py"]],
    "attacks/deepfool.py": [["attacks/test_by_hand.py"], [*_CONTRACT, "deepfool"], ["attacks/test_search_attacks.py", "-k", "DeepFool or deepfool"]],
    "attacks/carlini_wagner.py": [["attacks/test_by_hand.py"], [*_CONTRACT, "carlini"], ["attacks/test_search_attacks.py", "-k", "arlini"]],
    "attacks/spsa.py": [["attacks/test_random_starts.py", "attacks/test_by_hand.py"], [*_CONTRACT, "spsa"], ["attacks/test_search_attacks.py", "-k", "SPSA or spsa"]],
    "attacks/stm.py": [["attacks/test_stm.py"], [*_CONTRACT, "stm"]],
    "attacks/stadv.py": [["attacks/test_random_starts.py"], ["attacks/test_by_hand.py", "-k", "stadv"], [*_CONTRACT, "stadv"], ["attacks/test_stadv.py"]],
    "attacks/amortised.py": [[*_TASK, "SdpAdv"], [*_CONTRACT, "sdpadv"], ["attacks/test_sdpadv.py", "training/test_every_task.py"]],
    "attacks/sdpadv.py": [["attacks/test_sdpadv.py"], ["training/test_every_task.py", "attacks/test_contract.py", "-k", "dv"]],
    "attacks/sdpadv_training.py": [["attacks/test_sdpadv.py"], ["training/test_every_task.py", "-k", "dv"]],
    "attacks/atn.py": [["attacks/test_atn.py"], ["training/test_every_task.py", "attacks/test_contract.py", "-k", "atn or ATN"]],
    "attacks/conv_advgan.py": [["attacks/test_conv_advgan.py"], ["training/test_every_task.py", "attacks/test_contract.py", "-k", "convadvgan or ConvAdvGAN or conv_advgan"]],
    "attacks/black_box.py": [["attacks/test_black_box.py", "attacks/test_random_starts.py"], [*_CONTRACT, "blackbox"]],
}

TESTS |= {name: [*rounds, ["attacks/test_defaults.py"]] for name, rounds in TESTS.items() if name.startswith("attacks/")}
