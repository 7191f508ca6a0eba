"""Every command that the documents and the Makefile name exists."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lecturekit.course import cli, measured
from lecturekit.course.cli import parser
from lecturekit.course.profiles import PROFILES, ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
BLOCK = re.compile(r"^```(?:bash|sh|shell|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LIKE_OURS = re.compile(r"(?:\S*python[\d.]*|\S*python\.exe) -m lecturekit\b(.*)")


def commands(name):
    """The lines of a document's shell code, without prompts and comments."""
    for block in BLOCK.findall((ROOT / name).read_text(encoding="utf-8")):
        for line in block.replace("\\\n", " ").splitlines():
            yield " ".join(shlex.split(line.strip().removeprefix("$ "), comments=True))


def check(command):
    """Does a line that calls make or lecturekit call something that is there?"""
    if ours := LIKE_OURS.search(command):
        asked, options = parser().parse_known_args(shlex.split(ours[1]))  # exits on an unknown command
        assert asked.command == "lab" or not options, command
    words = command.split()
    while words and "=" in words[0]:  # a variable of the shell
        words.pop(0)
    if words and words[0] == "make":
        assert {word for word in words[1:] if "=" not in word} <= TARGETS, command
        settings = dict(word.split("=", 1) for word in words[1:] if "=" in word)
        assert settings.get("PROFILE", "smoke") in PROFILES, command
    if len(words) > 1 and "python" in words[0] and words[1].endswith(".py"):
        assert (ROOT / words[1]).is_file(), command


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "labs/README.md"])
def test_documents(name):
    for command in commands(name):
        check(command)


def test_the_readme_names_the_two_commands():
    assert {"make lab", "make course"} <= set(commands("README.md"))


def test_the_makefile_calls_what_exists():
    recipes = re.sub(r"\$\((?:ARGS|VENV_PYTHON)\)", "", MAKEFILE.replace("$(PROFILE)", "smoke"))
    called = re.findall(r"-m lecturekit (.*)", recipes)
    assert len(called) == 10
    for arguments in called:
        parser().parse_args(shlex.split(arguments))


@pytest.mark.parametrize(
    "command",
    [
        "make cours",
        "make course PROFILE=smok",
        "python -m lecturekit runs",
        "python -m lecturekit run --profile cpu",
        "python tools/setup_envv.py",
    ],
)
def test_a_wrong_command_would_be_found(command):
    with pytest.raises((AssertionError, SystemExit)):
        check(command)


def test_the_lab_listens_here_only_and_asks_for_a_token_that_no_other_user_sees(monkeypatch, capsys):
    seen = {}

    def call(command):
        config = next(word.removeprefix("--config=") for word in command if word.startswith("--config="))
        seen.update(command=command, token=json.loads(Path(config).read_text())["IdentityProvider"]["token"])
        seen["home"] = os.environ["HOME"]
        seen["private"] = Path(config).parent.stat().st_mode & 0o077 == 0
        return 0

    monkeypatch.setattr(cli.subprocess, "call", call)
    assert cli.lab(["--no-browser"]) == 0
    assert "--ServerApp.ip=127.0.0.1" in seen["command"] and "--no-browser" in seen["command"]
    assert len(seen["token"]) >= 32 and seen["private"]
    assert not any(seen["token"] in word for word in seen["command"])
    assert seen["token"] in capsys.readouterr().out and seen["home"] == os.environ["HOME"]

    monkeypatch.setattr(os, "access", lambda path, mode: path != Path.home())
    assert cli.lab(["--no-browser"]) == 0
    assert "is not kept" in capsys.readouterr().out and seen["home"] != os.environ["HOME"]


def test_the_readme_and_the_page_of_measurements_have_the_numbers_that_were_measured(benchmark):
    table = benchmark("table")
    readme = table.README.read_text(encoding="utf-8")
    assert table.systems() in readme and table.written(readme) == readme
    assert table.MEASURED.read_text(encoding="utf-8") == table.page()


def test_every_system_has_a_command_and_a_recalled_number_says_so():
    for system in measured.SYSTEMS:
        check(f"python benchmarks/{system.command}")
    known = [number for table in measured.PUBLISHED.values() for numbers in table.values() for number in numbers]
    assert all(str(number).endswith("recalled") != number.sure for number in known)


def test_ctrl_c_is_no_traceback_and_neither_is_a_full_disk(monkeypatch, capsys):
    for error, code in ((KeyboardInterrupt(), 130), (OSError(28, "No space left on device", "build/x"), 2)):

        def fails(name, error=error):
            raise error

        monkeypatch.setattr(cli, "import_module", fails)
        assert cli.main(["book"]) == code
    assert capsys.readouterr().err.split("\n") == [
        "",
        "Interrupted.",
        "[Errno 28] No space left on device: 'build/x'",
        "",
    ]


def test_ctrl_c_while_the_command_line_is_imported(tmp_path):
    (tmp_path / "nbformat.py").write_text("raise KeyboardInterrupt")
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-m", "lecturekit", "book"], check=False, env=env, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "\nInterrupted.\n")
