"""Chapters are committed executed and clean: `python -m lecturekit refresh` makes them so."""

import copy
import json
import re

import nbformat
import pytest

from lecturekit.course import profiles
from lecturekit.course.notebooks import INSTALL, clean, digest

CHAPTERS = sorted(profiles.CHAPTERS.glob("*.ipynb"))
LABS = sorted(profiles.ROOT.glob("labs/*/*/*.ipynb"))
MACHINE = re.compile(r"/(?:home|root|Users|tmp)/|\b[A-Z]:\\|site-packages|\bat 0x[0-9a-f]{6,}")
LIMIT = 2.5e6  # bytes; a course of thirty chapters must still be cloned in seconds

each = pytest.mark.parametrize("path", CHAPTERS, ids=[path.stem for path in CHAPTERS])


def code(path):
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code" and c.source.strip()]


def outputs(path):
    return [output for cell in code(path) for output in cell.outputs]


def test_chapters_and_profiles_name_each_other():
    table = profiles.tomllib.loads((profiles.CHAPTERS / "profiles.toml").read_text(encoding="utf-8"))
    assert set(table) == {path.stem for path in CHAPTERS} == {path.stem for path in profiles.select()}


@each
def test_profiles_fit_the_chapter(path):
    section = profiles.tomllib.loads((profiles.CHAPTERS / "profiles.toml").read_text(encoding="utf-8"))[path.stem]
    for profile in {"smoke", "laptop", *section}:
        profiles.overrides(path, profile)


@each
def test_outputs_are_of_the_code_beside_them(path):
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata.lecturekit.executed == digest(notebook), f"make refresh CHAPTERS='{path.stem[:2]}*'"


@each
def test_tags_mean_what_every_tool_takes_them_for(path):
    for cell in code(path):
        tags = cell.metadata.get("tags", ())
        assert "raises-exception" not in tags, f"provoke a failure by try and except:\n{cell.source}"
        if (
            "nbval-check-output" in tags
        ):  # nbval sees no output behind a semicolon, and never twice the same live display
            assert not cell.source.rstrip().endswith(";") and not re.search(r"\bLive\(|\bdisplay\(", cell.source)


@each
def test_executed_once_from_top_to_bottom(path):
    assert [cell.execution_count for cell in code(path)] == list(range(1, len(code(path)) + 1))


@pytest.mark.parametrize("path", CHAPTERS + LABS, ids=[path.stem for path in CHAPTERS + LABS])
def test_the_first_cell_installs_what_is_missing(path):
    first = code(path)[0]
    assert first.source == INSTALL and "remove-cell" in first.metadata.tags and not first.outputs


@each
def test_nothing_of_the_run_is_left(path):
    notebook = nbformat.read(path, as_version=4)
    assert clean(copy.deepcopy(notebook)) == notebook
    assert path.stat().st_size < LIMIT


@each
def test_no_errors_no_warnings(path):
    bad = [o for o in outputs(path) if o.output_type == "error" or o.get("name") == "stderr"]
    assert bad == []


@each
def test_no_trace_of_a_machine(path):
    texts = [cell.source for cell in nbformat.read(path, as_version=4).cells]
    texts += [output.get("text", "") for output in outputs(path)]
    for output in outputs(path):
        texts += [json.dumps(v) for kind, v in output.get("data", {}).items() if not kind.startswith("image/")]
    found = [match[0] for text in texts if (match := MACHINE.search(text))]
    assert found == []


@each
def test_one_cell_of_parameters(path):
    assert sum("parameters" in cell.metadata.get("tags", ()) for cell in code(path)) == 1


@each
def test_every_picture_is_described(path):
    for output in outputs(path):
        if "image/png" in output.get("data", {}):
            assert output.metadata.get("image/png", {}).get("alt"), "a figure without alt text: show it with show.put"
