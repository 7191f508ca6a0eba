"""Your own folder of images."""

import os
import warnings
from pathlib import Path

import numpy as np
import torch

from lecturekit.data.errors import DataError
from lecturekit.data.on_disk import FileSplit, checked, read
from lecturekit.data.split import Dataset, Split, divided, tenths
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

    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as path:
    ...     for i in range(10):
    ...         Image.new("L", (6, 4)).save(f"{path}/{i}.png")
    ...     images = folder(path)
    >>> images.event_shape, len(images.train), len(images.valid), len(images.test)
    ((1, 4, 6), 8, 1, 1)
    """
    view, path = View(view, levels), Path(path).expanduser()
    size = None if size is None else checked(size)
    if not path.is_dir():
        raise DataError(f"no folder {path}")
    files = [p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()]
    # nothing hidden, such as a notebook's copies; the same order on every system
    files = [p for p in files if not any(part.startswith(".") for part in p.relative_to(path).parts)]
    files.sort(key=lambda p: p.relative_to(path).as_posix())
    if not files:
        raise DataError(f"{path} holds no images ({' '.join(SUFFIXES)})")
    if not in_memory and (size is None or skip_unreadable):
        raise ValueError("in_memory=False needs size=(C, H, W), and cannot skip what it has not read")

    if in_memory:
        x, files = _pixels(files, size, skip_unreadable, path)
    y, classes = _labels(files, path)
    pool, test, tenth = tenths(y)
    labels = torch.tensor(y, dtype=torch.int64) if classes else None
    whole = Split(x, labels, view) if in_memory else FileSplit(files, labels, size, view, workers)
    return divided(path.name, whole[pool], whole[test], tenth if valid is None else valid, classes=classes)


def _pixels(files, size, skip_unreadable, path):
    """(all images that can be read, uint8 (N, C, H, W); their files)"""
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
            stacklevel=3,
        )
    if not images:
        raise DataError(f"{path}: not one of {len(files)} images can be read")

    for image, file in zip(images, kept):
        if image.shape[1:] != images[0].shape[1:]:
            (h, w), (h0, w0) = image.shape[1:], images[0].shape[1:]
            raise DataError(f"{file} is {h} x {w}, but {kept[0]} is {h0} x {w0}: give size=(C, H, W)")
    channels = max(len(image) for image in images)
    return torch.tensor(np.stack([np.broadcast_to(i, (channels, *i.shape[1:])) for i in images])), kept


def _labels(files, path):
    """(labels, names of the classes): the first sub-folders, or zeros and None if not every file is in one."""
    folders = [file.relative_to(path).parts[0] for file in files if file.parent != path]
    if len(folders) < len(files):
        return np.zeros(len(files), int), None
    classes, y = np.unique(folders, return_inverse=True)
    return y, tuple(map(str, classes))
