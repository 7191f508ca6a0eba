"""chapters/course.toml is the one plan from which map, syllabus and tracks are drawn; it must hang together."""

import re

import nbformat
import pytest

from lecturekit.course import profiles
from lecturekit.course.plan import plan
from lecturekit.course.profiles import CourseError

COURSE = plan()


# The second cell of a row of the table at a chapter's head: | 3 A section | 12 min | 6 s |
MINUTES = re.compile(r"^\|[^|]*\|\s*(\d+) min\b", re.MULTILINE)


def test_the_plan_says_what_there_is():
    there = {n: (c.notebook, c.minutes, c.lab) for n, c in COURSE.chapters.items() if c.notebook or c.lab}
    labs = {path.name[:2]: path.name for path in profiles.ROOT.glob("labs/solutions/[0-9]*")}
    minutes = {
        path.stem: sum(map(int, MINUTES.findall(nbformat.read(path, as_version=4).cells[0].source)))
        for path in profiles.select()
    }
    assert all(minutes.values()), "a chapter's head has a table | section | read | run |"
    assert there == {name[:2]: (name, minutes[name], labs.pop(name[:2], None)) for name in minutes}
    assert not labs


def test_a_chapter_needs_only_what_is_taught_before_it():
    for number, chapter in COURSE.chapters.items():
        assert chapter.needs or number == "00"
        for need in chapter.needs:
            assert need < number and COURSE.chapters[need].week <= chapter.week
        assert COURSE.families[number[0]]


def test_the_course_has_thirteen_even_weeks():
    weeks = {}
    for chapter in COURSE.chapters.values():
        weeks.setdefault(chapter.week, []).append(chapter.hours)
    assert sorted(weeks) == list(range(1, 14))
    for hours in weeks.values():
        lecture, lab, home = (sum(column) for column in zip(*hours, strict=True))
        assert (lecture, lab) == (2, 2) and home >= 4


def test_there_is_time_to_read_a_chapter_and_to_finish_its_lab():
    for number, chapter in COURSE.chapters.items():
        if chapter.lab:
            head = nbformat.read(
                profiles.ROOT / f"labs/solutions/{chapter.lab}/{chapter.lab}.ipynb", as_version=4
            ).cells[0]
            minutes = sum(map(int, re.findall(r"(\d+) min \|", head.source)))
            _, lab, home = chapter.hours
            assert minutes > 60 and 60 * (lab + home) >= minutes + chapter.minutes, number


@pytest.mark.parametrize("track", COURSE.tracks)
def test_a_track_respects_the_arrows(track):
    passed = set()
    for number in (number for sitting in COURSE.tracks[track] for number in sitting):
        assert set(COURSE.chapters[number].needs) <= passed
        passed.add(number)


ROW = 'title = "a"\nshort = "a"\nneeds = []\nweek = 1\nhours = [1, 1, 1]\nread = []\n'
PLAN = f"[families]\n[tracks]\n[chapters.00]\n{ROW}[chapters.01]\n{ROW}"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(profiles, "CHAPTERS", tmp_path)
    (tmp_path / "course.toml").write_text(PLAN)
    return tmp_path


def test_what_is_not_written_is_none(folder):
    (folder / "course.toml").write_text(PLAN.replace("[chapters.01]", 'notebook = "00-start"\n[chapters.01]'))
    chapters = plan().chapters
    assert chapters["00"].notebook == "00-start"
    assert chapters["00"].lab is chapters["01"].notebook is chapters["01"].minutes is None


@pytest.mark.parametrize(
    "text, message",
    [
        ("[chapters", "not valid TOML"),
        ("[families]\n[tracks]", "missing chapters"),
        (PLAN + "[waypoints]", "unknown waypoints; there are chapters, families, tracks"),
        (PLAN.replace("week", "weak"), "chapter 00: missing week"),
        (PLAN + "rooms = 1", "chapter 01: unknown rooms"),
    ],
)
def test_a_plan_that_cannot_be_read_says_why(folder, text, message):
    (folder / "course.toml").write_text(text)
    with pytest.raises(CourseError, match=message):
        plan()


def test_a_missing_plan_is_named(folder):
    (folder / "course.toml").unlink()
    with pytest.raises(CourseError, match=r"course\.toml does not exist"):
        plan()
