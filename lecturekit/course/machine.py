"""What this machine can do for the course: `print(report())` is how chapter 00 checks the installation.

It looks and measures for some two seconds, needs no network, and names no path.
"""

import os
import platform
import textwrap
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
import torch
from packaging.requirements import Requirement

from lecturekit import checks, data, fit
from lecturekit.course.measured import load
from lecturekit.course.plan import plan
from lecturekit.course.processor import processor
from lecturekit.course.profiles import ROOT, seconds, tomllib
from lecturekit.data import sources
from lecturekit.training.precision import fast_bfloat16
from lecturekit.variational import VAE

# Extras of pyproject.toml beyond what the chapters need, and what each is for.
EXTRAS = {"teach": "to make and grade labs", "book": "to build the book", "dev": "to change the course"}
INSTALL = "`make setup` (without make: `python tools/setup_env.py`) installs them"


def packages() -> dict[str, dict[str, str | None]]:
    """Group of pyproject.toml ("course", "teach", ...) -> {package: its version, None where it is absent or too old}."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    groups = {"course": project["dependencies"] + extras["course"], **{name: extras[name] for name in EXTRAS}}
    found: dict[str, dict[str, str | None]] = {}
    for group, lines in groups.items():
        needed = [Requirement(line) for line in lines]
        needed = sorted((r for r in needed if r.marker is None or r.marker.evaluate()), key=lambda r: r.name)
        found[group] = {r.name: _version(r) for r in needed}
    return found


def _version(requirement: Requirement) -> str | None:
    try:
        installed = version(requirement.name)
    except PackageNotFoundError:
        return None
    return installed if requirement.specifier.contains(installed, prereleases=True) else None


def data_sets() -> dict[str, list[str]]:
    """Names of data sets: "embedded", those whose downloads are "on the disk", those that are "to download"."""
    root = sources.data_root()
    found: dict[str, list[str]] = {"embedded": [], "on the disk": [], "to download": []}
    for name in sources.names():
        files = sources.SOURCES[name].files if name in sources.SOURCES else {}
        # MNIST's files may lie there unpacked: without their .gz
        there = all(path.is_file() or path.with_suffix("").is_file() for path in map(root.joinpath, files))
        found["embedded" if not files else "on the disk" if there else "to download"].append(name)
    return found


def memory() -> float:
    """Bytes of memory; inside a container (Binder, JupyterHub) as much as it may use, beyond which the kernel is killed."""
    total = psutil.virtual_memory().total
    try:
        return min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):  # no container, or "max": no limit
        return total


def matrix_rate(dtype: torch.dtype, device: torch.device, *, size: int = 1024, seconds: float = 0.25) -> float:
    """Floating-point operations per second of products of square matrices, `size` x `size`."""
    size, seconds = checks.whole(size=size), checks.number(above=0, seconds=seconds)
    a = torch.randn(size, size, device=device).to(dtype)

    def finished() -> float:
        if device.type == "cuda":  # which only queues the product
            torch.cuda.synchronize(device)
        return time.perf_counter()

    a @ a  # the first call sets things up
    products, started, now = 0, finished(), 0.0
    while products == 0 or now - started < seconds:
        a @ a
        products, now = products + 1, finished()
    return products * 2 * size**3 / (now - started)


def training_rate(device: torch.device) -> float | None:
    """Digits per second that `fit` trains a VAE 784-500-500-50 on, as in benchmarks/throughput.py; None without digits."""
    try:
        digits = data.load("mnist-5k", view="binary").train
    except (data.DataError, ModuleNotFoundError):
        return None
    runs = [fit(VAE().to(device), digits, epochs=0.25, progress=False) for _ in range(6)]
    # The first one sets things up; of the others, the fastest is the one that other programs disturbed least.
    return max(len(digits) * run.trained / run.seconds for run in runs[1:])


def reference() -> tuple[float, str]:
    """The same rate as it was measured where the seconds in profiles.toml were, and that machine's name."""
    table = load("throughput")["vae"]
    rates = [row["items_per_second"] for name, row in table["rows"].items() if name.startswith("fit")]
    return max(rates), f"{table['machine']}, {table['threads']} threads"


def report() -> str:
    """What was found, line by line, and what it means for the course."""
    busy = psutil.cpu_percent(0.2)  # before anything of ours is measured
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    lines = {
        "Python": f"{platform.python_version()} on {platform.system()}",
        "processor": f"{processor()}; PyTorch {torch.__version__} with {torch.get_num_threads()} of {os.cpu_count()} threads",
        "memory": f"{memory() / 2**30:.1f} GiB",
        "GPU": _gpu(device),
        "bfloat16": "yes, and `fit` trains large networks in it" if fast_bfloat16(device) else "no gain here: float32",
    }
    dtypes = [torch.float32, *([torch.bfloat16] if fast_bfloat16(device) else [])]
    rates = {str(dtype).removeprefix("torch."): matrix_rate(dtype, device) for dtype in dtypes}
    lines["matrix product"] = ", ".join(f"{rate / 1e9:,.0f} GFLOP/s in {name}" for name, rate in rates.items())
    here, (there, where) = training_rate(device), reference()
    if here:
        lines["training"] = f"{here:,.0f} digits per second; {there:,.0f} where the course's times come from ({where})"

    found = packages()
    missing = {group: [name for name, v in rows.items() if v is None] for group, rows in found.items()}
    lines["packages"] = ", ".join(f"{name} {v.partition('+')[0]}" for name, v in found["course"].items() if v)
    for group, purpose in EXTRAS.items():
        lines[purpose] = f"missing: {', '.join(missing[group])}" if missing[group] else "all there"

    for state, names in data_sets().items():
        lines[f"data {state}"] = ", ".join(names) or "none"

    verdict = []
    if missing["course"]:
        verdict.append(f"Not complete: {', '.join(missing['course'])} missing or too old; {INSTALL}.")
    else:
        verdict.append(
            "All chapters run here under the profiles smoke and laptop. They need no network and no Chromium."
        )
    if here and device.type == "cpu":  # with a GPU a chapter's other work takes the time
        taken = {n: seconds(chapter.notebook, "laptop") for n, chapter in plan().chapters.items() if chapter.notebook}
        times = ", ".join(f"{n} about {_round(s * there / here)} s ({s} s there)" for n, s in taken.items() if s)
        verdict.append(f"Under laptop, judged by the training rate: chapter {times}.")
        if busy > 25:
            verdict.append(f"Other programs kept this machine {busy:.0f} % busy meanwhile; without them it is faster.")
    if device.type == "cuda":
        verdict.append("The profile gpu can run too; it downloads the full data sets once.")
    else:
        verdict.append("The profile gpu wants an NVIDIA GPU, and there is none here; nothing else needs one.")

    width = max(map(len, lines))
    shape = {"width": 110, "subsequent_indent": " " * (width + 2), "break_on_hyphens": False}
    rows = [textwrap.fill(f"{name:<{width}}  {text}", **shape) for name, text in lines.items()]
    return "\n".join([*rows, "", *(textwrap.fill(text, 110) for text in verdict)])


def _gpu(device: torch.device) -> str:
    if device.type == "cuda":
        known = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
        return ", ".join(f"{one.name} with {one.total_memory / 2**30:.0f} GiB" for one in known)
    if torch.backends.mps.is_available():
        return "Apple's, which the chapters leave alone: they run on the processor"
    return "none; the chapters run on the processor"


def _round(seconds: float) -> str:
    """Two digits: it is an estimate."""
    return f"{float(f'{seconds:.2g}'):.0f}"
