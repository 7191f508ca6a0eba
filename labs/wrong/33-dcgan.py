# Plausible wrong answers to lab 33: each must lose the points that its header says, and no others.
# The body stands in for the solution cell that defines the same name.

# %% sizes-no-plus-one: the first window not counted | loses: sizes
def conv_size(size, kernel, stride=1, padding=0):
    return (size + 2 * padding - kernel) // stride


def transposed_size(size, kernel, stride=1, padding=0, extra=0):
    return stride * (size - 1) + kernel - 2 * padding + extra


def left_over(size, kernel, stride=1, padding=0):
    return (size + 2 * padding - kernel) % stride


# %% sizes-ceil: windows that do not fit, too | loses: sizes
def conv_size(size, kernel, stride=1, padding=0):
    return math.ceil((size + 2 * padding - kernel) / stride) + 1


def transposed_size(size, kernel, stride=1, padding=0, extra=0):
    return stride * (size - 1) + kernel - 2 * padding + extra


def left_over(size, kernel, stride=1, padding=0):
    return (size + 2 * padding - kernel) % stride


# %% sizes-float: divided by / | loses: sizes
def conv_size(size, kernel, stride=1, padding=0):
    return (size + 2 * padding - kernel) / stride + 1


def transposed_size(size, kernel, stride=1, padding=0, extra=0):
    return stride * (size - 1) + kernel - 2 * padding + extra


def left_over(size, kernel, stride=1, padding=0):
    return (size + 2 * padding - kernel) % stride


# %% sizes-one-end: padding at one end | loses: sizes
def conv_size(size, kernel, stride=1, padding=0):
    return (size + padding - kernel) // stride + 1


def transposed_size(size, kernel, stride=1, padding=0, extra=0):
    return stride * (size - 1) + kernel - 2 * padding + extra


def left_over(size, kernel, stride=1, padding=0):
    return (size + 2 * padding - kernel) % stride


# %% sizes-same: what frameworks call "same" | loses: sizes
def conv_size(size, kernel, stride=1, padding=0):
    return -(-size // stride)


def transposed_size(size, kernel, stride=1, padding=0, extra=0):
    return size * stride


def left_over(size, kernel, stride=1, padding=0):
    return (size + 2 * padding - kernel) % stride


# %% sizes-last-stamp: every stamp takes a whole stride | loses: sizes
def conv_size(size, kernel, stride=1, padding=0):
    return (size + 2 * padding - kernel) // stride + 1


def transposed_size(size, kernel, stride=1, padding=0, extra=0):
    return stride * size + kernel - 2 * padding + extra


def left_over(size, kernel, stride=1, padding=0):
    return (size + 2 * padding - kernel) % stride


# %% sizes-grows: the transposed convolution's padding added | loses: sizes
def conv_size(size, kernel, stride=1, padding=0):
    return (size + 2 * padding - kernel) // stride + 1


def transposed_size(size, kernel, stride=1, padding=0, extra=0):
    return stride * (size - 1) + kernel + 2 * padding + extra


def left_over(size, kernel, stride=1, padding=0):
    return (size + 2 * padding - kernel) % stride


# %% sizes-no-extra: the extra pixels forgotten | loses: sizes
def conv_size(size, kernel, stride=1, padding=0):
    return (size + 2 * padding - kernel) // stride + 1


def transposed_size(size, kernel, stride=1, padding=0, extra=0):
    return stride * (size - 1) + kernel - 2 * padding


def left_over(size, kernel, stride=1, padding=0):
    return (size + 2 * padding - kernel) % stride


# %% sizes-always-left: stride - 1 whatever the size | loses: sizes
def conv_size(size, kernel, stride=1, padding=0):
    return (size + 2 * padding - kernel) // stride + 1


def transposed_size(size, kernel, stride=1, padding=0, extra=0):
    return stride * (size - 1) + kernel - 2 * padding + extra


def left_over(size, kernel, stride=1, padding=0):
    return stride - 1


# %% sizes-of-the-map: what is left of the map by strides | loses: sizes
def conv_size(size, kernel, stride=1, padding=0):
    return (size + 2 * padding - kernel) // stride + 1


def transposed_size(size, kernel, stride=1, padding=0, extra=0):
    return stride * (size - 1) + kernel - 2 * padding + extra


def left_over(size, kernel, stride=1, padding=0):
    return size % stride


# %% transposed-torch: torch's own | loses: transposed
def transposed(y, weight, stride=1, padding=0, extra=0):
    return F.conv_transpose2d(y, weight, stride=stride, padding=padding, output_padding=extra)


# %% transposed-convolution: the map spread out, and an ordinary convolution | loses: transposed
def transposed(y, weight, stride=1, padding=0, extra=0):
    n, c, height, width = y.shape
    spread = y.new_zeros(n, c, stride * (height - 1) + 1, stride * (width - 1) + 1)
    spread[:, :, ::stride, ::stride] = y
    k = weight.shape[-1]
    full = F.conv2d(spread, weight.flip(2, 3).transpose(0, 1), padding=k - 1)
    full = F.pad(full, (0, extra, 0, extra))
    return full[:, :, padding : full.shape[2] - padding, padding : full.shape[3] - padding]


# %% transposed-overwrites: the later stamp wins | loses: transposed
def transposed(y, weight, stride=1, padding=0, extra=0):
    (n, _, height, width), (_, d, k, _) = y.shape, weight.shape
    size = [stride * (side - 1) + k + extra for side in (height, width)]
    canvas = y.new_zeros(n, d, *size)
    for i in range(height):
        for j in range(width):
            stamp = torch.einsum("nc,cdkl->ndkl", y[:, :, i, j], weight)
            canvas[:, :, i * stride : i * stride + k, j * stride : j * stride + k] = stamp
    return canvas[:, :, padding : size[0] - padding, padding : size[1] - padding]


# %% transposed-averages: where stamps overlap, their mean | loses: transposed
def transposed(y, weight, stride=1, padding=0, extra=0):
    (n, _, height, width), (_, d, k, _) = y.shape, weight.shape
    size = [stride * (side - 1) + k + extra for side in (height, width)]
    canvas, times = y.new_zeros(n, d, *size), y.new_zeros(*size)
    for i in range(height):
        for j in range(width):
            rows = slice(i * stride, i * stride + k)
            columns = slice(j * stride, j * stride + k)
            canvas[:, :, rows, columns] += torch.einsum("nc,cdkl->ndkl", y[:, :, i, j], weight)
            times[rows, columns] += 1
    canvas = canvas / times.clamp(min=1)
    return canvas[:, :, padding : size[0] - padding, padding : size[1] - padding]


# %% transposed-flipped: the kernel turned round | loses: transposed
def transposed(y, weight, stride=1, padding=0, extra=0):
    weight = weight.flip(2, 3)
    (n, _, height, width), (_, d, k, _) = y.shape, weight.shape
    size = [stride * (side - 1) + k + extra for side in (height, width)]
    canvas = y.new_zeros(n, d, *size)
    for i in range(height):
        for j in range(width):
            stamp = torch.einsum("nc,cdkl->ndkl", y[:, :, i, j], weight)
            canvas[:, :, i * stride : i * stride + k, j * stride : j * stride + k] += stamp
    return canvas[:, :, padding : size[0] - padding, padding : size[1] - padding]


# %% transposed-channels: weight[d, c] | loses: transposed
def transposed(y, weight, stride=1, padding=0, extra=0):
    weight = weight.transpose(0, 1)
    (n, _, height, width), (_, d, k, _) = y.shape, weight.shape
    size = [stride * (side - 1) + k + extra for side in (height, width)]
    canvas = y.new_zeros(n, d, *size)
    for i in range(height):
        for j in range(width):
            stamp = torch.einsum("nc,cdkl->ndkl", y[:, :, i, j], weight)
            canvas[:, :, i * stride : i * stride + k, j * stride : j * stride + k] += stamp
    return canvas[:, :, padding : size[0] - padding, padding : size[1] - padding]


# %% transposed-one-channel: the first input channel only | loses: transposed
def transposed(y, weight, stride=1, padding=0, extra=0):
    (n, _, height, width), (_, d, k, _) = y.shape, weight.shape
    size = [stride * (side - 1) + k + extra for side in (height, width)]
    canvas = y.new_zeros(n, d, *size)
    for i in range(height):
        for j in range(width):
            stamp = y[:, 0, i, j, None, None, None] * weight[0]
            canvas[:, :, i * stride : i * stride + k, j * stride : j * stride + k] += stamp
    return canvas[:, :, padding : size[0] - padding, padding : size[1] - padding]


# %% transposed-enlarged: the map enlarged instead of spread | loses: transposed
def transposed(y, weight, stride=1, padding=0, extra=0):
    (n, _, height, width), (_, d, k, _) = y.shape, weight.shape
    size = [stride * (side - 1) + k + extra for side in (height, width)]
    rows = stride * (height - 1) + 1
    columns = stride * (width - 1) + 1
    big = y.repeat_interleave(stride, 2).repeat_interleave(stride, 3)[:, :, :rows, :columns]
    canvas = y.new_zeros(n, d, *size)
    for i in range(k):
        for j in range(k):
            stamp = torch.einsum("nchw,cd->ndhw", big, weight[:, :, i, j])
            canvas[:, :, i : i + rows, j : j + columns] += stamp
    return canvas[:, :, padding : size[0] - padding, padding : size[1] - padding]


# %% transposed-no-crop: the border stays | loses: transposed
def transposed(y, weight, stride=1, padding=0, extra=0):
    (n, _, height, width), (_, d, k, _) = y.shape, weight.shape
    canvas = y.new_zeros(n, d, *(stride * (side - 1) + k + extra for side in (height, width)))
    for i in range(height):
        for j in range(width):
            stamp = torch.einsum("nc,cdkl->ndkl", y[:, :, i, j], weight)
            canvas[:, :, i * stride : i * stride + k, j * stride : j * stride + k] += stamp
    return canvas


# %% transposed-crop-at-the-end: all of the border cut off at the far end | loses: transposed
def transposed(y, weight, stride=1, padding=0, extra=0):
    (n, _, height, width), (_, d, k, _) = y.shape, weight.shape
    size = [stride * (side - 1) + k + extra for side in (height, width)]
    canvas = y.new_zeros(n, d, *size)
    for i in range(height):
        for j in range(width):
            stamp = torch.einsum("nc,cdkl->ndkl", y[:, :, i, j], weight)
            canvas[:, :, i * stride : i * stride + k, j * stride : j * stride + k] += stamp
    return canvas[:, :, : size[0] - 2 * padding, : size[1] - 2 * padding]


# %% transposed-no-extra: the extra rows forgotten | loses: transposed
def transposed(y, weight, stride=1, padding=0, extra=0):
    (n, _, height, width), (_, d, k, _) = y.shape, weight.shape
    size = [stride * (side - 1) + k for side in (height, width)]
    canvas = y.new_zeros(n, d, *size)
    for i in range(height):
        for j in range(width):
            stamp = torch.einsum("nc,cdkl->ndkl", y[:, :, i, j], weight)
            canvas[:, :, i * stride : i * stride + k, j * stride : j * stride + k] += stamp
    return canvas[:, :, padding : size[0] - padding, padding : size[1] - padding]


# %% transposed-extra-zeros: the extra rows always zero, whatever a stamp left there | loses: transposed
def transposed(y, weight, stride=1, padding=0, extra=0):
    (n, _, height, width), (_, d, k, _) = y.shape, weight.shape
    size = [stride * (side - 1) + k for side in (height, width)]
    canvas = y.new_zeros(n, d, *size)
    for i in range(height):
        for j in range(width):
            stamp = torch.einsum("nc,cdkl->ndkl", y[:, :, i, j], weight)
            canvas[:, :, i * stride : i * stride + k, j * stride : j * stride + k] += stamp
    cut = canvas[:, :, padding : size[0] - padding, padding : size[1] - padding]
    return F.pad(cut, (0, extra, 0, extra))


# %% transposed-extra-first: the extra rows at the top and on the left | loses: transposed
def transposed(y, weight, stride=1, padding=0, extra=0):
    (n, _, height, width), (_, d, k, _) = y.shape, weight.shape
    size = [stride * (side - 1) + k for side in (height, width)]
    canvas = y.new_zeros(n, d, *size)
    for i in range(height):
        for j in range(width):
            stamp = torch.einsum("nc,cdkl->ndkl", y[:, :, i, j], weight)
            canvas[:, :, i * stride : i * stride + k, j * stride : j * stride + k] += stamp
    canvas = F.pad(canvas, (extra, 0, extra, 0))
    bottom, right = size[0] + extra - padding, size[1] + extra - padding
    return canvas[:, :, padding:bottom, padding:right]


# %% transposed-extra-from-the-border: right as long as there is a border | loses: transposed
def transposed(y, weight, stride=1, padding=0, extra=0):
    (n, _, height, width), (_, d, k, _) = y.shape, weight.shape
    size = [stride * (side - 1) + k for side in (height, width)]
    canvas = y.new_zeros(n, d, *size)
    for i in range(height):
        for j in range(width):
            stamp = torch.einsum("nc,cdkl->ndkl", y[:, :, i, j], weight)
            canvas[:, :, i * stride : i * stride + k, j * stride : j * stride + k] += stamp
    bottom, right = size[0] - padding + extra, size[1] - padding + extra
    return canvas[:, :, padding:bottom, padding:right]


# %% transposed-double: float64 whatever comes | loses: transposed
def transposed(y, weight, stride=1, padding=0, extra=0):
    (n, _, height, width), (_, d, k, _) = y.shape, weight.shape
    size = [stride * (side - 1) + k + extra for side in (height, width)]
    canvas = torch.zeros(n, d, *size, dtype=torch.float64)
    for i in range(height):
        for j in range(width):
            stamp = torch.einsum("nc,cdkl->ndkl", y[:, :, i, j], weight)
            canvas[:, :, i * stride : i * stride + k, j * stride : j * stride + k] += stamp
    return canvas[:, :, padding : size[0] - padding, padding : size[1] - padding]


# %% generator-no-tanh: an image without bounds | loses: generator
def make_generator(latent, size, channels=1, width=8):
    steps = (size // 4).bit_length() - 1
    widths = [width * 2**i for i in reversed(range(steps))]
    layers = [nn.Linear(latent, 16 * widths[0]), nn.Unflatten(1, (widths[0], 4, 4))]
    for a, b in zip(widths, [*widths[1:], channels], strict=True):
        layers += [nn.BatchNorm2d(a), nn.ReLU(), nn.ConvTranspose2d(a, b, 4, 2, 1)]
    return nn.Sequential(*layers)


# %% generator-sigmoid: images from 0 to 1 | loses: generator
def make_generator(latent, size, channels=1, width=8):
    steps = (size // 4).bit_length() - 1
    widths = [width * 2**i for i in reversed(range(steps))]
    layers = [nn.Linear(latent, 16 * widths[0]), nn.Unflatten(1, (widths[0], 4, 4))]
    for a, b in zip(widths, [*widths[1:], channels], strict=True):
        layers += [nn.BatchNorm2d(a), nn.ReLU(), nn.ConvTranspose2d(a, b, 4, 2, 1)]
    return nn.Sequential(*layers, nn.Sigmoid())


# %% generator-norm-at-the-end: the image is normalized | loses: generator
def make_generator(latent, size, channels=1, width=8):
    steps = (size // 4).bit_length() - 1
    widths = [width * 2**i for i in reversed(range(steps))]
    layers = [nn.Linear(latent, 16 * widths[0]), nn.Unflatten(1, (widths[0], 4, 4))]
    for a, b in zip(widths, [*widths[1:], channels], strict=True):
        layers += [nn.BatchNorm2d(a), nn.ReLU(), nn.ConvTranspose2d(a, b, 4, 2, 1)]
    return nn.Sequential(*layers, nn.BatchNorm2d(channels), nn.Tanh())


# %% generator-relu-at-the-end: no pixel below grey | loses: generator
def make_generator(latent, size, channels=1, width=8):
    steps = (size // 4).bit_length() - 1
    widths = [width * 2**i for i in reversed(range(steps))]
    layers = [nn.Linear(latent, 16 * widths[0]), nn.Unflatten(1, (widths[0], 4, 4))]
    for a, b in zip(widths, [*widths[1:], channels], strict=True):
        layers += [nn.BatchNorm2d(a), nn.ReLU(), nn.ConvTranspose2d(a, b, 4, 2, 1)]
    return nn.Sequential(*layers, nn.ReLU(), nn.Tanh())


# %% generator-no-norms: no batch norm at all | loses: generator
def make_generator(latent, size, channels=1, width=8):
    steps = (size // 4).bit_length() - 1
    widths = [width * 2**i for i in reversed(range(steps))]
    layers = [nn.Linear(latent, 16 * widths[0]), nn.Unflatten(1, (widths[0], 4, 4))]
    for a, b in zip(widths, [*widths[1:], channels], strict=True):
        layers += [nn.ReLU(), nn.ConvTranspose2d(a, b, 4, 2, 1)]
    return nn.Sequential(*layers, nn.Tanh())


# %% generator-first-map-bare: the 4 x 4 map goes without norm and ReLU | loses: generator
def make_generator(latent, size, channels=1, width=8):
    steps = (size // 4).bit_length() - 1
    widths = [width * 2**i for i in reversed(range(steps))]
    layers = [nn.Linear(latent, 16 * widths[0]), nn.Unflatten(1, (widths[0], 4, 4))]
    for a, b in itertools.pairwise(widths):
        layers += [nn.ConvTranspose2d(a, b, 4, 2, 1), nn.BatchNorm2d(b), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(width, channels, 4, 2, 1), nn.Tanh())


# %% generator-leaky: the discriminator's activation | loses: generator
def make_generator(latent, size, channels=1, width=8):
    steps = (size // 4).bit_length() - 1
    widths = [width * 2**i for i in reversed(range(steps))]
    layers = [nn.Linear(latent, 16 * widths[0]), nn.Unflatten(1, (widths[0], 4, 4))]
    for a, b in zip(widths, [*widths[1:], channels], strict=True):
        layers += [nn.BatchNorm2d(a), nn.LeakyReLU(0.2), nn.ConvTranspose2d(a, b, 4, 2, 1)]
    return nn.Sequential(*layers, nn.Tanh())


# %% generator-relu-first: the norm after the ReLU | loses: generator
def make_generator(latent, size, channels=1, width=8):
    steps = (size // 4).bit_length() - 1
    widths = [width * 2**i for i in reversed(range(steps))]
    layers = [nn.Linear(latent, 16 * widths[0]), nn.Unflatten(1, (widths[0], 4, 4))]
    for a, b in zip(widths, [*widths[1:], channels], strict=True):
        layers += [nn.ReLU(), nn.BatchNorm2d(a), nn.ConvTranspose2d(a, b, 4, 2, 1)]
    return nn.Sequential(*layers, nn.Tanh())


# %% generator-hidden-dense: a hidden dense layer before the first map | loses: generator
def make_generator(latent, size, channels=1, width=8):
    steps = (size // 4).bit_length() - 1
    widths = [width * 2**i for i in reversed(range(steps))]
    layers = [nn.Linear(latent, 64), nn.Linear(64, 16 * widths[0])]
    layers += [nn.Unflatten(1, (widths[0], 4, 4))]
    for a, b in zip(widths, [*widths[1:], channels], strict=True):
        layers += [nn.BatchNorm2d(a), nn.ReLU(), nn.ConvTranspose2d(a, b, 4, 2, 1)]
    return nn.Sequential(*layers, nn.Tanh())


# %% generator-refined: an ordinary convolution at the end | loses: generator
def make_generator(latent, size, channels=1, width=8):
    steps = (size // 4).bit_length() - 1
    widths = [width * 2**i for i in reversed(range(steps))]
    layers = [nn.Linear(latent, 16 * widths[0]), nn.Unflatten(1, (widths[0], 4, 4))]
    for a, b in zip(widths, [*widths[1:], channels], strict=True):
        layers += [nn.BatchNorm2d(a), nn.ReLU(), nn.ConvTranspose2d(a, b, 4, 2, 1)]
    return nn.Sequential(*layers, nn.Conv2d(channels, channels, 3, padding=1), nn.Tanh())


# %% generator-upsampling: pixels repeated, then a convolution | loses: generator
def make_generator(latent, size, channels=1, width=8):
    steps = (size // 4).bit_length() - 1
    widths = [width * 2**i for i in reversed(range(steps))]
    layers = [nn.Linear(latent, 16 * widths[0]), nn.Unflatten(1, (widths[0], 4, 4))]
    for a, b in zip(widths, [*widths[1:], channels], strict=True):
        layers += [nn.BatchNorm2d(a), nn.ReLU(), nn.Upsample(scale_factor=2)]
        layers += [nn.Conv2d(a, b, 3, padding=1)]
    return nn.Sequential(*layers, nn.Tanh())


# %% generator-one-leap: one layer of a large stride | loses: generator
def make_generator(latent, size, channels=1, width=8):
    first = width * size // 8
    layers = [nn.Linear(latent, 16 * first), nn.Unflatten(1, (first, 4, 4))]
    layers += [nn.BatchNorm2d(first), nn.ReLU()]
    layers += [nn.ConvTranspose2d(first, channels, size // 4, size // 4)]
    return nn.Sequential(*layers, nn.Tanh())


# %% generator-odd: a kernel of 3 without output padding, which does not double | loses: generator
def make_generator(latent, size, channels=1, width=8):
    steps = (size // 4).bit_length() - 1
    widths = [width * 2**i for i in reversed(range(steps))]
    layers = [nn.Linear(latent, 16 * widths[0]), nn.Unflatten(1, (widths[0], 4, 4))]
    for a, b in zip(widths, [*widths[1:], channels], strict=True):
        layers += [nn.BatchNorm2d(a), nn.ReLU(), nn.ConvTranspose2d(a, b, 3, 2, 1)]
    return nn.Sequential(*layers, nn.Tanh())


# %% generator-widens: more channels towards the image | loses: generator
def make_generator(latent, size, channels=1, width=8):
    steps = (size // 4).bit_length() - 1
    widths = [width * 2**i for i in range(steps)]
    layers = [nn.Linear(latent, 16 * widths[0]), nn.Unflatten(1, (widths[0], 4, 4))]
    for a, b in zip(widths, [*widths[1:], channels], strict=True):
        layers += [nn.BatchNorm2d(a), nn.ReLU(), nn.ConvTranspose2d(a, b, 4, 2, 1)]
    return nn.Sequential(*layers, nn.Tanh())


# %% generator-from-eight: begins with a map of 8 x 8 | loses: generator
def make_generator(latent, size, channels=1, width=8):
    steps = max(1, (size // 8).bit_length() - 1)
    widths = [width * 2**i for i in reversed(range(steps))]
    start = size // 2**steps
    layers = [nn.Linear(latent, start**2 * widths[0])]
    layers += [nn.Unflatten(1, (widths[0], start, start))]
    for a, b in zip(widths, [*widths[1:], channels], strict=True):
        layers += [nn.BatchNorm2d(a), nn.ReLU(), nn.ConvTranspose2d(a, b, 4, 2, 1)]
    return nn.Sequential(*layers, nn.Tanh())


# %% generator-grey: one channel whatever was asked | loses: generator
def make_generator(latent, size, channels=1, width=8):
    steps = (size // 4).bit_length() - 1
    widths = [width * 2**i for i in reversed(range(steps))]
    layers = [nn.Linear(latent, 16 * widths[0]), nn.Unflatten(1, (widths[0], 4, 4))]
    for a, b in zip(widths, [*widths[1:], 1], strict=True):
        layers += [nn.BatchNorm2d(a), nn.ReLU(), nn.ConvTranspose2d(a, b, 4, 2, 1)]
    return nn.Sequential(*layers, nn.Tanh())


# %% generator-two-steps-at-least: right from 16 pixels on | loses: generator
def make_generator(latent, size, channels=1, width=8):
    steps = max(2, (size // 4).bit_length() - 1)
    widths = [width * 2**i for i in reversed(range(steps))]
    layers = [nn.Linear(latent, 16 * widths[0]), nn.Unflatten(1, (widths[0], 4, 4))]
    for a, b in zip(widths, [*widths[1:], channels], strict=True):
        layers += [nn.BatchNorm2d(a), nn.ReLU(), nn.ConvTranspose2d(a, b, 4, 2, 1)]
    return nn.Sequential(*layers, nn.Tanh())


# %% initialize-variance: 0.02 as the variance | loses: initialize
def initialize(net):
    for layer in net.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d):
            if layer.weight is not None:
                centre = float(isinstance(layer, nn.BatchNorm2d))
                nn.init.normal_(layer.weight, centre, math.sqrt(0.02))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return net


# %% initialize-norms-at-zero: the norms' scales around 0 | loses: initialize
def initialize(net):
    for layer in net.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d):
            if layer.weight is not None:
                nn.init.normal_(layer.weight, 0.0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return net


# %% initialize-norms-left: the norms left as they are | loses: initialize
def initialize(net):
    for layer in net.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return net


# %% initialize-everything: every parameter drawn, biases and scales, too | loses: initialize
def initialize(net):
    for parameter in net.parameters():
        nn.init.normal_(parameter, 0.0, 0.02)
    return net


# %% initialize-biases-left: biases as they were | loses: initialize
def initialize(net):
    for layer in net.modules():
        if getattr(layer, "weight", None) is not None:
            nn.init.normal_(layer.weight, float(isinstance(layer, nn.BatchNorm2d)), 0.02)
    return net


# %% initialize-no-linear: by names with "Conv", as in a well-known example | loses: initialize
def initialize(net):
    for layer in net.modules():
        name = type(layer).__name__
        if "Conv" in name or ("BatchNorm" in name and layer.weight is not None):
            nn.init.normal_(layer.weight, float("BatchNorm" in name), 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return net


# %% initialize-no-transposed: a ConvTranspose2d taken for a Conv2d | loses: initialize
def initialize(net):
    for layer in net.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.BatchNorm2d):
            if layer.weight is not None:
                nn.init.normal_(layer.weight, float(isinstance(layer, nn.BatchNorm2d)), 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return net


# %% initialize-shallow: the outermost layers only | loses: initialize
def initialize(net):
    for layer in net.children():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d):
            if layer.weight is not None:
                nn.init.normal_(layer.weight, float(isinstance(layer, nn.BatchNorm2d)), 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return net


# %% initialize-children: two levels deep, and never the net itself | loses: initialize
def initialize(net):
    for outer in net.children():
        for layer in [outer, *outer.children()]:
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d):
                if layer.weight is not None:
                    centre = float(isinstance(layer, nn.BatchNorm2d))
                    nn.init.normal_(layer.weight, centre, 0.02)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
    return net


# %% initialize-uniform: a uniform distribution of the same deviation | loses: initialize
def initialize(net):
    for layer in net.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d):
            if layer.weight is not None:
                centre, far = float(isinstance(layer, nn.BatchNorm2d)), 0.02 * math.sqrt(3)
                nn.init.uniform_(layer.weight, centre - far, centre + far)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return net


# %% initialize-replaced: new parameters in the old ones' place | loses: initialize
def initialize(net):
    for layer in net.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d):
            if layer.weight is not None:
                centre = float(isinstance(layer, nn.BatchNorm2d))
                layer.weight = nn.Parameter(centre + 0.02 * torch.randn_like(layer.weight))
            if layer.bias is not None:
                layer.bias = nn.Parameter(torch.zeros_like(layer.bias))
    return net


# %% initialize-seeded: the same numbers at every call | loses: initialize
def initialize(net):
    torch.manual_seed(0)
    for layer in net.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d):
            if layer.weight is not None:
                nn.init.normal_(layer.weight, float(isinstance(layer, nn.BatchNorm2d)), 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return net


# %% initialize-forgets: what the norms have seen is forgotten | loses: initialize
def initialize(net):
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d):
            if layer.weight is not None:
                nn.init.normal_(layer.weight, float(isinstance(layer, nn.BatchNorm2d)), 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return net


# %% initialize-always-there: a weight and a bias expected everywhere | loses: initialize
def initialize(net):
    for layer in net.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d):
            nn.init.normal_(layer.weight, float(isinstance(layer, nn.BatchNorm2d)), 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return net


# %% walk-straight: a straight line | loses: walk
def slerp(a, b, t):
    return torch.lerp(a, b, t[:, None])


# %% walk-normalized: the ends put on the unit sphere | loses: walk
def slerp(a, b, t):
    a, b = a / a.norm(), b / b.norm()
    theta = torch.acos((a @ b).clamp(-1, 1))
    share = lambda t: t * torch.sinc(t * theta / math.pi) / torch.sinc(theta / math.pi)
    return share(1 - t)[:, None] * a + share(t)[:, None] * b


# %% walk-line-on-the-sphere: a straight line, stretched to the right length | loses: walk
def slerp(a, b, t):
    line = torch.lerp(a, b, t[:, None])
    length = torch.lerp(a.norm(), b.norm(), t)[:, None]
    return length * line / line.norm(dim=1, keepdim=True)


# %% walk-unnormalized-angle: the angle from the bare inner product | loses: walk
def slerp(a, b, t):
    theta = torch.acos((a @ b).clamp(-1, 1))
    share = lambda t: t * torch.sinc(t * theta / math.pi) / torch.sinc(theta / math.pi)
    return share(1 - t)[:, None] * a + share(t)[:, None] * b


# %% walk-backwards: from b to a | loses: walk
def slerp(a, b, t):
    theta = torch.acos(F.cosine_similarity(a, b, dim=0).clamp(-1, 1))
    share = lambda t: t * torch.sinc(t * theta / math.pi) / torch.sinc(theta / math.pi)
    return share(t)[:, None] * a + share(1 - t)[:, None] * b


# %% walk-right-angle: as if the angle were always a right one | loses: walk
def slerp(a, b, t):
    quarter = t[:, None] * math.pi / 2
    return quarter.cos() * a + quarter.sin() * b


# %% walk-undivided: without the sine below | loses: walk
def slerp(a, b, t):
    theta = torch.acos(F.cosine_similarity(a, b, dim=0).clamp(-1, 1))
    return torch.sin((1 - t) * theta)[:, None] * a + torch.sin(t * theta)[:, None] * b


# %% walk-nought: 0 / 0 where the directions agree | loses: walk
def slerp(a, b, t):
    theta = torch.acos((a @ b / (a.norm() * b.norm())).clamp(-1, 1))
    sin = torch.sin(theta)
    return (
        torch.sin((1 - t) * theta)[:, None] / sin * a + torch.sin(t * theta)[:, None] / sin * b
    )


# %% walk-stays: stays at a where the directions agree | loses: walk
def slerp(a, b, t):
    theta = torch.acos(F.cosine_similarity(a, b, dim=0).clamp(-1, 1))
    if theta < 1e-3:
        return a.expand(len(t), -1)
    share = lambda t: t * torch.sinc(t * theta / math.pi) / torch.sinc(theta / math.pi)
    return share(1 - t)[:, None] * a + share(t)[:, None] * b


# %% walk-held: the sine held off from zero | loses: walk
def slerp(a, b, t):
    theta = torch.acos(F.cosine_similarity(a, b, dim=0).clamp(-1, 1))
    sin = torch.sin(theta) + 1e-8
    return (
        torch.sin((1 - t) * theta)[:, None] / sin * a + torch.sin(t * theta)[:, None] / sin * b
    )


# %% walk-unclamped: a cosine above 1 | loses: walk
def slerp(a, b, t):
    theta = torch.acos((a / a.norm()) @ (b / b.norm()))
    share = lambda t: t * torch.sinc(t * theta / math.pi) / torch.sinc(theta / math.pi)
    return share(1 - t)[:, None] * a + share(t)[:, None] * b


# %% walk-clamped-short: the cosine held so far from 1 that small angles are lost | loses: walk
def slerp(a, b, t):
    theta = torch.acos(F.cosine_similarity(a, b, dim=0).clamp(-0.95, 0.95))
    share = lambda t: t * torch.sinc(t * theta / math.pi) / torch.sinc(theta / math.pi)
    return share(1 - t)[:, None] * a + share(t)[:, None] * b


# %% walk-straight-when-near: a straight line for angles that are not so small | loses: walk
def slerp(a, b, t):
    cosine = F.cosine_similarity(a, b, dim=0)
    if cosine > 0.95:
        return torch.lerp(a, b, t[:, None])
    theta = torch.acos(cosine.clamp(-1, 1))
    share = lambda t: t * torch.sinc(t * theta / math.pi) / torch.sinc(theta / math.pi)
    return share(1 - t)[:, None] * a + share(t)[:, None] * b


# %% arithmetic-sums: sums for means | loses: arithmetic
def arithmetic(first, minus, plus, neighbours=8, scale=0.25):
    y = first.sum(0) - minus.sum(0) + plus.sum(0)
    noise = scale * (2 * torch.rand(neighbours, len(y), dtype=y.dtype) - 1)
    return torch.cat([y[None], y + noise])


# %% arithmetic-order: first + minus - plus | loses: arithmetic
def arithmetic(first, minus, plus, neighbours=8, scale=0.25):
    y = first.mean(0) + minus.mean(0) - plus.mean(0)
    noise = scale * (2 * torch.rand(neighbours, len(y), dtype=y.dtype) - 1)
    return torch.cat([y[None], y + noise])


# %% arithmetic-singles: one z for each concept | loses: arithmetic
def arithmetic(first, minus, plus, neighbours=8, scale=0.25):
    y = first[0] - minus[0] + plus[0]
    noise = scale * (2 * torch.rand(neighbours, len(y), dtype=y.dtype) - 1)
    return torch.cat([y[None], y + noise])


# %% arithmetic-rescaled: brought to the length of the shell | loses: arithmetic
def arithmetic(first, minus, plus, neighbours=8, scale=0.25):
    y = first.mean(0) - minus.mean(0) + plus.mean(0)
    y = y / y.norm() * math.sqrt(len(y))
    noise = scale * (2 * torch.rand(neighbours, len(y), dtype=y.dtype) - 1)
    return torch.cat([y[None], y + noise])


# %% arithmetic-noisy: noise on the answer, too | loses: arithmetic
def arithmetic(first, minus, plus, neighbours=8, scale=0.25):
    y = first.mean(0) - minus.mean(0) + plus.mean(0)
    return y + scale * (2 * torch.rand(neighbours + 1, len(y), dtype=y.dtype) - 1)


# %% arithmetic-no-answer: the neighbours alone | loses: arithmetic
def arithmetic(first, minus, plus, neighbours=8, scale=0.25):
    y = first.mean(0) - minus.mean(0) + plus.mean(0)
    return y + scale * (2 * torch.rand(neighbours, len(y), dtype=y.dtype) - 1)


# %% arithmetic-gaussian: Gaussian noise | loses: arithmetic
def arithmetic(first, minus, plus, neighbours=8, scale=0.25):
    y = first.mean(0) - minus.mean(0) + plus.mean(0)
    noise = scale * torch.randn(neighbours, len(y), dtype=y.dtype)
    return torch.cat([y[None], y + noise])


# %% arithmetic-one-sided: noise from 0 on | loses: arithmetic
def arithmetic(first, minus, plus, neighbours=8, scale=0.25):
    y = first.mean(0) - minus.mean(0) + plus.mean(0)
    noise = scale * torch.rand(neighbours, len(y), dtype=y.dtype)
    return torch.cat([y[None], y + noise])


# %% arithmetic-narrow: an interval of this length | loses: arithmetic
def arithmetic(first, minus, plus, neighbours=8, scale=0.25):
    y = first.mean(0) - minus.mean(0) + plus.mean(0)
    noise = scale * (torch.rand(neighbours, len(y), dtype=y.dtype) - 0.5)
    return torch.cat([y[None], y + noise])


# %% arithmetic-one-number: one number of noise for a whole neighbour | loses: arithmetic
def arithmetic(first, minus, plus, neighbours=8, scale=0.25):
    y = first.mean(0) - minus.mean(0) + plus.mean(0)
    noise = scale * torch.linspace(-1, 1, neighbours, dtype=y.dtype)[:, None]
    return torch.cat([y[None], y + noise])


# %% arithmetic-one-neighbour: the same noise for all neighbours | loses: arithmetic
def arithmetic(first, minus, plus, neighbours=8, scale=0.25):
    y = first.mean(0) - minus.mean(0) + plus.mean(0)
    noise = scale * (2 * torch.rand(1, len(y), dtype=y.dtype) - 1)
    return torch.cat([y[None], (y + noise).expand(neighbours, -1)])


# %% arithmetic-fixed-scale: a quarter whatever was asked | loses: arithmetic
def arithmetic(first, minus, plus, neighbours=8, scale=0.25):
    y = first.mean(0) - minus.mean(0) + plus.mean(0)
    noise = 0.5 * torch.rand(neighbours, len(y), dtype=y.dtype) - 0.25
    return torch.cat([y[None], y + noise])


# %% features-last: the last map only | loses: features
def features(net, x, grid=4):
    was, seen = net.training, []
    net.eval()
    with torch.no_grad():
        for layer in net:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                seen = F.adaptive_max_pool2d(x, grid).flatten(1)
    net.train(was)
    return seen


# %% features-average: the mean of each cell | loses: features
def features(net, x, grid=4):
    was, seen = net.training, []
    net.eval()
    with torch.no_grad():
        for layer in net:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                seen.append(F.adaptive_avg_pool2d(x, grid).flatten(1))
    net.train(was)
    return torch.cat(seen, 1)


# %% features-before: before the activation | loses: features
def features(net, x, grid=4):
    was, seen = net.training, []
    net.eval()
    with torch.no_grad():
        for layer in net:
            if isinstance(layer, nn.LeakyReLU):
                seen.append(F.adaptive_max_pool2d(x, grid).flatten(1))
            x = layer(x)
    net.train(was)
    return torch.cat(seen, 1)


# %% features-backwards: the last map first | loses: features
def features(net, x, grid=4):
    was, seen = net.training, []
    net.eval()
    with torch.no_grad():
        for layer in net:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                seen.insert(0, F.adaptive_max_pool2d(x, grid).flatten(1))
    net.train(was)
    return torch.cat(seen, 1)


# %% features-channels-last: the channels of a place side by side | loses: features
def features(net, x, grid=4):
    was, seen = net.training, []
    net.eval()
    with torch.no_grad():
        for layer in net:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                seen.append(F.adaptive_max_pool2d(x, grid).permute(0, 2, 3, 1).flatten(1))
    net.train(was)
    return torch.cat(seen, 1)


# %% features-logit: the discriminator's verdict as one more feature | loses: features
def features(net, x, grid=4):
    was, seen = net.training, []
    net.eval()
    with torch.no_grad():
        for layer in net:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                seen.append(F.adaptive_max_pool2d(x, grid).flatten(1))
    net.train(was)
    return torch.cat([*seen, x.reshape(len(x), -1)], 1)


# %% features-train: in whatever mode the net is | loses: features
def features(net, x, grid=4):
    seen = []
    with torch.no_grad():
        for layer in net:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                seen.append(F.adaptive_max_pool2d(x, grid).flatten(1))
    return torch.cat(seen, 1)


# %% features-batch: the batch's statistics, and what the norms had seen put back | loses: features
def features(net, x, grid=4):
    was, seen = net.training, []
    numbers = {name: value.clone() for name, value in net.state_dict().items()}
    net.train()
    with torch.no_grad():
        for layer in net:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                seen.append(F.adaptive_max_pool2d(x, grid).flatten(1))
    net.load_state_dict(numbers)
    net.train(was)
    return torch.cat(seen, 1)


# %% features-left-in-eval: the mode not restored | loses: features
def features(net, x, grid=4):
    seen = []
    net.eval()
    with torch.no_grad():
        for layer in net:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                seen.append(F.adaptive_max_pool2d(x, grid).flatten(1))
    return torch.cat(seen, 1)


# %% features-left-in-train: always in train mode afterwards | loses: features
def features(net, x, grid=4):
    seen = []
    net.eval()
    with torch.no_grad():
        for layer in net:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                seen.append(F.adaptive_max_pool2d(x, grid).flatten(1))
    net.train()
    return torch.cat(seen, 1)


# %% features-graph: with gradients | loses: features
def features(net, x, grid=4):
    was, seen = net.training, []
    net.eval()
    for layer in net:
        x = layer(x)
        if isinstance(layer, nn.LeakyReLU):
            seen.append(F.adaptive_max_pool2d(x, grid).flatten(1))
    net.train(was)
    return torch.cat(seen, 1)


# %% features-floor: windows of H // 4 pixels, which leave the last rows out | loses: features
def features(net, x, grid=4):
    was, seen = net.training, []
    net.eval()
    with torch.no_grad():
        for layer in net:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                cell = (x.shape[2] // grid, x.shape[3] // grid)
                pooled = F.max_pool2d(x, cell)[:, :, :grid, :grid]
                seen.append(pooled.flatten(1))
    net.train(was)
    return torch.cat(seen, 1)


# %% features-always-four: a grid of 4 whatever was asked | loses: features
def features(net, x, grid=4):
    was, seen = net.training, []
    net.eval()
    with torch.no_grad():
        for layer in net:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                seen.append(F.adaptive_max_pool2d(x, 4).flatten(1))
    net.train(was)
    return torch.cat(seen, 1)


# %% classifier-bias-penalized: the bias as one more weight | loses: classifier
def ridge(x, y, classes, penalty):
    t = 2 * F.one_hot(y, classes).to(x.dtype) - 1
    x = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1)
    square = x.T @ x + penalty * torch.eye(x.shape[1], dtype=x.dtype)
    weights = torch.linalg.solve(square, x.T @ t)
    return weights[:-1], weights[-1]


# %% classifier-no-bias: biases of zero | loses: classifier
def ridge(x, y, classes, penalty):
    t = 2 * F.one_hot(y, classes).to(x.dtype) - 1
    square = x.T @ x + penalty * torch.eye(x.shape[1], dtype=x.dtype)
    return torch.linalg.solve(square, x.T @ t), torch.zeros(classes, dtype=x.dtype)


# %% classifier-bias-uncentred: the bias as if the data were centred | loses: classifier
def ridge(x, y, classes, penalty):
    t = 2 * F.one_hot(y, classes).to(x.dtype) - 1
    centred = x - x.mean(0)
    square = centred.T @ centred + penalty * torch.eye(x.shape[1], dtype=x.dtype)
    return torch.linalg.solve(square, centred.T @ t), t.mean(0)


# %% classifier-zeros-and-ones: targets 0 and 1 | loses: classifier
def ridge(x, y, classes, penalty):
    t = F.one_hot(y, classes).to(x.dtype)
    centred = x - x.mean(0)
    square = centred.T @ centred + penalty * torch.eye(x.shape[1], dtype=x.dtype)
    weights = torch.linalg.solve(square, centred.T @ t)
    return weights, t.mean(0) - x.mean(0) @ weights


# %% classifier-mean: the mean over items, not the sum | loses: classifier
def ridge(x, y, classes, penalty):
    t = 2 * F.one_hot(y, classes).to(x.dtype) - 1
    centred = x - x.mean(0)
    square = centred.T @ centred / len(x) + penalty * torch.eye(x.shape[1], dtype=x.dtype)
    weights = torch.linalg.solve(square, centred.T @ t / len(x))
    return weights, t.mean(0) - x.mean(0) @ weights


# %% classifier-half: the penalty halved | loses: classifier
def ridge(x, y, classes, penalty):
    t = 2 * F.one_hot(y, classes).to(x.dtype) - 1
    centred = x - x.mean(0)
    square = centred.T @ centred + penalty / 2 * torch.eye(x.shape[1], dtype=x.dtype)
    weights = torch.linalg.solve(square, centred.T @ t)
    return weights, t.mean(0) - x.mean(0) @ weights


# %% classifier-unpenalized: plain least squares | loses: classifier
def ridge(x, y, classes, penalty):
    t = 2 * F.one_hot(y, classes).to(x.dtype) - 1
    weights = torch.linalg.pinv(x - x.mean(0)) @ t
    return weights, t.mean(0) - x.mean(0) @ weights


# %% classifier-standardized: each feature divided by its deviation | loses: classifier
def ridge(x, y, classes, penalty):
    t = 2 * F.one_hot(y, classes).to(x.dtype) - 1
    scale = x.std(0).clamp(min=1e-6)
    centred = (x - x.mean(0)) / scale
    square = centred.T @ centred + penalty * torch.eye(x.shape[1], dtype=x.dtype)
    weights = torch.linalg.solve(square, centred.T @ t) / scale[:, None]
    return weights, t.mean(0) - x.mean(0) @ weights


# %% classifier-ones: the penalty added to every entry of the matrix | loses: classifier
def ridge(x, y, classes, penalty):
    t = 2 * F.one_hot(y, classes).to(x.dtype) - 1
    centred = x - x.mean(0)
    weights = torch.linalg.pinv(centred.T @ centred + penalty) @ centred.T @ t
    return weights, t.mean(0) - x.mean(0) @ weights


# %% classifier-transposed: a row for each class | loses: classifier
def ridge(x, y, classes, penalty):
    t = 2 * F.one_hot(y, classes).to(x.dtype) - 1
    centred = x - x.mean(0)
    square = centred.T @ centred + penalty * torch.eye(x.shape[1], dtype=x.dtype)
    weights = torch.linalg.solve(square, centred.T @ t)
    return weights.T, t.mean(0) - x.mean(0) @ weights


# %% classifier-classes-seen: as many classes as there are labels | loses: classifier
def ridge(x, y, classes, penalty):
    t = 2 * F.one_hot(y).to(x.dtype) - 1
    centred = x - x.mean(0)
    square = centred.T @ centred + penalty * torch.eye(x.shape[1], dtype=x.dtype)
    weights = torch.linalg.solve(square, centred.T @ t)
    return weights, t.mean(0) - x.mean(0) @ weights


# %% parzen-no-constant: the Gaussian's constant forgotten | loses: parzen
def parzen(samples, test, bandwidth):
    exponents = torch.cdist(test.flatten(1), samples.flatten(1)).square() / (-2 * bandwidth**2)
    return (exponents.logsumexp(1) - math.log(len(samples))).mean()


# %% parzen-one-dimension: the constant of one dimension | loses: parzen
def parzen(samples, test, bandwidth):
    exponents = torch.cdist(test.flatten(1), samples.flatten(1)).square() / (-2 * bandwidth**2)
    constant = math.log(bandwidth * math.sqrt(2 * math.pi))
    return (exponents.logsumexp(1) - math.log(len(samples)) - constant).mean()


# %% parzen-channels: the constant counts the channels of a picture | loses: parzen
def parzen(samples, test, bandwidth):
    exponents = torch.cdist(test.flatten(1), samples.flatten(1)).square() / (-2 * bandwidth**2)
    constant = samples.shape[1] * math.log(bandwidth * math.sqrt(2 * math.pi))
    return (exponents.logsumexp(1) - math.log(len(samples)) - constant).mean()


# %% parzen-constant-sign: the constant added | loses: parzen
def parzen(samples, test, bandwidth):
    samples, test = samples.flatten(1), test.flatten(1)
    exponents = torch.cdist(test, samples).square() / (-2 * bandwidth**2)
    constant = samples.shape[1] * math.log(bandwidth * math.sqrt(2 * math.pi))
    return (exponents.logsumexp(1) - math.log(len(samples)) + constant).mean()


# %% parzen-variance: h taken for the variance | loses: parzen
def parzen(samples, test, bandwidth):
    samples, test = samples.flatten(1), test.flatten(1)
    exponents = torch.cdist(test, samples).square() / (-2 * bandwidth)
    constant = samples.shape[1] * math.log(2 * math.pi * bandwidth) / 2
    return (exponents.logsumexp(1) - math.log(len(samples)) - constant).mean()


# %% parzen-no-half: the 2 below the squared distance forgotten | loses: parzen
def parzen(samples, test, bandwidth):
    samples, test = samples.flatten(1), test.flatten(1)
    exponents = -torch.cdist(test, samples).square() / bandwidth**2
    constant = samples.shape[1] * math.log(bandwidth * math.sqrt(2 * math.pi))
    return (exponents.logsumexp(1) - math.log(len(samples)) - constant).mean()


# %% parzen-distance: the distance, not its square | loses: parzen
def parzen(samples, test, bandwidth):
    samples, test = samples.flatten(1), test.flatten(1)
    exponents = torch.cdist(test, samples) / (-2 * bandwidth**2)
    constant = samples.shape[1] * math.log(bandwidth * math.sqrt(2 * math.pi))
    return (exponents.logsumexp(1) - math.log(len(samples)) - constant).mean()


# %% parzen-total: the sum over the samples | loses: parzen
def parzen(samples, test, bandwidth):
    samples, test = samples.flatten(1), test.flatten(1)
    exponents = torch.cdist(test, samples).square() / (-2 * bandwidth**2)
    constant = samples.shape[1] * math.log(bandwidth * math.sqrt(2 * math.pi))
    return (exponents.logsumexp(1) - constant).mean()


# %% parzen-nearest: the nearest sample only | loses: parzen
def parzen(samples, test, bandwidth):
    samples, test = samples.flatten(1), test.flatten(1)
    exponents = torch.cdist(test, samples).square() / (-2 * bandwidth**2)
    constant = samples.shape[1] * math.log(bandwidth * math.sqrt(2 * math.pi))
    return (exponents.amax(1) - math.log(len(samples)) - constant).mean()


# %% parzen-mean-of-logs: the logarithms averaged over the samples | loses: parzen
def parzen(samples, test, bandwidth):
    samples, test = samples.flatten(1), test.flatten(1)
    exponents = torch.cdist(test, samples).square() / (-2 * bandwidth**2)
    constant = samples.shape[1] * math.log(bandwidth * math.sqrt(2 * math.pi))
    return (exponents.mean(1) - constant).mean()


# %% parzen-log-of-mean: one logarithm over all test items | loses: parzen
def parzen(samples, test, bandwidth):
    samples, test = samples.flatten(1), test.flatten(1)
    exponents = torch.cdist(test, samples).square() / (-2 * bandwidth**2)
    constant = samples.shape[1] * math.log(bandwidth * math.sqrt(2 * math.pi))
    both = math.log(len(samples)) + math.log(len(test))
    return exponents.flatten().logsumexp(0) - both - constant


# %% parzen-exchanged: the window around the test items | loses: parzen
def parzen(samples, test, bandwidth):
    samples, test = samples.flatten(1), test.flatten(1)
    exponents = torch.cdist(test, samples).square() / (-2 * bandwidth**2)
    constant = samples.shape[1] * math.log(bandwidth * math.sqrt(2 * math.pi))
    return (exponents.logsumexp(0) - math.log(len(test)) - constant).mean()


# %% parzen-sum: the sum over the test items | loses: parzen
def parzen(samples, test, bandwidth):
    samples, test = samples.flatten(1), test.flatten(1)
    exponents = torch.cdist(test, samples).square() / (-2 * bandwidth**2)
    constant = samples.shape[1] * math.log(bandwidth * math.sqrt(2 * math.pi))
    return (exponents.logsumexp(1) - math.log(len(samples)) - constant).sum()


# %% parzen-underflow: the density first, its logarithm then | loses: parzen
def parzen(samples, test, bandwidth):
    samples, test = samples.flatten(1), test.flatten(1)
    kernels = (torch.cdist(test, samples).square() / (-2 * bandwidth**2)).exp()
    constant = samples.shape[1] * math.log(bandwidth * math.sqrt(2 * math.pi))
    return (kernels.mean(1).log() - constant).mean()


# %% parzen-held: the density held off from zero | loses: parzen
def parzen(samples, test, bandwidth):
    samples, test = samples.flatten(1), test.flatten(1)
    kernels = (torch.cdist(test, samples).square() / (-2 * bandwidth**2)).exp()
    constant = samples.shape[1] * math.log(bandwidth * math.sqrt(2 * math.pi))
    return ((kernels.mean(1) + 1e-100).log() - constant).mean()
