"""`run` on four tiny chapters: one passes, one raises, one kills its kernel, one exits before its end."""

import io
import re
import sys
from contextlib import redirect_stderr, redirect_stdout

import nbformat
import pytest
from nbformat import v4

import lecturekit
from lecturekit.course import profiles
from lecturekit.course.cli import main
from lecturekit.course.run import prepare

FIGURE = """
from IPython.display import display
display({"image/png": "iVBORw0KGgo="}, raw=True, metadata={"image/png": {"alt": 'a "kinked" line'}})
"""
CHAPTERS = {
    "01-good": [
        v4.new_markdown_cell("# Title\n\n$\\log p(x)$"),
        v4.new_code_cell("epochs = 10\nsizes = (2, 3)", metadata={"tags": ["parameters"]}),
        v4.new_code_cell("import os, sys, lecturekit\nprint(sys.executable, lecturekit.__file__)"),
        v4.new_code_cell("print(epochs, sizes, os.listdir('.'))"),
        v4.new_code_cell(FIGURE),
    ],
    "02-bad": [v4.new_code_cell("a = 1"), v4.new_code_cell("raise ValueError('no good')")],
    "03-dead": [v4.new_code_cell("import os\nos._exit(3)")],
    "04-early": [v4.new_code_cell("import sys\nsys.exit(0)"), v4.new_code_cell("assert 1 == 2")],
}
PROFILES = '["01-good".smoke]\nepochs = 1\nsizes = [4, 5]\nseconds = 7\n["02-bad".smoke]\n["03-dead".smoke]\n["04-early".smoke]\n'


@pytest.fixture(scope="module")
def chapters(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chapters")
    for name, cells in CHAPTERS.items():
        nbformat.write(v4.new_notebook(cells=cells), folder / f"{name}.ipynb")
    (folder / "profiles.toml").write_text(PROFILES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(profiles, "CHAPTERS", folder)
        yield folder


@pytest.fixture(scope="module")
def done(chapters, tmp_path_factory):
    """(exit status, folder of pages, stdout, stderr) of one run under smoke."""
    pages, out, err = tmp_path_factory.mktemp("pages"), io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main(["run", "--profile", "smoke", "--out", str(pages)])
    return status, pages, out.getvalue(), err.getvalue()


def text(path):
    cells = nbformat.read(path, as_version=4).cells
    return "".join(o.get("text", "") for cell in cells for o in cell.get("outputs", []))


def test_the_table_tells_all_chapters_and_the_status_tells_a_failure(done):
    status, _, out, _ = done
    rows = [line.split() for line in out[out.index("chapter ") :].splitlines()[1:5]]
    assert [(row[0], row[2], row[3]) for row in rows] == [
        ("01-good", "7", "passed"),
        ("02-bad", "-", "FAILED"),
        ("03-dead", "-", "FAILED"),
        ("04-early", "-", "FAILED"),
    ]
    assert status == 1


def test_a_failing_cell_is_shown_with_chapter_number_and_error(done):
    err = done[3]
    assert "02-bad, cell [2] failed" in err and "ValueError: no good" in err
    assert "03-dead, DeadKernelError" in err
    assert "04-early, it ended before its end" in err and "assert 1 == 2" in err
    assert "\x1b" not in err


def test_every_chapter_leaves_its_notebook_and_its_page(done):
    names = {path.name for path in done[1].iterdir()}
    assert names == {f"{name}.{kind}" for name in CHAPTERS for kind in ("ipynb", "html")} | {"mathjax"}
    assert "no good" in (done[1] / "02-bad.html").read_text(encoding="utf-8")


def test_a_chapter_runs_in_its_folder_with_its_profile_on_this_python_and_package(done):
    printed = text(done[1] / "01-good.ipynb")
    assert f"{sys.executable} {lecturekit.__file__}" in printed
    assert "1 (4, 5) [" in printed and "profiles.toml" in printed


def test_a_page_loads_nothing_from_a_network_and_serves_light_and_dark(done):
    page = (done[1] / "01-good.html").read_text(encoding="utf-8")
    loads = re.findall(r"""<(?:script|link|img|iframe)[^>]*?(?:src|href)=["']([^"']*)""", page)
    loads += re.findall(r"""(?:import|url)\(["']?((?:https?:)?//[^"')]*)""", page)
    local = [load.split("?")[0] for load in loads if not load.startswith("data:")]
    assert local == ["mathjax/MathJax.js"]
    assert all(
        (done[1] / "mathjax" / part).exists()
        for part in ("MathJax.js", "config/TeX-AMS-MML_HTMLorMML-full.js", "fonts/HTML-CSS/STIX-Web")
    )
    assert 'media="(prefers-color-scheme: dark)"' in page
    assert "a &quot;kinked&quot; line" in page or """alt='a "kinked" line'""" in page


def test_nothing_to_run_is_an_error_of_its_own(chapters, capsys):
    assert main(["run", "--profile", "smoke", "--chapters", "9*"]) == 2
    assert "no chapter matches '9*'" in capsys.readouterr().err
    first = profiles.select()[0].stem[:2]
    assert main(["run", "--profile", "smoke", "--chapters", first]) == 2
    assert f"no chapter matches '{first}' (did you mean '{first}*'?)" in capsys.readouterr().err
    assert main(["run", "--profile", "smoke", "--out", __file__]) == 2
    assert f"cannot write into {__file__}" in capsys.readouterr().err


def test_prepared_chapters_have_the_smoke_values_and_keep_their_outputs(chapters, tmp_path):
    kept = v4.new_output("stream", name="stdout", text="kept\n")
    notebook = nbformat.read(chapters / "01-good.ipynb", as_version=4)
    notebook.cells[2].outputs = [kept]
    nbformat.write(notebook, chapters / "01-good.ipynb")
    paths = prepare(tmp_path / "smoke")
    assert [path.stem for path in paths] == list(CHAPTERS)
    cells = nbformat.read(paths[0], as_version=4).cells
    assert "epochs = 1" in cells[2].source.splitlines()
    assert cells[2].metadata.tags == ["injected-parameters"] and cells[3].outputs == [kept]
