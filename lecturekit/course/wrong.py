"""Wrong formulas, in one language: a correct text, one small edit, and who must notice.

    # %% kl-sign: the KL term is rewarded | tests/test_vae.py
    - (kl - reconstruction).mean()
    + (-kl - reconstruction).mean()

Wrong formulas of the package (tests/mutants/<module>.txt) and wrong answers to a lab (labs/wrong/<lab>.txt) are both
written so. The old text occurs exactly once in the correct one. It is a part of a line, or several whole lines, whose common
indentation does not count. A block may have several edits. Without an edit its lines are a whole new text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from lecturekit.course.profiles import CourseError

HEAD = re.compile(r"^# %% *(?P<title>.*) \| *(?P<rest>[^|\n]*?) *$", re.MULTILINE)


def percent(path: Path) -> Iterator[tuple[str, str, str]]:
    """(title, rest, body) of each cell `# %% title | rest` of a file; what stands above the first is a comment."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CourseError(f"{path} is not UTF-8 text: {error}") from None
    heads = list(HEAD.finditer(text))
    if len(heads) != len(re.findall(r"^# %%", text, re.MULTILINE)):
        raise CourseError(f"{path}: each cell begins with a line '# %% ... | ...'")
    ends = [head.start() for head in heads[1:]] + [len(text)]
    for head, end in zip(heads, ends):
        yield head["title"], head["rest"], text[head.end() : end].strip("\n") + "\n"


@dataclass(frozen=True)
class Wrong:
    """A block. where: its file's name and its own, file:name. noticed: who must notice. body: edits, or a whole text."""

    where: str
    what: str
    noticed: tuple[str, ...]
    body: str

    @property
    def whole(self) -> bool:
        """Whether the body is a whole new text."""
        return self.body[0] not in "-+"

    def edits(self) -> Iterator[tuple[list[str], list[str]]]:
        """(old lines, new lines) of each edit."""
        lines = self.body.splitlines()
        if any(line[:1] not in ("-", "+") or line[1:2].strip() for line in lines):
            raise CourseError(f"{self.where}: each line of an edit begins with '- ' or '+ '")
        old: list[str] = []
        for sign, some in groupby(lines, lambda line: line[0]):
            some = [line[2:] for line in some]
            if sign == "-":
                if old:
                    yield old, []
                old = some
            elif not old:
                raise CourseError(f"{self.where}: an edit begins with the old text, '- '")
            else:
                yield old, some
                old = []
        if old:
            yield old, []

    def applied(self, text: str) -> str:
        """The text with all edits made; CourseError for an old text that does not occur exactly once."""
        for old, new in self.edits():
            if len(old) == 1:
                pattern = r"(?P<before>^[ ]*)?" + re.escape(old[0])
            else:
                pattern = r"^(?P<before>[ ]*)" + re.escape(old[0])
                pattern += "".join(rf"\n(?P=before){re.escape(line)}" if line else "\n" for line in old[1:]) + "$"
            found = list(re.finditer(pattern, text, re.MULTILINE))
            if len(found) != 1:
                raise CourseError(f"{self.where}: the old text occurs {len(found)} times, not once: {old[0].strip()!r}")
            (start, end), before = found[0].span(), found[0]["before"] or ""
            indent = re.match(" *", text[text.rfind("\n", 0, start) + 1 :])[0] if len(old) == 1 else before
            put = before + new[0] if new else ""
            put += "".join(f"\n{indent}{line}" if line else "\n" for line in new[1:])
            first, last = text.rfind("\n", 0, start) + 1, text.find("\n", end) % (len(text) + 1)
            if not new and not (text[first:start] + text[end:last]).strip():  # nothing is left of the line
                start, end = first, min(last + 1, len(text))
            text = text[:start] + put + text[end:]
        return text


def read(path: Path) -> list[Wrong]:
    """The blocks of a file; CourseError for one without a name, a text, or somebody who must notice, or a name used twice."""
    found = {}
    for title, rest, body in percent(path):
        name, _, what = (part.strip() for part in title.partition(":"))
        where = f"{path.stem}:{name}"
        if not (name and what and rest and body.strip()):
            raise CourseError(f"{where}: '# %% name: what is wrong | who must notice', and below it the edit")
        if where in found:
            raise CourseError(f"{where} stands there twice")
        found[where] = Wrong(where, what, tuple(re.split(r"[, ]+", rest)), body)
    return list(found.values())
