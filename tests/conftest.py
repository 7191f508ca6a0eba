"""Shapes in the package's signatures (jaxtyping) are checked by beartype, here and nowhere else."""

import os
from importlib import import_module
from pathlib import Path

import jaxtyping
import matplotlib
import pytest

matplotlib.use("Agg")
jaxtyping.install_import_hook("lecturekit", "shapes.check")


@pytest.fixture(autouse=True)
def seeded():
    """Every test starts from the same random numbers."""
    import torch

    if os.environ.get("OMP_NUM_THREADS") == "1":
        torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def chromium():
    """The browser that prints the book; where none starts, what needs one is skipped, with the reason."""
    from lecturekit.course.paper import browser
    from lecturekit.course.profiles import CourseError

    try:
        with browser() as program:
            yield program
    except CourseError as error:
        pytest.skip(str(error))


@pytest.fixture
def untyped(monkeypatch):
    """Without the checks of shapes: what users meet."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.fixture
def benchmark(monkeypatch):
    """benchmark("soap") is the module benchmarks/soap.py."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    return import_module


@pytest.fixture
def float64():
    """In double precision: `pytestmark = pytest.mark.usefixtures("float64")` for a whole file."""
    import torch

    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
