"""Build the project's virtual environment, .venv, once. Needs nothing but Python 3.10 or newer and a network.

    python3 tools/setup_env.py

It installs the extra `all` of pyproject.toml, versions from constraints.txt. A second call sees from a stamp
that nothing changed and returns at once. UV_TORCH_BACKEND=cpu asks for PyTorch's CPU build (Linux without an
NVIDIA GPU); the choice is remembered.
"""

import hashlib
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, "lecturekit-stamp")
PYTHON = os.path.join(VENV, "Scripts", "python.exe") if os.name == "nt" else os.path.join(VENV, "bin", "python")
INSTALL = ["-c", "constraints.txt", "-e", ".[all]"]  # environment.yml installs the same; a test compares them
INPUTS = ["pyproject.toml", "constraints.txt"]


def fingerprint():
    """What .venv depends on: the packages, and the folder, since a virtual environment does not survive a move."""
    digest = hashlib.sha256(ROOT.encode())
    for name in INPUTS:
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            text = file.read()
        # the settings of ruff, pytest and the like install nothing
        digest.update(text.split("\n[tool.")[0].encode() if name == "pyproject.toml" else text.encode())
    return digest.hexdigest()


def read_stamp():
    """(fingerprint, torch backend) of the finished .venv; empty strings without a stamp."""
    if not os.path.exists(STAMP):
        return ["", ""]
    with open(STAMP, "rb") as file:
        return (file.read().decode("utf-8", "replace").split("\n") + ["", ""])[:2]


def works():
    """Does its interpreter start, and are the two ends of the dependency chain there?"""
    check = "from importlib.util import find_spec as f; assert f('torch') and f('lecturekit')"
    try:
        return subprocess.call([PYTHON, "-I", "-c", check], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def download_size(backend):
    """On Linux as measured from empty caches; elsewhere estimated from the sizes of the packages. See CONTRIBUTING.md."""
    if sys.platform == "darwin":
        return "about 0.4 GB (1.5 GB on disk)"
    if backend == "cpu" or sys.platform == "win32":
        return "about 0.5 GB (2 GB on disk)"
    return (
        "about 3.4 GB (6.2 GB on disk): PyTorch's ordinary Linux build brings the CUDA libraries.\n"
        "Without an NVIDIA GPU, UV_TORCH_BACKEND=cpu set before this command makes it about 0.5 GB"
    )


def pip_index():
    """The index in pip's own configuration, if any: a mirror the user told pip about serves uv too."""
    for name in (":env:.index-url", "install.index-url", "global.index-url"):
        command = [PYTHON, "-m", "pip", "config", "get", name]
        answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        if answer.returncode == 0:
            return answer.stdout.decode().strip()
    return ""


def install(backend):
    """Install with uv, which is fast; with pip where uv cannot be had or does not reach what pip does."""
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.call(pip + ["uv"], cwd=ROOT) == 0:
        env = dict(os.environ)
        if backend:
            env["UV_TORCH_BACKEND"] = backend
        if pip_index():
            env.setdefault("UV_DEFAULT_INDEX", pip_index())
        uv = [PYTHON, "-m", "uv", "pip", "install", "--python", PYTHON]
        if subprocess.call(uv + INSTALL, cwd=ROOT, env=env) == 0:
            return
    if backend:
        sys.exit(f"UV_TORCH_BACKEND={backend} needs uv and an index that carries that build.")
    print("uv could not do it; trying pip, which is slower.")
    pip.remove("--quiet")
    if subprocess.call(pip + INSTALL, cwd=ROOT) != 0:
        sys.exit("Set-up failed: see pip's message above. Repeat the command to try again.")


def main():
    stamped, remembered = read_stamp()
    backend = os.environ.get("UV_TORCH_BACKEND", remembered)
    if stamped == fingerprint() and backend == remembered and works():
        return
    if sys.version_info < (3, 10):  # noqa: UP036 - this file is started by whatever Python there is
        version = ".".join(map(str, sys.version_info[:2]))
        sys.exit(
            f"lecturekit needs Python 3.10 or newer; {sys.executable} is Python {version}.\n"
            "Name another one: make setup PYTHON=python3.12"
        )
    if works() and backend == remembered:
        # What works is never thrown away before something better is there: offline, it may be all there is.
        print("The packages that lecturekit needs have changed: bringing .venv up to date.")
        sys.stdout.flush()
        os.remove(STAMP) if os.path.exists(STAMP) else None
    else:
        print(f"Setting up .venv (once). Download where nothing is cached: {download_size(backend)}.")
        sys.stdout.flush()
        if os.path.isdir(VENV):
            shutil.rmtree(VENV)
        made = subprocess.call([sys.executable, "-m", "venv", VENV])
        if made != 0:
            sys.exit("Python's venv module failed (on Debian and Ubuntu: apt install python3-venv).")
    install(backend)
    if not works():
        sys.exit("Set-up ended, but .venv cannot find torch and lecturekit. Remove .venv and repeat the command.")
    # Notebooks' kernels: OpenMP threads that wait soon sleep, so that other work is not slowed down.
    kernel = [PYTHON, "-m", "ipykernel", "install", "--sys-prefix", "--env", "GOMP_SPINCOUNT", "30000"]
    subprocess.call(kernel, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # Last, and in one step: whatever stops the set-up before this line makes the next call start over.
    with open(STAMP + ".new", "w") as file:
        file.write(fingerprint() + "\n" + backend + "\n")
    os.replace(STAMP + ".new", STAMP)
    print("Set-up done.")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Set-up interrupted; repeat the command to start it over.")
