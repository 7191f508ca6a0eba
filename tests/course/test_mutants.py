"""One language for wrong formulas: how a block is read and applied; and the mutants, on a package of one line."""

import ast
import subprocess

import pytest

from lecturekit.course import mutants as mutants_module
from lecturekit.course import wrong
from lecturekit.course.mutants import every, mutants, mutated, target
from lecturekit.course.profiles import ROOT, CourseError
from lecturekit.course.wrong import Wrong

TEXT = """\
def double(x):
    if x:
        y = 2 * x
        return y
    return 0


def triple(x):
    return 3 * x
"""


@pytest.mark.parametrize(
    "body, old, new",
    [
        ("- 2 * x\n+ 3 * x\n", "2 * x", "3 * x"),  # a part of a line
        ("- return 0\n+ y = 1\n+ return y\n", "    return 0\n", "    y = 1\n    return y\n"),  # indented as it was
        ("-     y = 2 * x\n", "        y = 2 * x\n", ""),  # a line that becomes empty goes
        ("-  * x\n-     return y\n", None, None),  # whole lines, or nothing
        (
            "- if x:\n-     y = 2 * x\n+ if not x:\n+     y = 2\n",
            "if x:\n        y = 2 * x",
            "if not x:\n        y = 2",
        ),
        ("- return 0\n-\n-\n- def\n", None, None),
        ("- y = 2 * x\n- return y\n+ return x\n", "        y = 2 * x\n        return y\n", "        return x\n"),
        (
            "- 3 * x\n+ 2 * x\n- return y\n+ return x\n",
            "return y\n    return 0\n\n\ndef triple(x):\n    return 3 * x",
            None,
        ),
    ],
)
def test_an_edit(body, old, new):
    block = Wrong("a:b", "", (), body)
    if old is None:
        with pytest.raises(CourseError, match="a:b: the old text occurs 0 times"):
            block.applied(TEXT)
    elif new is None:  # two edits
        assert block.applied(TEXT) == TEXT.replace("3 * x", "2 * x").replace("return y", "return x")
    else:
        assert TEXT.count(old) == 1 and block.applied(TEXT) == TEXT.replace(old, new)


@pytest.mark.parametrize(
    "body, message",
    [
        ("- return\n+ give\n", "occurs 3 times, not once"),
        ("+ return\n", "begins with the old text"),
        ("- return 0\nreturn 1\n", "begins with '- ' or"),
        ("- return 0\n+return 1\n", "begins with '- ' or"),
    ],
)
def test_an_edit_that_cannot_be_made_is_named(body, message):
    with pytest.raises(CourseError, match=f"^module:name: .*{message}"):
        Wrong("module:name", "", (), body).applied(TEXT)


def test_a_file_of_blocks(tmp_path):
    file = tmp_path / "nets.txt"
    file.write_text(
        "# Mine.\n\n# %% a: KL(p || q) | tests/x.py, tests/y.py::z\n- 1\n+ 2\n\n# %% b: all | t\ndef f():\n    pass\n"
    )
    first, second = wrong.read(file)
    assert (first.where, first.what, first.noticed) == ("nets:a", "KL(p || q)", ("tests/x.py", "tests/y.py::z"))
    assert not first.whole and second.whole and second.body == "def f():\n    pass\n"
    for text, message in {
        "# %% a: b | c\n": "below it the edit",
        "# %% a | c\n- x\n": "name: what is wrong",
        "# %% a: b\n- x\n": "begins with a line",
        "# %% a: b | c\n- x\n# %% a: d | e\n- y\n": "nets:a stands there twice",
    }.items():
        file.write_text(text)
        with pytest.raises(CourseError, match=message):
            wrong.read(file)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setattr(mutants_module, "IMPORTED", ["pytest"])
    files = {
        "pyproject.toml": "[tool.pytest.ini_options]\n",
        "lecturekit/__init__.py": "",
        "lecturekit/maths/double.py": "def double(x):\n    return 2 * x\n",
        "tests/test_double.py": "from lecturekit.maths.double import double\n\ndef test():\n    assert double(3) == 6\n",
        "tests/mutants/maths.double.txt": "",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def add(project, name, new, old="2 * x", file="maths.double"):
    with (project / "tests" / "mutants" / f"{file}.txt").open("a") as blocks:
        blocks.write(f"# %% {name}: about {name} | tests/test_double.py\n- {old}\n+ {new}\n")


def test_verdicts(project, capsys):
    add(project, "caught", "3 * x")
    add(project, "equal", "x + x")
    add(project, "stale", "3 * x", old="2 * y")
    add(project, "syntax", "2 *")
    add(project, "gone", "3 * x", file="maths.triple")
    assert not mutants(root=project)
    out = capsys.readouterr().out
    for line in (
        "double:caught  caught    about caught",
        "double:equal   SURVIVED  about equal",
        "double:stale   does not",
    ):
        assert line in out
    assert "double:syntax  broken (pytest exit 2)" in out and "there is no lecturekit/maths/triple.py" in out
    assert out.rstrip().endswith("1 of 5 mutants caught")
    assert (project / "lecturekit" / "maths" / "double.py").read_text().endswith("2 * x\n")


def test_some_mutants_inside_a_repository(project, monkeypatch, capsys):
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    (project / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(project / "scratch"))
    add(project, "caught", "3 * x")
    add(project, "equal", "x + x")
    assert mutants("maths.double:c*", root=project)
    assert capsys.readouterr().out.endswith("1 of 1 mutants caught\n")


def test_what_cannot_be_judged_is_an_error(project):
    with pytest.raises(CourseError, match=r"no mutant matches"):
        mutants(root=project)
    add(project, "caught", "3 * x")
    (project / "tests" / "test_double.py").write_text("def test():\n    assert False\n")
    with pytest.raises(CourseError, match="must pass before anything is mutated"):
        mutants(root=project)


def test_every_mutant_still_applies_and_names_tests_that_are_there():
    """So that a change of the code that strands a mutant is seen at once, and not when `make mutants` is next run."""
    wrongs, there = [], {}
    for mutant in every():
        try:
            text = mutated(mutant)
        except CourseError as error:
            wrongs.append(str(error))
            continue
        ast.parse(text)
        if text == (ROOT / target(mutant)).read_text(encoding="utf-8"):
            wrongs.append(f"{mutant.where} changes nothing")
        for test in mutant.noticed:
            file, _, name = test.partition("::")
            there[file] = there.get(file) or ((ROOT / file).is_file() and (ROOT / file).read_text(encoding="utf-8"))
            if not there[file] or (name and f"def {name}(" not in there[file]):
                wrongs.append(f"{mutant.where} names {test}, which is not there")
    assert wrongs == []
