"""Grade a folder of submissions to a lab. It executes what strangers wrote: labs/README.md says how to fence it in.

What counts and what is put back is nbgrader's business. Each submission gets a process, a course and a gradebook of its own
in a temporary folder, so that one which hangs, crashes or spoils its surroundings stops no other.
"""

import ast
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import psutil
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode, v4
from tqdm import tqdm

from lecturekit.course import labs
from lecturekit.course.labs import generate, marked, names, source, tests
from lecturekit.course.notebooks import own_kernel
from lecturekit.course.profiles import ROOT, CourseError, writable
from lecturekit.course.run import ANSI
from lecturekit.course.wrong import percent

STUDENT = "submission"  # for nbgrader they all have one name: real ones may hold what its patterns take for wildcards
WHOLE = 5  # a whole submission may take so many times what a cell may
SUSPECT = {"get_ipython", "builtins", "__builtins__", "_exit", "_getframe", "settrace", "ctypes", "gc", "subprocess"}
SUSPECT |= {"setattr", "exec", "eval", "__import__"}


@dataclass
class Grade:
    """points: of each task. notes: "task: first line of what went wrong". flags: what `suspicious` found."""

    student: str
    points: dict[str, float]
    notes: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)


def submissions(lab: str, folder: Path) -> dict[str, Path]:
    """Student -> what was handed in: `<student>.ipynb`, or the notebook in the folder `<student>`, whatever its name.

    What is no notebook is in it too, to be graded 0 with the reason: nobody is left out without a word.
    """
    wanted = f"<student>.ipynb or <student>/{lab}/{lab}.ipynb"
    if not folder.is_dir():
        raise CourseError(f"{folder} is not a folder; it should hold {wanted}")
    found = {}
    for path in sorted(p for p in folder.iterdir() if not p.name.startswith(".")):
        student = path.name if path.is_dir() else path.stem
        if student in found:
            raise CourseError(f"{folder} holds two submissions of {student!r}: {found[student]} and {path}")
        inside = sorted(path.rglob("*.ipynb"))
        inside = [p for p in inside if not any(part.startswith(".") for part in p.relative_to(folder).parts)]
        inside = [p for p in inside if p.stem == lab] or inside
        found[student] = inside[0] if len(inside) == 1 else path
    if not found:
        raise CourseError(f"{folder} is empty; it should hold {wanted}")
    return found


def private_tests(lab: str, folder: Path) -> list[NotebookNode]:
    """An instructor's own test cells, from `<folder>/<lab>.py`: `# %% task | points`, and asserts below."""
    path, cells = folder / f"{lab}.py", []
    if not path.is_file():
        raise CourseError(f"{path} does not exist; it should hold cells '# %% task | points' with asserts below")
    known = tests(source(lab))
    for number, (task, points, body) in enumerate(percent(path), 1):
        if task not in known or not re.fullmatch(r"\d+(\.\d+)?", points):
            raise CourseError(f"{path}: '# %% {task} | {points}' is not one of {', '.join(known)} and its points")
        try:
            ast.parse(TransformerManager().transform_cell(body))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise CourseError(f"{path}, cell '# %% {task} | {points}': this is no Python: {error}") from None
        marks = {"grade_id": f"{task}-private-{number}", "points": float(points), "schema_version": 3}
        marks |= {"grade": True, "locked": True, "solution": False, "task": False}
        cells.append(v4.new_code_cell(body, id=f"private-{number}", metadata={"nbgrader": marks}))
    if not cells:
        raise CourseError(f"{path} is empty; it should hold cells '# %% task | points' with asserts below")
    return cells


def stripped(path: Path, lab: NotebookNode) -> NotebookNode:
    """Of what was handed in, the cells' text, and which of the lab's cells they say they are; the private tests after them.

    All else that a notebook can say is dropped, since it can decide grades: a tag keeps a test from being run, say. Of
    cells that were copied the last counts. nbgrader then puts back the text of the test cells.
    """
    try:
        submitted = nbformat.read(path, as_version=4).cells
        texts = [(cell.cell_type, str(cell.source), marked(cell, "grade_id")) for cell in submitted]
    except Exception as error:  # noqa: BLE001 - a file may hold anything
        raise ValueError(f"{path.name} is not a notebook: {error}") from None
    own = {marked(cell, "grade_id"): cell for cell in lab.cells if "nbgrader" in cell.metadata}
    private = [own.pop(grade_id) for grade_id in list(own) if "-private-" in grade_id]
    make = {"code": v4.new_code_cell, "markdown": v4.new_markdown_cell}
    cells = []
    for number, (kind, text, grade_id) in reversed(list(enumerate(texts))):
        metadata = {"nbgrader": dict(own.pop(grade_id).metadata.nbgrader)} if grade_id in own else {}
        cells.insert(0, make.get(kind, v4.new_raw_cell)(text, id=f"cell-{number}", metadata=metadata))
    if not any(marked(cell, "grade") for cell in cells):
        raise ValueError(
            f"{path.name} has no test cell of this lab: another notebook, or an editor that drops metadata?"
        )
    return v4.new_notebook(cells=cells + private, metadata=lab.metadata)


def suspicious(submitted: NotebookNode, relied_on: set[str]) -> list[str]:
    """What no answer needs and a cheat may: names that the tests rely on set anew, modules changed, the interpreter used.

    A reason to read the submission, neither a proof nor, where nothing is found, the proof of the contrary.
    """
    found, imported = set(), set()
    for cell in submitted.cells:
        if cell.cell_type != "code" or marked(cell, "locked"):
            continue
        try:
            code = TransformerManager().transform_cell(cell.source)  # !command and %magic become calls
            nodes, sets = list(ast.walk(ast.parse(code))), names(code)[1]
            imports = [alias for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names]
            imported |= {(alias.asname or alias.name).split(".")[0] for alias in imports}
            found |= {f"sets {name}" for name in sets & relied_on - imported}
            for node in nodes:
                name = getattr(node, "id", getattr(node, "attr", None))
                if name in SUSPECT and (name, type(node)) != ("eval", ast.Attribute):  # a network's mode, net.eval()
                    found.add(f"uses {name}")
                if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
                    root = node
                    while isinstance(root, ast.Attribute | ast.Subscript):
                        root = root.value
                    if isinstance(root, ast.Name) and root.id in imported | relied_on:
                        found.add(f"changes {ast.unparse(node)}")
        except (RecursionError, MemoryError):
            found.add("is nested too deeply to be looked through")
        except (SyntaxError, ValueError):  # it does not run either
            continue
    return sorted(found)


def in_a_process(lab: str, course: Path, timeout: int) -> tuple[dict, dict]:
    """Run autograde.py, and end it with all that it started after a while: (points, notes) of each task.

    Raises RuntimeError with the reason where there is no result.
    """
    script = [sys.executable, str(Path(__file__).with_name("autograde.py")), str(labs.LABS / "nbgrader_config.py")]
    log = course / "log.txt"
    with log.open("w") as file:
        process = subprocess.Popen([*script, lab, str(course), str(timeout)], stdout=file, stderr=subprocess.STDOUT)
        try:
            process.wait(WHOLE * timeout)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"stopped after {WHOLE * timeout} s: an endless loop?") from None
        finally:
            if process.poll() is None:
                for one in [*psutil.Process(process.pid).children(recursive=True), process]:
                    one.kill()
                process.wait()
    if not (course / "result.json").exists():
        lines = ANSI.sub("", log.read_text(errors="replace")).splitlines()
        errors = [line for line in lines if re.match(r"[\w.]+(Error|Exception)\b", line)]
        errors = [line for line in errors if "NbGraderException" not in line] or lines or ["no result"]
        if process.returncode < 0:
            errors = [f"the process that grades was killed (signal {-process.returncode})"]
        raise RuntimeError(re.sub(r"^[\w.]+\.(?=\w)", "", errors[-1]))
    return tuple(json.loads((course / "result.json").read_text(encoding="utf-8")))


def plain(text: str) -> str:
    """The first line of a stranger's text, without what could steer a terminal."""
    return "".join(c for c in text.split("\n")[0] if c.isprintable())[:300]


def spreadsheet(text: str) -> str:
    """Text that a spreadsheet will not take for a formula; it may come from a student."""
    return "'" + text if text.startswith(("=", "+", "-", "@")) else text


def table(grades: list[Grade]) -> str:
    """A line per student: points of each task and their sum; below it what failed and what looks odd."""
    width = max(len("student"), *(len(grade.student) for grade in grades))
    heads = [*grades[0].points, "total"]
    lines = ["  ".join([f"{'student':<{width}}", *heads])]
    for grade in grades:
        points = [*grade.points.values(), sum(grade.points.values())]
        cells = [f"{value:>{len(head)}g}" for head, value in zip(heads, points, strict=True)]
        lines.append("  ".join([f"{grade.student:<{width}}", *cells]))
        lines += [f"    {note}" for note in grade.notes] + [f"    look: {flag}" for flag in grade.flags]
    return "\n".join(lines)


def write(grades: list[Grade], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["student", *grades[0].points, "total", "notes", "look"])
        for grade in grades:
            words = ["; ".join(grade.notes), "; ".join(grade.flags)]
            points = [*grade.points.values(), sum(grade.points.values())]
            rows.writerow([spreadsheet(grade.student), *points, *map(spreadsheet, words)])


def grade(
    lab: str,
    submitted: Path,
    private: Path | None = None,
    out: Path = ROOT / "build" / "grades",
    timeout: int = 120,
    jobs: int | None = None,
) -> bool:
    """Grade the submissions in a folder, `jobs` at a time; print a table, write <out>/<lab>.csv and pages of feedback.

    private: a folder with the instructor's own tests, <lab>.py. timeout: seconds that one cell may take. Nothing is
    written but into `out`.
    """
    for name, value in (("timeout", timeout), ("jobs", jobs)):
        if value is not None and value < 1:
            raise CourseError(f"--{name} must be at least 1, not {value}")
    notebook = source(lab)
    handed_in = submissions(lab, submitted)
    if submitted.resolve() in (out.resolve(), *out.resolve().parents):
        raise CourseError(f"the results must not go among the submissions: choose another folder than {out}")
    notebook.cells += private_tests(lab, private) if private else []
    points = tests(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    relied_on = set().union(*(names(cell.source)[0] for cell in code if marked(cell, "grade")))
    relied_on = relied_on.difference(*(names(cell.source)[1] for cell in code if marked(cell, "solution")))
    jobs = jobs or max(1, (os.cpu_count() or 1) // 2)
    writable(out, "--out", out / f"{lab}.csv")
    pages = writable(out / lab, "--out")

    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        own_kernel(),
        ThreadPoolExecutor(jobs) as pool,
    ):
        os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // jobs))  # own_kernel puts the old ones back
        release = Path(folder, "release")
        generate(lab, notebook, release)

        def one(number: int, student: str, path: Path) -> Grade:
            result = Grade(plain(student), dict.fromkeys(points, 0.0))
            course = Path(folder, str(number))
            place = course / "submitted" / STUDENT / lab
            try:
                if path.is_dir():
                    raise ValueError("no notebook, or several and none with the lab's name")
                cells = stripped(path, notebook)
                result.flags = [plain(flag) for flag in suspicious(cells, relied_on)]
                place.mkdir(parents=True)
                shutil.copy(release / "gradebook.db", course)
                nbformat.write(cells, place / f"{lab}.ipynb")
                result.points, notes = in_a_process(lab, course, timeout)
                result.notes = [f"{task}: {plain(note)}" for task, note in notes.items()]
                feedback = course / "feedback" / STUDENT / lab / f"{lab}.html"
                if feedback.exists():
                    shutil.copy(feedback, pages / f"{student}.html")
            except Exception as error:  # noqa: BLE001 - a submission may hold anything, and must stop no other
                result.notes = [plain(f"not graded: {error}")]
            shutil.rmtree(course, ignore_errors=True)
            return result

        work = [pool.submit(one, number, *item) for number, item in enumerate(handed_in.items())]
        try:
            grades = [job.result() for job in tqdm(work, desc=lab, unit=" submissions", disable=None)]
        finally:
            pool.shutdown(cancel_futures=True)  # Ctrl-C: none of those that wait

    print(table(grades))
    write(grades, out / f"{lab}.csv")
    print(f"\n{len(grades)} submissions, at most {sum(points.values()):g} points each: {out / lab}.csv")
    return True
