"""Let nbgrader grade one submission, in a process of its own that forks.py starts: `autograde(job)`.

The job's "folder" is an nbgrader course with a gradebook and the submission; result.json and a page of feedback are left there. The kernel
is forked from this process too, before anything runs in it, so that it need not import torch again; it finds an environment of its own,
in which a submission may install what it likes.
"""

import json
import logging
import os
import random
import re
import sys
import sysconfig
import venv
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import nbformat
from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import Execute
from traitlets.config import PyFileConfigLoader

from lecturekit.course.feedback import page
from lecturekit.course.forks import CAN_FORK, Forked

ENDED = "the kernel ended"


def environment(folder: Path) -> dict[str, str]:
    """Make an environment on top of this one, and say what a process must know to live in it.

    pip installs into it, and uninstalls nothing outside of it.
    """
    venv.EnvBuilder(symlinks=os.name != "nt").create(folder)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / Path(sys.executable).name
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    (site / "below.pth").write_text("\n".join(dict.fromkeys(map(sysconfig.get_path, ("purelib", "platlib")))))
    if os.name != "nt":
        for name in ("pip", "pip3"):
            (scripts / name).write_text(f'#!/bin/sh\nexec "{python}" -m pip "$@"\n')
            (scripts / name).chmod(0o755)
    home = folder / "home"
    home.mkdir()
    path = os.pathsep.join([str(scripts), os.environ.get("PATH", "")])
    return {"PATH": path, "VIRTUAL_ENV": str(folder), "HOME": str(home), "IPYTHONDIR": str(home), "PYTHON": str(python)}


class Kernel(LocalProvisioner):
    """A kernel in a process that was forked before anything else happened, and waits to be told where to connect."""

    waiting: Forked | None = None

    @classmethod
    def prepare(cls) -> None:
        read, cls.order = os.pipe()

        def run() -> None:
            os.close(cls.order)
            with os.fdopen(read) as file:
                order = json.loads(file.read() or "null")
            if order is None:  # nobody needed it
                return
            os.chdir(order["cwd"] or ".")
            os.environ.clear()
            os.environ.update(order["env"])
            prefix = os.environ["VIRTUAL_ENV"]
            sys.prefix = sys.exec_prefix = prefix
            sys.executable = os.environ["PYTHON"]
            sys.path.insert(0, sysconfig.get_path("purelib", vars={"base": prefix, "platbase": prefix}))
            random.seed()
            import_module("numpy").random.seed()
            import_module("ipykernel.kernelapp").launch_new_instance(argv=order["arguments"])

        cls.waiting = Forked(run, dies_with_parent=True)
        os.close(read)

    async def launch_kernel(self, cmd: list[str], **options) -> dict:
        arguments = cmd[cmd.index("ipykernel_launcher") + 1 :]
        with os.fdopen(Kernel.order, "w") as file:
            json.dump({"arguments": arguments, "cwd": options.get("cwd"), "env": options["env"]}, file)
        self.process, self.pid = Kernel.waiting, Kernel.waiting.pid
        self.pgid = self.pid
        return self.connection_info


class Running(Execute):
    """nbgrader's execution, which a submission that ends its kernel does not end: the cells before keep what they earned."""

    ended = ""

    def preprocess_cell(self, cell, resources, index):
        if not self.ended:
            try:
                return super().preprocess_cell(cell, resources, index)
            except DeadKernelError:
                self.ended = f"{ENDED} in this cell or the one before (exit()?)"
            except CellTimeoutError:
                self.ended = f"{ENDED}: a cell did not stop after {self.timeout} s, not even when interrupted"
        if cell.cell_type == "code":  # a test cell without an error would get its points
            cell.outputs = [new_output("error", ename="DeadKernel", evalue=self.ended, traceback=[self.ended])]
        return cell, resources


def error(cell: NotebookNode) -> NotebookNode | None:
    """What went wrong in an executed cell."""
    return next((output for output in cell.get("outputs", ()) if output.output_type == "error"), None)


def reason(cells: list[NotebookNode], at: int, seconds: int) -> str:
    """Why the test in cell `at` failed, in one line; of a name that is missing, why its cell failed to set it."""
    failed = error(cells[at])
    if failed.ename == "NameError" and (name := re.search(r"'(\w+)'", failed.evalue)):
        before = [cell for cell in cells[:at] if cell.cell_type == "code"]
        named = [cell for cell in before if re.search(rf"\b{name[1]}\b", cell.source)]
        # or else the one before the test, where an answer stands (another test, if the answer was deleted)
        answer = [cell for cell in before[-1:] if not cell.metadata.get("nbgrader", {}).get("grade")]
        for cell in named + answer:
            if error(cell):
                line = re.search(r"line (\d+)", error(cell).evalue)
                where = f" in line {line[1]}" if line else ""
                return f"{name[1]} is missing, because its cell failed{where}: {cause(cell, seconds)}"
    return cause(cells[at], seconds)


def cause(cell: NotebookNode, seconds: int) -> str:
    """What a cell failed by, in one line."""
    failed = error(cell)
    said = failed.evalue.strip().split("\n")[0]
    if any(output.get("ename") == "CellTimeoutError" for output in cell.outputs):
        return f"stopped after {seconds} s: an endless loop?"
    return said if failed.ename in ("AssertionError", "DeadKernel") else f"{failed.ename}: {said}".strip(": ")


def autograde(job: dict) -> int:
    """Grade the submission to job["lab"] in the course job["folder"] by the settings job["settings"]."""
    logging.basicConfig()  # nbgrader says only there what went wrong
    settings, lab, course, seconds = Path(job["settings"]), job["lab"], Path(job["folder"]), job["cell_seconds"]
    os.environ.update(environment(course / "environment"))
    if CAN_FORK:
        Kernel.prepare()
        KernelProvisionerFactory.provisioners["forked"] = SimpleNamespace(load=lambda: Kernel)
        os.environ[KernelProvisionerFactory.default_provisioner_name_env] = "forked"
    config = PyFileConfigLoader(settings.name, path=str(settings.parent)).load_config()
    config.CourseDirectory.root = str(course)
    config.Execute.timeout = seconds
    how = {"config": config, "coursedir": CourseDirectory(config=config, assignment_id=lab)}
    nbgrader = Autograde(**how)
    nbgrader.autograde_preprocessors = [Running if p is Execute else p for p in nbgrader.autograde_preprocessors]
    nbgrader.start()

    (executed,) = course.glob(f"autograded/*/{lab}/{lab}.ipynb")
    notebook = nbformat.read(executed, 4)
    cells = notebook.cells
    places = {cell.metadata.get("nbgrader", {}).get("grade_id"): place for place, cell in enumerate(cells)}
    with Gradebook(how["coursedir"].db_url) as book:
        grades = book.find_submission_notebook(lab, lab, executed.parents[1].name).grades
        points = {grade.name: grade.auto_score or 0.0 for grade in grades if grade.cell.cell_type == "code"}
    notes = {}
    for task in points:
        if task not in places:
            notes[task] = "its test cell is not in the notebook"
        elif error(cells[places[task]]):
            notes[task] = reason(cells, places[task], seconds)
    (course / "result.json").write_text(json.dumps([points, notes]), encoding="utf-8")
    (course / "feedback.html").write_text(page(notebook, job, points, notes), encoding="utf-8")
    return 0
