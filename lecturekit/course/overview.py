"""What a lecturer wants to see of a whole class: tasks, messages, totals, and submissions that share unusual code."""

import csv
import io
import json
from collections import Counter
from itertools import combinations
from pathlib import Path

from nbformat import NotebookNode

from lecturekit.course.labs import marked

WIDE = 30  # characters of a full bar
K, WINDOW = 25, 6  # copydetect's: matches of 30 characters are found, those below 25 are noise
COMMON = 0.2  # what more than this share of a class has written is not unusual
ALIKE = 0.5  # pairs that share so much of the shorter one's unusual code are shown


def bar(share: float) -> str:
    return "█" * round(WIDE * share) + "·" * (WIDE - round(WIDE * share))


def tasks(results: list[dict], out_of: dict[str, float]) -> list[str]:
    """A line per task: who has all of its points, and the commonest message of those who have not."""
    width, lines = max(map(len, out_of)), []
    for task, full in out_of.items():
        passed = sum(one["points"].get(task, 0.0) >= full for one in results)
        prefix = f"{task}: "
        said = Counter(note.removeprefix(prefix) for one in results for note in one["notes"] if note.startswith(prefix))
        often = "".join(f"   {n} x {message}" for message, n in said.most_common(1))
        lines.append(f"{task:<{width}}  {bar(passed / len(results))}  {passed:>3} of {len(results)}{often}")
    return lines


def histogram(totals: list[float], most: float, bins: int = 10) -> list[str]:
    """How many have how many points, in equal steps up to all of them."""
    counts = Counter(min(int(bins * total / most), bins - 1) for total in totals)
    step, top = most / bins, max(counts.values())
    return [f"{step * i:5.1f} to {step * (i + 1):5.1f}  {bar(counts[i] / top)}  {counts[i]:>3}" for i in range(bins)]


def written(notebook: NotebookNode) -> str:
    """The code that is a student's own: whatever is not locked."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and not marked(cell, "locked")]
    return "\n\n".join(cell.source for cell in cells)


def alike(codes: dict[str, str], known: list[str]) -> list[tuple[float, str, str, str]]:
    """(share of the shorter one, student, student, a shared line) of pairs that share code which neither the lab, nor its solution,
    nor many others have; the most alike first."""
    from copydetect import CodeFingerprint, compare_files

    def prints(code: str, without: list | None = None) -> CodeFingerprint:
        return CodeFingerprint("code.py", K, WINDOW, without, language="python", fp=io.StringIO(code))

    first = {student: prints(code) for student, code in codes.items()}
    counts = Counter(h for one in first.values() for h in one.hashes)
    usual = {h for h, n in counts.items() if n > max(2, COMMON * len(codes))}
    usual |= {h for code in known for h in prints(code).hashes}
    own = {student: prints(code, list(usual)) for student, code in codes.items()}
    found = []
    for (a, one), (b, other) in combinations(own.items(), 2):
        if len(one.hashes) and len(other.hashes):
            _, shares, slices = compare_files(one, other)
            if max(shares) >= ALIKE and len(slices[0][0]):
                start, end = slices[0][0][0], slices[0][1][0]
                line = next(
                    (text.strip() for text in one.raw_code[start:end].splitlines() if len(text.strip()) > 8), ""
                )
                found.append((float(max(shares)), a, b, line))
    return sorted(found, reverse=True)


def earned(one: dict) -> float:
    return sum(one["points"].values()) + sum(mark or 0.0 for mark in one["marks"].values())


def saved(out: Path) -> dict[str, list[dict]]:
    """lab -> what has been graded of it so far."""
    labs = {}
    for path in sorted(out.glob("*/*.json")):
        try:
            labs.setdefault(path.parent.name, []).append(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            continue
    return labs


def term(out: Path) -> list[str]:
    """Write <out>/totals.csv, every student's points in every lab; the tasks that most students fail, in lines."""
    labs = saved(out)
    points = {lab: {one["student"]: earned(one) for one in results} for lab, results in labs.items()}
    students = sorted({student for of_lab in points.values() for student in of_lab})
    with (out / "totals.csv").open("w", newline="", encoding="utf-8-sig") as file:
        rows = csv.writer(file)
        rows.writerow(["student", *points, "total"])
        for student in students:
            found = [of_lab.get(student, "") for of_lab in points.values()]
            rows.writerow([student, *found, sum(value for value in found if value != "")])
    shares = []
    for lab, results in labs.items():
        for task in {task: None for one in results for task in one["points"]}:
            lost = sum(not one["points"].get(task) for one in results)
            shares.append((lost / len(results), lab, task))
    return [
        f"{share:4.0%} without points: {lab}, {task}" for share, lab, task in sorted(shares, reverse=True)[:5] if share
    ]


def overview(
    lab: str, results: list[dict], out_of: dict[str, float], codes: dict[str, str], known: list[str], out: Path
) -> str:
    """The page of text that `grade` prints below its table and writes as <out>/<lab>.txt."""
    totals = [sum(one["points"].values()) for one in results]  # what was graded, without marks
    parts = {"All points of a task": tasks(results, out_of), "Points": histogram(totals, sum(out_of.values()))}
    pairs = [
        f"{share:4.0%} of the unusual code is the same: {a}, {b}: {line}" for share, a, b, line in alike(codes, known)
    ]
    parts |= {"Read these side by side": pairs, "Hardest tasks of all labs so far": term(out)}
    text = "\n\n".join("\n".join([head, *("  " + line for line in lines)]) for head, lines in parts.items() if lines)
    (out / f"{lab}.txt").write_text(text + "\n", encoding="utf-8")
    return text
