"""Whether the networks and the images that a user gives to one command fit each other."""
from __future__ import annotations

from .. import checks
from ..data import images as user_images
from ..errors import ArgumentError


def image_shape(classifier, selection) -> tuple[int, int, int]:
    """The (C, H, W) that the classifier (or None) and the selected attacks take; ArgumentError if they differ."""
    networks = [("the classifier", classifier), *((choice.name, choice.attack) for choice in selection)]
    shapes = [(name, network.image_shape) for name, network in networks if hasattr(network, "image_shape")]
    (first, expected), *others = shapes
    for name, shape in others:
        if shape != expected:
            raise ArgumentError(
                f"{name} takes images {_words(shape)}, {first} {_words(expected)}; "
                "give a generator that was trained against a classifier of the same images"
            )
    return expected


def images(path, labels, classifier, selection) -> user_images.Images:
    """The user's images in ``path``, ``labels`` in a file or None; DataError if they do not fit the networks."""
    given = user_images.load(path, labels, image_shape(classifier, selection))
    if classifier is not None and given.y is not None:
        _check_labels(given.y, classifier, labels or path)
    return given


def check_dataset(loaded, classifier, file) -> None:
    """ArgumentError, which names the classifier's ``file``, if images or classes of a data set do not fit it."""
    shape = loaded.x_test.shape[1:]
    if shape != classifier.image_shape:
        raise ArgumentError(
            f"{file}: takes images {_words(classifier.image_shape)}, {loaded.name} has {_words(shape)}; "
            "give images of your own by --images FILE, or another classifier"
        )
    _check_labels(loaded.y_test, classifier, loaded.name)


def _check_labels(y, classifier, source) -> None:
    try:
        checks.labels(y, len(y), classifier.classes, f"{source}: y")
    except ArgumentError as error:
        raise ArgumentError(
            f"{error}: the classifier has {classifier.classes} classes; give one that knows all of them"
        ) from None


def _words(shape) -> str:
    return f"({', '.join(map(str, shape))})"
