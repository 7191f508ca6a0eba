"""CycleGAN: losses by hand, who learns from what, the pool, the schedule, sizes of nets and of what they see."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lecturekit import Batch, data, fit
from lecturekit.adversarial import cyclegan
from lecturekit.adversarial.cyclegan import EXAMPLES, CycleGAN, ImagePool, receptive_field

SMALL = {"width": 2, "blocks": 1, "downs": 1, "layers": 1}


def close(a, b):
    torch.testing.assert_close(torch.as_tensor(a, dtype=torch.float64), torch.as_tensor(b, dtype=torch.float64))


def pictures(n, *shape, seed=0):
    return torch.rand(n, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def both(a, b):
    return Batch(a, streams={"x": Batch(a), "b": Batch(b)})


class Affine(nn.Module):
    """x -> w x + c: a net whose values anybody can compute."""

    def __init__(self, w, c=0.0):
        super().__init__()
        self.w, self.c = nn.Parameter(torch.tensor(w)), nn.Parameter(torch.tensor(c))

    def forward(self, x):
        return self.w * x + self.c


def plain(to_b=(2.0, 0.5), to_a=(-1.0, 0.25), of_a=(3.0, 0.1), of_b=(0.5, -0.2), **options):
    nets = [Affine(*values) for values in (to_b, to_a, of_a, of_b)]
    return CycleGAN((2,), generators=nets[:2], discriminators=nets[2:], **options).double()


def train(model, a, b, **options):
    return fit(model, {"x": a, "b": b}, **{"epochs": 2, "batch_size": 4, "progress": False} | options)


# the losses


@pytest.mark.parametrize("identity", [0.0, 0.5])
def test_the_generators_loss_by_hand(identity):
    """With numbers in which no two terms, and no two directions, are alike; and batches of different sizes."""
    a, b = pictures(5, 2), pictures(3, 2, seed=1)
    terms = plain(cycle=7.0, identity=identity).generators_loss(both(a, b))
    fake_b, fake_a = 2 * a + 0.5, -b + 0.25
    adversarial = ((0.5 * fake_b - 0.2 - 1) ** 2).mean() + ((3 * fake_a + 0.1 - 1) ** 2).mean()
    cycle = (-fake_b + 0.25 - a).abs().mean() + (2 * fake_a + 0.5 - b).abs().mean()
    same = (2 * b + 0.5 - b).abs().mean() + (-a + 0.25 - a).abs().mean()
    close(terms["adversarial"], adversarial)
    close(terms["cycle"], cycle)
    close(terms["loss"].detach(), adversarial + 7 * cycle + 7 * identity * same)
    assert ("identity" in terms) == (identity > 0)
    if identity:
        close(terms["identity"], same)


@pytest.mark.parametrize("domain", "ab")
def test_a_discriminators_loss_by_hand(domain):
    a, b = pictures(5, 2), pictures(3, 2, seed=1)
    terms = plain().discriminator_loss(both(a, b), domain)
    real, fake = (3 * a + 0.1, 3 * (-b + 0.25) + 0.1) if domain == "a" else (0.5 * b - 0.2, 0.5 * (2 * a + 0.5) - 0.2)
    close(terms["loss"].detach(), (((real - 1) ** 2).mean() + (fake**2).mean()) / 2)
    close(terms["real"], real.mean())
    close(terms["fake"], fake.mean())


def test_bijections_that_undo_each_other_have_no_cycle_error_and_others_have():
    """Any bijection and its inverse: the cycle does not know which one is meant."""
    a, b = pictures(50, 2), pictures(50, 2, seed=1)
    for w, c in ((1.0, 0.0), (-1.0, 0.0), (4.0, -3.0)):
        assert plain((w, c), (1 / w, -c / w)).generators_loss(both(a, b))["cycle"] < 1e-12
    assert plain((2.0, 0.0), (2.0, 0.0)).generators_loss(both(a, b))["cycle"] > 1


def test_each_player_moves_its_own_nets_by_the_gradient_of_its_own_loss():
    """By differences, in float64: so no detach is missing, and none is in the way."""
    model, batch = plain(cycle=3.0, identity=0.5, pool=0), both(pictures(5, 2), pictures(3, 2, seed=1))
    for player in model.players():
        moved = player.parameters()
        gradients = torch.autograd.grad(player.loss(batch)["loss"], moved)
        for parameter, gradient in zip(moved, gradients, strict=True):
            ends = []
            for shift in (1e-5, -2e-5):
                parameter.data += shift
                # a new batch: what the memo holds is not to be differentiated
                kept = dict(batch.memo) if player.name != "generators" else {}
                again = Batch(batch.x, streams=batch.streams, memo=kept)
                ends.append(player.loss(again)["loss"].item())
            parameter.data += 1e-5
            close(gradient, (ends[0] - ends[1]) / 2e-5)
    names = {p.name: {id(q) for q in p.parameters()} for p in model.players()}
    assert list(names) == ["generators", "discriminator-a", "discriminator-b"]
    assert names["generators"] == {id(q) for q in model.generators.parameters()}
    assert names["discriminator-a"] == {id(q) for q in model.discriminators["a"].parameters()}
    assert names["discriminator-b"] == {id(q) for q in model.discriminators["b"].parameters()}


def test_a_discriminator_leaves_no_gradient_in_the_generators():
    model, batch = plain(), both(pictures(5, 2), pictures(3, 2, seed=1))
    for domain in "ab":
        model.discriminator_loss(batch, domain)["loss"].backward()
    assert all(p.grad is None for p in model.generators.parameters())
    assert all(p.grad is not None for p in model.discriminators.parameters())


# one round


def count(net):
    """What a net gives in train mode, from now on."""
    calls = []
    net.register_forward_hook(lambda module, inputs, output: calls.append(output) if module.training else None)
    return calls


@pytest.mark.parametrize("identity, expected", [(0.0, 2), (0.5, 3)])
def test_the_fakes_of_a_round_are_computed_once(identity, expected):
    """Each generator: one fake, one way home, perhaps an identity; nothing for the discriminators."""
    model = CycleGAN((1, 8, 8), **SMALL, identity=identity)
    calls = [count(net) for net in model.generators.values()]
    train(model, pictures(4, 1, 8, 8).float(), pictures(4, 1, 8, 8, seed=1).float(), epochs=1)
    assert [len(c) for c in calls] == [expected, expected]


def test_the_discriminators_see_the_fakes_that_the_generators_moved_on():
    model = CycleGAN((1, 8, 8), **SMALL)
    made, seen = count(model.generators["b"]), count(model.pools["b"])
    train(model, pictures(4, 1, 8, 8).float(), pictures(4, 1, 8, 8, seed=1).float(), epochs=1)
    assert torch.equal(made[0], seen[0])


def test_without_a_memo_the_fakes_are_made_again():
    batch = both(pictures(5, 2), pictures(3, 2, seed=1))
    model = plain(pool=0)
    anew = model.discriminator_loss(Batch(batch.x, streams=batch.streams), "b")["loss"]
    model.generators_loss(batch)
    assert set(batch.memo) == {"fake a", "fake b"} and not any(t.requires_grad for t in batch.memo.values())
    close(model.discriminator_loss(batch, "b")["loss"].detach(), anew.detach())


def test_the_rate_is_constant_and_then_falls_to_nothing():
    rates = lambda decay: [plain(decay=decay).rate(p) for p in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert rates(0.5) == [1, 1, 1, 0.5, 0]
    assert rates(1.0) == [1, 0.75, 0.5, 0.25, 0]
    assert rates(0.0) == [1] * 5
    assert all(p.schedule(0.9) == pytest.approx(0.2) for p in plain().players())
    with pytest.raises(ValueError, match="decay"):
        plain(decay=1.5)


def test_the_published_optimizer_and_another():
    sgd = lambda parameters: torch.optim.SGD(parameters, lr=0.25)
    for ours, theirs in zip(plain().players(), plain(optimizer=sgd).players(), strict=True):
        (group,) = ours.optimizer([nn.Parameter(torch.zeros(2))]).param_groups
        assert (group["lr"], group["betas"]) == (2e-4, (0.5, 0.999)) and theirs.optimizer is sgd


# the pool


def numbered(start, n):
    return torch.arange(start, start + n, dtype=torch.float32)[:, None]


def test_a_pool_stores_what_comes_first_and_hands_it_on():
    pool = ImagePool(6, (1,))
    for start in (0, 3):
        assert torch.equal(pool(numbered(start, 3)), numbered(start, 3))
    assert pool.count == 6 and torch.equal(pool.images.sort(0).values, numbered(0, 6))


def test_a_full_pool_exchanges_half_and_loses_nothing():
    torch.manual_seed(0)
    pool, swaps, uses, together = ImagePool(6, (1,)), 0, torch.zeros(6), 0
    pool(numbered(0, 6))
    for start in range(6, 6 + 2000 * 4, 4):
        fakes, before = numbered(start, 4), pool.images.clone()
        out = pool(fakes)
        there = torch.cat([before, fakes]).sort(0).values  # what came in or was there is now handed on or there
        assert torch.equal(torch.cat([out, pool.images]).sort(0).values, there)
        swapped = (out != fakes)[:, 0]
        swaps += swapped.sum()
        together += int(swapped.all() or not swapped.any())
        uses += (pool.images != before)[:, 0]
        assert torch.equal(out[~swapped], fakes[~swapped])
    assert pool.count == 6
    # 8000 coins: four standard deviations are 0.022; one for each fake, so that 1 batch in 8 has four alike, within 0.03
    assert abs(swaps / 8000 - 0.5) < 0.022 and abs(together / 2000 - 1 / 8) < 0.03
    assert (uses / swaps - 1 / 6).abs().max() < 0.025


def test_a_batch_for_which_there_is_half_the_room_is_stored_and_handed_on():
    pool = ImagePool(6, (1,))
    for start in (0, 4):
        assert torch.equal(pool(numbered(start, 4)), numbered(start, 4))
    assert pool.count == 6 and pool.images.flatten().tolist() == [6, 7, 2, 3, 4, 5]


def test_a_pool_smaller_than_a_batch_passes_the_rest():
    torch.manual_seed(0)
    pool = ImagePool(2, (1,))
    first, second = numbered(0, 5), numbered(5, 5)
    assert torch.equal(pool(first), first) and torch.equal(pool.images, first[:2])
    assert torch.equal(pool(second)[2:], second[2:])


def test_in_eval_mode_and_without_a_pool_fakes_pass():
    pool = ImagePool(3, (1,))
    pool(numbered(0, 3))
    kept = pool.images.clone()
    pool.eval()
    for start in range(3, 60, 3):
        assert torch.equal(pool(numbered(start, 3)), numbered(start, 3))
    assert torch.equal(pool.images, kept) and pool.count == 3
    assert torch.equal(ImagePool(0, (1,))(numbered(0, 3)), numbered(0, 3))


def test_each_domain_has_its_own_pool():
    model = CycleGAN((1, 8, 8), **SMALL, pool=16)
    made = {d: count(model.generators[d]) for d in "ab"}
    a, b = pictures(8, 1, 8, 8).float(), pictures(8, 1, 8, 8, seed=1).float()
    train(model, a, b, epochs=2)
    for domain in "ab":
        # calls alternate in a round: the fake of this domain, and later the way home
        fakes = torch.cat(made[domain][::2])
        assert model.pools[domain].count == 16
        assert torch.equal(model.pools[domain].images, fakes)


def test_a_stopped_run_goes_on_to_the_same_bits(tmp_path):
    """Twice as long, in one go and in two: pools, their coins and the falling rate come back."""
    a, b = pictures(12, 1, 8, 8).float(), pictures(12, 1, 8, 8, seed=1).float()
    torch.manual_seed(0)
    whole = CycleGAN((1, 8, 8), **SMALL, pool=8)
    halves = copy.deepcopy(whole)
    train(whole, a, b, epochs=6)

    def stop(model, history):
        if history.trained >= 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train(halves, a, b, epochs=6, checkpoint=tmp_path, save_every=0, callbacks=[stop])
    again = copy.deepcopy(whole)
    for p in (*again.parameters(), *again.pools.buffers(), again.examples):
        p.data.zero_()
    train(again, a, b, epochs=6, checkpoint=tmp_path, resume=True)
    assert whole.pools["a"].count == 8
    assert all(torch.equal(p, again.state_dict()[name]) for name, p in whole.state_dict().items())


# networks


@pytest.mark.parametrize("layers, side", [(0, 7), (1, 16), (2, 34), (3, 70), (4, 142)])
def test_one_output_sees_a_patch_of_so_many_pixels(layers, side):
    """By autograd: from which pixels does one number in the middle change? Norms, which see all, are taken out."""
    net = cyclegan.discriminator((1, 256, 256), 1, layers)
    norms = [i for i, m in enumerate(net) if isinstance(m, nn.InstanceNorm2d)]
    assert len(norms) == layers
    seen = nn.Sequential(*(m for i, m in enumerate(net) if i not in norms)).double()
    for p in seen.parameters():
        nn.init.ones_(p)
    x = torch.ones(1, 1, 256, 256, dtype=torch.float64, requires_grad=True)
    out = seen(x)[0, 0]
    (gradient,) = torch.autograd.grad(out[len(out) // 2, len(out) // 2], x)
    rows, columns = gradient[0, 0].nonzero().unbind(1)
    assert receptive_field(net) == side == rows.max() - rows.min() + 1 == columns.max() - columns.min() + 1


def test_the_published_networks():
    """Parameters by hand: c7s1-64, d128, d256, nine R256, u128, u64, c7s1-3; C64-C128-C256-C512 and one channel."""
    weights = lambda *kernels: sum(k * k * a * b for k, a, b in kernels)
    g = weights((7, 3, 64), (3, 64, 128), (3, 128, 256), *18 * [(3, 256, 256)], (3, 256, 128), (3, 128, 64), (7, 64, 3))
    d = weights((4, 3, 64), (4, 64, 128), (4, 128, 256), (4, 256, 512), (4, 512, 1))
    model = CycleGAN((3, 256, 256))
    sizes = lambda net: sum(p.numel() for p in net.parameters())
    for domain in "ab":
        assert sizes(model.generators[domain]) == g + 3  # biases only where no norm follows
        assert sizes(model.discriminators[domain]) == d + 64 + 1
        norms = [m for m in model.discriminators[domain] if isinstance(m, nn.InstanceNorm2d)]
        assert [m.num_features for m in norms] == [128, 256, 512]
        assert not any(isinstance(m, nn.BatchNorm2d) for m in model.modules())
    assert isinstance(model.discriminators["a"][1], nn.LeakyReLU) and model.discriminators["a"][1].negative_slope == 0.2
    first = model.generators["b"][1].weight
    assert abs(first.std() - 0.02) < 1e-3
    assert not torch.equal(first, model.generators["a"][1].weight)
    with torch.no_grad():
        assert model.discriminators["a"](torch.zeros(1, 3, 256, 256)).shape == (1, 1, 30, 30)


def test_a_generator_by_hand():
    """Its layers one after another, by torch's functions."""
    net = cyclegan.generator((2, 8, 12), width=3, blocks=2, downs=1).double()
    for p in net.parameters():
        nn.init.normal_(p, std=0.3)
    w = [p for name, p in net.named_parameters() if name.endswith("weight")]
    reflected = lambda x, k, w, b=None: F.conv2d(F.pad(x, (k,) * 4, mode="reflect"), w, b)
    x = pictures(4, 2, 8, 12)
    h = F.relu(F.instance_norm(reflected(x, 3, w[0])))
    h = F.relu(F.instance_norm(F.conv2d(h, w[1], stride=2, padding=1)))
    for i in (2, 4):
        inner = F.relu(F.instance_norm(reflected(h, 1, w[i])))
        h = h + F.instance_norm(reflected(inner, 1, w[i + 1]))
    h = F.relu(F.instance_norm(F.conv_transpose2d(h, w[6], stride=2, padding=1, output_padding=1)))
    expected = torch.tanh(reflected(h, 3, w[7], net[-2].bias))
    close(net(x).detach(), expected.detach())
    # a norm per picture: others in the batch make no difference
    close(net(x[:1]).detach(), expected[:1].detach())


def test_a_discriminator_by_hand():
    """Its layers one after another, by torch's functions: norms before what follows them, none at either end."""
    net = cyclegan.discriminator((2, 20, 24), width=3, layers=2).double()
    for p in net.parameters():
        nn.init.normal_(p, std=0.3)
    (w0, b0), *inner, (w3, b3) = [(m.weight, m.bias) for m in net if isinstance(m, nn.Conv2d)]
    x = pictures(4, 2, 20, 24)
    h = F.leaky_relu(F.conv2d(x, w0, b0, stride=2, padding=1), 0.2)
    for (w, b), stride in zip(inner, (2, 1), strict=True):
        assert b is None
        h = F.leaky_relu(F.instance_norm(F.conv2d(h, w, stride=stride, padding=1)), 0.2)
    close(net(x).detach(), F.conv2d(h, w3, b3, padding=1).detach())


def test_a_discriminators_maps_double_up_to_eight_times_the_first():
    net = cyclegan.discriminator((1, 200, 200), width=3, layers=5)
    assert [m.out_channels for m in net if isinstance(m, nn.Conv2d)] == [3, 6, 12, 24, 24, 24, 1]
    net = cyclegan.generator((1, 16, 16), width=3, blocks=1, downs=2)
    assert [m.out_channels for m in net.modules() if isinstance(m, nn.Conv2d)] == [3, 6, 12, 12, 12, 1]


@pytest.mark.parametrize("shape", [(1, 16, 16), (1, 28, 28), (3, 32, 32), (3, 24, 40)])
def test_shapes_grey_and_in_colour(shape):
    model = CycleGAN(shape, 2, 1, 2, 2)
    x = pictures(3, *shape).float()
    for to in "ab":
        assert model.translate(x, to).shape == (3, *shape) and model.translate(x, to).abs().max() <= 1
        assert model.discriminate(to, x).shape[:2] == (3, 1)


# pictures


def test_larger_pictures_than_those_of_the_training_are_translated():
    model = CycleGAN((1, 8, 8), **SMALL)
    assert model.translate(torch.zeros(2, 1, 20, 14)).shape == (2, 1, 20, 14)
    with pytest.raises(ValueError, match="pad"):
        model.translate(torch.zeros(2, 1, 9, 8))


def test_translate_goes_where_it_is_told_without_a_graph_and_leaves_the_mode():
    model = plain()
    x = pictures(4, 2)
    close(model.translate(x), 2 * x + 0.5)
    close(model.translate(x, "a"), -x + 0.25)
    assert not model.translate(x).requires_grad and model.training
    with pytest.raises(ValueError, match='"a" or to "b"'):
        model.translate(x, to="c")


def test_a_translation_moves_no_running_mean_and_drops_nothing():
    """Networks of one's own may have such layers: in train mode they translate as in eval mode."""
    own = lambda: nn.Sequential(nn.BatchNorm1d(2), nn.Dropout())
    model, x = CycleGAN((2,), generators=[own(), own()], discriminators=[Affine(1.0), Affine(1.0)]), torch.randn(5, 2)
    found = model.translate(x)
    assert model.generators["b"].training and model.generators["b"][0].num_batches_tracked == 0
    torch.testing.assert_close(found, model.eval().translate(x))


def test_samples_are_pictures_of_a_translated_to_b():
    a, b = pictures(10, 2), pictures(10, 2, seed=1)
    model = plain()
    train(model, a, b)
    assert model.examples.shape == (EXAMPLES, 2)
    made = model.translate(a)
    distances = torch.cdist(model.sample(200), made)
    assert distances.min(1).values.max() < 1e-6  # each is one of them
    assert distances.argmin(1).unique().numel() == 10  # and each of them comes


def test_streams_and_shapes_that_do_not_fit_are_refused():
    x = pictures(8, 1, 8, 8).float()
    model = CycleGAN((1, 8, 8), **SMALL)
    quick = {"epochs": 1, "batch_size": 4, "progress": False}
    with pytest.raises(ValueError, match='"b": images of B'):
        fit(model, x, **quick)
    with pytest.raises(ValueError, match='"b": images of B'):
        fit(model, {"x": x, "y": x}, **quick)
    for wrong in ({"b": x, "x": x.flip(0)}, {"b": x}):  # A would be B
        with pytest.raises(ValueError, match=r"that of A first.*these are \['b'"):
            fit(model, wrong, **quick)
    with pytest.raises(ValueError, match=r"\(1, 8, 8\).*\(1, 8, 12\)"):
        train(model, x, pictures(8, 1, 8, 12).float())
    for a, b in ((x, x.abs()), (x, x * 2), (x * 2, x)):
        with pytest.raises(ValueError, match="-1 to 1"):
            train(model, a, b)
    assert not model.started


def test_bright_pictures_of_b_are_right_where_others_are_dark():
    """A batch of bright ones is no reason to refuse all, and what is said of B is said of each of its pictures."""
    bright = pictures(80, 1, 8, 8).float().abs()
    for dark in (0, 79):  # wherever it stands
        b = bright.clone()
        b[dark, 0, 0, 0] = -0.1
        model = CycleGAN((1, 8, 8), **SMALL)
        model.start(lambda n, b=b: both(-bright[:n], b[:n]))
        assert torch.equal(model.examples, -bright[:EXAMPLES])
    model.check(bright[:1], stream="b")
    model.check(bright * 9, stream="c")  # nobody's
    for wrong in (bright * 9, bright / 0, bright[:, 0]):
        with pytest.raises(ValueError):
            model.check(wrong, stream="b")


@pytest.mark.parametrize(
    "shape, sizes, message",
    [
        ((1, 30, 30), {}, "divides"),
        ((1, 4, 8), {}, "at least 8"),
        ((1, 16, 16), {"layers": 3}, "fewer layers"),
        ((2,), {}, "no pictures.*generators="),
    ],
)
def test_sizes_that_cannot_be_are_refused(shape, sizes, message):
    with pytest.raises(ValueError, match=message):
        CycleGAN(shape, 2, 1, **sizes)


def test_batches_of_different_sizes_and_two_folders_of_pictures(tmp_path):
    from PIL import Image

    for name, grey, n in (("apples", 0, 12), ("oranges", 100, 20)):
        (tmp_path / name).mkdir()
        for i in range(n):
            noise = torch.randint(0, 150, (9, 12, 3), generator=torch.Generator().manual_seed(i)) + grey
            Image.fromarray(noise.byte().numpy()).save(tmp_path / name / f"{i}.png")
    a, b = (data.folder(tmp_path / name, size=(3, 8, 8), view="signed").train for name in ("apples", "oranges"))
    model = CycleGAN((3, 8, 8), **SMALL)
    history = train(model, a, b, batch_size={"x": 2, "b": 5})
    assert len(history["discriminator-b/loss"]) == 2 * len(a) // 2
    assert model.sample(3).shape == (3, 3, 8, 8)
