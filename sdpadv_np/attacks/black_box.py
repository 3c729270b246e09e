"""SdpAdv through queries alone: fitted to a substitute distilled from the classifier's answers."""
from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

import numpy as np

from .. import checks, xp
from ..autodiff import ops
from ..errors import ArgumentError
from ..models import ARCHITECTURES, Classifier, Queries, distil
from ..models.chunks import in_chunks
from .base import uniform
from .parameters import parameter, parameters_of
from .sdpadv import SdpAdv


def _function(name, value):
    return value if value is None else Queries(value).predict


def _architecture(name, value):
    return value if isinstance(value, Classifier) else checks.choice(name, value, ARCHITECTURES)


@dataclass(frozen=True)
class BlackBoxSdpAdv(SdpAdv):
    """SdpAdv against a classifier that only answers queries.

    ``classifier`` is a function x (N, C, H, W) -> probabilities (N, K), or predicted labels (N,).
    It is queried with the training images, at first distorted and perturbed at random within gamma and eps; a
    substitute is distilled from its answers, and SdpAdv fitted to the substitute. Each further round queries the
    adversarial examples of the round before, and distils from all answers so far (the dynamic distillation of
    Xiao et al. 2018, section 3.3). That gains much where only labels are given, and nothing where probabilities are;
    with few images it loses (benchmarks/results/black_box.md).

    Parameters
    ----------
    rounds : how often the classifier is queried about every training image
    classes : K
    architecture : of the substitute: "A" or "B", fitted to the images and classes, or a network of your own, of which a
        copy is trained
    substitute_epochs : of each distillation
    the others : see :class:`~sdpadv_np.attacks.SdpAdv`

    ``fit`` queries, distils and fits, ``rounds`` times. The classifier is queried with rounds * len(x) + len(x_val)
    images, at most 500 at a time. ``epochs`` are SdpAdv's of each round. ``checkpoint`` (a path) is continued by a name
    for each stage; a resumed run queries again, but repeats no epoch, and is refused if the answers differ from before.
    Then ``substitute`` is the classifier distilled last, and ``generator.settings["queries"]`` the number of
    images queried.

    >>> import sdpadv_np as sd
    >>> data = sd.data.load("glyphs")
    >>> f = sd.models.ModelB().fit(data.x_train, data.y_train, data.x_val, data.y_val, epochs=2, progress=False)
    >>> attack = sd.attacks.BlackBoxSdpAdv(f.probabilities, substitute_epochs=2)
    >>> attack = attack.fit(data.x_train, data.y_train, data.x_val, data.y_val, epochs=2, progress=False)
    >>> attack.generator.settings["queries"] == len(data.x_train) + len(data.x_val)
    True
    """

    classifier: object = field(metadata={"check": _function})
    _: KW_ONLY
    rounds: int = parameter(1, checks.whole)
    classes: int = parameter(10, checks.whole, low=2)
    architecture: str | Classifier = parameter("B", _architecture)
    substitute_epochs: int = parameter(15, checks.whole)
    substitute: Classifier | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self):
        super().__post_init__()
        if isinstance(self.architecture, Classifier) and self.architecture.classes != self.classes:
            raise ArgumentError(f"architecture has {self.architecture.classes} classes and classes is {self.classes}; "
                                "give the same number")

    @property
    def _image_shape(self):
        return self.architecture.image_shape if isinstance(self.architecture, Classifier) else None

    def _check_target(self, classes):
        super()._check_target(self.classes)  # before anything is queried or distilled

    def parameters(self):
        own = {"architecture": self.architecture.description()} if isinstance(self.architecture, Classifier) else {}
        return super().parameters() | own

    @property
    def title(self):
        return f"black-box {super().title}"


    def _fit(self, x, y, x_val, y_val, epochs, batch_size, checkpoint, progress) -> None:
        self._match(x)
        x, x_val = (self.generator.checked(images) for images in (x, x_val))
        ask = Queries(self.classifier, self.classes)
        queried, answers = [self._explored(x)], []
        p_val = in_chunks(ask, x_val)
        parameters = {f.name: getattr(self, f.name) for f in parameters_of(SdpAdv)}
        for number in range(1, self.rounds + 1):
            answers.append(in_chunks(ask, queried[-1]))
            files = [None if checkpoint is None else Path(f"{checkpoint}-{stage}-{number}")
                     for stage in ("substitute", "generator")]
            substitute = distil(
                np.concatenate(queried), np.concatenate(answers), x_val, p_val, self.architecture,
                self.substitute_epochs, seed=self.seed, checkpoint=files[0], progress=progress,
            )
            attack = SdpAdv(substitute, **parameters)
            attack.fit(x, y, x_val, y_val, epochs, batch_size, files[1], progress)
            if number < self.rounds:
                queried.append(attack(x))
        attack.generator.settings |= {"method": self.title, **self.parameters(), "queries": ask.count}
        object.__setattr__(self, "generator", attack.generator)
        object.__setattr__(self, "substitute", substitute)

    def _explored(self, x):
        """x distorted and perturbed at random within gamma and eps."""
        rng = np.random.default_rng([self.seed, 1])

        def part(x):
            if self.spatial:
                theta = np.array([1, 0, 0, 0, 1, 0]) + rng.uniform(-self.gamma, self.gamma, (len(x), 6))
                x = ops.affine_sample(x, xp.like(theta.astype(x.dtype), x), convention=self.convention)
            return np.clip(x + uniform(rng, self.eps, x.shape, x), 0, 1)

        return in_chunks(part, x)
