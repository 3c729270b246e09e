"""The paper's numbers (Tables 1-3), to print beside ours."""
# ruff: noqa: E501
from __future__ import annotations

EPS = (0.1, 0.2, 0.3)
UNDEFENDED, DEFENCES = "Non-robustified", ("Adv-Critic", "Defense-GAN", "Adv-Train")
CLEAN, STM, STADV, SDADV = "no attack", "STM", "stAdv", "SdAdv"

# accuracy on the classifier without defence: dataset -> model -> attack -> one figure, or one for each eps
_ACCURACY: dict[str, dict[str, dict[str, float | tuple[float, ...]]]] = {
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
# accuracy on the classifiers with a defence, eps 0.3: dataset -> model -> attack -> one figure for each of DEFENCES
_DEFENDED = {
    "mnist": {
        "A": {CLEAN: (0.9901, 0.9914, 0.9916), STM: (0.4449, 0.1434, 0.9481), STADV: (0.9933, 0.2015, 0.5388), SDADV: (0.2365, 0.0476, 0.074),
              "FGSM": (0.3595, 0.8104, 0.9481), "PGD": (0.0462, 0.8545, 0.0926), "MIM": (0.1140, 0.8032, 0.1584), "AdvGAN": (0.6820, 0.3010, 0.9278),
              "SdpAdv": (0.2536, 0.0266, 0.033)},
        "B": {CLEAN: (0.9817, 0.9831, 0.9757), STM: (0.2044, 0.0792, 0.1200), STADV: (0.9860, 0.1207, 0.3436), SDADV: (0.1363, 0.0666, 0.0744),
              "FGSM": (0.3147, 0.7710, 0.8753), "PGD": (0.0920, 0.8509, 0.0147), "MIM": (0.1087, 0.7635, 0.0373), "AdvGAN": (0.7733, 0.1110, 0.2868),
              "SdpAdv": (0.0821, 0.0252, 0.0741)},
    },
    "fashion-mnist": {
        "A": {CLEAN: (0.9032, 0.9016, 0.9057), STM: (0.2153, 0.3548, 0.1296), STADV: (0.8868, 0.0628, 0.1930), SDADV: (0.3286, 0.1372, 0.1502),
              "FGSM": (0.0888, 0.5661, 0.8838), "PGD": (0.0286, 0.6265, 0.0764), "MIM": (0.0529, 0.5300, 0.1054), "AdvGAN": (0.1907, 0.1238, 0.1854),
              "SdpAdv": (0.1213, 0.0204, 0.0444)},
        "B": {CLEAN: (0.8842, 0.8910, 0.8869), STM: (0.1718, 0.2817, 0.0967), STADV: (0.8286, 0.1812, 0.4614), SDADV: (0.2780, 0.1298, 0.1420),
              "FGSM": (0.1810, 0.4236, 0.8558), "PGD": (0.0731, 0.5547, 0.0431), "MIM": (0.0813, 0.4236, 0.0515), "AdvGAN": (0.2040, 0.0605, 0.1015),
              "SdpAdv": (0.1028, 0.0152, 0.0392)},
    },
}
# Table 3, on Model A: dataset -> (attack, eps) -> (mean squared norm, the paper's "L2"; seconds for 100 images)
_TABLE_3 = {
    "mnist": {("FGSM", 0.3): (33.42, 0.05), ("PGD", 0.3): (25.98, 0.12), ("MIM", 0.3): (27.17, 0.10), ("AdvGAN", 0.3): (8.29, 0.01), (STM, None): (71.08, 0.15),
              (STADV, None): (13.35, 620.8), (SDADV, None): (120.66, 0.05), ("SdpAdv", 0.1): (111.7, 0.06), ("SdpAdv", 0.3): (112.92, 0.06)},
    "fashion-mnist": {("FGSM", 0.3): (38.11, 0.05), ("PGD", 0.3): (30.52, 0.13), ("MIM", 0.3): (31.23, 0.11), ("AdvGAN", 0.3): (10.91, 0.02),
                      (STM, None): (57.21, 0.15), (STADV, None): (6.19, 609.7), (SDADV, None): (94.23, 0.05), ("SdpAdv", 0.1): (81.70, 0.06),
                      ("SdpAdv", 0.3): (44.73, 0.06)},
}


def spelled(name: str) -> str:
    """The name of an attack as the paper writes it, where it does.

    >>> spelled("StAdv"), spelled("pgd"), spelled("DeepFool")
    ('stAdv', 'PGD', 'DeepFool')
    """
    return next((known for known in _ACCURACY["mnist"]["A"] if known.lower() == name.lower()), name)


def accuracy(dataset: str, model: str, attack: str, eps: float | None = None, defence: str = UNDEFENDED) -> float | None:
    """Table 1 or 2; None if the paper has no such figure.

    >>> accuracy("mnist", "B", "SdpAdv", 0.1), accuracy("mnist", "A", "STM", defence="Adv-Critic")
    (0.0281, 0.4449)
    """
    if defence != UNDEFENDED:
        figures = _DEFENDED.get(dataset, {}).get(model, {}).get(attack)
        return figures[DEFENCES.index(defence)] if figures and eps in (None, 0.3) else None
    figure = _ACCURACY.get(dataset, {}).get(model, {}).get(attack)
    if isinstance(figure, tuple):
        return figure[EPS.index(eps)] if eps in EPS else None
    return figure


def l2sq(dataset: str, attack: str, eps: float | None = None) -> float | None:
    """Table 3, on Model A; None if the paper has no such figure."""
    return _table_3(dataset, attack, eps)[0]


def seconds(dataset: str, attack: str, eps: float | None = None) -> float | None:
    """Table 3, on Model A, for 100 images; None if the paper has no such figure."""
    return _table_3(dataset, attack, eps)[1]


def _table_3(dataset, attack, eps):
    table = _TABLE_3.get(dataset, {})
    return table.get((attack, eps), table.get((attack, None), (None, None)))
