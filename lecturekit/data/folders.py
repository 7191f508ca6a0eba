"""Your own folder of images."""

import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from lecturekit.data.errors import DataError
from lecturekit.data.on_disk import FileSplit, checked, read, room
from lecturekit.data.split import Dataset, Split, divided, tenths
from lecturekit.data.views import View

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
PARTS |= dict.fromkeys(("val", "valid", "validation"), "valid")


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

    If every image lies in a sub-folder, the first sub-folders' names are the classes, each split by tenths (those of
    fewer than five images together); else there are no labels. Folders train, val and test are the parts, not classes;
    without a val, it is a tenth of train. Links are followed. A photograph is turned as its camera says, what is
    transparent lies on white, and of an animation the first picture is taken.

    size: (C, H, W), C = 1 or 3: images are scaled to fill it and cropped at the edges. Without it all must
        have the same height and width, and are grey if all of them are.
    valid: how many images to set aside instead of a tenth.
    skip_unreadable: leave out files that cannot be read, with one warning that counts them.
    in_memory: False leaves the images on the disk, for folders that memory cannot hold: `fit` reads them ahead in
        ``workers`` processes. It needs a ``size``, and meets an unreadable image only when it gets there.

    Raises DataError for a folder that is absent or empty, for an unreadable image or folder (by name), for images of
    different sizes without a ``size`` or of more bytes than memory has; ValueError for an impossible ``size``. Warns
    of images beside the folders of classes, of folders without images, and of classes that a part lacks.

    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as path:
    ...     for i in range(10):
    ...         Image.new("L", (6, 4)).save(f"{path}/{i}.png")
    ...     images = folder(path)
    >>> images.event_shape, len(images.train), len(images.valid), len(images.test)
    ((1, 4, 6), 8, 1, 1)
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"a folder is named by its path, not by {path!r}")
    view, path = View(view, levels), Path(path).expanduser()
    size = None if size is None else checked(size)
    if not path.is_dir():
        hint = f": it is a file; arrays in files: data.from_arrays({str(path)!r})" if path.is_file() else ""
        raise DataError(f"no folder {path}{hint}")
    if view.name == "identity":
        raise ValueError("view='identity' is for points in the plane; pixels have 'unit' and others")
    files = sorted(_images(path), key=lambda p: p.relative_to(path).as_posix())  # the same order on every system
    if not files:
        raise DataError(f"{path} holds no images ({' '.join(SUFFIXES)})")
    if not in_memory and (size is None or skip_unreadable):
        raise ValueError("in_memory=False needs size=(C, H, W), and cannot skip what it has not read")

    if in_memory:
        x, files = _pixels(files, size, skip_unreadable, path)
    part, y, classes = _layout(files, path)
    train, held, test = (np.random.RandomState(0).permutation(np.flatnonzero(part == p)) for p in (0, 1, 2))
    if len(held):
        pool, standard = np.concatenate([train, held]), len(held)
    elif len(test):
        pool, _, standard = tenths(y[part == 0], tests=False)
        pool = np.flatnonzero(part == 0)[pool]
    else:
        pool, test, standard = tenths(y)
    for name, some in (("train", pool), ("test", test)) if classes else ():
        if len(some) and (lacking := sorted(set(range(len(classes))) - set(y[some].tolist()))):
            _warn(f"{path}: no images of {', '.join(classes[k] for k in lacking[:5])} in the {name} part")

    order = np.concatenate([pool, test])
    labels = torch.tensor(y[order]) if classes else None
    if in_memory:
        for row in range(x.shape[2]):  # in the memory that they have
            x[:, :, row] = x[order, :, row]
        whole = Split(torch.from_numpy(x), labels, view)
    else:
        whole = FileSplit([files[i] for i in order], labels, size, view, workers)
    valid = standard if valid is None else valid
    return divided(path.name, whole[: len(pool)], whole[len(pool) :], valid, classes=classes)


def _images(path: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """The images' files; nothing hidden, such as a notebook's copies, and no links to where we came from."""
    real = path.resolve()
    try:
        for entry in os.scandir(path) if real not in above else ():
            there = path / entry.name
            link = entry.is_symlink()  # followed; what it leads to need not be there
            if entry.name.startswith("."):
                continue
            if there.is_dir() if link else entry.is_dir():
                yield from _images(there, (*above, real))
            elif there.suffix.lower() in SUFFIXES and (there.is_file() if link else entry.is_file()):
                yield there
    except OSError as error:
        raise DataError(f"the folder {path} cannot be read ({error})") from error


def _pixels(files, size, skip_unreadable, path):
    """(all images that can be read, uint8 (N, C, H, W); their files)"""
    x, kept, bad = None if size is None else room(len(files), size), [], []
    for file in files:
        try:
            image = read(file, size)
        except ModuleNotFoundError:
            raise
        except Exception as error:  # a broken file makes decoders raise almost anything
            if not skip_unreadable:
                raise DataError(f"cannot read {file} ({error}); skip_unreadable=True leaves it out") from error
            bad.append(file)
            continue
        if x is None:
            x = room(len(files), image.shape)
        if image.shape[1:] != x.shape[2:]:
            (h, w), (h0, w0) = image.shape[1:], x.shape[2:]
            raise DataError(f"{file} is {h} x {w}, but {kept[0]} is {h0} x {w0}: give size=(C, H, W)")
        if len(image) > x.shape[1]:  # one in colour: all in colour
            grey, x = x, room(len(files), image.shape)
            x[: len(kept)] = grey[: len(kept)]
        x[len(kept)] = image
        kept.append(file)
    if bad:
        _warn(f"{path}: {len(bad)} of {len(files)} images cannot be read and are left out, first {bad[0]}")
    if not kept:
        raise DataError(f"{path}: not one of {len(files)} images can be read")
    return x[: len(kept)], kept


def _layout(files, path):
    """(0, 1 or 2 for train, valid and test of each file; its label; the classes, or None for no labels)"""
    inner = [file.relative_to(path).parts[:-1] for file in files]
    tops = sorted({f[0] if f else "." for f in inner})
    domains = [top for top in tops if re.fullmatch("(train|test|val|valid)[-_]?[ab]", top, re.IGNORECASE)]
    if len(domains) > 1:
        raise DataError(
            f"{path} has images of two domains ({', '.join(domains)}): load each folder by itself, "
            f"such as data.folder({str(path / domains[-1])!r})"
        )
    found, part = {PARTS.get(top.lower()) for top in tops}, np.zeros(len(files), int)
    if None not in found or "train" in found and len(found) > 2:
        if None in found or len(found) > 1 and "train" not in found:
            raise DataError(
                f"{path} has {', '.join(tops)}: parts are folders train, val and test, with nothing beside them; move "
                f"the rest elsewhere, or load one part by itself, such as data.folder({str(path / tops[-1])!r})"
            )
        if len(found) > 1:
            part = np.array([("train", "valid", "test").index(PARTS[f[0].lower()]) for f in inner])
        inner = [f[1:] for f in inner]
    elif empty := sorted({p.name for p in path.iterdir() if p.is_dir() and p.name[0] != "."} - set(tops)):
        _warn(f"{path}: no images in {', '.join(empty[:5])}")
    outside = [file for file, f in zip(files, inner) if not f]
    if outside:
        if len(outside) < len(files):
            _warn(
                f"{path}: {len(outside)} of {len(files)} images lie beside the folders, first {outside[0]}, so there "
                "are no labels; if the folders are classes, move them elsewhere"
            )
        return part, np.zeros(len(files), int), None
    classes, y = np.unique([f[0] for f in inner], return_inverse=True)
    return part, y, tuple(map(str, classes))


def _warn(what):
    warnings.warn(what, stacklevel=4)
