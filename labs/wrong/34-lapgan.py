# Plausible wrong answers to lab 34: each must lose the points that its header says, and no others.
# The body stands in for the solution cell that defines the same names.


# %% reduce-every-other: no blur, every other pixel | loses: reduce
def reduce(x):
    return x[..., ::2, ::2]


# %% reduce-box: the mean of squares of 2 x 2 | loses: reduce
def reduce(x):
    return F.avg_pool2d(x, 2)


# %% reduce-bilinear: torch's bilinear without its antialiasing, which is the box again | loses: reduce
def reduce(x):
    return F.interpolate(x, scale_factor=0.5, mode="bilinear")


# %% reduce-edge-zeros: beyond the edge zeros, divided by 64 all the same | loses: reduce
def reduce(x):
    items, channels, height, width = x.shape
    along = torch.tensor([1, 3, 3, 1], dtype=x.dtype) / 8
    kernel = torch.outer(along, along)[None, None]
    planes = x.reshape(items * channels, 1, height, width)
    halved = F.conv2d(planes, kernel, stride=2, padding=1)
    return halved.reshape(items, channels, height // 2, width // 2)


# %% reduce-edge-replicate: beyond the edge the last pixel again | loses: reduce
def reduce(x):
    items, channels, height, width = x.shape
    along = torch.tensor([1, 3, 3, 1], dtype=x.dtype) / 8
    kernel = torch.outer(along, along)[None, None]
    planes = x.reshape(items * channels, 1, height, width)
    halved = F.conv2d(F.pad(planes, (1, 1, 1, 1), mode="replicate"), kernel, stride=2)
    return halved.reshape(items, channels, height // 2, width // 2)


# %% reduce-edge-circular: beyond the edge the other side | loses: reduce
def reduce(x):
    items, channels, height, width = x.shape
    along = torch.tensor([1, 3, 3, 1], dtype=x.dtype) / 8
    kernel = torch.outer(along, along)[None, None]
    planes = x.reshape(items * channels, 1, height, width)
    halved = F.conv2d(F.pad(planes, (1, 1, 1, 1), mode="circular"), kernel, stride=2)
    return halved.reshape(items, channels, height // 2, width // 2)


# %% reduce-not-normalized: the weights' sum left out | loses: reduce
def reduce(x):
    items, channels, height, width = x.shape
    along = torch.tensor([1, 3, 3, 1], dtype=x.dtype)
    kernel = torch.outer(along, along)[None, None]
    blurred = lambda planes: F.conv2d(planes, kernel, stride=2, padding=1)
    planes = x.reshape(items * channels, 1, height, width)
    halved = blurred(planes)
    return halved.reshape(items, channels, height // 2, width // 2)


# %% reduce-shifted-left: every window a pixel too far to the left and up | loses: reduce
def reduce(x):
    items, channels, height, width = x.shape
    along = torch.tensor([1, 3, 3, 1], dtype=x.dtype)
    kernel = torch.outer(along, along)[None, None]
    blurred = lambda planes: F.conv2d(F.pad(planes, (2, 0, 2, 0)), kernel, stride=2)
    planes = x.reshape(items * channels, 1, height, width)
    halved = blurred(planes) / blurred(torch.ones_like(planes))
    return halved.reshape(items, channels, height // 2, width // 2)


# %% reduce-centred-on-even: weights (1 2 1), centred on the even pixels | loses: reduce
def reduce(x):
    items, channels, height, width = x.shape
    along = torch.tensor([1, 2, 1], dtype=x.dtype)
    kernel = torch.outer(along, along)[None, None]
    blurred = lambda planes: F.conv2d(planes, kernel, stride=2, padding=1)
    planes = x.reshape(items * channels, 1, height, width)
    halved = blurred(planes) / blurred(torch.ones_like(planes))
    return halved.reshape(items, channels, height // 2, width // 2)


# %% reduce-outside-in: the weights the wrong way, (3 1 1 3) | loses: reduce
def reduce(x):
    items, channels, height, width = x.shape
    along = torch.tensor([3, 1, 1, 3], dtype=x.dtype)
    kernel = torch.outer(along, along)[None, None]
    blurred = lambda planes: F.conv2d(planes, kernel, stride=2, padding=1)
    planes = x.reshape(items * channels, 1, height, width)
    halved = blurred(planes) / blurred(torch.ones_like(planes))
    return halved.reshape(items, channels, height // 2, width // 2)


# %% reduce-columns-only: blurred along the rows only | loses: reduce
def reduce(x):
    items, channels, height, width = x.shape
    along = torch.tensor([1, 3, 3, 1], dtype=x.dtype)
    kernel = along[None, None, None]
    blurred = lambda planes: F.conv2d(planes, kernel, stride=2, padding=(0, 1))
    planes = x.reshape(items * channels, 1, height, width)
    halved = blurred(planes) / blurred(torch.ones_like(planes))
    return halved.reshape(items, channels, height // 2, width // 2)


# %% reduce-channels-mixed: all channels averaged | loses: reduce
def reduce(x):
    items, channels, height, width = x.shape
    along = torch.tensor([1, 3, 3, 1], dtype=x.dtype)
    kernel = torch.outer(along, along)[None, None]
    blurred = lambda planes: F.conv2d(planes, kernel, stride=2, padding=1)
    planes = x.reshape(items * channels, 1, height, width)
    halved = blurred(planes) / blurred(torch.ones_like(planes))
    halved = halved.reshape(items, channels, height // 2, width // 2)
    return halved.mean(1, keepdim=True).expand_as(halved)


# %% reduce-sides-swapped: rows and columns swapped | loses: reduce
def reduce(x):
    items, channels, height, width = x.shape
    along = torch.tensor([1, 3, 3, 1], dtype=x.dtype)
    kernel = torch.outer(along, along)[None, None]
    blurred = lambda planes: F.conv2d(planes, kernel, stride=2, padding=1)
    planes = x.reshape(items * channels, 1, height, width)
    halved = blurred(planes) / blurred(torch.ones_like(planes))
    return halved.reshape(items, channels, height // 2, width // 2).mT


# %% reduce-double: float64 whatever came in | loses: reduce
def reduce(x):
    x = x.double()
    items, channels, height, width = x.shape
    along = torch.tensor([1, 3, 3, 1], dtype=x.dtype)
    kernel = torch.outer(along, along)[None, None]
    blurred = lambda planes: F.conv2d(planes, kernel, stride=2, padding=1)
    planes = x.reshape(items * channels, 1, height, width)
    halved = blurred(planes) / blurred(torch.ones_like(planes))
    return halved.reshape(items, channels, height // 2, width // 2)


# %% expand-nearest: every pixel four times | loses: expand
def expand(x):
    return x.repeat_interleave(2, -1).repeat_interleave(2, -2)


# %% expand-corners: the corners aligned, not the pixels' squares | loses: expand
def expand(x):
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


# %% expand-cubic: cubic interpolation | loses: expand
def expand(x):
    return F.interpolate(x, scale_factor=2, mode="bicubic")


# %% expand-shifted: pixels kept in place, means put between them: half a pixel off | loses: expand
def expand(x):

    def stretched(x):
        after = torch.cat([x[..., 1:], x[..., -1:]], -1)
        return torch.stack([4 * x, 2 * x + 2 * after], -1).flatten(-2) / 4

    return stretched(stretched(x).mT).mT


# %% expand-halves-swapped: the left half leans to the right | loses: expand
def expand(x):

    def stretched(x):
        before = torch.cat([x[..., :1], x[..., :-1]], -1)
        after = torch.cat([x[..., 1:], x[..., -1:]], -1)
        return torch.stack([3 * x + after, 3 * x + before], -1).flatten(-2) / 4

    return stretched(stretched(x).mT).mT


# %% expand-edge-zeros: beyond the edge zeros | loses: expand
def expand(x):

    def stretched(x):
        before = torch.cat([0 * x[..., :1], x[..., :-1]], -1)
        after = torch.cat([x[..., 1:], 0 * x[..., -1:]], -1)
        return torch.stack([3 * x + before, 3 * x + after], -1).flatten(-2) / 4

    return stretched(stretched(x).mT).mT


# %% expand-edge-other-side: beyond the edge the other side | loses: expand
def expand(x):

    def stretched(x):
        before = x.roll(1, -1)
        after = x.roll(-1, -1)
        return torch.stack([3 * x + before, 3 * x + after], -1).flatten(-2) / 4

    return stretched(stretched(x).mT).mT


# %% expand-columns-only: smooth along the rows, repeated along the columns | loses: expand
def expand(x):

    def stretched(x):
        before = torch.cat([x[..., :1], x[..., :-1]], -1)
        after = torch.cat([x[..., 1:], x[..., -1:]], -1)
        return torch.stack([3 * x + before, 3 * x + after], -1).flatten(-2) / 4

    return stretched(x).repeat_interleave(2, -2)


# %% expand-sides-swapped: rows and columns swapped | loses: expand
def expand(x):

    def stretched(x):
        before = torch.cat([x[..., :1], x[..., :-1]], -1)
        after = torch.cat([x[..., 1:], x[..., -1:]], -1)
        return torch.stack([3 * x + before, 3 * x + after], -1).flatten(-2) / 4

    return stretched(stretched(x).mT)


# %% expand-double: float64 whatever came in | loses: expand
def expand(x):

    def stretched(x):
        before = torch.cat([x[..., :1], x[..., :-1]], -1)
        after = torch.cat([x[..., 1:], x[..., -1:]], -1)
        return torch.stack([3 * x + before, 3 * x + after], -1).flatten(-2) / 4

    return stretched(stretched(x.double()).mT).mT


# %% pyramid-sign: low minus the image | loses: pyramid
def pyramid(x, levels, reduce, expand):
    bands = []
    for _ in range(levels - 1):
        smaller = reduce(x)
        bands.append(expand(smaller) - x)
        x = smaller
    return [*bands, x]


def collapse(bands, expand):
    *details, image = bands
    for band in reversed(details):
        image = expand(image) + band
    return image


# %% pyramid-images: the images themselves, no differences | loses: pyramid
def pyramid(x, levels, reduce, expand):
    bands = []
    for _ in range(levels - 1):
        smaller = reduce(x)
        bands.append(x)
        x = smaller
    return [*bands, x]


def collapse(bands, expand):
    *details, image = bands
    for band in reversed(details):
        image = expand(image) + band
    return image


# %% pyramid-coarse-first: coarsest first | loses: pyramid
def pyramid(x, levels, reduce, expand):
    bands = []
    for _ in range(levels - 1):
        smaller = reduce(x)
        bands.append(x - expand(smaller))
        x = smaller
    return [x, *reversed(bands)]


def collapse(bands, expand):
    *details, image = bands
    for band in reversed(details):
        image = expand(image) + band
    return image


# %% pyramid-no-coarsest: the coarsest image left out | loses: pyramid
def pyramid(x, levels, reduce, expand):
    bands = []
    for _ in range(levels - 1):
        smaller = reduce(x)
        bands.append(x - expand(smaller))
        x = smaller
    return bands


def collapse(bands, expand):
    *details, image = bands
    for band in reversed(details):
        image = expand(image) + band
    return image


# %% pyramid-one-more: a level too many | loses: pyramid
def pyramid(x, levels, reduce, expand):
    bands = []
    for _ in range(levels):
        smaller = reduce(x)
        bands.append(x - expand(smaller))
        x = smaller
    return [*bands, x]


def collapse(bands, expand):
    *details, image = bands
    for band in reversed(details):
        image = expand(image) + band
    return image


# %% pyramid-same-image: each band taken from the finest image again | loses: pyramid
def pyramid(x, levels, reduce, expand):
    bands, fine = [], x
    for _ in range(levels - 1):
        smaller = reduce(x)
        bands.append(fine - expand(smaller))
        x = smaller
    return [*bands, x]


def collapse(bands, expand):
    *details, image = bands
    for band in reversed(details):
        image = expand(image) + band
    return image


# %% pyramid-collapse-minus: the bands taken off | loses: pyramid
def pyramid(x, levels, reduce, expand):
    bands = []
    for _ in range(levels - 1):
        smaller = reduce(x)
        bands.append(x - expand(smaller))
        x = smaller
    return [*bands, x]


def collapse(bands, expand):
    *details, image = bands
    for band in reversed(details):
        image = expand(image) - band
    return image


# %% pyramid-collapse-forwards: finest band first | loses: pyramid
def pyramid(x, levels, reduce, expand):
    bands = []
    for _ in range(levels - 1):
        smaller = reduce(x)
        bands.append(x - expand(smaller))
        x = smaller
    return [*bands, x]


def collapse(bands, expand):
    *details, image = bands
    for band in details:
        image = expand(image) + band
    return image


# %% pyramid-collapse-no-bands: the coarsest image only expanded | loses: pyramid
def pyramid(x, levels, reduce, expand):
    bands = []
    for _ in range(levels - 1):
        smaller = reduce(x)
        bands.append(x - expand(smaller))
        x = smaller
    return [*bands, x]


def collapse(bands, expand):
    *details, image = bands
    for _ in details:
        image = expand(image)
    return image


# %% pyramid-collapse-pops: the caller's list is emptied | loses: pyramid
def pyramid(x, levels, reduce, expand):
    bands = []
    for _ in range(levels - 1):
        smaller = reduce(x)
        bands.append(x - expand(smaller))
        x = smaller
    return [*bands, x]


def collapse(bands, expand):
    image = bands.pop()
    while bands:
        image = expand(image) + bands.pop()
    return image


# %% pyramid-collapse-in-place: the caller's bands are changed | loses: pyramid
def pyramid(x, levels, reduce, expand):
    bands = []
    for _ in range(levels - 1):
        smaller = reduce(x)
        bands.append(x - expand(smaller))
        x = smaller
    return [*bands, x]


def collapse(bands, expand):
    *details, image = bands
    for band in reversed(details):
        band += expand(image)
        image = band
    return image


# %% count-no-refusal: odd sides rounded down | loses: count
def count(shape, levels):
    channels, height, width = shape
    total = image = channels * height * width
    for _ in range(levels - 1):
        height, width = height // 2, width // 2
        total += channels * height * width
    return total, total / image


# %% count-one-side-checked: only the rows are checked | loses: count
def count(shape, levels):
    channels, height, width = shape
    total = image = channels * height * width
    for _ in range(levels - 1):
        if height % 2:
            raise ValueError(f"{height} x {width} pixels cannot be halved")
        height, width = height // 2, width // 2
        total += channels * height * width
    return total, total / image


# %% count-one-more: a level too many | loses: count
def count(shape, levels):
    channels, height, width = shape
    total = image = channels * height * width
    for _ in range(levels):
        if height % 2 or width % 2:
            raise ValueError(f"{height} x {width} pixels cannot be halved")
        height, width = height // 2, width // 2
        total += channels * height * width
    return total, total / image


# %% count-bands-only: the coarsest image left out | loses: count
def count(shape, levels):
    channels, height, width = shape
    total = image = channels * height * width
    for _ in range(levels - 1):
        if height % 2 or width % 2:
            raise ValueError(f"{height} x {width} pixels cannot be halved")
        height, width = height // 2, width // 2
        total += channels * height * width
    total -= channels * height * width
    return total, total / image


# %% count-no-channels: channels forgotten | loses: count
def count(shape, levels):
    _, height, width = shape
    total = image = height * width
    for _ in range(levels - 1):
        if height % 2 or width % 2:
            raise ValueError(f"{height} x {width} pixels cannot be halved")
        height, width = height // 2, width // 2
        total += height * width
    return total, total / image


# %% count-inverse: the image's over the pyramid's | loses: count
def count(shape, levels):
    channels, height, width = shape
    total = image = channels * height * width
    for _ in range(levels - 1):
        if height % 2 or width % 2:
            raise ValueError(f"{height} x {width} pixels cannot be halved")
        height, width = height // 2, width // 2
        total += channels * height * width
    return total, image / total


# %% count-limit: 4/3 whatever the levels | loses: count
def count(shape, levels):
    channels, height, width = shape
    if height % 2 ** (levels - 1) or width % 2 ** (levels - 1):
        raise ValueError(f"{height} x {width} pixels cannot be halved {levels - 1} times")
    return round(channels * height * width * 4 / 3), 4 / 3


# %% paint-low-first: low before the noise | loses: paint
def paint(net, z, low):
    band = net(torch.cat([low, z], dim=1))
    return band, low + band


# %% paint-no-low: the band for the image | loses: paint
def paint(net, z, low):
    band = net(torch.cat([z, low], dim=1))
    return band, band


# %% paint-minus: the band taken off | loses: paint
def paint(net, z, low):
    band = net(torch.cat([z, low], dim=1))
    return band, low - band


# %% paint-swapped: image first | loses: paint
def paint(net, z, low):
    band = net(torch.cat([z, low], dim=1))
    return low + band, band


# %% paint-noise-added: the noise added to low, and laid beside it too | loses: paint
def paint(net, z, low):
    band = net(torch.cat([z, low + z], dim=1))
    return band, low + band


# %% paint-no-noise: zeros for the noise | loses: paint
def paint(net, z, low):
    band = net(torch.cat([0 * z, low], dim=1))
    return band, low + band


# %% paint-tanh: cut off smoothly | loses: paint
def paint(net, z, low):
    band = net(torch.cat([z, low], dim=1))
    return band, (low + band).tanh()


# %% paint-clamped: cut off at -1 and 1 | loses: paint
def paint(net, z, low):
    band = net(torch.cat([z, low], dim=1))
    return band, (low + band).clamp(-1, 1)


# %% paint-no-graph: without gradients | loses: paint
def paint(net, z, low):
    with torch.no_grad():
        band = net(torch.cat([z, low], dim=1))
    return band, low + band


# %% paint-in-place: the caller's low is changed | loses: paint
def paint(net, z, low):
    band = net(torch.cat([z, low], dim=1))
    low += band
    return band, low


# %% label-no-relu: negative numbers too | loses: label
def label_plane(y, weight, bias, size):
    told = F.one_hot(y, weight.shape[1]).to(weight)
    return F.linear(told, weight, bias).reshape(len(y), 1, *size)


# %% label-no-bias: without the bias | loses: label
def label_plane(y, weight, bias, size):
    told = F.one_hot(y, weight.shape[1]).to(weight)
    return F.linear(told, weight).relu().reshape(len(y), 1, *size)


# %% label-bias-after: the bias after ReLU | loses: label
def label_plane(y, weight, bias, size):
    told = F.one_hot(y, weight.shape[1]).to(weight)
    return (F.linear(told, weight).relu() + bias).reshape(len(y), 1, *size)


# %% label-column-by-column: written column by column | loses: label
def label_plane(y, weight, bias, size):
    told = F.one_hot(y, weight.shape[1]).to(weight)
    return F.linear(told, weight, bias).relu().reshape(len(y), 1, *size[::-1]).mT


# %% label-no-channel: no dimension for the channel | loses: label
def label_plane(y, weight, bias, size):
    told = F.one_hot(y, weight.shape[1]).to(weight)
    return F.linear(told, weight, bias).relu().reshape(len(y), *size)


# %% label-one-off: classes counted from 1 | loses: label
def label_plane(y, weight, bias, size):
    told = F.one_hot((y + 1) % weight.shape[1], weight.shape[1]).to(weight)
    return F.linear(told, weight, bias).relu().reshape(len(y), 1, *size)


# %% label-first-for-all: the first item's label for all | loses: label
def label_plane(y, weight, bias, size):
    told = F.one_hot(y[:1].expand(len(y)), weight.shape[1]).to(weight)
    return F.linear(told, weight, bias).relu().reshape(len(y), 1, *size)


# %% label-rows-of-weights: a row of the weights, not a column | loses: label
def label_plane(y, weight, bias, size):
    return (
        (weight.repeat(1, weight.shape[0])[y][:, : len(bias)] + bias)
        .relu()
        .reshape(len(y), 1, *size)
    )


# %% label-detached: the layer cannot learn | loses: label
def label_plane(y, weight, bias, size):
    told = F.one_hot(y, weight.shape[1]).to(weight)
    return F.linear(told, weight.detach(), bias.detach()).relu().reshape(len(y), 1, *size)


# %% judge-band-only: the band alone | loses: judge
def judge(net, band, low):
    return net(band).flatten()


# %% judge-minus: band minus low | loses: judge
def judge(net, band, low):
    return net(band - low).flatten()


# %% judge-beside: low beside the band, not added | loses: judge
def judge(net, band, low):
    return net(torch.cat([band, low], 1)).flatten()


# %% judge-sigmoid: a probability, no logit | loses: judge
def judge(net, band, low):
    return net(band + low).flatten().sigmoid()


# %% judge-column: a column of logits | loses: judge
def judge(net, band, low):
    return net(band + low)


# %% judge-squeezed: the batch of one item squeezed away | loses: judge
def judge(net, band, low):
    return net(band + low).squeeze()


# %% judge-one-for-all: one logit for the batch | loses: judge
def judge(net, band, low):
    return net(band + low).mean()


# %% judge-detached: the generator learns nothing | loses: judge
def judge(net, band, low):
    return net(band.detach() + low).flatten()


# %% losses-no-detach: the judge's loss reaches the generator | loses: losses
def level_losses(generator, judge, band, low, z):
    fake = generator(z, low)
    on_real, on_fake = judge(band, low), judge(fake, low)
    judge_loss = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
    return judge_loss, F.softplus(-judge(fake, low)).mean()


# %% losses-all-detached: detached for both | loses: losses
def level_losses(generator, judge, band, low, z):
    fake = generator(z, low).detach()
    on_real, on_fake = judge(band, low), judge(fake.detach(), low)
    judge_loss = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
    return judge_loss, F.softplus(-judge(fake, low)).mean()


# %% losses-wrong-detach: detached for the generator, not for the judge | loses: losses
def level_losses(generator, judge, band, low, z):
    fake = generator(z, low)
    on_real, on_fake = judge(band, low), judge(fake, low)
    judge_loss = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
    return judge_loss, F.softplus(-judge(fake.detach(), low)).mean()


# %% losses-logits-shared: the logits that were made for the judge used for the generator | loses: losses
def level_losses(generator, judge, band, low, z):
    fake = generator(z, low)
    on_real, on_fake = judge(band, low), judge(fake.detach(), low)
    judge_loss = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
    return judge_loss, F.softplus(-on_fake).mean()


# %% losses-real-detached-logits: the logits on fakes detached, so that the judge does not learn from them | loses: losses
def level_losses(generator, judge, band, low, z):
    fake = generator(z, low)
    on_real, on_fake = judge(band, low), judge(fake, low).detach()
    judge_loss = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
    return judge_loss, F.softplus(-judge(fake, low)).mean()


# %% losses-saturating: the saturating loss | loses: losses
def level_losses(generator, judge, band, low, z):
    fake = generator(z, low)
    on_real, on_fake = judge(band, low), judge(fake.detach(), low)
    judge_loss = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
    return judge_loss, -F.softplus(judge(fake, low)).mean()


# %% losses-generator-sign: the generator helps the judge | loses: losses
def level_losses(generator, judge, band, low, z):
    fake = generator(z, low)
    on_real, on_fake = judge(band, low), judge(fake.detach(), low)
    judge_loss = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
    return judge_loss, F.softplus(judge(fake, low)).mean()


# %% losses-labels-swapped: real called fake, fake called real | loses: losses
def level_losses(generator, judge, band, low, z):
    fake = generator(z, low)
    on_real, on_fake = judge(band, low), judge(fake.detach(), low)
    judge_loss = F.softplus(on_real).mean() + F.softplus(-on_fake).mean()
    return judge_loss, F.softplus(-judge(fake, low)).mean()


# %% losses-half: the mean of both terms | loses: losses
def level_losses(generator, judge, band, low, z):
    fake = generator(z, low)
    on_real, on_fake = judge(band, low), judge(fake.detach(), low)
    judge_loss = (F.softplus(-on_real).mean() + F.softplus(on_fake).mean()) / 2
    return judge_loss, F.softplus(-judge(fake, low)).mean()


# %% losses-sums: sums over the items | loses: losses
def level_losses(generator, judge, band, low, z):
    fake = generator(z, low)
    on_real, on_fake = judge(band, low), judge(fake.detach(), low)
    judge_loss = F.softplus(-on_real).sum() + F.softplus(on_fake).sum()
    return judge_loss, F.softplus(-judge(fake, low)).sum()


# %% losses-probabilities: sigmoids formed, then logarithms | loses: losses
def level_losses(generator, judge, band, low, z):
    fake = generator(z, low)
    on_real, on_fake = judge(band, low), judge(fake.detach(), low)
    judge_loss = -on_real.sigmoid().log().mean() - (1 - on_fake.sigmoid()).log().mean()
    return judge_loss, F.softplus(-judge(fake, low)).mean()


# %% losses-bce: cross-entropy of probabilities, which cuts off at 100 | loses: losses
def level_losses(generator, judge, band, low, z):
    fake = generator(z, low)
    on_real, on_fake = judge(band, low), judge(fake.detach(), low)
    judge_loss = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
    return judge_loss, F.binary_cross_entropy(
        judge(fake, low).sigmoid(), torch.ones(len(z)).to(z)
    )


# %% losses-image-for-band: the judge is given the image for the real band | loses: losses
def level_losses(generator, judge, band, low, z):
    fake = generator(z, low)
    on_real, on_fake = judge(band + low, low), judge(fake.detach(), low)
    judge_loss = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
    return judge_loss, F.softplus(-judge(fake, low)).mean()


# %% losses-no-low-for-real: real bands judged without low | loses: losses
def level_losses(generator, judge, band, low, z):
    fake = generator(z, low)
    on_real, on_fake = judge(band, 0 * low), judge(fake.detach(), low)
    judge_loss = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
    return judge_loss, F.softplus(-judge(fake, low)).mean()


# %% losses-low-of-another: fakes are made from another item's low | loses: losses
def level_losses(generator, judge, band, low, z):
    fake = generator(z, low.roll(1, 0))
    on_real, on_fake = judge(band, low), judge(fake.detach(), low)
    judge_loss = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
    return judge_loss, F.softplus(-judge(fake, low)).mean()


# %% losses-frozen: the judge frozen for the generator's loss, and left so | loses: losses
def level_losses(generator, judge, band, low, z):
    fake = generator(z, low)
    on_real, on_fake = judge(band, low), judge(fake.detach(), low)
    judge_loss = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
    judge.requires_grad_(False)
    return judge_loss, F.softplus(-judge(fake, low)).mean()


# %% best-no-low: q without p(l) | loses: best
def best_judge(p, q):
    fake = q
    both = p + fake
    best = torch.where(both > 0, p / both, 0.5)
    return best, (torch.xlogy(p, best) + torch.xlogy(fake, 1 - best)).sum()


# %% best-columns: sums over lows, not over bands | loses: best
def best_judge(p, q):
    fake = p.sum(0, keepdim=True) * q
    both = p + fake
    best = torch.where(both > 0, p / both, 0.5)
    return best, (torch.xlogy(p, best) + torch.xlogy(fake, 1 - best)).sum()


# %% best-marginals: bands compared on the whole | loses: best
def best_judge(p, q):
    fake = p.sum(1, keepdim=True) * q
    p, fake = (t.sum(0).expand_as(t) / len(t) for t in (p, fake))
    both = p + fake
    best = torch.where(both > 0, p / both, 0.5)
    return best, (torch.xlogy(p, best) + torch.xlogy(fake, 1 - best)).sum()


# %% best-fakes: the probability of a fake | loses: best
def best_judge(p, q):
    fake = p.sum(1, keepdim=True) * q
    both = p + fake
    best = torch.where(both > 0, fake / both, 0.5)
    return best, (torch.xlogy(p, best) + torch.xlogy(fake, 1 - best)).sum()


# %% best-ratio: the ratio, not the share | loses: best
def best_judge(p, q):
    fake = p.sum(1, keepdim=True) * q
    both = p + fake
    best = torch.where(both > 0, p / fake, 0.5)
    return best, (torch.xlogy(p, best) + torch.xlogy(fake, 1 - best)).sum()


# %% best-nan: 0 over 0 | loses: best
def best_judge(p, q):
    fake = p.sum(1, keepdim=True) * q
    both = p + fake
    best = p / both
    return best, (torch.xlogy(p, best) + torch.xlogy(fake, 1 - best)).sum()


# %% best-value-nan: 0 times the logarithm of 0 | loses: best
def best_judge(p, q):
    fake = p.sum(1, keepdim=True) * q
    both = p + fake
    best = torch.where(both > 0, p / both, 0.5)
    return best, (p * best.log() + fake * (1 - best).log()).sum()


# %% best-value-real: only the data's part of the value | loses: best
def best_judge(p, q):
    fake = p.sum(1, keepdim=True) * q
    both = p + fake
    best = torch.where(both > 0, p / both, 0.5)
    return best, torch.xlogy(p, best).sum()


# %% best-value-sign: the judge's loss, minus the value | loses: best
def best_judge(p, q):
    fake = p.sum(1, keepdim=True) * q
    both = p + fake
    best = torch.where(both > 0, p / both, 0.5)
    return best, -(torch.xlogy(p, best) + torch.xlogy(fake, 1 - best)).sum()


# %% best-value-conditional: the value with q for the fakes' probabilities | loses: best
def best_judge(p, q):
    fake = p.sum(1, keepdim=True) * q
    both = p + fake
    best = torch.where(both > 0, p / both, 0.5)
    return best, (torch.xlogy(p, best) + torch.xlogy(q, 1 - best)).sum()


# %% best-value-distance: the Jensen-Shannon divergence, without -log 4 | loses: best
def best_judge(p, q):
    fake = p.sum(1, keepdim=True) * q
    both = p + fake
    best = torch.where(both > 0, p / both, 0.5)
    return best, (torch.xlogy(p, best) + torch.xlogy(fake, 1 - best)).sum() / 2 + math.log(2)


# %% climb-no-low: the band for the image | loses: climb
def climb(generators, noises, expand):
    with torch.no_grad():
        images = [generators[-1](noises[-1])]
        for generator, z in zip(generators[-2::-1], noises[-2::-1], strict=True):
            low = expand(images[-1])
            images.append(generator(z, low))
    return images


# %% climb-noises-finest-first: the finer noises in the wrong order | loses: climb
def climb(generators, noises, expand):
    with torch.no_grad():
        images = [generators[-1](noises[-1])]
        for generator, z in zip(generators[-2::-1], noises[:-1], strict=True):
            low = expand(images[-1])
            images.append(low + generator(z, low))
    return images


# %% climb-generators-finest-first: the finer generators in the wrong order | loses: climb
def climb(generators, noises, expand):
    with torch.no_grad():
        images = [generators[-1](noises[-1])]
        for generator, z in zip(generators[:-1], noises[-2::-1], strict=True):
            low = expand(images[-1])
            images.append(low + generator(z, low))
    return images


# %% climb-both-finest-first: the finest level first | loses: climb
def climb(generators, noises, expand):
    with torch.no_grad():
        images = [generators[-1](noises[-1])]
        for generator, z in zip(generators[:-1], noises[:-1], strict=True):
            low = expand(images[-1])
            images.append(low + generator(z, low))
    return images


# %% climb-from-the-front: the first generator for the coarsest | loses: climb
def climb(generators, noises, expand):
    with torch.no_grad():
        images = [generators[0](noises[0])]
        for generator, z in zip(generators[-2::-1], noises[-2::-1], strict=True):
            low = expand(images[-1])
            images.append(low + generator(z, low))
    return images


# %% climb-last-only: the finest image alone | loses: climb
def climb(generators, noises, expand):
    with torch.no_grad():
        images = [generators[-1](noises[-1])]
        for generator, z in zip(generators[-2::-1], noises[-2::-1], strict=True):
            low = expand(images[-1])
            images.append(low + generator(z, low))
    return images[-1]


# %% climb-finest-first: finest first | loses: climb
def climb(generators, noises, expand):
    with torch.no_grad():
        images = [generators[-1](noises[-1])]
        for generator, z in zip(generators[-2::-1], noises[-2::-1], strict=True):
            low = expand(images[-1])
            images.append(low + generator(z, low))
    return images[::-1]


# %% climb-stacked-bands: the next level is told the band, not the image | loses: climb
def climb(generators, noises, expand):
    with torch.no_grad():
        images = [generators[-1](noises[-1])]
        for generator, z in zip(generators[-2::-1], noises[-2::-1], strict=True):
            low = expand(images[-1])
            images.append(low + generator(z, low))
        bands = images[:1]
        images = images[:1]
        for generator, z in zip(generators[-2::-1], noises[-2::-1], strict=True):
            low = expand(bands[-1])
            bands.append(generator(z, low))
            images.append(low + bands[-1])
    return images


# %% climb-low-not-told: the generator is told zeros | loses: climb
def climb(generators, noises, expand):
    with torch.no_grad():
        images = [generators[-1](noises[-1])]
        for generator, z in zip(generators[-2::-1], noises[-2::-1], strict=True):
            low = expand(images[-1])
            images.append(low + generator(z, 0 * low))
    return images


# %% climb-not-expanded: expanded only after the generator | loses: climb
def climb(generators, noises, expand):
    with torch.no_grad():
        images = [generators[-1](noises[-1])]
        for generator, z in zip(generators[-2::-1], noises[-2::-1], strict=True):
            images.append(expand(images[-1] + generator(z, images[-1])))
    return images


# %% climb-with-graph: with the graphs of all generators | loses: climb
def climb(generators, noises, expand):
    images = [generators[-1](noises[-1])]
    for generator, z in zip(generators[-2::-1], noises[-2::-1], strict=True):
        low = expand(images[-1])
        images.append(low + generator(z, low))
    return images


# %% climb-reversed-in-place: the caller's list is turned round | loses: climb
def climb(generators, noises, expand):
    generators.reverse()
    with torch.no_grad():
        images = [generators[0](noises[-1])]
        for generator, z in zip(generators[1:], noises[-2::-1], strict=True):
            low = expand(images[-1])
            images.append(low + generator(z, low))
    return images


# %% frechet-entries: the roots of the entries | loses: frechet
def frechet(mean_a, A, mean_b, B):
    cross = (A @ B).abs().sqrt().trace()
    return (mean_a - mean_b).square().sum() + A.trace() + B.trace() - 2 * cross


# %% frechet-diagonals: the variances alone | loses: frechet
def frechet(mean_a, A, mean_b, B):
    cross = (A.diagonal() * B.diagonal()).sqrt().sum()
    return (mean_a - mean_b).square().sum() + A.trace() + B.trace() - 2 * cross


# %% frechet-sorted: eigenvalues paired by their size | loses: frechet
def frechet(mean_a, A, mean_b, B):
    cross = (
        (torch.linalg.eigvalsh(A).clamp(min=0) * torch.linalg.eigvalsh(B).clamp(min=0))
        .sqrt()
        .sum()
    )
    return (mean_a - mean_b).square().sum() + A.trace() + B.trace() - 2 * cross


# %% frechet-half-seen: A B taken for symmetric | loses: frechet
def frechet(mean_a, A, mean_b, B):
    cross = torch.linalg.eigvalsh(A @ B).clamp(min=0).sqrt().sum()
    return (mean_a - mean_b).square().sum() + A.trace() + B.trace() - 2 * cross


# %% frechet-symmetrized: the mean of A B and B A | loses: frechet
def frechet(mean_a, A, mean_b, B):
    cross = torch.linalg.eigvalsh((A @ B + B @ A) / 2).clamp(min=0).sqrt().sum()
    return (mean_a - mean_b).square().sum() + A.trace() + B.trace() - 2 * cross


# %% frechet-singular-values: singular values for eigenvalues | loses: frechet
def frechet(mean_a, A, mean_b, B):
    cross = torch.linalg.svdvals(A @ B).sqrt().sum()
    return (mean_a - mean_b).square().sum() + A.trace() + B.trace() - 2 * cross


# %% frechet-roots-multiplied: the roots multiplied, right only where the two commute | loses: frechet
def frechet(mean_a, A, mean_b, B):
    def root(M):
        values, vectors = torch.linalg.eigh(M)
        return vectors * values.clamp(min=0).sqrt() @ vectors.T

    cross = (root(A) @ root(B)).trace()
    return (mean_a - mean_b).square().sum() + A.trace() + B.trace() - 2 * cross


# %% frechet-once: the root taken off once | loses: frechet
def frechet(mean_a, A, mean_b, B):
    values, vectors = torch.linalg.eigh(A)
    factor = vectors * values.clamp(min=0).sqrt()
    cross = torch.linalg.eigvalsh(factor.T @ B @ factor).clamp(min=0).sqrt().sum()
    return (mean_a - mean_b).square().sum() + A.trace() + B.trace() - cross


# %% frechet-no-means: the means forgotten | loses: frechet
def frechet(mean_a, A, mean_b, B):
    values, vectors = torch.linalg.eigh(A)
    factor = vectors * values.clamp(min=0).sqrt()
    cross = torch.linalg.eigvalsh(factor.T @ B @ factor).clamp(min=0).sqrt().sum()
    return A.trace() + B.trace() - 2 * cross


# %% frechet-rooted: the root of the whole | loses: frechet
def frechet(mean_a, A, mean_b, B):
    values, vectors = torch.linalg.eigh(A)
    factor = vectors * values.clamp(min=0).sqrt()
    cross = torch.linalg.eigvalsh(factor.T @ B @ factor).clamp(min=0).sqrt().sum()
    total = (mean_a - mean_b).square().sum() + A.trace() + B.trace() - 2 * cross
    return total.clamp(min=0).sqrt()


# %% frechet-not-cut-off: the root of an eigenvalue just below 0 | loses: frechet
def frechet(mean_a, A, mean_b, B):
    values, vectors = torch.linalg.eigh(A)
    factor = vectors * values.sqrt()
    cross = torch.linalg.eigvalsh(factor.T @ B @ factor).clamp(min=0).sqrt().sum()
    return (mean_a - mean_b).square().sum() + A.trace() + B.trace() - 2 * cross


# %% interval-wald: Wald's interval | loses: interval
def interval(k, n, z=1.96):
    share = k / n
    half = z * math.sqrt(share * (1 - share) / n)
    return share - half, share + half


# %% interval-wald-cut-off: Wald's interval, cut off at 0 and 1 | loses: interval
def interval(k, n, z=1.96):
    share = k / n
    half = z * math.sqrt(share * (1 - share) / n)
    return max(0.0, share - half), min(1.0, share + half)


# %% interval-agresti: Wald's interval around the middle of Wilson's | loses: interval
def interval(k, n, z=1.96):
    answers = n + z**2
    share = (k + z**2 / 2) / answers
    half = z * math.sqrt(share * (1 - share) / answers)
    return max(0.0, share - half), min(1.0, share + half)


# %% interval-always-1.96: z ignored | loses: interval
def interval(k, n, z=1.96):
    z, share = 1.96, k / n
    middle = share + z**2 / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)


# %% interval-high-first: high before low | loses: interval
def interval(k, n, z=1.96):
    share = k / n
    middle = share + z**2 / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return (middle + half) / (1 + z**2 / n), (middle - half) / (1 + z**2 / n)


# %% interval-not-divided: not divided at the end | loses: interval
def interval(k, n, z=1.96):
    share = k / n
    middle = share + z**2 / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return middle - half, middle + half


# %% interval-middle-only-divided: only the middle divided | loses: interval
def interval(k, n, z=1.96):
    share = k / n
    middle = share + z**2 / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return middle / (1 + z**2 / n) - half, middle / (1 + z**2 / n) + half


# %% interval-share-in-the-middle: centred on the share | loses: interval
def interval(k, n, z=1.96):
    share = k / n
    middle = share
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)


# %% interval-whole-shift: z^2 / n for z^2 / 2 n | loses: interval
def interval(k, n, z=1.96):
    share = k / n
    middle = share + z**2 / n
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)


# %% interval-quarter: z^2 / 4 n in the root | loses: interval
def interval(k, n, z=1.96):
    share = k / n
    middle = share + z**2 / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n))
    return (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)
