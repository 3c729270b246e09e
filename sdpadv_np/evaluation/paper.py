"""The paper's numbers (Tables 1-3), to print beside ours."""
from __future__ import annotations

_EPS = (0.1, 0.2, 0.3)
CLEAN, STM, STADV, SDADV = "no attack", "STM", "stAdv", "SdAdv"

# accuracy on the classifier without defence: dataset -> model -> attack -> one figure, or one for each eps
_ACCURACY = {
    "mnist": {
        "A": {CLEAN: 0.9914, STM: 0.4959, STADV: 0.1305, SDADV: 0.0517, "FGSM": (0.7788, 0.3457, 0.1902), "PGD": (0.4239, 0.0128, 0.0059),
              "MIM": (0.4134, 0.0911, 0.0868), "AdvGAN": (0.9915, 0.7679, 0.1573), "SdpAdv": (0.0418, 0.0259, 0.0204)},
        "B": {CLEAN: 0.9831, STM: 0.1939, STADV: 0.1270, SDADV: 0.0502, "FGSM": (0.3584, 0.0901, 0.0457), "PGD": (0.1198, 0.0205, 0.0137),
              "MIM": (0.1146, 0.0272, 0.0211), "AdvGAN": (0.6006, 0.2432, 0.0504), "SdpAdv": (0.0281, 0.0233, 0.0223)},
    },
    "fashion-mnist": {
        "A": {CLEAN: 0.9016, STM: 0.1063, STADV: 0.0705, SDADV: 0.1762, "FGSM": (0.2924, 0.2494, 0.2435), "PGD": (0.1789, 0.1270, 0.0896),
              "MIM": (0.2375, 0.2356, 0.2356), "AdvGAN": (0.4974, 0.1239, 0.0568), "SdpAdv": (0.0330, 0.0234, 0.0121)},
        "B": {CLEAN: 0.8910, STM: 0.1112, STADV: 0.2196, SDADV: 0.1079, "FGSM": (0.2291, 0.1674, 0.1566), "PGD": (0.1157, 0.0719, 0.0518),
              "MIM": (0.1629, 0.1540, 0.1529), "AdvGAN": (0.2969, 0.0703, 0.0286), "SdpAdv": (0.0203, 0.0095, 0.0075)},
    },
}
# Table 3's "L2" on Model A: dataset -> (attack, eps) -> mean squared norm
_L2SQ = {
    "mnist": {("FGSM", 0.3): 33.42, ("PGD", 0.3): 25.98, ("MIM", 0.3): 27.17, ("AdvGAN", 0.3): 8.29, (STM, None): 71.08, (STADV, None): 13.35,
              (SDADV, None): 120.66, ("SdpAdv", 0.1): 111.7, ("SdpAdv", 0.3): 112.92},
    "fashion-mnist": {("FGSM", 0.3): 38.11, ("PGD", 0.3): 30.52, ("MIM", 0.3): 31.23, ("AdvGAN", 0.3): 10.91, (STM, None): 57.21, (STADV, None): 6.19,
                      (SDADV, None): 94.23, ("SdpAdv", 0.1): 81.70, ("SdpAdv", 0.3): 44.73},
}


def accuracy(dataset: str, model: str, attack: str, eps: float | None = None) -> float | None:
    """Table 1 or 2, column "Non-robustified"; None if the paper has no such figure."""
    figure = _ACCURACY.get(dataset, {}).get(model, {}).get(attack)
    if isinstance(figure, tuple):
        figure = dict(zip(_EPS, figure)).get(eps)
    return figure


def l2sq(dataset: str, attack: str, eps: float | None = None) -> float | None:
    """Table 3, on Model A; None if the paper has no such figure."""
    table = _L2SQ.get(dataset, {})
    return table.get((attack, eps), table.get((attack, None)))
