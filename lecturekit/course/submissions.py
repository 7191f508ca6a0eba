"""What was handed in: found in a folder, read with care, and brought to the form in which nbgrader gets it."""

import ast
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode, v4

from lecturekit.course import labs
from lecturekit.course.labs import marked, names
from lecturekit.course.profiles import CourseError

LITTER = re.compile(r"\.|__MACOSX$|desktop\.ini$|Thumbs\.db$|Icon\r?$", re.IGNORECASE)  # what systems leave in folders
KINDS = {b"%PDF": "a PDF", b"PK\x03\x04": "a zip archive", b"<": "a web page", b"\x1f\x8b": "a compressed archive"}
SUSPECT = {"get_ipython", "builtins", "__builtins__", "_exit", "_getframe", "settrace", "ctypes", "gc", "subprocess"}
SUSPECT |= {"setattr", "exec", "eval", "__import__"}
# Habits that change nothing: IPython's magics for figures, time and packages, a look at the GPU, a broom for the memory.
HARMLESS = re.compile(
    r"^\s*(%%?(matplotlib|config|time|timeit|capture|load_ext|autoreload|pip|conda|pwd|who|whos|env)\b.*"
    r"|[!%](pip|conda|nvidia-smi|ls|pwd|python --version)\b[^;&|`$]*|import gc|gc\.collect\(\))\s*;?$",
    re.MULTILINE,
)


@dataclass
class Submission:
    """path: the notebook, or what lies there instead. said: what the instructor should know of the choice. problem: why
    there is nothing to grade, or "". beside: what was passed over."""

    path: Path
    said: str = ""
    problem: str = ""
    beside: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return str(self.path)


def texts(path: Path) -> list[tuple[str, str, str, str]]:
    """(kind, text, grade_id, id) of a notebook's cells; ValueError in plain words for what is no notebook."""
    raw = path.read_bytes()
    kind = next((kind for start, kind in KINDS.items() if raw.lstrip().startswith(start)), None)
    if kind or not raw.strip():
        raise ValueError(f"{path.name} is not a notebook but {kind or 'empty'}")
    try:
        cells = nbformat.reads(raw.decode("utf-8-sig"), as_version=4).cells
        return [(c.cell_type, str(c.source), str(marked(c, "grade_id") or ""), str(c.get("id", ""))) for c in cells]
    except Exception as error:  # noqa: BLE001 - a file may hold anything
        raise ValueError(f"{path.name} is not a notebook, or half of one: {error}") from None


def answered(path: Path, student: NotebookNode) -> str | None:
    """The answers, as one text, where they differ from the students' version; None where nothing was done, or readable."""
    given = {marked(cell, "grade_id"): cell.source.strip() for cell in student.cells if marked(cell, "solution")}
    try:
        cells = texts(path)
    except ValueError:
        return None
    ids = {cell.get("id"): marked(cell, "grade_id") for cell in student.cells if marked(cell, "solution")}
    found = {grade_id or ids.get(cell_id): text.strip() for _, text, grade_id, cell_id in cells}
    changed = {name: found[name] for name in given if name in found and found[name] != given[name]}
    return json.dumps(changed) if changed else None


def chosen(lab: str, paths: list[Path], student: NotebookNode) -> Submission:
    """The one notebook of several that has answers."""
    solved = {path: answered(path, student) for path in paths}
    worked = [path for path in paths if solved[path]]
    left = [path for i, path in enumerate(worked) if solved[path] not in [solved[p] for p in worked[:i]]]
    if len(left) > 1:
        left = [path for path in left if path.stem == lab] or left
    if len(left) > 1:
        return Submission(paths[0].parent, problem=f"{len(left)} notebooks with answers, {_listed(left)}: leave one")
    one = left[0] if left else ([path for path in paths if path.stem == lab] or paths)[0]
    others = [path for path in paths if path != one]
    said = f"graded {one.name}, not {_listed(others)} (untouched, or the same)" if others else ""
    return Submission(one, said)


def _listed(paths: list[Path]) -> str:
    return ", ".join(path.name for path in paths)


def submissions(lab: str, folder: Path, student: NotebookNode | None = None) -> dict[str, Submission]:
    """Student -> what was handed in: `<student>.ipynb`, or the notebook in the folder `<student>`, whatever its name.

    student: the students' version of the lab, by default the committed one. Who handed in something that is no notebook is there too,
    to be graded 0 with the reason: nobody is left out without a word.
    """
    wanted = f"<student>.ipynb or <student>/{lab}/{lab}.ipynb"
    if not folder.is_dir():
        raise CourseError(f"{folder} is not a folder; it should hold {wanted}")
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if not LITTER.match(path.name):
            found.setdefault(path.name if path.is_dir() else path.stem, []).append(path)
    if not found:
        raise CourseError(f"{folder} is empty; it should hold {wanted}")
    student = student or nbformat.read(labs.LABS / "student" / lab / f"{lab}.ipynb", as_version=4)
    handed_in = {}
    for name, places in found.items():
        inside = [p for place in places for p in (sorted(place.rglob("*")) if place.is_dir() else [place])]
        inside = [p for p in inside if p.is_file() and not any(map(LITTER.match, p.relative_to(folder).parts))]
        books = [p for p in inside if p.suffix == ".ipynb"]
        rest = [p for p in inside if p.suffix != ".ipynb"]
        if books:
            handed_in[name] = chosen(lab, books, student) if len(books) > 1 else Submission(books[0])
            handed_in[name].beside = [str(p.relative_to(folder)) for p in rest]
        else:
            handed_in[name] = Submission(places[0], problem=_described(rest))
    return handed_in


def _described(files: list[Path]) -> str:
    if not files:
        return "an empty folder"
    try:
        with files[0].open("rb") as file:
            start = file.read(8)
    except OSError as error:
        return f"{files[0].name} cannot be read: {error.strerror}"
    kind = next((kind for beginning, kind in KINDS.items() if start.startswith(beginning)), "no notebook")
    unpack = ": unpack it" if "archive" in kind else ""
    return f"{_listed(files[:3])} is {kind}{unpack}; a notebook ends in .ipynb"


def stripped(path: Path, lab: NotebookNode) -> NotebookNode:
    """Of what was handed in, the cells' text, and which of the lab's cells they are; the private tests after them.

    All else that a notebook can say is dropped, since it can decide grades: a tag keeps a test from being run, say. A cell is the lab's by its
    grade_id, or, where an editor has dropped that, by its id or the text of a test. Of cells that were copied the last
    counts. What is missing of the lab's locked cells is put back, with an id `again-...`, and nbgrader puts back the text of the test cells.
    """
    own = {marked(cell, "grade_id"): cell for cell in lab.cells if "nbgrader" in cell.metadata}
    private = [own.pop(grade_id) for grade_id in list(own) if "-private-" in grade_id]
    order, by_id = list(own), {cell.id: grade_id for grade_id, cell in own.items()}
    by_text = {cell.source.strip(): grade_id for grade_id, cell in own.items() if marked(cell, "locked")}
    submitted = texts(path)
    said = {grade_id for _, _, grade_id, _ in submitted if grade_id in own}
    make = {"code": v4.new_code_cell, "markdown": v4.new_markdown_cell}
    cells = []
    for number, (kind, text, grade_id, cell_id) in reversed(list(enumerate(submitted))):
        if grade_id not in own:
            guess = by_id.get(cell_id) or by_text.get(text.strip())
            grade_id = guess if guess in own and guess not in said else ""
        metadata = {"nbgrader": dict(own.pop(grade_id).metadata.nbgrader)} if grade_id in own else {}
        cells.insert(0, make.get(kind, v4.new_raw_cell)(text, id=f"cell-{number}", metadata=metadata))
    if not any(marked(cell, "grade") and cell.cell_type == "code" or marked(cell, "solution") for cell in cells):
        raise ValueError(
            f"{path.name} has no test cell of this lab: another notebook, or an editor that drops what nbgrader notes?"
        )
    for grade_id in order:  # a deleted cell goes behind the one before it
        if grade_id in own and marked(own[grade_id], "locked"):
            before = order[: order.index(grade_id)]
            places = [i for i, cell in enumerate(cells) if marked(cell, "grade_id") in before]
            missing = own[grade_id]
            again = make[missing.cell_type](missing.source, id=f"again-{grade_id}"[:64], metadata=missing.metadata)
            cells.insert(places[-1] + 1 if places else 0, again)
    return v4.new_notebook(cells=cells + private, metadata=lab.metadata)


def suspicious(submitted: NotebookNode, relied_on: set[str]) -> list[str]:
    """What no answer needs and a cheat may: names that the tests rely on set anew, modules changed, the interpreter used. Each
    with the line in which it stands.

    A reason to read the submission, neither a proof nor, where nothing is found, the proof of the contrary.
    """
    found, imported = {}, set()
    for cell in submitted.cells:
        if cell.cell_type != "code" or marked(cell, "locked"):
            continue
        text = HARMLESS.sub("", cell.source)
        try:
            code = TransformerManager().transform_cell(text)  # !command and %magic become calls
            nodes, sets, lines = list(ast.walk(ast.parse(code))), names(code)[1], code.splitlines()
            imports = [alias for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names]
            imported |= {(alias.asname or alias.name).split(".")[0] for alias in imports}
            for name in sets & relied_on - imported:
                found.setdefault(f"sets {name}", next((line for line in lines if re.search(rf"\b{name}\b", line)), ""))
            local = {}  # by node, the names that are variables of a function around it
            for function in (node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
                inside = list(ast.walk(function))
                own = {node.arg for node in inside if isinstance(node, ast.arg)}
                own |= {node.id for node in inside if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
                own -= {name for node in inside if isinstance(node, ast.Global) for name in node.names}
                for node in inside:
                    local.setdefault(node, set()).update(own)
            for node in nodes:
                name, what = getattr(node, "id", getattr(node, "attr", None)), None
                if name in SUSPECT and (name, type(node)) != ("eval", ast.Attribute):  # a network's mode, net.eval()
                    what = f"uses {name}"
                if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
                    root = node
                    while isinstance(root, ast.Attribute | ast.Subscript):
                        root = root.value
                    if isinstance(root, ast.Name) and root.id in (imported | relied_on) - local.get(node, set()):
                        what = f"changes {ast.unparse(node)}"
                if what:
                    found.setdefault(what, lines[node.lineno - 1])
        except (RecursionError, MemoryError):
            found.setdefault("is nested too deeply to be looked through", text.strip()[:60])
        except (SyntaxError, ValueError):  # it does not run either
            continue
    return [f"{what}: {line.strip()}" for what, line in sorted(found.items())]
