"""The package as its wheel, without a checkout: what chapters read of it is there, from any folder."""

import os
import subprocess
import sys
import zipfile

import pytest

from lecturekit.course.profiles import ROOT

READ = """
import lecturekit
from lecturekit import data
from lecturekit.course.machine import report
from lecturekit.course.measured import RESULTS, load
from lecturekit.course.plan import plan
from lecturekit.course.profiles import seconds
from lecturekit.data.sources import data_root
from lecturekit.evaluate import network

assert lecturekit.__file__.startswith({folder!r}), lecturekit.__file__
print(report())
print([seconds(c.notebook, "laptop") for c in plan().chapters.values() if c.notebook])
print(*(load(path.stem) and path.stem for path in sorted(RESULTS.glob("*.json"))))
print(data.load("mnist-5k", view="binary").train[:3], data_root(), network("digits-and-clothes-1").name)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(*folder.glob("*.whl")) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


def python(installed, folder, *arguments):
    env = os.environ | {"PYTHONPATH": str(installed), "LECTUREKIT_DATA": ""}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_what_chapters_read_is_in_the_wheel(installed, tmp_path):
    done = python(installed, tmp_path, "-c", READ.format(folder=str(installed)))
    assert done.returncode == 0, done.stderr
    for name in (path.stem for path in ROOT.glob("benchmarks/results/*.json")):
        assert name in done.stdout
    assert not list(tmp_path.iterdir())


def test_it_trains_and_sends_to_the_whole_course_for_the_rest(installed, tmp_path):
    train = ["train", "vae", "--epochs", "0.1", "--items", "20", "--k", "2", "--checkpoint", "trained"]
    done = python(installed, tmp_path, "-m", "lecturekit", *train)
    assert done.returncode == 0 and list(tmp_path.iterdir()) == [tmp_path / "trained"], done.stderr
    for command in (["run"], ["lab"], ["grade", "21-vae", "."], ["test"]):
        done = python(installed, tmp_path, "-m", "lecturekit", *command)
        assert done.returncode == 2 and "get the whole course" in done.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "trained"] and not (installed / "build").exists()
