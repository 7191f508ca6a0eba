"""tools/setup_env.py, with the commands it would start recorded instead, and the files that must agree."""

import importlib.util
import sys
from pathlib import Path

import pytest
import yaml

from lecturekit.course.profiles import ROOT


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """The module on an empty project; `tool.commands` is what it started, `tool.fail` what then fails."""
    spec = importlib.util.spec_from_file_location("setup_env", ROOT / "tools" / "setup_env.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.commands, module.fail, module.stop = [], [], []

    def call(command, **options):
        line = " ".join(command)
        module.commands.append((line, options.get("env") or {}))
        if any(part in line for part in module.stop):
            raise KeyboardInterrupt
        if "-m venv" in line:
            Path(module.VENV).mkdir()
        return int(any(part in line for part in module.fail))

    monkeypatch.setattr(module.subprocess, "call", call)
    monkeypatch.setattr(module, "pip_index", lambda: "")
    monkeypatch.setattr(module, "works", lambda: Path(module.VENV).exists() and "works" not in module.fail)
    monkeypatch.delenv("UV_TORCH_BACKEND", raising=False)
    move(module, tmp_path)
    return module


def move(module, root):
    for name in module.INPUTS:
        (root / name).write_text(name)
    module.ROOT, module.VENV = str(root), str(root / ".venv")
    module.STAMP = str(root / ".venv" / "stamp")


def started(tool):
    """Run it; the commands it started, without their environments."""
    tool.commands.clear()
    tool.main()
    return [line for line, _ in tool.commands]


def test_the_second_call_starts_nothing(tool, capsys):
    first = started(tool)
    assert any("uv pip install" in line and line.endswith("-c constraints.txt -e .[all]") for line in first)
    assert "cached: about" in capsys.readouterr().out
    assert started(tool) == []
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_changed_packages_are_installed_into_what_works(tool, name):
    started(tool)
    Path(tool.ROOT, name).write_text("changed")
    again = started(tool)
    assert any("uv pip install" in line for line in again) and not any("-m venv" in line for line in again)
    assert started(tool) == []


def test_settings_of_other_tools_install_nothing(tool):
    started(tool)
    Path(tool.ROOT, "pyproject.toml").write_text("pyproject.toml\n[tool.ruff]\nline-length = 99")
    assert started(tool) == []


def test_what_works_is_kept_where_an_update_fails(tool):
    """Offline, with changed packages: the set-up fails, and the environment is still there."""
    started(tool)
    kept = Path(tool.VENV, "kept")
    kept.touch()
    Path(tool.ROOT, "constraints.txt").write_text("changed")
    tool.fail += ["-m uv", "-c constraints.txt"]
    with pytest.raises(SystemExit, match="Set-up failed"):
        started(tool)
    assert kept.exists() and not Path(tool.STAMP).exists()


def test_a_broken_or_moved_environment_is_built_anew(tool, tmp_path):
    started(tool)
    Path(tool.VENV).rename(tmp_path / "kept")
    assert started(tool) != []
    (tmp_path / "elsewhere").mkdir()
    move(tool, tmp_path / "elsewhere")
    (tmp_path / "kept").rename(tool.VENV)
    assert started(tool) != []


def test_an_interrupted_set_up_starts_over(tool):
    tool.stop.append("uv pip install")
    with pytest.raises(KeyboardInterrupt):
        started(tool)
    assert not Path(tool.STAMP).exists()
    tool.stop.clear()
    assert any("uv pip install" in line for line in started(tool)) and Path(tool.STAMP).exists()


def test_what_does_not_work_is_built_anew(tool, monkeypatch):
    started(tool)
    Path(tool.STAMP).unlink()
    answers = iter([False, True])
    monkeypatch.setattr(tool, "works", lambda: next(answers))
    assert any("-m venv" in line for line in started(tool))


def test_pip_takes_over_where_uv_fails(tool):
    tool.fail.append("-m uv")
    assert started(tool)[-2].endswith("pip install --disable-pip-version-check -c constraints.txt -e .[all]")
    tool.fail.append("-c constraints.txt")
    Path(tool.STAMP).unlink()
    with pytest.raises(SystemExit, match="Set-up failed"):
        started(tool)
    assert not Path(tool.STAMP).exists()


def test_the_torch_build_asked_for_is_passed_on_and_remembered(tool, monkeypatch):
    monkeypatch.setenv("UV_TORCH_BACKEND", "cpu")
    started(tool)
    assert tool.commands[-2][1]["UV_TORCH_BACKEND"] == "cpu"
    monkeypatch.delenv("UV_TORCH_BACKEND")
    assert started(tool) == []
    Path(tool.ROOT, "pyproject.toml").write_text("changed")
    started(tool)
    assert tool.commands[-2][1]["UV_TORCH_BACKEND"] == "cpu"
    monkeypatch.setenv("UV_TORCH_BACKEND", "auto")
    assert started(tool) != []


def test_an_index_known_to_pip_alone_is_told_to_uv(tool, monkeypatch):
    monkeypatch.setattr(tool, "pip_index", lambda: "mirror")
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    started(tool)
    assert tool.commands[-2][1]["UV_DEFAULT_INDEX"] == "mirror"
    Path(tool.STAMP).unlink()
    monkeypatch.setenv("UV_DEFAULT_INDEX", "mine")
    started(tool)
    assert tool.commands[-2][1]["UV_DEFAULT_INDEX"] == "mine"


def test_kernels_threads_soon_sleep_while_they_wait(tool):
    assert started(tool)[-1].endswith("-m ipykernel install --sys-prefix --env GOMP_SPINCOUNT 30000")
    tool.fail.append("-m ipykernel")  # not worth a failure
    Path(tool.STAMP).unlink()
    started(tool)
    assert Path(tool.STAMP).exists()


def test_an_old_python_is_told_so(tool, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    with pytest.raises(SystemExit, match=r"needs Python 3\.10 or newer; .* is Python 3\.9"):
        started(tool)
    assert tool.commands == []


def test_conda_installs_the_same(tool):
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (pip,) = [part["pip"] for part in environment["dependencies"] if isinstance(part, dict)]
    assert " ".join(pip).split() == tool.INSTALL
    assert not {"pytorch", "torch", "numpy"} & set(map(str, environment["dependencies"]))


def test_constraints_pin_versions_and_name_no_place():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert any(line.startswith("torch==") for line in lines)
    for line in lines:
        assert "==" in line and "/" not in line and not line.startswith("-"), line
