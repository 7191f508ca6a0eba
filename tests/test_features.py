"""Named networks: what the shipped one reads, and that batches, order, colour and size are treated as it says."""

import hashlib
import json
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from lecturekit import data
from lecturekit.evaluate import Features, features, network
from lecturekit.evaluate.features import OURS, DigitsAndClothes, check

NAME = "digits-and-clothes-1"
FILE = Path(features.__file__).with_name(f"{NAME}.safetensors")
RESULTS = Path(__file__).parents[1] / "benchmarks" / "results" / "feature_network.json"


@pytest.fixture(scope="module")
def net():
    return network(NAME)


@pytest.fixture(scope="module")
def digits():
    return data.load("mnist-5k").test.tensors()


def test_it_reads_digits(net, digits):
    """These are MNIST training images, as all of mnist-5k, so it has seen them; the test images are in RESULTS."""
    x, y = digits
    assert (net(x)[1].argmax(1) == y).float().mean() > 0.97


def test_what_was_measured_is_what_is_shipped():
    rows = {row["name"]: row for row in json.loads(RESULTS.read_text(encoding="utf-8"))}
    assert set(rows) == set(OURS)
    for name, row in rows.items():
        packed = FILE.with_name(f"{name}.safetensors").read_bytes()
        assert row["sha256"] == OURS[name] == hashlib.sha256(packed).hexdigest()
        assert row["digits_percent"] > 98.5 and row["clothes_percent"] > 90


def test_the_file_is_small_and_in_half_precision(net):
    assert FILE.stat().st_size <= 300_000
    stored = load_file(FILE)
    assert {t.dtype for t in stored.values() if t.is_floating_point()} == {torch.float16}
    for name, t in net.state_dict().items():
        assert t.dtype == (torch.float32 if t.is_floating_point() else torch.int64)
        assert torch.equal(t, stored[name].to(t.dtype))


def test_shapes_and_kinds(net, digits):
    found, logits = net(digits[0][:3])
    assert found.shape == (3, 128) and logits.shape == (3, 20)
    assert found.dtype == logits.dtype == torch.float32 and not found.requires_grad
    assert (found >= 0).all() and net.name == NAME and not net.training


def test_batches_and_order_change_nothing(net, digits, monkeypatch):
    x = digits[0][:50]
    found, logits = net(x)
    order = torch.randperm(50)
    for size in (1, 7, 1000):
        monkeypatch.setattr(features, "AT_ONCE", size)
        assert torch.allclose(net(x[order])[0], found[order], atol=1e-5)
        assert torch.allclose(net(x[order])[1], logits[order], atol=1e-4)


def test_looking_changes_nothing(digits):
    """In train mode a batch normalization would move its averages, and an image depend on its neighbours."""
    net = DigitsAndClothes().train()
    before = {name: t.clone() for name, t in net.state_dict().items()}
    x = digits[0][:4]
    assert torch.allclose(net(x)[0][:1], net(x[:1])[0], atol=1e-5)
    assert net.training and all(torch.equal(t, before[name]) for name, t in net.state_dict().items())


def test_colours_by_luminance(net, digits):
    """Red, green and blue of one image, each at what its weight makes of it."""
    x = digits[0][:2]
    for channel, weight in enumerate((0.299, 0.587, 0.114)):
        colour = torch.zeros(2, 3, 28, 28)
        colour[:, channel] = x[:, 0]
        assert torch.allclose(net(colour)[0], net(weight * x)[0], atol=1e-4)
    assert torch.allclose(net(x.expand(-1, 3, -1, -1))[0], net(x)[0], atol=1e-4)


def test_other_sizes_are_scaled_without_aliasing(net, digits):
    """Pixels doubled are averaged back; a checkerboard of single pixels is grey, not black or white."""
    x = digits[0][:2]
    whole = F.interpolate(x, scale_factor=4)
    smoothed = F.interpolate(whole, (28, 28), mode="bilinear", antialias=True)
    assert torch.allclose(net(whole)[0], net(smoothed)[0], atol=1e-4)
    board = (torch.arange(112)[:, None] + torch.arange(112)) % 2 * torch.ones(1, 1, 1, 1)
    assert torch.allclose(net(board)[0], net(torch.full((1, 1, 28, 28), 0.5))[0], atol=0.02)
    assert torch.allclose(net(torch.full((1, 1, 7, 13), 0.3))[0], net(torch.full((1, 1, 28, 28), 0.3))[0], atol=1e-4)


def test_distances_see_what_eyes_see(net, digits):
    """Other real digits, noisy ones, only ones, noise: each is further off than the one before, by either distance."""
    x, y = digits
    torch.manual_seed(0)
    real = Features.of(net, x[:250], "mnist-5k test")
    noisy = lambda scale: (x[250:] + scale * torch.randn_like(x[250:])).clamp(0, 1)
    images = [x[250:], noisy(0.2), x[250:][y[250:] == 1], torch.rand_like(x[250:])]
    made = [Features.of(net, some, "images") for some in images]
    for distance in (Features.frechet_distance, Features.kernel_distance):
        near, *far = (distance(some, real).value for some in made)
        assert 1.5 * near < far[0] < far[1] < far[2]
    good, fair, same, none = (some.inception_score(1).value for some in made)
    assert 8 < good <= 10.5 and fair > 7 and same < 2 and none < 2
    assert str(made[0].frechet_distance(real)).endswith(f"({NAME}; 250 of images against 250 of mnist-5k test)")


def test_bad_images():
    x = torch.rand(2, 1, 28, 28)
    for bad in (x[0], x.flatten(1), torch.rand(2, 4, 28, 28), x[:0]):
        with pytest.raises(ValueError, match="shape \\(B, C, H, W\\).*not \\("):
            check(bad)
    with pytest.raises(ValueError, match="from -1 to .*\\(x \\+ 1\\) / 2"):
        check(torch.full((1, 1, 2, 2), -1.0))
    with pytest.raises(ValueError, match="to 255"):
        check(255 * torch.ones(1, 1, 2, 2))
    with pytest.raises(ValueError, match="torch.uint8; of bytes: x / 255"):
        check((255 * x).byte())
    x[1, 0, 3, 3] = torch.nan
    with pytest.raises(ValueError, match="nan"):
        check(x)


def test_an_unknown_name_and_a_changed_file(monkeypatch):
    with pytest.raises(ValueError, match=f"'resnet': there are {NAME}.*inception-v3"):
        network("resnet")
    monkeypatch.setitem(OURS, NAME, "0" * 64)
    with pytest.raises(OSError, match="is not the file that has this name"):
        network(NAME)


def test_inception_needs_a_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", None)
    with pytest.raises(ImportError, match=f"pip install torch-fidelity; without it there is {NAME}"):
        network("inception-v3")


class Recorded(torch.nn.Module):
    """In torch-fidelity's place: what InceptionV3 is given."""

    def __init__(self, name, wanted):
        super().__init__()
        assert wanted == ["2048", "logits_unbiased"]
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, x):
        assert x.dtype == torch.uint8 and x.shape[1] == 3
        return x.float().flatten(1)[:, :2048].contiguous(), x.float().flatten(1)[:, :1008].contiguous()


@pytest.fixture
def fidelity(monkeypatch):
    """A module of the name that is imported, whether or not torch-fidelity is installed."""
    module = type(sys)("torch_fidelity.feature_extractor_inceptionv3")
    monkeypatch.setitem(sys.modules, "torch_fidelity", type(sys)("torch_fidelity"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def test_inception_is_given_bytes_of_three_colours(fidelity):
    fidelity.FeatureExtractorInceptionV3 = Recorded
    pixels = torch.randint(256, (2, 1, 32, 32))
    found, logits = network("inception-v3")(pixels / 255)
    assert found.shape == (2, 2048) and logits.shape == (2, 1008)
    assert torch.equal(found[:, :1024], pixels.flatten(1).float()) and torch.equal(found[:, 1024:], found[:, :1024])


def test_inception_offline(fidelity):
    def unreachable(name, wanted):
        raise OSError("no route")

    fidelity.FeatureExtractorInceptionV3 = unreachable
    with pytest.raises(OSError, match=f"could not be downloaded \\(no route\\).*Offline there is {NAME}"):
        network("inception-v3")
