"""What one has already: arrays, torch's data sets, and files of arrays, as a `Dataset`."""

import gzip
import io
import math
import os
import re
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lecturekit.data.errors import DataError, need
from lecturekit.data.on_disk import opaque, room
from lecturekit.data.readers import idx_array
from lecturekit.data.split import Dataset, Split, divided, tenths
from lecturekit.data.views import View


def from_arrays(
    train: Any, test: Any = None, view: str = "unit", *, levels: int | None = None, valid: int | None = None
) -> Dataset:
    """Images that you have as arrays, in files of arrays or as a torch Dataset. Nothing is unpickled.

    train, test: each images or (images, labels): tensors, arrays, or paths of .npy or IDX files (MNIST's; .gz too); or a
        file of both: .npz, .mat, or .csv with columns label, pixel0, ...; or a map-style torch Dataset of PIL images
        or tensors. A part that is not given is a tenth of each class; `valid` may say how many.

    Images are (N, C, H, W), (N, H, W, C), MATLAB's (H, W, C, N), (N, H, W) or rows of a square; of any dtype, in whole
    levels 0 .. 255, or such levels divided by 255. Anything else is a DataError; a warning says what was guessed.

    >>> data = from_arrays((torch.eye(8).expand(40, 8, 8), torch.arange(40) % 2), view="binary")
    >>> data.train, len(data.valid), len(data.test)
    (Split(32 x (1, 8, 8), view='binary', on cpu), 4, 4)
    """
    view, names = View(view, levels), getattr(train, "classes", None)
    whole, test = _split(train, view, "train"), None if test is None else _split(test, view, "test")
    labels = np.zeros(len(whole)) if whole.y is None else whole.y.numpy()
    pool, held, standard = tenths(labels, tests=test is None)
    test = whole[held] if test is None else test
    if test.event_shape != whole.event_shape or (test.y is None) != (whole.y is None):
        facts = (f"{split} {'without' if split.y is None else 'with'} labels" for split in (whole, test))
        raise DataError("train is {}, but test {}".format(*facts))
    classes = tuple(map(str, names)) if names and whole.y is not None and len(names) > whole.y.max() else None
    return divided("arrays", whole[pool], test, standard if valid is None else valid, classes=classes)


def _split(source, view, part):
    """One part, whatever it is, as a Split."""
    x, y = source if isinstance(source, tuple) and len(source) == 2 else (source, None)
    if isinstance(x, torch.utils.data.Dataset) and hasattr(x, "__len__"):
        x, y = _items(x)
    if isinstance(x, str | os.PathLike):
        x, own = _file(Path(x).expanduser())
        y = own if y is None else y
    if isinstance(y, str | os.PathLike):
        y = _file(Path(y).expanduser())[0]
    x, y = (a.detach().cpu().numpy() if isinstance(a, torch.Tensor) else a for a in (x, y))
    for a in (x,) if y is None else (x, y):
        if (found := getattr(a, "dtype", type(a).__name__)) == object or not isinstance(a, np.ndarray):
            raise DataError(
                f"{part} is images or (images, labels): arrays, tensors or paths; or a Dataset; not {found}"
            )
    y = y.T if y is not None and y.ndim == 2 and len(y) == 1 else y  # MATLAB's
    x = _levels(_channels_first(x, None if y is None else y.size, part), part)
    if y is not None:
        if y.size != len(x) or y.dtype.kind not in "buif" or (y < 0).any() or (y != np.rint(y)).any():
            what = f"{y.dtype} {y.shape}" + (": y.argmax(1)?" if y.ndim == 2 else "")
            raise DataError(f"{part}: {len(x)} images need labels ({len(x)},), whole numbers from 0, not {what}")
        y = torch.from_numpy(y.reshape(-1).astype(np.int64))
    return Split(torch.from_numpy(x), y, view)


def _channels_first(x, n, part):
    """(N, C, H, W) of any layout that is known; n: how many there must be."""
    side, last = math.isqrt(x.shape[1]) if x.ndim == 2 else 0, x.ndim == 4 and x.shape[3] in (1, 3)
    if side > 1 and side**2 == x.shape[1]:
        return x.reshape(-1, 1, side, side)
    if x.ndim == 3:
        return (np.moveaxis(x, 2, 0) if n == x.shape[2] != len(x) else x)[:, None]
    if x.ndim == 4 and x.shape[1] in (1, 3):
        return x
    if last or x.ndim == 4 and x.shape[2] in (1, 3):
        warnings.warn(f"{part}: {x.shape} is taken for {'(N, H, W, C)' if last else '(H, W, C, N)'}", stacklevel=4)
        return np.moveaxis(x, 3, 1) if last else x.transpose(3, 2, 0, 1)
    raise DataError(f"{part}: images are (N, C, H, W) with C = 1 or 3, (N, H, W) or rows of a square, not {x.shape}")


def _levels(x, part):
    """As uint8, if they are whole levels."""
    low, high = (x.min(), x.max()) if x.size and x.dtype.kind in "buif" else (math.nan, math.nan)
    if not 0 <= low <= high <= 255:
        facts = f"{x.dtype} {x.shape} from {low} to {high}"
        raise DataError(f"{part}: levels are 0 .. 255, or 0 .. 1, not {facts}; of x from -1 to 1: (x + 1) / 2")
    scale = 255 if high < 1.5 else 1
    if x.dtype.kind in "ui" and scale == 255 or scale == 1 and high < 128:
        guess = "black and white" if scale == 255 else f"levels of 255, so dark; else: (x * (255 / {high})).round()"
        warnings.warn(f"{part}: pixels from {low} to {high} are taken for {guess}", stacklevel=4)
    out = room(len(x), x.shape[1:])
    for i in range(0, len(x), 1024):
        some = x[i : i + 1024] * np.float32(scale)
        out[i : i + 1024] = np.rint(some)
        if np.abs(some - out[i : i + 1024]).max() > 1e-3:
            raise DataError(f"{part}: pixels are no whole levels of 255; to the nearest: (x * {scale}).round()")
    return out


def _items(dataset):
    """(images, labels) of a torch Dataset, each item read once."""
    x, y = None, []
    for i in range(len(dataset)):
        item = dataset[i]
        image, *label = item if isinstance(item, tuple | list) and len(item) == 2 else (item,)
        if hasattr(image, "convert"):  # Pillow's
            image = np.atleast_3d(opaque(image)).transpose(2, 0, 1)
        if not isinstance(image, np.ndarray | torch.Tensor):
            raise DataError(
                f"items of the Dataset are images or (image, label), not {type(item).__name__}: {item!r:.80}"
            )
        image = np.asarray(image)
        x = np.empty((len(dataset), *image.shape), image.dtype) if x is None else x
        if (image.shape, image.dtype) != (x.shape[1:], x.dtype):
            raise DataError(f"item {i} is {image.dtype} {image.shape}, but item 0 {x.dtype} {x.shape[1:]}: resize them")
        x[i] = image
        y += map(np.asarray, label)
    return x, np.array(y) if y else None


def _file(path):
    """(images, labels or None) of a file; DataError says what it holds."""
    kind = Path(path.name.removesuffix(".gz")).suffix
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        if "ubyte" in path.name:
            return idx_array(raw), None
        if kind == ".csv":
            return _table(raw.decode().splitlines())
        if kind not in (".npy", ".npz", ".mat"):
            raise ValueError("files of arrays are .npy, .npz, .mat, .csv, and MNIST's ...-ubyte; nothing is unpickled")
        file = io.BytesIO(raw)
        held = need("scipy.io", path.name).loadmat(file) if kind == ".mat" else np.load(file, allow_pickle=False)
        held = {"": held} if kind == ".npy" else {key: held[key] for key in held if not key.startswith("__")}
        labels = [a for a in held.values() if sum(n > 1 for n in a.shape) < 2]
        images = [a for a in held.values() if sum(n > 1 for n in a.shape) > 1] or labels
        if len(images) != 1 or len(labels) > 1:
            facts = ", ".join(f"{key} {a.dtype} {a.shape}" for key, a in held.items())
            raise ValueError(f"it holds {facts}; load it yourself, and give from_arrays((images, labels))")
        return images[0], labels[0] if labels else None
    except (OSError, EOFError, ValueError, NotImplementedError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(f"cannot read {path} as arrays ({error})") from error


def _table(lines):
    """(rows of pixels, labels or None) of a CSV: with a header, as Kaggle's, or with the label first."""
    names = [name.strip(' "').lower() for name in lines[0].split(",")] if lines else []
    header = any(re.search("[a-z]", name) for name in names)
    other = [k for k, name in enumerate(names) if header and not re.fullmatch(r"[a-z_]*\d+(x\d+)?", name)]
    if not header and math.isqrt(len(names)) ** 2 != len(names):
        warnings.warn("no header: the first column is taken for the labels", stacklevel=5)
        other = [0]
    if len(other) > 1:
        raise ValueError(f"columns {[names[k] for k in other[:5]]} are no pixels, and at most one can be the label")
    table = np.loadtxt(lines[header:] or ["no rows"], np.float32, delimiter=",", ndmin=2)
    return np.delete(table, other, axis=1), table[:, other[0]] if other else None
