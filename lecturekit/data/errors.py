"""What is said when data are missing or wrong."""

import importlib
from difflib import get_close_matches


class DataError(RuntimeError):
    """Data are absent, damaged, or not of the form they should have."""


def unknown(what, word, words):
    """The ValueError for a word that is not one of ``words``; it names the nearest.

    >>> unknown("view", "binery", ["binary", "unit"])
    ValueError("unknown view 'binery': did you mean 'binary'? there are binary, unit")
    """
    near = get_close_matches(str(word), words, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return ValueError(f"unknown {what} {word!r}: {hint}there are {', '.join(words)}")


def need(module, user):
    """Import a module that only ``user`` needs; ModuleNotFoundError says how to get it.

    >>> need("json", "this example").dumps([1, 2])
    '[1, 2]'
    """
    package = module.split(".")[0]
    package = {"PIL": "pillow", "skimage": "scikit-image", "sklearn": "scikit-learn"}.get(package, package)
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{user} needs the package {package}: pip install {package}") from error
