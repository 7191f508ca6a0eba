"""Many short runs of pytest, forked from one process that has imported what all of them need.

    python forks.py WORKERS MODULE ... < jobs > results

A script of its own, without lecturekit: a run imports the copy of the package that lies in its own folder. A job is a line
of JSON, {"root": what to copy, "folder": where to, "write": {file: other text}, "arguments": pytest's, "seconds": the most it
may take}; so is its result, {"job": its number from 0, "code": pytest's exit code or null if it took longer}, as soon as it
is there. The folder's output.txt has what it printed.
"""

import importlib
import json
import os
import shutil
import signal
import sys
import time
import traceback

COPIED = ("lecturekit", "tests", "pyproject.toml")


def child(job):
    """Copy, write, and run pytest in the job's folder; never returns."""
    code = 70
    try:
        os.setsid()  # so that all that it starts can be ended with it
        os.mkdir(job["folder"])
        os.chdir(job["folder"])
        log = os.open("output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(log, stream)
        for name in COPIED:
            there = os.path.join(job["root"], name)
            if os.path.isdir(there):
                shutil.copytree(there, name, ignore=shutil.ignore_patterns("__pycache__", "mutants"))
            else:
                shutil.copy(there, name)
        for name, text in job["write"].items():
            with open(name, "w", encoding="utf-8") as file:
                file.write(text)
        sys.path[:] = [job["folder"], *sys.path[1:]]  # for this process, and
        os.environ["PYTHONPATH"] = job["folder"]  # for those that it starts
        code = int(importlib.import_module("pytest").main(job["arguments"]))
    except BaseException:  # noqa: BLE001 - whatever happens, the child must not return into the parent's loop
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main(workers, modules):
    jobs = dict(enumerate(json.loads(line) for line in sys.stdin))
    for name in modules:
        importlib.import_module(name)
    running = {}
    while jobs or running:
        while jobs and len(running) < workers:
            number = min(jobs)
            job = jobs.pop(number)
            if (pid := os.fork()) == 0:
                child(job)
            running[pid] = number, time.monotonic() + job["seconds"]
        time.sleep(0.02)
        for pid, (number, end) in list(running.items()):
            done, status = os.waitpid(pid, os.WNOHANG)
            late = not done and time.monotonic() > end
            if late:
                os.killpg(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            if done or late:
                del running[pid]
                print(
                    json.dumps({"job": number, "code": None if late else os.waitstatus_to_exitcode(status)}), flush=True
                )


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
