"""What `make test` and continuous integration run."""

import re
import subprocess
import sys
import time

from lecturekit.course.notebooks import environment
from lecturekit.course.profiles import ROOT, CourseError
from lecturekit.course.run import ANSI, prepare

RUFF = [sys.executable, "-m", "ruff"]
LINT_IMPORTS = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()"]
PYTEST = [sys.executable, "-m", "pytest", "-q", "-n", "2"]
PLAIN = [*PYTEST, "-p", "no:nbval"]  # which is slow to load
# One notebook is one kernel, so its cells must stay on one worker, in order.
NBVAL = [*PYTEST, "--dist", "loadfile", "--nbval-lax", "--nbval-current-env"]
PAGES = ["tests/course/test_book.py", "tests/browser"]
COUNTS = re.compile(r"\d+ (passed|failed|error|skipped)")

STEPS = {
    "lint": lambda: [[*RUFF, "check"], [*RUFF, "format", "--check"]],
    "imports": lambda: [LINT_IMPORTS],
    # With the examples in the docstrings. A worker that has nothing left takes over what another has not begun.
    "unit": lambda: [
        [
            *PLAIN,
            "--dist",
            "worksteal",
            *(f"--ignore={path}" for path in PAGES),
            "--doctest-modules",
            "tests",
            "lecturekit",
        ]
    ],
    "chapters": lambda: [[*NBVAL, *(str(path.relative_to(ROOT)) for path in prepare())]],
    # The book on one worker, JupyterLab on the other. Without a Chromium some are skipped, and -rs says so.
    "pages": lambda: [[*PLAIN, "--dist", "loadfile", "-rs", *PAGES]],
}


def _run(command: list[str]) -> tuple[bool, str]:
    """(did it succeed, pytest's last line of counts if it printed one); output goes through as it comes."""
    print("$", *("python" if part == sys.executable else part for part in command), flush=True)
    counts = ""
    env = environment(OMP_NUM_THREADS="1")  # two workers on two cores must not fight for them
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
    with subprocess.Popen(command, cwd=ROOT, env=env, **pipes) as process:
        for raw in process.stdout:
            line = ANSI.sub("", raw)  # nbval colours even a log file
            print(line, end="", flush=True)
            counts = line.strip() if COUNTS.search(line) else counts
    return process.returncode == 0, counts


def test(only: list[str] | None = None) -> bool:
    """Run the named steps, all by default, to the end whatever fails; print a summary; True if all passed."""
    if unknown := set(only or ()) - set(STEPS):
        raise CourseError(f"no step is called {unknown.pop()!r}; there are {', '.join(STEPS)}")
    summary, passed = [], True
    for name in only or STEPS:
        print(f"\n== {name}", flush=True)
        start = time.perf_counter()
        try:
            outcomes = [_run(command) for command in STEPS[name]()]
        except CourseError as error:
            print(error)
            outcomes = [(False, "")]
        good = all(ok for ok, _ in outcomes)
        passed &= good
        counts = "".join(text for _, text in outcomes)
        seconds = time.perf_counter() - start
        summary.append(f"{name:<9} {seconds:7.1f} s  {'passed' if good else 'FAILED'}  {counts}".rstrip())
    print("\n== summary", *summary, sep="\n")
    return passed
