"""Labs: the students' version of each, and the wrong answers that each must catch.

A lab is an nbgrader source notebook, labs/solutions/<lab>/<lab>.ipynb. What students get is made from it, and so is
never edited: labs/student/<lab>/<lab>.ipynb. Beside it stands labs/wrong/<lab>.txt, whose blocks, in the language of
`wrong.py`, are answers that must lose points, and the tasks that must lose them. The first is the one whose solution cell,
<task>-code, is wrong:

    # %% kl-sign: the KL with its sign flipped | kl
    - return 0.5 * (
    + return -0.5 * (
"""

import ast
import os
import re
import symtable
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from io import StringIO
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode
from traitlets.config import PyFileConfigLoader

from lecturekit.course import wrong
from lecturekit.course.profiles import ROOT, CourseError

LABS = ROOT / "labs"
MARKS = re.compile(r"\s*### (BEGIN|END) (SOLUTION|HIDDEN TESTS)\b")


def select(pattern: str = "*") -> list[str]:
    """The labs, in order, whose name matches a pattern such as `21*`."""
    every = sorted(path.parent.name for path in LABS.glob("solutions/*/*.ipynb") if path.stem == path.parent.name)
    chosen = [name for name in every if fnmatch(name, pattern)]
    if not chosen:
        hint = f" (did you mean '{pattern}*'?)" if any(fnmatch(name, f"{pattern}*") for name in every) else ""
        raise CourseError(f"no lab matches {pattern!r}{hint}; there are: {', '.join(every) or 'none, in ' + str(LABS)}")
    return chosen


def source(lab: str) -> NotebookNode:
    """A lab as its author wrote it, with solutions and hidden tests; CourseError if there is no such lab."""
    if lab not in select():
        raise CourseError(f"there is no lab {lab!r}; there are {', '.join(select())}")
    return nbformat.read(LABS / "solutions" / lab / f"{lab}.ipynb", as_version=4)


def marked(cell: NotebookNode, key: str):
    """What nbgrader's metadata of a cell say about `key`, or None: grade_id, grade, solution, points."""
    return cell.metadata.get("nbgrader", {}).get(key)


def tests(notebook: NotebookNode) -> dict[str, float]:
    """Points of each task that is graded by running its test cell."""
    graded = [cell for cell in notebook.cells if cell.cell_type == "code" and marked(cell, "grade")]
    return {marked(cell, "grade_id"): float(marked(cell, "points")) for cell in graded}


def closed(cell: NotebookNode, where: str) -> None:
    """CourseError if a graded cell ends in a value: nbgrader would take it for the score, of which 0 is nothing."""
    try:
        last = ast.parse(TransformerManager().transform_cell(cell.source)).body[-1:]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise CourseError(f"{where}: this is no Python: {error}") from None
    for node in last:
        called = node.value.func if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
        if isinstance(node, ast.Expr) and getattr(called, "id", None) != "print":
            line = cell.source.splitlines()[node.lineno - 1]
            raise CourseError(
                f"{where}: it ends in a value, {line!r} in line {node.lineno}, which nbgrader takes for the score: assert it, or set _"
            )


# The students' version


@contextmanager
def _scripts_on_path() -> Iterator[None]:
    """nbgrader makes its gradebook by a command, alembic, that stands beside a Python which need not be on the path."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), before])
    try:
        yield
    finally:
        os.environ["PATH"] = before


@cache
def _empty_gradebook() -> bytes:
    """nbgrader asks another process how to mark a new gradebook, which takes seconds: once is enough."""
    from nbgrader.api import Gradebook

    with tempfile.TemporaryDirectory() as folder, _scripts_on_path():
        Gradebook(f"sqlite:///{folder}/gradebook.db").close()
        return Path(folder, "gradebook.db").read_bytes()


def generate(lab: str, notebook: NotebookNode, course: Path) -> Path:
    """Let nbgrader make the students' version of a notebook, and a gradebook, in the folder `course`."""
    try:
        from nbgrader.converters import GenerateAssignment
        from nbgrader.coursedir import CourseDirectory
    except ModuleNotFoundError:
        raise CourseError("nbgrader is not installed: `make setup`, or install lecturekit[teach]") from None
    for cell in notebook.cells:
        if cell.cell_type == "code" and marked(cell, "grade"):
            closed(cell, f"{lab}, cell {marked(cell, 'grade_id')}")
    folder = course / "solutions" / lab
    folder.mkdir(parents=True)
    if not (course / "gradebook.db").exists():
        (course / "gradebook.db").write_bytes(_empty_gradebook())
    nbformat.write(notebook, folder / f"{lab}.ipynb")
    config = PyFileConfigLoader("nbgrader_config.py", path=str(LABS)).load_config()
    config.CourseDirectory.root = str(course.resolve())
    GenerateAssignment(config=config, coursedir=CourseDirectory(config=config, assignment_id=lab)).start()
    return course / "student" / lab / f"{lab}.ipynb"


def student_versions(pattern: str = "*") -> Iterator[tuple[str, str]]:
    """(lab, the notebook that students get) of the labs that match: the same bytes from the same source."""
    with tempfile.TemporaryDirectory() as folder:
        for lab in select(pattern):
            notebook = nbformat.read(generate(lab, source(lab), Path(folder)), as_version=4)
            unsolved = False
            for cell in notebook.cells:
                cell.metadata.get("nbgrader", {}).pop(
                    "checksum", None
                )  # nbgrader takes the gradebook's, never this one
                unsolved |= cell.cell_type == "code" and bool(marked(cell, "solution"))
                if unsolved and cell.cell_type == "code":  # Run All goes on behind a task that is not solved yet
                    cell.metadata["tags"] = [*cell.metadata.get("tags", ()), "raises-exception"]
            yield lab, nbformat.writes(notebook) + "\n"


def solved(notebook: NotebookNode) -> NotebookNode:
    """A lab as it may be handed out when all is over: with solutions and hidden tests, without the lines that mark them."""
    for cell in notebook.cells:
        lines = [line for line in cell.source.splitlines() if not MARKS.match(line)]
        cell.source = "\n".join(lines)
    return notebook


def release(lab: str, out: Path, solutions: bool = False) -> bool:
    """Write a lab for students into <out>/<lab>.ipynb, or, into <out>/<lab>-solutions.ipynb, with solutions."""
    source(lab)
    text = nbformat.writes(solved(source(lab))) + "\n" if solutions else dict(student_versions(lab))[lab]
    path = out / f"{lab}{'-solutions' if solutions else ''}.ipynb"
    try:
        out.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CourseError(f"cannot write into {out} ({error.strerror}); choose another folder by --out") from None
    print(path)
    return True


# Wrong answers, executed here: a kernel for each would take minutes

CRASH = "crash: "  # before a message that is no assertion's, and so teaches nothing


@dataclass(frozen=True)
class Answer:
    """What a lab says to an answer. loses: the tasks that should fail; failed: those that do -> the message's first line."""

    name: str
    loses: frozenset[str]
    failed: dict[str, str]

    @property
    def as_declared(self) -> bool:
        """Whether exactly what should be lost is lost, each by an assertion, not by a crash."""
        crashes = [task for task, message in self.failed.items() if message.startswith(CRASH)]
        return self.loses == set(self.failed) and not crashes


def _defines(code: str) -> set[str]:
    """The names of functions and classes at the top of some code."""
    return {node.name for node in ast.parse(code).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def names(code: str) -> tuple[set[str], set[str]]:
    """(names that a cell takes from other cells, names that it sets)."""

    def walk(table: symtable.SymbolTable) -> Iterator[str]:
        for child in table.get_children():
            yield from (s.get_name() for s in child.get_symbols() if s.is_global() and s.is_referenced())
            yield from walk(child)

    top = symtable.symtable(code, "cell", "exec")
    sets = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    return ({s.get_name() for s in top.get_symbols() if s.is_referenced()} | set(walk(top))) - sets, sets


def used(cells: list[NotebookNode]) -> set[int]:
    """Which code cells are checks, or set a name that a check uses, directly or not."""
    wanted, found = set(), set()
    for i, cell in reversed(list(enumerate(cells))):
        read, written = names(cell.source)
        if marked(cell, "grade") or written & wanted:
            found.add(i)
            wanted |= read
    return found


def _run(code: str, where: str, world: dict) -> str:
    """Execute a cell in the namespace `world`; "" or the first line of what went wrong."""
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        try:
            exec(compile(code, where, "exec"), world)  # noqa: S102 - a lab of this house
        except AssertionError as error:
            return str(error).split("\n")[0] or "an assertion without a message"
        except NotImplementedError:
            return "not written yet"
        except Exception as error:  # noqa: BLE001 - whatever an answer does
            return f"{CRASH}{type(error).__name__}: {error}".split("\n")[0]
    return ""


@contextmanager
def _quiet_plots() -> Iterator[None]:
    """Cells that draw leave no window and no setting behind."""
    from matplotlib import pyplot as plt

    with plt.rc_context():
        try:
            yield
        finally:
            plt.close("all")


def handed_in(answer: wrong.Wrong, cells: list[NotebookNode], graded: dict[str, float]) -> tuple[int, str]:
    """(which cell a wrong answer stands in for, what it is then); CourseError where it does not fit the lab."""
    if unknown := set(answer.noticed) - set(graded):
        raise CourseError(f"{answer.where}: {unknown.pop()!r} is no task; there are {', '.join(graded)}")
    places = {marked(cell, "grade_id"): place for place, cell in enumerate(cells) if marked(cell, "solution")}
    if (name := f"{answer.noticed[0]}-code") not in places:
        raise CourseError(f"{answer.where}: there is no solution cell {name}; there are {', '.join(places)}")
    right = cells[places[name]].source
    text = answer.body if answer.whole else answer.applied(right)
    if _defines(text) != _defines(right):
        raise CourseError(f"{answer.where}: define what the solution cell {name} defines, {', '.join(_defines(right))}")
    return places[name], text


def answers(lab: str) -> list[Answer]:
    """What the lab says to its solution, to the untouched students' version, and to each wrong answer.

    A wrong answer stands in for its task's solution cell; after it, only those cells run again that use, directly or not,
    what has changed, and of these only what a check uses. Cells must not change each other's objects in place.
    """
    notebook = source(lab)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    where = [f"{lab}, cell {marked(cell, 'grade_id') or number}" for number, cell in enumerate(cells)]
    graded = tests(notebook)
    student = nbformat.read(LABS / "student" / lab / f"{lab}.ipynb", as_version=4)
    stubs = {marked(cell, "grade_id"): cell.source for cell in student.cells}
    stubs = {i: stubs[marked(cell, "grade_id")] for i, cell in enumerate(cells) if marked(cell, "solution")}
    read, written = zip(*(names(cell.source) for cell in cells), strict=True)
    counts = used(cells)

    def play(world: dict, texts: dict[int, str]) -> dict[str, str]:
        """Put other texts into some solution cells, in a world where the solution has been; the tasks that fail."""
        before, failed, changed = dict(world), {}, set()
        for i, cell in enumerate(cells):
            if i not in texts and (i not in counts or not changed & read[i]):
                continue
            for name in written[i]:  # what the cell set before is gone if it fails now
                world.pop(name, None)
            changed |= written[i]
            message = _run(texts.get(i, cell.source), where[i], world)
            if message and i in texts and len(texts) == 1:  # nobody hands in what cannot even be defined
                failed["-"] = message
                break
            if message and marked(cell, "grade_id") in graded:
                failed[marked(cell, "grade_id")] = message
        world.clear()
        world.update(before)
        return failed

    with _quiet_plots():
        world, failed = {"__name__": "__main__"}, {}
        for i, cell in enumerate(cells):
            message = _run(cell.source, where[i], world)
            if message and marked(cell, "grade_id") in graded:
                failed[marked(cell, "grade_id")] = message
            elif message:
                raise CourseError(f"the solution fails in {where[i]}: {message}")
        found = [
            Answer("(untouched)", frozenset(graded), play(world, stubs)),
            Answer("(solution)", frozenset(), failed),
        ]
        for answer in wrong.read(LABS / "wrong" / f"{lab}.txt"):
            failed = play(world, dict([handed_in(answer, cells, graded)]))
            found.append(Answer(answer.where.partition(":")[2], frozenset(answer.noticed), failed))
    return found


def labs(pattern: str = "*") -> bool:
    """Write the students' versions; show what catches each wrong answer; True if all is as it should be."""
    good = True
    for lab, text in student_versions(pattern):
        path = LABS / "student" / lab / f"{lab}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        points = tests(source(lab))
        print(f"\n{lab}: {sum(points.values()):g} points, {', '.join(f'{k} {v:g}' for k, v in points.items())}")
        found = answers(lab)
        width = max(len(answer.name) for answer in found)
        for answer in found:
            caught = "; ".join(f"{task}: {message}" for task, message in answer.failed.items()) or "nothing lost"
            if not answer.as_declared:
                caught = f"WRONG, should lose {', '.join(sorted(answer.loses)) or 'nothing'}. {caught}"
            print(f"  {answer.name:<{width}}  {caught}")
            good &= answer.as_declared
    return good
