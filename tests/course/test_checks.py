"""`test` runs every step to its end, and a step that cannot run is a failure."""

import sys

import pytest

from lecturekit.course import checks
from lecturekit.course.profiles import CourseError


def python(code):
    return [sys.executable, "-c", code]


def test_a_failure_does_not_stop_the_rest_and_the_summary_repeats_the_counts(monkeypatch, capfd):
    steps = {
        "first": lambda: [python("print('3 passed in 0.1s')"), python("raise SystemExit(1)")],
        "tool": lambda: [[sys.executable, "-m", "no_such_tool"]],
        "last": lambda: [python("print('\\x1b[31m7 passed\\x1b[0m in 0.1s')")],
    }
    monkeypatch.setattr(checks, "STEPS", steps)
    assert not checks.test()
    summary = capfd.readouterr().out.split("== summary\n")[1].splitlines()
    assert [(line.split()[0], line.split()[3]) for line in summary] == [
        ("first", "FAILED"),
        ("tool", "FAILED"),
        ("last", "passed"),
    ]
    assert summary[0].endswith("3 passed in 0.1s") and summary[2].endswith("7 passed in 0.1s")


def test_only_the_named_steps_run(monkeypatch, capfd):
    steps = {"a": lambda: [python("print('ran', 'a')")], "b": lambda: [python("print('ran', 'b')")]}
    monkeypatch.setattr(checks, "STEPS", steps)
    assert checks.test(["b"])
    out = capfd.readouterr().out
    assert "ran b" in out and "ran a" not in out
    with pytest.raises(CourseError, match="no step is called 'c'; there are a, b"):
        checks.test(["c"])
