"""Your own folder of images."""

import multiprocessing
import os
import sys
import time
import tracemalloc
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from lecturekit import data
from lecturekit.data.split import tenths


def paint(path, value=0, size=(6, 4), mode="RGB"):
    """An image of one colour, ``size`` wide and high, saved under ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)


@pytest.fixture
def classes(tmp_path):
    for k in range(10):
        paint(tmp_path / "cat" / f"{k}.png", (k, 0, 100))
        paint(tmp_path / "dog" / f"{k}.png", (k, 0, 200))
    (tmp_path / "notes.txt").write_text("not an image")
    return tmp_path


def test_sub_folders_are_classes(classes):
    pets = data.load(str(classes), view="levels", levels=16)
    assert pets.classes == ("cat", "dog") and pets.name == classes.name
    assert pets.event_shape == (3, 4, 6)
    assert [torch.bincount(s.y).tolist() for s in (pets.train, pets.valid, pets.test)] == [
        [8, 8],
        [1, 1],
        [1, 1],
    ]
    for split in (pets.train, pets.valid, pets.test):
        assert torch.equal(split.x[:, 2, 0, 0], torch.where(split.y == 0, 100, 200).to(torch.uint8))
    red = torch.cat([s.x[:, 0, 0, 0] for s in (pets.train, pets.valid, pets.test)])
    assert sorted(red.tolist()) == sorted([*range(10)] * 2)
    assert pets.train.batch(torch.arange(3))[0].dtype == torch.int64
    assert torch.equal(data.folder(classes).train.x, pets.train.x)
    assert data.folder(classes, valid=0).valid is None


def test_a_flat_folder_has_no_labels(tmp_path):
    for k in range(3):
        paint(tmp_path / f"{k}.png", k, mode="L")
    grey = data.folder(tmp_path)
    assert grey.event_shape == (1, 4, 6) and grey.train.y is None and grey.classes is None
    assert len(grey.train) == 3 and grey.valid is None and grey.test is None
    paint(tmp_path / "3.png", (9, 8, 7))
    assert data.folder(tmp_path).event_shape == (3, 4, 6)  # one in colour: all in colour


def test_size_scales_and_crops(tmp_path):
    wide = np.zeros((4, 12), np.uint8)
    wide[:, 4:8] = 200  # the middle square
    Image.fromarray(wide).save(tmp_path / "wide.png")
    paint(tmp_path / "other.jpg", (50, 50, 50), size=(9, 9))
    x = data.folder(tmp_path, size=(1, 4, 4)).train.x
    assert sorted(x.flatten(1).float().mean(1).tolist()) == pytest.approx([50, 200], abs=1)
    assert data.folder(tmp_path, size=(3, 2, 5)).event_shape == (3, 2, 5)


def test_a_turned_photograph_is_set_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: the camera was turned by a right angle
    Image.new("RGB", (6, 4)).save(tmp_path / "turned.jpg", exif=exif)
    assert data.folder(tmp_path).event_shape == (3, 6, 4)


def test_different_sizes_need_a_size(tmp_path):
    paint(tmp_path / "a.png")
    paint(tmp_path / "b.png", size=(7, 4))
    with pytest.raises(data.DataError, match=r"b\.png is 4 x 7, but .*a\.png is 4 x 6: give size"):
        data.folder(tmp_path)


@pytest.mark.parametrize("how", ["truncated", "text", "deep"])
def test_an_unreadable_image_is_named_and_skipped_only_when_asked(classes, how):
    bad = classes / "cat" / "bad.png"
    if how == "deep":
        Image.fromarray(np.full((4, 6), 40000, np.uint16)).save(bad)
    else:
        good = (classes / "cat" / "0.png").read_bytes()
        bad.write_bytes(good[: len(good) // 2] if how == "truncated" else b"hello")
    with pytest.raises(data.DataError, match=r"cannot read .*bad\.png .*skip_unreadable=True"):
        data.folder(classes)
    with pytest.warns(UserWarning, match=r"1 of 21 images cannot be read and are left out, first .*bad\.png"):
        pets = data.folder(classes, skip_unreadable=True)
    assert len(pets.train) + len(pets.valid) + len(pets.test) == 20
    bad.unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data.folder(classes, skip_unreadable=True)


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(data.DataError, match="holds no images"):
        data.load(tmp_path)
    (tmp_path / "bad.png").write_bytes(b"hello")
    with pytest.warns(UserWarning), pytest.raises(data.DataError, match="not one of 1 images can be read"):
        data.folder(tmp_path, skip_unreadable=True)
    with pytest.raises(data.DataError, match="no folder"):
        data.folder(tmp_path / "absent")


@pytest.mark.parametrize("size", [(2, 8, 8), (3, 0, 8), (8, 8)])
def test_an_impossible_size_is_refused(tmp_path, size):
    with pytest.raises(ValueError, match=r"give \(C, H, W\)"):
        data.folder(tmp_path, size=size)


# --- images that stay on the disk -----------------------------------------------------------------------------------


def test_on_disk_is_the_same_set_as_in_memory(classes):
    options = {"size": (3, 8, 8), "view": "levels"}
    inside, outside = data.folder(classes, **options), data.folder(classes, **options, in_memory=False)
    assert outside.classes == inside.classes and outside.event_shape == inside.event_shape == (3, 8, 8)
    for a, b in ((inside.train, outside.train), (inside.valid, outside.valid), (inside.test, outside.test)):
        (xa, ya), (xb, yb) = a.tensors(seed=0), b.tensors(seed=0)
        assert torch.equal(xa, xb) and torch.equal(ya, yb) and len(a) == len(b)
        index = torch.tensor([1, 0])
        assert all(torch.equal(p, q) for p, q in zip(a.batch(index), b.batch(index), strict=True))


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_read_the_batches_in_order(classes, workers):
    train = data.folder(classes, size=(3, 8, 8), in_memory=False, workers=workers).train
    wanted = [torch.tensor([i, (5 * i) % 16, 3]) for i in range(12)]
    for index, (x, y) in zip(wanted, train.batches(iter(wanted)), strict=True):
        expected = train.batch(index)
        assert torch.equal(x, expected[0]) and torch.equal(y, expected[1]) and torch.equal(y, train.y[index])


def test_training_from_the_disk_equals_training_from_memory_and_resumes(classes, tmp_path_factory):
    """The same call, the same numbers, noise of the view included; and exact resume, though workers read ahead."""
    from lecturekit import fit
    from lecturekit.variational import VAE

    def train(in_memory, epochs=4, **options):
        torch.manual_seed(0)
        model = VAE((3, 4, 4), latent=2, hidden=(8,))
        split = data.folder(classes, size=(3, 4, 4), view="binary", in_memory=in_memory).train
        history = fit(model, split, epochs=epochs, batch_size=5, progress=False, **options)
        return history["model/loss"]

    inside = train(True)
    assert train(False) == inside
    folder = tmp_path_factory.mktemp("run")
    train(False, epochs=2, checkpoint=folder)
    assert train(False, checkpoint=folder, resume=True) == inside


def test_on_disk_bad_input(classes):
    with pytest.raises(ValueError, match="needs size="):
        data.folder(classes, in_memory=False)
    with pytest.raises(ValueError, match="valid=99"):
        data.folder(classes, size=(3, 8, 8), in_memory=False, valid=99)
    (classes / "cat" / "3.png").write_bytes(b"no image")
    train = data.folder(classes, size=(3, 8, 8), in_memory=False, workers=1, valid=0).train
    with pytest.raises(
        data.DataError, match=r"^cannot read [^\n]*3\.png \(cannot identify[^\n]*$"
    ):  # no worker's traceback
        next(train.batches([torch.arange(len(train))]))


def test_small_classes_are_split_together_and_large_ones_by_themselves(tmp_path):
    for c in range(10):
        for k in range(3):
            paint(tmp_path / f"c{c}" / f"{k}.png")
    with pytest.warns(UserWarning, match="no images of c0, c1, c2, .* in the test part"):
        small = data.folder(tmp_path)
    assert [len(s) for s in (small.train, small.valid, small.test)] == [24, 3, 3]
    for c in "ab":
        for k in range(20):
            paint(tmp_path / c / f"{k}.png")
    with pytest.warns(UserWarning):
        mixed = data.folder(tmp_path)
    assert [torch.bincount(s.y)[:2].tolist() for s in (mixed.train, mixed.valid, mixed.test)] == [
        [16] * 2,
        [2] * 2,
        [2] * 2,
    ]
    assert [(s.y > 1).sum() for s in (mixed.train, mixed.valid, mixed.test)] == [24, 3, 3]


# --- layouts --------------------------------------------------------------------------------------------------------


def shades(split):
    """Which images there are: each is of one grey of its own."""
    return sorted(split.x[:, 0, 0, 0].tolist()) if split else None


@pytest.fixture
def parts(tmp_path):
    """parts("train", "val") makes 20 and 10 images: half cats, half dogs, all of other greys."""

    def make(train, *others):
        shade = iter(range(256))
        for name, n in ((train, 10), *((name, 5) for name in others)):
            for k in range(2 * n):
                paint(tmp_path / name / ("cat", "dog")[k % 2] / f"{k:02d}.png", next(shade), mode="L")
        return tmp_path

    return make


@pytest.mark.parametrize(
    "names, valid, sizes, test",
    [
        (("train", "test"), None, (18, 2, 10), range(20, 30)),
        (("Training", "Testing"), 5, (15, 5, 10), range(20, 30)),
        (("train", "val"), None, (20, 10, None), None),
        (("train", "test", "valid"), None, (20, 10, 10), range(20, 30)),
        (("train", "test", "validation"), 0, (30, None, 10), range(20, 30)),
        (("train",), None, (16, 2, 2), None),
    ],
)
def test_folders_named_as_parts_are_the_parts(parts, names, valid, sizes, test):
    for in_memory in True, False:
        found = data.folder(parts(*names), size=(1, 4, 6), valid=valid, in_memory=in_memory)
        splits = (found.train, found.valid, found.test)
        assert found.classes == ("cat", "dog") and tuple(s and len(s) for s in splits) == sizes
        for split in filter(None, splits):  # mixed, and the labels those of the images
            assert torch.equal(split.tensors()[0][:, 0, 0, 0].mul(255).round().long() % 2, split.y)
            assert len(split) < 5 or split.y.tolist() not in (sorted(split.y.tolist()), sorted(split.y.tolist())[::-1])
        if in_memory:
            everything = sorted(shade for split in filter(None, splits) for shade in shades(split))
            assert everything == [*range(20 + 10 * (len(names) - 1))] and (
                test is None or shades(found.test) == [*test]
            )
            if "valid" in names:
                assert shades(found.valid) == [*range(30, 40)]
    if names == ("train", "test"):
        assert torch.bincount(found.valid.y).tolist() == [1, 1]


def test_layouts_that_are_no_classes_are_refused_or_said(tmp_path, parts):
    def refused(match, *paths):
        for path in paths:
            paint(tmp_path / path)
        with pytest.raises(data.DataError, match=match):
            data.folder(tmp_path)
        for path in paths:
            (tmp_path / path).unlink()

    cyclegan = ("trainA/0.png", "trainB/0.png", "testA/0.png", "testB/0.png")
    refused(r"two domains \(testA, testB, trainA, trainB\): .* data.folder\('.*trainB'\)", *cyclegan)
    refused("two domains", *cyclegan, "cover.png")
    refused("has test, val: parts are folders train, val and test", "test/0.png", "val/0.png")
    parts("train", "test")
    refused("has extra, test, train: parts .* move the rest elsewhere", "extra/0.png")
    refused("has ., test, train: parts", "cover.png")
    refused("has ., test, train: parts", ".hidden/../cover.png")
    paint(tmp_path / "test" / "bird" / "0.png", mode="L")
    paint(tmp_path / "test" / "fox" / "0.png", mode="L")
    with pytest.warns(UserWarning, match="no images of bird, fox in the train part"):
        assert data.folder(tmp_path).classes == ("bird", "cat", "dog", "fox")


def test_rows_of_pixels_stay_together(tmp_path):
    """Images whose pixels all say which image it is, and where."""
    for k in range(20):
        Image.fromarray((10 * k + np.arange(6).reshape(3, 2)).astype(np.uint8)).save(tmp_path / f"{k:02d}.png")
    found = data.folder(tmp_path)
    x = torch.cat([s.x for s in (found.train, found.valid, found.test)])[:, 0].int()
    assert torch.equal(x - x[:, :1, :1], torch.arange(6).view(1, 3, 2).expand(20, 3, 2).int())
    pool, test, _ = tenths(np.zeros(20))  # of the files in the order of their names
    assert torch.equal(x[:, 0, 0] // 10, torch.cat([pool, test]))


def test_what_is_left_out_leaves_no_gap(tmp_path):
    for k in range(10):
        for name in "ab":
            paint(tmp_path / name / f"{k}.png", 10 * k + (name == "b"), mode="L")
    for name in "a/0.png", "a/5.png", "b/0.png", "b/9.png":
        (tmp_path / name).write_bytes(b"no image")
    with pytest.warns(UserWarning, match="4 of 20 images"):
        found = data.folder(tmp_path, skip_unreadable=True, valid=0)
    x, y = (torch.cat([getattr(s, key) for s in (found.train, found.test)]) for key in "xy")
    assert torch.equal(x[:, 0, 0, 0] % 10, y.byte())
    assert sorted(x[:, 0, 0, 0].tolist()) == sorted({*range(0, 100, 10)} - {0, 50} | {*range(1, 100, 10)} - {1, 91})


def test_the_first_folder_is_the_class(tmp_path):
    for k in range(10):
        paint(tmp_path / "cat" / "siamese" / f"{k}.PNG")
        paint(tmp_path / "dog" / "poodle" / f"{k}.Jpg")
    assert data.folder(tmp_path).classes == ("cat", "dog")


def test_a_class_may_be_called_train(tmp_path):
    for name in "train", "bus":
        for k in range(10):
            paint(tmp_path / name / f"{k}.png")
    assert data.folder(tmp_path).classes == ("bus", "train")


def test_what_takes_the_labels_away_is_said(classes):
    (classes / "README.md").write_text("no image")
    (classes / ".DS_Store").write_text("hidden")
    (classes / "fox").mkdir()
    with pytest.warns(UserWarning, match="no images in fox"):
        assert data.folder(classes).classes == ("cat", "dog")
    (classes / "fox").rmdir()
    paint(classes / "cover.png")
    with pytest.warns(
        UserWarning, match=r"1 of 21 images lie beside the folders, first .*cover.png, so there are no lab"
    ):
        assert data.folder(classes).classes is None


def test_links_are_followed_but_not_in_circles(classes, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for k in range(10):
        paint(elsewhere / "fox" / f"{k}.png")
    paint(elsewhere / "one.png")
    (classes / "fox").symlink_to(elsewhere / "fox")
    (classes / "cat" / "one.png").symlink_to(elsewhere / "one.png")
    (classes / "cat" / "again.png").symlink_to("again.png")
    (classes / "cat" / "gone.png").symlink_to("nowhere.png")
    (classes / "dog" / "up").symlink_to(classes)
    (elsewhere / "fox" / "self").symlink_to(elsewhere / "fox")
    found = data.folder(classes)
    assert found.classes == ("cat", "dog", "fox")
    y = torch.cat([s.y for s in (found.train, found.valid, found.test)])
    assert torch.bincount(y).tolist() == [11, 10, 10]


def test_a_folder_that_cannot_be_read_is_named(classes, monkeypatch):
    scandir = os.scandir

    def locked(path):
        if str(path).endswith("dog"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr("os.scandir", locked)
    with pytest.raises(data.DataError, match=r"folder .*dog cannot be read .*Permission denied"):
        data.folder(classes)


# --- pixels ---------------------------------------------------------------------------------------------------------


def palette(colours, **info):
    image = Image.new("P", (2, 1))
    image.putpalette([c for colour in colours for c in colour])
    image.putdata([0, 1])
    return image, info


PIXELS = {  # name -> (image, how it is saved), and its pixels, channel by channel
    "1 bit": ((Image.new("1", (2, 1), 1), {}), [[255, 255]]),
    "grey": ((Image.new("L", (2, 1), 7), {}), [[7, 7]]),
    "grey, half transparent": ((Image.new("LA", (2, 1), (55, 128)), {}), [[155, 155]]),
    "colour, transparent": ((Image.new("RGBA", (2, 1), (200, 10, 0, 0)), {}), [[255, 255]] * 3),
    "colour, opaque": ((Image.new("RGBA", (2, 1), (200, 10, 0, 255)), {}), [[200, 200], [10, 10], [0, 0]]),
    "colour, a fifth": ((Image.new("RGBA", (2, 1), (255, 5, 0, 51)), {}), [[255, 255], [205, 205], [204, 204]]),
    "a transparent grey": ((Image.new("L", (2, 1), 7), {"transparency": 7}), [[255, 255]]),
    "a transparent colour": ((Image.new("RGB", (2, 1), (1, 2, 3)), {"transparency": (1, 2, 3)}), [[255, 255]] * 3),
    "a palette": (palette([(1, 2, 3), (4, 5, 6)]), [[1, 4], [2, 5], [3, 6]]),
    "a palette of nearly greys": (palette([(9, 9, 9), (4, 4, 6)]), [[9, 4], [9, 4], [9, 6]]),
    "a palette of greys": (palette([(9, 9, 9), (200, 200, 200)]), [[9, 200]]),
    "a palette, one transparent": (palette([(1, 2, 3), (4, 5, 6)], transparency=0), [[255, 4], [255, 5], [255, 6]]),
    "a palette of greys, one transparent": (palette([(9, 9, 9), (8, 8, 8)], transparency=1), [[9, 255]]),
    "a palette, transparent as bytes": (palette([(0, 0, 0), (0, 0, 0)], transparency=b"\x33\xff"), [[204, 0]]),
    "CMYK": ((Image.new("CMYK", (2, 1), (0, 255, 255, 0)), {"format": "TIFF"}), [[255, 255], [0, 0], [0, 0]]),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", PIXELS)
def test_transparent_pixels_lie_on_white_and_greys_stay_grey(tmp_path, name):
    (image, how), pixels = PIXELS[name]
    image.save(tmp_path / ("a.tif" if how.get("format") == "TIFF" else "a.png"), **how)
    assert data.folder(tmp_path).train.x[0, :, 0].tolist() == pixels
    grey = data.folder(tmp_path, size=(1, 1, 2)).train.x[0, 0, 0]
    colour = data.folder(tmp_path, size=(3, 1, 2)).train.x[0, :, 0]
    assert colour.tolist() == (pixels * 3 if len(pixels) == 1 else pixels)
    assert torch.equal(grey, colour[0]) or len(pixels) == 3


@pytest.mark.parametrize("orientation", range(2, 9))
def test_every_orientation_is_undone(tmp_path, orientation):
    """Pillow's own table of the seven, by what a viewer shows: the corner with the mark is up and left."""
    upright = np.zeros((4, 6), np.uint8)
    upright[0, 0], upright[0, 1] = 255, 128
    stored = {
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: np.rot90(upright, 2).T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(data.folder(tmp_path).train.x[0, 0].numpy(), upright)


@pytest.mark.parametrize("options", [{}, {"size": (3, 256, 256)}, {"skip_unreadable": True}])
def test_pixels_are_in_memory_once(tmp_path, options):
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    for k in range(60):
        (tmp_path / "ab"[k % 2]).mkdir(exist_ok=True)
        Image.fromarray(noise).save(tmp_path / "ab"[k % 2] / f"{k}.bmp")
    data.folder(tmp_path, **options)  # whatever is imported on the way
    tracemalloc.start()
    found = data.folder(tmp_path, **options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.25 * 60 * noise.size and len(found.train) == 48


def test_one_in_colour_makes_all_so_wherever_it_stands(tmp_path):
    for k in range(4):
        paint(tmp_path / f"{k}.png", 10 * k, mode="L")
    paint(tmp_path / "2.png", (1, 2, 3))
    x = data.folder(tmp_path).train.x[:, :, 0, 0]
    assert sorted(x.tolist()) == [[0] * 3, [1, 2, 3], [10] * 3, [30] * 3]


BAD = [
    (lambda f: data.folder(None), "named by its path, not by None"),
    (lambda f: data.folder(b"x"), "named by its path, not by b'x'"),
    (lambda f: data.folder(f / "notes.txt"), r"no folder .*notes.txt: it is a file.*data.from_arrays\('"),
    (lambda f: data.load(f / "notes.txt"), "no folder .*notes.txt: it is a file"),
    (lambda f: data.folder(f, view="identity"), "view='identity' is for points"),
    (lambda f: data.folder(f, view=None), "unknown view None"),
    (lambda f: data.folder(f, view=["unit"]), "unknown view"),
    (lambda f: data.load(f, view=""), "unknown view ''"),
    (lambda f: data.folder(f, size=64), r"size=64: give \(C, H, W\)"),
    (lambda f: data.folder(f, size="big"), r"size='big': give \(C, H, W\)"),
    (lambda f: data.folder(f, size=(1, 8.5, 8)), r"give \(C, H, W\), whole numbers"),
    (lambda f: data.folder(f, size=(3, 8, -8)), r"give \(C, H, W\)"),
    (lambda f: data.folder(f, size=(3, 10**6, 10**6)), "no memory for 20 images of shape .*Unable to allocate .* TiB"),
    (lambda f: data.folder(f, size=(3, 10**12, 10**12)), "no memory for 20 images"),
    (lambda f: disk(f, size=(3, 10**6, 10**6)).pixels(), "no memory for 16 images .* smaller size"),
    (lambda f: data.folder(f, valid=2.5), "valid=2.5: .* whole number"),
    (lambda f: data.folder(f, valid=True), "valid=True"),
    (lambda f: disk(f, workers=-1), "workers must be a whole number of at least 0, not -1"),
    (lambda f: disk(f, workers="2"), "workers must be a whole number"),
    (lambda f: disk(f, workers=1.0), "workers must be a whole number"),
    (lambda f: disk(f).batch([0]), "index must be a tensor"),
    (lambda f: disk(f).batch(torch.tensor([-1])), "-1 is not one of 16 images"),
    (lambda f: disk(f).batch(torch.tensor([16])), "16 is not one of 16 images"),
    (lambda f: disk(f).tensors(seed="a"), "seed must be a whole number"),
    (lambda f: disk(f)[torch.tensor(3)], "slice or a tensor of indices"),
    (lambda f: disk(f)[[3]], "slice or a tensor of indices"),
]


def disk(folder, size=(3, 4, 4), **options):
    return data.folder(folder, size=size, in_memory=False, **options).train


@pytest.mark.parametrize("call, message", BAD, ids=[message for _, message in BAD])
@pytest.mark.usefixtures("as_users_call")
def test_a_bad_argument_is_named(classes, call, message):
    with pytest.raises((ValueError, TypeError, IndexError, data.DataError), match=message):
        call(classes)


@pytest.mark.usefixtures("as_users_call")
def test_numpy_numbers_are_numbers(classes):
    some = data.folder(classes, size=np.array([3, 4, 6]), valid=np.int64(5), view="levels", levels=np.int16(4))
    assert len(some.valid) == 5 and some.train.view == data.View("levels", 4) and type(some.train.view.levels) is int


# --- processes ------------------------------------------------------------------------------------------------------


def test_without_fork_a_script_needs_a_guard(classes, monkeypatch, tmp_path):
    """A process that spawn begins runs the script from its top, and would come to the same line."""
    monkeypatch.setattr(multiprocessing, "get_start_method", lambda: "spawn")
    script, batches = tmp_path / "script.py", iter([torch.arange(2)])
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(script), raising=False)
    script.write_text("from lecturekit import data")
    with pytest.raises(
        RuntimeError, match=r'(?s)script.py from its top.*\n    if __name__ == "__main__":\n        main\(\)'
    ):
        next(disk(classes).batches(batches))
    assert len(next(disk(classes, workers=0).batches(batches))[0]) == 2
    script.write_text('if __name__ == "__main__":\n    main()')
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    with pytest.raises(RuntimeError, match="from its top"):
        next(disk(classes).batches(iter([torch.arange(2)])))
    monkeypatch.undo()


@pytest.mark.skipif(not os.path.exists("/proc/self"), reason="needs /proc")
def test_a_reader_that_is_killed_is_said_once(classes):
    batches = disk(classes).batches(iter(lambda: torch.arange(2), None))
    next(batches)
    os.kill(multiprocessing.active_children()[0].pid, 9)
    with pytest.raises(data.DataError, match="processes that read images failed .*fewer workers=") as kept:
        for _ in range(10**5):
            next(batches)
    for _ in range(1200):  # the other one ends soon, although the error is kept: its end would be another error
        if not multiprocessing.active_children():
            break
        time.sleep(0.05)
    assert kept and not multiprocessing.active_children()


def test_what_is_hidden_or_no_file_is_passed_over(classes):
    paint(classes / "cat" / "x.png")
    (classes / "cat" / ".ipynb_checkpoints").mkdir()
    paint(classes / "cat" / ".ipynb_checkpoints" / "0-checkpoint.png")
    (classes / "cat" / "folder.png").mkdir()
    sets = data.folder(classes, size=(3, 4, 6))
    assert sum(len(s) for s in (sets.train, sets.valid, sets.test)) == 21


def test_grey_with_alpha_is_grey(tmp_path):
    for k in range(5):
        paint(tmp_path / f"{k}.png", (k, 255), mode="LA")
    assert data.folder(tmp_path).event_shape[0] == 1


def test_a_path_that_is_not_there_is_said_to_be_so():
    with pytest.raises(data.DataError, match="no folder some/where/mnist"):
        data.load("some/where/mnist")
