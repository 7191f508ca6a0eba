"""What the text of chapters and labs refers to is there: chapters, sections, labs, files, papers."""

import re

import nbformat
import pytest

from lecturekit.course.profiles import ROOT, select

CHAPTERS = {path.stem[:2]: path for path in select()}
LABS = {path.stem[:2]: path for path in ROOT.glob("labs/solutions/*/*.ipynb")}
NUMBERS = r"\d\d?(?:\.\d+)?(?:(?:, | and | or | to |, and )\d\d?(?:\.\d+)?)*"
CHAPTER = re.compile(r"\b[Cc]hapters? (\d\d(?:(?:, | and | or | to |, and )\d\d)*)\b")
SECTION = re.compile(
    rf"(?:\b[Cc]hapter (\d\d), )?\b[Ss]ections? ({NUMBERS})(?: of (?:chapter (\d\d)|(the paper|their paper|\[\d)))?"
)
LAB = re.compile(rf"\b[Ll]abs? ({NUMBERS})\b")
HEADING = re.compile(r"^#{2,4} (\d+(?:\.\d+)*)\b", re.MULTILINE)
FILE = re.compile(r"`((?:labs|benchmarks|docs|chapters|data|tests|findings)/[\w./-]+\.\w+)`")
# Kingma & Welling (2014), (Kingma & Welling 2014), Zhu, Park, Isola & Efros (2017), Burda et al. (2016)
NAME = r"[A-Z][\w’'-]*[a-z](?:-[A-Z]\w+)?"
CITED = re.compile(
    rf"((?:van den |van der |van |de )?{NAME})(?:(?:,? (?:&|and) |, ){NAME}| et al\.)*,?\s\(?((?:19|20)\d\d)\b"
)
REFERENCES = re.compile(r"^#{2,4} (?:\d+ )?References?\n(.*?)(?=^#{1,4} |\Z)", re.MULTILINE | re.DOTALL)


def text(path):
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def numbers(match: str) -> list[str]:
    """ "3 to 5 and 7" -> 3, 4, 5, 7"""
    found = []
    for part in re.split(r", and |, | and | or ", match):
        first, _, last = part.partition(" to ")
        found += (
            [str(n) for n in range(int(first), int(last) + 1)]
            if last and "." not in part
            else [first, *filter(None, [last])]
        )
    return found


def sections(path):
    return set(HEADING.findall(text(path)))


@pytest.mark.parametrize(
    "path", [*CHAPTERS.values(), *LABS.values()], ids=lambda path: f"{path.parts[-2][:3]}-{path.stem}"
)
def test_chapters_sections_labs_and_files_exist(path):
    said, missing = text(path), []
    for match in CHAPTER.finditer(said):
        missing += [match[0] for n in numbers(match[1]) if n.zfill(2) not in CHAPTERS]
    for match in LAB.finditer(said):
        missing += [match[0] for n in numbers(match[1]) if n.zfill(2) not in LABS]
    own = CHAPTERS[path.stem[:2]]
    for match in SECTION.finditer(said):
        if not match[4]:
            there = sections(CHAPTERS.get(match[1] or match[3], own))
            missing += [match[0] for n in numbers(match[2]) if n not in there]
    missing += [file for file in FILE.findall(said) if not (ROOT / file).exists()]
    assert not missing


@pytest.mark.parametrize("path", CHAPTERS.values(), ids=CHAPTERS)
def test_what_is_cited_stands_in_the_references_and_the_other_way_round(path):
    said = text(path)
    listed = [line for block in REFERENCES.findall(said) for line in block.split("\n") if line.startswith("- ")]
    cells = nbformat.read(path, as_version=4).cells
    body = "\n".join([REFERENCES.sub("", said), *(cell.source for cell in cells if cell.cell_type == "code")])
    lacking = {
        f"{name} {year}"
        for name, year in CITED.findall(body)
        if not any(re.search(rf"\b{re.escape(name)}\b", line) and year in line for line in listed)
    }
    assert not lacking, "cited, and not among the references"
    for line in listed:
        first = re.split(r",| and | \(", line[2:], maxsplit=1)[0].split()[-1]
        years = re.findall(r"\((?:[^()]*\b)?((?:19|20)\d\d)", line)
        assert years and any(
            (cited.split()[-1], year) in {(first, y) for y in years} for cited, year in CITED.findall(body)
        ), f"not cited: {line}"
