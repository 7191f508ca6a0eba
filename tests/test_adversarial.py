"""Games: losses by hand, the players' gradients, the best discriminator between known densities, networks and their rules."""

import math

import jaxtyping
import pytest
import torch
from torch import nn
from torch.distributions import Normal
from torch.nn import functional as F

from lecturekit import Batch, Player, fit, nets
from lecturekit.adversarial import DCGAN, GAN, LAPGAN, WGAN, CycleGAN, cyclegan, dcgan, gan, lapgan, losses

REAL, FAKE = torch.tensor([0.3, -1.2, 2.0]).double(), torch.tensor([-0.7, 0.4, 1.1, 0.2, -2.5]).double()  # not as many
P, Q = REAL.sigmoid(), FAKE.sigmoid()  # D(x), D(G(z))


def close(a, b):
    torch.testing.assert_close(torch.as_tensor(a, dtype=torch.float64), torch.as_tensor(b, dtype=torch.float64))


def test_losses_by_hand_on_probabilities():
    close(losses.value(REAL, FAKE), P.log().mean() + (1 - Q).log().mean())
    close(losses.cross_entropy(REAL, FAKE), -losses.value(REAL, FAKE))
    close(losses.minimax(FAKE), (1 - Q).log().mean())
    close(losses.non_saturating(FAKE), -Q.log().mean())


def test_a_discriminator_who_cannot_tell_has_a_value_of_minus_log_4():
    close(losses.value(torch.zeros(5), torch.zeros(5)), -math.log(4))


@pytest.mark.parametrize("targets", [(0.9, 0.0), (0.9, 0.1), (0.7, 0.25)])
def test_smoothing_by_hand(targets):
    a, b = targets
    by_hand = -(a * P.log() + (1 - a) * (1 - P).log()).mean() - (b * Q.log() + (1 - b) * (1 - Q).log()).mean()
    close(losses.cross_entropy(REAL, FAKE, targets), by_hand)


def test_one_sided_smoothing_leaves_the_fakes_alone():
    fake = FAKE.clone().requires_grad_()
    plain, smooth = (
        torch.autograd.grad(losses.cross_entropy(REAL, fake, t), fake)[0] for t in ((1.0, 0.0), (0.9, 0.0))
    )
    close(plain, smooth)


def test_least_squares_by_hand():
    close(losses.least_squares(REAL, FAKE), ((REAL - 1) ** 2).mean() / 2 + (FAKE**2).mean() / 2)
    close(losses.least_squares(REAL, FAKE, (0.5, -1.0)), ((REAL - 0.5) ** 2).mean() / 2 + ((FAKE + 1) ** 2).mean() / 2)
    close(losses.least_squares_generator(FAKE), ((FAKE - 1) ** 2).mean() / 2)
    close(losses.least_squares_generator(FAKE, 0.25), ((FAKE - 0.25) ** 2).mean() / 2)


def test_critic_by_hand():
    close(losses.critic(REAL, FAKE), FAKE.mean() - REAL.mean())
    close(losses.critic_generator(FAKE), -FAKE.mean())


@pytest.mark.parametrize("logit", [-100.0, 100.0])
def test_finite_where_a_probability_would_not_be(logit):
    for dtype in (torch.float32, torch.float64):
        x = torch.full((4,), logit, dtype=dtype, requires_grad=True)
        for loss in (
            losses.cross_entropy(x, x, (0.9, 0.1)),
            losses.minimax(x),
            losses.non_saturating(x),
            losses.value(x, x),
        ):
            (slope,) = torch.autograd.grad(loss, x)
            assert loss.isfinite() and slope.isfinite().all()


def test_the_saturating_loss_has_no_slope_where_the_discriminator_is_sure():
    fake = torch.tensor([-30.0], requires_grad=True)
    flat, steep = (torch.autograd.grad(loss(fake), fake)[0].abs() for loss in (losses.minimax, losses.non_saturating))
    assert flat < 1e-12 and steep > 0.99


def test_maps_of_logits_are_averaged_over_all_places():
    real, fake = torch.randn(2, 3, 1, 4, 5, dtype=torch.float64)
    for loss in (losses.value, losses.cross_entropy, losses.least_squares, losses.critic):
        close(loss(real, fake), loss(real.flatten(), fake.flatten()))


# the gradient penalty


@pytest.mark.parametrize("batch", [1, 2, 7, 64])
def test_the_penalty_of_a_linear_critic_is_the_same_for_every_item_and_batch(batch):
    w = torch.randn(6, dtype=torch.float64) * 2
    found = losses.gradient_penalty(lambda x: x.flatten(1) @ w, *torch.randn(2, batch, 2, 3, dtype=torch.float64))
    close(found, (w.norm() - 1).square().expand(batch))


def test_one_sided_only_slopes_above_1_are_punished():
    real, fake = torch.randn(2, 5, 3, dtype=torch.float64)
    for slope, expected in ((0.2, 0.0), (1.0, 0.0), (3.0, 4.0)):
        w = torch.tensor([0.6, 0.8, 0.0], dtype=torch.float64) * slope
        close(losses.gradient_penalty(lambda x, w=w: x @ w, real, fake, one_sided=True), torch.full((5,), expected))
    flat = nn.Sequential(nn.Flatten(), nn.Linear(2, 1), nn.Flatten(0))
    nn.init.constant_(flat[1].weight, 0.1)
    penalties = []
    for one_sided in (False, True):
        model = WGAN((2,), latent=2, discriminator=flat, one_sided=one_sided)
        penalties.append(model.discriminator_loss(Batch(torch.randn(8, 2)))["penalty"].item())
    assert penalties[0] > 0.5 and penalties[1] == 0


def test_the_penalty_is_taken_between_each_item_and_its_fake():
    """For f = ||x||^2 / 2 the slope is ||x||, so the penalty tells where it was taken."""
    real, fake = torch.zeros(500, 1, dtype=torch.float64), torch.full((500, 1), 3.0, dtype=torch.float64)
    torch.manual_seed(0)
    norm = losses.gradient_penalty(lambda x: x.square().sum(1) / 2, real, fake)
    u = torch.linspace(0, 3, 100_001, dtype=torch.float64)
    assert 0 <= norm.min() and norm.max() <= 4
    assert abs(norm.mean() - ((u - 1) ** 2).mean()) < 4 * norm.std() / math.sqrt(500)


def test_the_penaltys_points_are_one_on_each_line_from_an_item_to_its_fake():
    """x + u (x~ - x): one u for all numbers of an item, another for every item, evenly spread from 0 to 1."""
    seen, (real, fake) = [], torch.randn(2, 400, 3, 2, dtype=torch.float64)
    torch.manual_seed(0)
    losses.gradient_penalty(lambda x: seen.append(x) or x.square().flatten(1).sum(1), real, fake)
    u = ((seen[0].detach() - real) / (fake - real)).flatten(1)
    torch.testing.assert_close(u, u[:, :1].expand(-1, 6))
    empirical = u[:, 0].sort().values
    assert 0 <= empirical[0] and empirical[-1] <= 1
    assert (empirical - torch.arange(0.5, 400) / 400).abs().max() < 0.0815  # Kolmogorov-Smirnov, one in a hundred


def test_slopes_are_known_without_a_graph_too():
    critic, x = nn.Linear(3, 1), torch.randn(5, 3)
    with torch.no_grad():
        found = losses.gradient_norms(critic, x)
    assert not found.requires_grad and losses.gradient_norms(critic, x).requires_grad
    torch.testing.assert_close(found, critic.weight.norm().detach().expand(5))
    cubes = losses.gradient_norms(lambda x: x**3, torch.tensor([1.0, -2.0]))  # items may be numbers
    torch.testing.assert_close(cubes, torch.tensor([3.0, 12.0]))


def test_the_penalty_reaches_the_critic_and_not_the_generator():
    critic = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    real, fake = torch.randn(2, 5, 2, dtype=torch.float64)
    fake.requires_grad_()
    losses.gradient_penalty(critic, real, fake).mean().backward()
    assert fake.grad is None and critic[0].weight.grad.abs().sum() > 0


def test_the_penaltys_gradient_is_right():
    """Against differences: the second derivative goes through autograd twice."""
    w = torch.randn(3, dtype=torch.float64, requires_grad=True)
    real, fake = torch.randn(2, 4, 3, dtype=torch.float64)

    def mean_penalty(w):
        torch.manual_seed(0)
        return losses.gradient_penalty(lambda x: (x @ w).tanh(), real, fake).mean()

    assert torch.autograd.gradcheck(mean_penalty, (w,))


# the game


def test_defaults_make_images_in_range_and_points_without_bounds():
    for shape in ((2,), (1, 6, 5)):
        model = GAN(shape, latent=3, hidden=8)
        model.generator[0][-1].bias.data.fill_(7.0)
        found = model.sample(4)
        assert found.min() > 5 if shape == (2,) else 0.99 < found.min() <= found.max() <= 1
        activations = [
            [repr(m) for m in net.modules() if "ReLU" in repr(m) and not list(m.children())]
            for net in (model.generator, model.discriminator)
        ]
        assert activations == [["ReLU()"] * 2, ["LeakyReLU(negative_slope=0.2)"] * 2]


def test_the_noise_is_a_standard_gaussian():
    z = GAN((2,), latent=5, hidden=4).noise(20_000).flatten()  # standard errors: 0.0032, 0.0045, 0.0013
    assert (
        abs(z.mean()) < 0.013 and abs(z.var() - 1) < 0.018 and abs((z.abs() > 1.959964).double().mean() - 0.05) < 0.003
    )


def test_unknown_game_and_wrong_view_are_refused():
    with pytest.raises(ValueError, match="non-saturating"):
        GAN(game="hinge")
    with pytest.raises(ValueError, match="signed"):
        GAN((1, 4, 4), hidden=4).check_scale(torch.rand(16, 1, 4, 4))
    GAN((1, 4, 4), hidden=4).check(torch.rand(16, 1, 4, 4))  # one by one they may be bright
    for beyond in (-1.5, 1.5):
        with pytest.raises(ValueError, match="-1 to 1"):
            GAN((1, 4, 4), hidden=4).check(torch.full((1, 1, 4, 4), beyond))
    GAN((1, 4, 4), hidden=4).check_scale(torch.linspace(-0.001, 1, 16).view(1, 1, 4, 4))
    with pytest.raises(ValueError, match="from 0 to 1"):
        GAN((1, 4, 4), hidden=4).check_scale(torch.eye(4)[None, None])
    GAN((3,), hidden=4).check(torch.full((2, 3), 9.0))  # points may be anywhere
    GAN((3,), hidden=4).check_scale(torch.full((2, 3), 9.0))
    with pytest.raises(ValueError, match="-1 to 1"):
        fit(GAN((1, 4, 4), hidden=4), torch.rand(16, 1, 4, 4) * 4 - 2, epochs=1, progress=False)


@pytest.mark.parametrize("targets", [(1.0, 0.0), (0.9, 0.2)])
@pytest.mark.parametrize("game", gan.GAMES)
def test_each_player_descends_its_own_loss(game, targets):
    """By hand, on noise and data that one can tell apart; and what is logged, of real items and of fakes."""
    model = GAN((2,), latent=3, hidden=4, game=game, targets=targets).double()
    x = torch.randn(6, 2, dtype=torch.float64) * 3 + 1
    torch.manual_seed(0)
    with torch.no_grad():
        on_real = model.discriminator(x)
        on_fake = model.discriminator(model.generator(torch.randn(6, 3, dtype=torch.float64)))
    log_d, log_not_d = F.logsigmoid, lambda logit: F.logsigmoid(-logit)
    (a, b), said = targets, torch.sigmoid
    theirs = -(a * log_d(on_real) + (1 - a) * log_not_d(on_real)).mean()
    theirs -= (b * log_d(on_fake) + (1 - b) * log_not_d(on_fake)).mean()
    if game == "least-squares":
        theirs, said = ((on_real - a) ** 2).mean() / 2 + ((on_fake - b) ** 2).mean() / 2, lambda value: value
    forge = {
        "minimax": log_not_d(on_fake).mean(),
        "non-saturating": -log_d(on_fake).mean(),
        "least-squares": ((on_fake - 1) ** 2).mean() / 2,
    }
    torch.manual_seed(0)
    terms = model.discriminator_loss(Batch(x))
    close(terms["loss"].detach(), theirs)
    close(terms["real"], said(on_real).mean())
    close(terms["fake"], said(on_fake).mean())
    torch.manual_seed(0)
    close(model.generator_loss(Batch(x))["loss"].detach(), forge[game])


def test_the_discriminator_sees_fakes_through_which_no_gradient_flows():
    for make in (GAN, WGAN):
        model = make((2,), latent=2, hidden=4)
        model.discriminator_loss(Batch(torch.randn(6, 2)))["loss"].backward()
        assert all(p.grad is None for p in model.generator.parameters())


def test_both_players_have_the_optimizer_that_was_given():
    sgd = lambda parameters: torch.optim.SGD(parameters, lr=0.25)
    for make in (GAN, WGAN):
        for player in make((2,), latent=2, hidden=4, optimizer=sgd).players():
            assert player.optimizer(player.parameters()).param_groups[0]["lr"] == 0.25


def test_k_turns_of_the_discriminator_for_one_of_the_generator():
    history = fit(GAN((2,), latent=2, hidden=4, turns=3), torch.randn(64, 2), epochs=3, batch_size=8, progress=False)
    assert len(history["discriminator/loss"]) == 3 * len(history["generator/loss"])


# Wasserstein


def test_clipping_holds_the_critic_after_its_step_and_leaves_the_generator():
    model = WGAN((2,), latent=2, hidden=8, penalty=None, clip=0.02)
    fit(model, torch.randn(64, 2), epochs=2, batch_size=8, progress=False)
    assert max(p.abs().max() for p in model.discriminator.parameters()) <= 0.02
    assert max(p.abs().max() for p in model.generator.parameters()) > 0.2  # not only its last step


def test_the_published_optimizers():
    by = {penalty: {p.name: p for p in WGAN((2,), penalty=penalty).players()} for penalty in (None, 10.0)}
    clipped, penalized = by[None]["critic"], by[10.0]["critic"]
    parameters = [nn.Parameter(torch.zeros(2))]
    assert isinstance(clipped.optimizer(parameters), torch.optim.RMSprop) and clipped.turns == penalized.turns == 5
    assert clipped.optimizer(parameters).param_groups[0]["lr"] == 5e-5 and clipped.after and not penalized.after
    adam = penalized.optimizer(parameters).param_groups[0]
    assert (adam["lr"], adam["betas"]) == (1e-4, (0.0, 0.9))
    assert not any(players["generator"].after for players in by.values())
    for player in DCGAN(width=2).players():
        adam = player.optimizer(parameters).param_groups[0]
        assert (adam["lr"], adam["betas"]) == (2e-4, (0.5, 0.999))


def test_the_critics_loss_is_minus_the_distance_and_the_weighed_penalty():
    model = WGAN((2,), latent=2, hidden=8, penalty=7.0)
    terms = model.discriminator_loss(Batch(torch.randn(16, 2)))
    close(terms["loss"].detach().double(), (-terms["distance"] + 7.0 * terms["penalty"]).double())
    real, fake = torch.randn(2, 9, 2)
    close(
        model.distance(real, fake).detach(),
        (model.discriminate(real).mean() - model.discriminate(fake).mean()).detach(),
    )


def test_the_games_of_a_critic_by_hand():
    """f = |x|^2 / 2 - x_1, of which the slope is |x - e_1|; fakes are one point; the penalty is taken in between."""
    critic = nn.Sequential(nn.Flatten(), nn.Linear(2, 1))
    critic.forward = lambda x: x.square().sum(1) / 2 - x[:, 0] + 0 * critic[1](x).sum()
    model = WGAN((2,), latent=3, generator=nn.Linear(3, 2), discriminator=critic, penalty=7.0)
    nn.init.zeros_(model.generator.weight)
    model.generator.bias.data = fake = torch.tensor([2.0, -1.0])
    x = torch.randn(9, 2)
    torch.manual_seed(0)
    terms = model.discriminator_loss(Batch(x))
    torch.manual_seed(0)
    model.noise(9)
    between = x + torch.rand(9, 1) * (fake - x)
    penalty = ((between - torch.tensor([1.0, 0.0])).norm(dim=1) - 1).square().mean()
    distance = (x.square().sum(1) / 2 - x[:, 0]).mean() - 0.5  # f is 5 / 2 - 2 at the fakes
    torch.testing.assert_close(terms["penalty"], penalty)
    torch.testing.assert_close(terms["distance"], distance)
    torch.testing.assert_close(terms["loss"].detach(), -distance + 7 * penalty)
    torch.testing.assert_close(model.generator_loss(Batch(x))["loss"].item(), -0.5)
    assert not {"game", "targets"} & set(vars(model))  # what it does not play is no part of what decides a run


def test_a_critic_that_mixes_items_is_refused():
    mixed = dcgan.discriminator((1, 28, 28), 4)
    with pytest.raises(ValueError, match="normalize=False"):
        WGAN((1, 28, 28), discriminator=mixed)
    WGAN((1, 28, 28), discriminator=mixed, penalty=None)
    WGAN((1, 28, 28), discriminator=dcgan.discriminator((1, 28, 28), 4, normalize=False))


# the architecture's rules


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 64, 64), (2, 48, 32)])
def test_shapes_from_28_to_64_grey_and_in_colour(shape):
    model = DCGAN(shape, latent=8, width=4)
    x = model.sample(2)
    assert x.shape == (2, *shape) and x.abs().max() <= 1 and model.discriminate(x).shape == (2,)


@pytest.mark.parametrize("shape", [(1, 30, 30), (1, 7, 7), (3, 64, 20)])
def test_sizes_that_cannot_be_halved_are_refused(shape):
    with pytest.raises(ValueError, match="halves"):
        DCGAN(shape)


def test_the_rules():
    g, d = dcgan.generator((3, 64, 64)), dcgan.discriminator((3, 64, 64))
    assert not any(isinstance(m, nn.MaxPool2d | nn.AvgPool2d) for m in (*g.modules(), *d.modules()))
    convolutions = [m for m in (*g, *d) if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert len(convolutions) == 8 and all(m.stride == (2, 2) and m.kernel_size == (5, 5) for m in convolutions)
    middle = [nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU] * 3
    assert [type(m) for m in d] == [nn.Conv2d, nn.LeakyReLU, *middle, nn.Flatten, nn.Linear, nn.Flatten]
    middle = [nn.BatchNorm2d, nn.ReLU, nn.ConvTranspose2d] * 4
    assert [type(m) for m in g] == [nn.Linear, nn.Unflatten, *middle, nn.Tanh]
    assert all(m.negative_slope == 0.2 for m in d if isinstance(m, nn.LeakyReLU))
    weights = torch.cat([m.weight.flatten() for m in convolutions])
    assert abs(weights.std() - 0.02) < 1e-3 and abs(weights.mean()) < 1e-3
    assert [m.in_channels for m in g if isinstance(m, nn.ConvTranspose2d)] == [512, 256, 128, 64]
    assert [m.out_channels for m in d if isinstance(m, nn.Conv2d)] == [64, 128, 256, 512]
    for norms in [[m for m in net if isinstance(m, nn.BatchNorm2d)] for net in (g, d)]:
        factors = torch.cat([m.weight for m in norms])
        assert abs(factors.mean() - 1) < 4e-3 and abs(factors.std() - 0.02) < 4e-3
    for net, biases in ((g, 1), (d, 1)):  # beside the norms', where no norm follows; not in D's last layer
        assert (
            sum(m.bias is not None for m in net if hasattr(m, "bias") and not isinstance(m, nn.BatchNorm2d)) == biases
        )
        assert all(m.bias.abs().max() == 0 for m in net if getattr(m, "bias", None) is not None)
        (linear,) = (m for m in net if isinstance(m, nn.Linear))
        assert linear.bias is None and abs(linear.weight.std() - 0.02) < 1e-3


# calls that cannot be meant

SHAPE = (1, 12, 8)
CALLS = {
    "gan": lambda **options: GAN(**{"event_shape": (3,), "latent": 2, "hidden": 4} | options),
    "wgan": lambda **options: WGAN(**{"event_shape": (3,), "latent": 2, "hidden": 4} | options),
    "dcgan": lambda **options: DCGAN(**{"event_shape": SHAPE, "latent": 3, "width": 2} | options),
    "lapgan": lambda **options: LAPGAN(
        **{"event_shape": (1, 12, 10), "levels": 2, "latent": 3, "width": 2, "hidden": 8} | options
    ),
    "cyclegan": lambda **options: CycleGAN(
        **{"event_shape": SHAPE, "width": 2, "blocks": 1, "downs": 1, "layers": 1, "pool": 6} | options
    ),
    "play": lambda model, x: fit(model, x, epochs=1, batch_size=4, progress=False),
    "points": torch.randn(8, 3),
    "signed": torch.rand(8, *SHAPE) * 2 - 1,
    "y": torch.tensor([0, 1, 2, 0]),
    "nan": math.nan,
    "dcgan_nets": dcgan,
    "lapgan_nets": lapgan,
    "cyclegan_nets": cyclegan,
    "SHAPE": SHAPE,
    "torch": torch,
    "nn": nn,
    "Batch": Batch,
    "losses": losses,
}
REFUSED = r"""
gan(event_shape=3)  # event_shape must be a sequence
gan(event_shape=())  # event_shape must be a sequence
gan(event_shape=(0, 4, 4))  # event_shape\[0\].*not 0
gan(event_shape=(12, 8))  # \(D,\) or \(C, H, W\), not \(12, 8\)
gan(latent=0)  # latent.*at least 1, not 0
wgan(latent=2.5)  # latent.*whole.*not 2.5
dcgan(latent=-1)  # latent.*not -1
lapgan(latent=None)  # latent.*not None
gan(hidden=0)  # hidden.*not 0
wgan(hidden=True)  # hidden.*not True
lapgan(hidden=1)  # hidden.*at least 2, not 1
dcgan(hidden=4)  # hidden
gan(game='hinge')  # game 'hinge'.*minimax
gan(game=None)  # game None
lapgan(game='minmax')  # did you mean 'minimax'
wgan(game='minimax')  # game
wgan(targets=(0.9, 0))  # targets
gan(turns=0)  # turns.*not 0
wgan(turns=1.5)  # turns.*not 1.5
gan(targets=0.9)  # targets must be two numbers
gan(targets=(1.0, 0.0, 0.0))  # targets must be two numbers
gan(targets='10')  # targets must be two numbers
gan(targets=(1.5, 0.0))  # targets\[0\].*from 0 to 1.*not 1.5
gan(targets=(1.0, nan))  # targets\[1\].*not nan
gan(targets=(0.0, 1.0))  # the first above the second
gan(targets=(0.5, 0.5), game='least-squares')  # the first above the second
gan(optimizer=None)  # optimizer.*not None
gan(optimizer=torch.optim.Adam([nn.Parameter(torch.zeros(1))]))  # optimizer.*or torch.optim.Adam, not Adam
wgan(optimizer='adam')  # optimizer.*not 'adam'
dcgan(optimizer=1e-3)  # optimizer.*not 0.001
lapgan(optimizer=None)  # optimizer.*not None
cyclegan(optimizer=None)  # optimizer.*not None
gan(generator=lambda z: z)  # generator must be a network
gan(discriminator=nn.Linear)  # discriminator must be a network
gan(discriminator='dcgan')  # discriminator must be a network
wgan(penalty=0)  # penalty.*positive and finite, not 0
wgan(penalty=-10.0)  # penalty.*not -10
wgan(penalty=nan)  # penalty.*not nan
wgan(penalty='auto')  # penalty.*not 'auto'
wgan(penalty=False)  # penalty.*not False
wgan(penalty=None, clip=0)  # clip.*positive and finite, not 0
wgan(penalty=None, clip=-0.01)  # clip.*not -0.01
wgan(penalty=None, clip=nan)  # clip.*not nan
wgan(penalty=None, one_sided=True)  # one_sided=True is about the penalty
dcgan(width=0)  # width.*not 0
dcgan(width=2.5)  # width.*not 2.5
dcgan(event_shape=(784,))  # \(C, H, W\), not \(784,\)
dcgan(event_shape=(28, 28))  # \(C, H, W\), not \(28, 28\)
dcgan(event_shape=(1, 28, 64))  # both sides.*equally often.*28 x 64
dcgan(event_shape=(1, 0, 28))  # event_shape\[1\].*not 0
dcgan_nets.generator(SHAPE, latent=0)  # latent
dcgan_nets.discriminator(SHAPE, width=-2)  # width
lapgan(event_shape=(12, 10))  # \(C, H, W\), not \(12, 10\)
lapgan(event_shape=(1, 13, 10))  # 13 x 10
lapgan(levels=0)  # levels.*not 0
lapgan(levels=2.5)  # levels.*not 2.5
lapgan(width=0)  # width.*not 0
lapgan(classes=-1)  # classes.*not -1
lapgan(classes=2.5)  # classes.*not 2.5
lapgan(classes='digits')  # classes.*not 'digits'
cyclegan(event_shape=(3,))  # no pictures
cyclegan(event_shape=(12, 8))  # no pictures
cyclegan(width=0)  # width.*not 0
cyclegan(blocks=-1)  # blocks.*not -1
cyclegan(downs=-1)  # downs.*not -1
cyclegan(downs=2.5)  # downs.*not 2.5
cyclegan(layers=-1)  # layers.*not -1
cyclegan(pool=-1)  # pool.*not -1
cyclegan(pool=2.5)  # pool.*not 2.5
cyclegan(cycle=-10.0)  # cycle.*at least 0, not -10
cyclegan(cycle=nan)  # cycle.*not nan
cyclegan(identity=-0.5)  # identity.*not -0.5
cyclegan(identity='yes')  # identity.*not 'yes'
cyclegan(decay=1.5)  # decay.*from 0 to 1, not 1.5
cyclegan(generators=[nn.Identity()])  # generators must be a list of two
cyclegan(generators=[])  # generators must be a list of two
cyclegan(generators=nn.Sequential(nn.Identity(), nn.Identity()))  # generators must be a list of two
cyclegan(discriminators=[nn.Identity()] * 3)  # discriminators must be a list of two
cyclegan(discriminators=[nn.Identity(), 'b'])  # discriminators must be a list of two networks
play(gan(generator=nn.Linear(2, 4)), points)  # generator must give items of shape \(3,\), and gives \(4,\)
play(gan(generator=nn.Linear(5, 3)), points)  # generator fails
play(gan(event_shape=SHAPE, generator=nn.Linear(2, 96)), signed)  # generator.*\(1, 12, 8\), and gives \(96,\)
play(gan(discriminator=nn.Linear(4, 1)), points)  # discriminator fails
play(gan(discriminator=nn.LSTM(3, 1)), points)  # discriminator fails
play(gan(discriminator=nn.Sequential(nn.Linear(3, 1), nn.Flatten(0), nn.Unflatten(0, (1, -1)))), points)  # discriminator.*not \(1, 3\)
play(wgan(discriminator=nn.Sequential(nn.Flatten(0), nn.LazyLinear(1))), points)  # lazy layer
play(cyclegan(generators=[nn.Identity(), nn.Conv2d(1, 2, 1)]), {'x': signed, 'b': signed.clone()})  # generators\[1\].*\(2, 12, 8\)
play(cyclegan(discriminators=[nn.Flatten(0), nn.Identity()]), {'x': signed, 'b': signed.clone()})  # 'discriminator-a' has no trainable
gan().discriminate(torch.randn(4, 5))  # items of shape \(3,\), not \(5,\)
gan().discriminate(torch.randn(3))  # give a batch
gan().discriminate([[0.0, 1.0, 2.0]])  # must be a tensor
gan().discriminator_loss(Batch(torch.randn(4, 2)))  # items of shape \(3,\), not \(2,\)
gan().discriminator_loss(Batch(torch.randn(0, 3)))  # at least one
gan().generator_loss(Batch(torch.randn(0, 3)))  # at least one
wgan().distance(signed, points)  # items of shape \(3,\)
wgan().distance(points[:0], points)  # real must be .* at least one
gan().noise(-1)  # n must be .* not -1
gan().sample(-1)  # n must be .* not -1
gan().sample('5')  # n must be .* not '5'
dcgan().sample(2.5)  # n must be .* not 2.5
lapgan().sample(None)  # n must be .* not None
lapgan(classes=3).sample(-1, y)  # n must be .* not -1
cyclegan().sample(True)  # n must be .* not True
gan().sample(4, y)  # without y
dcgan().sample(4, y)  # without y
cyclegan().sample(4, y)  # without y
lapgan().sample(4, y)  # without y
lapgan(classes=3).sample(4)  # pass y=
lapgan(classes=3).sample(3, y)  # 3 items need 3 labels, not 4
lapgan(classes=2).sample(4, y)  # labels must be 0 to 1, not 0 to 2
lapgan(classes=3).sample(4, y.float())  # whole numbers.*float32
lapgan(classes=3).sample(4, [0, 1, 2, 0])  # y must be a tensor
lapgan(classes=3).draw(4, y[:, None])  # of shape \(4, 1\)
lapgan(classes=3).draw(4, y, image=torch.zeros(2, 1, 6, 5))  # image= has 2 images
lapgan().draw(2, image=torch.zeros(1, 1, 6, 5))  # image= has 1 images
lapgan().draw(2, image=torch.zeros(2, 6, 5))  # no level has images of shape \(6, 5\)
lapgan().draw(2, image=torch.zeros(2, 1, 6, 5).numpy())  # image must be a tensor
lapgan(classes=3).players()[0].loss(Batch(signed.new_zeros(4, 1, 12, 10), y.float()))  # whole numbers.*float32
lapgan(classes=3).players()[3].loss(Batch(signed.new_zeros(4, 1, 12, 10)))  # pass y=
lapgan().players()[0].loss(Batch(signed.new_zeros(4, 1, 12, 10).long()))  # floating-point.*int64
lapgan().check(signed.new_zeros(4, 1, 12, 10) + 2)  # -1 to 1
lapgan_nets.pyramid(signed, 4)  # 4 levels halve an image 3 times, which 12 x 8
lapgan_nets.images(signed, 0)  # levels
lapgan_nets.images(signed[0], 2)  # \(C, H, W\), not \(12, 8\)
cyclegan().sample(2)  # not trained yet
cyclegan().translate(signed, to='c')  # "a" or to "b"
cyclegan().translate(signed[0])  # give a batch
cyclegan().translate(signed.expand(8, 3, 12, 8))  # items of shape \(1, 12, 8\), not \(3, 12, 8\)
cyclegan().translate(signed.numpy())  # must be a tensor
cyclegan().discriminate('c', signed)  # unknown domain 'c'
cyclegan().generate(None, signed)  # unknown domain None
cyclegan().check(signed * 2)  # -1 to 1
cyclegan_nets.ImagePool(-1, (1,))  # pool.*not -1
cyclegan_nets.ImagePool(4, (5,))(torch.zeros(2, 1))  # items of shape \(5,\), not \(1,\)
cyclegan_nets.generator((12, 8))  # \(C, H, W\)
losses.value([1.0], torch.ones(1))  # real must be a tensor
losses.value(torch.ones(1), None)  # fake must be a tensor
losses.cross_entropy(torch.ones(2).long(), torch.ones(2))  # real.*floating-point.*int64
losses.cross_entropy(torch.ones(2), torch.ones(2), targets=(1.0,))  # targets must be two numbers
losses.cross_entropy(torch.ones(2), torch.ones(2), targets=(2.0, 0.0))  # targets\[0\].*not 2
losses.least_squares(torch.ones(2), torch.ones(2), targets=1.0)  # targets must be two numbers
losses.least_squares(torch.ones(2), torch.ones(0))  # fake.*at least one
losses.least_squares_generator(torch.ones(2), target=nan)  # target.*not nan
losses.least_squares_generator(torch.ones(2), target=None)  # target.*not None
losses.minimax(torch.ones(2).bool())  # fake.*bool
losses.non_saturating(torch.ones(0))  # fake.*at least one
losses.critic(torch.ones(0, 1), torch.ones(2, 1))  # real.*at least one
losses.critic_generator(3.0)  # fake must be a tensor, not 3.0
losses.gradient_penalty(gan().discriminate, torch.randn(8, 3), torch.randn(1, 3))  # as many fakes.*\(8, 3\) and \(1, 3\)
losses.gradient_penalty(gan().discriminate, torch.randn(8, 3), torch.randn(8, 1))  # of one shape
losses.gradient_penalty(gan().discriminate, points.long(), points)  # real.*int64
losses.gradient_penalty(lambda x: x.square().mean(), points, points + 1)  # each of the 8 items
losses.gradient_penalty(lambda x: torch.zeros(8), points, points + 1)  # depends on it
losses.gradient_norms(gan().discriminate, points[:0])  # at least one
"""


@pytest.mark.parametrize("line", REFUSED.strip().splitlines())
def test_what_cannot_be_meant_is_refused_by_name(line):
    call, says = line.split("  # ")
    jaxtyping.config.update("jaxtyping_disable", True)  # as users call: annotations are checked in tests only
    try:
        with pytest.raises((ValueError, TypeError), match=says):
            eval(call, dict(CALLS))
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("kind", ["gan", "dcgan", "wgan", "lapgan", "cyclegan"])
def test_whoever_samples_changes_nothing_but_the_random_numbers(kind):
    """In train mode as in eval mode, where a sample is the same; the buffers of norms and pools stay where they were."""
    model = CALLS[kind]()
    for net in [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]:
        nn.init.constant_(net.running_mean, -1.0)
    model.started.fill_(True)
    nn.init.uniform_(model.examples) if kind == "cyclegan" else None
    before, drawn = weights(model), []
    for train in (True, False):
        model.train(train)
        part = list(model.modules())[-1].eval()  # a part in another mode stays in it
        torch.manual_seed(0)
        drawn.append([model.sample(3), model.sample(3)])
        assert model.training is train and not part.training
    (a, b), again = drawn
    assert torch.equal(a, again[0]) and torch.equal(b, again[1]) and not torch.equal(a, b)
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.float64, torch.int64, torch.uint8])
def test_items_of_other_dtypes_are_the_same_items(dtype):
    """float64 of NumPy, whole numbers: cast to the model's precision where nobody else has done it."""
    x = torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]])
    for model in (CALLS["gan"](), CALLS["wgan"](penalty=None)):
        torch.testing.assert_close(model.discriminate(x.to(dtype)), model.discriminate(x), rtol=0, atol=0)
        torch.manual_seed(0)
        loss = model.discriminator_loss(Batch(x))["loss"]
        torch.manual_seed(0)
        assert model.discriminator_loss(Batch(x.to(dtype)))["loss"] == loss
    model, x = CALLS["cyclegan"](), CALLS["signed"].round()
    for net in (model.generate, model.discriminate):
        assert torch.equal(net("b", x.abs().to(dtype)), net("b", x.abs()))


def test_networks_are_tried_without_a_trace():
    """No random number of the training is used up by it, and no mode, buffer or gradient is left."""
    model = CALLS["dcgan"]()
    before, x = weights(model), CALLS["signed"]
    state = torch.get_rng_state()
    model.start(lambda n: Batch(x[:n]))
    assert torch.equal(torch.get_rng_state(), state) and model.training
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


# what takes seconds: two games played to their end


class Between(GAN):
    """Two Gaussians, the second one the generator's and fixed."""

    p, q = Normal(0.0, 1.0), Normal(1.5, 0.6)

    def __init__(self):
        discriminator = nn.Sequential(nets.mlp([1, 32, 32, 1], nn.SiLU), nn.Flatten(0))
        super().__init__((1,), latent=1, generator=nn.Linear(1, 1), discriminator=discriminator)

    def fakes(self, n):
        return self.q.loc + self.q.scale * self.noise(n)

    def players(self):
        adam = lambda parameters: torch.optim.Adam(parameters, lr=1e-2, fused=True)
        schedule = lambda progress: 0.5 * (1 + math.cos(math.pi * progress))
        return [
            Player(name="d", moves=self.discriminator, loss=self.discriminator_loss, optimizer=adam, schedule=schedule)
        ]


def test_the_best_discriminator_between_two_gaussians_is_p_over_p_plus_q():
    torch.manual_seed(0)
    model, x = Between(), torch.randn(200_000, 1)
    fit(model, x, epochs=10, batch_size=2000, progress=False)
    grid = torch.linspace(-3, 4, 2001)
    p, q = model.p.log_prob(grid).exp(), model.q.log_prob(grid).exp()
    best = p / (p + q)
    with torch.no_grad():
        found = model.discriminate(grid[:, None])
    where_data_is = (p + q) / 2 > 0.01
    assert where_data_is.sum() > 1000 and (found.sigmoid() - best)[where_data_is].abs().max() < 0.02
    # the value it reaches, by quadrature over both densities, beside 2 JS(p, q) - log 4
    log_p, log_q = model.p.log_prob(grid.double()), model.q.log_prob(grid.double())
    log_sum = torch.logaddexp(log_p, log_q)
    p, q, found, grid = log_p.exp(), log_q.exp(), found.double(), grid.double()
    most = torch.trapezoid(p * (log_p - log_sum) + q * (log_q - log_sum), grid)  # 2 JS(p, q) - log 4
    reached = torch.trapezoid(p * F.logsigmoid(found) + q * F.logsigmoid(-found), grid)
    assert most - 2e-3 < reached <= most + 1e-9


def test_a_critic_finds_the_distance_of_two_clouds():
    """Within 5 % of the exact one, by assignment: W_1 of two clouds of as many points."""
    from scipy.optimize import linear_sum_assignment

    random = torch.Generator().manual_seed(0)
    a = torch.randn(128, 2, generator=random)
    b = torch.randn(128, 2, generator=random) * torch.tensor([0.5, 1.5]) + torch.tensor([1.0, -0.5])
    cost = torch.cdist(a, b).numpy()
    exact = cost[linear_sum_assignment(cost)].mean()

    class Clouds(WGAN):
        def fakes(self, n):
            return b

        def players(self):
            adam = lambda parameters: torch.optim.Adam(parameters, lr=2e-3, betas=(0.5, 0.9), fused=True)
            falling = lambda progress: 1 - progress
            return [
                Player(
                    name="critic",
                    moves=self.discriminator,
                    loss=self.discriminator_loss,
                    optimizer=adam,
                    schedule=falling,
                )
            ]

    torch.manual_seed(0)
    model = Clouds(
        (2,), latent=2, hidden=128, penalty=100.0
    )  # the soft bound lets the slope exceed 1 by W / (2 penalty)
    fit(model, a, epochs=1500, batch_size=128, progress=False)
    found = model.distance(a, b).item()
    assert abs(found / exact - 1) < 0.05
