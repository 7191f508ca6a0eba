"""Data: named sets as in-memory uint8 tensors, and views that turn pixels into what a model sees.

    digits = load("mnist-5k", view="binary")     # -> Dataset: train, valid, test, classes
    split = digits.train.to(device)              # uint8 (4000, 1, 28, 28), labels int64
    x, y = split.batch(index)                    # float32 0/1, a fresh Bernoulli draw at every call

Three kinds of name: *embedded*, in packages that are installed anyway (``mnist-5k``, ``digits-8x8``, ``textures``,
``faces-25x25``) or drawn (``glyphs``, whose factors are known, and ``toy2d``); *full*, downloaded once (``mnist``,
``cifar10``, ``celeba`` and others: ``names()``); your own folder of images. Arrays, files of arrays and torch's data
sets: ``from_arrays``. data/README.md has the trap of each.
All 5000 images of ``mnist-5k`` are MNIST *training* images: never evaluate a model of the full MNIST on them.
"""

from lecturekit.data import glyphs, toy2d
from lecturekit.data.arrays import from_arrays
from lecturekit.data.errors import DataError
from lecturekit.data.folders import folder
from lecturekit.data.sources import load, names
from lecturekit.data.split import Dataset, Split
from lecturekit.data.views import View

__all__ = ["DataError", "Dataset", "Split", "View", "folder", "from_arrays", "glyphs", "load", "names", "toy2d"]
