"""Your own folder of images."""

import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from lecturekit import data


def paint(path, value=0, size=(6, 4), mode="RGB"):
    """An image of one colour, ``size`` wide and high, saved under ``path``."""
    path.parent.mkdir(exist_ok=True)
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
        assert torch.equal(x, expected[0]) and torch.equal(y, expected[1])


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
    with pytest.raises(data.DataError, match=r"cannot read .*3\.png"):
        for _ in train.batches(torch.arange(len(train)).split(4)):
            pass


def test_small_classes_are_split_together(tmp_path):
    for c in range(10):
        for k in range(3):
            paint(tmp_path / f"c{c}" / f"{k}.png", (c, k, 0))
    small = data.folder(tmp_path)
    assert [len(s) for s in (small.train, small.valid, small.test)] == [24, 3, 3]


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
