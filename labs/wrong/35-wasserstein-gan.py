# Plausible wrong answers to lab 35: each must lose the points that its header says, and no others.
# The body stands in for the solution cell that defines the same name.

# %% program-columns: the columns of the plan one after the other | loses: program
def transport_program(a, b, p, q):
    n, m = len(a), len(b)
    rows = torch.eye(n, dtype=torch.float64).repeat(1, m)
    columns = torch.eye(m, dtype=torch.float64).repeat_interleave(n, 1)
    return torch.cdist(a, b).T.flatten(), torch.cat([rows, columns]), torch.cat([p, q])


# %% program-squares: squared distances | loses: program
def transport_program(a, b, p, q):
    n, m = len(a), len(b)
    rows = torch.eye(n, dtype=torch.float64).repeat_interleave(m, 1)
    columns = torch.eye(m, dtype=torch.float64).repeat(1, n)
    return torch.cdist(a, b).square().flatten(), torch.cat([rows, columns]), torch.cat([p, q])


# %% program-one-margin: nothing needs to arrive | loses: program
def transport_program(a, b, p, q):
    n, m = len(a), len(b)
    return torch.cdist(a, b).flatten(), torch.eye(n).double().repeat_interleave(m, 1), p


# %% program-exchanged: the right-hand sides exchanged | loses: program
def transport_program(a, b, p, q):
    n, m = len(a), len(b)
    rows = torch.eye(n, dtype=torch.float64).repeat_interleave(m, 1)
    columns = torch.eye(m, dtype=torch.float64).repeat(1, n)
    return torch.cdist(a, b).flatten(), torch.cat([rows, columns]), torch.cat([q, p])


# %% line-unsorted: the points taken to ascend | loses: line
def wasserstein_on_the_line(p, q, points):
    return ((p - q).cumsum(0)[:-1].abs() * points.diff()).sum()


# %% line-masses-left: points sorted, masses not | loses: line
def wasserstein_on_the_line(p, q, points):
    return ((p - q).cumsum(0)[:-1].abs() * points.sort().values.diff()).sum()


# %% line-signed: to the left cancels to the right | loses: line
def wasserstein_on_the_line(p, q, points):
    points, order = points.sort()
    return ((p - q)[order].cumsum(0)[:-1] * points.diff()).sum().abs()


# %% line-no-widths: the height of the steps alone | loses: line
def wasserstein_on_the_line(p, q, points):
    return (p - q)[points.argsort()].cumsum(0).abs().sum()


# %% line-densities: masses compared, not what has passed | loses: line
def wasserstein_on_the_line(p, q, points):
    points, order = points.sort()
    return ((p - q)[order][:-1].abs() * points.diff()).sum()


# %% critic-plus: the prices added | loses: critic
def best_critic(x, b, v):
    return (torch.cdist(x, b) + v).min(1).values


# %% critic-max: the largest | loses: critic
def best_critic(x, b, v):
    return (torch.cdist(x, b) - v).max(1).values


# %% critic-nearest: the price of the nearest point | loses: critic
def best_critic(x, b, v):
    near = torch.cdist(x, b).min(1)
    return near.values - v[near.indices]


# %% critic-squares: squared distances | loses: critic
def best_critic(x, b, v):
    return (torch.cdist(x, b).square() - v).min(1).values


# %% critic-points: a height for each point of q | loses: critic
def best_critic(x, b, v):
    return (torch.cdist(x, b) - v).min(0).values


# %% losses-estimate: the estimate, not minus it | loses: losses
def critic_loss(real, fake):
    return real.mean() - fake.mean()


def generator_loss(fake):
    return -fake.mean()


# %% losses-generator: the generator's sign | loses: losses
def critic_loss(real, fake):
    return fake.mean() - real.mean()


def generator_loss(fake):
    return fake.mean()


# %% losses-sum: sums | loses: losses
def critic_loss(real, fake):
    return fake.sum() - real.sum()


def generator_loss(fake):
    return -fake.sum()


# %% losses-sigmoid: probabilities, as in a GAN | loses: losses
def critic_loss(real, fake):
    return fake.sigmoid().mean() - real.sigmoid().mean()


def generator_loss(fake):
    return -fake.sigmoid().mean()


# %% penalty-batch: one length over the whole batch | loses: penalty
def gradient_penalty(critic, real, fake):
    x = (real + torch.rand(len(real), 1) * (fake - real)).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (gradient.norm() - 1).square().expand(len(real))


# %% penalty-mean: of the mean of the outputs | loses: penalty
def gradient_penalty(critic, real, fake):
    x = (real + torch.rand(len(real), 1) * (fake - real)).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).mean(), x, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1) ** 2


# %% penalty-square: the square of the length | loses: penalty
def gradient_penalty(critic, real, fake):
    x = (real + torch.rand(len(real), 1) * (fake - real)).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (gradient.flatten(1).square().sum(1) - 1) ** 2


# %% penalty-zero: towards slope 0 | loses: penalty
def gradient_penalty(critic, real, fake):
    x = (real + torch.rand(len(real), 1) * (fake - real)).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return gradient.flatten(1).norm(dim=1) ** 2


# %% penalty-one-place: one number for the whole batch | loses: penalty
def gradient_penalty(critic, real, fake):
    x = (real + torch.rand(1) * (fake - real)).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1) ** 2


# %% penalty-box: a number for each coordinate | loses: penalty
def gradient_penalty(critic, real, fake):
    x = (real + torch.rand_like(real) * (fake - real)).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1) ** 2


# %% penalty-at-data: at the data, not between | loses: penalty
def gradient_penalty(critic, real, fake):
    x = real.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1) ** 2


# %% penalty-no-graph: a number that cannot be differentiated | loses: penalty
def gradient_penalty(critic, real, fake):
    epsilon = torch.rand(len(real), *(1,) * (real.ndim - 1))
    x = (real + epsilon * (fake - real)).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x)
    return (gradient.flatten(1).norm(dim=1) - 1) ** 2


# %% penalty-to-the-fakes: the generator's graph left on | loses: penalty
def gradient_penalty(critic, real, fake):
    epsilon = torch.rand(len(real), *(1,) * (real.ndim - 1))
    x = real + epsilon * (fake - real)
    x = x if x.requires_grad else x.requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1) ** 2


# %% penalty-last-dimension: a length for each row of a picture | loses: penalty
def gradient_penalty(critic, real, fake):
    epsilon = torch.rand(len(real), *(1,) * (real.ndim - 1))
    x = (real + epsilon * (fake - real)).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (gradient.norm(dim=-1) - 1) ** 2


# %% corrected-divided: the report divided by its own factor | loses: corrected
def corrected(report, penalty):
    return report / (1 + report / (2 * penalty))


# %% corrected-half: the penalty as if it were halved | loses: corrected
def corrected(report, penalty):
    return penalty / 2 * (math.sqrt(1 + 4 * report / penalty) - 1)


# %% corrected-root: the other root | loses: corrected
def corrected(report, penalty):
    return -penalty * (math.sqrt(1 + 2 * report / penalty) + 1)


# %% corrected-cancels: right on paper | loses: corrected
def corrected(report, penalty):
    return penalty * (math.sqrt(1 + 2 * report / penalty) - 1)


# %% turn-before: clipped before the step | loses: turn
def critic_turn(critic, optimizer, real, fake, c):
    with torch.no_grad():
        for p in critic.parameters():
            p.clamp_(-c, c)
    optimizer.zero_grad()
    tested.critic(critic(real), critic(fake.detach())).backward()
    optimizer.step()


# %% turn-gradients: gradients clipped, not weights | loses: turn
def critic_turn(critic, optimizer, real, fake, c):
    optimizer.zero_grad()
    tested.critic(critic(real), critic(fake.detach())).backward()
    torch.nn.utils.clip_grad_value_(critic.parameters(), c)
    optimizer.step()


# %% turn-biases: weights only | loses: turn
def critic_turn(critic, optimizer, real, fake, c):
    optimizer.zero_grad()
    tested.critic(critic(real), critic(fake.detach())).backward()
    optimizer.step()
    with torch.no_grad():
        for p in critic.parameters():
            if p.ndim > 1:
                p.clamp_(-c, c)


# %% turn-one-side: above only | loses: turn
def critic_turn(critic, optimizer, real, fake, c):
    optimizer.zero_grad()
    tested.critic(critic(real), critic(fake.detach())).backward()
    optimizer.step()
    with torch.no_grad():
        for p in critic.parameters():
            p.clamp_(max=c)


# %% turn-up: the wrong way | loses: turn
def critic_turn(critic, optimizer, real, fake, c):
    optimizer.zero_grad()
    (-tested.critic(critic(real), critic(fake.detach()))).backward()
    optimizer.step()
    with torch.no_grad():
        for p in critic.parameters():
            p.clamp_(-c, c)


# %% turn-attached: into the generator | loses: turn
def critic_turn(critic, optimizer, real, fake, c):
    optimizer.zero_grad()
    tested.critic(critic(real), critic(fake)).backward()
    optimizer.step()
    with torch.no_grad():
        for p in critic.parameters():
            p.clamp_(-c, c)


# %% turn-old: old gradients kept | loses: turn
def critic_turn(critic, optimizer, real, fake, c):
    tested.critic(critic(real), critic(fake.detach())).backward()
    optimizer.step()
    with torch.no_grad():
        for p in critic.parameters():
            p.clamp_(-c, c)


# %% round-one-batch: the same batch in all turns | loses: round
def play_round(generator, critic, optimizers, draw, turns=5):
    real, z = draw()
    for _ in range(turns):
        loss = critic_objective(critic, real, generator(z).detach())
        optimizers[0].zero_grad()
        loss.backward()
        optimizers[0].step()
    optimizers[1].zero_grad()
    tested.critic_generator(critic(generator(z))).backward()
    optimizers[1].step()


# %% round-last-noise: the generator on the critic's last noise | loses: round
def play_round(generator, critic, optimizers, draw, turns=5):
    for _ in range(turns):
        real, z = draw()
        loss = critic_objective(critic, real, generator(z).detach())
        optimizers[0].zero_grad()
        loss.backward()
        optimizers[0].step()
    optimizers[1].zero_grad()
    tested.critic_generator(critic(generator(z))).backward()
    optimizers[1].step()


# %% round-generator-every-turn: both in every turn | loses: round
def play_round(generator, critic, optimizers, draw, turns=5):
    for _ in range(turns):
        real, z = draw()
        loss = critic_objective(critic, real, generator(z).detach())
        optimizers[0].zero_grad()
        loss.backward()
        optimizers[0].step()
        optimizers[1].zero_grad()
        tested.critic_generator(critic(generator(z))).backward()
        optimizers[1].step()


# %% round-generator-first: the generator before the critic | loses: round
def play_round(generator, critic, optimizers, draw, turns=5):
    _, z = draw()
    optimizers[1].zero_grad()
    tested.critic_generator(critic(generator(z))).backward()
    optimizers[1].step()
    for _ in range(turns):
        real, z = draw()
        loss = critic_objective(critic, real, generator(z).detach())
        optimizers[0].zero_grad()
        loss.backward()
        optimizers[0].step()


# %% round-sign: the generator flees | loses: round
def play_round(generator, critic, optimizers, draw, turns=5):
    for _ in range(turns):
        real, z = draw()
        loss = critic_objective(critic, real, generator(z).detach())
        optimizers[0].zero_grad()
        loss.backward()
        optimizers[0].step()
    _, z = draw()
    optimizers[1].zero_grad()
    critic(generator(z)).mean().backward()
    optimizers[1].step()


# %% round-old-gradients: what the generator's turn left in the critic stays | loses: round
def play_round(generator, critic, optimizers, draw, turns=5):
    for _ in range(turns):
        real, z = draw()
        critic_objective(critic, real, generator(z).detach()).backward()
        optimizers[0].step()
        optimizers[0].zero_grad()
    _, z = draw()
    optimizers[1].zero_grad()
    tested.critic_generator(critic(generator(z))).backward()
    optimizers[1].step()


# %% round-both-step: the critic steps in the generator's turn | loses: round
def play_round(generator, critic, optimizers, draw, turns=5):
    for _ in range(turns):
        real, z = draw()
        loss = critic_objective(critic, real, generator(z).detach())
        optimizers[0].zero_grad()
        loss.backward()
        optimizers[0].step()
    _, z = draw()
    for optimizer in optimizers:
        optimizer.zero_grad()
    tested.critic_generator(critic(generator(z))).backward()
    for optimizer in optimizers:
        optimizer.step()


# %% round-four: one turn too few | loses: round
def play_round(generator, critic, optimizers, draw, turns=5):
    for _ in range(turns - 1):
        real, z = draw()
        loss = critic_objective(critic, real, generator(z).detach())
        optimizers[0].zero_grad()
        loss.backward()
        optimizers[0].step()
    _, z = draw()
    optimizers[1].zero_grad()
    tested.critic_generator(critic(generator(z))).backward()
    optimizers[1].step()
