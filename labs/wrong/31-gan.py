# Plausible wrong answers to lab 31: each must lose the points that its header says, and no others.
# The body stands in for the solution cell that defines the same name.

# %% value-sign: minus V | loses: value
def value(real, fake):
    return -F.logsigmoid(real).mean() - F.logsigmoid(-fake).mean()


# %% value-swapped: real and fake exchanged | loses: value
def value(real, fake):
    return F.logsigmoid(fake).mean() + F.logsigmoid(-real).mean()


# %% value-d-twice: log D of the fakes, too | loses: value
def value(real, fake):
    return F.logsigmoid(real).mean() + F.logsigmoid(fake).mean()


# %% value-difference: the second part taken off | loses: value
def value(real, fake):
    return F.logsigmoid(real).mean() - F.logsigmoid(-fake).mean()


# %% value-log-log: a logarithm too many | loses: value
def value(real, fake):
    return torch.log(F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean())


# %% value-log-of-sum: one logarithm of everything | loses: value
def value(real, fake):
    return torch.log(real.sigmoid().mean() + 1 - fake.sigmoid().mean())


# %% value-mean-inside: the logarithms of means | loses: value
def value(real, fake):
    return real.sigmoid().mean().log() + (1 - fake.sigmoid()).mean().log()


# %% value-overflow: by way of D | loses: value
def value(real, fake):
    return real.sigmoid().log().mean() + (1 - fake.sigmoid()).log().mean()


# %% value-clamped: by way of D, held off from zero | loses: value
def value(real, fake):
    return (real.sigmoid() + 1e-8).log().mean() + (1 - fake.sigmoid() + 1e-8).log().mean()


# %% value-half: averaged over the two kinds | loses: value
def value(real, fake):
    return (F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean()) / 2


# %% value-joined: one mean over all items | loses: value
def value(real, fake):
    return 2 * torch.cat([F.logsigmoid(real).flatten(), F.logsigmoid(-fake).flatten()]).mean()


# %% value-sum: sums for means | loses: value
def value(real, fake):
    return F.logsigmoid(real).sum() + F.logsigmoid(-fake).sum()


# %% value-probabilities: the logits taken for probabilities | loses: value
def value(real, fake):
    return real.log().mean() + (1 - fake).log().mean()


# %% value-detached: without a gradient | loses: value
def value(real, fake):
    with torch.no_grad():
        return F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean()


# %% value-first-axis: a mean over items only | loses: value
def value(real, fake):
    return F.logsigmoid(real).mean(0).sum() + F.logsigmoid(-fake).mean(0).sum()


# %% forger-minimax-sign: minimax upside down | loses: forger
def forger_loss(fake, game):
    if game == "minimax":
        return -F.logsigmoid(-fake).mean()
    return -F.logsigmoid(fake).mean()


# %% forger-sign: the non-saturating loss upside down | loses: forger
def forger_loss(fake, game):
    if game == "minimax":
        return F.logsigmoid(-fake).mean()
    return F.logsigmoid(fake).mean()


# %% forger-same: non-saturating in both games | loses: forger
def forger_loss(fake, game):
    return -F.logsigmoid(fake).mean()


# %% forger-saturates: minimax in both games | loses: forger
def forger_loss(fake, game):
    return F.logsigmoid(-fake).mean()


# %% forger-exchanged: the one for the other | loses: forger
def forger_loss(fake, game):
    if game == "minimax":
        return -F.logsigmoid(fake).mean()
    return F.logsigmoid(-fake).mean()


# %% forger-overflow: the non-saturating loss by way of D | loses: forger
def forger_loss(fake, game):
    if game == "minimax":
        return F.logsigmoid(-fake).mean()
    return -fake.sigmoid().log().mean()


# %% forger-minimax-overflow: minimax by way of D | loses: forger
def forger_loss(fake, game):
    if game == "minimax":
        return (1 - fake.sigmoid()).log().mean()
    return -F.logsigmoid(fake).mean()


# %% forger-clamped: by way of D, held off from zero | loses: forger
def forger_loss(fake, game):
    if game == "minimax":
        return F.logsigmoid(-fake).mean()
    return -(fake.sigmoid() + 1e-8).log().mean()


# %% forger-sum: a sum for the mean | loses: forger
def forger_loss(fake, game):
    return F.logsigmoid(-fake).sum() if game == "minimax" else -F.logsigmoid(fake).sum()


# %% forger-detached: cut off from the generator | loses: forger
def forger_loss(fake, game):
    fake = fake.detach()
    return F.logsigmoid(-fake).mean() if game == "minimax" else -F.logsigmoid(fake).mean()


# %% forger-critic: the logit itself, which is chapter 35's | loses: forger
def forger_loss(fake, game):
    return F.logsigmoid(-fake).mean() if game == "minimax" else -fake.mean()


# %% forger-linear: 1 - D without the logarithm | loses: forger
def forger_loss(fake, game):
    return (1 - fake.sigmoid()).mean() if game == "minimax" else -F.logsigmoid(fake).mean()


# %% smoothing-ignored: targets 1 and 0 whatever was asked | loses: smoothing
def judge_loss(real, fake, on_real=1.0, on_fake=0.0):
    return F.softplus(-real).mean() + F.softplus(fake).mean()


# %% smoothing-two-sided: the real target mirrored onto the fakes | loses: smoothing
def judge_loss(real, fake, on_real=1.0, on_fake=0.0):
    first = F.binary_cross_entropy_with_logits(real, torch.full_like(real, on_real))
    return first + F.binary_cross_entropy_with_logits(fake, torch.full_like(fake, 1 - on_real))


# %% smoothing-one-target: the real target for the fakes | loses: smoothing
def judge_loss(real, fake, on_real=1.0, on_fake=0.0):
    first = F.binary_cross_entropy_with_logits(real, torch.full_like(real, on_real))
    return first + F.binary_cross_entropy_with_logits(fake, torch.full_like(fake, on_real))


# %% smoothing-fakes-ignored: the fakes' target always 0 | loses: smoothing
def judge_loss(real, fake, on_real=1.0, on_fake=0.0):
    first = F.binary_cross_entropy_with_logits(real, torch.full_like(real, on_real))
    return first + F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))


# %% smoothing-exchanged: the targets exchanged | loses: smoothing
def judge_loss(real, fake, on_real=1.0, on_fake=0.0):
    first = F.binary_cross_entropy_with_logits(real, torch.full_like(real, on_fake))
    return first + F.binary_cross_entropy_with_logits(fake, torch.full_like(fake, on_real))


# %% smoothing-half: what is left of the target forgotten | loses: smoothing
def judge_loss(real, fake, on_real=1.0, on_fake=0.0):
    return on_real * F.softplus(-real).mean() + (1 - on_fake) * F.softplus(fake).mean()


# %% smoothing-sign: V itself, to be raised | loses: smoothing
def judge_loss(real, fake, on_real=1.0, on_fake=0.0):
    first = F.binary_cross_entropy_with_logits(real, torch.full_like(real, on_real))
    return -first - F.binary_cross_entropy_with_logits(fake, torch.full_like(fake, on_fake))


# %% smoothing-averaged: half of it | loses: smoothing
def judge_loss(real, fake, on_real=1.0, on_fake=0.0):
    first = F.binary_cross_entropy_with_logits(real, torch.full_like(real, on_real))
    return (
        first + F.binary_cross_entropy_with_logits(fake, torch.full_like(fake, on_fake))
    ) / 2


# %% smoothing-joined: one mean over all items | loses: smoothing
def judge_loss(real, fake, on_real=1.0, on_fake=0.0):
    targets = torch.cat([torch.full_like(real, on_real), torch.full_like(fake, on_fake)])
    return 2 * F.binary_cross_entropy_with_logits(torch.cat([real, fake]), targets)


# %% smoothing-overflow: by way of D | loses: smoothing
def judge_loss(real, fake, on_real=1.0, on_fake=0.0):
    first = F.binary_cross_entropy(real.sigmoid(), torch.full_like(real, on_real))
    return first + F.binary_cross_entropy(fake.sigmoid(), torch.full_like(fake, on_fake))


# %% smoothing-of-the-answer: D is smoothed, not its target | loses: smoothing
def judge_loss(real, fake, on_real=1.0, on_fake=0.0):
    on_real_d = on_real * real.sigmoid()
    return -on_real_d.log().mean() - (1 - fake.sigmoid()).log().mean()


# %% smoothing-logits: the logits taken for probabilities | loses: smoothing
def judge_loss(real, fake, on_real=1.0, on_fake=0.0):
    first = F.mse_loss(real, torch.full_like(real, on_real))
    return first + F.mse_loss(fake, torch.full_like(fake, on_fake))


# %% smoothing-detached: without a gradient | loses: smoothing
def judge_loss(real, fake, on_real=1.0, on_fake=0.0):
    with torch.no_grad():
        first = F.binary_cross_entropy_with_logits(real, torch.full_like(real, on_real))
        return first + F.binary_cross_entropy_with_logits(fake, torch.full_like(fake, on_fake))


# %% best-underflow: by way of the densities | loses: best
def best_judge(log_p, log_q, on_real=1.0, on_fake=0.0):
    p, q = log_p.exp(), log_q.exp()
    return (on_real * p + on_fake * q) / (p + q)


# %% best-held: the densities held off from zero | loses: best
def best_judge(log_p, log_q, on_real=1.0, on_fake=0.0):
    p, q = log_p.exp(), log_q.exp()
    return (on_real * p + on_fake * q) / (p + q + 1e-12)


# %% best-inverted: the probability of a fake | loses: best
def best_judge(log_p, log_q, on_real=1.0, on_fake=0.0):
    plain = torch.sigmoid(log_q - log_p)
    return on_fake + (on_real - on_fake) * plain


# %% best-ratio: p / q | loses: best
def best_judge(log_p, log_q, on_real=1.0, on_fake=0.0):
    return (log_p - log_q).exp()


# %% best-half-ratio: p / q, halved so that equal densities give 1/2 | loses: best
def best_judge(log_p, log_q, on_real=1.0, on_fake=0.0):
    return ((log_p - log_q).exp() / 2).clamp(max=1)


# %% best-logit: the logit for the probability | loses: best
def best_judge(log_p, log_q, on_real=1.0, on_fake=0.0):
    return log_p - log_q


# %% best-logarithms: logarithms taken for densities | loses: best
def best_judge(log_p, log_q, on_real=1.0, on_fake=0.0):
    return log_p / (log_p + log_q)


# %% best-unsmoothed: the targets ignored | loses: best
def best_judge(log_p, log_q, on_real=1.0, on_fake=0.0):
    return torch.sigmoid(log_p - log_q)


# %% best-real-only: the fakes' target ignored | loses: best
def best_judge(log_p, log_q, on_real=1.0, on_fake=0.0):
    return on_real * torch.sigmoid(log_p - log_q)


# %% best-added: the fakes' target added everywhere | loses: best
def best_judge(log_p, log_q, on_real=1.0, on_fake=0.0):
    return on_real * torch.sigmoid(log_p - log_q) + on_fake


# %% best-clamped: the targets as limits of D | loses: best
def best_judge(log_p, log_q, on_real=1.0, on_fake=0.0):
    return torch.sigmoid(log_p - log_q).clamp(on_fake, on_real)


# %% best-nan: a difference of infinities made zero | loses: best
def best_judge(log_p, log_q, on_real=1.0, on_fake=0.0):
    plain = torch.sigmoid(log_p.nan_to_num(neginf=0.0) - log_q.nan_to_num(neginf=0.0))
    return on_fake + (on_real - on_fake) * plain


# %% criterion-zero: 0 log 0 is no number | loses: criterion
def criterion(p, q):
    best = p / (p + q)
    return (p * best.log() + q * (1 - best).log()).sum(-1)


# %% criterion-js: the Jensen-Shannon divergence itself | loses: criterion
def criterion(p, q):
    both = p + q
    terms = torch.xlogy(p, p) + torch.xlogy(q, q) - torch.xlogy(both, both / 2)
    return terms.sum(-1) / 2


# %% criterion-twice: log 4 forgotten | loses: criterion
def criterion(p, q):
    both = p + q
    return (torch.xlogy(p, p) + torch.xlogy(q, q) - torch.xlogy(both, both / 2)).sum(-1)


# %% criterion-once: JS - log 4 | loses: criterion
def criterion(p, q):
    both = p + q
    twice = (torch.xlogy(p, p) + torch.xlogy(q, q) - torch.xlogy(both, both / 2)).sum(-1)
    return twice / 2 - math.log(4)


# %% criterion-kl: the KL divergence | loses: criterion
def criterion(p, q):
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum(-1) - math.log(4)


# %% criterion-exchanged: each weighted with the other | loses: criterion
def criterion(p, q):
    both = p + q
    return (torch.xlogy(p, q / both) + torch.xlogy(q, p / both)).sum(-1)


# %% criterion-real-only: the fakes' half forgotten | loses: criterion
def criterion(p, q):
    return (torch.xlogy(p, p) - torch.xlogy(p, p + q)).sum(-1)


# %% criterion-mean: a mean over the points | loses: criterion
def criterion(p, q):
    both = p + q
    return (torch.xlogy(p, p) + torch.xlogy(q, q) - torch.xlogy(both, both)).mean(-1)


# %% criterion-total: one number for all generators | loses: criterion
def criterion(p, q):
    both = p + q
    return (torch.xlogy(p, p) + torch.xlogy(q, q) - torch.xlogy(both, both)).sum()


# %% criterion-held: masses held off from zero | loses: criterion
def criterion(p, q):
    p, q = p + 1e-4, q + 1e-4
    return (p * (p / (p + q)).log() + q * (q / (p + q)).log()).sum(-1)


# %% criterion-sign: what D descends | loses: criterion
def criterion(p, q):
    both = p + q
    return (torch.xlogy(both, both) - torch.xlogy(p, p) - torch.xlogy(q, q)).sum(-1)


# %% criterion-nowhere: right, but not where both are zero | loses: criterion
def criterion(p, q):
    both = p + q
    return (torch.xlogy(p, p / both) + torch.xlogy(q, q / both)).sum(-1)


# %% round-no-detach: the path to the generator left open | loses: round
def play_round(generator, discriminator, g_optimizer, d_optimizer, x, z_d, z_g):
    d_optimizer.zero_grad()
    d_loss = F.softplus(-discriminator(x)).mean()
    d_loss = d_loss + F.softplus(discriminator(generator(z_d))).mean()
    d_loss.backward()
    d_optimizer.step()
    g_optimizer.zero_grad()
    g_loss = F.softplus(-discriminator(generator(z_g))).mean()
    g_loss.backward()
    g_optimizer.step()
    return d_loss.item(), g_loss.item()


# %% round-leak: no detach, and the gradients cleared at the start only | loses: round
def play_round(generator, discriminator, g_optimizer, d_optimizer, x, z_d, z_g):
    d_optimizer.zero_grad()
    g_optimizer.zero_grad()
    d_loss = F.softplus(-discriminator(x)).mean()
    d_loss = d_loss + F.softplus(discriminator(generator(z_d))).mean()
    d_loss.backward()
    d_optimizer.step()
    g_loss = F.softplus(-discriminator(generator(z_g))).mean()
    g_loss.backward()
    g_optimizer.step()
    return d_loss.item(), g_loss.item()


# %% round-no-clearing: the discriminator's old gradients kept | loses: round
def play_round(generator, discriminator, g_optimizer, d_optimizer, x, z_d, z_g):
    fake = discriminator(generator(z_d).detach())
    d_loss = F.softplus(-discriminator(x)).mean() + F.softplus(fake).mean()
    d_loss.backward()
    d_optimizer.step()
    g_optimizer.zero_grad()
    g_loss = F.softplus(-discriminator(generator(z_g))).mean()
    g_loss.backward()
    g_optimizer.step()
    return d_loss.item(), g_loss.item()


# %% round-late: the gradients cleared after the step | loses: round
def play_round(generator, discriminator, g_optimizer, d_optimizer, x, z_d, z_g):
    d_optimizer.zero_grad()
    fake = discriminator(generator(z_d).detach())
    d_loss = F.softplus(-discriminator(x)).mean() + F.softplus(fake).mean()
    d_loss.backward()
    d_optimizer.step()
    g_loss = F.softplus(-discriminator(generator(z_g))).mean()
    g_loss.backward()
    g_optimizer.step()
    g_optimizer.zero_grad()
    return d_loss.item(), g_loss.item()


# %% round-cleared-between: the clearing between backward and step | loses: round
def play_round(generator, discriminator, g_optimizer, d_optimizer, x, z_d, z_g):
    fake = discriminator(generator(z_d).detach())
    d_loss = F.softplus(-discriminator(x)).mean() + F.softplus(fake).mean()
    d_loss.backward()
    d_optimizer.zero_grad()
    d_optimizer.step()
    g_loss = F.softplus(-discriminator(generator(z_g))).mean()
    g_loss.backward()
    g_optimizer.zero_grad()
    g_optimizer.step()
    return d_loss.item(), g_loss.item()


# %% round-cut: the generator's fakes detached | loses: round
def play_round(generator, discriminator, g_optimizer, d_optimizer, x, z_d, z_g):
    d_optimizer.zero_grad()
    fake = discriminator(generator(z_d).detach())
    d_loss = F.softplus(-discriminator(x)).mean() + F.softplus(fake).mean()
    d_loss.backward()
    d_optimizer.step()
    g_optimizer.zero_grad()
    g_loss = F.softplus(-discriminator(generator(z_g).detach())).mean()
    g_loss.backward()
    g_optimizer.step()
    return d_loss.item(), g_loss.item()


# %% round-simultaneous: the generator answers the discriminator of before | loses: round
def play_round(generator, discriminator, g_optimizer, d_optimizer, x, z_d, z_g):
    d_optimizer.zero_grad()
    fake = discriminator(generator(z_d).detach())
    d_loss = F.softplus(-discriminator(x)).mean() + F.softplus(fake).mean()
    slopes = torch.autograd.grad(d_loss, list(discriminator.parameters()))
    g_optimizer.zero_grad()
    g_loss = F.softplus(-discriminator(generator(z_g))).mean()
    g_loss.backward()
    for p, slope in zip(discriminator.parameters(), slopes, strict=True):
        p.grad = slope
    d_optimizer.step()
    g_optimizer.step()
    return d_loss.item(), g_loss.item()


# %% round-generator-first: the turns exchanged | loses: round
def play_round(generator, discriminator, g_optimizer, d_optimizer, x, z_d, z_g):
    g_optimizer.zero_grad()
    g_loss = F.softplus(-discriminator(generator(z_g))).mean()
    g_loss.backward()
    g_optimizer.step()
    d_optimizer.zero_grad()
    fake = discriminator(generator(z_d).detach())
    d_loss = F.softplus(-discriminator(x)).mean() + F.softplus(fake).mean()
    d_loss.backward()
    d_optimizer.step()
    return d_loss.item(), g_loss.item()


# %% round-minimax: the generator plays minimax | loses: round
def play_round(generator, discriminator, g_optimizer, d_optimizer, x, z_d, z_g):
    d_optimizer.zero_grad()
    fake = discriminator(generator(z_d).detach())
    d_loss = F.softplus(-discriminator(x)).mean() + F.softplus(fake).mean()
    d_loss.backward()
    d_optimizer.step()
    g_optimizer.zero_grad()
    g_loss = -F.softplus(discriminator(generator(z_g))).mean()
    g_loss.backward()
    g_optimizer.step()
    return d_loss.item(), g_loss.item()


# %% round-caught: the generator learns to be caught | loses: round
def play_round(generator, discriminator, g_optimizer, d_optimizer, x, z_d, z_g):
    d_optimizer.zero_grad()
    fake = discriminator(generator(z_d).detach())
    d_loss = F.softplus(-discriminator(x)).mean() + F.softplus(fake).mean()
    d_loss.backward()
    d_optimizer.step()
    g_optimizer.zero_grad()
    g_loss = F.softplus(discriminator(generator(z_g))).mean()
    g_loss.backward()
    g_optimizer.step()
    return d_loss.item(), g_loss.item()


# %% round-one-noise: the fakes of the first turn again | loses: round
def play_round(generator, discriminator, g_optimizer, d_optimizer, x, z_d, z_g):
    d_optimizer.zero_grad()
    fake = discriminator(generator(z_d).detach())
    d_loss = F.softplus(-discriminator(x)).mean() + F.softplus(fake).mean()
    d_loss.backward()
    d_optimizer.step()
    g_optimizer.zero_grad()
    g_loss = F.softplus(-discriminator(generator(z_d))).mean()
    g_loss.backward()
    g_optimizer.step()
    return d_loss.item(), g_loss.item()


# %% round-optimizers: each turn ends with the other's step | loses: round
def play_round(generator, discriminator, g_optimizer, d_optimizer, x, z_d, z_g):
    g_optimizer, d_optimizer = d_optimizer, g_optimizer
    d_optimizer.zero_grad()
    fake = discriminator(generator(z_d).detach())
    d_loss = F.softplus(-discriminator(x)).mean() + F.softplus(fake).mean()
    d_loss.backward()
    d_optimizer.step()
    g_optimizer.zero_grad()
    g_loss = F.softplus(-discriminator(generator(z_g))).mean()
    g_loss.backward()
    g_optimizer.step()
    return d_loss.item(), g_loss.item()


# %% round-tensors: losses with their graphs | loses: round
def play_round(generator, discriminator, g_optimizer, d_optimizer, x, z_d, z_g):
    d_optimizer.zero_grad()
    fake = discriminator(generator(z_d).detach())
    d_loss = F.softplus(-discriminator(x)).mean() + F.softplus(fake).mean()
    d_loss.backward()
    d_optimizer.step()
    g_optimizer.zero_grad()
    g_loss = F.softplus(-discriminator(generator(z_g))).mean()
    g_loss.backward()
    g_optimizer.step()
    return d_loss, g_loss


# %% round-overflow: losses by way of D | loses: round
def play_round(generator, discriminator, g_optimizer, d_optimizer, x, z_d, z_g):
    d_optimizer.zero_grad()
    real, fake = discriminator(x).sigmoid(), discriminator(generator(z_d).detach()).sigmoid()
    d_loss = -real.log().mean() - (1 - fake).log().mean()
    d_loss.backward()
    d_optimizer.step()
    g_optimizer.zero_grad()
    g_loss = -discriminator(generator(z_g)).sigmoid().log().mean()
    g_loss.backward()
    g_optimizer.step()
    return d_loss.item(), g_loss.item()


# %% round-all-real: the fakes called real in the discriminator's turn | loses: round
def play_round(generator, discriminator, g_optimizer, d_optimizer, x, z_d, z_g):
    d_optimizer.zero_grad()
    fake = discriminator(generator(z_d).detach())
    d_loss = F.softplus(-discriminator(x)).mean() + F.softplus(-fake).mean()
    d_loss.backward()
    d_optimizer.step()
    g_optimizer.zero_grad()
    g_loss = F.softplus(-discriminator(generator(z_g))).mean()
    g_loss.backward()
    g_optimizer.step()
    return d_loss.item(), g_loss.item()
