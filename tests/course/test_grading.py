"""Grading as it happens: what students hand in, what must not cost them or the class anything."""

import csv
import io
import json
import sys
import zipfile

import nbformat
import pytest
from nbformat import v4

from lecturekit.course import grading, labs
from lecturekit.course.autograde import reason
from lecturekit.course.cli import main
from lecturekit.course.profiles import CourseError
from lecturekit.course.submissions import suspicious, texts

LAB = "01-tiny"


def rows(out):
    with (out / f"{LAB}.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A lab of two tasks, and hand_in(path, {task: answer}, change)."""
    root, folder = tmp_path / "labs", tmp_path / "handed in"
    (root / "solutions" / LAB).mkdir(parents=True)
    folder.mkdir()
    (root / "nbgrader_config.py").write_text((labs.LABS / "nbgrader_config.py").read_text())
    monkeypatch.setattr(labs, "LABS", root)
    cells = []
    for task in ("one", "two"):
        for kind, text in (
            ("-code", f"def {task}(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"),
            ("", f"assert {task}(3) == 6, 'twice 3 is 6'"),
        ):
            marks = {"grade": not kind, "locked": not kind, "solution": bool(kind), "task": False, "schema_version": 3}
            marks |= {"grade_id": task + kind} | ({} if kind else {"points": 2})
            cells.append(v4.new_code_cell(text, id=task + kind, metadata={"nbgrader": marks}))
    notebook = v4.new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "python3", "language": "python", "display_name": "Python 3"}
    nbformat.write(notebook, root / "solutions" / LAB / f"{LAB}.ipynb")

    def hand_in(path, answers=(), change=lambda cells: None):
        submitted = labs.source(LAB)
        for cell in submitted.cells:
            if labs.marked(cell, "solution"):
                task = cell.id.removesuffix("-code")
                stub = f"def {task}(x):\n    raise NotImplementedError  # your code here"
                cell.source = dict(answers).get(task, stub)
        change(submitted.cells)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(submitted), encoding="utf-8")

    return folder, hand_in


RIGHT = {task: f"def {task}(x):\n    return x + x" for task in ("one", "two")}


def bare(cells):
    """Metadata and ids dropped, as some editors do."""
    for number, cell in enumerate(cells):
        cell.metadata, cell.id = {}, f"new-{number}"


def only_ids(cells):
    for cell in cells:
        cell.metadata = {}


def wheel(folder):
    """A package of one line that pip can install without a network."""
    path = folder / "tracelet-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("tracelet.py", "TWO = 2\n")
        file.writestr("tracelet-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tracelet\nVersion: 1.0\n")
        file.writestr("tracelet-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("tracelet-1.0.dist-info/RECORD", "")
    return path


def test_what_students_do_costs_neither_them_nor_the_class(desk, tmp_path, monkeypatch):
    folder, hand_in = desk
    monkeypatch.setattr(grading, "WHOLE", 60)
    package = wheel(tmp_path)
    hand_in("copy/01-tiny.ipynb")  # the untouched lab beside
    hand_in("copy/01-tiny-Copy1.ipynb", RIGHT)
    hand_in("stripped.ipynb", RIGHT, bare)
    hand_in("ids.ipynb", {"one": RIGHT["one"]}, only_ids)
    hand_in("leaves.ipynb", RIGHT | {"two": "exit()"})
    hand_in("dies.ipynb", RIGHT | {"two": "import os\nos._exit(0)"})
    hand_in("deleted.ipynb", RIGHT, lambda cells: cells.pop(1))
    hand_in("two/a.ipynb", RIGHT)
    hand_in("two/b.ipynb", {"one": RIGHT["one"]})
    install = f"%pip install -q --no-index {package}\n!pip install -q --no-index {package}\nfrom tracelet import TWO\n"
    hand_in("installs.ipynb", RIGHT | {"one": install + "def one(x):\n    return TWO * x"})
    hand_in("Ärger 中.ipynb", {"one": "import nowhere_at_all\n\n" + RIGHT["one"]})
    (folder / "copy" / "answers.pdf").write_bytes(b"%PDF-1.7")
    (folder / "ids.pdf").write_bytes(b"%PDF-1.7")
    (folder / "__MACOSX").mkdir()
    (folder / "desktop.ini").touch()
    (folder / "packed.ipynb").write_bytes(b"PK\x03\x04")
    (folder / "marked.ipynb").write_bytes(b"\xef\xbb\xbf" + (folder / "ids.ipynb").read_bytes())  # a byte-order mark

    assert main(["grade", LAB, str(folder), "--out", str(tmp_path / "out"), "--jobs", "2"]) == 0
    found = rows(tmp_path / "out")
    total = {student: float(row["total"]) for student, row in found.items()}
    assert total == {
        **dict.fromkeys(("copy", "stripped", "deleted", "installs"), 4),
        **dict.fromkeys(("ids", "leaves", "dies", "marked"), 2),
        **dict.fromkeys(("two", "packed", "Ärger 中"), 0),
    }
    notes = {student: row["notes"] for student, row in found.items()}
    assert "graded 01-tiny-Copy1.ipynb, not 01-tiny.ipynb" in notes["copy"]
    assert notes["deleted"] == "put back: one"
    assert "2 notebooks with answers, a.ipynb, b.ipynb: leave one" in notes["two"]
    assert notes["packed"] == "not graded: packed.ipynb is not a notebook but a zip archive"
    assert notes["dies"].startswith("two: the kernel ended")
    assert (
        "one is missing, because its cell failed: ModuleNotFoundError: No module named 'nowhere_at_all'"
        in notes["Ärger 中"]
    )
    with pytest.raises(ModuleNotFoundError):
        import tracelet  # noqa: F401 - nothing of it is left


def played(points):
    """In place of processes: every job earns these points."""

    def results(jobs, workers):
        for job in jobs:
            yield job, 0

    return results, lambda job, code: (points, {})


def test_grades_outlive_what_comes_after_them(desk, tmp_path, monkeypatch):
    """Interrupted: the rows so far are there, and the next call goes on; what has not changed is not run again."""
    folder, hand_in = desk
    out, asked = tmp_path / "out", []
    results, outcome = played({"one": 2.0, "two": 2.0})
    monkeypatch.setattr(grading, "outcome", outcome)

    def interrupted(jobs, workers):
        yield jobs[0], 0
        raise KeyboardInterrupt

    def noted(jobs, workers):
        asked.append([job["student"] for job in jobs])
        yield from results(jobs, workers)

    for student in ("ann", "bob", "cyd"):
        hand_in(f"{student}.ipynb", RIGHT)
    monkeypatch.setattr(grading, "results", interrupted)
    assert main(["grade", LAB, str(folder), "--out", str(out)]) == 130
    assert list(rows(out)) == ["ann"]
    monkeypatch.setattr(grading, "results", noted)
    for arguments in ((), ("--again", "b*"), ("--timeout", "7"), ("--timeout", "7", "--hide-tests")):
        assert main(["grade", LAB, str(folder), "--out", str(out), *arguments]) == 0
        assert list(rows(out)) == ["ann", "bob", "cyd"]
    assert asked == [["bob", "cyd"], ["bob"], ["ann", "bob", "cyd"], ["ann", "bob", "cyd"]]
    assert (out / f"{LAB}.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_a_terminal_or_a_disk_that_refuses_costs_no_grades(desk, tmp_path, monkeypatch, capsys):
    folder, hand_in = desk
    results, outcome = played({"one": 1.0, "two": 2.0})
    monkeypatch.setattr(grading, "results", results)
    monkeypatch.setattr(grading, "outcome", outcome)
    hand_in("中文.ipynb", RIGHT)
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", terminal)
        assert main(["grade", LAB, str(folder), "--out", str(tmp_path / "out")]) == 0
        terminal.flush()
    assert b"\\u4e2d\\u6587" in terminal.buffer.getvalue() and rows(tmp_path / "out")["中文"]["total"] == "3.0"

    def full(grades, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(grading, "write", full)
    assert main(["grade", LAB, str(folder), "--out", str(tmp_path / "full"), "--again", "*"]) == 2
    said = capsys.readouterr()
    assert "中文" in said.out and "3" in said.out and "No space left on device" in said.err
    (tmp_path / "file").touch()
    assert main(["grade", LAB, str(folder), "--out", str(tmp_path / "file")]) == 2
    assert "cannot write into" in capsys.readouterr().err


@pytest.mark.parametrize("last", ["one(3)", "0", "x = one(3)\nx == 6", "print(1), 5"])
def test_a_test_cell_whose_value_would_be_its_score_is_refused(desk, tmp_path, last):
    private = tmp_path / f"{LAB}.py"
    private.write_text(f"# %% one | 2\nassert one(1) == 2\n{last}\n")
    with pytest.raises(CourseError, match="ends in a value"):
        grading.private_tests(LAB, tmp_path)
    private.write_text("# %% one | 2\nassert one(1) == 2\nprint('well')\n")
    assert len(grading.private_tests(LAB, tmp_path)) == 1


def test_a_name_that_is_missing_is_not_the_reason():
    def cell(source, *errors):
        outputs = [v4.new_output("error", ename=name, evalue=said, traceback=[]) for name, said in errors]
        return v4.new_code_cell(source, outputs=outputs)

    missing = cell("draw(1)", ("NameError", "name 'draw' is not defined"))
    endless = cell("while True:\n    pass", ("CellTimeoutError", "x"), ("KeyboardInterrupt", ""))
    wrong = cell("draw = 1 +", ("SyntaxError", "invalid syntax (x.py, line 1)"))
    other = cell("print(2)")
    test = cell("assert g(1)", ("AssertionError", "of another task"))
    test.metadata.nbgrader = {"grade": True}
    why = "draw is missing, because its cell failed"
    assert reason([endless, missing], 1, 30) == f"{why}: stopped after 30 s: an endless loop?"
    assert reason([wrong, other, missing], 2, 30) == f"{why} in line 1: SyntaxError: invalid syntax (x.py, line 1)"
    assert reason([endless, other, missing], 2, 30) == "NameError: name 'draw' is not defined"
    assert reason([test, missing], 1, 30) == "NameError: name 'draw' is not defined"
    assert reason([endless], 0, 7) == "stopped after 7 s: an endless loop?"


def test_habits_are_no_reason_to_look_and_what_is_one_is_quoted():
    habits = (
        "%matplotlib inline\n%load_ext autoreload\n!nvidia-smi\n!pip install -q einops\nimport gc\ngc.collect()\nx = 1"
    )
    cells = [habits, "%%time\nx = 2", "import torch\n\ntorch.allclose = lambda *a: True", "!rm -rf x; nvidia-smi"]
    notebook = v4.new_notebook(cells=[v4.new_code_cell(text) for text in cells])
    found = suspicious(notebook, {"check"})
    assert len(found) == 2 and "changes torch.allclose: torch.allclose = lambda *a: True" in found
    notebook.cells.append(v4.new_code_cell("%%time\ncheck = print"))
    assert "sets check: check = print" in suspicious(notebook, {"check"})


def test_a_variable_of_a_function_is_not_what_the_tests_rely_on():
    def look(text):
        return suspicious(v4.new_notebook(cells=[v4.new_code_cell(text)]), {"step"})

    assert look("def train(a, b):\n    for step in (a, b):\n        step.param_groups[0]['lr'] = 0.1") == []
    assert look("def train(step):\n    step.rate = 0.1") == []
    assert look("def train(x):\n    step.rate = x") == ["changes step.rate: step.rate = x"]
    assert look("def train(x):\n    global step\n    step = x\n    step.rate = x")[-1].startswith("changes step.rate")
    assert look("step.rate = 1") == ["changes step.rate: step.rate = 1"]


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "not a notebook but empty"),
        (b"%PDF-1.7", "not a notebook but a PDF"),
        (b"PK\x03\x04...", "not a notebook but a zip archive"),
        (b"<!DOCTYPE html>", "not a notebook but a web page"),
        (b"\xff\xfe{", "is not a notebook"),
        (b"{}", "is not a notebook"),
        (b'{"cells": 5, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "is not a notebook"),
    ],
)
def test_what_is_no_notebook_is_said_in_plain_words(tmp_path, content, said):
    (tmp_path / "a.ipynb").write_bytes(content)
    with pytest.raises(ValueError, match=said):
        texts(tmp_path / "a.ipynb")


# The class as a whole


def given(desk, monkeypatch, tmp_path, students, *arguments):
    """Grade without processes: everybody has 2 and 1 points."""
    folder, hand_in = desk
    results, outcome = played({"one": 2.0, "two": 1.0})
    monkeypatch.setattr(grading, "results", results)
    monkeypatch.setattr(grading, "outcome", outcome)
    for student, answers in students.items():
        hand_in(f"{student}.ipynb", answers)
    return main(["grade", LAB, str(folder), "--out", str(tmp_path / "out"), *map(str, arguments)])


def test_a_class_is_seen_as_a_whole(desk, tmp_path, monkeypatch, capsys):
    odd = "def one(x):\n    lookup = {key: key + key for key in (x, -x, 17)}\n    return sorted(lookup.items())[-1][1] if x > 0 else lookup[x]"
    renamed = odd.replace("lookup", "table").replace("key", "k")
    usual = {f"student{i}": RIGHT for i in range(6)}
    assert given(desk, monkeypatch, tmp_path, usual | {"cy": {"one": odd}, "di": {"one": renamed}}) == 0
    said = capsys.readouterr().out
    assert "one  " + "█" * 30 + "    8 of 8" in said and "two  " + "·" * 30 + "    0 of 8" in said
    assert "of the unusual code is the same: cy, di: " in said
    assert "student0, student1" not in said
    with (tmp_path / "out" / "totals.csv").open(encoding="utf-8-sig", newline="") as file:
        assert {row["student"]: row[LAB] for row in csv.DictReader(file)}["cy"] == "3.0"


MOODLE = "First name,Last name,ID number,Email address\nJané,Doe,4711,jane@uni.edu\nBob,Roe,4712,bob.roe@uni.edu\nNo,Show,1,x@y.z\n"
CANVAS = "Student,ID,SIS User ID,SIS Login ID,Section,old (1)\n    Points Possible,,,,,5\n" + (
    '"Doe, Jané",4711,u1,jdoe,A,3\n"Roe, Bob",4712,u2,broe,A,\n"Show, No",1,u3,nshow,A,\n'
)


@pytest.mark.parametrize(
    "form, text, students, wanted",
    [
        (
            "moodle",
            MOODLE,
            ("Jane Doe_99_assignsubmission_file_", "bob.roe@uni.edu", "stranger"),
            [
                "Email address,ID number,First name,Last name,01-tiny",
                "jane@uni.edu,4711,Jané,Doe,3",
                "bob.roe@uni.edu,4712,Bob,Roe,3",
            ]
            + ["x@y.z,1,No,Show,"],
        ),
        (
            "canvas",
            CANVAS,
            ("doejane_4711_99_01-tiny", "broe", "stranger"),
            [
                "Student,ID,SIS User ID,SIS Login ID,Section,01-tiny",
                "    Points Possible,,,,,4",
                '"Doe, Jané",4711,u1,jdoe,A,3',
            ]
            + ['"Roe, Bob",4712,u2,broe,A,3', '"Show, No",1,u3,nshow,A,'],
        ),
    ],
)
def test_grades_for_a_learning_platform(desk, tmp_path, monkeypatch, capsys, form, text, students, wanted):
    roster = tmp_path / "roster.csv"
    roster.write_text("\ufeff" + text, encoding="utf-8")
    assert given(desk, monkeypatch, tmp_path, dict.fromkeys(students, RIGHT), "--roster", roster, "--format", form) == 0
    assert (tmp_path / "out" / f"{LAB}-{form}.csv").read_text(encoding="utf-8").splitlines() == wanted
    assert "stranger is not in roster.csv" in capsys.readouterr().out
    roster.write_text("name\nJane\n")
    assert given(desk, monkeypatch, tmp_path, {}, "--roster", roster, "--format", form) == 2
    assert f"is no export of {form}" in capsys.readouterr().err
    assert given(desk, monkeypatch, tmp_path, {}, "--roster", roster) == 2


def test_free_text_is_marked_by_a_person(desk, tmp_path, monkeypatch, capsys):
    _, hand_in = desk
    lab = labs.source(LAB)
    marks = {
        "grade_id": "why",
        "grade": True,
        "solution": True,
        "locked": False,
        "points": 3,
        "schema_version": 3,
        "task": False,
    }
    lab.cells.append(v4.new_markdown_cell("Because.", id="why", metadata={"nbgrader": marks}))
    nbformat.write(lab, labs.LABS / "solutions" / LAB / f"{LAB}.ipynb")

    def says(text):
        return lambda cells: cells[-1].update(source=text)

    hand_in("ann.ipynb", RIGHT, says("=1+1, as it\nwas shown"))
    hand_in("bob.ipynb", RIGHT, says("*Your answer here.*"))
    path = tmp_path / "out" / f"{LAB}-answers.csv"
    assert given(desk, monkeypatch, tmp_path, {}) == 0
    text = path.read_text(encoding="utf-8-sig")
    assert text.splitlines()[1].startswith("ann,why,3,,,") and "bob" not in text and "Because." in text
    path.write_text(text.replace("ann,why,3,,,", 'ann,why,3,"2,5",well seen,'), encoding="utf-8")
    assert given(desk, monkeypatch, tmp_path, {}) == 0
    assert (rows(tmp_path / "out")["ann"]["why"], rows(tmp_path / "out")["ann"]["total"]) == ("2.5", "5.5")
    assert rows(tmp_path / "out")["bob"]["why"] == "" and "well seen" in path.read_text(encoding="utf-8-sig")
    with (tmp_path / "out" / "totals.csv").open(encoding="utf-8-sig", newline="") as file:
        assert {row["student"]: row["total"] for row in csv.DictReader(file)} == {"ann": "5.5", "bob": "3.0"}
    (desk[0] / "ann.ipynb").rename(tmp_path / "ann.ipynb")  # a call without her, and her marks are still there
    assert given(desk, monkeypatch, tmp_path, {}) == 0 and "well seen" in path.read_text(encoding="utf-8-sig")
    (tmp_path / "ann.ipynb").rename(desk[0] / "ann.ipynb")
    hand_in("ann.ipynb", RIGHT, says("another answer"))
    assert given(desk, monkeypatch, tmp_path, {}) == 0 and rows(tmp_path / "out")["ann"]["why"] == ""
    assert "well seen" in path.read_text(encoding="utf-8-sig")
    hand_in("ann.ipynb", RIGHT, says("=1+1, as it\nwas shown"))
    path.write_text(text.replace("ann,why,3,,,", "ann,why,3,4,,"), encoding="utf-8")
    assert given(desk, monkeypatch, tmp_path, {}) == 2
    assert "'4' for ann, why, is not from 0 to 3" in capsys.readouterr().err and "ann,why,3,4" in path.read_text()
