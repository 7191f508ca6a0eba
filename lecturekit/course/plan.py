"""The course as planned, and what there is of it: chapters/course.toml."""

from dataclasses import MISSING, dataclass, fields

from lecturekit.course import profiles
from lecturekit.course.profiles import CourseError


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """One chapter as planned; `notebook`, `minutes` and `lab` are None while they have not been written."""

    number: str
    title: str
    short: str
    needs: list[str]
    week: int
    hours: list[int | float]  # lecture, lab, at home
    read: list[str]
    notebook: str | None = None  # its file's name without the ending
    minutes: int | None = None  # to read it
    lab: str | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """families: first digit -> name. tracks: name -> sittings, lists of numbers. chapters: number -> Chapter, in order."""

    families: dict[str, str]
    tracks: dict[str, list[list[str]]]
    chapters: dict[str, Chapter]


def plan() -> Plan:
    """Read chapters/course.toml. CourseError for a file that is absent or not as its head describes it."""
    file = profiles.CHAPTERS / "course.toml"
    table = profiles.read_toml(file, "is the plan of the course")
    _complete(table, Plan, f"{file}")
    chapters = {}
    for number, row in sorted(table.pop("chapters").items()):
        _complete(row, Chapter, f"{file}, chapter {number}", "number")
        chapters[number] = Chapter(number=number, **row)
    return Plan(chapters=chapters, **table)


def _complete(row: dict, kind: type, where: str, known: str = "") -> None:
    """CourseError unless the row says what `kind` needs, `known` aside, and nothing that it does not know."""
    allowed = {field.name: field.default is MISSING for field in fields(kind) if field.name != known}
    if missing := {name for name, needed in allowed.items() if needed} - set(row):
        raise CourseError(f"{where}: missing {', '.join(sorted(missing))}")
    if unknown := set(row) - set(allowed):
        raise CourseError(f"{where}: unknown {', '.join(sorted(unknown))}; there are {', '.join(sorted(allowed))}")
