"""Grades for a learning platform, and marks that a person gives: CSV files that others write and read."""

import csv
import re
import unicodedata
from pathlib import Path

from lecturekit.course.profiles import CourseError

# By which columns of its own export a platform knows a student; the first ones must be there.
FORMATS = {
    "moodle": (("Email address",), ("ID number", "Username", "First name", "Last name", "Surname")),
    "canvas": (("Student", "ID", "Section"), ("SIS User ID", "SIS Login ID")),
}
UNMARKED = ("student", "question", "of", "points", "comment", "answer", "model answer")


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file with a header, whatever its byte-order mark; CourseError for what is none."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            head = file.readline()
            file.seek(0)
            return list(csv.DictReader(file, delimiter=max(",;\t", key=head.count)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CourseError(f"{path} cannot be read as CSV in UTF-8: {error}") from None


def _plain(text: str) -> str:
    """For comparing names: no accents, no capitals, single blanks."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return re.sub(r"\s+", " ", bare).strip().casefold()


def person(student: str, roster: list[dict[str, str]]) -> dict[str, str] | None:
    """The one row of the roster that a submission's name means: by e-mail, login, number or name, also as platforms
    write it into the names of files ("Jane Doe_123_assignsubmission_file_", "doejane_4711_99_21-vae"); None where it is not one."""
    name = _plain(student)
    parts = {name, name.partition("@")[0], *name.split("_")}
    found = []
    for row in roster:
        first, last = row.get("First name", ""), row.get("Last name", row.get("Surname", ""))
        values = {_plain(value) for key, value in row.items() if key and value and key != "Section"}
        values |= {value.partition("@")[0] for value in values if "@" in value}
        values |= {_plain(f"{first} {last}"), _plain(f"{last} {first}")} if first and last else set()
        if "Student" in row and "," in row["Student"]:
            last, _, first = row["Student"].partition(",")
            values.add(_plain(f"{first} {last}"))
        values -= {_plain(first), _plain(last), ""} if first and last else {""}
        if name in values:
            return row
        if parts & values:
            found.append(row)
    return found[0] if len(found) == 1 else None


def export(lab: str, totals: dict[str, float], most: float, roster: Path, form: str, path: Path) -> list[str]:
    """Write grades as Moodle's or Canvas's import reads them; what could not be matched, in sentences.

    roster: the platform's own export, for Moodle of the grades or the participants, for Canvas of the gradebook. Who has handed in nothing gets an
    empty cell, which changes nothing there.
    """
    rows = read(roster)
    needed, known = FORMATS[form]
    if not rows or (missing := [name for name in needed if name not in rows[0]]):
        there = ", ".join(map(str, rows[0])) if rows else "none"
        raise CourseError(
            f"{roster} is no export of {form}: no column {', '.join(missing if rows else needed)}; there are {there}"
        )
    if form == "canvas":
        rows = [row for row in rows if "points possible" not in (row["Student"] or "").casefold()]
    owner: dict[int, str] = {}
    said = []
    for student in totals:
        row = person(student, rows)
        if row is None:
            said.append(f"{student} is not in {roster.name}, or not once")
        elif id(row) in owner:
            said.append(
                f"{student} and {owner[id(row)]} are the same person in {roster.name}: only the latter is written"
            )
        else:
            owner[id(row)] = student
    columns = [name for name in (*needed, *known) if name in rows[0]]
    if form == "canvas":
        columns = [name for name in ("Student", "ID", "SIS User ID", "SIS Login ID", "Section") if name in rows[0]]
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow([*columns, lab])
        if form == "canvas":
            out.writerow(["    Points Possible", *[""] * (len(columns) - 1), f"{most:g}"])
        for row in rows:
            points = f"{totals[owner[id(row)]]:g}" if id(row) in owner else ""
            out.writerow([*(row[name] or "" for name in columns), points])
    return said


def marks(path: Path, questions: list[dict]) -> dict[str, dict[str, float]]:
    """student -> {question: points} that a person has written into <out>/<lab>-answers.csv, which gets the answers that are new.

    questions: rows without points and comment. Points are for one answer: if it has changed they do not count, and the row stays below, as do
    those of students who are not in this call. CourseError for points that are no number from 0 to `of`, before anything is overwritten.
    """
    rows = read(path) if path.exists() else []
    if rows and (missing := [name for name in UNMARKED if name not in rows[0]]):
        raise CourseError(f"{path} has no column {', '.join(missing)} any more; put it back, or move the file away")
    before = {(row["student"], row["question"], row["answer"]): row for row in rows}
    found: dict[str, dict[str, float]] = {}
    for row in questions:
        given = before.pop((row["student"], row["question"], row["answer"]), {})
        row |= {"points": given.get("points", ""), "comment": given.get("comment", "")}
        if row["points"].strip():
            try:
                points = float(row["points"].replace(",", "."))
            except ValueError:
                points = -1.0
            if not 0 <= points <= float(row["of"]):
                raise CourseError(
                    f"{path}: {row['points']!r} for {row['student']}, {row['question']}, is not from 0 to {row['of']}"
                )
            found.setdefault(row["student"], {})[row["question"]] = points
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8-sig") as file:
        out = csv.DictWriter(file, UNMARKED, extrasaction="ignore")
        out.writeheader()
        out.writerows(questions + [row for row in before.values() if row["points"] or row["comment"]])
    part.replace(path)
    return found
