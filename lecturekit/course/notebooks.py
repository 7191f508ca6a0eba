"""Notebooks as files: in which kernel they run, and what is kept of a run."""

import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

from ipykernel.kernelspec import write_kernel_spec
from nbformat import NotebookNode
from nbformat.v4 import new_output

from lecturekit.course.profiles import ROOT

WIDGET = "application/vnd.jupyter.widget-view+json"
WIDGET_NOTE = "*A widget stands here: open the chapter with `make lab` and run this cell to use it.*"
BAR = re.compile(r"\[(\d+:)?\d\d:\d\d[<,].*\]\s*$")  # the end of a tqdm bar: [00:12<00:03, 8.1it/s]
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {"name": "python", "pygments_lexer": "ipython3"}
# The first code cell of every chapter and lab; pages leave it out.
INSTALL = """\
# Where the course is installed, this does nothing. Elsewhere (Colab, Kaggle, a bare environment) it installs
# what is missing: from the wheel beside this notebook, or from where LECTUREKIT says.
from glob import glob
from importlib.util import find_spec
from os import environ

if not all(map(find_spec, ("lecturekit", "ipywidgets", "mlxtend", "scipy", "skimage"))):
    wheels = sorted(glob("lecturekit-*.whl") + glob("/kaggle/input/*/lecturekit-*.whl"))
    course = environ.get("LECTUREKIT") or "".join(f"{wheel}[course]" for wheel in wheels[-1:])
    assert course, "the course is not installed: put its wheel (.whl) beside this notebook"
    get_ipython().run_line_magic("pip", f'install --quiet "{course}"')
""".strip()
VOLATILE = ("papermill", "execution", "ExecuteTime", "collapsed", "scrolled", "trusted", "widgets")


def environment(**extra: str) -> dict[str, str]:
    """Environment in which a kernel imports the package that is running now, and its waiting threads soon sleep."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {
        "GOMP_SPINCOUNT": "30000",
        **os.environ,
        "PYTHONPATH": path,
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        **extra,
    }


@contextmanager
def own_kernel() -> Iterator[None]:
    """Within, the kernel "python3" is this interpreter: the machine may have another one by that name."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        # A kernel's own log has nothing for the reader: a warning about its local port, a fuss at Ctrl-C.
        quiet = ["--log-level=CRITICAL"]
        write_kernel_spec(os.path.join(folder, "kernels", "python3"), extra_arguments=quiet)
        path = os.pathsep.join(filter(None, [folder, os.environ.get("JUPYTER_PATH")]))
        os.environ.update(environment(JUPYTER_PATH=path))
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def _settle(text: str) -> str:
    """What a terminal shows at the end of text with carriage returns; bars and their leavings are dropped."""
    lines = []
    for line in text.replace("\x1b[A", "").split("\n"):
        parts = [part for part in line.split("\r") if part.strip()]
        shown = parts[-1] if parts else ""
        if not BAR.search(shown) and (shown or "\r" not in line):
            lines.append(shown)
    return "\n".join(lines)


def tidy(notebook: NotebookNode) -> NotebookNode:
    """In place: streams joined and settled, progress bars gone, a widget left as its picture and a note."""
    for key in ("papermill", "widgets"):  # what ran it, and the state of widgets that are pictures now
        notebook.metadata.pop(key, None)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        kept = []
        for output in cell.get("outputs", []):
            last = kept[-1] if kept else {}
            if output.output_type == "stream" and last.get("name") == output.name:
                last.text += output.text
            elif WIDGET not in output.get("data", {}):
                kept.append(output)
            elif not BAR.search(output.data.get("text/plain", "")):
                if "image/png" in output.data:  # the widget as it stood last; the note goes below
                    picture, described = output.data["image/png"], output.get("metadata", {})
                    kept.append(new_output("display_data", {"image/png": picture}, metadata=described))
                kept.append(new_output("display_data", {"text/markdown": WIDGET_NOTE, "text/plain": WIDGET_NOTE}))
        for output in kept:
            if output.output_type == "stream":
                output.text = _settle(output.text)
        if cell.cell_type == "code":
            cell.outputs = [o for o in kept if o.output_type != "stream" or o.text.strip()]
    return notebook


def unexecuted(notebook: NotebookNode) -> list[NotebookNode]:
    """Code cells that did not run though the notebook is done: papermill takes a kernel that was told to exit for an end."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    return [cell for cell in cells if cell.execution_count is None]


def digest(notebook: NotebookNode) -> str:
    """Of the code: what outputs belong to."""
    return sha256(json.dumps([cell.source for cell in notebook.cells if cell.cell_type == "code"]).encode()).hexdigest()


def stamp(notebook: NotebookNode) -> NotebookNode:
    """In place: the notebook says which code its outputs are of, so that a cell that was rewritten since is noticed."""
    notebook.metadata["lecturekit"] = {"executed": digest(notebook)}
    return notebook


def before_saving(path: str, model: dict, contents_manager=None) -> None:
    """Jupyter's pre_save_hook: opening a notebook and saving it leaves the file as it was.

    A kernel tells its version of Python, which would go into the notebook's metadata, and the next pull would be refused.
    """
    metadata = (model.get("content") or {}).get("metadata", {}) if model.get("type") == "notebook" else {}
    if metadata.get("kernelspec", {}).get("name") == KERNELSPEC["name"]:
        metadata |= {"kernelspec": dict(KERNELSPEC), "language_info": dict(LANGUAGE)}


def clean(notebook: NotebookNode) -> NotebookNode:
    """In place: tidied, and without anything that belongs to one run or one machine; what is committed."""
    tidy(notebook)
    notebook.cells = [c for c in notebook.cells if "injected-parameters" not in c.metadata.get("tags", ())]
    for node in (notebook, *notebook.cells):
        for key in VOLATILE:
            node.metadata.pop(key, None)
        if not node.metadata.get("tags", True):
            del node.metadata["tags"]
    notebook.metadata.update(kernelspec=NotebookNode(KERNELSPEC), language_info=NotebookNode(LANGUAGE))
    return notebook
