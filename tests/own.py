"""A small network of one's own, with batch normalisation, pooling and dropout, and images (3, 8, 8) that it learns."""
import numpy as np

import sdpadv_np as sd
from sdpadv_np.nn import BatchNorm, Conv2d, Dense, Dropout, Flatten, MaxPool2d

SHAPE, CLASSES = (3, 8, 8), 7


def layers(image_shape=SHAPE, classes=CLASSES):
    channels, height, width = image_shape
    features = 6 * (height // 2) * (width // 2)
    return [
        Conv2d(channels, 6, (3, 3), padding="same", init="he"), BatchNorm(6, "relu"), MaxPool2d(), Flatten(),
        Dropout(0.1), Dense(features, classes),
    ]


def network(image_shape=SHAPE, classes=CLASSES, **options):
    return sd.models.Classifier(layers(image_shape, classes), image_shape, classes, **{"name": "own", **options})


def images(count: int, image_shape=SHAPE, classes=CLASSES, seed: int = 0):
    """Noisy patterns of .3 and .7, one for each class, and their labels."""
    patterns = np.where(np.random.default_rng(0).random((classes, *image_shape)) > 0.5, 0.7, 0.3)
    rng = np.random.default_rng(seed + 1)
    y = rng.integers(0, classes, count)
    return np.clip(patterns[y] + rng.normal(0, 0.05, (count, *image_shape)), 0, 1).astype(np.float32), y


def fitted(image_shape=SHAPE, classes=CLASSES, epochs: int = 4):
    data = (*images(256, image_shape, classes), *images(64, image_shape, classes, seed=1))
    return network(image_shape, classes).fit(*data, epochs=epochs, batch_size=32, lr=1e-2, progress=False), data
