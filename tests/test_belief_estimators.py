"""Every estimator beside the exact gradient, by enumeration of a net of 8 visible and 6 hidden units."""

import math

import pytest
import torch

from lecturekit import Batch
from lecturekit.belief import SigmoidBeliefNet, estimators, exact
from lecturekit.belief.estimators import (
    ESTIMATORS,
    NVIL,
    VIMCO,
    Concrete,
    DisARM,
    ReweightedWakeSleep,
    ScoreFunction,
    StraightThrough,
    WakeSleep,
)

X = torch.bernoulli(torch.full((3, 8), 0.4, dtype=torch.float64), generator=torch.Generator().manual_seed(0))
DRAWS = 20_000
LAYERS = [(6,), (4, 2)]


def net(layers=(4, 2), seed=0, **options):
    """Weights large enough that the layers matter to each other."""
    torch.manual_seed(seed)
    model = SigmoidBeliefNet((8,), layers, **options).double()
    for parameter in model.parameters():
        parameter.data += 0.7 * torch.randn_like(parameter)
    model.centre.uniform_(0, 1)
    return model


def away(found, expected):
    """How many standard errors the draws' mean is from what is expected, at most, averaged over items as a loss is."""
    found, expected = found.mean(1), expected.mean(0)
    error = found.std(0) / len(found) ** 0.5
    off = (found.mean(0) - expected).abs()
    assert (off[error < 1e-12] < 1e-9).all()  # no noise at all: then no error either
    return (off / error.clamp(min=1e-12)).max().item()


def sizes(model):
    return [8, *model.layers]


def nvil(model, **options):
    """With baselines that say something: a net that was not trained is a baseline too."""
    torch.manual_seed(1)
    estimator = NVIL(sizes(model), **options).double()
    for baseline in estimator.baselines:
        torch.nn.init.normal_(baseline[-1].weight)
    estimator.mean.normal_(-5, 1)
    return estimator


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize(
    "make",
    [
        lambda m: ScoreFunction(sizes(m)),
        lambda m: ScoreFunction(sizes(m), k=3),
        lambda m: nvil(m, normalize=False),
        lambda m: nvil(m, normalize=False, k=3),
        lambda m: nvil(m, normalize=False, baseline=0),
        lambda m: nvil(m, normalize=False, local=False),
        lambda m: DisARM(sizes(m)),
        lambda m: DisARM(sizes(m), k=2),
    ],
    ids=["score", "score-3", "nvil", "nvil-3", "nvil-mean-only", "nvil-global", "disarm", "disarm-2"],
)
def test_the_elbos_gradient(layers, make):
    model = net(layers)
    found = exact.gradients(make(model), model, X, DRAWS)
    for part, expected in zip(found, exact.exact_gradient(model, X), strict=True):
        assert away(part, expected) < 4
        assert expected.abs().max() > 0.1  # there is something to find


@pytest.mark.parametrize("layers, k", [((6,), 2), ((4, 2), 2), ((4, 2), 3), ((3,), 6)])
def test_vimco_has_the_gradient_of_its_bound(layers, k):
    model = net(layers)
    found = exact.gradients(VIMCO(sizes(model), k), model, X, DRAWS)
    for part, expected in zip(found, exact.exact_gradient(model, X, k), strict=True):
        assert away(part, expected) < 4
    # and not that of the ELBO
    assert away(found[1], exact.exact_gradient(model, X)[1]) > 8


def test_vimcos_signals_by_hand():
    log_w = torch.tensor([[-1.0], [-2.0], [-4.0]], dtype=torch.float64)
    found = VIMCO([1, 1], 3).signals(log_w)
    w = [math.exp(-1), math.exp(-2), math.exp(-4)]
    whole = math.log(sum(w) / 3)
    without = [
        math.log((math.exp(-3.0) + w[1] + w[2]) / 3),
        math.log((w[0] + math.exp(-2.5) + w[2]) / 3),
        math.log((w[0] + w[1] + math.exp(-1.5)) / 3),
    ]
    torch.testing.assert_close(found[:, 0], torch.tensor([whole - other for other in without]).double())
    many = torch.randn(3, 4, dtype=torch.float64)  # each item by itself
    for item, signals in zip(many.T, VIMCO([1, 1], 3).signals(many).T, strict=True):
        torch.testing.assert_close(VIMCO([1, 1], 3).signals(item[:, None])[:, 0], signals)


@pytest.mark.parametrize("name", ["score", "nvil", "vimco", "disarm", "straight-through", "reweighted-wake-sleep"])
def test_the_logged_loss_is_minus_the_objective(name):
    """For k = 1 the ELBO, else L_k or the mean of log-weights: in expectation, since the draws differ."""
    model = net()
    estimator = ESTIMATORS[name](sizes(model)).double()
    expected = exact.expected_bound(model, X, 2 if estimator.k == 5 else 1).mean()
    if estimator.k == 5:
        estimator.k = 2
    many = Batch(X.repeat(DRAWS, 1))
    found = next(iter(estimator.losses().values()))(model, many)["loss"]
    assert found.item() == pytest.approx(-expected.item(), abs=0.03)


def test_normalization_divides_every_layers_signal():
    """By the running standard deviation where it is above 1, and not where it is below."""
    model = net()
    found = {}
    for normalize in (False, True):
        estimator = nvil(model, normalize=normalize)
        estimator.variance.copy_(torch.tensor([9.0, 0.25]))
        torch.manual_seed(3)
        found[normalize] = exact.gradients(estimator, model, X, 50)
    torch.testing.assert_close(found[True][1][..., :4], found[False][1][..., :4] / 3)
    torch.testing.assert_close(found[True][1][..., 4:], found[False][1][..., 4:])
    torch.testing.assert_close(found[True][0], found[False][0])  # p's gradient needs no signal


def test_nvils_baselines_step_towards_what_is_left_and_its_mean_follows():
    """In train mode only, and after use: the mean in the signal is that of earlier batches."""
    model = net((4,))
    estimator = nvil(model, normalize=False)
    before = estimator.mean.clone(), estimator.variance.clone()
    torch.manual_seed(5)
    loss = estimator.loss(model, Batch(X))["loss"]
    found = torch.autograd.grad(loss, list(estimator.baselines[0].parameters()))
    torch.manual_seed(5)
    rest = model.elbo(X).detach() - estimator.baselines[0](X)[:, 0]
    toward = torch.autograd.grad(
        (rest - before[0][0]).square().sum() / 2 / len(X), list(estimator.baselines.parameters())
    )
    for a, b in zip(found, toward, strict=True):
        torch.testing.assert_close(a, b)
    torch.testing.assert_close(estimator.mean, 0.8 * before[0] + 0.2 * rest.detach().mean())
    torch.testing.assert_close(estimator.variance, 0.8 * before[1] + 0.2 * rest.detach().var(correction=0))
    estimator.eval()
    after = estimator.mean.clone(), estimator.variance.clone()
    estimator.loss(model, Batch(X))
    assert torch.equal(estimator.mean, after[0]) and torch.equal(estimator.variance, after[1])


def test_nvil_of_two_layers_by_hand():
    """Each layer's own signal, baseline, mean and deviation, k draws; and two steps of the running averages."""
    model = net((4, 4))
    estimator = nvil(model, k=3)
    estimator.mean.copy_(torch.tensor([-4.0, -1.5]))
    estimator.variance.copy_(torch.tensor([4.0, 0.3]))
    mean, variance = estimator.mean.clone(), estimator.variance.clone()
    for seed in (5, 6):
        torch.manual_seed(seed)
        loss = estimator.loss(model, Batch(X))["loss"]
        found = torch.autograd.grad(loss, [net_[-1].bias for net_ in (*model.recognition, *estimator.baselines)])
        torch.manual_seed(seed)
        (h1, h2), logits = estimators.sample_q(model, X, 3)
        p, q = estimators.log_p(model, X, [h1, h2]), estimators.log_q([h1, h2], logits)
        wanted, steps = [], []
        for layer, (h, below, signal) in enumerate(((h1, X, sum(p) - sum(q)), (h2, h1, p[1] + p[2] - q[1]))):
            rest = (signal - estimator.baselines[layer](below)[..., 0]).detach()
            scaled = (rest - mean[layer]) / max(1.0, variance[layer].sqrt().item())
            wanted.append(-(scaled[..., None] * (h - logits[layer].sigmoid())).mean((0, 1)))
            steps.append(-scaled.mean().expand(1))
            mean[layer] = 0.8 * mean[layer] + 0.2 * rest.mean()
            variance[layer] = 0.8 * variance[layer] + 0.2 * rest.var(correction=0)
        for a, b in zip(found, wanted + steps, strict=True):
            torch.testing.assert_close(a, b)
        torch.testing.assert_close((estimator.mean, estimator.variance), (mean, variance))


def test_nvils_pieces_each_make_it_quieter():
    """On a net whose q is not the posterior: nothing, the running mean, local signals; variances summed over units."""
    model = net()
    plain = ScoreFunction(sizes(model))
    # a constant added to log w, as the bias of many dull pixels would: the score function suffers, a baseline does not
    model.generative[0][-1].bias.data -= 1.5
    given = {"plain": plain}
    for name, local in (("mean", False), ("local", True)):
        given[name] = NVIL(sizes(model), normalize=False, local=local).double()
        given[name].start(model, X.repeat(2000, 1))
    found = exact.compare(model, X, given, draws=10_000)
    assert found["mean"]["variance"] < 0.7 * found["plain"]["variance"]
    assert found["local"]["variance"] < found["mean"]["variance"]


def test_disarm_is_quieter_than_the_score_function():
    model = net((6,))
    given = {"score": ScoreFunction(sizes(model), k=2), "disarm": DisARM(sizes(model))}  # as many samples each
    found = exact.compare(model, X, given, draws=10_000)
    assert found["disarm"]["variance"] < 0.5 * found["score"]["variance"]


def test_disarm_integrates_the_noise_of_arm_out():
    """Dong et al.: the mean of ARM's (f(b1) - f(b2)) (u - 1/2) given the pair, for one unit, over a grid of u."""
    model = net((1,))
    u = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    logit = model.recognize(0, X[:1])[0, 0].detach()
    on = logit.sigmoid()
    b1, b2 = (u > 1 - on).double(), (u < on).double()
    log_p, log_q = exact.every_path(model, X[:1])
    f = (log_p - log_q)[:, 0].detach()
    arm = ((f[b1.long()] - f[b2.long()]) * (u - 0.5))[b1 != b2].mean()
    torch.manual_seed(0)
    found = exact.gradients(DisARM([8, 1]), model, X[:1], 200)[1][:, 0, 0]
    differing = found[found != 0]
    torch.testing.assert_close(differing, torch.full_like(differing, arm.item()), rtol=1e-4, atol=0)


def test_straight_through_is_quiet_and_biased():
    model = net()
    given = {"score": ScoreFunction(sizes(model)), "st": StraightThrough(sizes(model))}
    found = exact.compare(model, X, given, draws=DRAWS)
    assert found["st"]["z"] > 10 and found["st"]["bias"] > 0.01 * found["st"]["signal"]
    assert found["st"]["variance"] < 0.5 * found["score"]["variance"]
    # p's own gradient is not touched by it
    for k in (1, 3):
        p = exact.gradients(StraightThrough(sizes(model), k), model, X, DRAWS // k)[0]
        assert away(p, exact.exact_gradient(model, X)[0]) < 4


def test_straight_through_is_exact_where_log_w_is_linear():
    """One layer, from which x does not depend: log p(h) - log q(h | x) is linear in every bit."""
    model = net((5,))
    model.generative[0][-1].weight.data.zero_()
    found = exact.gradients(StraightThrough(sizes(model)), model, X, DRAWS)[1]
    assert away(found, exact.exact_gradient(model, X)[1]) < 4


def test_concrete_has_the_gradient_of_the_relaxed_models_elbo():
    """Not of the ELBO. One unit, whose relaxed ELBO is an integral over the line."""
    model = net((1,))
    warm, cold = 2 / 3, 1 / 2
    shifted = exact._Shifted(model, len(X))
    y = torch.linspace(-60, 60, 24_001, dtype=torch.float64)[:, None]  # (G, B)
    a = shifted.recognize(0, X)[:, 0]

    def density(a, temperature):  # of y = (a + logistic noise) / temperature
        u = torch.sigmoid(temperature * y - a)
        return temperature * u * (1 - u)

    z = y.sigmoid()[..., None].expand(-1, len(X), -1)
    pixels = torch.distributions.Bernoulli(logits=shifted.generate(0, z)).log_prob(X).sum(-1)
    q, p = density(a, warm), density(shifted.top[:, 0], cold)
    tiny = 1e-300
    relaxed = (q * (pixels + (p + tiny).log() - (q + tiny).log())).sum(0) * y[:, 0].diff()[0]
    expected = shifted.slopes(relaxed.sum())
    found = exact.gradients(Concrete([8, 1]), model, X, DRAWS)
    for part, other in zip(found, expected, strict=True):
        assert away(part, other) < 4
    assert away(found[1], exact.exact_gradient(model, X)[1]) > 8
    loss = Concrete([8, 1]).loss(model, Batch(X.repeat(DRAWS, 1)))["loss"]
    assert loss.item() == pytest.approx(-relaxed.mean().item(), abs=0.03)


def test_concrete_of_several_layers_is_the_relaxed_log_weight():
    """By torch's own relaxed Bernoulli, at the same draws."""
    from torch.distributions.relaxed_bernoulli import LogitRelaxedBernoulli as Relaxed

    model = net()
    torch.manual_seed(4)
    found = Concrete(sizes(model), k=3).loss(model, Batch(X))["loss"]
    torch.manual_seed(4)
    below, log_w, ys = X, 0.0, []
    for layer, n in enumerate(model.layers):
        a = model.recognize(layer, below)
        noise = torch.logit(torch.rand(3, 3, n, dtype=torch.float64))
        ys.append((a + noise) / (2 / 3))
        log_w = log_w - Relaxed(torch.tensor(2 / 3), logits=a).log_prob(ys[-1]).sum(-1)
        below = ys[-1].sigmoid()
    log_w = log_w + Relaxed(torch.tensor(0.5), logits=model.generate(1, ys[1].sigmoid())).log_prob(ys[0]).sum(-1)
    log_w = log_w + Relaxed(torch.tensor(0.5), logits=model.top).log_prob(ys[1]).sum(-1)
    log_w = log_w + torch.distributions.Bernoulli(logits=model.generate(0, ys[0].sigmoid())).log_prob(X).sum(-1)
    torch.testing.assert_close(found, -log_w.mean())


def everything(model):
    """Every x of 8 bits with every h: log p(x, h), log q(h | x), (states of h, states of x)."""
    return exact.every_path(model, exact.states(8, X))


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("k", [1, 3])
def test_the_wake_phase_follows_the_elbo(layers, k):
    model = net(layers)
    found = exact.gradients(WakeSleep(sizes(model), k), model, X, DRAWS // k)[0]
    assert away(found, exact.exact_gradient(model, X)[0]) < 4


def test_the_sleep_phase_dreams_as_many_as_there_are_items():
    model = net()
    torch.manual_seed(2)
    found = WakeSleep(sizes(model)).sleep(model, Batch(X.repeat(5, 1)))["loss"]
    torch.manual_seed(2)
    h, pixels = estimators.sample_p(model, 15)
    expected = -sum(estimators.log_q_of(model, estimators.bits(pixels), h)).mean()
    torch.testing.assert_close(found, expected)


def test_upper_layers_are_drawn_k_times_from_where_one_starts():
    model = net((4, 3, 2))
    h, logits = estimators.sample_q(model, torch.ones(5, 4, dtype=torch.float64), k=7, start=1)
    assert [tuple(part.shape) for part in (*h, *logits)] == [(7, 5, 3), (7, 5, 2), (5, 3), (7, 5, 2)]
    torch.testing.assert_close(logits[0], model.recognize(1, torch.ones(5, 4, dtype=torch.float64)))


@pytest.mark.parametrize("layers", LAYERS)
def test_the_sleep_phase_follows_q_on_samples_of_p_and_not_the_elbo(layers):
    """The exact gradient of E_p[log q(h | x)], over all x and h of the model: the data do not come into it."""
    model = net(layers)
    everyone = exact.states(8, X)
    shifted = exact._Shifted(model, len(everyone))
    log_p, log_q = exact.every_path(shifted, everyone)
    expected = shifted.slopes((log_p.exp().detach() * log_q).sum())[1].sum(0)
    found = exact.gradients(WakeSleep(sizes(model)), model, X, DRAWS)[1]
    assert away(found.flatten(0, 1)[:, None], expected[None]) < 4
    assert away(found, exact.exact_gradient(model, X)[1]) > 10


def tuples(model, k):
    """The gradients of E[sum of w~_i log p(x, h_i)] and of E[sum of w~_i log q(h_i | x)], w~ held fixed, exactly."""
    shifted = exact._Shifted(model, len(X))
    log_p, log_q = exact.every_path(shifted, X)
    index = torch.cartesian_prod(*[torch.arange(len(log_p))] * k)  # (tuples, k)
    weights = (log_p - log_q)[index].softmax(1).detach()  # (tuples, k, B)
    probability = log_q[index].sum(1).exp().detach()
    p = shifted.slopes((probability * (weights * log_p[index]).sum(1)).sum())[0]
    shifted = exact._Shifted(model, len(X))
    _, log_q = exact.every_path(shifted, X)
    return p, shifted.slopes((probability * (weights * log_q[index]).sum(1)).sum())[1]


class Awake(ReweightedWakeSleep):
    """Without the sleep phase."""

    def sleep(self, net, batch):
        return {"loss": super().sleep(net, batch)["wake"]}


@pytest.mark.parametrize("layers", LAYERS)
def test_reweighted_wake_sleep_by_enumeration(layers):
    """k = 2: p follows the gradient of L_2; q what its weights say, and beside it the sleep phase."""
    model = net(layers)
    p, q = tuples(model, 2)
    torch.testing.assert_close(p, exact.exact_gradient(model, X, 2)[0])
    found = exact.gradients(Awake(sizes(model), 2), model, X, DRAWS)
    assert away(found[0], p) < 4
    assert away(found[1], q) < 4
    slept = exact.gradients(WakeSleep(sizes(model)), model, X, DRAWS)[1]
    both = exact.gradients(ReweightedWakeSleep(sizes(model), 2), model, X, DRAWS)[1]
    difference = both - slept
    assert away(difference, q) < 4


def test_with_many_samples_the_wake_phase_of_q_follows_the_other_kl():
    """-KL(p(h | x) || q(h | x)) on data, whose gradient is E of grad log q over the exact posterior; not the ELBO."""
    model = net()
    shifted = exact._Shifted(model, len(X))
    log_p, log_q = exact.every_path(shifted, X)
    expected = shifted.slopes((log_p.softmax(0).detach() * log_q).sum())[1]
    off = {}
    for k, draws in ((2, 20_000), (500, 400)):
        found = exact.gradients(Awake(sizes(model), k), model, X, draws)[1]
        off[k] = (found.mean(0) - expected).norm()
    assert off[500] < 0.05 * off[2]
    elbo = exact.exact_gradient(model, X)[1]
    assert (elbo - expected).norm() > 5 * off[500]


def test_both_players_of_reweighted_wake_sleep_see_the_same_samples():
    model = net(estimator="reweighted-wake-sleep")
    batch = Batch(X)
    generative, recognition = model.players()
    generative.loss(batch)
    _, h, weights, _ = model.estimator.weighted_samples(model, batch)
    torch.manual_seed(0)
    found = recognition.loss(batch)
    expected = -(weights * sum(estimators.log_q_of(model, X, h))).sum(0).mean()
    torch.testing.assert_close(found["wake"], expected)
    torch.testing.assert_close(found["loss"], found["wake"] + found["sleep"])
    batch.memo.clear()  # a cache, and no more
    assert recognition.loss(batch)["loss"].isfinite()


def test_no_loss_reaches_the_other_player():
    """Even without fit's guard: p's loss has no gradient for q, and the other way round."""
    for name in ("wake-sleep", "reweighted-wake-sleep"):
        model = net(estimator=name)
        generative, recognition = model.players()
        for player, other in ((generative, recognition), (recognition, generative)):
            loss = player.loss(Batch(X))["loss"]
            grads = torch.autograd.grad(loss, other.parameters(), allow_unused=True)
            assert all(g is None for g in grads)


def test_the_two_players_share_all_parameters():
    model = net(estimator="wake-sleep")
    generative, recognition = model.players()
    assert {id(p) for p in [*generative.parameters(), *recognition.parameters()]} == {id(p) for p in model.parameters()}


def test_what_compare_counts():
    model = net()
    given = {"st": StraightThrough(sizes(model), 2), "vimco": VIMCO(sizes(model), 3)}
    torch.manual_seed(0)
    found = exact.compare(model, X, given, draws=20)
    torch.manual_seed(0)
    for name, k in (("st", 1), ("vimco", 3)):
        g, wanted = exact.gradients(given[name], model, X, 20)[1], exact.exact_gradient(model, X, k)[1]
        off, error = g.mean(0) - wanted, g.std(0) / 20**0.5
        assert found[name] == pytest.approx(
            {
                "variance": g.var(0).sum(1).mean().item(),
                "bias": (off**2 - error**2).sum(1).mean().item(),
                "z": (off.abs() / error).max().item(),
                "signal": (wanted**2).sum(1).mean().item(),
            }
        )


def test_compare_tells_bias_from_noise():
    model = net()
    given = {"score": ScoreFunction(sizes(model)), "vimco": VIMCO(sizes(model), 2), "ws": WakeSleep(sizes(model))}
    found = exact.compare(model, X, given, draws=5000)
    g = exact.gradients(given["score"], model, X, 5000)[1]
    assert found["score"]["variance"] == pytest.approx(g.var(0).sum(-1).mean().item(), rel=0.2)
    assert found["score"]["z"] < 4.5 and found["vimco"]["z"] < 4.5
    elbo = exact.exact_gradient(model, X)[1]
    assert found["score"]["signal"] == pytest.approx(elbo.square().sum(-1).mean().item())
    assert abs(found["score"]["bias"]) < 0.1 * found["score"]["signal"] < found["ws"]["bias"]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_learns_a_small_world(name):
    """Two prototypes with noise: the exact log p of the data rises well above that of independent pixels."""
    torch.manual_seed(0)
    prototypes = torch.tensor([[1, 1, 1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, 1, 1]]).float()
    data = prototypes[torch.randint(2, (400,))]
    data = torch.where(torch.rand_like(data) < 0.05, 1 - data, data)
    model = SigmoidBeliefNet((8,), (3,), estimator=name)
    with torch.no_grad():
        model.start(lambda n: Batch(data))
    seats = [(player, torch.optim.Adam(player.parameters(), lr=0.03)) for player in model.players()]
    for _ in range(400):
        batch = Batch(data[torch.randint(400, (50,))])
        for player, optimizer in seats:
            optimizer.zero_grad()
            player.loss(batch)["loss"].backward(inputs=player.parameters())
            optimizer.step()
    independent = torch.distributions.Bernoulli(data.mean(0)).log_prob(data).sum(-1).mean()
    log_p, _ = exact.every_path(model, data)
    assert log_p.logsumexp(0).mean() > independent + 1.5


def test_what_they_refuse():
    with pytest.raises(NotImplementedError, match="a game of generative and recognition"):
        net(estimator="wake-sleep").loss(Batch(X))
