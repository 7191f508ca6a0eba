"""Which chapters there are, and what a profile changes in them."""

import ast
import difflib
import sys
import tempfile
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import nbformat

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CHECKOUT = Path(__file__).resolve().parents[2]
# Installed without a checkout, the package has of it what chapters read, in the same places: see pyproject.toml.
ROOT = CHECKOUT if (CHECKOUT / "pyproject.toml").is_file() else Path(__file__).parent / "files"
CHAPTERS = ROOT / "chapters"
PROFILES = ("smoke", "laptop", "gpu")


class CourseError(Exception):
    """A request that cannot be met; the message says why and what to do, and is all that is printed."""


def writable(folder: Path, option: str, *files: Path) -> Path:
    """The folder, made if need be; CourseError where nothing can be written into it, or one of the files cannot be."""
    try:
        folder = folder.expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
        for file in files:
            if file.exists():
                file.open("a").close()
    except (OSError, ValueError) as error:
        raise CourseError(f"cannot write into {folder} ({error}); choose another folder by {option}") from None
    return folder


def select(pattern: str = "*") -> list[Path]:
    """The chapters, in order, whose name without `.ipynb` matches a pattern such as `21*`."""
    every = sorted(CHAPTERS.glob("[0-9]*.ipynb"))
    if not every:
        raise CourseError(f"{CHAPTERS} has no chapters (files named like 21-name.ipynb)")
    chosen = [path for path in every if fnmatch(path.stem, pattern)]
    if not chosen:
        hint = f" (did you mean '{pattern}*'?)" if any(fnmatch(p.stem, f"{pattern}*") for p in every) else ""
        raise CourseError(f"no chapter matches {pattern!r}{hint}; there are:\n  " + "\n  ".join(p.stem for p in every))
    return chosen


def parameters(chapter: Path) -> dict[str, Any]:
    """Names assigned in the cell tagged "parameters", and their values where these are plain; empty without such a cell.

    Raises CourseError for one that is computed from another: a profile that changes this one would not change that one.
    """
    found: dict[str, Any] = {}
    try:
        cells = nbformat.read(chapter, as_version=4).cells
        tagged = [c for c in cells if c.cell_type == "code" and "parameters" in c.metadata.get("tags", ())]
        lines = [node for cell in tagged for node in ast.parse(cell.source).body]
    except Exception as error:  # noqa: BLE001 - a file may hold anything
        raise CourseError(f"{chapter} is not a notebook that can be read: {error}") from None
    for line in lines:
        names = [node for node in ast.walk(line) if isinstance(node, ast.Name)]
        for used in (node.id for node in names if isinstance(node.ctx, ast.Load) and node.id in found):
            raise CourseError(
                f"{chapter.name}: the parameters cell computes with {used!r} in line {line.lineno}, {ast.unparse(line)}: "
                "a profile that changes the one would not change the other; compute it in the next cell"
            )
        stored = [node.id for node in names if isinstance(node.ctx, ast.Store)]
        try:
            found |= {stored[0]: ast.literal_eval(line.value)} if len(stored) == 1 else dict.fromkeys(stored)
        except (AttributeError, IndexError, ValueError):
            found |= dict.fromkeys(stored)
    return found


def read_toml(file: Path, purpose: str) -> dict[str, Any]:
    """A TOML file's table; CourseError for a file that is absent ("it <purpose>") or no TOML."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CourseError(f"{file} does not exist; it {purpose}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CourseError(f"{file} is not valid TOML: {error}") from None


def seconds(name: str, profile: str) -> float | None:
    """How long a chapter takes under a profile, as chapters/profiles.toml says; the chapter itself need not be there."""
    table = read_toml(CHAPTERS / "profiles.toml", "says what each profile changes in a chapter")
    return table.get(name, {}).get(profile, {}).get("seconds")


def overrides(chapter: Path, profile: str) -> tuple[dict[str, Any], float | None]:
    """(values for the chapter's parameters, expected seconds or None) from the profiles.toml beside it.

    Raises CourseError for a chapter, profile or parameter that does not exist, naming what does.
    """
    file = chapter.parent / "profiles.toml"
    table = read_toml(file, "says what each profile changes in a chapter")
    if profile not in PROFILES:
        raise CourseError(f"unknown profile {profile!r}; there are {', '.join(PROFILES)}")
    if chapter.stem not in table:
        raise CourseError(f'{file} has no section for this chapter: add ["{chapter.stem}".smoke]')
    section = table[chapter.stem]
    if not isinstance(section, dict) or not all(isinstance(values, dict) for values in section.values()):
        raise CourseError(f'{file}: what a profile changes is a table: ["{chapter.stem}".smoke]')
    if unknown := set(section) - set(PROFILES):
        raise CourseError(f"{file}, {chapter.stem}: unknown profile {unknown.pop()!r}; there are {', '.join(PROFILES)}")
    if profile not in section and profile != "laptop":
        raise CourseError(f'{file}: {chapter.stem} has no profile {profile!r}: add ["{chapter.stem}".{profile}]')
    values = dict(section.get(profile, {}))
    seconds = values.pop("seconds", None)
    if seconds is not None and (not isinstance(seconds, int | float) or not 0 < seconds < float("inf")):
        raise CourseError(f"{file}: {chapter.stem}.{profile}: seconds must be a number above 0, not {seconds!r}")
    if profile == "laptop" and values:
        raise CourseError(
            f"{file}: laptop is the notebook as it stands; put {', '.join(values)} into the parameters cell "
            f"of {chapter.name}"
        )
    known = parameters(chapter)
    for name, value in values.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"it declares {sorted(known) or 'none'}"
            raise CourseError(f"{file}: {chapter.stem}.{profile} sets {name!r}, which is no parameter there; {hint}")
        if isinstance(known[name], tuple) and isinstance(value, list):  # TOML has no tuples
            values[name] = tuple(value)
    return values, seconds
