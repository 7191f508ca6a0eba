"""Probabilistic PCA in closed form: beside the dense Gaussian, on other scales, and what it refuses."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

from lecturekit.variational import LinearGaussian


def made(dimensions=5, latent=2, noise=0.7, seed=0):
    torch.manual_seed(seed)
    model = LinearGaussian(dimensions, latent, noise).double()
    for parameter in model.parameters():
        parameter.data.add_(0.5 * torch.randn_like(parameter))
    return model.requires_grad_(False)


def dense(model, x):
    """log p(x) by the whole covariance, in float64."""
    weight, bias = model.weight.double(), model.bias.double()
    covariance = weight @ weight.T + model.noise**2 * torch.eye(len(weight), dtype=torch.float64)
    return MultivariateNormal(bias, covariance).log_prob(x.double())


@pytest.mark.parametrize("dimensions, latent", [(5, 2), (2, 5), (1, 1), (3, 3), (6, 1)])
def test_the_evidence_is_that_of_the_dense_gaussian(dimensions, latent):
    model = made(dimensions, latent)
    x = 3 * torch.randn(7, dimensions, dtype=torch.float64)
    torch.testing.assert_close(model.log_prob(x), dense(model, x))
    model.requires_grad_()
    parts = [model.weight, model.bias]
    for found, wanted in zip(
        torch.autograd.grad(model.log_prob(x).sum(), parts),
        torch.autograd.grad(dense(model, x).sum(), parts),
        strict=True,
    ):
        torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("latent, alike", [(1, False), (50, False), (50, True), (784, False)])
def test_float32_is_enough_for_many_pixels_and_little_noise(latent, alike):
    torch.manual_seed(0)
    model = LinearGaussian(784, latent, noise=1e-2).requires_grad_(False)
    model.bias.normal_()
    if alike:  # two columns that hardly differ
        model.weight[:, 1] = model.weight[:, 0] * 1.001
    x = torch.cat([model.sample(20), torch.rand(20, 784)])
    found, wanted = model.log_prob(x), dense(model, x)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found[:20].double(), wanted[:20], atol=0.03, rtol=0)
    if latent < 784:  # far out it is minus some millions of nats; a square weight would be too ill-conditioned for that
        torch.testing.assert_close(found.double(), wanted, atol=0.03, rtol=3e-6)


def test_the_posterior_is_that_of_the_joint_gaussian():
    """By conditioning the Gaussian of (z, x), and q the nearest with independent latents."""
    model = made(4, 3)
    x = torch.randn(6, 4, dtype=torch.float64)
    covariance = model.weight @ model.weight.T + model.noise**2 * torch.eye(4, dtype=torch.float64)
    gain = model.weight.T @ covariance.inverse()
    posterior = model.posterior(x)
    torch.testing.assert_close(posterior.mean, (x - model.bias) @ gain.T)
    wanted = torch.eye(3, dtype=torch.float64) - gain @ model.weight
    torch.testing.assert_close(posterior.covariance_matrix, wanted.expand(6, 3, 3))
    model.match_posterior()

    def gap(model):
        q = model.encode(x)
        return kl_divergence(MultivariateNormal(q.mean, scale_tril=q.stddev.diag_embed()), model.posterior(x)).mean()

    best = gap(model)
    for parameter in (model.recognize, model.offset, model.log_scale):
        kept = parameter.clone()
        for _ in range(10):
            parameter.copy_(kept + 1e-2 * torch.randn_like(kept))
            assert gap(model) > best
        parameter.copy_(kept)


@pytest.mark.parametrize("a, b", [(1e-3, 0.0), (1e3, 0.0), (1.0, 100.0), (1e-3, 5.0)])
@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-9), (torch.float32, 1e-5)])
def test_on_another_scale_it_says_the_same(a, b, dtype, tolerance):
    model = made(6, 2).to(dtype)
    x = (a * model.sample(50) + b).to(dtype)  # as stored, with what b has cost
    twin = LinearGaussian(6, 2, noise=a * model.noise).to(dtype).requires_grad_(False)
    twin.weight.copy_(a * model.weight)
    twin.bias.copy_(a * model.bias + b)
    model = model.double()
    model.bias.copy_((twin.bias.double() - b) / a)
    back = (x.double() - b) / a
    torch.testing.assert_close(
        twin.log_prob(x).double() + 6 * math.log(a), model.log_prob(back), atol=20 * tolerance, rtol=tolerance
    )
    torch.testing.assert_close(
        twin.posterior(x).mean.double(), model.posterior(back).mean, atol=tolerance, rtol=tolerance
    )
    twin.match_posterior(), model.match_posterior()
    torch.testing.assert_close(twin.log_scale.double(), model.log_scale, atol=tolerance, rtol=tolerance)


def test_points_of_another_type_are_taken_in_the_models(untyped):
    model = made().float()
    x = torch.tensor([[1, 2, 3, 4, 5]])
    for kind in (torch.float64, torch.long):
        torch.testing.assert_close(model.log_prob(x.to(kind)), model.log_prob(x.float()))
        torch.testing.assert_close(model.posterior(x.to(kind)).mean, model.posterior(x.float()).mean)


MODEL, X = LinearGaussian(3, 2), torch.zeros(4, 3)
REFUSED = [
    (lambda: LinearGaussian(0, 2), "dimensions must be a whole number of at least 1, not 0"),
    (lambda: LinearGaussian((3,), 2), "dimensions must be a whole number"),
    (lambda: LinearGaussian(3, -2), "latent must be a whole number of at least 1, not -2"),
    (lambda: LinearGaussian(3, 2.5), "latent must be a whole number"),
    (lambda: LinearGaussian(3, 2, noise=0), "noise must be positive and finite, not 0"),
    (lambda: LinearGaussian(3, 2, noise=math.nan), "noise must be positive and finite, not nan"),
    (lambda: LinearGaussian(3, 2, noise="0.5"), "noise must be positive and finite"),
    (lambda: LinearGaussian(3, 2, noise=True), "noise must be positive and finite"),
    (lambda: MODEL.log_prob(X[0]), r"x\[None\]"),
    (lambda: MODEL.log_prob(X[:, :2]), r"items of shape \(3,\), not \(2,\)"),
    (lambda: MODEL.log_prob(X.tolist()), "x must be a tensor"),
    (lambda: MODEL.posterior(X[0]), r"x\[None\]"),
    (lambda: MODEL.encode(X[0]), r"x\[None\]"),
    (lambda: MODEL.encode(X[:, :1]), r"items of shape \(3,\), not \(1,\)"),
    (lambda: MODEL.decode(X), r"z, the latents, must be \(..., 2\), not \(4, 3\)"),
    (lambda: MODEL.elbo(X[0]), r"x\[None\]"),
]


@pytest.mark.parametrize("call, message", REFUSED, ids=[message for _, message in REFUSED])
def test_what_it_refuses(call, message, untyped):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
