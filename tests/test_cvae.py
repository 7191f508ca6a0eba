"""The conditional VAE and the semi-supervised one beside integrals, sums over all classes, and the plain VAE."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from lecturekit import Batch, fit, nets
from lecturekit.evaluate import active_units, importance_bound
from lecturekit.variational import CVAE, VAE, SemiSupervisedVAE

RANDOM = torch.Generator().manual_seed(0)
X = torch.bernoulli(torch.full((5, 1, 2, 3), 0.4, dtype=torch.float64), generator=RANDOM)
Y = torch.tensor([0, 2, 1, 2, 0])
PART = torch.rand(5, 1, 2, 2, dtype=torch.float64, generator=RANDOM)


def labelled(latent=1, **options):
    torch.manual_seed(0)
    return CVAE((1, 2, 3), 3, latent=latent, hidden=(6,), activation=torch.nn.Tanh, **options).double()


def conditioned(**options):
    torch.manual_seed(0)
    return CVAE((1, 2, 3), (1, 2, 2), latent=1, hidden=(6,), activation=torch.nn.Tanh, **options).double()


def evidence(model, y):
    """log p(x | y) on a grid of z."""
    line = torch.linspace(-10, 10, 2001, dtype=torch.float64)[:, None, None].expand(-1, len(X), 1)
    with torch.no_grad():
        prior = model.prior(y)
        log_joint = prior.log_prob(line) + model.decode(line, y).log_prob(X)
    return log_joint.logsumexp(0) + math.log(0.01)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("conditional_prior", [False, True])
@pytest.mark.parametrize("make, y", [(labelled, Y), (conditioned, PART)])
def test_the_bounds_are_of_the_conditional_evidence(make, y, conditional_prior, likelihood):
    model = make(conditional_prior=conditional_prior, likelihood=likelihood)
    model.encoder[-1].bias.data[1] += 0.7  # q wide enough that no weight is huge
    model.decoder[0].weight.data[:, 0] *= 4  # and a decoder that listens to z
    log_p = evidence(model, y)
    torch.manual_seed(1)
    with torch.no_grad():
        elbo, tight = model.elbo(X, 4000, y), model.bound(X, 20_000, y)
        from_prior = model.monte_carlo(X, 20_000, y)
    assert (elbo < log_p).all()
    torch.testing.assert_close(tight, log_p, atol=0.02, rtol=0)
    torch.testing.assert_close(from_prior, log_p, atol=0.05, rtol=0)


@pytest.mark.parametrize("which", ["encode", "decode", "prior"])
def test_each_net_sees_y(which):
    model, other = labelled(conditional_prior=True), (Y + 1) % 3
    z = torch.ones(5, 1, dtype=torch.float64)
    ask = {"encode": lambda y: model.encode(X, y), "decode": lambda y: model.decode(z, y), "prior": model.prior}[which]
    assert (ask(Y).mean != ask(other).mean).any(-1).all()


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("conditional_prior", [False, True])
@pytest.mark.parametrize("condition, y", [(3, Y), ((1, 2, 2), PART)])
def test_a_pass_by_hand(condition, y, conditional_prior, likelihood):
    """The nets' own numbers, and the formulas: the loss's parts and the weights, with the gradients of every net."""
    m = CVAE(
        (1, 2, 3), condition, latent=2, hidden=(6, 5), activation=torch.nn.Tanh,
        conditional_prior=conditional_prior, likelihood=likelihood,
    ).double()  # fmt: skip
    given = torch.eye(3, dtype=torch.float64)[y] if condition == 3 else y.flatten(1)
    torch.manual_seed(1)
    noise = torch.randn(5, 2, dtype=torch.float64)
    out = m.encoder(torch.cat([X.flatten(1), given], 1))
    mean, log_scale = out[:, :2], out[:, 2:]
    prior = m.prior_net(given) if conditional_prior else torch.zeros(5, 4, dtype=torch.float64)
    z = mean + log_scale.exp() * noise
    out = m.decoder(torch.cat([z, given], 1))
    if likelihood == "bernoulli":
        log_px = (X.flatten(1) * out - torch.log1p(out.exp())).sum(1)
    else:  # locations first
        log_px = Normal(out[:, :6], out[:, 6:].exp()).log_prob(X.flatten(1)).sum(1)
    ratio = (2 * (log_scale - prior[:, 2:])).exp() + ((mean - prior[:, :2]) / prior[:, 2:].exp()) ** 2
    kl = 0.5 * (ratio - 1 - 2 * (log_scale - prior[:, 2:])).sum(1)
    log_pz = Normal(prior[:, :2], prior[:, 2:].exp()).log_prob(z).sum(1)
    log_q = Normal(mean, log_scale.exp()).log_prob(z).sum(1)
    torch.manual_seed(1)
    terms = m.loss(Batch(X, y))
    torch.manual_seed(1)
    weights = m.log_weights(X, 1, y)[0]
    torch.testing.assert_close(terms["kl"], kl.mean())
    torch.testing.assert_close(terms["reconstruction"], log_px.mean())
    torch.testing.assert_close(weights, log_px + log_pz - log_q)
    parameters = list(m.parameters())
    for ours, theirs in ((terms["loss"], (kl - log_px).mean()), (weights.sum(), (log_px + log_pz - log_q).sum())):
        torch.testing.assert_close(ours, theirs)
        slopes = [torch.autograd.grad(one, parameters, retain_graph=True) for one in (ours, theirs)]
        for a, b in zip(*slopes, strict=True):
            torch.testing.assert_close(a, b)


def test_the_hidden_layers_of_each_net():
    m = CVAE(
        (1, 2, 3), 3, latent=2, hidden=(6, 5), activation=torch.nn.Tanh, conditional_prior=True, likelihood="gaussian"
    )
    sizes = lambda net: [(one.in_features, one.out_features) for one in net if isinstance(one, torch.nn.Linear)]
    assert sizes(m.encoder) == [(9, 6), (6, 5), (5, 4)] and sizes(m.prior_net) == [(3, 6), (6, 5), (5, 4)]
    assert sizes(m.decoder) == [(5, 5), (5, 6), (6, 12)]  # in reverse
    assert all(isinstance(net[1], torch.nn.Tanh) for net in (m.encoder, m.decoder, m.prior_net))
    both = SemiSupervisedVAE(
        (1, 2, 3), classes=4, latent=2, hidden=(6, 5), activation=torch.nn.Tanh, likelihood="gaussian"
    )
    assert sizes(both.classifier) == [(6, 6), (6, 5), (5, 4)] and isinstance(both.classifier[1], torch.nn.Tanh)
    assert sizes(both.given_y.decoder) == [(6, 5), (5, 6), (6, 12)]
    assert isinstance(both.given_y.decode(torch.zeros(5, 2), Y).base_dist, Normal)


def test_the_estimate_from_the_prior_by_hand():
    """log of the mean of p(x | z) over k draws, one set of draws for each item, from the item's own prior."""
    for conditional_prior in (False, True):
        model = labelled(latent=2, conditional_prior=conditional_prior)
        model.decoder[0].weight.data[:, :2] *= 4
        torch.manual_seed(2)
        found = model.monte_carlo(X, 5, Y)  # as many draws as items
        torch.manual_seed(2)
        noise, p = torch.randn(5, 5, 2, dtype=torch.float64), model.prior(Y)
        z = p.mean + p.stddev * noise
        logits = model.decoder(torch.cat([z, torch.eye(3, dtype=torch.float64)[Y].expand(5, 5, 3)], -1))
        each = (X.flatten(1) * logits - torch.log1p(logits.exp())).sum(-1).exp()
        torch.testing.assert_close(found, (each.sum(0) / 5).log())
        assert not found.requires_grad


def test_the_loss_is_minus_the_elbo():
    model = labelled(latent=2, conditional_prior=True)
    torch.manual_seed(0)
    with torch.no_grad():
        sampled = model.log_weights(X, 20_000, Y).mean(1)
        closed = -torch.stack([model.loss(Batch(X, Y))["loss"] for _ in range(2000)])
    error = (sampled.var() / len(sampled) + closed.var() / len(closed)).sqrt()
    assert abs(sampled.mean() - closed.mean()) < 5 * error
    terms = model.loss(Batch(X, Y))
    q, p = model.encode(X, Y), model.prior(Y)
    torch.testing.assert_close(terms["kl"], kl_divergence(q, p).mean())


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_with_one_class_it_is_a_vae(likelihood):
    torch.manual_seed(0)
    model = CVAE((1, 2, 3), 1, latent=2, hidden=(4,), likelihood=likelihood)
    plain = VAE((1, 2, 3), latent=2, hidden=(4,), likelihood=likelihood)
    with torch.no_grad():  # a class that is always there is a bias
        for ours, theirs in ((model.encoder, plain.encoder[1]), (model.decoder, plain.decoder)):
            theirs[0].weight.copy_(ours[0].weight[:, :-1])
            theirs[0].bias.copy_(ours[0].bias + ours[0].weight[:, -1])
            theirs[2].load_state_dict(ours[2].state_dict())
    torch.manual_seed(1)
    expected = plain.log_weights(X.float(), 4)
    torch.manual_seed(1)
    found = model.log_weights(X.float(), 4, torch.zeros(5, dtype=torch.long))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("conditional_prior", [False, True])
def test_samples_are_one_per_condition(conditional_prior):
    model = labelled(latent=2, conditional_prior=conditional_prior)
    model.decoder[0].weight.data[:, :2] *= 8  # so that the mean of the prior makes other pictures
    y = torch.tensor([0, 1, 2]).repeat(30_000)
    found = model.sample(len(y), y)
    torch.manual_seed(3)
    z = torch.randn(30_000, 2, dtype=torch.float64)
    for label in range(3):
        with torch.no_grad():
            p = model.prior(torch.full((30_000,), label))
            expected = model.decode(p.mean + p.stddev * z, torch.full((30_000,), label)).mean.mean(0)
        torch.testing.assert_close(found[y == label].mean(0), expected, atol=0.015, rtol=0)


def test_what_a_cvae_refuses():
    model = labelled()
    with pytest.raises(ValueError, match="pass y="):
        fit(model.float(), X.float(), epochs=1, progress=False)
    with pytest.raises(ValueError, match="item [0-9]+: labels must be 0 to 2, not 3"):
        fit(model, (X.float(), torch.tensor([0, 1, 2, 3, 0])), epochs=1, progress=False)
    with pytest.raises(ValueError, match="0 to 2, not 5 to 5"):
        streams = {"x": X.float(), "labelled": (X[:1].float(), torch.tensor([5]))}
        fit(semi().float(), streams, epochs=1, batch_size={"x": 4, "labelled": 1}, progress=False)


def test_it_is_measured_given_y():
    model = labelled(latent=2)
    model.encoder[-1].bias.data[2:] += 0.7  # q wide enough that no weight is huge
    bound = importance_bound(model, X, k=20_000, y=Y, progress=False)
    torch.manual_seed(0)
    with torch.no_grad():
        torch.testing.assert_close(bound.values, model.bound(X, 20_000, Y), atol=0.05, rtol=0)
    assert active_units(model, X, Y).shape == (2,)


# --- semi-supervised ----------------------------------------------------------------------------------------------------


def semi(**options):
    torch.manual_seed(0)
    return SemiSupervisedVAE((1, 2, 3), classes=3, latent=1, hidden=(6,), **options).double()


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_the_labelled_bound_is_below_log_p_of_x_and_y(likelihood):
    model = semi(likelihood=likelihood)
    log_p = evidence(model.given_y, Y) - math.log(3)  # p(y) belongs to the joint
    with torch.no_grad():
        torch.manual_seed(0)
        bounds = model.labelled_bound(X.repeat(20_000, 1, 1, 1), Y.repeat(20_000)).reshape(-1, 5)
        expected = model.given_y.log_weights(X, 20_000, Y) - math.log(3)
    assert (bounds.mean(0) < log_p).all()
    errors = ((bounds.var(0) + expected.var(0)) / 20_000).sqrt()
    assert ((bounds.mean(0) - expected.mean(0)).abs() < 5 * errors).all()
    assert errors.max() < 0.05


def test_the_unlabelled_bound_sums_over_all_classes():
    """Eq. 7 one class at a time, and below log p(x)."""
    model = semi()
    with torch.no_grad():
        torch.manual_seed(0)
        bound = torch.stack([model.unlabelled_bound(X) for _ in range(2000)]).mean(0)
        q, each = model.classify(X), []
        for label in range(3):
            each.append(model.given_y.elbo(X, 40_000, torch.full((5,), label)) - math.log(3))
        expected = (q.probs * (torch.stack(each, -1) - q.probs.log())).sum(-1)
        joint = [evidence(model.given_y, torch.full((5,), label)) - math.log(3) for label in range(3)]
    torch.testing.assert_close(bound, expected, atol=0.03, rtol=0)
    assert (bound < torch.stack(joint).logsumexp(0)).all()


def test_with_the_true_posterior_over_y_the_sum_costs_nothing(monkeypatch):
    """sum q(y)(log p(x, y) - log q(y)) = log p(x) where q(y) = p(y | x): the gap of eq. 7 is then that of z alone."""
    model = semi()
    with torch.no_grad():
        each = torch.stack([model.given_y.elbo(X, 40_000, torch.full((5,), y)) - math.log(3) for y in range(3)], -1)
        torch.manual_seed(0)
        untrained = torch.stack([model.unlabelled_bound(X) for _ in range(2000)]).mean(0)
        monkeypatch.setattr(model, "classify", lambda x: nets.categorical(each))
        best = torch.stack([model.unlabelled_bound(X) for _ in range(2000)]).mean(0)
    torch.testing.assert_close(best, each.logsumexp(-1), atol=0.03, rtol=0)
    assert (best > untrained).all()


def test_the_loss_is_eq_9():
    model = semi()
    batch = Batch(X, streams={"labelled": Batch(X[:2], Y[:2])})
    torch.manual_seed(0)
    terms = model.loss(batch)
    torch.manual_seed(0)
    few, many = model.labelled_bound(X[:2], Y[:2]), model.unlabelled_bound(X)
    said = model.classify(X[:2]).log_prob(Y[:2]).mean()
    torch.testing.assert_close(terms["loss"], -(few.sum() + many.sum()) / 7 - said)
    torch.testing.assert_close(terms["unlabelled"], many.mean())
    torch.testing.assert_close(terms["labelled"], few.mean())
    torch.testing.assert_close(terms["label"], said)
    right = model.classify(X[:2]).probs.argmax(-1)
    for y, share in ((right, 0.0), ((right + 1) % 3, 1.0), (torch.stack([right[0], (right[1] + 1) % 3]), 0.5)):
        assert model.loss(Batch(X, streams={"labelled": Batch(X[:2], y)}))["error"] == share
    model.weight = 3.0
    torch.manual_seed(0)
    torch.testing.assert_close(model.loss(batch)["loss"], terms["loss"] - 2 * said)


def test_without_labels_all_classes_are_drawn_alike(monkeypatch):
    model, seen = semi(), []
    monkeypatch.setattr(model.given_y, "sample", lambda n, y: seen.append(y) or torch.zeros(n, 1, 2, 3))
    model.sample(6000)
    assert (torch.bincount(seen[0], minlength=3) - 2000).abs().max() < 200


def test_the_bound_on_unlabelled_items_by_hand():
    """Eq. 7, item by item and class by class, on the same noise, with the gradients of the classifier and of both nets."""
    model = semi()
    torch.manual_seed(3)
    found = model.unlabelled_bound(X)
    torch.manual_seed(3)
    copies, labels = torch.cat([X, X, X]), torch.tensor([0] * 5 + [1] * 5 + [2] * 5)
    reconstruction, kl = model.given_y.halves(copies, labels)
    log_q = model.classifier(X.flatten(1)).log_softmax(-1)
    expected = [
        sum(
            log_q[i, c].exp() * (reconstruction[5 * c + i] - kl[5 * c + i] - math.log(3) - log_q[i, c])
            for c in range(3)
        )
        for i in range(5)
    ]
    torch.testing.assert_close(found, torch.stack(expected))
    weights = torch.arange(1.0, 6.0, dtype=torch.float64)  # items of different weight
    slopes = [torch.autograd.grad(weights @ one, list(model.parameters())) for one in (found, torch.stack(expected))]
    for a, b in zip(*slopes, strict=True):
        torch.testing.assert_close(a, b)


def test_two_streams_train_it_and_labels_are_learned():
    """Two kinds of bars: with one label of each, the classifier finds out about the rest."""
    torch.manual_seed(0)
    kinds = torch.tensor([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]]).float().reshape(2, 1, 2, 3)
    y = torch.randint(2, (400,))
    x = (kinds[y] + (torch.rand(400, 1, 2, 3) < 0.1)) % 2
    model = SemiSupervisedVAE((1, 2, 3), classes=2, latent=1, hidden=(16,))
    streams = {"x": x, "labelled": (kinds, torch.tensor([0, 1]))}
    history = fit(model, streams, epochs=40, batch_size={"x": 40, "labelled": 2}, progress=False)
    right = (model.classify(x).probs.argmax(-1) == y).float().mean()
    assert right > 0.95 and history["model/unlabelled"][-1] > history["model/unlabelled"][0]


def test_a_style_keeps_its_look_under_another_class():
    """Analogies: z fixed, y running: each class decodes the same z by itself."""
    model = semi()
    z = torch.randn(1, 1, dtype=torch.float64).expand(3, 1)
    together = model.given_y.decode(z, torch.arange(3)).mean
    for label in range(3):
        alone = model.given_y.decode(z[:1], torch.tensor([label])).mean[0]
        torch.testing.assert_close(together[label], alone)
    assert model.sample(7).shape == (7, 1, 2, 3)
    assert Normal(0.0, 1.0).log_prob(z[0, 0]) == model.given_y.prior().log_prob(z[0])
