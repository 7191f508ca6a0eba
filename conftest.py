"""The examples in the package's docstrings: pytest --doctest-modules lecturekit runs them."""

import doctest
import inspect
import math

import pytest

# The command line's modules have tests only; some of them are scripts, some need packages that not everyone has.
collect_ignore = ["lecturekit/course", "lecturekit/__main__.py"]

# What a decorator has wrapped (contextmanager, no_grad, the checks of shapes) is the module's own all the same.
_from_module = doctest.DocTestFinder._from_module
doctest.DocTestFinder._from_module = lambda self, module, thing: _from_module(self, module, inspect.unwrap(thing))


@pytest.fixture(autouse=True)
def example(request):
    """Every example finds torch and math beside its module's own names, and starts from the same random numbers."""
    if isinstance(request.node, pytest.DoctestItem):
        import matplotlib
        import torch

        matplotlib.use("Agg")
        torch.manual_seed(0)
        request.getfixturevalue("doctest_namespace").update(math=math, torch=torch)
