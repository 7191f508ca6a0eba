"""The command line. Each command loads only what it needs."""

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from lecturekit.course.profiles import CHECKOUT, PROFILES, ROOT, CourseError, select
from lecturekit.course.train import MODELS

# Read when torch is imported, which is later: threads that wait for others soon sleep, so that they slow nobody else down.
os.environ.setdefault("GOMP_SPINCOUNT", "30000")


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m lecturekit", description="An executable course on deep generative models."
    )
    commands = top.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "lab",
        help="open JupyterLab at the first chapter; --authoring shows the labs' solutions too; other options go to JupyterLab",
    )
    release = commands.add_parser("release", help="hand out a lab, without solutions, or later with them")
    release.add_argument("lab", help="such as 21-vae")
    release.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    release.add_argument("--solutions", action="store_true")
    run = commands.add_parser("run", help="execute chapters headless into pages")
    run.add_argument("--profile", default="laptop", choices=PROFILES)
    run.add_argument("--out", type=Path, default=ROOT / "build" / "course", help="default: build/course")
    refresh = commands.add_parser("refresh", help="execute chapters and write them back, clean, for a commit")
    train = commands.add_parser("train", help="train a model; its final numbers are printed as JSON")
    train.add_argument("model", choices=sorted(MODELS))
    train.add_argument("--data", default="mnist-5k", help="a named data set or a folder of images")
    train.add_argument("--view", help="what the model sees of the pixels; default: binary, of GANs signed")
    train.add_argument("--epochs", type=float, required=True)
    train.add_argument("--batch-size", type=int, default=128, metavar="N")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16"))
    train.add_argument("--checkpoint", type=Path, metavar="FOLDER")
    train.add_argument("--resume", action="store_true", help="go on from the newest checkpoint, if there is one")
    train.add_argument(
        "--options", default="{}", help='the model\'s, as JSON: \'{"latent": 50, "activation": "Tanh"}\''
    )
    train.add_argument("--k", type=int, default=100, help="importance samples of the final test bound")
    train.add_argument("--items", type=int, default=1000, help="at most so many items to validate and test on")
    test = commands.add_parser("test", help="everything that continuous integration runs")
    test.add_argument(
        "--only", type=lambda text: text.split(","), metavar="STEP,...", help="of lint,imports,unit,chapters,pages"
    )
    mutants = commands.add_parser("mutants", help="wrong formulas must make tests fail")
    prose = commands.add_parser("prose", help="remarks on the English of chapters and labs")
    book = commands.add_parser("book", help="chapters, labs and the reference as pages for the web: build/book")
    book.add_argument("--repository", default="", metavar="ADDRESS", help="a public one: buttons for Colab and Binder")
    book.add_argument("--pdf", action="store_true", help="print chapters and labs into build/book.pdf, too")
    labs = commands.add_parser("labs", help="write the labs' student versions; show what catches each wrong answer")
    grade = commands.add_parser("grade", help="grade a folder of submissions; it runs their code: see labs/README.md")
    grade.add_argument("lab", help="such as 21-vae")
    grade.add_argument(
        "submitted", type=Path, metavar="FOLDER", help="of <student>.ipynb or <student>/<lab>/<lab>.ipynb"
    )
    grade.add_argument("--private", type=Path, metavar="FOLDER", help="of <lab>.py, tests of your own")
    grade.add_argument("--out", type=Path, default=ROOT / "build" / "grades", help="default: build/grades")
    grade.add_argument(
        "--timeout", type=int, default=120, metavar="S", help="seconds that a cell may take; default: 120"
    )
    grade.add_argument("--jobs", type=int, metavar="N", help="submissions at a time; default: half of the cores")
    grade.add_argument("--again", default="", metavar="STUDENT", help="grade anew though unchanged; '*': all")
    grade.add_argument("--roster", type=Path, metavar="CSV", help="what a learning platform exported, with --format")
    grade.add_argument("--format", dest="form", choices=("moodle", "canvas"), help="write grades as it imports them")
    grade.add_argument("--hide-tests", action="store_true", help="no hidden and private tests in the feedback")
    for command, what in (
        (run, "chapters"),
        (refresh, "chapters"),
        (prose, "chapters"),
        (mutants, "mutants"),
        (labs, "labs"),
    ):
        command.add_argument(f"--{what}", dest="pattern", default="*", metavar="PATTERN", help="such as '21*'")
    return top


def lab(options: list[str]) -> int:
    """JupyterLab on this machine only, with a token, whatever the user's configuration says."""
    from lecturekit.course.notebooks import own_kernel

    server = ["--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={ROOT}"]
    url = f"--LabApp.default_url=/lab/tree/chapters/{select()[0].name}"
    with own_kernel(), tempfile.TemporaryDirectory() as folder:
        # In a file that only this user can read, not among the arguments, which every user of the machine can list.
        secret, token = Path(folder, "settings.json"), secrets.token_hex(24)
        settings = {"IdentityProvider": {"token": token}}
        settings["FileContentsManager"] = {"pre_save_hook": "lecturekit.course.notebooks.before_saving"}
        if "--authoring" in options:
            options = [option for option in options if option != "--authoring"]
        else:  # no solutions, and none of nbgrader's buttons for authors
            hidden = ["__pycache__", "*.pyc", "*~", ".*", "solutions", "wrong"]
            settings["ContentsManager"] = {"hide_globs": hidden}
            parts = ("formgrader", "validate_assignment", "assignment_list", "course_list")
            off = dict.fromkeys((f"nbgrader.server_extensions.{part}" for part in parts), False)
            settings["ServerApp"] = {"jpserver_extensions": off}
            Path(folder, "labconfig").mkdir()
            Path(folder, "labconfig", "page_config.json").write_text(
                '{"disabledExtensions": {"@jupyter/nbgrader": true}}'
            )
            paths = [folder, os.environ.get("JUPYTER_CONFIG_PATH")]
            os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))  # own_kernel puts the old one back
        if not os.access(Path.home(), os.W_OK):  # where Jupyter keeps its connections and settings
            os.environ["HOME"] = folder
            print("Your home folder cannot be written into: what you set in JupyterLab is not kept.")
        secret.write_text(json.dumps(settings))
        print(f"Should the page ask for a token: {token}", flush=True)
        config = f"--config={secret}"
        return subprocess.call([sys.executable, "-m", "jupyterlab", config, *server, url, *options])


def main(arguments: list[str] | None = None) -> int:
    """0 if all went well, 1 if something failed, 2 for a request that cannot be met, 130 when interrupted."""
    asked, options = parser().parse_known_args(arguments)
    name = asked.__dict__.pop("command")
    if options and name != "lab":
        parser().error(f"unrecognized arguments: {' '.join(options)}")
    try:
        if name != "train" and ROOT != CHECKOUT:
            raise CourseError(
                f"`{name}` works on the course's own files, and here is only its package: get the whole course, and "
                "call `make setup` there. A chapter by itself is opened with `jupyter lab`"
            )
        if name == "lab":
            return lab(options)
        where = {"refresh": "run", "test": "checks", "grade": "grading", "release": "labs"}.get(name, name)
        command = getattr(import_module(f"lecturekit.course.{where}"), name)
        return 0 if command(**vars(asked)) else 1
    except (CourseError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
