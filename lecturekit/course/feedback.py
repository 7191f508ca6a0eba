"""The page that a student gets back: points and reasons on top, the executed notebook below. It works without a network."""

import html
import logging
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter
from nbformat import NotebookNode, v4

from lecturekit.course.labs import marked

MATHJAX = "mathjax/MathJax.js?config=TeX-AMS-MML_HTMLorMML-full,Safe"


def page(executed: NotebookNode, job: dict, points: dict[str, float], notes: dict[str, str]) -> str:
    """HTML. job: "lab", "student", "out_of": {task: points}, and "release", the students' version, if hidden and private tests are
    not to be shown."""
    cells = [cell for cell in executed.cells]
    if job["release"]:
        released = {marked(cell, "grade_id"): cell.source for cell in nbformat.read(job["release"], 4).cells}
        cells = [cell for cell in cells if "-private-" not in (marked(cell, "grade_id") or "")]
        for cell in (cell for cell in cells if marked(cell, "locked") and cell.cell_type == "code"):
            cell.source = released.get(marked(cell, "grade_id"), cell.source)
            for output in (output for output in cell.outputs if output.output_type == "error"):
                output.traceback = [f"{output.ename}: {output.evalue}"]  # the rest quotes the test
    rows = [f"# {job['lab']}: {html.escape(job['student'])}", "", "| task | points | of | |", "|---|---|---|---|"]
    for task, value in points.items():
        said = html.escape(notes.get(task, "")).replace("|", "\\|").replace("\n", " ")
        rows.append(f"| {task} | {value:g} | {job['out_of'][task]:g} | {said} |")
    rows.append(f"| **together** | **{sum(points.values()):g}** | **{sum(job['out_of'].values()):g}** | |")
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell("\n".join(rows)), *cells], metadata=executed.metadata)
    notebook.metadata["title"] = f"{job['lab']}: {job['student']}"
    # what a student's code displays could be a script, and the page is opened in an instructor's browser
    exporter = HTMLExporter(
        template_name="template",
        extra_template_basedirs=[str(Path(__file__).parent)],
        mathjax_url=MATHJAX,
        sanitize_html=True,
    )
    exporter.log.setLevel(logging.ERROR)
    return exporter.from_notebook_node(notebook)[0]
