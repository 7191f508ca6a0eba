"""Your own folder of images."""

import os
import warnings
from pathlib import Path

import numpy as np
import torch

from lecturekit.data.errors import DataError
from lecturekit.data.on_disk import FileSplit, read
from lecturekit.data.split import Dataset, divided, tenths
from lecturekit.data.views import View

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")


def folder(
    path: str | os.PathLike,
    size: tuple[int, ...] | None = None,
    view: str = "unit",
    *,
    levels: int | None = None,
    valid: int | None = None,
    skip_unreadable: bool = False,
    in_memory: bool = True,
    workers: int = 2,
) -> Dataset:
    """All images under a folder, in a fixed shuffled split: a tenth for valid, a tenth for test.

    If every image lies in a sub-folder, the first sub-folders' names are the classes, each split by tenths;
    else there are no labels. Alpha is dropped, and a photograph is turned as its camera says.

    size: (C, H, W), C = 1 or 3: images are scaled to fill it and cropped at the edges. Without it all must
        have the same height and width, and are grey if all of them are.
    valid: how many images to set aside instead of a tenth.
    skip_unreadable: leave out files that cannot be read, with one warning that counts them.
    in_memory: False leaves the images on the disk, for folders that memory cannot hold: `fit` reads them ahead in
        ``workers`` processes. It needs a ``size``, and meets an unreadable image only when it gets there.

    Raises DataError for a folder that is absent or empty, for an unreadable image (by name) and for images of
    different sizes without a ``size``; ValueError for an impossible ``size``.
    """
    view, path = View(view, levels), Path(path).expanduser()
    if size is not None and not (len(size) == 3 and size[0] in (1, 3) and min(size) > 0):
        raise ValueError(f"size={size!r}: give (C, H, W) with C = 1 or 3, such as (3, 64, 64)")
    if not path.is_dir():
        raise DataError(f"no folder {path}")
    files = [p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()]
    # nothing hidden, such as a notebook's copies; the same order on every system
    files = [p for p in files if not any(part.startswith(".") for part in p.relative_to(path).parts)]
    files.sort(key=lambda p: p.relative_to(path).as_posix())
    if not files:
        raise DataError(f"{path} holds no images ({' '.join(SUFFIXES)})")

    if not in_memory:
        if size is None or skip_unreadable:
            raise ValueError("in_memory=False needs size=(C, H, W), and cannot skip what it has not read")
        y, classes = _labels(files, path)
        pool, test, tenth = tenths(y)
        tenth = tenth if valid is None else valid
        if not 0 <= tenth < len(pool):
            raise ValueError(f"valid={tenth}: {path.name} has {len(pool)} images for train and valid together")
        parts = []
        for part in (pool[: len(pool) - tenth], pool[len(pool) - tenth :], test):
            labels = torch.tensor(y[part], dtype=torch.int64) if classes else None
            split = FileSplit([files[i] for i in part], labels, tuple(size), view, workers)
            parts.append(split if len(part) else None)
        return Dataset(path.name, *parts, classes)

    images, kept, bad = [], [], []
    for file in files:
        try:
            images.append(read(file, size))
            kept.append(file)
        except ModuleNotFoundError:
            raise
        except Exception as error:  # a broken file makes decoders raise almost anything
            if not skip_unreadable:
                raise DataError(f"cannot read {file} ({error}); skip_unreadable=True leaves it out") from error
            bad.append(file)
    if bad:
        warnings.warn(
            f"{path}: {len(bad)} of {len(files)} images cannot be read and are left out, first {bad[0]}",
            stacklevel=2,
        )
    if not images:
        raise DataError(f"{path}: not one of {len(files)} images can be read")

    for image, file in zip(images, kept):
        if image.shape[1:] != images[0].shape[1:]:
            (h, w), (h0, w0) = image.shape[1:], images[0].shape[1:]
            raise DataError(f"{file} is {h} x {w}, but {kept[0]} is {h0} x {w0}: give size=(C, H, W)")
    channels = max(len(image) for image in images)
    x = np.stack([np.broadcast_to(image, (channels, *image.shape[1:])) for image in images])

    y, classes = _labels(kept, path)
    pool, test, tenth = tenths(y)
    pool, test = ((x[part], y[part] if classes else None) for part in (pool, test))
    return divided(path.name, pool, test, tenth if valid is None else valid, view, classes=classes)


def _labels(files, path):
    """(labels, names of the classes): the first sub-folders, or zeros and None if not every file is in one."""
    folders = [file.relative_to(path).parts[0] for file in files if file.parent != path]
    if len(folders) < len(files):
        return np.zeros(len(files), int), None
    classes, y = np.unique(folders, return_inverse=True)
    return y, tuple(map(str, classes))
