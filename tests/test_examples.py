"""Every public class and function has an example in a docstring: its own, a method's, or its module's, which then names it.

The examples are run by pytest --doctest-modules lecturekit; what they find and where they start is in conftest.py.
"""

import doctest
import inspect
import pkgutil
import re
from fnmatch import fnmatch
from importlib import import_module

import lecturekit

# What needs none, by the reason. The command line (lecturekit.course) and errors are left out altogether.
EXCUSED = {
    "reads files that must be downloaded first": (
        "data.readers.*",
        "data.files.Files",
        "evaluate.features.InceptionV3",
    ),
    "a part of something that has one": (
        "data.on_disk.Pixels",
        "data.on_disk.read",
        "data.sources.Source",
        "exact.gated_pixelcnn.Gated*",
        "exact.pixelrnn.Block",
        "exact.pixelrnn.DiagonalBiLSTM",
        "exact.pixelrnn.LSTM",
        "exact.pixelrnn.Residual",
        "exact.pixelrnn.RowLSTM",
        "exact.pixelrnn.Stack",
        "exact.scan.Grid",
        "training.fit.interruptible",
        "training.fit.troubles",
        "training.game.PlayerState",
    ),
    "shows something in a notebook": ("show.figures.animate", "show.figures.put", "show.widgets.*"),
    "depends on the machine": ("training.optimizers.without_compiler", "training.precision.fast_bfloat16"),
}


def modules():
    for info in pkgutil.walk_packages(lecturekit.__path__, "lecturekit."):
        if not re.match(r"lecturekit\.(course|__main__)\b", info.name):
            yield import_module(info.name)


def lacking():
    """The names, without "lecturekit.", of what has no example."""
    for module in modules():
        found = {test.name: test for test in doctest.DocTestFinder().find(module) if test.examples}
        general = "".join(example.source for example in getattr(found.get(module.__name__), "examples", ()))
        for name, thing in vars(module).items():
            inside = inspect.unwrap(thing) if callable(thing) else thing
            if name.startswith("_") or not isinstance(inside, type) and not inspect.isfunction(inside):
                continue
            if inside.__module__ != module.__name__ or isinstance(inside, type) and issubclass(inside, Exception):
                continue
            full = f"{module.__name__}.{name}"
            if not any(n == full or n.startswith(f"{full}.") for n in found) and not re.search(rf"\b{name}\b", general):
                yield full.removeprefix("lecturekit.")


def test_whatever_is_public_has_an_example_or_an_excuse():
    without, excuses = set(lacking()), [pattern for patterns in EXCUSED.values() for pattern in patterns]
    inexcusable = sorted(name for name in without if not any(fnmatch(name, pattern) for pattern in excuses))
    assert not inexcusable, "no example in the docstring (see CONTRIBUTING, Tests)"
    assert not [pattern for pattern in excuses if not any(fnmatch(name, pattern) for name in without)], "needless"


def test_every_example_is_found_also_behind_a_decorator():
    written = found = 0
    for module in modules():
        found += sum(len(test.examples) for test in doctest.DocTestFinder().find(module))
        written += len(re.findall(r"^ *>>> ", inspect.getsource(module), re.MULTILINE))
    assert found == written > 300
