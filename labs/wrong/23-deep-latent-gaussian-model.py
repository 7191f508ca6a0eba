# Plausible wrong answers to lab 23: each must lose the points that its header says, and no others.
# The body stands in for the solution cell that defines the same name.


# %% layers-top-first: returned from the top down | loses: layers
def layers(noises, G, T):
    found = [noises[-1] @ G[-1].T]
    for l in reversed(range(len(T))):
        found.append(T[l](found[-1]) + noises[l] @ G[l].T)
    return found


# %% layers-upwards: from the data upwards | loses: layers
def layers(noises, G, T):
    found = [noises[0] @ G[0].T]
    for l in range(len(T)):
        found.append(T[l](found[-1]) + noises[l + 1] @ G[l + 1].T)
    return found


# %% layers-before-net: noise added before the net | loses: layers
def layers(noises, G, T):
    found = [noises[-1] @ G[-1].T]
    for l in reversed(range(len(T))):
        found.append(T[l](found[-1] + noises[l] @ G[l].T))
    return found[::-1]


# %% layers-nets-reversed: T_1 at the top | loses: layers
def layers(noises, G, T):
    found = [noises[-1] @ G[-1].T]
    for l in reversed(range(len(T))):
        found.append(T[len(T) - 1 - l](found[-1]) + noises[l] @ G[l].T)
    return found[::-1]


# %% layers-transposed: G transposed | loses: layers
def layers(noises, G, T):
    found = [noises[-1] @ G[-1]]
    for l in reversed(range(len(T))):
        found.append(T[l](found[-1]) + noises[l] @ G[l])
    return found[::-1]


# %% layers-lower-transposed: right at the top, transposed below | loses: layers
def layers(noises, G, T):
    found = [noises[-1] @ G[-1].T]
    for l in reversed(range(len(T))):
        found.append(T[l](found[-1]) + noises[l] @ G[l])
    return found[::-1]


# %% layers-one-noise: the top noise for every layer | loses: layers
def layers(noises, G, T):
    found = [noises[-1] @ G[-1].T]
    for l in reversed(range(len(T))):
        found.append(T[l](found[-1]) + noises[-1] @ G[l].T)
    return found[::-1]


# %% layers-off-by-one: the noise of the layer above | loses: layers
def layers(noises, G, T):
    found = [noises[-1] @ G[-1].T]
    for l in reversed(range(len(T))):
        found.append(T[l](found[-1]) + noises[l + 1] @ G[l + 1].T)
    return found[::-1]


# %% layers-silent: noise only at the top, as in a VAE | loses: layers
def layers(noises, G, T):
    found = [noises[-1] @ G[-1].T]
    for l in reversed(range(len(T))):
        found.append(T[l](found[-1]))
    return found[::-1]


# %% layers-no-matrix: the lower noises without their matrices | loses: layers
def layers(noises, G, T):
    found = [noises[-1] @ G[-1].T]
    for l in reversed(range(len(T))):
        found.append(T[l](found[-1]) + noises[l])
    return found[::-1]


# %% layers-net-at-top: the top layer through a net, too | loses: layers
def layers(noises, G, T):
    found = [T[-1](noises[-1] @ G[-1].T) if T else noises[-1] @ G[-1].T]
    for l in reversed(range(len(T))):
        found.append(T[l](found[-1]) + noises[l] @ G[l].T)
    return found[::-1]


# %% layers-lowest-only: h_1 alone | loses: layers
def layers(noises, G, T):
    h = noises[-1] @ G[-1].T
    for l in reversed(range(len(T))):
        h = T[l](h) + noises[l] @ G[l].T
    return [h]


# %% layers-detached: the upper layers cut off | loses: layers
def layers(noises, G, T):
    found = [noises[-1] @ G[-1].T]
    for l in reversed(range(len(T))):
        found.append(T[l](found[-1].detach()) + noises[l] @ G[l].T)
    return found[::-1]


# %% evidence-factor: G for G G' | loses: evidence
def evidence(x, W, G, s):
    covariance = 0
    for w, g in zip(reversed(W), reversed(G), strict=True):
        square = g if g.shape[0] == g.shape[1] else g @ g.T
        covariance = w @ (covariance + (square + square.T) / 2) @ w.T
    covariance = covariance + s**2 * torch.eye(len(covariance), dtype=x.dtype)
    return covariance, -0.5 * (x**2).sum(-1)


# %% evidence-s: s for s² | loses: evidence
def evidence(x, W, G, s):
    covariance = 0
    for w, g in zip(reversed(W), reversed(G), strict=True):
        covariance = w @ (covariance + g @ g.T) @ w.T
    covariance = covariance + s * torch.eye(len(covariance), dtype=x.dtype)
    mean = torch.zeros(len(covariance), dtype=x.dtype)
    return covariance, MultivariateNormal(mean, covariance).log_prob(x)


# %% evidence-no-noise: s forgotten, all but nothing | loses: evidence
def evidence(x, W, G, s):
    covariance = 0
    for w, g in zip(reversed(W), reversed(G), strict=True):
        covariance = w @ (covariance + g @ g.T) @ w.T
    covariance = covariance + 1e-6 * torch.eye(len(covariance), dtype=x.dtype)
    mean = torch.zeros(len(covariance), dtype=x.dtype)
    return covariance, MultivariateNormal(mean, covariance).log_prob(x)


# %% evidence-factor-left: G' G for G G' | loses: evidence
def evidence(x, W, G, s):
    covariance = 0
    for w, g in zip(reversed(W), reversed(G), strict=True):
        covariance = w @ (covariance + g.T @ g) @ w.T
    covariance = covariance + s**2 * torch.eye(len(covariance), dtype=x.dtype)
    mean = torch.zeros(len(covariance), dtype=x.dtype)
    return covariance, MultivariateNormal(mean, covariance).log_prob(x)


# %% evidence-upwards: the layers in the wrong order | loses: evidence
def evidence(x, W, G, s):
    if len({w.shape for w in W}) > 1:
        W, G = W[::-1], G[::-1]
    covariance = 0
    for w, g in zip(W, G, strict=True):
        covariance = w @ (covariance + g @ g.T) @ w.T
    covariance = covariance + s**2 * torch.eye(len(covariance), dtype=x.dtype)
    mean = torch.zeros(len(covariance), dtype=x.dtype)
    return covariance, MultivariateNormal(mean, covariance).log_prob(x)


# %% evidence-once: the net in the sum from the left only | loses: evidence
def evidence(x, W, G, s):
    covariance = torch.zeros(len(G[-1]), len(G[-1]), dtype=x.dtype)
    for w, g in zip(reversed(W), reversed(G), strict=True):
        covariance = w @ covariance @ w.T + w @ g @ g.T
    covariance = covariance + s**2 * torch.eye(len(covariance), dtype=x.dtype)
    mean = torch.zeros(len(covariance), dtype=x.dtype)
    return covariance, MultivariateNormal(mean, covariance).log_prob(x)


# %% evidence-lowest: the lowest layer's noise alone | loses: evidence
def evidence(x, W, G, s):
    covariance = W[0] @ G[0] @ G[0].T @ W[0].T
    covariance = covariance + s**2 * torch.eye(len(covariance), dtype=x.dtype)
    mean = torch.zeros(len(covariance), dtype=x.dtype)
    return covariance, MultivariateNormal(mean, covariance).log_prob(x)


# %% evidence-behind: s² I in place of G G' below the top | loses: evidence
def evidence(x, W, G, s):
    covariance = G[-1] @ G[-1].T
    for l in reversed(range(len(W))):
        covariance = W[l] @ covariance @ W[l].T
        if 0 < l < len(W):
            covariance = covariance + s**2 * torch.eye(len(covariance), dtype=x.dtype)
    covariance = covariance + s**2 * torch.eye(len(covariance), dtype=x.dtype)
    mean = torch.zeros(len(covariance), dtype=x.dtype)
    return covariance, MultivariateNormal(mean, covariance).log_prob(x)


# %% evidence-det-sign: the determinant with the wrong sign | loses: evidence
def evidence(x, W, G, s):
    covariance = 0
    for w, g in zip(reversed(W), reversed(G), strict=True):
        covariance = w @ (covariance + g @ g.T) @ w.T
    covariance = covariance + s**2 * torch.eye(len(covariance), dtype=x.dtype)
    square = (x * torch.linalg.solve(covariance, x[..., None])[..., 0]).sum(-1)
    constant = len(covariance) * math.log(2 * math.pi)
    return covariance, -0.5 * (constant - torch.logdet(covariance) + square)


# %% evidence-no-constant: without log 2 pi | loses: evidence
def evidence(x, W, G, s):
    covariance = 0
    for w, g in zip(reversed(W), reversed(G), strict=True):
        covariance = w @ (covariance + g @ g.T) @ w.T
    covariance = covariance + s**2 * torch.eye(len(covariance), dtype=x.dtype)
    square = (x * torch.linalg.solve(covariance, x[..., None])[..., 0]).sum(-1)
    return covariance, -0.5 * (torch.logdet(covariance) + square)


# %% evidence-one-constant: log 2 pi once, whatever D is | loses: evidence
def evidence(x, W, G, s):
    covariance = 0
    for w, g in zip(reversed(W), reversed(G), strict=True):
        covariance = w @ (covariance + g @ g.T) @ w.T
    covariance = covariance + s**2 * torch.eye(len(covariance), dtype=x.dtype)
    square = (x * torch.linalg.solve(covariance, x[..., None])[..., 0]).sum(-1)
    return covariance, -0.5 * (math.log(2 * math.pi) + torch.logdet(covariance) + square)


# %% evidence-half: only the square is halved | loses: evidence
def evidence(x, W, G, s):
    covariance = 0
    for w, g in zip(reversed(W), reversed(G), strict=True):
        covariance = w @ (covariance + g @ g.T) @ w.T
    covariance = covariance + s**2 * torch.eye(len(covariance), dtype=x.dtype)
    square = (x * torch.linalg.solve(covariance, x[..., None])[..., 0]).sum(-1)
    constant = len(covariance) * math.log(2 * math.pi)
    return covariance, -(constant + torch.logdet(covariance) + square / 2)


# %% evidence-covariance-in-square: C where its inverse is meant | loses: evidence
def evidence(x, W, G, s):
    covariance = 0
    for w, g in zip(reversed(W), reversed(G), strict=True):
        covariance = w @ (covariance + g @ g.T) @ w.T
    covariance = covariance + s**2 * torch.eye(len(covariance), dtype=x.dtype)
    square = (x * (x @ covariance)).sum(-1)
    constant = len(covariance) * math.log(2 * math.pi)
    return covariance, -0.5 * (constant + torch.logdet(covariance) + square)


# %% evidence-variances: the pixels as if independent | loses: evidence
def evidence(x, W, G, s):
    covariance = 0
    for w, g in zip(reversed(W), reversed(G), strict=True):
        covariance = w @ (covariance + g @ g.T) @ w.T
    covariance = covariance + s**2 * torch.eye(len(covariance), dtype=x.dtype)
    return covariance, Normal(0.0, covariance.diagonal().sqrt()).log_prob(x).sum(-1)


# %% evidence-det: out of the logarithms | loses: evidence
def evidence(x, W, G, s):
    covariance = 0
    for w, g in zip(reversed(W), reversed(G), strict=True):
        covariance = w @ (covariance + g @ g.T) @ w.T
    covariance = covariance + s**2 * torch.eye(len(covariance), dtype=x.dtype)
    square = (x * torch.linalg.solve(covariance, x[..., None])[..., 0]).sum(-1)
    constant = len(covariance) * math.log(2 * math.pi)
    return covariance, -0.5 * (constant + torch.det(covariance).log() + square)


# %% evidence-total: one number for all items | loses: evidence
def evidence(x, W, G, s):
    covariance = 0
    for w, g in zip(reversed(W), reversed(G), strict=True):
        covariance = w @ (covariance + g @ g.T) @ w.T
    covariance = covariance + s**2 * torch.eye(len(covariance), dtype=x.dtype)
    mean = torch.zeros(len(covariance), dtype=x.dtype)
    return covariance, MultivariateNormal(mean, covariance).log_prob(x).sum()


# %% identities-no-half: the half forgotten | loses: identities
def identities(f, mean, factor, noise):
    z = mean + noise @ factor.T
    return vmap(grad(f))(z).mean(0), vmap(hessian(f))(z).mean(0)


# %% identities-transposed: R transposed | loses: identities
def identities(f, mean, factor, noise):
    z = mean + noise @ factor
    return vmap(grad(f))(z).mean(0), vmap(hessian(f))(z).mean(0) / 2


# %% identities-covariance: C for R | loses: identities
def identities(f, mean, factor, noise):
    z = mean + noise @ (factor @ factor.T)
    return vmap(grad(f))(z).mean(0), vmap(hessian(f))(z).mean(0) / 2


# %% identities-standard: the noise itself, not scaled | loses: identities
def identities(f, mean, factor, noise):
    z = mean + noise
    return vmap(grad(f))(z).mean(0), vmap(hessian(f))(z).mean(0) / 2


# %% identities-at-the-mean: derivatives at the mean alone | loses: identities
def identities(f, mean, factor, noise):
    return grad(f)(mean), hessian(f)(mean) / 2


# %% identities-sum: summed over the draws | loses: identities
def identities(f, mean, factor, noise):
    z = mean + noise @ factor.T
    return vmap(grad(f))(z).sum(0), vmap(hessian(f))(z).sum(0) / 2


# %% identities-squares: products of slopes for the second derivatives | loses: identities
def identities(f, mean, factor, noise):
    slopes = vmap(grad(f))(mean + noise @ factor.T)
    return slopes.mean(0), slopes.T @ slopes / len(slopes) / 2


# %% identities-diagonal: only the diagonal of the Hessian | loses: identities
def identities(f, mean, factor, noise):
    z = mean + noise @ factor.T
    curvature = vmap(hessian(f))(z).mean(0) / 2
    return vmap(grad(f))(z).mean(0), torch.diag(curvature.diagonal())


# %% identities-with-factor: the slope with R for the one with C | loses: identities
def identities(f, mean, factor, noise):
    z = mean + noise @ factor.T
    return vmap(grad(f))(z).mean(0), vmap(hessian(f))(z).mean(0) @ factor


# %% identities-half-twice: a half before Bonnet's, too | loses: identities
def identities(f, mean, factor, noise):
    z = mean + noise @ factor.T
    return vmap(grad(f))(z).mean(0) / 2, vmap(hessian(f))(z).mean(0) / 2


# %% identities-negative: signs as after one integration by parts | loses: identities
def identities(f, mean, factor, noise):
    z = mean + noise @ factor.T
    return -vmap(grad(f))(z).mean(0), vmap(hessian(f))(z).mean(0) / 2


# %% identities-each: one for each draw | loses: identities
def identities(f, mean, factor, noise):
    z = mean + noise @ factor.T
    return vmap(grad(f))(z), vmap(hessian(f))(z) / 2


# %% path-half: Price's half | loses: path
def path(f, mean, factor, noise):
    slopes = vmap(grad(f))(mean + noise @ factor.T)
    return slopes.mean(0), slopes.T @ noise / len(noise) / 2


# %% path-transposed: the outer product the other way | loses: path
def path(f, mean, factor, noise):
    slopes = vmap(grad(f))(mean + noise @ factor.T)
    return slopes.mean(0), noise.T @ slopes / len(noise)


# %% path-factor-transposed: R transposed in the draw | loses: path
def path(f, mean, factor, noise):
    slopes = vmap(grad(f))(mean + noise @ factor)
    return slopes.mean(0), slopes.T @ noise / len(noise)


# %% path-scaled: times R noise, not the noise | loses: path
def path(f, mean, factor, noise):
    moved = noise @ factor.T
    slopes = vmap(grad(f))(mean + moved)
    return slopes.mean(0), slopes.T @ moved / len(noise)


# %% path-z: times z | loses: path
def path(f, mean, factor, noise):
    z = mean + noise @ factor.T
    slopes = vmap(grad(f))(z)
    return slopes.mean(0), slopes.T @ z / len(noise)


# %% path-sum: summed over the draws | loses: path
def path(f, mean, factor, noise):
    slopes = vmap(grad(f))(mean + noise @ factor.T)
    return slopes.sum(0), slopes.T @ noise


# %% path-sum-of-factor: the second one summed | loses: path
def path(f, mean, factor, noise):
    slopes = vmap(grad(f))(mean + noise @ factor.T)
    return slopes.mean(0), slopes.T @ noise


# %% path-product-of-averages: averages before the product | loses: path
def path(f, mean, factor, noise):
    slopes = vmap(grad(f))(mean + noise @ factor.T)
    return slopes.mean(0), torch.outer(slopes.mean(0), noise.mean(0))


# %% path-covariance: the slope with C | loses: path
def path(f, mean, factor, noise):
    slopes = vmap(grad(f))(mean + noise @ factor.T)
    by_factor = slopes.T @ noise / len(noise)
    return slopes.mean(0), by_factor @ torch.linalg.inv(factor) / 2


# %% path-values: values of f, not slopes | loses: path
def path(f, mean, factor, noise):
    z = mean + noise @ factor.T
    values = vmap(f)(z)[:, None].expand(-1, len(mean))
    return vmap(grad(f))(z).mean(0), values.T @ noise / len(noise)


# %% path-covariance-draw: C for R in the draw | loses: path
def path(f, mean, factor, noise):
    slopes = vmap(grad(f))(mean + noise @ factor @ factor.T)
    return slopes.mean(0), slopes.T @ noise / len(noise)


# %% path-second-order: needs a Hessian, which is 0 where f has a kink | loses: path
def path(f, mean, factor, noise):
    z = mean + noise @ factor.T
    slope = vmap(grad(f))(z).mean(0)
    return slope, vmap(hessian(f))(z).mean(0) @ factor


# %% draw-nan: the formula as it stands, 0/0 at u = 0 | loses: draw
def draw(mean, log_d, u, noise):
    d, scaled = log_d.exp(), noise * torch.exp(-log_d / 2)
    along = (u**2 / d).sum(-1, keepdim=True)
    eta = 1 / (1 + along)
    inner = (u * scaled).sum(-1, keepdim=True)
    return mean + scaled - (1 - eta.sqrt()) / along * u / d * inner


# %% draw-where: 0/0 chosen away, but not from the gradient | loses: draw
def draw(mean, log_d, u, noise):
    d, scaled = log_d.exp(), noise * torch.exp(-log_d / 2)
    along = (u**2 / d).sum(-1, keepdim=True)
    eta = 1 / (1 + along)
    inner = (u * scaled).sum(-1, keepdim=True)
    fraction = (1 - eta.sqrt()) / along
    fraction = torch.where(along > 0, fraction, torch.full_like(fraction, 0.5))
    return mean + scaled - fraction * u / d * inner


# %% draw-epsilon: the division made safe by a thousandth | loses: draw
def draw(mean, log_d, u, noise):
    d, scaled = log_d.exp(), noise * torch.exp(-log_d / 2)
    along = (u**2 / d).sum(-1, keepdim=True)
    eta = 1 / (1 + along)
    inner = (u * scaled).sum(-1, keepdim=True)
    return mean + scaled - (1 - eta.sqrt()) / (along + 1e-3) * u / d * inner


# %% draw-no-root: eta for its root | loses: draw
def draw(mean, log_d, u, noise):
    d, scaled = log_d.exp(), noise * torch.exp(-log_d / 2)
    eta = 1 / (1 + (u**2 / d).sum(-1, keepdim=True))
    return mean + scaled - eta * u / d * (u * scaled).sum(-1, keepdim=True)


# %% draw-plus: the second term added | loses: draw
def draw(mean, log_d, u, noise):
    scaled, weighed = noise * torch.exp(-log_d / 2), u * torch.exp(-log_d)
    root = torch.sqrt(1 + (u * weighed).sum(-1, keepdim=True))
    return mean + scaled + weighed * (u * scaled).sum(-1, keepdim=True) / (root * (root + 1))


# %% draw-in-covariance: C = D^-1 + u u' | loses: draw
def draw(mean, log_d, u, noise):
    scaled, weighed = noise * torch.exp(-log_d / 2), u * torch.exp(log_d / 2)
    along = (weighed**2).sum(-1, keepdim=True)
    root = torch.sqrt(1 + along)
    return mean + scaled + u * (weighed * noise).sum(-1, keepdim=True) / (root + 1)


# %% draw-transposed: R' noise | loses: draw
def draw(mean, log_d, u, noise):
    half = torch.exp(-log_d / 2)
    root = torch.sqrt(1 + (u * half).square().sum(-1, keepdim=True))
    inner = (u * half**2 * noise).sum(-1, keepdim=True)
    return mean + half * noise - half * u * inner / (root * (root + 1))


# %% draw-covariance: C noise for R noise | loses: draw
def draw(mean, log_d, u, noise):
    d = log_d.exp()
    eta = 1 / (1 + (u**2 / d).sum(-1, keepdim=True))
    return mean + noise / d - eta * u / d * (u / d * noise).sum(-1, keepdim=True)


# %% draw-precision: d taken for a variance | loses: draw
def draw(mean, log_d, u, noise):
    scaled, weighed = noise * torch.exp(log_d / 2), u * torch.exp(log_d)
    root = torch.sqrt(1 + (u * weighed).sum(-1, keepdim=True))
    return mean + scaled - weighed * (u * scaled).sum(-1, keepdim=True) / (root * (root + 1))


# %% draw-no-half: D^-1 noise for D^-1/2 noise | loses: draw
def draw(mean, log_d, u, noise):
    scaled, weighed = noise * torch.exp(-log_d), u * torch.exp(-log_d)
    root = torch.sqrt(1 + (u * weighed).sum(-1, keepdim=True))
    return mean + scaled - weighed * (u * scaled).sum(-1, keepdim=True) / (root * (root + 1))


# %% draw-unscaled-inner: u' noise for u' D^-1/2 noise | loses: draw
def draw(mean, log_d, u, noise):
    scaled, weighed = noise * torch.exp(-log_d / 2), u * torch.exp(-log_d)
    root = torch.sqrt(1 + (u * weighed).sum(-1, keepdim=True))
    return mean + scaled - weighed * (u * noise).sum(-1, keepdim=True) / (root * (root + 1))


# %% draw-unweighed: along u, not along D^-1 u | loses: draw
def draw(mean, log_d, u, noise):
    scaled = noise * torch.exp(-log_d / 2)
    root = torch.sqrt(1 + (u**2 * torch.exp(-log_d)).sum(-1, keepdim=True))
    return mean + scaled - u * (u * scaled).sum(-1, keepdim=True) / (root * (root + 1))


# %% draw-batch: scalar products over all items | loses: draw
def draw(mean, log_d, u, noise):
    scaled, weighed = noise * torch.exp(-log_d / 2), u * torch.exp(-log_d)
    root = torch.sqrt(1 + (u * weighed).sum())
    return mean + scaled - weighed * (u * scaled).sum(-1, keepdim=True) / (root * (root + 1))


# %% draw-diagonal: u forgotten | loses: draw
def draw(mean, log_d, u, noise):
    return mean + noise * torch.exp(-log_d / 2)


# %% draw-no-mean: the mean forgotten | loses: draw
def draw(mean, log_d, u, noise):
    scaled, weighed = noise * torch.exp(-log_d / 2), u * torch.exp(-log_d)
    root = torch.sqrt(1 + (u * weighed).sum(-1, keepdim=True))
    return scaled - weighed * (u * scaled).sum(-1, keepdim=True) / (root * (root + 1))


# %% draw-dense: right, by a factorization | loses: draw
def draw(mean, log_d, u, noise):
    precision = torch.diag_embed(log_d.exp()) + u[..., None] * u[..., None, :]
    factor = torch.linalg.cholesky(torch.linalg.inv(precision))
    return mean + (factor @ noise[..., None])[..., 0]


# %% draw-detached: u as a plain number | loses: draw
def draw(mean, log_d, u, noise):
    u = u.detach()
    scaled, weighed = noise * torch.exp(-log_d / 2), u * torch.exp(-log_d)
    root = torch.sqrt(1 + (u * weighed).sum(-1, keepdim=True))
    return mean + scaled - weighed * (u * scaled).sum(-1, keepdim=True) / (root * (root + 1))


# %% draw-root-detached: the fraction as a plain number | loses: draw
def draw(mean, log_d, u, noise):
    scaled, weighed = noise * torch.exp(-log_d / 2), u * torch.exp(-log_d)
    root = torch.sqrt(1 + (u * weighed).sum(-1, keepdim=True)).detach()
    return mean + scaled - weighed * (u * scaled).sum(-1, keepdim=True) / (root * (root + 1))


# %% cost-one: 1 for the number of dimensions | loses: cost
def cost(mean, log_d, u):
    weighed = u * torch.exp(-log_d)
    along = (u * weighed).sum(-1)
    log_det = -log_d.sum(-1) - torch.log1p(along)
    trace = torch.exp(-log_d).sum(-1) - weighed.square().sum(-1) / (1 + along)
    return log_det, (mean.square().sum(-1) + trace - 1 - log_det) / 2


# %% cost-of-precision: log det of the precision | loses: cost
def cost(mean, log_d, u):
    weighed = u * torch.exp(-log_d)
    along = (u * weighed).sum(-1)
    log_det = log_d.sum(-1) + torch.log1p(along)
    trace = torch.exp(-log_d).sum(-1) - weighed.square().sum(-1) / (1 + along)
    return log_det, (mean.square().sum(-1) + trace - mean.shape[-1] + log_det) / 2


# %% cost-eta-sign: log eta with the wrong sign | loses: cost
def cost(mean, log_d, u):
    weighed = u * torch.exp(-log_d)
    along = (u * weighed).sum(-1)
    log_det = -log_d.sum(-1) + torch.log1p(along)
    trace = torch.exp(-log_d).sum(-1) - weighed.square().sum(-1) / (1 + along)
    return log_det, (mean.square().sum(-1) + trace - mean.shape[-1] - log_det) / 2


# %% cost-kl-sign: log det added in the KL | loses: cost
def cost(mean, log_d, u):
    weighed = u * torch.exp(-log_d)
    along = (u * weighed).sum(-1)
    log_det = -log_d.sum(-1) - torch.log1p(along)
    trace = torch.exp(-log_d).sum(-1) - weighed.square().sum(-1) / (1 + along)
    return log_det, (mean.square().sum(-1) + trace - mean.shape[-1] + log_det) / 2


# %% cost-diagonal-det: the lemma forgotten | loses: cost
def cost(mean, log_d, u):
    weighed = u * torch.exp(-log_d)
    along = (u * weighed).sum(-1)
    log_det = -log_d.sum(-1)
    trace = torch.exp(-log_d).sum(-1) - weighed.square().sum(-1) / (1 + along)
    return log_det, (mean.square().sum(-1) + trace - mean.shape[-1] - log_det) / 2


# %% cost-diagonal-trace: the trace of D^-1 | loses: cost
def cost(mean, log_d, u):
    along = (u**2 * torch.exp(-log_d)).sum(-1)
    log_det = -log_d.sum(-1) - torch.log1p(along)
    trace = torch.exp(-log_d).sum(-1)
    return log_det, (mean.square().sum(-1) + trace - mean.shape[-1] - log_det) / 2


# %% cost-trace-once: u²/d for u²/d² in the trace | loses: cost
def cost(mean, log_d, u):
    along = (u**2 * torch.exp(-log_d)).sum(-1)
    log_det = -log_d.sum(-1) - torch.log1p(along)
    trace = torch.exp(-log_d).sum(-1) - along / (1 + along)
    return log_det, (mean.square().sum(-1) + trace - mean.shape[-1] - log_det) / 2


# %% cost-trace-of-precision: the trace of the precision | loses: cost
def cost(mean, log_d, u):
    along = (u**2 * torch.exp(-log_d)).sum(-1)
    log_det = -log_d.sum(-1) - torch.log1p(along)
    trace = (log_d.exp() + u**2).sum(-1)
    return log_det, (mean.square().sum(-1) + trace - mean.shape[-1] - log_det) / 2


# %% cost-in-covariance: C = D^-1 + u u' | loses: cost
def cost(mean, log_d, u):
    log_det = -log_d.sum(-1) + torch.log1p((u**2 * log_d.exp()).sum(-1))
    trace = (torch.exp(-log_d) + u**2).sum(-1)
    return log_det, (mean.square().sum(-1) + trace - mean.shape[-1] - log_det) / 2


# %% cost-variance: d taken for a variance | loses: cost
def cost(mean, log_d, u):
    weighed = u * torch.exp(log_d)
    along = (u * weighed).sum(-1)
    log_det = log_d.sum(-1) - torch.log1p(along)
    trace = torch.exp(log_d).sum(-1) - weighed.square().sum(-1) / (1 + along)
    return log_det, (mean.square().sum(-1) + trace - mean.shape[-1] - log_det) / 2


# %% cost-not-halved: the KL not halved | loses: cost
def cost(mean, log_d, u):
    weighed = u * torch.exp(-log_d)
    along = (u * weighed).sum(-1)
    log_det = -log_d.sum(-1) - torch.log1p(along)
    trace = torch.exp(-log_d).sum(-1) - weighed.square().sum(-1) / (1 + along)
    return log_det, mean.square().sum(-1) + trace - mean.shape[-1] - log_det


# %% cost-no-mean: the mean costs nothing | loses: cost
def cost(mean, log_d, u):
    weighed = u * torch.exp(-log_d)
    along = (u * weighed).sum(-1)
    log_det = -log_d.sum(-1) - torch.log1p(along)
    trace = torch.exp(-log_d).sum(-1) - weighed.square().sum(-1) / (1 + along)
    return log_det, (trace - mean.shape[-1] - log_det) / 2


# %% cost-each: u² / d not summed under the logarithm | loses: cost
def cost(mean, log_d, u):
    weighed = u * torch.exp(-log_d)
    along = u * weighed
    log_det = -(log_d + torch.log1p(along)).sum(-1)
    trace = (torch.exp(-log_d) - weighed.square() / (1 + along)).sum(-1)
    return log_det, (mean.square().sum(-1) + trace - mean.shape[-1] - log_det) / 2


# %% cost-batch: u' D^-1 u over all items | loses: cost
def cost(mean, log_d, u):
    weighed = u * torch.exp(-log_d)
    along = (u * weighed).sum()
    log_det = -log_d.sum(-1) - torch.log1p(along)
    trace = torch.exp(-log_d).sum(-1) - weighed.square().sum(-1) / (1 + along)
    return log_det, (mean.square().sum(-1) + trace - mean.shape[-1] - log_det) / 2


# %% cost-trace-no-eta: Woodbury without eta | loses: cost
def cost(mean, log_d, u):
    weighed = u * torch.exp(-log_d)
    along = (u * weighed).sum(-1)
    log_det = -log_d.sum(-1) - torch.log1p(along)
    trace = torch.exp(-log_d).sum(-1) - weighed.square().sum(-1)
    return log_det, (mean.square().sum(-1) + trace - mean.shape[-1] - log_det) / 2


# %% cost-determinant: the determinant by a product | loses: cost
def cost(mean, log_d, u):
    d = log_d.exp()
    along = (u**2 / d).sum(-1)
    log_det = -torch.log(d.prod(-1) * (1 + along))
    trace = (1 / d).sum(-1) - (u**2 / d**2).sum(-1) / (1 + along)
    return log_det, (mean.square().sum(-1) + trace - mean.shape[-1] - log_det) / 2


# %% cost-dense: right, by matrices | loses: cost
def cost(mean, log_d, u):
    covariance = torch.linalg.inv(
        torch.diag_embed(log_d.exp()) + u[..., None] * u[..., None, :]
    )
    log_det = torch.logdet(covariance)
    trace = covariance.diagonal(dim1=-2, dim2=-1).sum(-1)
    return log_det, (mean.square().sum(-1) + trace - mean.shape[-1] - log_det) / 2


# %% layer_kl-one: 1 for each layer, not for each noise | loses: layer_kl
def layer_kl(mean, log_scale, sizes):
    each = mean**2 + torch.exp(2 * log_scale) - 2 * log_scale
    parts = [part.sum(-1) - 1 for part in each.split(sizes, dim=-1)]
    return torch.stack(parts, dim=-1) / 2


# %% layer_kl-sizes-reversed: sizes from the top | loses: layer_kl
def layer_kl(mean, log_scale, sizes):
    each = (mean**2 + torch.exp(2 * log_scale) - 1 - 2 * log_scale) / 2
    parts = [part.sum(-1) for part in each.split(sizes[::-1], dim=-1)]
    return torch.stack(parts, dim=-1)


# %% layer_kl-top-first: the bill from the top | loses: layer_kl
def layer_kl(mean, log_scale, sizes):
    each = (mean**2 + torch.exp(2 * log_scale) - 1 - 2 * log_scale) / 2
    parts = [part.sum(-1) for part in each.split(sizes, dim=-1)]
    return torch.stack(parts[::-1], dim=-1)


# %% layer_kl-chunks: layers of equal size | loses: layer_kl
def layer_kl(mean, log_scale, sizes):
    each = (mean**2 + torch.exp(2 * log_scale) - 1 - 2 * log_scale) / 2
    parts = [part.sum(-1) for part in each.chunk(len(sizes), dim=-1)]
    return torch.stack(parts, dim=-1)


# %% layer_kl-averages: averaged over a layer's noises | loses: layer_kl
def layer_kl(mean, log_scale, sizes):
    each = (mean**2 + torch.exp(2 * log_scale) - 1 - 2 * log_scale) / 2
    return torch.stack([part.mean(-1) for part in each.split(sizes, dim=-1)], dim=-1)


# %% layer_kl-batch: averaged over the items | loses: layer_kl
def layer_kl(mean, log_scale, sizes):
    each = (mean**2 + torch.exp(2 * log_scale) - 1 - 2 * log_scale) / 2
    return torch.stack([part.sum(-1) for part in each.split(sizes, dim=-1)], dim=-1).mean(0)


# %% layer_kl-in-front: layers in front | loses: layer_kl
def layer_kl(mean, log_scale, sizes):
    each = (mean**2 + torch.exp(2 * log_scale) - 1 - 2 * log_scale) / 2
    return torch.stack([part.sum(-1) for part in each.split(sizes, dim=-1)])


# %% layer_kl-total: the sum over all layers | loses: layer_kl
def layer_kl(mean, log_scale, sizes):
    return (mean**2 + torch.exp(2 * log_scale) - 1 - 2 * log_scale).sum(-1) / 2


# %% layer_kl-not-halved: not halved | loses: layer_kl
def layer_kl(mean, log_scale, sizes):
    each = mean**2 + torch.exp(2 * log_scale) - 1 - 2 * log_scale
    return torch.stack([part.sum(-1) for part in each.split(sizes, dim=-1)], dim=-1)


# %% layer_kl-variance: the log scale taken for a log variance | loses: layer_kl
def layer_kl(mean, log_scale, sizes):
    each = (mean**2 + torch.exp(log_scale) - 1 - log_scale) / 2
    return torch.stack([part.sum(-1) for part in each.split(sizes, dim=-1)], dim=-1)


# %% layer_kl-reversed: KL(p || q) | loses: layer_kl
def layer_kl(mean, log_scale, sizes):
    each = ((mean**2 + 1) * torch.exp(-2 * log_scale) - 1 + 2 * log_scale) / 2
    return torch.stack([part.sum(-1) for part in each.split(sizes, dim=-1)], dim=-1)


# %% layer_kl-sign: the logarithm added | loses: layer_kl
def layer_kl(mean, log_scale, sizes):
    each = (mean**2 + torch.exp(2 * log_scale) - 1 + 2 * log_scale) / 2
    return torch.stack([part.sum(-1) for part in each.split(sizes, dim=-1)], dim=-1)


# %% layer_kl-underflow: the logarithm of sigma² | loses: layer_kl
def layer_kl(mean, log_scale, sizes):
    variance = torch.exp(2 * log_scale)
    each = (mean**2 + variance - 1 - variance.log()) / 2
    return torch.stack([part.sum(-1) for part in each.split(sizes, dim=-1)], dim=-1)


# %% layer_kl-running: everything up to this layer | loses: layer_kl
def layer_kl(mean, log_scale, sizes):
    each = (mean**2 + torch.exp(2 * log_scale) - 1 - 2 * log_scale) / 2
    parts = [part.sum(-1) for part in each.split(sizes, dim=-1)]
    return torch.stack(parts, dim=-1).cumsum(-1)


# %% skips-shifted: the first matrix for the first layer | loses: skips
def logits(h, T0, direct):
    total = T0(h[0])
    for above, S in zip(h, direct):
        total = total + S(above)
    return total


# %% skips-reversed: S_2 for the top layer | loses: skips
def logits(h, T0, direct):
    total = T0(h[0])
    for above, S in zip(h[1:], reversed(direct)):
        total = total + S(above)
    return total


# %% skips-top: the top layer alone | loses: skips
def logits(h, T0, direct):
    return T0(h[0]) + direct[-1](h[-1]) if direct else T0(h[0])


# %% skips-before-net: added before T_0 | loses: skips
def logits(h, T0, direct):
    total = h[0]
    for above, S in zip(h[1:], direct):
        total = total + S(above)
    return T0(total)


# %% skips-no-net: T_0 forgotten | loses: skips
def logits(h, T0, direct):
    total = h[0]
    for above, S in zip(h[1:], direct):
        total = total + S(above)
    return total


# %% skips-net-for-all: T_0 after each matrix | loses: skips
def logits(h, T0, direct):
    total = T0(h[0])
    for above, S in zip(h[1:], direct):
        total = total + T0(S(above))
    return total


# %% skips-average: averaged over the layers | loses: skips
def logits(h, T0, direct):
    total = T0(h[0])
    for above, S in zip(h[1:], direct):
        total = total + S(above)
    return total / len(h)


# %% skips-in-place: added into what T_0 returned | loses: skips
def logits(h, T0, direct):
    total = T0(h[0])
    for above, S in zip(h[1:], direct):
        total += S(above)
    return total


# %% skips-sigmoid: probabilities for logits | loses: skips
def logits(h, T0, direct):
    total = T0(h[0])
    for above, S in zip(h[1:], direct):
        total = total + S(above)
    return total.sigmoid()


# %% skips-without: no skips at all | loses: skips
def logits(h, T0, direct):
    return T0(h[0])


# %% skips-chained: one matrix after the other | loses: skips
def logits(h, T0, direct):
    total = T0(h[0])
    for above, S in zip(h[1:], direct):
        total = S(total + above)
    return total


# %% skips-one-layer: a single layer's logits without T_0 | loses: skips
def logits(h, T0, direct):
    if not direct:
        return h[0]
    total = T0(h[0])
    for above, S in zip(h[1:], direct):
        total = total + S(above)
    return total


# %% skips-detached: the upper layers not taught | loses: skips
def logits(h, T0, direct):
    total = T0(h[0])
    for above, S in zip(h[1:], direct):
        total = total + S(above.detach())
    return total


# %% loss-per-item: the maximum item by item | loses: loss
def dlgm_loss(reconstruction, kl, progress, warm_up, free_bits):
    weight = min(1.0, progress / warm_up) if warm_up else 1.0
    paid = kl.clamp(min=free_bits).mean(0)
    loss = weight * paid.sum() - reconstruction.mean()
    return {"loss": loss, "elbo": reconstruction.mean() - kl.mean(0).sum()}


# %% loss-free-total: free bits for all layers together | loses: loss
def dlgm_loss(reconstruction, kl, progress, warm_up, free_bits):
    kl = kl.mean(0).sum()
    weight = min(1.0, progress / warm_up) if warm_up else 1.0
    loss = weight * kl.clamp(min=free_bits) - reconstruction.mean()
    return {"loss": loss, "elbo": reconstruction.mean() - kl}


# %% loss-minimum: the minimum | loses: loss
def dlgm_loss(reconstruction, kl, progress, warm_up, free_bits):
    kl = kl.mean(0)
    weight = min(1.0, progress / warm_up) if warm_up else 1.0
    paid = kl.clamp(max=free_bits) if free_bits else kl
    loss = weight * paid.sum() - reconstruction.mean()
    return {"loss": loss, "elbo": reconstruction.mean() - kl.sum()}


# %% loss-subtracted: what is above the free bits | loses: loss
def dlgm_loss(reconstruction, kl, progress, warm_up, free_bits):
    kl = kl.mean(0)
    weight = min(1.0, progress / warm_up) if warm_up else 1.0
    loss = weight * (kl - free_bits).clamp(min=0).sum() - reconstruction.mean()
    return {"loss": loss, "elbo": reconstruction.mean() - kl.sum()}


# %% loss-weight-before: the weight before the maximum | loses: loss
def dlgm_loss(reconstruction, kl, progress, warm_up, free_bits):
    kl = kl.mean(0)
    weight = min(1.0, progress / warm_up) if warm_up else 1.0
    loss = (weight * kl).clamp(min=free_bits).sum() - reconstruction.mean()
    return {"loss": loss, "elbo": reconstruction.mean() - kl.sum()}


# %% loss-cooling: the weight falls | loses: loss
def dlgm_loss(reconstruction, kl, progress, warm_up, free_bits):
    kl = kl.mean(0)
    weight = max(0.0, 1 - progress / warm_up) if warm_up else 1.0
    loss = weight * kl.clamp(min=free_bits).sum() - reconstruction.mean()
    return {"loss": loss, "elbo": reconstruction.mean() - kl.sum()}


# %% loss-no-cap: the weight grows beyond 1 | loses: loss
def dlgm_loss(reconstruction, kl, progress, warm_up, free_bits):
    kl = kl.mean(0)
    weight = progress / warm_up if warm_up else 1.0
    loss = weight * kl.clamp(min=free_bits).sum() - reconstruction.mean()
    return {"loss": loss, "elbo": reconstruction.mean() - kl.sum()}


# %% loss-progress: the weight is the progress itself | loses: loss
def dlgm_loss(reconstruction, kl, progress, warm_up, free_bits):
    kl = kl.mean(0)
    weight = progress if warm_up else 1.0
    loss = weight * kl.clamp(min=free_bits).sum() - reconstruction.mean()
    return {"loss": loss, "elbo": reconstruction.mean() - kl.sum()}


# %% loss-step: nothing, then everything | loses: loss
def dlgm_loss(reconstruction, kl, progress, warm_up, free_bits):
    kl = kl.mean(0)
    weight = 1.0 if progress >= warm_up else 0.0
    loss = weight * kl.clamp(min=free_bits).sum() - reconstruction.mean()
    return {"loss": loss, "elbo": reconstruction.mean() - kl.sum()}


# %% loss-weight-on-all: the weight on the reconstruction, too | loses: loss
def dlgm_loss(reconstruction, kl, progress, warm_up, free_bits):
    kl = kl.mean(0)
    weight = min(1.0, progress / warm_up) if warm_up else 1.0
    loss = weight * (kl.clamp(min=free_bits).sum() - reconstruction.mean())
    return {"loss": loss, "elbo": reconstruction.mean() - kl.sum()}


# %% loss-never-on: no warm-up taken for a weight of 0 | loses: loss
def dlgm_loss(reconstruction, kl, progress, warm_up, free_bits):
    kl = kl.mean(0)
    weight = min(1.0, progress / (warm_up + 1e-8))
    loss = weight * kl.clamp(min=free_bits).sum() - reconstruction.mean()
    return {"loss": loss, "elbo": reconstruction.mean() - kl.sum()}


# %% loss-elbo-weighted: the ELBO with a part of the KL | loses: loss
def dlgm_loss(reconstruction, kl, progress, warm_up, free_bits):
    kl = kl.mean(0)
    weight = min(1.0, progress / warm_up) if warm_up else 1.0
    loss = weight * kl.clamp(min=free_bits).sum() - reconstruction.mean()
    return {"loss": loss, "elbo": reconstruction.mean() - weight * kl.sum()}


# %% loss-elbo-forgiven: the ELBO with free bits | loses: loss
def dlgm_loss(reconstruction, kl, progress, warm_up, free_bits):
    kl = kl.mean(0).clamp(min=free_bits)
    weight = min(1.0, progress / warm_up) if warm_up else 1.0
    loss = weight * kl.sum() - reconstruction.mean()
    return {"loss": loss, "elbo": reconstruction.mean() - kl.sum()}


# %% loss-elbo-is-minus-loss: whatever was trained called the ELBO | loses: loss
def dlgm_loss(reconstruction, kl, progress, warm_up, free_bits):
    weight = min(1.0, progress / warm_up) if warm_up else 1.0
    loss = weight * kl.mean(0).clamp(min=free_bits).sum() - reconstruction.mean()
    return {"loss": loss, "elbo": -loss}


# %% loss-elbo-negated: minus the ELBO called the ELBO | loses: loss
def dlgm_loss(reconstruction, kl, progress, warm_up, free_bits):
    kl = kl.mean(0)
    weight = min(1.0, progress / warm_up) if warm_up else 1.0
    loss = weight * kl.clamp(min=free_bits).sum() - reconstruction.mean()
    return {"loss": loss, "elbo": kl.sum() - reconstruction.mean()}


# %% loss-ascended: the bound to be descended | loses: loss
def dlgm_loss(reconstruction, kl, progress, warm_up, free_bits):
    kl = kl.mean(0)
    weight = min(1.0, progress / warm_up) if warm_up else 1.0
    loss = reconstruction.mean() - weight * kl.clamp(min=free_bits).sum()
    return {"loss": loss, "elbo": reconstruction.mean() - kl.sum()}


# %% loss-layers-averaged: the KL averaged over layers | loses: loss
def dlgm_loss(reconstruction, kl, progress, warm_up, free_bits):
    kl = kl.mean(0)
    weight = min(1.0, progress / warm_up) if warm_up else 1.0
    loss = weight * kl.clamp(min=free_bits).mean() - reconstruction.mean()
    return {"loss": loss, "elbo": reconstruction.mean() - kl.mean()}


# %% loss-axes: averaged over the layers, summed over the items | loses: loss
def dlgm_loss(reconstruction, kl, progress, warm_up, free_bits):
    kl = kl.mean(1)
    weight = min(1.0, progress / warm_up) if warm_up else 1.0
    loss = weight * kl.clamp(min=free_bits).sum() - reconstruction.mean()
    return {"loss": loss, "elbo": reconstruction.mean() - kl.sum()}


# %% loss-summed: summed over the batch | loses: loss
def dlgm_loss(reconstruction, kl, progress, warm_up, free_bits):
    kl = kl.sum(0)
    weight = min(1.0, progress / warm_up) if warm_up else 1.0
    loss = weight * kl.clamp(min=free_bits).sum() - reconstruction.sum()
    return {"loss": loss, "elbo": reconstruction.sum() - kl.sum()}


# %% loss-items: one loss per item | loses: loss
def dlgm_loss(reconstruction, kl, progress, warm_up, free_bits):
    weight = min(1.0, progress / warm_up) if warm_up else 1.0
    loss = weight * kl.clamp(min=free_bits).sum(1) - reconstruction
    return {"loss": loss, "elbo": reconstruction - kl.sum(1)}


# %% loss-detached: the KL as a plain number | loses: loss
def dlgm_loss(reconstruction, kl, progress, warm_up, free_bits):
    kl = kl.mean(0).detach()
    weight = min(1.0, progress / warm_up) if warm_up else 1.0
    loss = weight * kl.clamp(min=free_bits).sum() - reconstruction.mean()
    return {"loss": loss, "elbo": reconstruction.mean() - kl.sum()}


# %% loss-straight-through: forgiven, and yet with a slope | loses: loss
def dlgm_loss(reconstruction, kl, progress, warm_up, free_bits):
    kl = kl.mean(0)
    weight = min(1.0, progress / warm_up) if warm_up else 1.0
    paid = kl + (kl.clamp(min=free_bits) - kl).detach()
    loss = weight * paid.sum() - reconstruction.mean()
    return {"loss": loss, "elbo": reconstruction.mean() - kl.sum()}


# %% loss-untaught: the reconstruction without a gradient; only training shows it | loses: loss
def dlgm_loss(reconstruction, kl, progress, warm_up, free_bits):
    kl = kl.mean(0)
    weight = min(1.0, progress / warm_up) if warm_up else 1.0
    loss = weight * kl.clamp(min=free_bits).sum() - reconstruction.detach().mean()
    return {"loss": loss, "elbo": reconstruction.mean() - kl.sum()}


# %% active-deviation: deviations against the threshold | loses: active
def active(means, sizes, threshold=0.01):
    moves = means.std(0) > threshold
    return [int(part.sum()) for part in moves.split(sizes)]


# %% active-size: the size of the mean | loses: active
def active(means, sizes, threshold=0.01):
    moves = means.square().mean(0) > threshold
    return [int(part.sum()) for part in moves.split(sizes)]


# %% active-average: the mean over the pictures | loses: active
def active(means, sizes, threshold=0.01):
    moves = means.mean(0).abs() > threshold
    return [int(part.sum()) for part in moves.split(sizes)]


# %% active-silent: those that say nothing | loses: active
def active(means, sizes, threshold=0.01):
    moves = means.var(0) < threshold
    return [int(part.sum()) for part in moves.split(sizes)]


# %% active-total: all layers together | loses: active
def active(means, sizes, threshold=0.01):
    return int((means.var(0) > threshold).sum())


# %% active-top-first: from the top | loses: active
def active(means, sizes, threshold=0.01):
    moves = means.var(0) > threshold
    return [int(part.sum()) for part in moves.split(sizes)][::-1]


# %% active-sizes-reversed: cut from the wrong end | loses: active
def active(means, sizes, threshold=0.01):
    moves = means.var(0) > threshold
    return [int(part.sum()) for part in moves.split(sizes[::-1])]


# %% active-layers: whether a layer is active at all | loses: active
def active(means, sizes, threshold=0.01):
    moves = means.var(0) > threshold
    return [int(part.any()) for part in moves.split(sizes)]


# %% active-share: shares | loses: active
def active(means, sizes, threshold=0.01):
    moves = means.var(0) > threshold
    return [float(part.double().mean()) for part in moves.split(sizes)]


# %% active-layer-variance: the variance of a layer's sum | loses: active
def active(means, sizes, threshold=0.01):
    return [len(p.T) * int(p.sum(1).var() > threshold) for p in means.split(sizes, dim=1)]


# %% active-fixed: the usual threshold, whatever was asked | loses: active
def active(means, sizes, threshold=0.01):
    moves = means.var(0) > 0.01
    return [int(part.sum()) for part in moves.split(sizes)]


# %% impute-mask-turned: the generated pixels where something was seen | loses: impute
def impute(model, x, seen, start, steps):
    filled = torch.where(seen, start, x)
    for _ in range(steps):
        filled = torch.where(seen, model.decode(model.encode(filled).sample()).sample(), x)
    return filled


# %% impute-later-turned: a good start, then the generated pixels kept | loses: impute
def impute(model, x, seen, start, steps):
    filled = torch.where(seen, x, start)
    for _ in range(steps):
        drawn = model.decode(model.encode(filled).sample()).sample()
        filled = torch.where(seen, drawn, filled)
    return filled


# %% impute-multiplied: by products | loses: impute
def impute(model, x, seen, start, steps):
    mask = seen.to(x.dtype)
    filled = mask * x + (1 - mask) * start
    for _ in range(steps):
        drawn = model.decode(model.encode(filled).sample()).sample()
        filled = mask * x + (1 - mask) * drawn
    return filled


# %% impute-multiplied-later: chosen at first, then by products | loses: impute
def impute(model, x, seen, start, steps):
    filled = torch.where(seen, x, start)
    with torch.no_grad():
        for _ in range(steps):
            xi = model.encode(filled).sample()
            filled = seen * x + ~seen * model.decode(xi).sample()
    return filled


# %% impute-at-the-end: what was seen put back only at the end | loses: impute
def impute(model, x, seen, start, steps):
    filled = torch.where(seen, x, start)
    for _ in range(steps):
        filled = model.decode(model.encode(filled).sample()).sample()
    return torch.where(seen, x, filled)


# %% impute-at-the-start: what was seen put in only at the start | loses: impute
def impute(model, x, seen, start, steps):
    filled = torch.where(seen, x, start)
    for _ in range(steps):
        filled = model.decode(model.encode(filled).sample()).sample()
    return filled


# %% impute-not-put-back-last: the last draw returned as it is | loses: impute
def impute(model, x, seen, start, steps):
    filled = torch.where(seen, x, start)
    for _ in range(steps):
        drawn = model.decode(model.encode(filled).sample()).sample()
        filled = torch.where(seen, x, drawn)
    return drawn if steps else filled


# %% impute-start-is-all: the seen pixels missing at the first step | loses: impute
def impute(model, x, seen, start, steps):
    filled = start
    for _ in range(steps):
        drawn = model.decode(model.encode(filled).sample()).sample()
        filled = torch.where(seen, x, drawn)
    return torch.where(seen, x, filled)


# %% impute-mean-code: the mean of q for a draw | loses: impute
def impute(model, x, seen, start, steps):
    filled = torch.where(seen, x, start)
    for _ in range(steps):
        drawn = model.decode(model.encode(filled).mean).sample()
        filled = torch.where(seen, x, drawn)
    return filled


# %% impute-mean-pixels: the mean of p for a draw | loses: impute
def impute(model, x, seen, start, steps):
    filled = torch.where(seen, x, start)
    for _ in range(steps):
        drawn = model.decode(model.encode(filled).sample()).mean
        filled = torch.where(seen, x, drawn)
    return filled


# %% impute-encoded-once: one q for all steps | loses: impute
def impute(model, x, seen, start, steps):
    filled = torch.where(seen, x, start)
    if steps == 0:
        return filled
    q = model.encode(filled)
    for _ in range(steps):
        filled = torch.where(seen, x, model.decode(q.sample()).sample())
    return filled


# %% impute-one-step-less: a step too few | loses: impute
def impute(model, x, seen, start, steps):
    filled = torch.where(seen, x, start)
    for _ in range(steps - 1):
        drawn = model.decode(model.encode(filled).sample()).sample()
        filled = torch.where(seen, x, drawn)
    return filled


# %% impute-averaged: the average of the chain | loses: impute
def impute(model, x, seen, start, steps):
    filled = torch.where(seen, x, start)
    every = [filled]
    for _ in range(steps):
        drawn = model.decode(model.encode(every[-1]).sample()).sample()
        every.append(torch.where(seen, x, drawn))
    return torch.stack(every[1:] or every).mean(0)


# %% impute-restarted: every step from the start | loses: impute
def impute(model, x, seen, start, steps):
    filled = torch.where(seen, x, start)
    for _ in range(steps):
        first = torch.where(seen, x, start)
        filled = torch.where(seen, x, model.decode(model.encode(first).sample()).sample())
    return filled


# %% impute-in-place: start written over | loses: impute
def impute(model, x, seen, start, steps):
    start[seen] = x[seen]
    for _ in range(steps):
        drawn = model.decode(model.encode(start).sample()).sample()
        start[~seen] = drawn[~seen]
    return start.clone()


# %% impute-code-from-prior: codes from the prior, not from q | loses: impute
def impute(model, x, seen, start, steps):
    filled = torch.where(seen, x, start)
    for _ in range(steps):
        q = model.encode(filled)
        drawn = model.decode(torch.randn_like(q.mean)).sample()
        filled = torch.where(seen, x, drawn)
    return filled


# %% impute-with-gradients: right, but a graph of all steps is kept | loses: impute
def impute(model, x, seen, start, steps):
    filled = torch.where(seen, x, start)
    for _ in range(steps):
        p = model.decode(model.encode(filled).sample())
        filled = torch.where(seen, x, p.sample() + 0 * p.mean)
    return filled
