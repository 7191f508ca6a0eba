"""Arrays, files of arrays and torch's data sets: each becomes the same pixels, or an error that says what was found."""

import gzip
import warnings

import numpy as np
import pytest
import scipy.io
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset
from torchvision.datasets import ImageFolder
from torchvision.transforms import Grayscale, ToTensor

from lecturekit import data
from lecturekit.data import from_arrays
from lecturekit.data.readers import idx_array

RNG = np.random.default_rng(0)
X, Y = RNG.integers(0, 256, (40, 5, 5), np.uint8), np.arange(40) % 3  # height and width are equal: rows of a square
X[0, 0, :2] = 0, 255
RGB = RNG.integers(0, 256, (40, 4, 6, 3), np.uint8)


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


@pytest.fixture
def files(written, monkeypatch):
    """Files of arrays, in the folder where a test is."""
    monkeypatch.chdir(written)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("arrays")
    write(tmp_path)
    return tmp_path


def write(tmp_path):
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y.astype(np.int16))
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "y.npy.gz").write_bytes(gzip.compress((tmp_path / "y.npy").read_bytes()))
    np.savez(tmp_path / "both.npz", pictures=X, digits=Y[:, None])
    np.savez(tmp_path / "x.npz", X)
    np.savez(tmp_path / "four.npz", x_train=X, y_train=Y, x_test=X, y_test=Y)
    np.savez(tmp_path / "objects.npz", x=np.array([{}], dtype=object))
    scipy.io.savemat(tmp_path / "svhn.mat", {"X": RGB.transpose(1, 2, 3, 0), "y": Y[:, None].astype(float)})
    scipy.io.savemat(tmp_path / "octave.mat", {"images": X.transpose(1, 2, 0), "labels": Y[None]})
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(X)))
    (tmp_path / "train-labels.idx1-ubyte").write_bytes(idx(Y.astype(np.uint8)))
    (tmp_path / "cut-ubyte").write_bytes(idx(X)[:-1])
    rows, names = np.column_stack([Y, X.reshape(40, -1)]), [f"pixel{i}" for i in range(25)]
    for file, table, head in (
        ("kaggle.csv", rows, ["label", *names]),
        ("last.csv.gz", np.roll(rows, -1, 1), [*names, '"Class"']),
        ("grid.csv", rows, ["label", *(f"{i}x{j}" for i in range(1, 6) for j in range(1, 6))]),
        ("pixels.csv", rows[:, 1:], names),
        ("bare.csv", rows, None),
        ("barest.csv", rows[:, 1:], None),
        ("two.csv", np.column_stack([Y, rows]), ["id", "label", *names]),
    ):
        np.savetxt(tmp_path / file, table, "%d", ",", header=",".join(head or []), comments="")
    for file in "bare.csv", "barest.csv":  # without the empty line of no header
        (tmp_path / file).write_text((tmp_path / file).read_text().lstrip())
    (tmp_path / "page.csv").write_text("<html>no table</html>")
    (tmp_path / "model.pt").write_bytes(b"x")
    for k, x in enumerate(X):
        (tmp_path / "classes" / str(Y[k])).mkdir(parents=True, exist_ok=True)
        Image.fromarray(x).save(tmp_path / "classes" / str(Y[k]) / f"{k:02d}.png")


class Items(Dataset):
    """Any items as a map-style data set."""

    def __init__(self, *items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


class Endless(IterableDataset):
    def __iter__(self):
        yield X[0]


SAME = {  # name -> call, whether it has labels, and what is guessed
    "rows": (lambda: (X.reshape(40, -1), Y), True, None),
    "without labels": (lambda: X, False, None),
    "channel first": (lambda: (torch.tensor(X)[:, None], torch.tensor(Y)), True, None),
    "channel last": (lambda: (X[..., None], Y), True, r"\(N, H, W, C\)"),
    "in 0 .. 1": (lambda: (torch.tensor(X) / 255, torch.tensor(Y).to(torch.uint8)), True, None),
    "float64 in 0 .. 1, with a gradient": (lambda: (torch.tensor(X / 255.0, requires_grad=True), Y), True, None),
    "whole floats": (lambda: (X.astype(np.float64), Y.astype(np.float32)), True, None),
    "int64": (lambda: (X.astype(np.int64), Y.astype(np.uint16)), True, None),
    "npy": (lambda: ("x.npy", "y.npy"), True, None),
    "npy.gz beside an array": (lambda: (X, "y.npy.gz"), True, None),
    "npz": (lambda: "both.npz", True, None),
    "npz of one": (lambda: "x.npz", False, None),
    "npz beside labels": (lambda: ("both.npz", Y), True, None),
    "mat, (H, W, N)": (lambda: "octave.mat", True, None),
    "IDX": (lambda: ("train-images-idx3-ubyte.gz", "train-labels.idx1-ubyte"), True, None),
    "Kaggle's csv": (lambda: "kaggle.csv", True, None),
    "csv with the label last": (lambda: "last.csv.gz", True, None),
    "csv, rows x columns": (lambda: "grid.csv", True, None),
    "csv without labels": (lambda: "pixels.csv", False, None),
    "csv without a header": (lambda: "bare.csv", True, "first column is taken for the labels"),
    "csv without both": (lambda: "barest.csv", False, None),
    "a Dataset of PIL images": (lambda: Items(*((Image.fromarray(x), int(y)) for x, y in zip(X, Y))), True, None),
    "a Dataset of tensors": (lambda: TensorDataset(torch.tensor(X)[:, None] / 255, torch.tensor(Y)), True, None),
    "a Dataset of images only": (lambda: Items(*X), False, None),
}


@pytest.mark.parametrize("name", SAME)
def test_whatever_holds_them_the_pixels_are_the_same(files, name):
    source, labelled, guess = SAME[name]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = from_arrays(source(), view="binary", valid=0)
    assert len(caught) == bool(guess)
    if guess:
        with pytest.warns(UserWarning, match=guess):
            from_arrays(source())
    expected = data.split.tenths(Y if labelled else np.zeros(40))  # where each should be
    for split, index in ((found.train, expected[0]), (found.test, expected[1])):
        assert torch.equal(split.x, torch.tensor(X[:, None])[index]) and split.view == data.View("binary")
        assert torch.equal(split.y, torch.tensor(Y)[index]) if labelled else split.y is None
        assert split.x.dtype == torch.uint8 and (split.y is None or split.y.dtype == torch.int64)
    assert found.valid is None and found.classes is None


@pytest.mark.parametrize("source", [(RGB, Y), (RGB.transpose(1, 2, 3, 0), Y), "svhn.mat"])
def test_colour_goes_first(files, source):
    with pytest.warns(UserWarning, match="is taken for"):
        found = from_arrays(source, source, valid=40 - 7)
    assert torch.equal(found.test.x, torch.tensor(RGB).permute(0, 3, 1, 2)) and found.test.y.tolist() == Y.tolist()
    assert len(found.train) == 7 and len(found.valid) == 33


def test_a_folder_of_torchvision_with_its_classes(files):
    """With a test part, nothing but a tenth of each class is set aside; ToTensor makes no difference."""
    some, floats = (ImageFolder("classes", transform=t) for t in (None, ToTensor()))
    few = [Subset(part, range(7)) for part in (some, floats)]
    a, b = (from_arrays(part, test, "levels", levels=4) for part, test in zip((some, floats), few))
    assert a.classes == b.classes == ("0", "1", "2") and a.event_shape == (3, 5, 5)
    assert torch.bincount(a.valid.y).tolist() == [1, 1, 1] and len(a.train) == 37 and len(a.test) == 7
    for split in "train", "valid", "test":
        assert torch.equal(getattr(a, split).x, getattr(b, split).x)
        assert torch.equal(getattr(a, split).y, getattr(b, split).y)
    assert sorted(bytes(x[0]) for x in torch.cat([a.train.x, a.valid.x]).numpy()) == sorted(map(bytes, X))
    assert from_arrays(ImageFolder("classes", transform=Grayscale())).event_shape == (1, 5, 5)


@pytest.mark.parametrize(
    "x, pixels, said",
    [
        (np.array([0, 1]), [0, 255], "black and white"),
        (np.array([0, 1], np.uint8), [0, 255], "black and white"),
        (np.array([False, True]), [0, 255], None),
        (np.array([0.0, 1.0]), [0, 255], None),
        (np.array([0.0, 16.0]), [0, 16], r"from 0.0 to 16.0 .* so dark; else: \(x \* \(255 / 16.0\)\)"),
        (np.array([0, 128]), [0, 128], None),
        (np.array([0, 51, 254]) / 255 + 1e-7, [0, 51, 254], None),
        (np.array([51, 102, 254]) / 255 - 1e-7, [51, 102, 254], None),
    ],
)
def test_levels(x, pixels, said):
    x = np.broadcast_to(x[:, None, None], (len(x), 2, 2))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = from_arrays(x)
    assert sorted(found.train.x[:, 0, 0, 0].tolist()) == pixels
    assert len(caught) == bool(said)
    if said:
        with pytest.warns(UserWarning, match=said):
            from_arrays(x)


def test_whole_levels_are_asked_of_every_item():
    x = np.zeros((2000, 2, 2))
    x[:, 0, 0] = 1
    x[1500, 1, 1] = 0.3
    with pytest.raises(data.DataError, match=r"no whole levels of 255; to the nearest: \(x \* 255\)"):
        from_arrays(x)


BAD = [
    (lambda: from_arrays(None), "not NoneType"),
    (lambda: from_arrays(5), "not int"),
    (lambda: from_arrays([X, Y]), "not list"),
    (lambda: from_arrays((X, list(Y))), "not list"),
    (lambda: from_arrays(DataLoader(TensorDataset(torch.tensor(X)))), "not DataLoader"),
    (lambda: from_arrays(Endless()), "not Endless"),
    (lambda: from_arrays(data.load("digits-8x8").train), "not Split"),
    (lambda: from_arrays(X.astype(object)), "not object"),
    (lambda: from_arrays((X, Y.astype(object))), "not object"),
    (lambda: from_arrays(X * 1j), "complex128"),
    (lambda: from_arrays(X[:0]), r"uint8 \(0, 1, 5, 5\)"),
    (lambda: from_arrays(X[0]), r"square, not \(5, 5\)"),
    (lambda: from_arrays(X[0, 0]), r"square, not \(5,\)"),
    (lambda: from_arrays(np.zeros((5, 8, 8, 4))), r"C = 1 or 3.*not \(5, 8, 8, 4\)"),
    (lambda: from_arrays(np.zeros((9, 1))), r"not \(9, 1\)"),
    (lambda: from_arrays(X * np.nan), "from nan to nan"),
    (lambda: from_arrays(X / 127.5 - 1), r"from -1.0 to 1.0; of x from -1 to 1: \(x \+ 1\) / 2"),
    (lambda: from_arrays(X.astype(int) * 2), "from 0 to 510"),
    (lambda: from_arrays(X.astype(int) - 1), "from -1 to 254"),
    (lambda: from_arrays(X / 254), r"no whole levels.*\(x \* 255\)"),
    (lambda: from_arrays((X, Y[:6])), r"40 images need labels \(40,\).*not int64 \(6,\)"),
    (lambda: from_arrays((X, np.eye(3)[Y])), r"not float64 \(40, 3\): y.argmax\(1\)"),
    (lambda: from_arrays((X, Y - 1)), "whole numbers from 0"),
    (lambda: from_arrays((X, Y + 0.5)), "whole numbers from 0, not float64"),
    (lambda: from_arrays((X, Y.astype(str))), "whole numbers from 0, not <U"),
    (lambda: from_arrays((X, Y), X), r"with labels, but test .* without labels"),
    (lambda: from_arrays(X, X[:, :, :4]), r"\(1, 5, 5\).*but test .*\(1, 5, 4\)"),
    (lambda: from_arrays(X, valid=40), "valid=40: arrays has 36 items"),
    (lambda: from_arrays(X, view="identity"), "view='identity' does not see torch.uint8"),
    (lambda: from_arrays(X, view="unite"), "did you mean 'unit'"),
    (lambda: from_arrays(Items(*X, X[0, :4])), r"item 40 is uint8 \(4, 5\), but item 0 uint8 \(5, 5\): resize"),
    (lambda: from_arrays(Items(*X, X[0] / 255)), r"item 40 is float64"),
    (lambda: from_arrays(Items({"image": X[0]})), r"images or \(image, label\), not dict: .'image'"),
    (lambda: from_arrays(Items((X[0], 1, 2))), r"\(image, label\), not tuple"),
    (lambda: from_arrays(Items(Image.new("I;16", (5, 5)))), "more than 8 bits"),
    (lambda: from_arrays("absent.npz"), r"cannot read absent.npz as arrays.*No such file"),
    (lambda: from_arrays("."), "cannot read .*directory"),
    (lambda: from_arrays("four.npz"), r"holds x_train uint8 \(40, 5, 5\), y_train .*from_arrays\(\(images, labels\)\)"),
    (lambda: from_arrays("objects.npz"), "Object arrays cannot be loaded"),
    (lambda: from_arrays("objects.npy"), "Object arrays cannot be loaded"),
    (lambda: from_arrays("model.pt"), "files of arrays are .npy.*nothing is unpickled"),
    (lambda: from_arrays("cut-ubyte"), "header does not describe it"),
    (lambda: from_arrays("page.csv"), "cannot read page.csv as arrays"),
    (lambda: from_arrays(X + 0.5), r"from 0.5 to 255.5"),
    (lambda: from_arrays(X / 255 * 254 + 0.5), r"no whole levels.*\(x \* 1\)"),
    (lambda: from_arrays("two.csv"), r"columns \['id', 'label'\] are no pixels"),
]


@pytest.mark.parametrize("call, message", BAD, ids=[message for _, message in BAD])
def test_what_is_no_images_is_said(files, call, message):
    with pytest.raises((data.DataError, ValueError, TypeError), match=message):
        call()


def test_the_callers_array_is_copied():
    x = X.copy()
    found = from_arrays(x, x, valid=0)
    x[:] = 0
    assert found.train.x.any() and found.test.x.any()


def test_idx_has_any_number_of_axes():
    x = np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5)
    for array in x, x[0], x[0, 0], x[0, 0, 0]:
        assert np.array_equal(idx_array(idx(array)), array)
    for raw in b"", idx(x)[:-1], idx(x) + b"0", b"\0\0\x0d" + idx(x)[3:]:
        with pytest.raises(ValueError, match="header"):
            idx_array(raw)
