"""LAPGAN: the pyramid is exact and keeps its place, every level's game is its own, and sampling climbs the levels."""

import pytest
import torch
from torch.nn import functional as F

from lecturekit import Batch, fit
from lecturekit.adversarial import LAPGAN, lapgan, losses

pytestmark = pytest.mark.usefixtures("float64")


def small(**options):
    return LAPGAN(**{"event_shape": (2, 12, 20), "levels": 2, "latent": 3, "width": 4, "hidden": 6} | options)


def some_images(n=5):
    return torch.rand(n, 2, 12, 20) * 2 - 1


def matrix(linear, *shape):
    """The matrix of a linear map of images (1, 1, h, w)."""
    units = torch.eye(shape[0] * shape[1]).view(-1, 1, *shape)
    return linear(units).flatten(1).T


@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_the_pyramid_reconstructs_to_rounding(levels):
    x = torch.randn(3, 2, 16, 24)
    bands = lapgan.pyramid(x, levels)
    assert [b.shape[2:] for b in bands] == [(16 // 2**k, 24 // 2**k) for k in range(levels)]
    assert (lapgan.collapse(bands) - x).abs().max() < 1e-12


def test_bands_by_their_definition():
    x = torch.randn(2, 1, 8, 12)
    h0, h1, top = lapgan.pyramid(x, 3)
    once = lapgan.reduce(x)
    torch.testing.assert_close(h0, x - lapgan.expand(once))
    torch.testing.assert_close(h1, once - lapgan.expand(lapgan.reduce(once)))
    torch.testing.assert_close(top, lapgan.reduce(once))


def test_reduce_by_its_weights():
    """(1 3 3 1) / 8 inside, the two outermost windows cut off at the edge and normalized anew."""
    along = torch.zeros(4, 8)
    for i in range(4):
        for j, w in zip(range(2 * i - 1, 2 * i + 3), (1.0, 3.0, 3.0, 1.0), strict=True):
            if 0 <= j < 8:
                along[i, j] = w
    along /= along.sum(1, keepdim=True)
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(lapgan.reduce(x), along @ x @ along.T)


def test_expand_by_its_weights():
    """Between pixels that stand at the centres of 2 x 2 new ones: 3/4 of the nearer, 1/4 of the farther."""
    along = torch.zeros(8, 4)
    for i in range(8):
        nearer, farther = i // 2, i // 2 + (1 if i % 2 else -1)
        along[i, nearer] += 0.75
        along[i, min(max(farther, 0), 3)] += 0.25
    x = torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(lapgan.expand(x), along @ x @ along.T)


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("change", [lapgan.reduce, lapgan.expand])
def test_mirrored_images_stay_mirrored(change, dim):
    x = torch.randn(2, 1, 8, 12)
    torch.testing.assert_close(change(x.flip(dim)), change(x).flip(dim))


def test_a_plane_has_no_detail_inside():
    """Neither filter moves an image: an inclined plane comes back, and the band is 0 but for the rim."""
    h, w = 16, 24
    plane = (torch.arange(h)[:, None] * 0.3 - torch.arange(w) * 0.7).view(1, 1, h, w)
    band, _ = lapgan.pyramid(plane, 2)
    assert band[..., 4:-4, 4:-4].abs().max() < 1e-12 < band.abs().max()


def test_both_filters_sum_to_one_and_are_adjoint_inside():
    down, up = matrix(lapgan.reduce, 12, 8), matrix(lapgan.expand, 6, 4)
    torch.testing.assert_close(down.sum(1), torch.ones(24))
    torch.testing.assert_close(up.sum(1), torch.ones(96))
    inside = torch.zeros(6, 4, dtype=torch.bool)
    inside[1:-1, 1:-1] = True
    torch.testing.assert_close(4 * down[inside.flatten()], up.T[inside.flatten()])


def test_noise_is_one_plane_or_a_vector_uniform_on_both_sides_of_0():
    model = small()
    plane, vector = (stage.noise(200) for stage in model.stages)
    assert plane.shape == (200, 1, 12, 20) and vector.shape == (200, 3)
    for z in (plane, vector):
        assert z.abs().max() <= 1 and abs(z.mean()) < 0.1 and abs(z.var() - 1 / 3) < 0.05


@pytest.mark.parametrize("classes", [0, 3])
def test_networks_of_a_finer_level_as_published(classes):
    model = LAPGAN((3, 28, 28), width=64, classes=classes)
    first, second, last = (m for m in model.stages[0].generator.net if hasattr(m, "kernel_size"))
    planes = 3 + bool(classes)
    assert [(c.in_channels, c.out_channels, *c.kernel_size) for c in (first, second, last)] == [
        (planes + 1, 64, 7, 7),
        (64, 64, 7, 7),
        (64, 3, 5, 5),
    ]
    one, two = (m for m in model.stages[0].discriminator.net if hasattr(m, "kernel_size"))
    assert (one.in_channels, *one.kernel_size, *two.kernel_size, *two.stride) == (planes, 5, 5, 5, 5, 2, 2)
    assert any(isinstance(m, torch.nn.Dropout) for m in model.stages[0].discriminator.net)


@pytest.mark.parametrize("classes", [0, 3])
def test_networks_of_the_coarsest_level_as_published(classes):
    """Full layers: two of 1200 units and tanh; two of 600, half of them dropped."""
    stage = LAPGAN((3, 28, 28), classes=classes).stages[2]
    layers = lambda net: [m for m in net.modules() if not list(m.children())]
    sizes = lambda net: [(m.in_features, m.out_features) for m in layers(net) if isinstance(m, torch.nn.Linear)]
    pixels = 3 * 7 * 7
    assert sizes(stage.generator) == [(100 + classes, 1200), (1200, 1200), (1200, pixels)]
    assert sizes(stage.discriminator) == [(pixels + classes, 600), (600, 600), (600, 1)]
    kinds = lambda net: " ".join(type(m).__name__ for m in layers(net))
    assert kinds(stage.generator) == "Linear ReLU Linear ReLU Linear Tanh Unflatten"
    assert kinds(stage.discriminator) == "Linear ReLU Dropout Linear ReLU Dropout Linear Flatten"
    assert {m.p for m in layers(stage.discriminator) if isinstance(m, torch.nn.Dropout)} == {0.5}


def test_game_and_optimizer_are_those_of_every_level():
    model = small(game="least-squares", optimizer=fast)
    assert all(stage.game == "least-squares" for stage in model.stages)
    assert all(player.optimizer is fast for player in model.players())


def test_what_a_painter_says_is_added_to_the_low():
    stage = small().stages[0].eval()
    for p in stage.generator.parameters():
        p.data.zero_()
    low = torch.randn(4, 2, 12, 20)
    torch.testing.assert_close(stage.fakes(4, low), low)
    stage.generator.net[-1].bias.data.fill_(0.25)
    torch.testing.assert_close(stage.fakes(4, low), low + 0.25)


@pytest.mark.parametrize("classes", [0, 3])
def test_the_game_of_a_level_by_hand(classes):
    """Real images of the level against low plus what is generated from the low of data, both told the class."""
    model, x = small(classes=classes).eval(), some_images()
    y = torch.tensor([0, 1, 2, 0, 1])
    told = (y,) if classes else ()
    fine, coarse = x, lapgan.reduce(x)
    terms = {p.name: p.loss for p in model.players()}
    assert list(terms) == ["discriminator-12x20", "generator-12x20", "discriminator-6x10", "generator-6x10"]
    for k, (name, real, low) in enumerate([("12x20", fine, (lapgan.expand(coarse), *told)), ("6x10", coarse, told)]):
        stage = model.stages[k]
        torch.manual_seed(3)
        fake = stage.generator(stage.noise(5), *low)
        by_hand = losses.cross_entropy(stage.discriminator(real, *low), stage.discriminator(fake, *low))
        torch.manual_seed(3)
        found = terms[f"discriminator-{name}"](Batch(x, y))
        torch.testing.assert_close(found["loss"], by_hand)
        torch.testing.assert_close(found["real"], stage.discriminator(real, *low).sigmoid().mean())
        torch.manual_seed(3)
        torch.testing.assert_close(
            terms[f"generator-{name}"](Batch(x, y))["loss"], F.softplus(-stage.discriminator(fake, *low)).mean()
        )


def test_the_levels_play_apart():
    """No loss depends on the networks of another level, so no stage ever sees another's fakes."""
    model = small(classes=3)
    batch = Batch(some_images(), torch.tensor([0, 1, 2, 0, 1]))
    own = {id(p): k for k, stage in enumerate(model.stages) for p in stage.parameters()}
    everything = list(model.parameters())
    for i, player in enumerate(model.players()):
        found = torch.autograd.grad(player.loss(batch)["loss"], everything, allow_unused=True)
        assert {own[id(p)] for p, g in zip(everything, found, strict=True) if g is not None} == {i // 2}


def test_what_each_level_is_played_on():
    """Its images, and the next coarser ones expanded; the pyramid is built once a round."""
    model, batch = small(event_shape=(1, 48, 56), levels=3), Batch(torch.rand(2, 1, 48, 56) * 2 - 1)
    fine, middle, coarse = (model.at(batch, k) for k in range(3))
    once = lapgan.reduce(batch.x)
    assert fine.x is batch.x and middle.x is batch.memo["level 1"] and coarse.x is batch.memo["level 2"]
    torch.testing.assert_close(middle.x, once)
    torch.testing.assert_close(coarse.x, lapgan.reduce(once))
    torch.testing.assert_close(fine["low"].x, lapgan.expand(once))
    torch.testing.assert_close(middle["low"].x, lapgan.expand(coarse.x))
    assert coarse.streams == {}
    for player in model.players():
        assert player.loss(batch)["loss"].isfinite()


def test_sampling_climbs_from_coarse_to_fine():
    model = small(event_shape=(1, 48, 56), levels=3).eval()
    drawn = model.draw(2)
    assert [d.shape for d in drawn] == [(2, 1, 12, 14), (2, 1, 24, 28), (2, 1, 48, 56)]
    assert next(model.coarse_to_fine(2)).shape == (2, 1, 12, 14)
    for stage in model.stages[:-1]:  # nothing to add
        for p in stage.generator.net[-1].parameters():
            p.data.zero_()
    drawn = model.draw(2)
    torch.testing.assert_close(drawn[1], lapgan.expand(drawn[0]))
    torch.testing.assert_close(drawn[2], lapgan.expand(drawn[1]))
    begun = torch.randn(2, 1, 24, 28)
    torch.testing.assert_close(model.draw(2, image=begun)[1], lapgan.expand(begun))
    assert len(model.draw(2, image=torch.zeros(2, 1, 48, 56))) == 1


def test_samples_stay_within_the_range_of_images():
    model = small().eval()
    for far in (5.0, -5.0):
        model.stages[0].generator.net[-1].bias.data.fill_(far)
        assert model.draw(3)[-1].abs().max() > 1 >= model.sample(3).abs().max()


def test_what_the_nets_of_a_level_are_shown():
    """Planes beside each other: noise and low or the image, then the label's; and numbers: the item, then a one-hot code."""
    x, low, y = torch.randn(3, 1, 4, 6), torch.randn(3, 1, 4, 6), torch.tensor([1, 0, 1])
    for generator, weights in ((True, [1.0, 10.0, 100.0]), (False, [1.0, 100.0])):
        look = torch.nn.Conv2d(len(weights), 1, 1, bias=False)
        look.weight.data = torch.tensor(weights).view(1, -1, 1, 1)
        net = lapgan.ConditionalConvNet(look, (1, 4, 6), classes=2, generator=generator)
        label = (net.label[0].weight[:, y].T + net.label[0].bias).clamp(min=0).view(3, 1, 4, 6)
        expected = low + x + 10 * low if generator else x
        torch.testing.assert_close(net(x, low, y), expected + 100 * label)
    net = lapgan.ConditionalMLP(torch.nn.Identity(), classes=2)
    torch.testing.assert_close(net(x, y), torch.cat([x.view(3, 24), torch.eye(2)[y]], 1))


def test_a_class_reaches_every_network():
    model = small(classes=4).eval()
    y = torch.tensor([0, 3])
    for stage in model.stages:
        low = () if stage.coarsest else (torch.zeros(2, 2, 12, 20),)
        z, x = stage.noise(1).expand(2, *stage.noise(1).shape[1:]), torch.zeros(2, *stage.event_shape)
        for net, item in ((stage.generator, z), (stage.discriminator, x)):
            same, other = net(item, *low, y[[0, 0]]), net(item, *low, y)
            torch.testing.assert_close(same[0], same[1])
            assert (other[0] - other[1]).abs().max() > 1e-6
    torch.manual_seed(0)
    a = model.sample(2, y)
    torch.manual_seed(0)
    assert not torch.equal(a, model.sample(2, y.flip(0)))


def test_a_tiny_pyramid_learns_a_class_apart_image():
    """Class 0 is dark and class 1 bright: after training, samples follow their label on both levels."""
    torch.manual_seed(0)
    y = torch.arange(256) % 2
    x = (y * 1.2 - 0.6).view(-1, 1, 1, 1) + 0.05 * torch.randn(256, 1, 10, 10)
    model = LAPGAN((1, 10, 10), levels=2, latent=2, width=4, hidden=16, classes=2, optimizer=fast)
    fit(model, (x.clamp(-1, 1), y), epochs=30, batch_size=32, progress=False, precision="float32")
    coarse, fine = model.draw(64, torch.arange(64) % 2)
    for images in (coarse, fine):
        assert images[1::2].mean() - images[::2].mean() > 0.6


def fast(parameters):
    return torch.optim.Adam(parameters, lr=5e-3, betas=(0.5, 0.999))


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="3 levels halve an image 2 times, which 30 x 28 pixels do not allow"):
        LAPGAN((1, 30, 28), levels=3)
    with pytest.raises(ValueError, match="windows of 9 pixels.* 8 x 8: take fewer levels than 3"):
        LAPGAN((1, 16, 16), levels=3)
    with pytest.raises(ValueError, match='view="signed"'):
        small().check_scale(torch.rand(4, 2, 12, 20))
    with pytest.raises(ValueError, match="a label, 0 to 2: pass y=, or data with labels"):
        fit(small(classes=3), some_images(), epochs=1, progress=False)
    with pytest.raises(ValueError, match="item [0-9]+: labels must be 0 to 2, not 3"):
        fit(small(classes=3), (some_images(), torch.tensor([0, 1, 2, 3, 0])), epochs=1, progress=False)


def test_labels_of_any_whole_numbers_are_the_same_labels():
    """In a loss and in a sample: uint8, bool and int32 as int64."""
    model, y = small(classes=2).eval(), torch.tensor([0, 1, 1, 0, 1])
    found = {}
    for dtype in (torch.int64, torch.uint8, torch.int32, torch.bool):
        torch.manual_seed(0)
        losses = [player.loss(Batch(some_images(), y.to(dtype)))["loss"] for player in model.players()]
        found[dtype] = torch.cat([torch.stack(losses), model.sample(5, y.to(dtype)).flatten()])
        assert torch.equal(found[dtype], found[torch.int64])
