"""Chapters executed headless, pages that need no network, and a table of how it went."""

import logging
import re
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jupyter_server_mathjax
import nbformat
import papermill
from nbconvert import HTMLExporter
from papermill.translators import PythonTranslator, papermill_translators
from traitlets.config import Config

from lecturekit.course.notebooks import clean, own_kernel, stamp, tidy, unexecuted
from lecturekit.course.profiles import ROOT, overrides, select, writable

PYTHON = {"kernel_name": "python3", "language": "python"}  # whatever the notebook says of itself
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Translator(PythonTranslator):
    """Papermill's, which makes a string of a tuple."""

    @classmethod
    def translate(cls, val):
        return repr(val) if isinstance(val, tuple) else super().translate(val)


papermill_translators.register("python", Translator)


@dataclass(frozen=True)
class Result:
    name: str
    seconds: float
    expected: float | None
    passed: bool


def table(results: list[Result]) -> str:
    """Chapter, seconds, the seconds its profile expects, and passed or FAILED: one line each."""
    width = max(len("chapter"), *(len(r.name) for r in results))
    lines = [f"{'chapter':<{width}}  seconds  expected  result"]
    for r in results:
        expected = "-" if r.expected is None else f"{r.expected:.0f}"
        lines.append(f"{r.name:<{width}}  {r.seconds:7.1f}  {expected:>8}  {'passed' if r.passed else 'FAILED'}")
    return "\n".join(lines)


def execute(chapter: Path, executed: Path, values: dict, expected: float | None = None) -> Result:
    """Run one chapter in its own folder into the file `executed`, which is kept, tidied, if it fails too."""
    executed.parent.mkdir(parents=True, exist_ok=True)
    executed.unlink(missing_ok=True)
    print(chapter.stem + (f" (about {expected:.0f} s)" if expected else ""), flush=True)
    bar = {"desc": chapter.stem, "leave": False, "disable": None}  # None: no bar into a log file
    how = {**PYTHON, "cwd": str(chapter.parent), "progress_bar": bar}
    start, error = time.perf_counter(), ""
    try:
        papermill.execute_notebook(str(chapter), str(executed), values, **how)
    except papermill.PapermillExecutionError as failure:
        trace = "\n".join(failure.traceback) or f"{failure.ename}: {failure.evalue}"
        error = f"cell [{failure.exec_count}] failed:\n{trace}"
    except Exception as failure:  # noqa: BLE001 - a kernel that died; the other chapters can still run
        error = f"{type(failure).__name__}: {failure}"
    seconds = time.perf_counter() - start
    if not error and (idle := unexecuted(nbformat.read(executed, as_version=4))):
        error = f"it ended before its end, without an error; the first cell that did not run:\n{idle[0].source}"
    if error:
        error = ANSI.sub("", error).rstrip().replace("\n", "\n    ")
        print(f"\nFAILED: {chapter.stem}, {error}\n", file=sys.stderr, flush=True)
    if executed.exists():
        nbformat.write(tidy(nbformat.read(executed, as_version=4)), executed)
    return Result(chapter.stem, seconds, expected, not error)


def write_page(executed: Path) -> None:
    """`<chapter>.html` beside the executed notebook and the folder `mathjax`."""
    exporter = HTMLExporter(
        template_name="template",
        extra_template_basedirs=[str(Path(__file__).parent)],
        mathjax_url="mathjax/MathJax.js?config=TeX-AMS-MML_HTMLorMML-full,Safe",
        config=Config(TagRemovePreprocessor={"enabled": True, "remove_cell_tags": ["remove-cell"]}),
    )
    exporter.log.setLevel(logging.ERROR)
    page, _ = exporter.from_filename(str(executed))
    executed.with_suffix(".html").write_text(page, encoding="utf-8")


def _each(profile: str, pattern: str, out: Path, finish: Callable[[Result, Path, Path], None]) -> bool:
    """Execute the chapters that match, call finish(result, chapter, executed) on each, print the table."""
    # Whatever is wrong with a profile is said before anything runs.
    jobs = [(chapter, *overrides(chapter, profile)) for chapter in select(pattern)]
    results = []
    with own_kernel():
        for chapter, values, expected in jobs:
            executed = out.resolve() / chapter.name
            results.append(execute(chapter, executed, values, expected))
            if executed.exists():
                finish(results[-1], chapter, executed)
    print("\n" + table(results))
    return all(r.passed for r in results)


def run(profile: str = "laptop", pattern: str = "*", out: Path = ROOT / "build" / "course") -> bool:
    """Execute the chapters that match into pages under `out`; True if all passed."""
    out = writable(out, "--out")
    mathjax = Path(jupyter_server_mathjax.__file__).parent / "static"
    shutil.copytree(mathjax, out / "mathjax", dirs_exist_ok=True)
    passed = _each(profile, pattern, out, lambda result, chapter, executed: write_page(executed))
    print(f"\nPages: {out}")
    return passed


def refresh(pattern: str = "*") -> bool:
    """Execute chapters as they stand and write back, clean, those that pass; True if all passed."""

    def write_back(result: Result, chapter: Path, executed: Path) -> None:
        if result.passed:
            nbformat.write(stamp(clean(nbformat.read(executed, as_version=4))), chapter)

    return _each("laptop", pattern, ROOT / "build" / "refresh", write_back)


def prepare(out: Path = ROOT / "build" / "smoke") -> list[Path]:
    """Copies of the chapters for nbval: with the smoke profile's parameters and the committed outputs."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    for chapter in select():
        values, _ = overrides(chapter, "smoke")
        papermill.execute_notebook(str(chapter), str(out / chapter.name), values, **PYTHON, prepare_only=True)
    return sorted(out.glob("*.ipynb"))
