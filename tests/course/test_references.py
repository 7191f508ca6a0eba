"""What the text of chapters and labs refers to is there: chapters, sections, labs, files, papers."""

import re

import nbformat
import pytest

from lecturekit.course.profiles import ROOT, select

CHAPTERS = {path.stem[:2]: path for path in select()}
LABS = {path.stem[:2]: path for path in ROOT.glob("labs/solutions/*/*.ipynb")}
AND = r"(?:, and |, | and | or | to )"
CHAPTER = re.compile(rf"\b[Cc]hapters? (\d\d(?:{AND}\d\d)*)\b")
LAB = re.compile(rf"\b[Ll]abs? (\d\d(?:{AND}\d\d)*)\b")
SECTION = re.compile(
    r"(?:\b[Cc]hapter (\d\d),(?: above all)? )?"
    rf"\b[Ss]ections? (\d\d?(?:\.\d+)?(?:{AND}\d\d?(?:\.\d+)?)*)"
    r"(?: of (?:chapter (\d\d)|(the paper|their paper|\[\d)))?"
)
HEADING = re.compile(r"^#{2,4} (\d+(?:\.\d+)*)\b", re.MULTILINE)
FILE = re.compile(r"`((?:labs|benchmarks|docs|chapters|data|tests|findings)/[\w./-]+\.\w+)`")
# Kingma & Welling (2014), (Kingma & Welling 2014), Zhu, Park, Isola & Efros (2017), Burda et al. (2016)
NAME = r"[A-Z][\w’'-]*[a-z](?:-[A-Z]\w+)?"
CITED = re.compile(
    rf"((?:van den |van der |van |de )?{NAME})(?:(?:,? (?:&|and) |, ){NAME}| et al\.)*,?\s\(?((?:19|20)\d\d)\b"
)
REFERENCES = re.compile(r"^#{2,4} (?:\d+ )?References?\n(.*?)(?=^#{1,4} |\Z)", re.MULTILINE | re.DOTALL)
ITEM = re.compile(r"(?:- |(\d+)\. )")


def text(path):
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def numbers(list_of_them):
    """Those of 3 to 5 and 7: 3, 5, 7. What lies within a range need not be there."""
    return re.findall(r"\d+(?:\.\d+)?", list_of_them)


@pytest.mark.parametrize(
    "path", [*CHAPTERS.values(), *LABS.values()], ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_chapters_sections_labs_and_files_exist(path):
    said, missing = text(path), []
    for pattern, there in ((CHAPTER, CHAPTERS), (LAB, LABS)):
        missing += [match[0] for match in pattern.finditer(said) for n in numbers(match[1]) if n not in there]
    for match in SECTION.finditer(said):
        of = CHAPTERS.get(match[1] or match[3] or path.stem[:2])
        if of and not match[4]:
            there = HEADING.findall(text(of))
            missing += [match[0] for n in numbers(match[2]) if n not in there]
    missing += [file for file in FILE.findall(said) if not (ROOT / file).exists()]
    assert not missing


@pytest.mark.parametrize("path", CHAPTERS.values(), ids=CHAPTERS)
def test_what_is_cited_stands_in_the_references_and_the_other_way_round(path):
    said = text(path)
    listed = [line for block in REFERENCES.findall(said) for line in block.split("\n") if ITEM.match(line)]
    cells = nbformat.read(path, as_version=4).cells
    body = "\n".join([REFERENCES.sub("", said), *(cell.source for cell in cells if cell.cell_type == "code")])
    printed = "\n".join(output.get("text", "") for cell in cells for output in cell.get("outputs", ()))
    cited, shown = ({(name.split()[-1], year) for name, year in CITED.findall(where)} for where in (body, printed))
    lacking = {
        f"{name} {year}" for name, year in cited if not any(f" {name}" in line and year in line for line in listed)
    }
    assert not lacking, "cited, and not among the references"
    idle = []
    for line in listed:
        author = re.split(r",| and | et al| \(", ITEM.sub("", line, count=1), maxsplit=1)[0].split()[-1]
        years = re.findall(r"\([^()]*?\b((?:19|20)\d\d)", line)
        if not any((author, year) in cited | shown for year in years) and f"[{ITEM.match(line)[1]}]" not in body:
            idle.append(line)
    assert not idle, "among the references, and not cited"
