"""What holds for every model of the project. Add yours to MODELS: a name, how to build it tiny, and a debug batch."""

import copy
import inspect
import re

import pytest
import torch
from torch import nn

from lecturekit import GenerativeModel, LatentVariableModel, Player, fit
from lecturekit.adversarial import DCGAN, GAN, LAPGAN, WGAN, CycleGAN, dcgan
from lecturekit.belief import RBM, BeliefNet, SigmoidBeliefNet
from lecturekit.belief.estimators import ESTIMATORS
from lecturekit.exact import NICE, Glow, PixelRNN, RealNVP
from lecturekit.variational import (
    CVAE,
    DLGM,
    DRAW,
    IWAE,
    VAE,
    GaussianMixture,
    HierarchicalVAE,
    LinearGaussian,
    SemiSupervisedVAE,
)


class Game(GenerativeModel):
    """Two players on one model, whose losses leak into each other: what later families bring."""

    event_shape = (3,)

    def __init__(self):
        super().__init__()
        self.generator, self.critic = nn.Linear(2, 3), nn.Linear(3, 1)

    def players(self):
        def forge(batch):
            return {
                "loss": -self.critic(self.generator(torch.randn(len(batch), 2))).mean()
                + self.generator.bias.square().sum()
            }

        def discriminator(batch):
            fake = self.generator(torch.randn(len(batch), 2))  # not detached
            return {
                "loss": nn.functional.softplus(self.critic(fake) - self.critic(batch.x)).mean() + self.critic.bias.sum()
            }

        return [
            Player(name="critic", moves=self.critic, loss=discriminator, turns=2),
            Player(name="generator", moves=self.generator, loss=forge),
        ]

    def sample(self, n, y=None):
        with torch.no_grad():
            return self.generator(torch.randn(n, 2))


RANDOM = torch.Generator().manual_seed(0)  # every process, and every rank, has the same items
BITS = torch.bernoulli(torch.full((16, 1, 4, 3), 0.4), generator=RANDOM)
LABELS = torch.randint(3, (16,), generator=RANDOM)
MODELS = {
    "vae": (lambda: VAE((1, 4, 3), latent=2, hidden=(8, 8)), BITS),
    "vae-sampled-kl": (lambda: VAE((1, 4, 3), latent=2, hidden=(8, 8), closed_form_kl=False), BITS),
    "vae-gaussian": (
        lambda: VAE((1, 4, 3), latent=2, hidden=(8,), likelihood="gaussian"),
        torch.rand(16, 1, 4, 3, generator=RANDOM),
    ),
    "vae-levels": (
        lambda: VAE((1, 4, 3), latent=2, hidden=(8,), likelihood="discretized-logistic"),
        torch.randint(0, 256, (16, 1, 4, 3), generator=RANDOM),
    ),
    "linear-gaussian": (lambda: LinearGaussian(4, 2), torch.randn(16, 4, generator=RANDOM)),
    "cvae": (lambda: CVAE((1, 4, 3), 3, latent=2, hidden=(8,), conditional_prior=True), (BITS, LABELS)),
    "semi-supervised": (
        lambda: SemiSupervisedVAE((1, 4, 3), classes=3, latent=2, hidden=(8,)),
        {"x": BITS, "labelled": (BITS[:8], LABELS[:8])},
    ),
    "dlgm": (lambda: DLGM((1, 4, 3), latents=(3, 2), hidden=6, skips=True, warm_up=0.5), BITS),
    "dlgm-rank-one": (lambda: DLGM((1, 4, 3), latents=(3, 2), hidden=6, covariance="rank-one"), BITS),
    "draw": (lambda: DRAW((1, 4, 3), steps=2, latent=2, hidden=4, read_size=2, write_size=2), BITS),
    "draw-whole": (lambda: DRAW((1, 4, 3), steps=2, latent=2, hidden=4), BITS),
    "iwae-of-draw": (lambda: IWAE(DRAW((1, 4, 3), steps=2, latent=2, hidden=4, write_size=2), k=3), BITS),
    "hierarchical": (lambda: HierarchicalVAE((1, 4, 3), latents=(3, 2), hidden=((5,), (4,))), BITS),
    "iwae-of-two-layers": (lambda: IWAE(HierarchicalVAE((1, 4, 3), latents=(3, 2), hidden=((5,), (4,))), k=3), BITS),
    "iwae": (lambda: IWAE(VAE((1, 4, 3), latent=2, hidden=(8, 8)), k=3), BITS),
    "iwae-of-cvae": (
        lambda: IWAE(CVAE((1, 4, 3), 3, latent=2, hidden=(8,), conditional_prior=True), k=3, estimator="dreg"),
        (BITS, LABELS),
    ),
    "iwae-dreg": (lambda: IWAE(VAE((1, 4, 3), latent=2, hidden=(8, 8)), k=3, estimator="dreg"), BITS),
    "gaussian-mixture": (lambda: GaussianMixture(3, 2), torch.randn(16, 3, generator=RANDOM)),
    "belief-net": (lambda: BeliefNet(7, hidden=(0, 3)), BITS.flatten(1)[:, :5]),
    **{
        f"sigmoid-belief-net-{name}": (
            lambda name=name: SigmoidBeliefNet((1, 4, 3), (3, 2), estimator=name, between=(4,)),
            BITS,
        )
        for name in ESTIMATORS
    },
    **{
        f"rbm-{gradient}": (
            lambda gradient=gradient: RBM((1, 4, 3), 3, gradient=gradient, chains=6, temperatures=3, sweeps=9),
            BITS,
        )
        for gradient in ("cd", "pcd", "tempered")
    },
    "rbm-gaussian": (
        lambda: RBM((3,), 4, visible="gaussian", centred=True, chains=6, sweeps=9),
        torch.randn(16, 3, generator=RANDOM),
    ),
    **{
        f"gan-{game}": (
            lambda game=game: GAN((3,), latent=2, hidden=4, game=game, turns=2),
            torch.randn(16, 3, generator=RANDOM),
        )
        for game in ("non-saturating", "minimax", "least-squares")
    },
    "dcgan": (lambda: DCGAN((1, 12, 8), latent=3, width=2), torch.rand(16, 1, 12, 8, generator=RANDOM) * 2 - 1),
    "lapgan": (
        lambda: LAPGAN((1, 12, 10), levels=2, latent=3, width=2, hidden=8, classes=3),
        (torch.rand(16, 1, 12, 10, generator=RANDOM) * 2 - 1, LABELS),
    ),
    "cyclegan": (
        lambda: CycleGAN((1, 8, 12), width=2, blocks=1, downs=1, layers=1, identity=0.5, pool=6),
        {name: torch.rand(n, 1, 8, 12, generator=RANDOM) * 2 - 1 for name, n in {"x": 16, "b": 20}.items()},
    ),
    "wgan": (lambda: WGAN((3,), latent=2, hidden=4, penalty=None), torch.randn(16, 3, generator=RANDOM)),
    "wgan-gp": (
        lambda: WGAN((1, 12, 8), 3, discriminator=dcgan.discriminator((1, 12, 8), 2, normalize=False), hidden=4),
        torch.rand(16, 1, 12, 8, generator=RANDOM) * 2 - 1,
    ),
    **{
        kind: (lambda kind=kind: PixelRNN((1, 4, 3), 2, kind, layers=2, hidden=3), BITS)
        for kind in ("diagonal-bilstm", "row-lstm", "pixelcnn", "gated-pixelcnn")
    },
    "gated-pixelcnn-with-labels": (
        lambda: PixelRNN((1, 4, 3), 2, "gated-pixelcnn", layers=1, hidden=2, classes=3),
        (BITS, LABELS),
    ),
    "nice": (lambda: NICE((3,), couplings=3, hidden=(6, 6)), torch.randn(16, 3, generator=RANDOM)),
    "realnvp": (lambda: RealNVP((1, 4, 6), couplings=1, hidden=6), torch.rand(16, 1, 4, 6, generator=RANDOM)),
    "glow": (lambda: Glow((1, 4, 8), 2, 2, 6, classes=3), (torch.rand(16, 1, 4, 8, generator=RANDOM), LABELS)),
    "game": (Game, torch.randn(16, 3, generator=RANDOM)),
}


@pytest.fixture(params=MODELS)
def case(request):
    build, data = MODELS[request.param]
    return build(), data


def items(data):
    """(x, y) of the first stream."""
    data = next(iter(data.values())) if isinstance(data, dict) else data
    return data if isinstance(data, tuple) else (data, None)


def train(model, data, **options):
    return fit(model, data, **{"epochs": 2, "batch_size": 8, "progress": False} | options)


def test_one_step_on_a_debug_batch_is_finite_and_moves_every_parameter(case):
    model, data = case
    before = copy.deepcopy(model.state_dict())
    history = train(model, data)
    assert all(torch.tensor(values).isfinite().all() for values in history.values())
    still = [n for n, p in model.named_parameters() if torch.equal(p, before[n])]
    assert not still


def test_a_turn_moves_only_the_players_parameters(case):
    model, data = case
    for player in model.players():
        moved = {id(p) for p in player.parameters()}
        others = {n: p.clone() for n, p in model.named_parameters() if id(p) not in moved}
        only = copy.copy(player)
        model.players = lambda only=only: [only]
        train(model, data)
        del model.players
        assert all(torch.equal(p, others[n]) for n, p in model.named_parameters() if n in others)


def test_state_dict_round_trip(case):
    model, data = case
    train(model, data)
    twin = copy.deepcopy(model)
    for p in twin.parameters():
        p.data.add_(1)
    twin.load_state_dict(model.state_dict())
    torch.manual_seed(1)
    y = items(data)[1]
    y = None if y is None else y[:3]
    sample = model.sample(3, y)
    torch.manual_seed(1)
    assert torch.equal(twin.sample(3, y), sample)


def test_training_is_repeatable(case):
    model, data = case
    twin = copy.deepcopy(model)
    a, b = train(model, data), train(twin, data)
    assert dict(a) == dict(b)
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), twin.parameters(), strict=True))


def test_samples_have_the_event_shape_and_no_graph(case):
    model, data = case
    x, y = items(data)
    if isinstance(model, CycleGAN):  # which translates pictures that it keeps of its training
        train(model, data)
    sample = model.sample(5, None if y is None else y[:5])
    assert sample.shape == (5, *x.shape[1:]) == (5, *model.event_shape)
    assert not sample.requires_grad


def test_print_says_what_a_model_was_made_with(case):
    model, _ = case
    head = next(line for line in f"{model}\n".splitlines() if "event_shape=" in line)
    assert f"event_shape={tuple(model.event_shape)}" in head
    for name in inspect.signature(type(model)).parameters:
        held = vars(model).get(name)
        if isinstance(held, bool | int | float | str | tuple):
            assert re.search(rf"\b{name}={re.escape(repr(held))}(,|\)|$)", head), name
    assert not re.search(r"\b(started|_\w+|training|reparameterized)=|=None|tensor\(|<", head)


def test_print_of_some_models():
    assert repr(MODELS["cvae"][0]()).splitlines()[1].strip() == (
        "event_shape=(1, 4, 3), condition=(3,), latent=2, conditional_prior=True, likelihood='bernoulli'"
    )
    dcgan_of_squares = DCGAN((1, 12, 8), latent=3, width=2, game="least-squares", turns=2)  # turns is handed on to GAN
    assert repr(dcgan_of_squares).splitlines()[1].strip() == (
        "event_shape=(1, 12, 8), latent=3, game='least-squares', turns=2, targets=(1.0, 0.0)"
    )
    assert repr(MODELS["pixelcnn"][0]()).splitlines()[1].strip() == (
        "event_shape=(1, 4, 3), levels=2, kind='pixelcnn', order=('right', 'down')"
    )


def test_latent_contract(case):
    model, data = case
    if not isinstance(model, LatentVariableModel):
        pytest.skip("not a latent-variable model")
    x, y = items(data)
    log_joint, log_q = model.paths(x, 3, y)
    assert log_joint.shape == log_q.shape == model.log_weights(x, 3, y).shape == (3, len(x))
    assert model.elbo(x, 1, y).shape == model.bound(x, 3, y).shape == (len(x),)
    torch.manual_seed(0)
    elbo = model.elbo(x, 1, y)
    torch.manual_seed(0)
    torch.testing.assert_close(model.bound(x, 1, y), elbo)
