"""What is said when data are missing or wrong."""

import importlib


class DataError(RuntimeError):
    """Data are absent, damaged, or not of the form they should have."""


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
