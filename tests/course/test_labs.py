"""Labs: each catches what it should, and grading survives whatever is handed in."""

import csv
import json
import re
import shutil
from collections import Counter

import nbformat
import psutil
import pytest
from nbformat import v4

from lecturekit.course import grading, labs, wrong
from lecturekit.course.cli import main
from lecturekit.course.profiles import CourseError
from lecturekit.course.submissions import suspicious

LABS = labs.select()
each = pytest.mark.parametrize("lab", LABS)


def regions(notebook, name):
    """Lines between `BEGIN name` and `END name` in a notebook."""
    text = "\n".join(cell.source for cell in notebook.cells)
    found = re.findall(rf"### BEGIN {name}\n(.*?)### END {name}", text, re.DOTALL)
    return {line.strip() for region in found for line in region.splitlines()}


def free_text(notebook):
    """The cells of the questions that a person marks, with the model answers."""
    return [cell for cell in notebook.cells if cell.cell_type == "markdown" and labs.marked(cell, "grade")]


def questions(notebook):
    """Points of each question that a person marks."""
    return {labs.marked(cell, "grade_id"): labs.marked(cell, "points") for cell in free_text(notebook)}


# The labs of the course


@each
def test_the_solution_passes_the_stub_fails_and_each_wrong_answer_loses_what_it_should(lab):
    found = labs.answers(lab)
    assert [f"{a.name}: {a.failed}, not {set(a.loses)}" for a in found if not a.as_declared] == []
    caught = Counter(task for answer in found[2:] for task in answer.loses)
    assert {task: caught[task] for task in labs.tests(labs.source(lab)) if caught[task] < 4} == {}


@each
def test_every_wrong_answer_still_fits_its_solution_cell(lab):
    """Fast, and by name: what a change of a solution has stranded."""
    notebook, stranded = labs.source(lab), []
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for answer in wrong.read(labs.LABS / "wrong" / f"{lab}.txt"):
        try:
            place, text = labs.handed_in(answer, cells, labs.tests(notebook))
        except CourseError as error:
            stranded.append(str(error))
        else:
            assert text != cells[place].source, answer.where
    assert stranded == []


def test_the_students_versions_are_those_that_the_sources_give():
    for lab, text in labs.student_versions():
        path = labs.LABS / "student" / lab / f"{lab}.ipynb"
        assert path.read_text(encoding="utf-8") == text, "run `python -m lecturekit labs`"


@each
def test_no_solution_and_no_hidden_test_is_given_away(lab):
    source = labs.source(lab)
    student = nbformat.read(labs.LABS / "student" / lab / f"{lab}.ipynb", as_version=4)
    shown = {line.strip() for cell in student.cells for line in cell.source.splitlines()}
    secret = regions(source, "SOLUTION") | regions(source, "HIDDEN TESTS")
    visible = re.sub(
        r"### BEGIN (SOLUTION|HIDDEN TESTS).*?### END \1",
        "",
        "\n".join(c.source for c in source.cells),
        flags=re.DOTALL,
    )
    secret -= {line.strip() for line in visible.splitlines()}
    written = [c for c in source.cells if c.cell_type == "markdown" and labs.marked(c, "solution")]
    assert len(secret) > 20 and written
    assert secret & shown == set()
    assert not {c.source for c in written} & {c.source for c in student.cells}


@each
def test_form(lab):
    source = labs.source(lab)
    ids = [labs.marked(cell, "grade_id") for cell in source.cells if "nbgrader" in cell.metadata]
    assert None not in ids and len(set(ids)) == len(ids)
    points = labs.tests(source)
    assert all(value > 0 for value in points.values())
    assert (
        f"{sum(points.values()):g} points by tests and {sum(questions(source).values()):g} for"
        in source.cells[0].source
    ), "the sums stand at the top"
    row = rf"\| \[{lab}\]\(student/{lab}/{lab}\.ipynb\) \|.*\| {sum(points.values()):g} \|"
    assert re.search(row, (labs.LABS / "README.md").read_text(encoding="utf-8")), "a row in labs/README.md"
    for cell in source.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None
            assert "nbgrader" in cell.metadata, "a code cell that is neither locked nor an answer"
    for task in points:
        test = next(cell for cell in source.cells if labs.marked(cell, "grade_id") == task)
        assert f'"{task}: ' in test.source, "a verdict in one line"


@each
def test_each_model_answer_ends_with_its_marks(lab):
    """What earns each point, so that two who mark give the same."""
    answers = free_text(labs.source(lab))
    assert answers
    for answer in answers:
        last = answer.source.split("\n\n")[-1]
        assert last.startswith("**Marks.** "), labs.marked(answer, "grade_id")
        given, _, _ = last.removeprefix("**Marks.**").partition(" Not: ")
        items = re.findall(r" (\d+): (.*?\.)(?= \d+: |$)", given)
        assert "".join(f" {points}: {what}" for points, what in items) == given, last
        assert sum(int(points) for points, _ in items) == labs.marked(answer, "points"), last


def all_labs():
    """One lab of all tasks of all labs, with what their checks use."""
    cells = []
    for lab in LABS:
        code = [cell for cell in labs.source(lab).cells if cell.cell_type == "code"]
        kept = [code[i] for i in sorted(labs.used(code))]
        for cell in [
            *kept,
            *(c for c in labs.source(lab).cells if c.cell_type == "markdown" and labs.marked(c, "solution")),
        ]:
            cell.metadata.nbgrader.grade_id = f"{lab[:2]}-{cell.metadata.nbgrader.grade_id}"
            cell.id = f"cell-{len(cells)}"
            cells.append(cell)
    return v4.new_notebook(cells=cells, metadata=labs.source(LABS[0]).metadata)


def test_round_trip_of_all_labs_through_nbgrader(tmp_path, capsys, monkeypatch):
    """The solution; the students' version untouched but for every second test, which says that all is well; half a file."""
    root, folder, lab = tmp_path / "labs", tmp_path / "handed in", "00-all"
    (root / "solutions" / lab).mkdir(parents=True)
    shutil.copy(labs.LABS / "nbgrader_config.py", root)
    nbformat.write(all_labs(), root / "solutions" / lab / f"{lab}.ipynb")
    monkeypatch.setattr(labs, "LABS", root)
    monkeypatch.setattr(grading, "WHOLE", 10)
    points = labs.tests(labs.source(lab))
    [(_, text)] = labs.student_versions()
    student = nbformat.reads(text, as_version=4)
    for cell in student.cells:
        if labs.marked(cell, "grade_id") in list(points)[::2]:
            cell.source = "print('all checks passed')"
    (folder / "nothing done" / lab).mkdir(parents=True)
    nbformat.write(student, folder / "nothing done" / lab / f"{lab}.ipynb")
    nbformat.write(labs.source(lab), folder / "solution.ipynb")
    (folder / "broken.ipynb").write_text((folder / "solution.ipynb").read_text(encoding="utf-8")[:5000])
    assert main(["grade", lab, str(folder), "--out", str(tmp_path / "grades"), "--jobs", "2"]) == 0
    rows = graded(tmp_path / "grades" / f"{lab}.csv")
    assert rows["solution"]["notes"] == rows["solution"]["look"] == rows["nothing done"]["look"] == ""
    total = {student: float(row["total"]) for student, row in rows.items()}
    assert total == {"solution": sum(points.values()), "nothing done": 0, "broken": 0}
    assert rows["nothing done"]["notes"] == "; ".join(f"{task}: NotImplementedError" for task in points)
    assert rows["broken"]["notes"].startswith("not graded: broken.ipynb is not a notebook")
    assert re.search(rf"^solution .* {sum(points.values()):g}$", capsys.readouterr().out, re.MULTILINE)
    assert (tmp_path / "grades" / lab / "solution.html").stat().st_size > 10_000


# Grading, on a lab small enough to be handed in in many ways


def graded(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def cell(code, grade_id, **marks):
    marks = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3} | marks
    return v4.new_code_cell(code, id=grade_id, metadata={"nbgrader": {"grade_id": grade_id, **marks}})


TASKS = ("right", "wrong", "hidden", "noisy", "syntax", "leaves", "loops", "edited", "deleted", "gone", "skipped")
TASKS += ("ungraded", "unlocked", "renamed", "copied", "textual")


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A lab of one-line tasks, and `hand_in(student, answers, change)`: the solution with some answers replaced."""
    root, folder = tmp_path / "labs", tmp_path / "handed in"
    (root / "solutions" / "01-tiny").mkdir(parents=True)
    folder.mkdir()
    (root / "nbgrader_config.py").write_text((labs.LABS / "nbgrader_config.py").read_text())
    monkeypatch.setattr(labs, "LABS", root)
    cells = []
    for task in TASKS:
        code = f"def {task}(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
        test = f"import math\nassert math.isclose({task}(3), 6), 'twice 3 is 6\\nand so on'\n"
        test += f"### BEGIN HIDDEN TESTS\nassert {task}(0) == 0, 'twice 0 is 0'\n### END HIDDEN TESTS"
        cells += [cell(code, f"{task}-code", solution=True), cell(test, task, grade=True, locked=True, points=2)]
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    notebook = v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, root / "solutions" / "01-tiny" / "01-tiny.ipynb")

    def hand_in(path, answers, change=lambda cells: None):
        submitted = labs.source("01-tiny")
        cells = {labs.marked(cell, "grade_id"): cell for cell in submitted.cells}
        for task, body in answers.items():
            cells[f"{task}-code"].source = f"def {task}(x):\n    {body}"
        change(cells)
        submitted.cells = list(cells.values())
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(submitted), encoding="utf-8")

    return folder, hand_in


def tricks(cells):
    """What students do to test cells, by intent or by accident."""
    cells["edited"].source = "assert True"
    del cells["deleted"], cells["gone"], cells["gone-code"]
    cells["skipped"].metadata.tags = ["skip-execution"]
    cells["ungraded"].metadata.nbgrader.grade = False
    cells["unlocked"].metadata.nbgrader.update(locked=False, solution=True, points=100)
    cells["renamed"].metadata.nbgrader.grade_id = "mine"
    cells["textual"].cell_type = "markdown"
    cells["a copy"] = cell("assert True", "copied", grade=True, locked=True, points=2)
    cells["a copy"].id = "copied-again"


def test_whatever_is_handed_in_is_graded_and_nothing_stops_the_others(tiny, tmp_path, capsys, monkeypatch):
    folder, hand_in = tiny
    monkeypatch.setattr(grading, "WHOLE", 60)  # machines that test can be slow
    false = dict.fromkeys(
        ("edited", "deleted", "skipped", "ungraded", "unlocked", "renamed", "copied", "textual"), "return 0"
    )
    crash = {"syntax": ")", "leaves": "raise SystemExit(0)", "loops": "while True: pass"}
    slip = {"wrong": "return x", "hidden": "return x + 3", "noisy": "import warnings; warnings.warn('!'); return 2 * x"}
    hand_in("all right [late] */deep/final (2).ipynb", {})
    hand_in("mixed.ipynb", {**false, **crash, **slip}, tricks)
    hand_in("kills.ipynb", {"wrong": "import os; os._exit(0)"})
    hand_in(
        "tampers.ipynb",
        {"wrong": "return 0"},
        lambda c: c["right-code"].update(
            source="""
import math
math.isclose = lambda a, b: True
def right(x):
    return 0"""
        ),
    )
    (folder / "empty.ipynb").touch()
    (folder / "list.ipynb").write_text("[]")
    (folder / "other.ipynb").write_text(nbformat.writes(v4.new_notebook(cells=[v4.new_code_cell("1")])))
    (folder / "letter.pdf").write_bytes(b"%PDF-1.7 \x00\xff")
    (folder / "nothing").mkdir()
    (folder / ".DS_Store").touch()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}

    out = tmp_path / "grades"
    assert main(["grade", "01-tiny", str(folder), "--out", str(out), "--timeout", "4", "--jobs", "2"]) == 0
    rows = graded(out / "01-tiny.csv")
    notes = {student: row["notes"] for student, row in rows.items()}
    total = {student: float(row["total"]) for student, row in rows.items()}
    assert len(rows) == 9 and total.pop("all right [late] *") == 2 * len(TASKS) == total.pop("tampers")
    assert total.pop("mixed") == 4
    assert total.pop("kills") == 2 and "wrong: the kernel ended" in notes["kills"]
    assert set(total.values()) == {0}
    assert all(notes[student].startswith("not graded: ") for student in total)
    assert "letter.pdf is a PDF" in notes["letter"] and "not a notebook but empty" in notes["empty"]

    mixed = dict(note.split(": ", 1) for note in notes["mixed"].split("; "))
    assert {task for task in TASKS if float(rows["mixed"][task])} == {"right", "noisy"} == set(TASKS) - set(mixed)
    for task in ("wrong", "edited", "skipped", "unlocked", "textual", "deleted", "renamed"):
        assert mixed[task] == "twice 3 is 6", task
    assert mixed["put back"] == "deleted, gone"
    assert mixed["hidden"] == "twice 0 is 0"
    assert "SystemExit" in mixed["leaves"] and mixed["loops"] == "stopped after 4 s: an endless loop?"
    assert mixed["syntax"].startswith(
        "syntax is missing, because its cell failed in line 2: SyntaxError: unmatched ')'"
    )
    assert "'gone' is not defined" in mixed["gone"]

    # what cannot be prevented is at least shown
    assert {student for student, row in rows.items() if row["look"]} == {"tampers", "kills"}
    assert rows["tampers"]["look"] == "changes math.isclose: math.isclose = lambda a, b: True"
    assert "    look: changes math.isclose: math.isclose = lambda a, b: True" in capsys.readouterr().out.splitlines()
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_networks_mode_is_no_reason_to_look():
    notebook = v4.new_notebook(cells=[v4.new_code_cell("net.eval()"), v4.new_code_cell("f = eval")])
    assert suspicious(notebook, set()) == ["uses eval: f = eval"]
    del notebook.cells[1]
    assert suspicious(notebook, set()) == []
    deep = ("a" + ".b" * 20_000, "(" * 5000 + ")" * 5000, "-" * 50_000 + "1", "a" + "[0]" * 900 + " = 1", "a = '\0'")
    notebook.cells = [v4.new_code_cell(code) for code in deep] + [v4.new_code_cell("exec('1')")]
    found = suspicious(notebook, {"a"})
    assert found[0].startswith("is nested too deeply to be looked through") and found[1:] == ["uses exec: exec('1')"]


def test_only_what_is_hidden_among_the_submissions_is_left_out(tmp_path):
    folder = tmp_path / ".hidden" / "subs"
    for path in ("anna/21-vae.ipynb", "anna/.ipynb_checkpoints/21-vae.ipynb", ".git/21-vae.ipynb"):
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_text("{}")
    found = grading.submissions("21-vae", folder)
    assert {student: str(given) for student, given in found.items()} == {"anna": str(folder / "anna" / "21-vae.ipynb")}


def test_a_grading_that_was_killed_is_said(tmp_path):
    with pytest.raises(RuntimeError, match=r"was killed \(signal 9\)"):
        grading.outcome({"folder": str(tmp_path), "seconds": 3}, -9)


def test_a_loop_that_cannot_be_interrupted_is_ended_with_its_kernel(tiny, tmp_path, monkeypatch):
    folder, hand_in = tiny
    monkeypatch.setattr(grading, "WHOLE", 4)
    pid = tmp_path / "pid"
    note = f"import os; open({str(pid)!r}, 'w').write(str(os.getpid()))"
    deaf = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
    hand_in("stubborn.ipynb", {"right": f"{note}; {deaf}\n    while True: pass"})
    assert main(["grade", "01-tiny", str(folder), "--out", str(tmp_path / "grades"), "--timeout", "3"]) == 0
    assert graded(tmp_path / "grades" / "01-tiny.csv")["stubborn"]["notes"] == (
        "not graded: stopped after 12 s: an endless loop?"
    )
    alive = [one for one in psutil.process_iter() if one.pid == int(pid.read_text())]
    assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []


def test_private_tests_add_points_and_stay_private(tiny, tmp_path):
    folder, hand_in = tiny
    private, out = tmp_path / "private", tmp_path / "grades"
    private.mkdir()
    (private / "01-tiny.py").write_text("""# Mine.
# %% right | 3
assert right(5) == 10, "twice 5 is 10"
# %% right | 0.5
assert right(-1) == -2, "twice -1 is -2"
""")
    hand_in("anna.ipynb", {"right": "return 2 * abs(x)"})
    before = {path: path.read_bytes() for path in labs.LABS.rglob("*.*")}
    assert main(["grade", "01-tiny", str(folder), "--private", str(private), "--out", str(out)]) == 0
    row = graded(out / "01-tiny.csv")["anna"]
    assert float(row["total"]) == 2 * len(TASKS) + 3 and float(row["right-private-1"]) == 3
    assert row["notes"] == "right-private-2: twice -1 is -2"
    assert {path: path.read_bytes() for path in labs.LABS.rglob("*.*")} == before


@pytest.mark.parametrize(
    "text, message",
    [
        (None, "does not exist"),
        ("# nothing\n", "is empty"),
        ("# %% right\nassert True\n", "'# %% ... | ...'"),
        ("# %% rihgt | 2\nassert True\n", "rihgt"),
        ("# %% right | two\nassert True\n", "right | two"),
        (
            "# %% right | 2\nassert (\n",
            "01-tiny.py, cell '# %% right | 2': this is no Python: '(' was never closed (<unknown>, line 1)",
        ),
        (b"# %% right | 2\n\xff", "01-tiny.py is not UTF-8 text"),
        ("# %% right | 2\nassert " + "[" * 5000, "this is no Python"),
    ],
)
def test_private_tests_that_cannot_be_read_are_refused(tiny, tmp_path, capsys, text, message):
    folder, hand_in = tiny
    hand_in("good.ipynb", {})
    if text is not None:
        (tmp_path / "01-tiny.py").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert main(["grade", "01-tiny", str(folder), "--private", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


def test_requests_that_cannot_be_met(tiny, tmp_path, capsys):
    folder, hand_in = tiny

    def refused(*arguments):
        assert main(["grade", *map(str, arguments)]) == 2
        return capsys.readouterr().err

    assert "is empty" in refused("01-tiny", folder)
    assert "is not a folder" in refused("01-tiny", tmp_path / "nowhere")
    assert "no lab '02-tiny'; there are 01-tiny" in refused("02-tiny", folder)
    hand_in("anna.ipynb", {})
    assert "--jobs must be at least 1, not -1" in refused("01-tiny", folder, "--jobs", -1)
    assert "--jobs must be at least 1, not 0" in refused("01-tiny", folder, "--jobs", 0)
    assert "--timeout must be at least 1, not -5" in refused("01-tiny", folder, "--timeout", -5)
    assert "choose another folder by --out" in refused("01-tiny", folder, "--out", __file__)
    (tmp_path / "out" / "01-tiny.csv").mkdir(parents=True)
    assert "choose another folder by --out" in refused("01-tiny", folder, "--out", tmp_path / "out")
    assert "among the submissions" in refused("01-tiny", folder, "--out", folder / "grades")
    assert main(["labs", "--labs", "9*"]) == 2
    assert "no lab matches '9*'; there are: 01-tiny" in capsys.readouterr().err


def test_a_wrong_answer_that_is_not_caught_is_named(tiny, capsys):
    (labs.LABS / "wrong").mkdir()
    blocks = labs.LABS / "wrong" / "01-tiny.txt"
    fine = "# %% slip: x | right\n- 2 * x\n+ x\n"
    blocks.write_text(fine + "# %% another: 2 x | wrong\ndef wrong(x):\n    return x + x\n")
    assert main(["labs"]) == 1
    shown = capsys.readouterr().out
    assert "right: twice 3 is 6\n" in shown and "WRONG, should lose wrong. nothing lost" in shown

    def answer(head, code):
        blocks.write_text(f"# %% {head}\n{code}\n")
        return labs.answers("01-tiny")[-1]

    assert answer("slip: x | right", "- 2 * x\n+ x").as_declared
    assert answer("slip: x | right", "def right(x):\n    return x").as_declared
    assert not answer("slip: x | right, wrong", "- 2 * x\n+ x").as_declared
    crash = answer("crash: no assertion catches it | right", "- 2 * x\n+ y")
    assert not crash.as_declared and crash.failed["right"].startswith("crash: NameError")
    for head, text, message in (
        ("slip: x | rihgt", "- 2 * x\n+ x", "'rihgt' is no task"),
        ("slip: x | right", "def left(x):\n    return x", "define what the solution cell right-code defines"),
        ("slip: x | right", "- 3 * x\n+ x", "the old text occurs 0 times"),
        ("slip: x | right", "- x\n+ y", "the old text occurs 2 times"),
        ("no check: of that name | gone-code", "- 2 * x\n+ x", "'gone-code' is no task"),
    ):
        with pytest.raises(CourseError, match=message):
            answer(head, text)


def with_cells(cells):
    """The tiny lab with other code in some cells, in both versions, and a wrong answer to its first task."""
    notebook = labs.source("01-tiny")
    for place, code in cells.items():
        notebook.cells[place].source = code
        if place % 2 == 0:  # no answer any more, but a cell that shows something
            del notebook.cells[place].metadata["nbgrader"]
    nbformat.write(notebook, labs.LABS / "solutions" / "01-tiny" / "01-tiny.ipynb")
    for folder in ("student/01-tiny", "wrong"):
        (labs.LABS / folder).mkdir(parents=True)
    nbformat.write(notebook, labs.LABS / "student" / "01-tiny" / "01-tiny.ipynb")
    (labs.LABS / "wrong" / "01-tiny.txt").write_text("# %% slip: x | right\n- 2 * x\n+ x\n")


def test_a_task_that_counts_an_earlier_slip_again_is_noticed(tiny):
    """The second task's test uses the first task's answer: a wrong one then loses both."""
    with_cells({3: "both = right(2) + wrong(2)\nassert both == 8, 'twice 2 and twice 2 are 8'"})
    assert labs.answers("01-tiny")[-1].failed.keys() == {"right", "wrong"}


def test_after_a_wrong_answer_what_no_check_uses_does_not_run_again(tiny, monkeypatch):
    """A cell by which the slip reaches another task's test runs again; one that only shows something does not."""
    with_cells({4: "fed = right(2)", 5: "assert fed == 4, 'twice 2 is 4'", 6: "shown = right(2)"})
    ran, run = [], labs._run
    monkeypatch.setattr(labs, "_run", lambda code, where, world: [ran.append(code), run(code, where, world)][1])
    assert labs.answers("01-tiny")[-1].failed.keys() == {"right", "hidden"}
    assert ran.count("fed = right(2)") == 3 and ran.count("shown = right(2)") == 1  # solution, untouched, slip
