"""The command line. Each command loads only what it needs."""

import argparse
import json
import secrets
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from lecturekit.course.profiles import PROFILES, ROOT, CourseError, select


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m lecturekit", description="An executable course on deep generative models."
    )
    commands = top.add_subparsers(dest="command", required=True)
    commands.add_parser("lab", help="open JupyterLab at the first chapter; further options go to JupyterLab")
    run = commands.add_parser("run", help="execute chapters headless into pages")
    run.add_argument("--profile", default="laptop", choices=PROFILES)
    run.add_argument("--out", type=Path, default=ROOT / "build" / "course", help="default: build/course")
    refresh = commands.add_parser("refresh", help="execute chapters and write them back, clean, for a commit")
    test = commands.add_parser("test", help="everything that continuous integration runs")
    test.add_argument(
        "--only", type=lambda text: text.split(","), metavar="STEP,...", help="of lint,imports,unit,chapters"
    )
    mutants = commands.add_parser("mutants", help="wrong formulas must make tests fail")
    for command, what in ((run, "chapters"), (refresh, "chapters"), (mutants, "mutants")):
        command.add_argument(f"--{what}", dest="pattern", default="*", metavar="PATTERN", help="such as '21*'")
    return top


def lab(options: list[str]) -> int:
    """JupyterLab on this machine only, with a token, whatever the user's configuration says."""
    from lecturekit.course.notebooks import own_kernel

    server = ["--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={ROOT}"]
    url = f"--LabApp.default_url=/lab/tree/chapters/{select()[0].name}"
    with own_kernel(), tempfile.TemporaryDirectory() as folder:
        # In a file that only this user can read, not among the arguments, which every user of the machine can list.
        secret, token = Path(folder, "token.json"), secrets.token_hex(24)
        secret.write_text(json.dumps({"IdentityProvider": {"token": token}}))
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
        if name == "lab":
            return lab(options)
        where = {"run": "run", "refresh": "run", "test": "checks", "mutants": "mutants"}[name]
        command = getattr(import_module(f"lecturekit.course.{where}"), name)
        return 0 if command(**vars(asked)) else 1
    except CourseError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
