"""Grade a folder of submissions to a lab. It executes what strangers wrote: labs/README.md says how to fence it in.

What counts and what is put back is nbgrader's business. Each submission gets a process, a course, an environment and a gradebook of its own
in a temporary folder, so that one which hangs, crashes or spoils its surroundings stops no other. Each result is written as
soon as it is there, OUT/LAB/<student>.json, and OUT/LAB.csv with it; a submission that has not changed since is not run again.
"""

import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import nbformat
from nbformat import NotebookNode, v4
from tqdm import tqdm

from lecturekit.course import labs
from lecturekit.course.gradebooks import export, marks
from lecturekit.course.labs import generate, marked, names, source, tests
from lecturekit.course.notebooks import environment
from lecturekit.course.overview import overview, written
from lecturekit.course.profiles import ROOT, CourseError, writable
from lecturekit.course.run import ANSI
from lecturekit.course.submissions import stripped, submissions, suspicious
from lecturekit.course.wrong import percent
from lecturekit.data.sources import data_root

STUDENT = "submission"  # for nbgrader they all have one name: real ones may hold what its patterns take for wildcards
WHOLE = 5  # a whole submission may take so many times what a cell may
# What each submission's processes find imported already.
IMPORTED = (
    "lecturekit.course.autograde",
    "lecturekit.course.feedback",
    "ipykernel.kernelapp",
    "torchvision",
    "matplotlib.pyplot",
)
IMPORTED += tuple(
    f"lecturekit.{part}" for part in ("variational", "adversarial", "exact", "belief", "evaluate", "show")
)


@dataclass
class Grade:
    """points: of each task. marks: of each free-text question, None where nobody has given one yet. notes: "task: first line of what went wrong".
    flags: what `suspicious` found. digest: of the submission and of what it was graded by."""

    student: str
    points: dict[str, float]
    marks: dict[str, float | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    digest: str = ""

    @property
    def total(self) -> float:
        return sum(self.points.values()) + sum(mark or 0.0 for mark in self.marks.values())

    @property
    def row(self) -> list[float | str]:
        """Points, marks and their sum, an unmarked question as an empty cell."""
        return [*self.points.values(), *("" if mark is None else mark for mark in self.marks.values()), self.total]


def private_tests(lab: str, folder: Path) -> list[NotebookNode]:
    """An instructor's own test cells, from `<folder>/<lab>.py`: `# %% task | points`, and asserts below."""
    path, cells = folder / f"{lab}.py", []
    if not path.is_file():
        raise CourseError(f"{path} does not exist; it should hold cells '# %% task | points' with asserts below")
    known = tests(source(lab))
    for number, (task, points, body) in enumerate(percent(path), 1):
        if task not in known or not re.fullmatch(r"\d+(\.\d+)?", points):
            raise CourseError(f"{path}: '# %% {task} | {points}' is not one of {', '.join(known)} and its points")
        marks = {"grade_id": f"{task}-private-{number}", "points": float(points), "schema_version": 3}
        marks |= {"grade": True, "locked": True, "solution": False, "task": False}
        cells.append(v4.new_code_cell(body, id=f"private-{number}", metadata={"nbgrader": marks}))
        labs.closed(cells[-1], f"{path}, cell '# %% {task} | {points}'")
    if not cells:
        raise CourseError(f"{path} is empty; it should hold cells '# %% task | points' with asserts below")
    return cells


def plain(text: str) -> str:
    """The first line of a stranger's text, without what could steer a terminal."""
    return "".join(c for c in text.split("\n")[0] if c.isprintable())[:300]


def spreadsheet(text: str) -> str:
    """Text that a spreadsheet will not take for a formula; it may come from a student."""
    return "'" + text if text.startswith(("=", "+", "-", "@")) else text


def table(grades: list[Grade]) -> str:
    """A line per student: points of each task and their sum; below it what failed and what looks odd."""
    width = max(len("student"), *(len(grade.student) for grade in grades))
    heads = [*grades[0].points, *grades[0].marks, "total"]
    lines = ["  ".join([f"{'student':<{width}}", *heads])]
    for grade in grades:
        cells = [
            f"{value if value == '' else f'{value:g}':>{len(head)}}"
            for head, value in zip(heads, grade.row, strict=True)
        ]
        lines.append("  ".join([f"{grade.student:<{width}}", *cells]))
        lines += [f"    {note}" for note in grade.notes] + [f"    look: {flag}" for flag in grade.flags]
    return "\n".join(lines)


def write(grades: list[Grade], path: Path) -> None:
    """The rows so far, with the mark by which Excel knows UTF-8, under their name only when they are complete."""
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8-sig") as file:
        rows = csv.writer(file)
        rows.writerow(["student", *grades[0].points, *grades[0].marks, "total", "notes", "look"])
        for grade in sorted(grades, key=lambda grade: grade.student):
            words = ["; ".join(grade.notes), "; ".join(grade.flags)]
            rows.writerow([spreadsheet(grade.student), *grade.row, *map(spreadsheet, words)])
    part.replace(path)


def say(text: str) -> None:
    """Print whatever the terminal can show of it: a name in another alphabet must not cost the grades."""
    coding = sys.stdout.encoding or "utf-8"
    print(text.encode(coding, "backslashreplace").decode(coding))


def results(jobs: list[dict], workers: int) -> Iterator[tuple[dict, int | None]]:
    """Do the jobs of autograde.py, `workers` at a time: (job, exit code, None if it took too long), each when it ends."""
    script = [sys.executable, str(Path(__file__).with_name("forks.py")), str(workers), *IMPORTED]
    threads = str(max(1, (os.cpu_count() or 1) // workers))
    env = environment(OMP_NUM_THREADS=threads, LECTUREKIT_DATA=str(data_root()))
    with subprocess.Popen(script, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            server.stdin.write("".join(json.dumps(job) + "\n" for job in jobs))
            server.stdin.close()
            for line in server.stdout:
                result = json.loads(line)
                yield jobs[result["job"]], result["code"]
        finally:  # Ctrl-C, or nobody asks for more
            server.terminate()


def outcome(job: dict, code: int | None) -> tuple[dict[str, float], dict[str, str]]:
    """(points, notes) of each task; RuntimeError with the reason where there is no result."""
    folder = Path(job["folder"])
    if code is None:
        raise RuntimeError(f"stopped after {job['seconds']} s: an endless loop?")
    if not (folder / "result.json").exists():
        log = folder / "output.txt"
        lines = ANSI.sub("", log.read_text(errors="replace")).splitlines() if log.exists() else []
        errors = [line for line in lines if re.match(r"[\w.]+(Error|Exception)\b", line)]
        errors = [line for line in errors if "NbGraderException" not in line] or lines or [f"no result (exit {code})"]
        if code < 0:
            errors = [f"the process that grades was killed (signal {-code})"]
        raise RuntimeError(re.sub(r"^[\w.]+\.(?=\w)", "", errors[-1]))
    return tuple(json.loads((folder / "result.json").read_text(encoding="utf-8")))


def free_text(notebook: NotebookNode) -> dict[str, NotebookNode]:
    """The cells of questions that a person marks."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "markdown" and marked(cell, "grade")]
    return {marked(cell, "grade_id"): cell for cell in cells if marked(cell, "solution")}


def grade(
    lab: str,
    submitted: Path,
    private: Path | None = None,
    out: Path = ROOT / "build" / "grades",
    timeout: int = 120,
    jobs: int | None = None,
    again: str = "",
    hide_tests: bool = False,
    roster: Path | None = None,
    form: str | None = None,
) -> bool:
    """Grade the submissions in a folder, `jobs` at a time; write <out>/<lab>.csv and pages of feedback, and print a table.

    private: a folder with the instructor's own tests, <lab>.py. timeout: seconds that one cell may take. again: students, by a pattern,
    whose unchanged submissions are run again too. hide_tests: leave hidden and private tests out of the feedback. roster, form: a
    platform's own export, and which ("moodle", "canvas"), for <out>/<lab>-<form>.csv. Nothing is written but into `out`.
    """
    for name, value in (("timeout", timeout), ("jobs", jobs)):
        if value is not None and value < 1:
            raise CourseError(f"--{name} must be at least 1, not {value}")
    notebook = source(lab)
    if bool(roster) != bool(form):
        raise CourseError("--roster and --format belong together")
    if submitted.resolve() in (out.resolve(), *out.resolve().parents):
        raise CourseError(f"the results must not go among the submissions: choose another folder than {out}")
    notebook.cells += private_tests(lab, private) if private else []
    points, questions = tests(notebook), free_text(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    relied_on = set().union(*(names(cell.source)[0] for cell in code if marked(cell, "grade")))
    relied_on = relied_on.difference(*(names(cell.source)[1] for cell in code if marked(cell, "solution")))
    workers = jobs or max(1, (os.cpu_count() or 1) // 2)
    writable(out, "--out", out / f"{lab}.csv")
    pages = writable(out / lab, "--out")

    grades: list[Grade] = []
    codes: dict[str, str] = {}  # of those who handed in a notebook of this lab
    answers: list[dict] = []
    unwritten = ""

    def finished(result: Grade, student: str) -> None:
        nonlocal unwritten
        grades.append(result)
        try:
            (pages / f"{student}.json").write_text(json.dumps(asdict(result)), encoding="utf-8")
            write(grades, out / f"{lab}.csv")
        except OSError as error:
            unwritten = f"cannot write into {out} ({error.strerror}): what is printed here is not all there"

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        release = Path(folder, "release")
        student_version = nbformat.read(generate(lab, notebook, release), as_version=4)
        stubs = {question: cell.source for question, cell in free_text(student_version).items()}
        handed_in = submissions(lab, submitted, student_version)
        waiting: list[dict] = []
        for number, (student, given) in enumerate(handed_in.items()):
            result = Grade(plain(student), dict.fromkeys(points, 0.0), dict.fromkeys(questions))
            try:
                if given.problem:
                    raise ValueError(given.problem)
                result.digest = digest(given.path, notebook, timeout, hide_tests)
                cells = stripped(given.path, notebook)
                restored = [marked(cell, "grade_id") for cell in cells.cells if cell.id.startswith("again-")]
                codes[result.student] = written(cells)
                for question, cell in free_text(cells).items():
                    if cell.source != stubs.get(question):
                        row = {"student": spreadsheet(result.student), "question": question}
                        row |= {"of": marked(questions[question], "points"), "answer": spreadsheet(cell.source)}
                        answers.append(row | {"model answer": questions[question].source})
                before = earlier(pages / f"{student}.json")
                if before and before.digest == result.digest and not (again and fnmatch(student, again)):
                    finished(before, student)
                    continue
                result.flags = [plain(flag) for flag in suspicious(cells, relied_on)]
                result.notes = [given.said] * bool(given.said)
                result.notes += [f"put back: {', '.join(restored)}"] * bool(restored)
                course = Path(folder, str(number))
                (course / "submitted" / STUDENT / lab).mkdir(parents=True)
                shutil.copy(release / "gradebook.db", course)
                nbformat.write(cells, course / "submitted" / STUDENT / lab / f"{lab}.ipynb")
                job = {"do": "grade", "folder": str(course), "seconds": WHOLE * timeout, "cell_seconds": timeout}
                job |= {"settings": str(labs.LABS / "nbgrader_config.py"), "lab": lab, "student": student}
                job |= {"release": str(release / "student" / lab / f"{lab}.ipynb") if hide_tests else ""}
                waiting.append(job | {"out_of": points, "grade": asdict(result)})
            except Exception as error:  # noqa: BLE001 - a submission may hold anything, and must stop no other
                result.notes = [plain(f"not graded: {error}")]
                finished(result, student)
        with tqdm(total=len(waiting), desc=lab, unit=" submissions", disable=None if waiting else True) as bar:
            for job, exit_code in results(waiting, workers) if waiting else ():
                result, course = Grade(**job["grade"]), Path(job["folder"])
                try:
                    result.points, notes = outcome(job, exit_code)
                    result.notes += [f"{task}: {plain(note)}" for task, note in notes.items()]
                    if (course / "feedback.html").exists():
                        shutil.copy(course / "feedback.html", pages / f"{job['student']}.html")
                except Exception as error:  # noqa: BLE001
                    result.notes = [plain(f"not graded: {error}")]
                finished(result, job["student"])
                shutil.rmtree(course, ignore_errors=True)
                bar.update()

    grades.sort(key=lambda grade: grade.student)
    given = marks(out / f"{lab}-answers.csv", answers) if questions and not unwritten else {}
    for result in grades:
        result.marks = {question: given.get(spreadsheet(result.student), {}).get(question) for question in questions}
    if not unwritten:
        write(grades, out / f"{lab}.csv")
        for student in handed_in:  # for the totals of all labs
            result = next(result for result in grades if result.student == plain(student))
            (pages / f"{student}.json").write_text(json.dumps(asdict(result)), encoding="utf-8")
    say(table(grades))
    beside = [plain(name) for given in handed_in.values() for name in given.beside]
    said = [f"Passed over: {', '.join(beside)}"] * bool(beside)
    if unwritten:
        raise CourseError(unwritten)
    known = [written(notebook), written(student_version)]
    say("\n" + overview(lab, [asdict(result) for result in grades], points, codes, known, out))
    most = sum(points.values()) + sum(float(marked(cell, "points")) for cell in questions.values())
    if roster:
        path = out / f"{lab}-{form}.csv"
        said += export(lab, {grade.student: grade.total for grade in grades}, most, roster, form, path)
        said.append(f"For {form.capitalize()}: {path}")
    said.append(f"{len(grades)} submissions, at most {most:g} points each: {out / lab}.csv")
    say("\n" + "\n".join(said))
    return True


def digest(path: Path, notebook: NotebookNode, timeout: int, hide_tests: bool) -> str:
    """What a grade and its page depend on: the submission, the lab with its private tests, the time that a cell may take, and
    whether tests are shown."""
    parts = (path.read_bytes(), nbformat.writes(notebook).encode(), f"{timeout} {hide_tests}".encode())
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def earlier(path: Path) -> Grade | None:
    """What an earlier call wrote of a student, if it can be read."""
    try:
        return Grade(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
