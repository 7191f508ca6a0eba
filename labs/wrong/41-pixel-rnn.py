# Plausible wrong answers to lab 41: each must lose the points that its header says, and no others.
# The body stands in for the solution cell that defines the same name.

# %% likelihood-mean: the mean over the dimensions | loses: likelihood
def log_likelihood(logits, x):
    return logits.log_softmax(-1).gather(-1, x.long()[..., None]).flatten(1).mean(1)


# %% likelihood-batch: summed over the images too | loses: likelihood
def log_likelihood(logits, x):
    return logits.log_softmax(-1).gather(-1, x.long()[..., None]).sum()


# %% likelihood-loss: minus it, as a loss | loses: likelihood
def log_likelihood(logits, x):
    return F.cross_entropy(logits.movedim(-1, 1), x.long(), reduction="none").flatten(1).sum(1)


# %% likelihood-bits: in bits | loses: likelihood
def log_likelihood(logits, x):
    each = logits.log_softmax(-1).gather(-1, x.long()[..., None])
    return each.flatten(1).sum(1) / math.log(2)


# %% likelihood-raw: logits that are not normalized | loses: likelihood
def log_likelihood(logits, x):
    return logits.gather(-1, x.long()[..., None]).flatten(1).sum(1)


# %% likelihood-over-columns: normalized over a row of pixels, not over the levels | loses: likelihood
def log_likelihood(logits, x):
    return logits.log_softmax(-2).gather(-1, x.long()[..., None]).flatten(1).sum(1)


# %% likelihood-product: the probabilities multiplied, then the logarithm | loses: likelihood
def log_likelihood(logits, x):
    return logits.softmax(-1).gather(-1, x.long()[..., None]).flatten(1).prod(1).log()


# %% likelihood-rounded: the logarithm of a softmax | loses: likelihood
def log_likelihood(logits, x):
    return logits.softmax(-1).gather(-1, x.long()[..., None]).log().flatten(1).sum(1)


# %% likelihood-epsilon: the logarithm of a softmax, made safe | loses: likelihood
def log_likelihood(logits, x):
    return (logits.softmax(-1).gather(-1, x.long()[..., None]) + 1e-12).log().flatten(1).sum(1)


# %% likelihood-likeliest: of the likeliest level instead of the one that is there | loses: likelihood
def log_likelihood(logits, x):
    return logits.log_softmax(-1).max(-1).values.flatten(1).sum(1)


# %% likelihood-one-channel: the first channel only | loses: likelihood
def log_likelihood(logits, x):
    return logits.log_softmax(-1).gather(-1, x.long()[..., None])[:, 0].flatten(1).sum(1)


# %% likelihood-rows: a number for each row | loses: likelihood
def log_likelihood(logits, x):
    return logits.log_softmax(-1).gather(-1, x.long()[..., None])[..., 0].sum(-1)


# %% bits-nats: nats per dimension | loses: bits
def bits_per_dim(nats, shape):
    return -nats / math.prod(shape)


# %% bits-times: multiplied by log 2 | loses: bits
def bits_per_dim(nats, shape):
    return -nats * math.log(2) / math.prod(shape)


# %% bits-sign: negative | loses: bits
def bits_per_dim(nats, shape):
    return nats / (math.log(2) * math.prod(shape))


# %% bits-pixels: per pixel, all channels together | loses: bits
def bits_per_dim(nats, shape):
    return -nats / (math.log(2) * shape[1] * shape[2])


# %% bits-image: per image | loses: bits
def bits_per_dim(nats, shape):
    return -nats / math.log(2)


# %% bits-logarithm: the logarithm of the number of nats | loses: bits
def bits_per_dim(nats, shape):
    return (-nats).log2() / math.prod(shape)


# %% bits-mean: one number for all images | loses: bits
def bits_per_dim(nats, shape):
    return -nats.mean() / (math.log(2) * math.prod(shape))


# %% bits-constant: divided by the size of MNIST | loses: bits
def bits_per_dim(nats, shape):
    return -nats / (math.log(2) * 784)


# %% mask-swapped: A and B exchanged | loses: mask
def mask(kind, rows, columns):
    keep = torch.zeros(rows, columns)
    keep[: rows // 2] = 1
    keep[rows // 2, : columns // 2 + (kind == "A")] = 1
    return keep


# %% mask-always-open: the centre open in both | loses: mask
def mask(kind, rows, columns):
    keep = torch.zeros(rows, columns)
    keep[: rows // 2] = 1
    keep[rows // 2, : columns // 2 + 1] = 1
    return keep


# %% mask-always-barred: the centre barred in both | loses: mask
def mask(kind, rows, columns):
    keep = torch.zeros(rows, columns)
    keep[: rows // 2] = 1
    keep[rows // 2, : columns // 2] = 1
    return keep


# %% mask-right: the own row to its end | loses: mask
def mask(kind, rows, columns):
    keep = torch.zeros(rows, columns)
    keep[: rows // 2 + 1] = 1
    keep[rows // 2, columns // 2] = float(kind == "B")
    return keep


# %% mask-below: all but what is right in the own row | loses: mask
def mask(kind, rows, columns):
    keep = torch.ones(rows, columns)
    keep[rows // 2, columns // 2 + (kind == "B") :] = 0
    return keep


# %% mask-corner: nothing above on the right | loses: mask
def mask(kind, rows, columns):
    keep = torch.zeros(rows, columns)
    keep[: rows // 2 + 1, : columns // 2 + 1] = 1
    keep[rows // 2, columns // 2] = float(kind == "B")
    return keep


# %% mask-own-row: nothing of the own row | loses: mask
def mask(kind, rows, columns):
    keep = torch.zeros(rows, columns)
    keep[: rows // 2] = 1
    keep[rows // 2, columns // 2] = float(kind == "B")
    return keep


# %% mask-columns: read column by column | loses: mask
def mask(kind, rows, columns):
    keep = torch.zeros(rows, columns)
    keep[:, : columns // 2] = 1
    keep[: rows // 2 + (kind == "B"), columns // 2] = 1
    return keep


# %% mask-upside-down: what comes after, not what came before | loses: mask
def mask(kind, rows, columns):
    keep = torch.zeros(rows, columns)
    keep[rows // 2 + 1 :] = 1
    keep[rows // 2, columns // 2 + (kind == "A") :] = 1
    return keep


# %% mask-square: right for square kernels | loses: mask
def mask(kind, rows, columns):
    keep = torch.zeros(rows, columns)
    keep[: rows // 2] = 1
    keep[rows // 2, : rows // 2 + (kind == "B")] = 1
    return keep


# %% groups-swapped: A and B exchanged | loses: groups
def centre(kind, outward, inward, channels):
    o = torch.arange(outward)[:, None] * channels // outward
    i = torch.arange(inward) * channels // inward
    return (o > i if kind == "B" else o >= i).float()


# %% groups-backwards: red sees blue | loses: groups
def centre(kind, outward, inward, channels):
    o = torch.arange(outward)[:, None] * channels // outward
    i = torch.arange(inward) * channels // inward
    return (o < i if kind == "A" else o <= i).float()


# %% groups-transposed: inputs as rows | loses: groups
def centre(kind, outward, inward, channels):
    o = torch.arange(outward) * channels // outward
    i = torch.arange(inward)[:, None] * channels // inward
    return (o > i if kind == "A" else o >= i).float()


# %% groups-interleaved: red, green, blue, red, green, blue | loses: groups
def centre(kind, outward, inward, channels):
    o = torch.arange(outward)[:, None] % channels
    i = torch.arange(inward) % channels
    return (o > i if kind == "A" else o >= i).float()


# %% groups-features: features compared, not their groups | loses: groups
def centre(kind, outward, inward, channels):
    return torch.ones(outward, inward).tril(-1 if kind == "A" else 0)


# %% groups-own: B sees its own group only | loses: groups
def centre(kind, outward, inward, channels):
    o = torch.arange(outward)[:, None] * channels // outward
    i = torch.arange(inward) * channels // inward
    return (o > i if kind == "A" else o == i).float()


# %% groups-other: A sees all groups but its own | loses: groups
def centre(kind, outward, inward, channels):
    o = torch.arange(outward)[:, None] * channels // outward
    i = torch.arange(inward) * channels // inward
    return (o != i if kind == "A" else o >= i).float()


# %% groups-open: B opens the whole centre | loses: groups
def centre(kind, outward, inward, channels):
    o = torch.arange(outward)[:, None] * channels // outward
    i = torch.arange(inward) * channels // inward
    return (o > i).float() if kind == "A" else torch.ones(outward, inward)


# %% groups-barred: A bars the whole centre | loses: groups
def centre(kind, outward, inward, channels):
    o = torch.arange(outward)[:, None] * channels // outward
    i = torch.arange(inward) * channels // inward
    return torch.zeros(outward, inward) if kind == "A" else (o >= i).float()


# %% groups-one-width: blocks as wide as the input's, for both | loses: groups
def centre(kind, outward, inward, channels):
    o = torch.arange(outward)[:, None] * channels // inward
    i = torch.arange(inward) * channels // inward
    return (o > i if kind == "A" else o >= i).float()


# %% skew-one-more: row r moved r + 1 places | loses: skew
def skew(x):
    height, width = x.shape[-2:]
    out = x.new_zeros(*x.shape[:-1], height + width)
    for row in range(height):
        out[..., row, row + 1 : row + 1 + width] = x[..., row, :]
    return out


def unskew(x, width):
    return torch.stack([x[..., r, r + 1 : r + 1 + width] for r in range(x.shape[-2])], dim=-2)


# %% skew-left: the last row stays, the first moves | loses: skew
def skew(x):
    height, width = x.shape[-2:]
    out = x.new_zeros(*x.shape[:-1], height + width - 1)
    for row in range(height):
        place = height - 1 - row
        out[..., row, place : place + width] = x[..., row, :]
    return out


def unskew(x, width):
    last = x.shape[-2] - 1
    return torch.stack(
        [x[..., r, last - r : last - r + width] for r in range(last + 1)], dim=-2
    )


# %% skew-wide: one column too many | loses: skew
def skew(x):
    height = x.shape[-2]
    return torch.stack([F.pad(x[..., r, :], (r, height - r)) for r in range(height)], dim=-2)


def unskew(x, width):
    return torch.stack([x[..., r, r : r + width] for r in range(x.shape[-2])], dim=-2)


# %% skew-round: what leaves on the right comes back on the left | loses: skew
def skew(x):
    return torch.stack([x[..., r, :].roll(r, -1) for r in range(x.shape[-2])], dim=-2)


def unskew(x, width):
    return torch.stack([x[..., r, :].roll(-r, -1) for r in range(x.shape[-2])], dim=-2)


# %% skew-columns: columns moved down | loses: skew
def skew(x):
    height, width = x.shape[-2:]
    out = x.new_zeros(*x.shape[:-2], height + width - 1, width)
    for column in range(width):
        out[..., column : column + height, column] = x[..., column]
    return out


def unskew(x, width):
    height = x.shape[-2] - width + 1
    return torch.stack([x[..., c : c + height, c] for c in range(width)], dim=-1)


# %% skew-edges: the gaps filled with the row's ends | loses: skew
def skew(x):
    height = x.shape[-2]
    rows = [F.pad(x[..., r, :], (r, height - 1 - r), mode="replicate") for r in range(height)]
    return torch.stack(rows, dim=-2)


def unskew(x, width):
    return torch.stack([x[..., r, r : r + width] for r in range(x.shape[-2])], dim=-2)


# %% skew-not-back: the way back cuts, but does not move | loses: skew
def skew(x):
    height = x.shape[-2]
    return torch.stack(
        [F.pad(x[..., r, :], (r, height - 1 - r)) for r in range(height)], dim=-2
    )


def unskew(x, width):
    return x[..., :width]


# %% skew-sum: the way back adds the gaps | loses: skew
def skew(x):
    height = x.shape[-2]
    return torch.stack(
        [F.pad(x[..., r, :], (r, height - 1 - r)) for r in range(height)], dim=-2
    )


def unskew(x, width):
    back = torch.stack([x[..., r, :].roll(-r, -1) for r in range(x.shape[-2])], dim=-2)
    back[..., width - 1] = back[..., width - 1 :].sum(-1)
    return back[..., :width]


# %% update-pytorch: the order i, f, g, o | loses: update
def update(gates, c):
    i, f, g, o = gates.chunk(4, dim=-1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


# %% update-paper: the order o, f, i, g | loses: update
def update(gates, c):
    o, f, i, g = gates.chunk(4, dim=-1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


# %% update-returned: c first | loses: update
def update(gates, c):
    i, f, o, g = gates.chunk(4, dim=-1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return c, o.sigmoid() * c.tanh()


# %% update-old: the state from the old memory | loses: update
def update(gates, c):
    i, f, o, g = gates.chunk(4, dim=-1)
    return o.sigmoid() * c.tanh(), f.sigmoid() * c + i.sigmoid() * g.tanh()


# %% update-straight: the memory shown without a tanh | loses: update
def update(gates, c):
    i, f, o, g = gates.chunk(4, dim=-1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c, c


# %% update-four-gates: g through a sigmoid too | loses: update
def update(gates, c):
    i, f, o, g = gates.sigmoid().chunk(4, dim=-1)
    c = f * c + i * g
    return o * c.tanh(), c


# %% update-no-input-gate: everything is written | loses: update
def update(gates, c):
    _, f, o, g = gates.chunk(4, dim=-1)
    c = f.sigmoid() * c + g.tanh()
    return o.sigmoid() * c.tanh(), c


# %% update-coupled: written as much as is forgotten | loses: update
def update(gates, c):
    _, f, o, g = gates.chunk(4, dim=-1)
    c = f.sigmoid() * c + (1 - f.sigmoid()) * g.tanh()
    return o.sigmoid() * c.tanh(), c


# %% update-features: the four numbers of a feature side by side | loses: update
def update(gates, c):
    i, f, o, g = gates.unflatten(-1, (-1, 4)).unbind(-1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


# %% update-in-place: the memory overwritten | loses: update
def update(gates, c):
    i, f, o, g = gates.chunk(4, dim=-1)
    c.mul_(f.sigmoid()).add_(i.sigmoid() * g.tanh())
    return o.sigmoid() * c.tanh(), c


# %% update-exponential: a sigmoid that overflows | loses: update
def update(gates, c):
    i, f, o, g = gates.chunk(4, dim=-1)
    i, f, o = (gate.exp() / (1 + gate.exp()) for gate in (i, f, o))
    c = f * c + i * g.tanh()
    return o * c.tanh(), c


# %% sweep-mirrored: the kernel the wrong way round | loses: sweep
def row_sweep(gates, weight):
    size, width = len(weight), gates.shape[2]
    h = c = gates.new_zeros(len(gates), width, weight.shape[1])
    rows = []
    for row in range(gates.shape[1]):
        above = F.pad(h, (0, 0, size // 2, size // 2))
        a = gates[:, row] + sum(
            above[:, m : m + width] @ weight[size - 1 - m] for m in range(size)
        )
        h, c = lstm(a, c)
        rows.append(h)
    return torch.stack(rows, dim=1)


# %% sweep-forgets: every row begins with an empty memory | loses: sweep
def row_sweep(gates, weight):
    size, width = len(weight), gates.shape[2]
    h = nothing = gates.new_zeros(len(gates), width, weight.shape[1])
    rows = []
    for row in range(gates.shape[1]):
        above = F.pad(h, (0, 0, size // 2, size // 2))
        a = gates[:, row] + sum(above[:, m : m + width] @ weight[m] for m in range(size))
        h, _ = lstm(a, nothing)
        rows.append(h)
    return torch.stack(rows, dim=1)


# %% sweep-round: borders that meet | loses: sweep
def row_sweep(gates, weight):
    size = len(weight)
    h = c = gates.new_zeros(len(gates), gates.shape[2], weight.shape[1])
    rows = []
    for row in range(gates.shape[1]):
        a = gates[:, row] + sum(h.roll(size // 2 - m, 1) @ weight[m] for m in range(size))
        h, c = lstm(a, c)
        rows.append(h)
    return torch.stack(rows, dim=1)


# %% sweep-straight: only the site straight above | loses: sweep
def row_sweep(gates, weight):
    h = c = gates.new_zeros(len(gates), gates.shape[2], weight.shape[1])
    rows = []
    for row in range(gates.shape[1]):
        h, c = lstm(gates[:, row] + h @ weight[len(weight) // 2], c)
        rows.append(h)
    return torch.stack(rows, dim=1)


# %% sweep-shifted: the kernel one site too far to the left | loses: sweep
def row_sweep(gates, weight):
    size, width = len(weight), gates.shape[2]
    h = c = gates.new_zeros(len(gates), width, weight.shape[1])
    rows = []
    for row in range(gates.shape[1]):
        above = F.pad(h, (0, 0, size - 1, 0))
        a = gates[:, row] + sum(above[:, m : m + width] @ weight[m] for m in range(size))
        h, c = lstm(a, c)
        rows.append(h)
    return torch.stack(rows, dim=1)


# %% sweep-columns: the states run to the right | loses: sweep
def row_sweep(gates, weight):
    size, height = len(weight), gates.shape[1]
    h = c = gates.new_zeros(len(gates), height, weight.shape[1])
    columns = []
    for column in range(gates.shape[2]):
        before = F.pad(h, (0, 0, size // 2, size // 2))
        a = gates[:, :, column] + sum(
            before[:, m : m + height] @ weight[m] for m in range(size)
        )
        h, c = lstm(a, c)
        columns.append(h)
    return torch.stack(columns, dim=2)


# %% sweep-upwards: the states run up the image | loses: sweep
def row_sweep(gates, weight):
    size, width = len(weight), gates.shape[2]
    h = c = gates.new_zeros(len(gates), width, weight.shape[1])
    rows = []
    for row in reversed(range(gates.shape[1])):
        above = F.pad(h, (0, 0, size // 2, size // 2))
        a = gates[:, row] + sum(above[:, m : m + width] @ weight[m] for m in range(size))
        h, c = lstm(a, c)
        rows.insert(0, h)
    return torch.stack(rows, dim=1)


# %% sweep-memory: the memory returned | loses: sweep
def row_sweep(gates, weight):
    size, width = len(weight), gates.shape[2]
    h = c = gates.new_zeros(len(gates), width, weight.shape[1])
    rows = []
    for row in range(gates.shape[1]):
        above = F.pad(h, (0, 0, size // 2, size // 2))
        a = gates[:, row] + sum(above[:, m : m + width] @ weight[m] for m in range(size))
        h, c = lstm(a, c)
        rows.append(c)
    return torch.stack(rows, dim=1)


# %% sweep-mixed-memory: the memory goes through the neighbours too | loses: sweep
def row_sweep(gates, weight):
    size, width = len(weight), gates.shape[2]
    h = c = gates.new_zeros(len(gates), width, weight.shape[1])
    rows = []
    for row in range(gates.shape[1]):
        above = F.pad(h, (0, 0, size // 2, size // 2))
        a = gates[:, row] + sum(above[:, m : m + width] @ weight[m] for m in range(size))
        kept = F.pad(c, (0, 0, size // 2, size // 2))
        h, c = lstm(a, sum(kept[:, m : m + width] for m in range(size)) / size)
        rows.append(h)
    return torch.stack(rows, dim=1)


# %% sweep-memory-above: the neighbours' memories instead of their states | loses: sweep
def row_sweep(gates, weight):
    size, width = len(weight), gates.shape[2]
    h = c = gates.new_zeros(len(gates), width, weight.shape[1])
    rows = []
    for row in range(gates.shape[1]):
        above = F.pad(c, (0, 0, size // 2, size // 2))
        a = gates[:, row] + sum(above[:, m : m + width] @ weight[m] for m in range(size))
        h, c = lstm(a, c)
        rows.append(h)
    return torch.stack(rows, dim=1)


# %% sweep-residual: the state of the row above added once more | loses: sweep
def row_sweep(gates, weight):
    size, width = len(weight), gates.shape[2]
    h = c = gates.new_zeros(len(gates), width, weight.shape[1])
    rows = []
    for row in range(gates.shape[1]):
        above = F.pad(h, (0, 0, size // 2, size // 2))
        a = gates[:, row] + sum(above[:, m : m + width] @ weight[m] for m in range(size))
        new, c = lstm(a, c)
        h = h + new
        rows.append(h)
    return torch.stack(rows, dim=1)


# %% sweep-own-row: the neighbour on the left in the own row as well | loses: sweep
def row_sweep(gates, weight):
    height, width = gates.shape[1:3]
    h = gates.new_zeros(len(gates), height + 1, width + 2, weight.shape[1])
    c = gates.new_zeros(len(gates), height + 1, width, weight.shape[1])
    for r in range(height):
        for s in range(width):
            a = gates[:, r, s] + h[:, r + 1, s] @ weight[0]
            a = a + h[:, r, s + 1] @ weight[1] + h[:, r, s + 2] @ weight[2]
            new, kept = lstm(a, c[:, r, s])
            h[:, r + 1, s + 1], c[:, r + 1, s] = new, kept
    return h[:, 1:, 1:-1]


# %% sweep-in-place: the gates overwritten | loses: sweep
def row_sweep(gates, weight):
    size, width = len(weight), gates.shape[2]
    h = c = gates.new_zeros(len(gates), width, weight.shape[1])
    rows = []
    for row in range(gates.shape[1]):
        above = F.pad(h, (0, 0, size // 2, size // 2))
        for m in range(size):
            gates[:, row] += above[:, m : m + width] @ weight[m]
        h, c = lstm(gates[:, row], c)
        rows.append(h)
    return torch.stack(rows, dim=1)


# %% sweep-three: always three weights | loses: sweep
def row_sweep(gates, weight):
    middle, width = len(weight) // 2, gates.shape[2]
    h = c = gates.new_zeros(len(gates), width, weight.shape[1])
    rows = []
    for row in range(gates.shape[1]):
        above = F.pad(h, (0, 0, 1, 1))
        a = gates[:, row] + sum(
            above[:, m : m + width] @ weight[middle - 1 + m] for m in range(3)
        )
        h, c = lstm(a, c)
        rows.append(h)
    return torch.stack(rows, dim=1)


# %% both-not-moved: the second map stays in its row | loses: both
def both_ways(x, left, right):
    return left(x) + right(x.flip(3)).flip(3)


# %% both-up: moved up | loses: both
def both_ways(x, left, right):
    return left(x) + F.pad(right(x.flip(3)).flip(3)[:, :, 1:], (0, 0, 0, 1))


# %% both-round: the last row comes back as the first | loses: both
def both_ways(x, left, right):
    return left(x) + right(x.flip(3)).flip(3).roll(1, 2)


# %% both-column: moved to the right | loses: both
def both_ways(x, left, right):
    return left(x) + F.pad(right(x.flip(3)).flip(3)[..., :-1], (1, 0))


# %% both-not-back: the second map stays mirrored | loses: both
def both_ways(x, left, right):
    return left(x) + F.pad(right(x.flip(3))[:, :, :-1], (0, 0, 1, 0))


# %% both-unmirrored: the second sweep from the left too | loses: both
def both_ways(x, left, right):
    return left(x) + F.pad(right(x)[:, :, :-1], (0, 0, 1, 0))


# %% both-upside-down: mirrored from top to bottom | loses: both
def both_ways(x, left, right):
    return left(x) + F.pad(right(x.flip(2)).flip(2)[:, :, :-1], (0, 0, 1, 0))


# %% both-all-moved: both maps moved down | loses: both
def both_ways(x, left, right):
    both = left(x) + right(x.flip(3)).flip(3)
    return F.pad(both[:, :, :-1], (0, 0, 1, 0))


# %% both-left-moved: the first map moved down instead | loses: both
def both_ways(x, left, right):
    return F.pad(left(x)[:, :, :-1], (0, 0, 1, 0)) + right(x.flip(3)).flip(3)


# %% both-before: the input moved down, not the result | loses: both
def both_ways(x, left, right):
    return left(x) + right(F.pad(x[:, :, :-1], (0, 0, 1, 0)).flip(3)).flip(3)


# %% both-exchanged: the two sweeps exchanged | loses: both
def both_ways(x, left, right):
    return right(x) + F.pad(left(x.flip(3)).flip(3)[:, :, :-1], (0, 0, 1, 0))


# %% sample-likeliest: no chance | loses: sample
def sample(model, u):
    x = torch.zeros(u.shape, dtype=torch.long)
    for i in range(u.shape[2]):
        for j in range(u.shape[3]):
            for c in range(u.shape[1]):
                x[:, c, i, j] = model(x)[:, c, i, j].argmax(-1)
    return x


# %% sample-own-chance: uniform numbers of one's own | loses: sample
def sample(model, u):
    x = torch.zeros(u.shape, dtype=torch.long)
    for i in range(u.shape[2]):
        for j in range(u.shape[3]):
            for c in range(u.shape[1]):
                p = model(x)[:, c, i, j].softmax(-1)
                x[:, c, i, j] = torch.multinomial(p, 1)[:, 0]
    return x


# %% sample-one-pass: all dimensions at once, from an empty image | loses: sample
def sample(model, u):
    x = torch.zeros(u.shape, dtype=torch.long)
    reached = model(x).softmax(-1).cumsum(-1)[..., :-1]
    return (u[..., None] >= reached).sum(-1)


# %% sample-columns: column by column | loses: sample
def sample(model, u):
    x = torch.zeros(u.shape, dtype=torch.long)
    for j in range(u.shape[3]):
        for i in range(u.shape[2]):
            for c in range(u.shape[1]):
                reached = model(x)[:, c, i, j].softmax(-1).cumsum(-1)[:, :-1]
                x[:, c, i, j] = (u[:, c, i, j, None] >= reached).sum(-1)
    return x


# %% sample-channels: first all of red, then all of green | loses: sample
def sample(model, u):
    x = torch.zeros(u.shape, dtype=torch.long)
    for c in range(u.shape[1]):
        for i in range(u.shape[2]):
            for j in range(u.shape[3]):
                reached = model(x)[:, c, i, j].softmax(-1).cumsum(-1)[:, :-1]
                x[:, c, i, j] = (u[:, c, i, j, None] >= reached).sum(-1)
    return x


# %% sample-pixel: all channels of a pixel in one pass | loses: sample
def sample(model, u):
    x = torch.zeros(u.shape, dtype=torch.long)
    for i in range(u.shape[2]):
        for j in range(u.shape[3]):
            reached = model(x)[:, :, i, j].softmax(-1).cumsum(-1)[..., :-1]
            x[:, :, i, j] = (u[:, :, i, j, None] >= reached).sum(-1)
    return x


# %% sample-backwards: levels counted from above | loses: sample
def sample(model, u):
    x = torch.zeros(u.shape, dtype=torch.long)
    for i in range(u.shape[2]):
        for j in range(u.shape[3]):
            for c in range(u.shape[1]):
                reached = model(x)[:, c, i, j].softmax(-1).cumsum(-1)[:, :-1]
                x[:, c, i, j] = (1 - u[:, c, i, j, None] >= reached).sum(-1)
    return x


# %% sample-one-less: the last level whose cumulated probability is not reached | loses: sample
def sample(model, u):
    x = torch.zeros(u.shape, dtype=torch.long)
    for i in range(u.shape[2]):
        for j in range(u.shape[3]):
            for c in range(u.shape[1]):
                reached = model(x)[:, c, i, j].softmax(-1).cumsum(-1)[:, :-1]
                x[:, c, i, j] = ((u[:, c, i, j, None] >= reached).sum(-1) - 1).clamp(min=0)
    return x


# %% sample-densities: compared with the probabilities, not the cumulated ones | loses: sample
def sample(model, u):
    x = torch.zeros(u.shape, dtype=torch.long)
    for i in range(u.shape[2]):
        for j in range(u.shape[3]):
            for c in range(u.shape[1]):
                p = model(x)[:, c, i, j].softmax(-1)[:, :-1]
                x[:, c, i, j] = (u[:, c, i, j, None] >= p).sum(-1)
    return x


# %% sample-binary: the probability of level 1, as for black and white | loses: sample
def sample(model, u):
    x = torch.zeros(u.shape, dtype=torch.long)
    for i in range(u.shape[2]):
        for j in range(u.shape[3]):
            for c in range(u.shape[1]):
                p = model(x)[:, c, i, j].softmax(-1)
                x[:, c, i, j] = (u[:, c, i, j] >= p[:, 0]).long()
    return x


# %% sample-floats: an image of floating-point numbers | loses: sample
def sample(model, u):
    x = torch.zeros_like(u)
    for i in range(u.shape[2]):
        for j in range(u.shape[3]):
            for c in range(u.shape[1]):
                reached = model(x)[:, c, i, j].softmax(-1).cumsum(-1)[:, :-1]
                x[:, c, i, j] = (u[:, c, i, j, None] >= reached).sum(-1).to(x.dtype)
    return x


# %% sample-never: u = 0 draws a level of probability 0 | loses: sample
def sample(model, u):
    x = torch.zeros(u.shape, dtype=torch.long)
    for i in range(u.shape[2]):
        for j in range(u.shape[3]):
            for c in range(u.shape[1]):
                reached = model(x)[:, c, i, j].softmax(-1).cumsum(-1)[:, :-1]
                x[:, c, i, j] = (u[:, c, i, j, None] > reached).sum(-1)
    return x


# %% sample-beyond: rounding draws a level that does not exist | loses: sample
def sample(model, u):
    x = torch.zeros(u.shape, dtype=torch.long)
    for i in range(u.shape[2]):
        for j in range(u.shape[3]):
            for c in range(u.shape[1]):
                reached = model(x)[:, c, i, j].softmax(-1).cumsum(-1)
                x[:, c, i, j] = (u[:, c, i, j, None] >= reached).sum(-1)
    return x


# %% complete-ignores: everything drawn anew | loses: complete
def complete(model, x, known, draw):
    x = torch.zeros_like(x)
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            for c in range(x.shape[1]):
                x[:, c, i, j] = draw(model(x)[:, c, i, j])
    return x


# %% complete-inverted: the known ones drawn, the others kept | loses: complete
def complete(model, x, known, draw):
    x = x.clone()
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            for c in range(x.shape[1]):
                drawn = draw(model(x)[:, c, i, j])
                x[:, c, i, j] = torch.where(known[:, c, i, j], drawn, x[:, c, i, j])
    return x


# %% complete-afterwards: drawn freely, and the known ones put over it in the end | loses: complete
def complete(model, x, known, draw):
    made = torch.zeros_like(x)
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            for c in range(x.shape[1]):
                made[:, c, i, j] = draw(model(made)[:, c, i, j])
    return torch.where(known, x, made)


# %% complete-one-pass: all unknown ones at once | loses: complete
def complete(model, x, known, draw):
    logits = model(torch.where(known, x, 0))
    drawn = draw(logits.flatten(0, -2)).view(x.shape)
    return torch.where(known, x, drawn)


# %% complete-trusts: what x holds at unknown places is looked at | loses: complete
def complete(model, x, known, draw):
    drawn = draw(model(x).flatten(0, -2)).view(x.shape)
    return torch.where(known, x, drawn)


# %% complete-columns: column by column | loses: complete
def complete(model, x, known, draw):
    x = torch.where(known, x, 0)
    for j in range(x.shape[3]):
        for i in range(x.shape[2]):
            for c in range(x.shape[1]):
                drawn = draw(model(x)[:, c, i, j])
                x[:, c, i, j] = torch.where(known[:, c, i, j], x[:, c, i, j], drawn)
    return x


# %% complete-from-below: from the last pixel to the first | loses: complete
def complete(model, x, known, draw):
    x = torch.where(known, x, 0)
    for i in reversed(range(x.shape[2])):
        for j in reversed(range(x.shape[3])):
            for c in reversed(range(x.shape[1])):
                drawn = draw(model(x)[:, c, i, j])
                x[:, c, i, j] = torch.where(known[:, c, i, j], x[:, c, i, j], drawn)
    return x


# %% complete-channels: first all of red, then all of green | loses: complete
def complete(model, x, known, draw):
    x = torch.where(known, x, 0)
    for c in range(x.shape[1]):
        for i in range(x.shape[2]):
            for j in range(x.shape[3]):
                drawn = draw(model(x)[:, c, i, j])
                x[:, c, i, j] = torch.where(known[:, c, i, j], x[:, c, i, j], drawn)
    return x


# %% complete-pixel: a pixel is known when its first channel is | loses: complete
def complete(model, x, known, draw):
    x = torch.where(known, x, 0)
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            for c in range(x.shape[1]):
                drawn = draw(model(x)[:, c, i, j])
                x[:, c, i, j] = torch.where(known[:, 0, i, j], x[:, c, i, j], drawn)
    return x


# %% complete-one-mask: the first image's mask for all | loses: complete
def complete(model, x, known, draw):
    x = x.clone()
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            for c in range(x.shape[1]):
                if not known[0, c, i, j]:
                    x[:, c, i, j] = draw(model(x)[:, c, i, j])
    return x


# %% complete-in-place: the image that was handed in overwritten | loses: complete
def complete(model, x, known, draw):
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            for c in range(x.shape[1]):
                drawn = draw(model(x)[:, c, i, j])
                x[:, c, i, j] = torch.where(known[:, c, i, j], x[:, c, i, j], drawn)
    return x


# %% leaks-later: a dimension may see itself | loses: leaks
def leaks(model, x):
    sees = (torch.autograd.functional.jacobian(model, x)[0, :, :, :, :, 0] != 0).any(3)
    return sees.permute(1, 2, 0, 4, 5, 3).reshape(x.numel(), x.numel()).triu(1)


# %% leaks-earlier: the dimensions that it may see | loses: leaks
def leaks(model, x):
    sees = (torch.autograd.functional.jacobian(model, x)[0, :, :, :, :, 0] != 0).any(3)
    return sees.permute(1, 2, 0, 4, 5, 3).reshape(x.numel(), x.numel()).tril(-1)


# %% leaks-all: all that is seen | loses: leaks
def leaks(model, x):
    sees = (torch.autograd.functional.jacobian(model, x)[0, :, :, :, :, 0] != 0).any(3)
    return sees.permute(1, 2, 0, 4, 5, 3).reshape(x.numel(), x.numel())


# %% leaks-transposed: who is looked at in the rows | loses: leaks
def leaks(model, x):
    sees = (torch.autograd.functional.jacobian(model, x)[0, :, :, :, :, 0] != 0).any(3)
    return sees.permute(1, 2, 0, 4, 5, 3).reshape(x.numel(), x.numel()).triu().T


# %% leaks-sum: summed over the levels, where derivatives cancel | loses: leaks
def leaks(model, x):
    slope = torch.autograd.functional.jacobian(lambda x: model(x).sum(-1), x)[0, :, :, :, 0]
    sees = slope.abs() > 1e-12
    return sees.permute(1, 2, 0, 4, 5, 3).reshape(x.numel(), x.numel()).triu()


# %% leaks-one-level: the logits of level 0 only | loses: leaks
def leaks(model, x):
    sees = torch.autograd.functional.jacobian(lambda x: model(x)[..., 0], x)[0, :, :, :, 0] != 0
    return sees.permute(1, 2, 0, 4, 5, 3).reshape(x.numel(), x.numel()).triu()


# %% leaks-positive: positive derivatives only | loses: leaks
def leaks(model, x):
    sees = (torch.autograd.functional.jacobian(model, x)[0, :, :, :, :, 0] > 0).any(3)
    return sees.permute(1, 2, 0, 4, 5, 3).reshape(x.numel(), x.numel()).triu()


# %% leaks-every-level: only where all levels move | loses: leaks
def leaks(model, x):
    sees = (torch.autograd.functional.jacobian(model, x)[0, :, :, :, :, 0] != 0).all(3)
    return sees.permute(1, 2, 0, 4, 5, 3).reshape(x.numel(), x.numel()).triu()


# %% leaks-tolerant: small derivatives taken for none | loses: leaks
def leaks(model, x):
    sees = (torch.autograd.functional.jacobian(model, x)[0, :, :, :, :, 0].abs() > 1e-6).any(3)
    return sees.permute(1, 2, 0, 4, 5, 3).reshape(x.numel(), x.numel()).triu()


# %% leaks-channels-first: in the order in which a tensor lies in memory | loses: leaks
def leaks(model, x):
    sees = (torch.autograd.functional.jacobian(model, x)[0, :, :, :, :, 0] != 0).any(3)
    return sees.reshape(x.numel(), x.numel()).triu()


# %% leaks-columns: in the order of columns | loses: leaks
def leaks(model, x):
    sees = (torch.autograd.functional.jacobian(model, x)[0, :, :, :, :, 0] != 0).any(3)
    return sees.permute(2, 1, 0, 5, 4, 3).reshape(x.numel(), x.numel()).triu()


# %% leaks-anyone: whether anybody looks at x_j, not who | loses: leaks
def leaks(model, x):
    x = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(model(x).square().sum(), x)
    return (in_order(slope) != 0).expand(x.numel(), x.numel()).triu()
