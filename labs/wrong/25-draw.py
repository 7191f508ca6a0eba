# Plausible wrong answers to lab 25: each must lose the points that its header says, and no others.
# The body stands in for the solution cell that defines the same name.


# %% lstm-order-of-lab-41: i, f, o, g | loses: lstm
def lstm(x, h, c, weight_x, weight_h, bias_x, bias_h):
    gates = x @ weight_x.T + bias_x + h @ weight_h.T + bias_h
    i, f, o, g = gates.chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


# %% lstm-input-forget: i and f exchanged | loses: lstm
def lstm(x, h, c, weight_x, weight_h, bias_x, bias_h):
    gates = x @ weight_x.T + bias_x + h @ weight_h.T + bias_h
    f, i, g, o = gates.chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


# %% lstm-no-tanh: the memory shown as it is | loses: lstm
def lstm(x, h, c, weight_x, weight_h, bias_x, bias_h):
    gates = x @ weight_x.T + bias_x + h @ weight_h.T + bias_h
    i, f, g, o = gates.chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c, c


# %% lstm-old-memory: h from the memory before | loses: lstm
def lstm(x, h, c, weight_x, weight_h, bias_x, bias_h):
    gates = x @ weight_x.T + bias_x + h @ weight_h.T + bias_h
    i, f, g, o = gates.chunk(4, dim=1)
    new = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), new


# %% lstm-returned-backwards: c before h | loses: lstm
def lstm(x, h, c, weight_x, weight_h, bias_x, bias_h):
    gates = x @ weight_x.T + bias_x + h @ weight_h.T + bias_h
    i, f, g, o = gates.chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return c, o.sigmoid() * c.tanh()


# %% lstm-one-bias: the bias of h forgotten | loses: lstm
def lstm(x, h, c, weight_x, weight_h, bias_x, bias_h):
    gates = x @ weight_x.T + bias_x + h @ weight_h.T
    i, f, g, o = gates.chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


# %% lstm-no-recurrence: h forgotten | loses: lstm
def lstm(x, h, c, weight_x, weight_h, bias_x, bias_h):
    gates = x @ weight_x.T + bias_x + bias_h
    i, f, g, o = gates.chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


# %% lstm-in-place: the memory that was given is changed | loses: lstm
def lstm(x, h, c, weight_x, weight_h, bias_x, bias_h):
    gates = x @ weight_x.T + bias_x + h @ weight_h.T + bias_h
    i, f, g, o = gates.chunk(4, dim=1)
    c *= f.sigmoid()
    c += i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


# %% lstm-tanh-by-hand: a tanh whose exponentials overflow | loses: lstm
def lstm(x, h, c, weight_x, weight_h, bias_x, bias_h):
    gates = x @ weight_x.T + bias_x + h @ weight_h.T + bias_h
    i, f, g, o = gates.chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * (g.exp() - torch.exp(-g)) / (g.exp() + torch.exp(-g))
    return o.sigmoid() * c.tanh(), c


# %% window-from-one: pixels counted from 1 | loses: window
def window(p, n, height, width):
    column, row, log_variance, log_stride, log_gamma = p.unbind(1)
    row = (height + 1) / 2 * (row + 1)
    column = (width + 1) / 2 * (column + 1)
    stride = (max(height, width) - 1) / max(n - 1, 1) * log_stride.exp()
    return row, column, stride, torch.exp(log_variance / 2), log_gamma.exp()


# %% window-half-pixel: H/2 for (H + 1)/2 | loses: window
def window(p, n, height, width):
    column, row, log_variance, log_stride, log_gamma = p.unbind(1)
    row = height / 2 * (row + 1) - 1
    column = width / 2 * (column + 1) - 1
    stride = (max(height, width) - 1) / max(n - 1, 1) * log_stride.exp()
    return row, column, stride, torch.exp(log_variance / 2), log_gamma.exp()


# %% window-edge-to-edge: the first and the last pixel at -1 and 1 | loses: window
def window(p, n, height, width):
    column, row, log_variance, log_stride, log_gamma = p.unbind(1)
    row = (height - 1) / 2 * (row + 1)
    column = (width - 1) / 2 * (column + 1)
    stride = (max(height, width) - 1) / max(n - 1, 1) * log_stride.exp()
    return row, column, stride, torch.exp(log_variance / 2), log_gamma.exp()


# %% window-swapped: row before column | loses: window
def window(p, n, height, width):
    row, column, log_variance, log_stride, log_gamma = p.unbind(1)
    row = (height + 1) / 2 * (row + 1) - 1
    column = (width + 1) / 2 * (column + 1) - 1
    stride = (max(height, width) - 1) / max(n - 1, 1) * log_stride.exp()
    return row, column, stride, torch.exp(log_variance / 2), log_gamma.exp()


# %% window-sizes-swapped: width for rows | loses: window
def window(p, n, height, width):
    column, row, log_variance, log_stride, log_gamma = p.unbind(1)
    row = (width + 1) / 2 * (row + 1) - 1
    column = (height + 1) / 2 * (column + 1) - 1
    stride = (max(height, width) - 1) / max(n - 1, 1) * log_stride.exp()
    return row, column, stride, torch.exp(log_variance / 2), log_gamma.exp()


# %% window-variance: the variance for the deviation | loses: window
def window(p, n, height, width):
    column, row, log_variance, log_stride, log_gamma = p.unbind(1)
    row = (height + 1) / 2 * (row + 1) - 1
    column = (width + 1) / 2 * (column + 1) - 1
    stride = (max(height, width) - 1) / max(n - 1, 1) * log_stride.exp()
    return row, column, stride, log_variance.exp(), log_gamma.exp()


# %% window-n-strides: divided by N | loses: window
def window(p, n, height, width):
    column, row, log_variance, log_stride, log_gamma = p.unbind(1)
    row = (height + 1) / 2 * (row + 1) - 1
    column = (width + 1) / 2 * (column + 1) - 1
    stride = (max(height, width) - 1) / n * log_stride.exp()
    return row, column, stride, torch.exp(log_variance / 2), log_gamma.exp()


# %% window-one-filter-no-stride: stride 0 for one filter | loses: window
def window(p, n, height, width):
    column, row, log_variance, log_stride, log_gamma = p.unbind(1)
    row = (height + 1) / 2 * (row + 1) - 1
    column = (width + 1) / 2 * (column + 1) - 1
    stride = (max(height, width) - 1) / max(n - 1, 1) * log_stride.exp() * (n > 1)
    return row, column, stride, torch.exp(log_variance / 2), log_gamma.exp()


# %% window-shorter-side: the shorter side counts | loses: window
def window(p, n, height, width):
    column, row, log_variance, log_stride, log_gamma = p.unbind(1)
    row = (height + 1) / 2 * (row + 1) - 1
    column = (width + 1) / 2 * (column + 1) - 1
    stride = (min(height, width) - 1) / max(n - 1, 1) * log_stride.exp()
    return row, column, stride, torch.exp(log_variance / 2), log_gamma.exp()


# %% window-width-only: the width counts, also of a high picture | loses: window
def window(p, n, height, width):
    column, row, log_variance, log_stride, log_gamma = p.unbind(1)
    row = (height + 1) / 2 * (row + 1) - 1
    column = (width + 1) / 2 * (column + 1) - 1
    stride = (width - 1) / max(n - 1, 1) * log_stride.exp()
    return row, column, stride, torch.exp(log_variance / 2), log_gamma.exp()


# %% window-item: plain numbers for the middle | loses: window
def window(p, n, height, width):
    column, row, log_variance, log_stride, log_gamma = p.unbind(1)
    row = (height + 1) / 2 * (row.detach() + 1) - 1
    column = (width + 1) / 2 * (column.detach() + 1) - 1
    stride = (max(height, width) - 1) / max(n - 1, 1) * log_stride.exp()
    return row, column, stride, torch.exp(log_variance / 2), log_gamma.exp()


# %% centres-from-zero: i from 0 in the formula of i from 1 | loses: centres
def centres(middle, stride, n):
    steps = torch.arange(n) - n / 2 - 0.5
    return middle[:, None] + steps * stride[:, None]


# %% centres-half: without the half | loses: centres
def centres(middle, stride, n):
    steps = torch.arange(1, n + 1) - n / 2
    return middle[:, None] + steps * stride[:, None]


# %% centres-whole-numbers: n // 2: right for odd n | loses: centres
def centres(middle, stride, n):
    steps = torch.arange(n) - n // 2
    return middle[:, None] + steps * stride[:, None]


# %% centres-begins-at-middle: the first filter in the middle | loses: centres
def centres(middle, stride, n):
    steps = torch.arange(n)
    return middle[:, None] + steps * stride[:, None]


# %% centres-all-scaled: the middle times the stride too | loses: centres
def centres(middle, stride, n):
    steps = torch.arange(n) - (n - 1) / 2
    return (middle[:, None] + steps) * stride[:, None]


# %% centres-no-stride: one pixel apart | loses: centres
def centres(middle, stride, n):
    steps = torch.arange(n) - (n - 1) / 2
    return middle[:, None] + steps


# %% centres-first-stride: the first item's stride for all | loses: centres
def centres(middle, stride, n):
    steps = torch.arange(n) - (n - 1) / 2
    return middle[:, None] + steps * stride[0]


# %% centres-detached: no gradient by the stride | loses: centres
def centres(middle, stride, n):
    steps = torch.arange(n) - (n - 1) / 2
    return middle[:, None] + steps * stride.detach()[:, None] + 0 * stride[:, None]


# %% filters-axis: normalized over the filters | loses: filters
def filters(centres, sigma, size):
    away = torch.arange(size) - centres[..., None]
    return (-away.square() / (2 * sigma.square())[:, None, None]).softmax(dim=1)


# %% filters-both-axes: all filters together sum to 1 | loses: filters
def filters(centres, sigma, size):
    away = torch.arange(size) - centres[..., None]
    logits = -away.square() / (2 * sigma.square())[:, None, None]
    return logits.flatten(1).softmax(-1).view_as(away)


# %% filters-not-normalized: without Z | loses: filters
def filters(centres, sigma, size):
    away = torch.arange(size) - centres[..., None]
    return (-away.square() / (2 * sigma.square())[:, None, None]).exp()


# %% filters-variance: sigma taken for a variance | loses: filters
def filters(centres, sigma, size):
    away = torch.arange(size) - centres[..., None]
    return (-away.square() / (2 * sigma)[:, None, None]).softmax(dim=-1)


# %% filters-squared-twice: (away / (2 sigma^2))^2, as in public code | loses: filters
def filters(centres, sigma, size):
    away = torch.arange(size) - centres[..., None]
    return (-(away / (2 * sigma.square())[:, None, None]).square()).softmax(dim=-1)


# %% filters-from-one: pixels counted from 1 | loses: filters
def filters(centres, sigma, size):
    away = torch.arange(1, size + 1) - centres[..., None]
    return (-away.square() / (2 * sigma.square())[:, None, None]).softmax(dim=-1)


# %% filters-divided: 0 divided by 0 far outside | loses: filters
def filters(centres, sigma, size):
    away = torch.arange(size) - centres[..., None]
    weights = torch.exp(-away.square() / (2 * sigma.square())[:, None, None])
    return weights / weights.sum(-1, keepdim=True)


# %% filters-epsilon: the sum made safe by an epsilon | loses: filters
def filters(centres, sigma, size):
    away = torch.arange(size) - centres[..., None]
    weights = torch.exp(-away.square() / (2 * sigma.square())[:, None, None])
    return weights / (weights.sum(-1, keepdim=True) + 1e-8)


# %% filters-cut-off: the sum cut off from below | loses: filters
def filters(centres, sigma, size):
    away = torch.arange(size) - centres[..., None]
    weights = torch.exp(-away.square() / (2 * sigma.square())[:, None, None])
    return weights / weights.sum(-1, keepdim=True).clamp(min=1e-8)


# %% filters-item-for-filter: sigma by filter, not by item | loses: filters
def filters(centres, sigma, size):
    away = torch.arange(size) - centres[..., None]
    return (-away.square() / (2 * sigma.square())[None, :, None]).softmax(dim=-1)


# %% filters-centres-clamped: centres kept inside the picture | loses: filters
def filters(centres, sigma, size):
    away = torch.arange(size) - centres.clamp(0, size - 1)[..., None]
    return (-away.square() / (2 * sigma.square())[:, None, None]).softmax(dim=-1)


# %% filters-detached: no gradient by the centres | loses: filters
def filters(centres, sigma, size):
    away = torch.arange(size) - centres.detach()[..., None] + 0 * centres[..., None]
    return (-away.square() / (2 * sigma.square())[:, None, None]).softmax(dim=-1)


# %% read-no-gamma: without the intensity | loses: read
def read(x, error, rows, columns, gamma):
    both = torch.cat([x, error], dim=1)
    return rows[:, None] @ both @ columns[:, None].mT


# %% read-gamma-divides: divided by the intensity | loses: read
def read(x, error, rows, columns, gamma):
    both = torch.cat([x, error], dim=1)
    return (1 / gamma)[:, None, None, None] * (rows[:, None] @ both @ columns[:, None].mT)


# %% read-gamma-twice: the intensity at the rows and at the columns | loses: read
def read(x, error, rows, columns, gamma):
    both = torch.cat([x, error], dim=1)
    return gamma[:, None, None, None].square() * (rows[:, None] @ both @ columns[:, None].mT)


# %% read-gamma-picture-only: the error without the intensity | loses: read
def read(x, error, rows, columns, gamma):
    view = lambda image: rows[:, None] @ image @ columns[:, None].mT
    return torch.cat([gamma[:, None, None, None] * view(x), view(error)], dim=1)


# %% read-error-first: the error before the picture | loses: read
def read(x, error, rows, columns, gamma):
    both = torch.cat([error, x], dim=1)
    return gamma[:, None, None, None] * (rows[:, None] @ both @ columns[:, None].mT)


# %% read-error-only: the error alone | loses: read
def read(x, error, rows, columns, gamma):
    both = error
    return gamma[:, None, None, None] * (rows[:, None] @ both @ columns[:, None].mT)


# %% read-interleaved: channel by channel | loses: read
def read(x, error, rows, columns, gamma):
    both = torch.stack([x, error], dim=2).flatten(1, 2)
    return gamma[:, None, None, None] * (rows[:, None] @ both @ columns[:, None].mT)


# %% read-transposed-view: rows and columns of the view exchanged | loses: read
def read(x, error, rows, columns, gamma):
    both = torch.cat([x, error], dim=1)
    return gamma[:, None, None, None] * (rows[:, None] @ both @ columns[:, None].mT).mT


# %% read-columns-not-transposed: the columns' filters not transposed | loses: read
def read(x, error, rows, columns, gamma):
    both = torch.cat([x, error], dim=1)
    return gamma[:, None, None, None] * (rows[:, None] @ both @ columns[:, None])


# %% read-first-filters: the first item's filters for all | loses: read
def read(x, error, rows, columns, gamma):
    both = torch.cat([x, error], dim=1)
    return gamma[:, None, None, None] * (rows[:1, None] @ both @ columns[:1, None].mT)


# %% write-gamma-multiplies: multiplied by the intensity | loses: write
def write(patch, rows, columns, gamma):
    return rows[:, None].mT @ patch @ columns[:, None] * gamma[:, None, None, None]


# %% write-no-gamma: without the intensity | loses: write
def write(patch, rows, columns, gamma):
    return rows[:, None].mT @ patch @ columns[:, None]


# %% write-patch-transposed: the patch transposed | loses: write
def write(patch, rows, columns, gamma):
    return rows[:, None].mT @ patch.mT @ columns[:, None] / gamma[:, None, None, None]


# %% write-not-transposed: the rows' filters as in reading | loses: write
def write(patch, rows, columns, gamma):
    return rows[:, None] @ patch @ columns[:, None] / gamma[:, None, None, None]


# %% write-columns-transposed: the columns' filters as in reading | loses: write
def write(patch, rows, columns, gamma):
    return rows[:, None].mT @ patch @ columns[:, None].mT / gamma[:, None, None, None]


# %% write-swapped: rows' filters for the columns | loses: write
def write(patch, rows, columns, gamma):
    return columns[:, None].mT @ patch @ rows[:, None] / gamma[:, None, None, None]


# %% write-first-filters: the first item's filters for all | loses: write
def write(patch, rows, columns, gamma):
    return rows[:1, None].mT @ patch @ columns[:1, None] / gamma[:, None, None, None]


# %% write-inverse: the inverse of reading, not its transpose | loses: write
def write(patch, rows, columns, gamma):
    return (
        torch.linalg.pinv(rows[:, None])
        @ patch
        @ torch.linalg.pinv(columns[:, None]).mT
        / gamma[:, None, None, None]
    )


# %% write-pixels-normalized: weights normalized at each pixel | loses: write
def write(patch, rows, columns, gamma):
    rows, columns = rows / rows.sum(1, True), columns / columns.sum(1, True)
    return rows[:, None].mT @ patch @ columns[:, None] / gamma[:, None, None, None]


# %% paint-overwritten: the stroke replaces the canvas | loses: paint
def paint(x, blank, strokes):
    after = blank + strokes
    before = torch.cat([blank.expand_as(after[:, :1]), after[:, :-1]], dim=1)
    return after, x[:, None] - before.sigmoid()


# %% paint-no-blank: the blank canvas left out of the sum | loses: paint
def paint(x, blank, strokes):
    after = strokes.cumsum(1)
    before = torch.cat([blank.expand_as(after[:, :1]), after[:, :-1]], dim=1)
    return after, x[:, None] - before.sigmoid()


# %% paint-error-after: the error after the stroke | loses: paint
def paint(x, blank, strokes):
    after = blank + strokes.cumsum(1)
    return after, x[:, None] - after.sigmoid()


# %% paint-error-of-logits: the picture minus logits | loses: paint
def paint(x, blank, strokes):
    after = blank + strokes.cumsum(1)
    before = torch.cat([blank.expand_as(after[:, :1]), after[:, :-1]], dim=1)
    return after, x[:, None] - before


# %% paint-error-of-blank: the error of the blank canvas at every step | loses: paint
def paint(x, blank, strokes):
    after = blank + strokes.cumsum(1)
    before = blank.expand_as(after)
    return after, x[:, None] - before.sigmoid()


# %% paint-error-of-stroke: what the last stroke alone lacks | loses: paint
def paint(x, blank, strokes):
    after = blank + strokes.cumsum(1)
    before = torch.cat([blank.expand_as(after[:, :1]), strokes[:, :-1]], dim=1)
    return after, x[:, None] - before.sigmoid()


# %% paint-half-first: the first canvas taken for 0, not for the blank one | loses: paint
def paint(x, blank, strokes):
    after = blank + strokes.cumsum(1)
    before = torch.cat([torch.zeros_like(after[:, :1]), after[:, :-1]], dim=1)
    return after, x[:, None] - before.sigmoid()


# %% paint-probabilities: canvases as probabilities | loses: paint
def paint(x, blank, strokes):
    after = blank + strokes.cumsum(1)
    before = torch.cat([blank.expand_as(after[:, :1]), after[:, :-1]], dim=1)
    return after.sigmoid(), x[:, None] - before.sigmoid()


# %% paint-sigmoid-of-strokes: the sigmoid of each stroke, then the sum | loses: paint
def paint(x, blank, strokes):
    after = blank + strokes.sigmoid().cumsum(1)
    before = torch.cat([blank.expand_as(after[:, :1]), after[:, :-1]], dim=1)
    return after, x[:, None] - before.sigmoid()


# %% paint-in-place: the strokes that were given are changed | loses: paint
def paint(x, blank, strokes):
    after = blank + strokes.cumsum_(1)
    before = torch.cat([blank.expand_as(after[:, :1]), after[:, :-1]], dim=1)
    return after, x[:, None] - before.sigmoid()


# %% forward-no-sigmoid: the error of logits | loses: forward
def forward(x, parts, noise):
    canvas = parts.blank.expand_as(x)
    thought, hand = parts.encoder_start(len(x)), parts.decoder_start(len(x))
    means, log_sigmas = [], []
    for t in range(noise.shape[1]):
        r = parts.read(x, x - canvas, hand[0])
        thought = parts.encoder(torch.cat([r, hand[0]], dim=1), thought)
        mean, log_sigma = parts.posterior(thought[0])
        hand = parts.decoder(mean + log_sigma.exp() * noise[:, t], hand)
        canvas = canvas + parts.write(hand[0])
        means.append(mean)
        log_sigmas.append(log_sigma)
    return canvas, torch.stack(means, dim=1), torch.stack(log_sigmas, dim=1)


# %% forward-stale-error: the error of the blank canvas at every step | loses: forward
def forward(x, parts, noise):
    canvas = parts.blank.expand_as(x)
    thought, hand = parts.encoder_start(len(x)), parts.decoder_start(len(x))
    means, log_sigmas = [], []
    for t in range(noise.shape[1]):
        r = parts.read(x, x - parts.blank.sigmoid(), hand[0])
        thought = parts.encoder(torch.cat([r, hand[0]], dim=1), thought)
        mean, log_sigma = parts.posterior(thought[0])
        hand = parts.decoder(mean + log_sigma.exp() * noise[:, t], hand)
        canvas = canvas + parts.write(hand[0])
        means.append(mean)
        log_sigmas.append(log_sigma)
    return canvas, torch.stack(means, dim=1), torch.stack(log_sigmas, dim=1)


# %% forward-no-feedback: the encoder without the decoder's state | loses: forward
def forward(x, parts, noise):
    canvas = parts.blank.expand_as(x)
    thought, hand = parts.encoder_start(len(x)), parts.decoder_start(len(x))
    means, log_sigmas = [], []
    for t in range(noise.shape[1]):
        r = parts.read(x, x - canvas.sigmoid(), hand[0])
        thought = parts.encoder(r, thought)
        mean, log_sigma = parts.posterior(thought[0])
        hand = parts.decoder(mean + log_sigma.exp() * noise[:, t], hand)
        canvas = canvas + parts.write(hand[0])
        means.append(mean)
        log_sigmas.append(log_sigma)
    return canvas, torch.stack(means, dim=1), torch.stack(log_sigmas, dim=1)


# %% forward-read-by-encoder: the eye moved by the encoder | loses: forward
def forward(x, parts, noise):
    canvas = parts.blank.expand_as(x)
    thought, hand = parts.encoder_start(len(x)), parts.decoder_start(len(x))
    means, log_sigmas = [], []
    for t in range(noise.shape[1]):
        r = parts.read(x, x - canvas.sigmoid(), thought[0])
        thought = parts.encoder(torch.cat([r, hand[0]], dim=1), thought)
        mean, log_sigma = parts.posterior(thought[0])
        hand = parts.decoder(mean + log_sigma.exp() * noise[:, t], hand)
        canvas = canvas + parts.write(hand[0])
        means.append(mean)
        log_sigmas.append(log_sigma)
    return canvas, torch.stack(means, dim=1), torch.stack(log_sigmas, dim=1)


# %% forward-encoder-forgets: the encoder begins anew at every step | loses: forward
def forward(x, parts, noise):
    canvas = parts.blank.expand_as(x)
    thought, hand = parts.encoder_start(len(x)), parts.decoder_start(len(x))
    means, log_sigmas = [], []
    for t in range(noise.shape[1]):
        r = parts.read(x, x - canvas.sigmoid(), hand[0])
        thought = parts.encoder(torch.cat([r, hand[0]], dim=1), parts.encoder_start(len(x)))
        mean, log_sigma = parts.posterior(thought[0])
        hand = parts.decoder(mean + log_sigma.exp() * noise[:, t], hand)
        canvas = canvas + parts.write(hand[0])
        means.append(mean)
        log_sigmas.append(log_sigma)
    return canvas, torch.stack(means, dim=1), torch.stack(log_sigmas, dim=1)


# %% forward-decoder-forgets: the decoder begins anew at every step | loses: forward
def forward(x, parts, noise):
    canvas = parts.blank.expand_as(x)
    thought, hand = parts.encoder_start(len(x)), parts.decoder_start(len(x))
    means, log_sigmas = [], []
    for t in range(noise.shape[1]):
        r = parts.read(x, x - canvas.sigmoid(), hand[0])
        thought = parts.encoder(torch.cat([r, hand[0]], dim=1), thought)
        mean, log_sigma = parts.posterior(thought[0])
        hand = parts.decoder(mean + log_sigma.exp() * noise[:, t], parts.decoder_start(len(x)))
        canvas = canvas + parts.write(hand[0])
        means.append(mean)
        log_sigmas.append(log_sigma)
    return canvas, torch.stack(means, dim=1), torch.stack(log_sigmas, dim=1)


# %% forward-variance: sigma squared | loses: forward
def forward(x, parts, noise):
    canvas = parts.blank.expand_as(x)
    thought, hand = parts.encoder_start(len(x)), parts.decoder_start(len(x))
    means, log_sigmas = [], []
    for t in range(noise.shape[1]):
        r = parts.read(x, x - canvas.sigmoid(), hand[0])
        thought = parts.encoder(torch.cat([r, hand[0]], dim=1), thought)
        mean, log_sigma = parts.posterior(thought[0])
        hand = parts.decoder(mean + torch.exp(2 * log_sigma) * noise[:, t], hand)
        canvas = canvas + parts.write(hand[0])
        means.append(mean)
        log_sigmas.append(log_sigma)
    return canvas, torch.stack(means, dim=1), torch.stack(log_sigmas, dim=1)


# %% forward-log-sigma: the logarithm for sigma | loses: forward
def forward(x, parts, noise):
    canvas = parts.blank.expand_as(x)
    thought, hand = parts.encoder_start(len(x)), parts.decoder_start(len(x))
    means, log_sigmas = [], []
    for t in range(noise.shape[1]):
        r = parts.read(x, x - canvas.sigmoid(), hand[0])
        thought = parts.encoder(torch.cat([r, hand[0]], dim=1), thought)
        mean, log_sigma = parts.posterior(thought[0])
        hand = parts.decoder(mean + log_sigma * noise[:, t], hand)
        canvas = canvas + parts.write(hand[0])
        means.append(mean)
        log_sigmas.append(log_sigma)
    return canvas, torch.stack(means, dim=1), torch.stack(log_sigmas, dim=1)


# %% forward-one-noise: the same noise at every step, as in public code | loses: forward
def forward(x, parts, noise):
    canvas = parts.blank.expand_as(x)
    thought, hand = parts.encoder_start(len(x)), parts.decoder_start(len(x))
    means, log_sigmas = [], []
    for t in range(noise.shape[1]):
        r = parts.read(x, x - canvas.sigmoid(), hand[0])
        thought = parts.encoder(torch.cat([r, hand[0]], dim=1), thought)
        mean, log_sigma = parts.posterior(thought[0])
        hand = parts.decoder(mean + log_sigma.exp() * noise[:, 0], hand)
        canvas = canvas + parts.write(hand[0])
        means.append(mean)
        log_sigmas.append(log_sigma)
    return canvas, torch.stack(means, dim=1), torch.stack(log_sigmas, dim=1)


# %% forward-fresh-noise: noise of its own instead of the one given | loses: forward
def forward(x, parts, noise):
    canvas = parts.blank.expand_as(x)
    thought, hand = parts.encoder_start(len(x)), parts.decoder_start(len(x))
    means, log_sigmas = [], []
    for t in range(noise.shape[1]):
        r = parts.read(x, x - canvas.sigmoid(), hand[0])
        thought = parts.encoder(torch.cat([r, hand[0]], dim=1), thought)
        mean, log_sigma = parts.posterior(thought[0])
        hand = parts.decoder(mean + log_sigma.exp() * torch.randn_like(mean), hand)
        canvas = canvas + parts.write(hand[0])
        means.append(mean)
        log_sigmas.append(log_sigma)
    return canvas, torch.stack(means, dim=1), torch.stack(log_sigmas, dim=1)


# %% forward-detached: the note cut off from the encoder | loses: forward
def forward(x, parts, noise):
    canvas = parts.blank.expand_as(x)
    thought, hand = parts.encoder_start(len(x)), parts.decoder_start(len(x))
    means, log_sigmas = [], []
    for t in range(noise.shape[1]):
        r = parts.read(x, x - canvas.sigmoid(), hand[0])
        thought = parts.encoder(torch.cat([r, hand[0]], dim=1), thought)
        mean, log_sigma = parts.posterior(thought[0])
        hand = parts.decoder((mean + log_sigma.exp() * noise[:, t]).detach(), hand)
        canvas = canvas + parts.write(hand[0])
        means.append(mean)
        log_sigmas.append(log_sigma)
    return canvas, torch.stack(means, dim=1), torch.stack(log_sigmas, dim=1)


# %% forward-overwritten: the stroke replaces the canvas | loses: forward
def forward(x, parts, noise):
    canvas = parts.blank.expand_as(x)
    thought, hand = parts.encoder_start(len(x)), parts.decoder_start(len(x))
    means, log_sigmas = [], []
    for t in range(noise.shape[1]):
        r = parts.read(x, x - canvas.sigmoid(), hand[0])
        thought = parts.encoder(torch.cat([r, hand[0]], dim=1), thought)
        mean, log_sigma = parts.posterior(thought[0])
        hand = parts.decoder(mean + log_sigma.exp() * noise[:, t], hand)
        canvas = parts.write(hand[0])
        means.append(mean)
        log_sigmas.append(log_sigma)
    return canvas, torch.stack(means, dim=1), torch.stack(log_sigmas, dim=1)


# %% forward-blank-forgotten: a canvas of zeros to begin with | loses: forward
def forward(x, parts, noise):
    canvas = torch.zeros_like(x)
    thought, hand = parts.encoder_start(len(x)), parts.decoder_start(len(x))
    means, log_sigmas = [], []
    for t in range(noise.shape[1]):
        r = parts.read(x, x - canvas.sigmoid(), hand[0])
        thought = parts.encoder(torch.cat([r, hand[0]], dim=1), thought)
        mean, log_sigma = parts.posterior(thought[0])
        hand = parts.decoder(mean + log_sigma.exp() * noise[:, t], hand)
        canvas = canvas + parts.write(hand[0])
        means.append(mean)
        log_sigmas.append(log_sigma)
    return canvas, torch.stack(means, dim=1), torch.stack(log_sigmas, dim=1)


# %% forward-late-hand: the stroke from the decoder's last state | loses: forward
def forward(x, parts, noise):
    canvas = parts.blank.expand_as(x)
    thought, hand = parts.encoder_start(len(x)), parts.decoder_start(len(x))
    means, log_sigmas = [], []
    for t in range(noise.shape[1]):
        r = parts.read(x, x - canvas.sigmoid(), hand[0])
        thought = parts.encoder(torch.cat([r, hand[0]], dim=1), thought)
        mean, log_sigma = parts.posterior(thought[0])
        canvas = canvas + parts.write(hand[0])
        hand = parts.decoder(mean + log_sigma.exp() * noise[:, t], hand)
        means.append(mean)
        log_sigmas.append(log_sigma)
    return canvas, torch.stack(means, dim=1), torch.stack(log_sigmas, dim=1)


# %% forward-probabilities: the canvas as probabilities | loses: forward
def forward(x, parts, noise):
    canvas = parts.blank.expand_as(x)
    thought, hand = parts.encoder_start(len(x)), parts.decoder_start(len(x))
    means, log_sigmas = [], []
    for t in range(noise.shape[1]):
        r = parts.read(x, x - canvas.sigmoid(), hand[0])
        thought = parts.encoder(torch.cat([r, hand[0]], dim=1), thought)
        mean, log_sigma = parts.posterior(thought[0])
        hand = parts.decoder(mean + log_sigma.exp() * noise[:, t], hand)
        canvas = canvas + parts.write(hand[0])
        means.append(mean)
        log_sigmas.append(log_sigma)
    return canvas.sigmoid(), torch.stack(means, dim=1), torch.stack(log_sigmas, dim=1)


# %% forward-steps-first: steps before items | loses: forward
def forward(x, parts, noise):
    canvas = parts.blank.expand_as(x)
    thought, hand = parts.encoder_start(len(x)), parts.decoder_start(len(x))
    means, log_sigmas = [], []
    for t in range(noise.shape[1]):
        r = parts.read(x, x - canvas.sigmoid(), hand[0])
        thought = parts.encoder(torch.cat([r, hand[0]], dim=1), thought)
        mean, log_sigma = parts.posterior(thought[0])
        hand = parts.decoder(mean + log_sigma.exp() * noise[:, t], hand)
        canvas = canvas + parts.write(hand[0])
        means.append(mean)
        log_sigmas.append(log_sigma)
    return canvas, torch.stack(means), torch.stack(log_sigmas, dim=1)


# %% latent-sign: its sign flipped | loses: latent
def latent_loss(mean, log_sigma):
    each = (mean.square() + torch.exp(2 * log_sigma) - 2 * log_sigma - 1) / 2
    return -each.sum((1, 2))


# %% latent-variance: sigma for its square | loses: latent
def latent_loss(mean, log_sigma):
    each = (mean.square() + log_sigma.exp() - 2 * log_sigma - 1) / 2
    return each.sum((1, 2))


# %% latent-log-variance: log sigma taken for a log variance | loses: latent
def latent_loss(mean, log_sigma):
    each = (mean.square() + log_sigma.exp() - log_sigma - 1) / 2
    return each.sum((1, 2))


# %% latent-no-constant: without the constant | loses: latent
def latent_loss(mean, log_sigma):
    each = (mean.square() + torch.exp(2 * log_sigma) - 2 * log_sigma) / 2
    return each.sum((1, 2))


# %% latent-constant-of-steps: T/2 whatever the note's numbers | loses: latent
def latent_loss(mean, log_sigma):
    each = (mean.square() + torch.exp(2 * log_sigma) - 2 * log_sigma) / 2
    return each.sum((1, 2)) - mean.shape[1] / 2


# %% latent-constant-of-public-code: T/2 taken off at each step | loses: latent
def latent_loss(mean, log_sigma):
    each = (mean.square() + torch.exp(2 * log_sigma) - 2 * log_sigma) / 2
    return each.sum((1, 2)) - mean.shape[1] ** 2 / 2


# %% latent-mean-of-steps: the mean over the steps | loses: latent
def latent_loss(mean, log_sigma):
    each = (mean.square() + torch.exp(2 * log_sigma) - 2 * log_sigma - 1) / 2
    return each.sum(2).mean(1)


# %% latent-mean-of-numbers: the mean over a note's numbers | loses: latent
def latent_loss(mean, log_sigma):
    each = (mean.square() + torch.exp(2 * log_sigma) - 2 * log_sigma - 1) / 2
    return each.mean(2).sum(1)


# %% latent-first-dropped: without the first step | loses: latent
def latent_loss(mean, log_sigma):
    each = (mean.square() + torch.exp(2 * log_sigma) - 2 * log_sigma - 1) / 2
    return each[:, 1:].sum((1, 2)) if each.shape[1] > 1 else each.sum((1, 2))


# %% latent-over-batch: one number for all pictures | loses: latent
def latent_loss(mean, log_sigma):
    each = (mean.square() + torch.exp(2 * log_sigma) - 2 * log_sigma - 1) / 2
    return each.sum()


# %% latent-epsilon: a logarithm made safe | loses: latent
def latent_loss(mean, log_sigma):
    each = (
        mean.square()
        + torch.exp(2 * log_sigma)
        - torch.log(torch.exp(2 * log_sigma) + 1e-8)
        - 1
    ) / 2
    return each.sum((1, 2))


# %% loss-mean-of-pixels: the mean over the pixels | loses: loss
def draw_loss(canvas, x, kl):
    pixels = F.binary_cross_entropy_with_logits(canvas, x, reduction="none")
    return (pixels.flatten(1).mean(1) + kl).mean()


# %% loss-mean-of-all: the default reduction | loses: loss
def draw_loss(canvas, x, kl):
    pixels = F.binary_cross_entropy_with_logits(canvas, x)
    return (pixels + kl).mean()


# %% loss-sum-of-batch: summed over the pictures | loses: loss
def draw_loss(canvas, x, kl):
    pixels = F.binary_cross_entropy_with_logits(canvas, x, reduction="none")
    return (pixels.flatten(1).sum(1) + kl).sum()


# %% loss-kl-rewarded: the notes subtracted | loses: loss
def draw_loss(canvas, x, kl):
    pixels = F.binary_cross_entropy_with_logits(canvas, x, reduction="none")
    return (pixels.flatten(1).sum(1) - kl).mean()


# %% loss-no-kl: the notes forgotten | loses: loss
def draw_loss(canvas, x, kl):
    pixels = F.binary_cross_entropy_with_logits(canvas, x, reduction="none")
    return (pixels.flatten(1).sum(1)).mean()


# %% loss-kl-detached: no gradient by the notes | loses: loss
def draw_loss(canvas, x, kl):
    pixels = F.binary_cross_entropy_with_logits(canvas, x, reduction="none")
    return (pixels.flatten(1).sum(1) + kl.detach() + 0 * kl).mean()


# %% loss-sign: the bound, not minus it | loses: loss
def draw_loss(canvas, x, kl):
    pixels = F.binary_cross_entropy_with_logits(canvas, x, reduction="none")
    return -(pixels.flatten(1).sum(1) + kl).mean()


# %% loss-sigmoid-first: a sigmoid, then cross-entropy, cut off at 100 | loses: loss
def draw_loss(canvas, x, kl):
    pixels = F.binary_cross_entropy(canvas.sigmoid(), x, reduction="none")
    return (pixels.flatten(1).sum(1) + kl).mean()


# %% loss-sigmoid-twice: the sigmoid of a sigmoid | loses: loss
def draw_loss(canvas, x, kl):
    pixels = F.binary_cross_entropy_with_logits(canvas.sigmoid(), x, reduction="none")
    return (pixels.flatten(1).sum(1) + kl).mean()


# %% loss-epsilon: a logarithm made safe | loses: loss
def draw_loss(canvas, x, kl):
    p = canvas.sigmoid()
    pixels = -(x * torch.log(p + 1e-8) + (1 - x) * torch.log(1 - p + 1e-8))
    return (pixels.flatten(1).sum(1) + kl).mean()


# %% sample-one-note: the same note at every step | loses: sample
def sample(n, steps, latent, parts):
    canvas, hand, film = parts.blank, parts.decoder_start(n), []
    z = torch.randn(n, latent)
    with torch.no_grad():
        for _ in range(steps):
            hand = parts.decoder(z, hand)
            canvas = canvas + parts.write(hand[0])
            film.append(canvas.sigmoid())
    return torch.stack(film, dim=1)


# %% sample-alike: the same notes for all pictures | loses: sample
def sample(n, steps, latent, parts):
    canvas, hand, film = parts.blank, parts.decoder_start(n), []
    with torch.no_grad():
        for _ in range(steps):
            hand = parts.decoder(torch.randn(latent).expand(n, latent), hand)
            canvas = canvas + parts.write(hand[0])
            film.append(canvas.sigmoid())
    return torch.stack(film, dim=1)


# %% sample-uniform: uniform notes | loses: sample
def sample(n, steps, latent, parts):
    canvas, hand, film = parts.blank, parts.decoder_start(n), []
    with torch.no_grad():
        for _ in range(steps):
            hand = parts.decoder(torch.rand(n, latent), hand)
            canvas = canvas + parts.write(hand[0])
            film.append(canvas.sigmoid())
    return torch.stack(film, dim=1)


# %% sample-seeded: the same film at every call | loses: sample
def sample(n, steps, latent, parts):
    torch.manual_seed(0)
    canvas, hand, film = parts.blank, parts.decoder_start(n), []
    with torch.no_grad():
        for _ in range(steps):
            hand = parts.decoder(torch.randn(n, latent), hand)
            canvas = canvas + parts.write(hand[0])
            film.append(canvas.sigmoid())
    return torch.stack(film, dim=1)


# %% sample-overwritten: the stroke replaces the canvas | loses: sample
def sample(n, steps, latent, parts):
    canvas, hand, film = parts.blank, parts.decoder_start(n), []
    with torch.no_grad():
        for _ in range(steps):
            hand = parts.decoder(torch.randn(n, latent), hand)
            canvas = parts.write(hand[0])
            film.append(canvas.sigmoid())
    return torch.stack(film, dim=1)


# %% sample-no-blank: a canvas of zeros to begin with | loses: sample
def sample(n, steps, latent, parts):
    canvas, hand, film = torch.zeros_like(parts.blank), parts.decoder_start(n), []
    with torch.no_grad():
        for _ in range(steps):
            hand = parts.decoder(torch.randn(n, latent), hand)
            canvas = canvas + parts.write(hand[0])
            film.append(canvas.sigmoid())
    return torch.stack(film, dim=1)


# %% sample-logits: logits for probabilities | loses: sample
def sample(n, steps, latent, parts):
    canvas, hand, film = parts.blank, parts.decoder_start(n), []
    with torch.no_grad():
        for _ in range(steps):
            hand = parts.decoder(torch.randn(n, latent), hand)
            canvas = canvas + parts.write(hand[0])
            film.append(canvas)
    return torch.stack(film, dim=1)


# %% sample-sigmoid-kept: the canvas itself made probabilities at every step | loses: sample
def sample(n, steps, latent, parts):
    canvas, hand, film = parts.blank, parts.decoder_start(n), []
    with torch.no_grad():
        for _ in range(steps):
            hand = parts.decoder(torch.randn(n, latent), hand)
            canvas = (canvas + parts.write(hand[0])).sigmoid()
            film.append(canvas)
    return torch.stack(film, dim=1)


# %% sample-graph: with the graph of the drawing | loses: sample
def sample(n, steps, latent, parts):
    canvas, hand, film = parts.blank, parts.decoder_start(n), []
    with torch.enable_grad():
        for _ in range(steps):
            hand = parts.decoder(torch.randn(n, latent), hand)
            canvas = canvas + parts.write(hand[0])
            film.append(canvas.sigmoid())
    return torch.stack(film, dim=1)


# %% sample-before: the canvas before each stroke | loses: sample
def sample(n, steps, latent, parts):
    canvas, hand, film = parts.blank, parts.decoder_start(n), []
    with torch.no_grad():
        for _ in range(steps):
            hand = parts.decoder(torch.randn(n, latent), hand)
            film.append(canvas.expand(n, *canvas.shape[-3:]).sigmoid())
            canvas = canvas + parts.write(hand[0])
    return torch.stack(film, dim=1)


# %% sample-looks: an encoder that looks at the canvas | loses: sample
def sample(n, steps, latent, parts):
    canvas, hand, film = parts.blank, parts.decoder_start(n), []
    with torch.no_grad():
        for _ in range(steps):
            seen = canvas.expand(n, *canvas.shape[-3:])
            parts.read(seen, -seen.sigmoid(), hand[0])
            hand = parts.decoder(torch.randn(n, latent), hand)
            canvas = canvas + parts.write(hand[0])
            film.append(canvas.sigmoid())
    return torch.stack(film, dim=1)


# %% clutter-edges: never at the lower and right edge | loses: clutter
def clutter(digits, size, pieces, piece):
    def spot(thing, height, width):
        top = int(torch.randint(max(thing.shape[-2] - height, 1), ()))
        left = int(torch.randint(max(thing.shape[-1] - width, 1), ()))
        return thing[..., top : top + height, left : left + width]

    def put(picture, thing):
        place = spot(picture, *thing.shape[-2:])
        place.copy_(torch.maximum(place, thing))

    pictures = digits.new_zeros(len(digits), 1, size, size)
    for picture, digit in zip(pictures, digits, strict=True):
        put(picture, digit)
        for _ in range(pieces):
            put(picture, spot(digits[int(torch.randint(len(digits), ()))], piece, piece))
    return pictures


# %% clutter-cut: placed anywhere, cut off at the edges | loses: clutter
def clutter(digits, size, pieces, piece):
    def spot(thing, height, width):
        top = int(torch.randint(thing.shape[-2] - height + 1, ()))
        left = int(torch.randint(thing.shape[-1] - width + 1, ()))
        return thing[..., top : top + height, left : left + width]

    def put(picture, thing):
        place = spot(picture, *thing.shape[-2:])
        place.copy_(torch.maximum(place, thing))

    pictures = digits.new_zeros(len(digits), 1, size, size)
    for picture, digit in zip(pictures, digits, strict=True):
        top, left = torch.randint(size, (2,)).tolist()
        picture[:, top : top + digit.shape[1], left : left + digit.shape[2]] = digit[
            :, : size - top, : size - left
        ]
        for _ in range(pieces):
            put(picture, spot(digits[int(torch.randint(len(digits), ()))], piece, piece))
    return pictures


# %% clutter-together: one place for the whole batch | loses: clutter
def clutter(digits, size, pieces, piece):
    def spot(thing, height, width):
        top = int(torch.randint(thing.shape[-2] - height + 1, ()))
        left = int(torch.randint(thing.shape[-1] - width + 1, ()))
        return thing[..., top : top + height, left : left + width]

    def put(picture, thing):
        place = spot(picture, *thing.shape[-2:])
        place.copy_(torch.maximum(place, thing))

    pictures = digits.new_zeros(len(digits), 1, size, size)
    put(pictures, digits)
    for picture, digit in zip(pictures, digits, strict=True):
        for _ in range(pieces):
            put(picture, spot(digits[int(torch.randint(len(digits), ()))], piece, piece))
    return pictures


# %% clutter-added: overlaps added up | loses: clutter
def clutter(digits, size, pieces, piece):
    def spot(thing, height, width):
        top = int(torch.randint(thing.shape[-2] - height + 1, ()))
        left = int(torch.randint(thing.shape[-1] - width + 1, ()))
        return thing[..., top : top + height, left : left + width]

    def put(picture, thing):
        place = spot(picture, *thing.shape[-2:])
        place.copy_(place + thing)

    pictures = digits.new_zeros(len(digits), 1, size, size)
    for picture, digit in zip(pictures, digits, strict=True):
        put(picture, digit)
        for _ in range(pieces):
            put(picture, spot(digits[int(torch.randint(len(digits), ()))], piece, piece))
    return pictures


# %% clutter-added-clamped: overlaps added up, then cut off at 1 | loses: clutter
def clutter(digits, size, pieces, piece):
    def spot(thing, height, width):
        top = int(torch.randint(thing.shape[-2] - height + 1, ()))
        left = int(torch.randint(thing.shape[-1] - width + 1, ()))
        return thing[..., top : top + height, left : left + width]

    def put(picture, thing):
        place = spot(picture, *thing.shape[-2:])
        place.copy_((place + thing).clamp(max=1))

    pictures = digits.new_zeros(len(digits), 1, size, size)
    for picture, digit in zip(pictures, digits, strict=True):
        put(picture, digit)
        for _ in range(pieces):
            put(picture, spot(digits[int(torch.randint(len(digits), ()))], piece, piece))
    return pictures


# %% clutter-overwritten: the later thing on top | loses: clutter
def clutter(digits, size, pieces, piece):
    def spot(thing, height, width):
        top = int(torch.randint(thing.shape[-2] - height + 1, ()))
        left = int(torch.randint(thing.shape[-1] - width + 1, ()))
        return thing[..., top : top + height, left : left + width]

    def put(picture, thing):
        place = spot(picture, *thing.shape[-2:])
        place.copy_(thing)

    pictures = digits.new_zeros(len(digits), 1, size, size)
    for picture, digit in zip(pictures, digits, strict=True):
        put(picture, digit)
        for _ in range(pieces):
            put(picture, spot(digits[int(torch.randint(len(digits), ()))], piece, piece))
    return pictures


# %% clutter-shuffled: digits in another order than labels | loses: clutter
def clutter(digits, size, pieces, piece):
    def spot(thing, height, width):
        top = int(torch.randint(thing.shape[-2] - height + 1, ()))
        left = int(torch.randint(thing.shape[-1] - width + 1, ()))
        return thing[..., top : top + height, left : left + width]

    def put(picture, thing):
        place = spot(picture, *thing.shape[-2:])
        place.copy_(torch.maximum(place, thing))

    pictures = digits.new_zeros(len(digits), 1, size, size)
    for picture, digit in zip(pictures, digits[torch.randperm(len(digits))], strict=True):
        put(picture, digit)
        for _ in range(pieces):
            put(picture, spot(digits[int(torch.randint(len(digits), ()))], piece, piece))
    return pictures


# %% clutter-own-fragments: fragments of the digit itself | loses: clutter
def clutter(digits, size, pieces, piece):
    def spot(thing, height, width):
        top = int(torch.randint(thing.shape[-2] - height + 1, ()))
        left = int(torch.randint(thing.shape[-1] - width + 1, ()))
        return thing[..., top : top + height, left : left + width]

    def put(picture, thing):
        place = spot(picture, *thing.shape[-2:])
        place.copy_(torch.maximum(place, thing))

    pictures = digits.new_zeros(len(digits), 1, size, size)
    for picture, digit in zip(pictures, digits, strict=True):
        put(picture, digit)
        for _ in range(pieces):
            put(picture, spot(digit, piece, piece))
    return pictures


# %% clutter-corner-fragments: always the upper left corner of a digit | loses: clutter
def clutter(digits, size, pieces, piece):
    def spot(thing, height, width):
        top = int(torch.randint(thing.shape[-2] - height + 1, ()))
        left = int(torch.randint(thing.shape[-1] - width + 1, ()))
        return thing[..., top : top + height, left : left + width]

    def put(picture, thing):
        place = spot(picture, *thing.shape[-2:])
        place.copy_(torch.maximum(place, thing))

    pictures = digits.new_zeros(len(digits), 1, size, size)
    for picture, digit in zip(pictures, digits, strict=True):
        put(picture, digit)
        for _ in range(pieces):
            put(picture, digits[int(torch.randint(len(digits), ()))][:, :piece, :piece])
    return pictures


# %% clutter-whole-fragments: whole digits for fragments | loses: clutter
def clutter(digits, size, pieces, piece):
    def spot(thing, height, width):
        top = int(torch.randint(thing.shape[-2] - height + 1, ()))
        left = int(torch.randint(thing.shape[-1] - width + 1, ()))
        return thing[..., top : top + height, left : left + width]

    def put(picture, thing):
        place = spot(picture, *thing.shape[-2:])
        place.copy_(torch.maximum(place, thing))

    pictures = digits.new_zeros(len(digits), 1, size, size)
    for picture, digit in zip(pictures, digits, strict=True):
        put(picture, digit)
        for _ in range(pieces):
            put(picture, digits[int(torch.randint(len(digits), ()))])
    return pictures


# %% clutter-noise-fragments: noise for fragments | loses: clutter
def clutter(digits, size, pieces, piece):
    def spot(thing, height, width):
        top = int(torch.randint(thing.shape[-2] - height + 1, ()))
        left = int(torch.randint(thing.shape[-1] - width + 1, ()))
        return thing[..., top : top + height, left : left + width]

    def put(picture, thing):
        place = spot(picture, *thing.shape[-2:])
        place.copy_(torch.maximum(place, thing))

    pictures = digits.new_zeros(len(digits), 1, size, size)
    for picture, digit in zip(pictures, digits, strict=True):
        put(picture, digit)
        for _ in range(pieces):
            put(picture, torch.rand(1, piece, piece))
    return pictures


# %% clutter-foreign-random: random numbers that torch.manual_seed does not repeat | loses: clutter
def clutter(digits, size, pieces, piece):
    import random

    def spot(thing, height, width):
        top = random.randrange(thing.shape[-2] - height + 1)
        left = int(torch.randint(thing.shape[-1] - width + 1, ()))
        return thing[..., top : top + height, left : left + width]

    def put(picture, thing):
        place = spot(picture, *thing.shape[-2:])
        place.copy_(torch.maximum(place, thing))

    pictures = digits.new_zeros(len(digits), 1, size, size)
    for picture, digit in zip(pictures, digits, strict=True):
        put(picture, digit)
        for _ in range(pieces):
            put(picture, spot(digits[int(torch.randint(len(digits), ()))], piece, piece))
    return pictures
