# Plausible wrong answers to lab 42: each must lose the points that its header says, and no others.
# The body stands in for the solution cell that defines the same names.


# %% density-sign: the logarithm of the slope taken off | loses: density
def log_density(x, f, log_noise):
    x = x.detach().requires_grad_()
    z = f(x)
    (slope,) = torch.autograd.grad(z.sum(), x)
    return (log_noise(z) - slope.abs().log()).detach()


# %% density-no-slope: the noise's density alone | loses: density
def log_density(x, f, log_noise):
    return log_noise(f(x))


# %% density-no-log: the slope without its logarithm | loses: density
def log_density(x, f, log_noise):
    x = x.detach().requires_grad_()
    z = f(x)
    (slope,) = torch.autograd.grad(z.sum(), x)
    return (log_noise(z) + slope.abs()).detach()


# %% density-no-abs: the logarithm of a negative slope | loses: density
def log_density(x, f, log_noise):
    x = x.detach().requires_grad_()
    z = f(x)
    (slope,) = torch.autograd.grad(z.sum(), x)
    return (log_noise(z) + slope.log()).detach()


# %% density-at-z: the slope at z | loses: density
def log_density(x, f, log_noise):
    z = f(x).detach().requires_grad_()
    (slope,) = torch.autograd.grad(f(z).sum(), z)
    return (log_noise(z) + slope.abs().log()).detach()


# %% density-noise-at-x: the noise's density at x | loses: density
def log_density(x, f, log_noise):
    x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(f(x).sum(), x)
    return (log_noise(x) + slope.abs().log()).detach()


# %% density-formed: by way of the density | loses: density
def log_density(x, f, log_noise):
    x = x.detach().requires_grad_()
    z = f(x)
    (slope,) = torch.autograd.grad(z.sum(), x)
    return (log_noise(z).exp() * slope.abs()).log().detach()


# %% density-one-slope: one slope for all numbers | loses: density
def log_density(x, f, log_noise):
    x = x.detach().requires_grad_()
    z = f(x)
    (slope,) = torch.autograd.grad(z.sum(), x)
    return (log_noise(z) + slope.mean().abs().log()).detach()


# %% density-held: the slope held off from zero | loses: density
def log_density(x, f, log_noise):
    x = x.detach().requires_grad_()
    z = f(x)
    (slope,) = torch.autograd.grad(z.sum(), x)
    return (log_noise(z) + (slope.abs() + 1e-8).log()).detach()


# %% density-total: summed over the numbers | loses: density
def log_density(x, f, log_noise):
    x = x.detach().requires_grad_()
    z = f(x)
    (slope,) = torch.autograd.grad(z.sum(), x)
    return (log_noise(z) + slope.abs().log()).sum().detach()


# %% affine-transposed: items as columns | loses: affine
def affine(x, A, b):
    return x @ A + b, torch.linalg.slogdet(A).logabsdet.expand(len(x))


# %% affine-no-offset: b forgotten | loses: affine
def affine(x, A, b):
    return x @ A.T, torch.linalg.slogdet(A).logabsdet.expand(len(x))


# %% affine-no-log: the determinant itself | loses: affine
def affine(x, A, b):
    return x @ A.T + b, torch.linalg.det(A).abs().expand(len(x))


# %% affine-logdet: nan for a negative determinant | loses: affine
def affine(x, A, b):
    return x @ A.T + b, torch.logdet(A).expand(len(x))


# %% affine-det: by way of the determinant | loses: affine
def affine(x, A, b):
    return x @ A.T + b, torch.linalg.det(A).abs().log().expand(len(x))


# %% affine-signed: the sign of the determinant kept | loses: affine
def affine(x, A, b):
    sign, size = torch.linalg.slogdet(A)
    return x @ A.T + b, (sign * size).expand(len(x))


# %% affine-diagonal: as if A were triangular | loses: affine
def affine(x, A, b):
    return x @ A.T + b, A.diagonal().abs().log().sum().expand(len(x))


# %% affine-one-number: the same for all, but not for each | loses: affine
def affine(x, A, b):
    return x @ A.T + b, torch.linalg.slogdet(A).logabsdet


# %% places-once: without H W | loses: places
def at_every_place(x, matrix):
    z = torch.einsum("oc,bchw->bohw", matrix, x)
    return z, torch.linalg.slogdet(matrix).logabsdet.expand(len(x))


# %% places-square: H H, right only where H is W | loses: places
def at_every_place(x, matrix):
    z = torch.einsum("oc,bchw->bohw", matrix, x)
    return z, (x.shape[2] ** 2 * torch.linalg.slogdet(matrix).logabsdet).expand(len(x))


# %% places-channels: C H W for H W | loses: places
def at_every_place(x, matrix):
    z = torch.einsum("oc,bchw->bohw", matrix, x)
    return z, (x[0].numel() * torch.linalg.slogdet(matrix).logabsdet).expand(len(x))


# %% places-sign: minus the logarithm | loses: places
def at_every_place(x, matrix):
    z = torch.einsum("oc,bchw->bohw", matrix, x)
    return z, (-x[0, 0].numel() * torch.linalg.slogdet(matrix).logabsdet).expand(len(x))


# %% places-transposed: the matrix the wrong way round | loses: places
def at_every_place(x, matrix):
    z = torch.einsum("co,bchw->bohw", matrix, x)
    return z, (x[0, 0].numel() * torch.linalg.slogdet(matrix).logabsdet).expand(len(x))


# %% places-power: by way of the determinant | loses: places
def at_every_place(x, matrix):
    z = torch.einsum("oc,bchw->bohw", matrix, x)
    return z, (torch.linalg.det(matrix).abs() ** x[0, 0].numel()).log().expand(len(x))


# %% places-one-number: not for each item | loses: places
def at_every_place(x, matrix):
    z = torch.einsum("oc,bchw->bohw", matrix, x)
    return z, x[0, 0].numel() * torch.linalg.slogdet(matrix).logabsdet


# %% places-logdet: nan for a negative determinant | loses: places
def at_every_place(x, matrix):
    z = torch.einsum("oc,bchw->bohw", matrix, x)
    return z, (x[0, 0].numel() * torch.logdet(matrix)).expand(len(x))


# %% coupling-log-det-sign: minus the sum | loses: coupling
def couple(x, net):
    stays, moves = x.chunk(2, dim=1)
    log_s, t = net(stays)
    return torch.cat([stays, log_s.exp() * moves + t], 1), -log_s.flatten(1).sum(1)


def uncouple(z, net):
    stays, moves = z.chunk(2, dim=1)
    log_s, t = net(stays)
    return torch.cat([stays, (moves - t) * torch.exp(-log_s)], 1)


# %% coupling-log-det-batch: summed over the items too | loses: coupling
def couple(x, net):
    stays, moves = x.chunk(2, dim=1)
    log_s, t = net(stays)
    return torch.cat([stays, log_s.exp() * moves + t], 1), log_s.sum().expand(len(x))


def uncouple(z, net):
    stays, moves = z.chunk(2, dim=1)
    log_s, t = net(stays)
    return torch.cat([stays, (moves - t) * torch.exp(-log_s)], 1)


# %% coupling-log-det-channels: summed over channels only | loses: coupling
def couple(x, net):
    stays, moves = x.chunk(2, dim=1)
    log_s, t = net(stays)
    return torch.cat([stays, log_s.exp() * moves + t], 1), log_s.sum(1)


def uncouple(z, net):
    stays, moves = z.chunk(2, dim=1)
    log_s, t = net(stays)
    return torch.cat([stays, (moves - t) * torch.exp(-log_s)], 1)


# %% coupling-log-det-product: the logarithm of a product | loses: coupling
def couple(x, net):
    stays, moves = x.chunk(2, dim=1)
    log_s, t = net(stays)
    return torch.cat([stays, log_s.exp() * moves + t], 1), log_s.exp().flatten(1).prod(1).log()


def uncouple(z, net):
    stays, moves = z.chunk(2, dim=1)
    log_s, t = net(stays)
    return torch.cat([stays, (moves - t) * torch.exp(-log_s)], 1)


# %% coupling-log-det-places: H W times, as in task 3 | loses: coupling
def couple(x, net):
    stays, moves = x.chunk(2, dim=1)
    log_s, t = net(stays)
    log_det = x[0, 0].numel() * log_s.flatten(1).sum(1)
    return torch.cat([stays, log_s.exp() * moves + t], 1), log_det


def uncouple(z, net):
    stays, moves = z.chunk(2, dim=1)
    log_s, t = net(stays)
    return torch.cat([stays, (moves - t) * torch.exp(-log_s)], 1)


# %% coupling-scale-not-exp: log s taken for s | loses: coupling
def couple(x, net):
    stays, moves = x.chunk(2, dim=1)
    log_s, t = net(stays)
    return torch.cat([stays, log_s * moves + t], 1), log_s.abs().log().flatten(1).sum(1)


def uncouple(z, net):
    stays, moves = z.chunk(2, dim=1)
    log_s, t = net(stays)
    return torch.cat([stays, (moves - t) / log_s], 1)


# %% coupling-shift-first: shifted, then scaled | loses: coupling
def couple(x, net):
    stays, moves = x.chunk(2, dim=1)
    log_s, t = net(stays)
    return torch.cat([stays, log_s.exp() * (moves + t)], 1), log_s.flatten(1).sum(1)


def uncouple(z, net):
    stays, moves = z.chunk(2, dim=1)
    log_s, t = net(stays)
    return torch.cat([stays, moves * torch.exp(-log_s) - t], 1)


# %% coupling-halves-swapped: the first half moves | loses: coupling
def couple(x, net):
    moves, stays = x.chunk(2, dim=1)
    log_s, t = net(stays)
    return torch.cat([log_s.exp() * moves + t, stays], 1), log_s.flatten(1).sum(1)


def uncouple(z, net):
    moves, stays = z.chunk(2, dim=1)
    log_s, t = net(stays)
    return torch.cat([(moves - t) * torch.exp(-log_s), stays], 1)


# %% coupling-joined-backwards: the halves put together in the other order | loses: coupling
def couple(x, net):
    stays, moves = x.chunk(2, dim=1)
    log_s, t = net(stays)
    return torch.cat([log_s.exp() * moves + t, stays], 1), log_s.flatten(1).sum(1)


def uncouple(z, net):
    moves, stays = z.chunk(2, dim=1)
    log_s, t = net(stays)
    return torch.cat([stays, (moves - t) * torch.exp(-log_s)], 1)


# %% coupling-net-sees-all: the whole item for the net | loses: coupling
def couple(x, net):
    stays, moves = x.chunk(2, dim=1)
    log_s, t = net(x)
    return torch.cat([stays, log_s.exp() * moves + t], 1), log_s.flatten(1).sum(1)


def uncouple(z, net):
    stays, moves = z.chunk(2, dim=1)
    log_s, t = net(z)
    return torch.cat([stays, (moves - t) * torch.exp(-log_s)], 1)


# %% coupling-net-sees-moving: the half that moves for the net | loses: coupling
def couple(x, net):
    stays, moves = x.chunk(2, dim=1)
    log_s, t = net(moves)
    return torch.cat([stays, log_s.exp() * moves + t], 1), log_s.flatten(1).sum(1)


def uncouple(z, net):
    stays, moves = z.chunk(2, dim=1)
    log_s, t = net(stays)
    return torch.cat([stays, (moves - t) * torch.exp(-log_s)], 1)


# %% coupling-inverse-scale-first: undone in the order in which it was done | loses: coupling
def couple(x, net):
    stays, moves = x.chunk(2, dim=1)
    log_s, t = net(stays)
    return torch.cat([stays, log_s.exp() * moves + t], 1), log_s.flatten(1).sum(1)


def uncouple(z, net):
    stays, moves = z.chunk(2, dim=1)
    log_s, t = net(stays)
    return torch.cat([stays, moves * torch.exp(-log_s) - t], 1)


# %% coupling-inverse-multiplies: scaled once more | loses: coupling
def couple(x, net):
    stays, moves = x.chunk(2, dim=1)
    log_s, t = net(stays)
    return torch.cat([stays, log_s.exp() * moves + t], 1), log_s.flatten(1).sum(1)


def uncouple(z, net):
    stays, moves = z.chunk(2, dim=1)
    log_s, t = net(stays)
    return torch.cat([stays, (moves - t) * log_s.exp()], 1)


# %% coupling-inverse-net: backwards the net sees the half that moved | loses: coupling
def couple(x, net):
    stays, moves = x.chunk(2, dim=1)
    log_s, t = net(stays)
    return torch.cat([stays, log_s.exp() * moves + t], 1), log_s.flatten(1).sum(1)


def uncouple(z, net):
    stays, moves = z.chunk(2, dim=1)
    log_s, t = net(moves)
    return torch.cat([stays, (moves - t) * torch.exp(-log_s)], 1)


# %% coupling-smaller-half: with odd channels the smaller half stays | loses: coupling
def couple(x, net):
    stays, moves = x[:, : x.shape[1] // 2], x[:, x.shape[1] // 2 :]
    log_s, t = net(stays)
    return torch.cat([stays, log_s.exp() * moves + t], 1), log_s.flatten(1).sum(1)


def uncouple(z, net):
    stays, moves = z[:, : z.shape[1] // 2], z[:, z.shape[1] // 2 :]
    log_s, t = net(stays)
    return torch.cat([stays, (moves - t) * torch.exp(-log_s)], 1)


# %% additive-net-sees-all: the net sees what moves | loses: additive
def shift(x, net, mask):
    return x + (1 - mask) * net(x), x.new_zeros(len(x))


def unshift(z, net, mask):
    return z - (1 - mask) * net(z)


# %% additive-all-move: what the net says of pixels that stay is added too | loses: additive
def shift(x, net, mask):
    return x + net(mask * x), x.new_zeros(len(x))


def unshift(z, net, mask):
    return z - net(mask * z)


# %% additive-mask-inverted: ones move | loses: additive
def shift(x, net, mask):
    return x + mask * net((1 - mask) * x), x.new_zeros(len(x))


def unshift(z, net, mask):
    return z - mask * net((1 - mask) * z)


# %% additive-replaced: what moves is replaced by what the net says | loses: additive
def shift(x, net, mask):
    return mask * x + (1 - mask) * net(mask * x), x.new_zeros(len(x))


def unshift(z, net, mask):
    return z - (1 - mask) * net(mask * z)


# %% additive-log-det-shifts: the shifts summed | loses: additive
def shift(x, net, mask):
    by = (1 - mask) * net(mask * x)
    return x + by, by.flatten(1).sum(1)


def unshift(z, net, mask):
    return z - (1 - mask) * net(mask * z)


# %% additive-log-det-one: the determinant, not its logarithm | loses: additive
def shift(x, net, mask):
    return x + (1 - mask) * net(mask * x), x.new_ones(len(x))


def unshift(z, net, mask):
    return z - (1 - mask) * net(mask * z)


# %% additive-log-det-number: one zero for all items | loses: additive
def shift(x, net, mask):
    return x + (1 - mask) * net(mask * x), torch.zeros(())


def unshift(z, net, mask):
    return z - (1 - mask) * net(mask * z)


# %% additive-inverse-adds: backwards the shift is added again | loses: additive
def shift(x, net, mask):
    return x + (1 - mask) * net(mask * x), x.new_zeros(len(x))


def unshift(z, net, mask):
    return z + (1 - mask) * net(mask * z)


# %% additive-inverse-net: backwards the net sees everything | loses: additive
def shift(x, net, mask):
    return x + (1 - mask) * net(mask * x), x.new_zeros(len(x))


def unshift(z, net, mask):
    return z - (1 - mask) * net(z)


# %% squeeze-view: reshaped without a permutation | loses: squeeze
def squeeze(x):
    items, c, h, w = x.shape
    return x.reshape(items, 4 * c, h // 2, w // 2)


def unsqueeze(z):
    items, c, h, w = z.shape
    return z.reshape(items, c // 4, 2 * h, 2 * w)


# %% squeeze-columns-first: channel 2 j + i | loses: squeeze
def squeeze(x):
    items, c, h, w = x.shape
    squares = x.reshape(items, c, h // 2, 2, w // 2, 2).permute(0, 1, 5, 3, 2, 4)
    return squares.reshape(items, 4 * c, h // 2, w // 2)


def unsqueeze(z):
    items, c, h, w = z.shape
    squares = z.reshape(items, c // 4, 2, 2, h, w).permute(0, 1, 4, 3, 5, 2)
    return squares.reshape(items, c // 4, 2 * h, 2 * w)


# %% squeeze-channels-last: channel C (2 i + j) + c | loses: squeeze
def squeeze(x):
    items, c, h, w = x.shape
    squares = x.reshape(items, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 1, 2, 4)
    return squares.reshape(items, 4 * c, h // 2, w // 2)


def unsqueeze(z):
    items, c, h, w = z.shape
    squares = z.reshape(items, 2, 2, c // 4, h, w).permute(0, 3, 4, 1, 5, 2)
    return squares.reshape(items, c // 4, 2 * h, 2 * w)


# %% squeeze-quarters: the image's quarters for its squares | loses: squeeze
def squeeze(x):
    items, c, h, w = x.shape
    squares = x.reshape(items, c, 2, h // 2, 2, w // 2).permute(0, 1, 2, 4, 3, 5)
    return squares.reshape(items, 4 * c, h // 2, w // 2)


def unsqueeze(z):
    items, c, h, w = z.shape
    squares = z.reshape(items, c // 4, 2, 2, h, w).permute(0, 1, 2, 4, 3, 5)
    return squares.reshape(items, c // 4, 2 * h, 2 * w)


# %% squeeze-turned: rows and columns of the result exchanged | loses: squeeze
def squeeze(x):
    items, c, h, w = x.shape
    squares = x.reshape(items, c, h // 2, 2, w // 2, 2).permute(0, 1, 3, 5, 4, 2)
    return squares.reshape(items, 4 * c, h // 2, w // 2)


def unsqueeze(z):
    return nn.functional.pixel_shuffle(z, 2)


# %% squeeze-inverse-view: back without a permutation | loses: squeeze
def squeeze(x):
    return nn.functional.pixel_unshuffle(x, 2)


def unsqueeze(z):
    items, c, h, w = z.shape
    return z.reshape(items, c // 4, 2 * h, 2 * w)


# %% squeeze-inverse-same: the same permutation once more | loses: squeeze
def squeeze(x):
    return nn.functional.pixel_unshuffle(x, 2)


def unsqueeze(z):
    items, c, h, w = z.shape
    squares = z.reshape(items, c // 4, 2, 2, h, w).permute(0, 1, 3, 5, 2, 4)
    return squares.reshape(items, c // 4, 2 * h, 2 * w)


# %% squeeze-inverse-columns-first: backwards rows and columns are exchanged | loses: squeeze
def squeeze(x):
    return nn.functional.pixel_unshuffle(x, 2)


def unsqueeze(z):
    items, c, h, w = z.shape
    squares = z.reshape(items, c // 4, 2, 2, h, w).permute(0, 1, 4, 3, 5, 2)
    return squares.reshape(items, c // 4, 2 * h, 2 * w)


# %% actnorm-variance: the variance for the deviation | loses: actnorm
def start_actnorm(x):
    variance = x.var((0, 2, 3), correction=0).clamp(min=1e-6)
    return -variance.log(), -x.mean((0, 2, 3)) / variance


def actnorm(x, log_scale, shift):
    z = log_scale.exp().view(-1, 1, 1) * x + shift.view(-1, 1, 1)
    return z, (x[0, 0].numel() * log_scale.sum()).expand(len(x))


# %% actnorm-start-sign: multiplied by the deviation | loses: actnorm
def start_actnorm(x):
    deviation = x.std((0, 2, 3), correction=0).clamp(min=1e-6)
    return deviation.log(), -x.mean((0, 2, 3)) / deviation


def actnorm(x, log_scale, shift):
    z = log_scale.exp().view(-1, 1, 1) * x + shift.view(-1, 1, 1)
    return z, (x[0, 0].numel() * log_scale.sum()).expand(len(x))


# %% actnorm-shift-unscaled: minus the mean, as if the shift came first | loses: actnorm
def start_actnorm(x):
    deviation = x.std((0, 2, 3), correction=0).clamp(min=1e-6)
    return -deviation.log(), -x.mean((0, 2, 3))


def actnorm(x, log_scale, shift):
    z = log_scale.exp().view(-1, 1, 1) * x + shift.view(-1, 1, 1)
    return z, (x[0, 0].numel() * log_scale.sum()).expand(len(x))


# %% actnorm-shift-sign: the mean added once more | loses: actnorm
def start_actnorm(x):
    deviation = x.std((0, 2, 3), correction=0).clamp(min=1e-6)
    return -deviation.log(), x.mean((0, 2, 3)) / deviation


def actnorm(x, log_scale, shift):
    z = log_scale.exp().view(-1, 1, 1) * x + shift.view(-1, 1, 1)
    return z, (x[0, 0].numel() * log_scale.sum()).expand(len(x))


# %% actnorm-one-less: divided by one less | loses: actnorm
def start_actnorm(x):
    deviation = x.std((0, 2, 3)).clamp(min=1e-6)
    return -deviation.log(), -x.mean((0, 2, 3)) / deviation


def actnorm(x, log_scale, shift):
    z = log_scale.exp().view(-1, 1, 1) * x + shift.view(-1, 1, 1)
    return z, (x[0, 0].numel() * log_scale.sum()).expand(len(x))


# %% actnorm-each-place: a mean and a deviation for each place | loses: actnorm
def start_actnorm(x):
    deviation = x.std(0, correction=0).clamp(min=1e-6)
    return -deviation.log(), -x.mean(0) / deviation


def actnorm(x, log_scale, shift):
    z = log_scale.exp().view(-1, 1, 1) * x + shift.view(-1, 1, 1)
    return z, (x[0, 0].numel() * log_scale.sum()).expand(len(x))


# %% actnorm-constant: divides by zero | loses: actnorm
def start_actnorm(x):
    deviation = x.std((0, 2, 3), correction=0)
    return -deviation.log(), -x.mean((0, 2, 3)) / deviation


def actnorm(x, log_scale, shift):
    z = log_scale.exp().view(-1, 1, 1) * x + shift.view(-1, 1, 1)
    return z, (x[0, 0].numel() * log_scale.sum()).expand(len(x))


# %% actnorm-shift-first: shifted, then scaled | loses: actnorm
def start_actnorm(x):
    deviation = x.std((0, 2, 3), correction=0).clamp(min=1e-6)
    return -deviation.log(), -x.mean((0, 2, 3)) / deviation


def actnorm(x, log_scale, shift):
    z = log_scale.exp().view(-1, 1, 1) * (x + shift.view(-1, 1, 1))
    return z, (x[0, 0].numel() * log_scale.sum()).expand(len(x))


# %% actnorm-not-exp: log_scale taken for the scale | loses: actnorm
def start_actnorm(x):
    deviation = x.std((0, 2, 3), correction=0).clamp(min=1e-6)
    return -deviation.log(), -x.mean((0, 2, 3)) / deviation


def actnorm(x, log_scale, shift):
    z = log_scale.view(-1, 1, 1) * x + shift.view(-1, 1, 1)
    return z, (x[0, 0].numel() * log_scale.sum()).expand(len(x))


# %% actnorm-log-det-once: without H W | loses: actnorm
def start_actnorm(x):
    deviation = x.std((0, 2, 3), correction=0).clamp(min=1e-6)
    return -deviation.log(), -x.mean((0, 2, 3)) / deviation


def actnorm(x, log_scale, shift):
    z = log_scale.exp().view(-1, 1, 1) * x + shift.view(-1, 1, 1)
    return z, log_scale.sum().expand(len(x))


# %% actnorm-log-det-sign: minus the sum | loses: actnorm
def start_actnorm(x):
    deviation = x.std((0, 2, 3), correction=0).clamp(min=1e-6)
    return -deviation.log(), -x.mean((0, 2, 3)) / deviation


def actnorm(x, log_scale, shift):
    z = log_scale.exp().view(-1, 1, 1) * x + shift.view(-1, 1, 1)
    return z, (-x[0, 0].numel() * log_scale.sum()).expand(len(x))


# %% actnorm-log-det-number: not for each item | loses: actnorm
def start_actnorm(x):
    deviation = x.std((0, 2, 3), correction=0).clamp(min=1e-6)
    return -deviation.log(), -x.mean((0, 2, 3)) / deviation


def actnorm(x, log_scale, shift):
    z = log_scale.exp().view(-1, 1, 1) * x + shift.view(-1, 1, 1)
    return z, x[0, 0].numel() * log_scale.sum()


# %% actnorm-log-det-product: the logarithm of a product | loses: actnorm
def start_actnorm(x):
    deviation = x.std((0, 2, 3), correction=0).clamp(min=1e-6)
    return -deviation.log(), -x.mean((0, 2, 3)) / deviation


def actnorm(x, log_scale, shift):
    z = log_scale.exp().view(-1, 1, 1) * x + shift.view(-1, 1, 1)
    return z, (log_scale.exp().prod() ** x[0, 0].numel()).log().expand(len(x))


# %% actnorm-every-batch: normalizes each batch anew, whatever the parameters | loses: actnorm
def start_actnorm(x):
    deviation = x.std((0, 2, 3), correction=0).clamp(min=1e-6)
    return -deviation.log(), -x.mean((0, 2, 3)) / deviation


def actnorm(x, log_scale, shift):
    deviation = x.std((0, 2, 3), correction=0).clamp(min=1e-6).view(-1, 1, 1)
    z = (x - x.mean((0, 2, 3)).view(-1, 1, 1)) / deviation
    return z, (-x[0, 0].numel() * deviation.log().sum()).expand(len(x))


# %% lu-no-ones: L without its diagonal | loses: lu
def lu_matrix(P, lower, upper, log_s, sign):
    U = upper.triu(1) + (sign * log_s.exp()).diag()
    return P @ lower.tril(-1) @ U, log_s.sum()


# %% lu-diagonal-of-lower: what stands on the diagonal of `lower` counts | loses: lu
def lu_matrix(P, lower, upper, log_s, sign):
    L = lower.tril() + torch.eye(len(lower), dtype=lower.dtype)
    U = upper.triu(1) + (sign * log_s.exp()).diag()
    return P @ L @ U, log_s.sum()


# %% lu-diagonal-of-upper: what stands on the diagonal of `upper` counts | loses: lu
def lu_matrix(P, lower, upper, log_s, sign):
    L = lower.tril(-1) + torch.eye(len(lower), dtype=lower.dtype)
    U = upper.triu() + (sign * log_s.exp()).diag()
    return P @ L @ U, log_s.sum()


# %% lu-order: U before L | loses: lu
def lu_matrix(P, lower, upper, log_s, sign):
    L = lower.tril(-1) + torch.eye(len(lower), dtype=lower.dtype)
    U = upper.triu(1) + (sign * log_s.exp()).diag()
    return P @ U @ L, log_s.sum()


# %% lu-permutation-inverse: P the wrong way round | loses: lu
def lu_matrix(P, lower, upper, log_s, sign):
    L = lower.tril(-1) + torch.eye(len(lower), dtype=lower.dtype)
    U = upper.triu(1) + (sign * log_s.exp()).diag()
    return P.T @ L @ U, log_s.sum()


# %% lu-no-permutation: P forgotten | loses: lu
def lu_matrix(P, lower, upper, log_s, sign):
    L = lower.tril(-1) + torch.eye(len(lower), dtype=lower.dtype)
    U = upper.triu(1) + (sign * log_s.exp()).diag()
    return L @ U, log_s.sum()


# %% lu-no-sign: all scales positive | loses: lu
def lu_matrix(P, lower, upper, log_s, sign):
    L = lower.tril(-1) + torch.eye(len(lower), dtype=lower.dtype)
    return P @ L @ (upper.triu(1) + log_s.exp().diag()), log_s.sum()


# %% lu-not-exp: log_s taken for the scales | loses: lu
def lu_matrix(P, lower, upper, log_s, sign):
    L = lower.tril(-1) + torch.eye(len(lower), dtype=lower.dtype)
    return P @ L @ (upper.triu(1) + (sign * log_s).diag()), log_s.sum()


# %% lu-log-det-signed: signs in the sum | loses: lu
def lu_matrix(P, lower, upper, log_s, sign):
    L = lower.tril(-1) + torch.eye(len(lower), dtype=lower.dtype)
    U = upper.triu(1) + (sign * log_s.exp()).diag()
    return P @ L @ U, (sign * log_s).sum()


# %% lu-log-det-scales: the scales summed | loses: lu
def lu_matrix(P, lower, upper, log_s, sign):
    L = lower.tril(-1) + torch.eye(len(lower), dtype=lower.dtype)
    U = upper.triu(1) + (sign * log_s.exp()).diag()
    return P @ L @ U, log_s.exp().sum()


# %% lu-log-det-det: by way of the determinant | loses: lu
def lu_matrix(P, lower, upper, log_s, sign):
    L = lower.tril(-1) + torch.eye(len(lower), dtype=lower.dtype)
    M = P @ L @ (upper.triu(1) + (sign * log_s.exp()).diag())
    return M, torch.linalg.det(M).abs().log()


# %% lu-detached: cut off from its parameters | loses: lu
def lu_matrix(P, lower, upper, log_s, sign):
    with torch.no_grad():
        L = lower.tril(-1) + torch.eye(len(lower), dtype=lower.dtype)
        U = upper.triu(1) + (sign * log_s.exp()).diag()
        return P @ L @ U, log_s.sum()


# %% chain-inverse-order: undone in the order in which it was done | loses: chain
def chain(x, parts):
    log_det = x.new_zeros(len(x))
    for part in parts:
        x, term = part.forward(x)
        log_det = log_det + term
    return x, log_det


def unchain(z, parts):
    for part in parts:
        z = part.inverse(z)
    return z


# %% chain-inverse-forward: done once more, backwards | loses: chain
def chain(x, parts):
    log_det = x.new_zeros(len(x))
    for part in parts:
        x, term = part.forward(x)
        log_det = log_det + term
    return x, log_det


def unchain(z, parts):
    for part in reversed(parts):
        z = part.forward(z)[0]
    return z


# %% chain-reversed-in-place: the list is turned round and stays so | loses: chain
def chain(x, parts):
    log_det = x.new_zeros(len(x))
    for part in parts:
        x, term = part.forward(x)
        log_det = log_det + term
    return x, log_det


def unchain(z, parts):
    parts.reverse()
    for part in parts:
        z = part.inverse(z)
    return z


# %% chain-last-term: the last log_det for the sum | loses: chain
def chain(x, parts):
    log_det = x.new_zeros(len(x))
    for part in parts:
        x, log_det = part.forward(x)
    return x, log_det


def unchain(z, parts):
    for part in reversed(parts):
        z = part.inverse(z)
    return z


# %% chain-terms-at-x: each log_det at the beginning of the chain | loses: chain
def chain(x, parts):
    log_det, z = x.new_zeros(len(x)), x
    for part in parts:
        log_det = log_det + part.forward(x)[1]
        z = part.forward(z)[0]
    return z, log_det


def unchain(z, parts):
    for part in reversed(parts):
        z = part.inverse(z)
    return z


# %% chain-terms-after: each log_det at the place where its step has arrived | loses: chain
def chain(x, parts):
    log_det = x.new_zeros(len(x))
    for part in parts:
        x = part.forward(x)[0]
        log_det = log_det + part.forward(x)[1]
    return x, log_det


def unchain(z, parts):
    for part in reversed(parts):
        z = part.inverse(z)
    return z


# %% chain-number: one sum for all items | loses: chain
def chain(x, parts):
    log_det = 0
    for part in parts:
        x, term = part.forward(x)
        log_det = log_det + term.sum()
    return x, log_det


def unchain(z, parts):
    for part in reversed(parts):
        z = part.inverse(z)
    return z


# %% chain-adds-in-place: the first part's own log_det is changed | loses: chain
def chain(x, parts):
    if not parts:
        return x, x.new_zeros(len(x))
    x, log_det = parts[0].forward(x)
    for part in parts[1:]:
        x, term = part.forward(x)
        log_det += term
    return x, log_det


def unchain(z, parts):
    for part in reversed(parts):
        z = part.inverse(z)
    return z


# %% chain-empty: no log_det without parts | loses: chain
def chain(x, parts):
    log_det = 0
    for part in parts:
        x, term = part.forward(x)
        log_det = log_det + term
    return x, log_det


def unchain(z, parts):
    for part in reversed(parts):
        z = part.inverse(z)
    return z


# %% bits-no-levels: 256 forgotten | loses: bits
def bits_per_dim(log_prob, shape, levels=256):
    return -log_prob / (math.log(2) * math.prod(shape))


# %% bits-nats: nats for bits | loses: bits
def bits_per_dim(log_prob, shape, levels=256):
    return math.log(levels) - log_prob / math.prod(shape)


# %% bits-natural-levels: the levels in nats, the density in bits | loses: bits
def bits_per_dim(log_prob, shape, levels=256):
    return math.log(levels) - log_prob / (math.log(2) * math.prod(shape))


# %% bits-eight: 8 whatever the levels | loses: bits
def bits_per_dim(log_prob, shape, levels=256):
    return 8 - log_prob / (math.log(2) * math.prod(shape))


# %% bits-255: a level too few | loses: bits
def bits_per_dim(log_prob, shape, levels=256):
    return math.log2(levels - 1) - log_prob / (math.log(2) * math.prod(shape))


# %% bits-density-sign: a large density costs more | loses: bits
def bits_per_dim(log_prob, shape, levels=256):
    return math.log2(levels) + log_prob / (math.log(2) * math.prod(shape))


# %% bits-pixels: divided by the pixels | loses: bits
def bits_per_dim(log_prob, shape, levels=256):
    return math.log2(levels) - log_prob / (math.log(2) * shape[1] * shape[2])


# %% bits-mean: one number for the batch | loses: bits
def bits_per_dim(log_prob, shape, levels=256):
    return math.log2(levels) - log_prob.mean() / (math.log(2) * math.prod(shape))


# %% bits-clamped: no cost below zero | loses: bits
def bits_per_dim(log_prob, shape, levels=256):
    return (math.log2(levels) - log_prob / (math.log(2) * math.prod(shape))).clamp(min=0)


# %% dequantize-no-noise: divided only | loses: dequantize
def dequantize(x, levels=256):
    return x.double() / levels


# %% dequantize-255: divided by one level less | loses: dequantize
def dequantize(x, levels=256):
    return (x + torch.rand(x.shape, dtype=torch.float64)) / (levels - 1)


# %% dequantize-noise-undivided: the noise is as wide as the range | loses: dequantize
def dequantize(x, levels=256):
    return x / levels + torch.rand(x.shape, dtype=torch.float64)


# %% dequantize-256-always: whatever the levels | loses: dequantize
def dequantize(x, levels=256):
    return (x + torch.rand(x.shape, dtype=torch.float64)) / 256


# %% dequantize-centred: noise around the level | loses: dequantize
def dequantize(x, levels=256):
    return (x + torch.rand(x.shape, dtype=torch.float64) - 0.5) / levels


# %% dequantize-middle: the middle of the level | loses: dequantize
def dequantize(x, levels=256):
    return (x.double() + 0.5) / levels


# %% dequantize-same-noise: one noise for all items | loses: dequantize
def dequantize(x, levels=256):
    return (x + torch.rand(x.shape[1:], dtype=torch.float64)) / levels


# %% dequantize-one-number: one number for each item | loses: dequantize
def dequantize(x, levels=256):
    each = torch.rand(len(x), *[1] * (x.ndim - 1), dtype=torch.float64)
    return (x + each) / levels


# %% dequantize-seeded: the same noise at every call | loses: dequantize
def dequantize(x, levels=256):
    random = torch.Generator().manual_seed(0)
    return (x + torch.rand(x.shape, dtype=torch.float64, generator=random)) / levels


# %% dequantize-float32: rounded up into the next level | loses: dequantize
def dequantize(x, levels=256):
    return (x + torch.rand(x.shape)) / levels


# %% dequantize-rounded: whole numbers again | loses: dequantize
def dequantize(x, levels=256):
    return (x + torch.rand(x.shape, dtype=torch.float64)).round() / levels


# %% sample-ignored: always at temperature 1 | loses: sample
def sample(inverse, n, size, temperature=1.0):
    with torch.no_grad():
        return inverse(torch.randn(n, size))


# %% sample-variance: the temperature taken for a variance | loses: sample
def sample(inverse, n, size, temperature=1.0):
    with torch.no_grad():
        return inverse(temperature**0.5 * torch.randn(n, size))


# %% sample-squared: the temperature squared | loses: sample
def sample(inverse, n, size, temperature=1.0):
    with torch.no_grad():
        return inverse(temperature**2 * torch.randn(n, size))


# %% sample-divided: divided by the temperature | loses: sample
def sample(inverse, n, size, temperature=1.0):
    with torch.no_grad():
        return inverse(torch.randn(n, size) / temperature)


# %% sample-images-scaled: the images multiplied by the temperature | loses: sample
def sample(inverse, n, size, temperature=1.0):
    with torch.no_grad():
        return temperature * inverse(torch.randn(n, size))


# %% sample-uniform: uniform noise | loses: sample
def sample(inverse, n, size, temperature=1.0):
    with torch.no_grad():
        return inverse(temperature * torch.rand(n, size))


# %% sample-uniform-stretched: uniform noise of mean 0 and deviation 1 | loses: sample
def sample(inverse, n, size, temperature=1.0):
    with torch.no_grad():
        return inverse(temperature * 12**0.5 * (torch.rand(n, size) - 0.5))


# %% sample-one-noise: one noise for all images | loses: sample
def sample(inverse, n, size, temperature=1.0):
    with torch.no_grad():
        return inverse(temperature * torch.randn(size).expand(n, size))


# %% sample-one-number: one number for each image | loses: sample
def sample(inverse, n, size, temperature=1.0):
    with torch.no_grad():
        return inverse(temperature * torch.randn(n, 1).expand(n, size))


# %% sample-with-graph: the graph kept | loses: sample
def sample(inverse, n, size, temperature=1.0):
    return inverse(temperature * torch.randn(n, size))


# %% sample-seeded: the same noise at every call | loses: sample
def sample(inverse, n, size, temperature=1.0):
    with torch.no_grad():
        noise = torch.randn(n, size, generator=torch.Generator().manual_seed(0))
        return inverse(temperature * noise)
