"""What rules can say about the English of chapters and labs: proselint, and the course's own list. Advice, no test."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import nbformat

from lecturekit.course import labs
from lecturekit.course.profiles import CourseError, select

# Formulas and code are no English: a name takes their place, and lines keep their numbers.
NO_ENGLISH = re.compile(r"```.*?```|\$\$.*?\$\$|\$[^$\n]+\$|`[^`\n]*`|<[^>\n]+>|\bet al\.", re.DOTALL)
# House rules: what readers stumbled on, and what to say.
HOUSE = {
    r"at one go": "at once",
    r"as many(?! as)\b": "equally many, or: as many as ...",
    r"leav\w+ \w+ away": "leave out",
    r"whence|whither": "where ... from, where to",
    r"(?<!Deep)(?<!Deep )dream(?:s|ed|t)?\b": "sample of the model",
    r"forgers?\b": "generator",
    r"passes? over (?:the|all) (?:data|digits|images)": "epoch",
    r"in the run shown here": "once, at the chapter's beginning, what is shown",
    r"(?:is|are) free\b": "can be chosen",
    r"clearly|obviously|of course": "nothing, or the reason",
}
SPARED = ("typography", "weasel_words")  # of proselint's: curly quotes, and opinions


def prose(pattern: str = "*") -> bool:
    """Print what proselint and the house rules say of the chapters that match, and of their labs; True if nothing."""
    if find_spec("proselint") is None:
        raise CourseError("proselint is not installed: pip install proselint")
    chapters = select(pattern)
    numbers = {path.stem[:2] for path in chapters}
    solutions = [labs.LABS / "solutions" / lab / f"{lab}.ipynb" for lab in labs.select() if lab[:2] in numbers]
    found = 0
    with tempfile.TemporaryDirectory() as folder:
        for file in [*chapters, *solutions]:
            cells = nbformat.read(file, as_version=4).cells
            said = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
            names = (f"x{number}" for number in count())
            bare = NO_ENGLISH.sub(lambda match: next(names) + "\n" * match[0].count("\n"), said)  # noqa: B023
            for line, message in sorted([*house(bare), *_proselint(bare, Path(folder) / "text.md")]):
                print(f"{file.stem}: {message}\n    {bare.splitlines()[line - 1].strip()[:110]}")
                found += 1
    print(f"{found} remarks")
    return not found


def house(text: str) -> Iterator[tuple[int, str]]:
    """(line, message) where a text has what the house rules name."""
    for rule, instead in HOUSE.items():
        for match in re.finditer(rf"\b(?:{rule})", text, re.IGNORECASE):
            yield text.count("\n", 0, match.start()) + 1, f"{match[0]!r}: rather {instead}"


def _proselint(text: str, file: Path) -> Iterator[tuple[int, str]]:
    file.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "proselint", "check", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for number, message in re.findall(r"^\S+\.md:(\d+):\d+: (.+)$", done.stdout, re.MULTILINE):
        if not message.startswith(SPARED):
            yield int(number), message
