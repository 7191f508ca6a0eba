"""Many short jobs, each in a process forked from one that has imported what all of them need.

    python forks.py WORKERS MODULE ... < jobs > results

A script of its own, without lecturekit, since a job may import another copy of the package. A job is a line of JSON: {"do": "tests" or
"grade", "folder": a new folder for it, "seconds": the most it may take, ...: see `tests` here and autograde.py}; so is its result, {"job": its
number from 0, "code": exit code, or null if it took longer}, as soon as it is there. The folder's output.txt has what it printed. Where a
system cannot fork a process that has imported torch, each job gets a new one.
"""

import ctypes
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback

import psutil

COPIED = ("lecturekit", "tests", "pyproject.toml")
CAN_FORK = sys.platform == "linux"  # macOS has fork, but its libraries do not survive it


class Forked:
    """A forked process in a session of its own, with as much of subprocess.Popen as it takes to wait for it and to end it."""

    stdin = stdout = stderr = returncode = None

    def __init__(self, call, dies_with_parent=False):
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                os.setsid()
                if dies_with_parent:
                    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
                code = call() or 0
            except BaseException:  # noqa: BLE001 - whatever happens, it must not return into the parent's work
                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def poll(self):
        if self.returncode is None:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if done else None
        return self.returncode

    def wait(self):
        while self.poll() is None:
            time.sleep(0.01)
        return self.returncode

    def send_signal(self, number):
        os.killpg(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


def tests(job):
    """Run pytest in a copy of the package: "root": what to copy, "write": {file: other text}, "arguments": pytest's."""
    for name in COPIED:
        there = os.path.join(job["root"], name)
        if os.path.isdir(there):
            shutil.copytree(there, name, ignore=shutil.ignore_patterns("__pycache__", "mutants"))
        else:
            shutil.copy(there, name)
    for name, text in job["write"].items():
        with open(name, "w", encoding="utf-8") as file:
            file.write(text)
    sys.path.insert(0, job["folder"])  # for this process, and
    os.environ["PYTHONPATH"] = job["folder"]  # for those that it starts
    return int(importlib.import_module("pytest").main(job["arguments"]))


def grade(job):
    return importlib.import_module("lecturekit.course.autograde").autograde(job)


def work(job):
    """Do the job in its folder, with what it prints in output.txt."""
    os.makedirs(job["folder"], exist_ok=True)
    os.chdir(job["folder"])
    log = os.open("output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    return {"tests": tests, "grade": grade}[job["do"]](job)


def started(job):
    if CAN_FORK:
        return Forked(lambda: work(job))
    process = subprocess.Popen([sys.executable, __file__, "job"], stdin=subprocess.PIPE, text=True)
    process.stdin.write(json.dumps(job))
    process.stdin.close()
    return process


def ended(process):
    """End it and all that it started."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    for one in (*family, psutil.Process(process.pid)):
        try:
            one.kill()
        except psutil.NoSuchProcess:
            pass
    process.wait()


def main(workers, modules):
    jobs = dict(enumerate(json.loads(line) for line in sys.stdin))
    for name in modules if CAN_FORK else ():
        importlib.import_module(name)
    running = {}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nothing goes on without it
    try:
        while jobs or running:
            while jobs and len(running) < workers:
                number = min(jobs)
                job = jobs.pop(number)
                running[number] = started(job), time.monotonic() + job["seconds"]
            time.sleep(0.02)
            for number, (process, end) in list(running.items()):
                late = process.poll() is None and time.monotonic() > end
                if late:
                    ended(process)
                elif process.returncode is None:
                    continue
                del running[number]
                print(json.dumps({"job": number, "code": None if late else process.returncode}), flush=True)
    finally:
        for process, _ in running.values():
            ended(process)


if __name__ == "__main__":
    sys.path.pop(0)  # this folder, whose modules have names that others have, too
    if sys.argv[1] == "job":
        sys.exit(work(json.load(sys.stdin)))
    main(int(sys.argv[1]), sys.argv[2:])
