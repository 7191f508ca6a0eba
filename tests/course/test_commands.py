"""Every command that the documents and the Makefile name exists."""

import re
import shlex

import pytest

from lecturekit.course.cli import parser
from lecturekit.course.profiles import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
BLOCK = re.compile(r"^```(?:bash|sh|shell|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LIKE_OURS = re.compile(r"(?:\S*python[\d.]*|\S*python\.exe) -m lecturekit\b(.*)")


def commands(name):
    """The lines of a document's shell code, without prompts and comments."""
    for block in BLOCK.findall((ROOT / name).read_text(encoding="utf-8")):
        for line in block.splitlines():
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


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_documents(name):
    for command in commands(name):
        check(command)


def test_the_readme_names_the_three_commands():
    assert {"make lab", "make course", "make test"} <= set(commands("README.md"))


def test_the_makefile_calls_what_exists():
    recipes = re.sub(r"\$\((?:ARGS|VENV_PYTHON)\)", "", MAKEFILE.replace("$(PROFILE)", "smoke"))
    called = re.findall(r"-m lecturekit (.*)", recipes)
    assert len(called) == 5
    for arguments in called:
        parser().parse_args(shlex.split(arguments))


@pytest.mark.parametrize(
    "command", ["make cours", "python -m lecturekit runs", "python -m lecturekit run --profile cpu"]
)
def test_a_wrong_command_would_be_found(command):
    with pytest.raises((AssertionError, SystemExit)):
        check(command)
