# Plausible wrong answers to lab 37: each must lose the points that its header says, and no others.
# The body stands in for the solution cell that defines the same names.


# %% cycle-wrong-side: each trip begins in the other map | loses: cycle
def cycle_loss(to_b, to_a, a, b):
    return (to_b(to_a(a)) - a).abs().mean() + (to_a(to_b(b)) - b).abs().mean()


# %% cycle-one-trip: the trip from A only | loses: cycle
def cycle_loss(to_b, to_a, a, b):
    return (to_a(to_b(a)) - a).abs().mean()


# %% cycle-half: the mean of both trips | loses: cycle
def cycle_loss(to_b, to_a, a, b):
    return ((to_a(to_b(a)) - a).abs().mean() + (to_b(to_a(b)) - b).abs().mean()) / 2


# %% cycle-sum: summed over pixels, a mean over items | loses: cycle
def cycle_loss(to_b, to_a, a, b):
    return (to_a(to_b(a)) - a).abs().flatten(1).sum(1).mean() + (
        to_b(to_a(b)) - b
    ).abs().flatten(1).sum(1).mean()


# %% cycle-square: squared errors | loses: cycle
def cycle_loss(to_b, to_a, a, b):
    return (to_a(to_b(a)) - a).square().mean() + (to_b(to_a(b)) - b).square().mean()


# %% cycle-signed: errors that cancel | loses: cycle
def cycle_loss(to_b, to_a, a, b):
    return (to_a(to_b(a)) - a).mean().abs() + (to_b(to_a(b)) - b).mean().abs()


# %% cycle-joined: one mean over both domains | loses: cycle
def cycle_loss(to_b, to_a, a, b):
    errors = [(to_a(to_b(a)) - a).abs().flatten(), (to_b(to_a(b)) - b).abs().flatten()]
    return 2 * torch.cat(errors).mean()


# %% cycle-detached: the translations detached | loses: cycle
def cycle_loss(to_b, to_a, a, b):
    home_a, home_b = to_a(to_b(a).detach()), to_b(to_a(b).detach())
    return (home_a - a).abs().mean() + (home_b - b).abs().mean()


# %% cycle-number: a float, without gradient | loses: cycle
def cycle_loss(to_b, to_a, a, b):
    return ((to_a(to_b(a)) - a).abs().mean() + (to_b(to_a(b)) - b).abs().mean()).item()


# %% cycle-per-item: a number for each picture | loses: cycle
def cycle_loss(to_b, to_a, a, b):
    return (to_a(to_b(a)) - a).abs().flatten(1).mean(1) + (to_b(to_a(b)) - b).abs().flatten(
        1
    ).mean(1).mean()


# %% identity-wrong-domain: each generator on what it usually translates | loses: identity
def identity_loss(to_b, to_a, a, b):
    return (to_b(a) - a).abs().mean() + (to_a(b) - b).abs().mean()


# %% identity-cycle: the cycle again | loses: identity
def identity_loss(to_b, to_a, a, b):
    return (to_a(to_b(a)) - a).abs().mean() + (to_b(to_a(b)) - b).abs().mean()


# %% identity-one: to_b only | loses: identity
def identity_loss(to_b, to_a, a, b):
    return (to_b(b) - b).abs().mean()


# %% identity-half: the mean of both | loses: identity
def identity_loss(to_b, to_a, a, b):
    return ((to_b(b) - b).abs().mean() + (to_a(a) - a).abs().mean()) / 2


# %% identity-square: squared errors | loses: identity
def identity_loss(to_b, to_a, a, b):
    return (to_b(b) - b).square().mean() + (to_a(a) - a).square().mean()


# %% identity-joined: one mean over both domains | loses: identity
def identity_loss(to_b, to_a, a, b):
    errors = torch.cat([(to_b(b) - b).flatten(), (to_a(a) - a).flatten()])
    return 2 * errors.abs().mean()


# %% identity-signed: errors that cancel | loses: identity
def identity_loss(to_b, to_a, a, b):
    return (to_b(b) - b).mean().abs() + (to_a(a) - a).mean().abs()


# %% squares-targets-exchanged: 0 for real pictures, 1 for fakes | loses: squares
def judge_loss(on_real, on_fake):
    return (on_real.square().mean() + (on_fake - 1).square().mean()) / 2


def generator_loss(on_fake):
    return (on_fake - 1).square().mean()


# %% squares-no-half: the judge without its half | loses: squares
def judge_loss(on_real, on_fake):
    return (on_real - 1).square().mean() + on_fake.square().mean()


def generator_loss(on_fake):
    return (on_fake - 1).square().mean()


# %% squares-generator-half: a half for the generator, too | loses: squares
def judge_loss(on_real, on_fake):
    return ((on_real - 1).square().mean() + on_fake.square().mean()) / 2


def generator_loss(on_fake):
    return (on_fake - 1).square().mean() / 2


# %% squares-generator-target: the generator wants 0 | loses: squares
def judge_loss(on_real, on_fake):
    return ((on_real - 1).square().mean() + on_fake.square().mean()) / 2


def generator_loss(on_fake):
    return on_fake.square().mean()


# %% squares-generator-minimax: minus the judge's loss | loses: squares
def judge_loss(on_real, on_fake):
    return ((on_real - 1).square().mean() + on_fake.square().mean()) / 2


def generator_loss(on_fake):
    return -on_fake.square().mean()


# %% squares-generator-sum: a sum over the map | loses: squares
def judge_loss(on_real, on_fake):
    return ((on_real - 1).square().mean() + on_fake.square().mean()) / 2


def generator_loss(on_fake):
    return (on_fake - 1).square().flatten(1).sum(1).mean()


# %% squares-map-averaged: the map averaged before it is graded | loses: squares
def judge_loss(on_real, on_fake):
    real, fake = on_real.mean((1, 2, 3)), on_fake.mean((1, 2, 3))
    return ((real - 1).square().mean() + fake.square().mean()) / 2


def generator_loss(on_fake):
    return (on_fake - 1).square().mean()


# %% squares-sigmoid: a sigmoid first | loses: squares
def judge_loss(on_real, on_fake):
    real, fake = on_real.sigmoid(), on_fake.sigmoid()
    return ((real - 1).square().mean() + fake.square().mean()) / 2


def generator_loss(on_fake):
    return (on_fake - 1).square().mean()


# %% squares-cross-entropy: the loss of chapter 31 | loses: squares
def judge_loss(on_real, on_fake):
    return (F.softplus(-on_real).mean() + F.softplus(on_fake).mean()) / 2


def generator_loss(on_fake):
    return (on_fake - 1).square().mean()


# %% squares-joined: one mean over real pictures and fakes | loses: squares
def judge_loss(on_real, on_fake):
    return torch.cat([(on_real - 1).flatten(), on_fake.flatten()]).square().mean()


def generator_loss(on_fake):
    return (on_fake - 1).square().mean()


# %% objective-judges-exchanged: each fake before the judge of the domain it came from | loses: objective
def objective(to_b, to_a, judge_a, judge_b, a, b, cycle=10.0, identity=0.0):
    fake_a, fake_b = to_a(b), to_b(a)
    loss = (judge_b(fake_a) - 1).square().mean() + (judge_a(fake_b) - 1).square().mean()
    loss = loss + cycle * (F.l1_loss(to_a(fake_b), a) + F.l1_loss(to_b(fake_a), b))
    if identity:
        loss = loss + cycle * identity * (F.l1_loss(to_b(b), b) + F.l1_loss(to_a(a), a))
    return loss


# %% objective-real-judged: real pictures before the judges | loses: objective
def objective(to_b, to_a, judge_a, judge_b, a, b, cycle=10.0, identity=0.0):
    fake_a, fake_b = to_a(b), to_b(a)
    loss = (judge_a(a) - 1).square().mean() + (judge_b(b) - 1).square().mean()
    loss = loss + cycle * (F.l1_loss(to_a(fake_b), a) + F.l1_loss(to_b(fake_a), b))
    if identity:
        loss = loss + cycle * identity * (F.l1_loss(to_b(b), b) + F.l1_loss(to_a(a), a))
    return loss


# %% objective-target-0: the generators want what the judges want | loses: objective
def objective(to_b, to_a, judge_a, judge_b, a, b, cycle=10.0, identity=0.0):
    fake_a, fake_b = to_a(b), to_b(a)
    loss = judge_a(fake_a).square().mean() + judge_b(fake_b).square().mean()
    loss = loss + cycle * (F.l1_loss(to_a(fake_b), a) + F.l1_loss(to_b(fake_a), b))
    if identity:
        loss = loss + cycle * identity * (F.l1_loss(to_b(b), b) + F.l1_loss(to_a(a), a))
    return loss


# %% objective-cycle-one-side: lambda before one of the trips only | loses: objective
def objective(to_b, to_a, judge_a, judge_b, a, b, cycle=10.0, identity=0.0):
    fake_a, fake_b = to_a(b), to_b(a)
    loss = (judge_a(fake_a) - 1).square().mean() + (judge_b(fake_b) - 1).square().mean()
    loss = loss + cycle * F.l1_loss(to_a(fake_b), a) + F.l1_loss(to_b(fake_a), b)
    if identity:
        loss = loss + cycle * identity * (F.l1_loss(to_b(b), b) + F.l1_loss(to_a(a), a))
    return loss


# %% objective-cycle-wrong-side: each fake translated once more into its own domain | loses: objective
def objective(to_b, to_a, judge_a, judge_b, a, b, cycle=10.0, identity=0.0):
    fake_a, fake_b = to_a(b), to_b(a)
    loss = (judge_a(fake_a) - 1).square().mean() + (judge_b(fake_b) - 1).square().mean()
    loss = loss + cycle * (F.l1_loss(to_b(fake_b), fake_b) + F.l1_loss(to_a(fake_a), fake_a))
    if identity:
        loss = loss + cycle * identity * (F.l1_loss(to_b(b), b) + F.l1_loss(to_a(a), a))
    return loss


# %% objective-detached: fakes detached before they travel back | loses: objective
def objective(to_b, to_a, judge_a, judge_b, a, b, cycle=10.0, identity=0.0):
    fake_a, fake_b = to_a(b), to_b(a)
    loss = (judge_a(fake_a) - 1).square().mean() + (judge_b(fake_b) - 1).square().mean()
    loss = loss + cycle * (
        F.l1_loss(to_a(fake_b.detach()), a) + F.l1_loss(to_b(fake_a.detach()), b)
    )
    if identity:
        loss = loss + cycle * identity * (F.l1_loss(to_b(b), b) + F.l1_loss(to_a(a), a))
    return loss


# %% objective-judged-detached: fakes detached before they are judged | loses: objective
def objective(to_b, to_a, judge_a, judge_b, a, b, cycle=10.0, identity=0.0):
    fake_a, fake_b = to_a(b), to_b(a)
    loss = (judge_a(fake_a.detach()) - 1).square().mean() + (
        judge_b(fake_b.detach()) - 1
    ).square().mean()
    loss = loss + cycle * (F.l1_loss(to_a(fake_b), a) + F.l1_loss(to_b(fake_a), b))
    if identity:
        loss = loss + cycle * identity * (F.l1_loss(to_b(b), b) + F.l1_loss(to_a(a), a))
    return loss


# %% objective-identity-not-in-lambda: the identity term's weight not in units of lambda | loses: objective
def objective(to_b, to_a, judge_a, judge_b, a, b, cycle=10.0, identity=0.0):
    fake_a, fake_b = to_a(b), to_b(a)
    loss = (judge_a(fake_a) - 1).square().mean() + (judge_b(fake_b) - 1).square().mean()
    loss = loss + cycle * (F.l1_loss(to_a(fake_b), a) + F.l1_loss(to_b(fake_a), b))
    if identity:
        loss = loss + identity * (F.l1_loss(to_b(b), b) + F.l1_loss(to_a(a), a))
    return loss


# %% objective-identity-lambda-only: the identity term with weight lambda | loses: objective
def objective(to_b, to_a, judge_a, judge_b, a, b, cycle=10.0, identity=0.0):
    fake_a, fake_b = to_a(b), to_b(a)
    loss = (judge_a(fake_a) - 1).square().mean() + (judge_b(fake_b) - 1).square().mean()
    loss = loss + cycle * (F.l1_loss(to_a(fake_b), a) + F.l1_loss(to_b(fake_a), b))
    if identity:
        loss = loss + cycle * (F.l1_loss(to_b(b), b) + F.l1_loss(to_a(a), a))
    return loss


# %% objective-identity-wrong-domain: the identity term on what is translated | loses: objective
def objective(to_b, to_a, judge_a, judge_b, a, b, cycle=10.0, identity=0.0):
    fake_a, fake_b = to_a(b), to_b(a)
    loss = (judge_a(fake_a) - 1).square().mean() + (judge_b(fake_b) - 1).square().mean()
    loss = loss + cycle * (F.l1_loss(to_a(fake_b), a) + F.l1_loss(to_b(fake_a), b))
    if identity:
        loss = loss + cycle * identity * (F.l1_loss(to_b(a), a) + F.l1_loss(to_a(b), b))
    return loss


# %% objective-twice: each fake made twice | loses: objective
def objective(to_b, to_a, judge_a, judge_b, a, b, cycle=10.0, identity=0.0):
    loss = (judge_a(to_a(b)) - 1).square().mean() + (judge_b(to_b(a)) - 1).square().mean()
    loss = loss + cycle * (F.l1_loss(to_a(to_b(a)), a) + F.l1_loss(to_b(to_a(b)), b))
    if identity:
        loss = loss + cycle * identity * (F.l1_loss(to_b(b), b) + F.l1_loss(to_a(a), a))
    return loss


# %% objective-identity-always: the identity term computed, and weighted by 0 | loses: objective
def objective(to_b, to_a, judge_a, judge_b, a, b, cycle=10.0, identity=0.0):
    fake_a, fake_b = to_a(b), to_b(a)
    loss = (judge_a(fake_a) - 1).square().mean() + (judge_b(fake_b) - 1).square().mean()
    loss = loss + cycle * (F.l1_loss(to_a(fake_b), a) + F.l1_loss(to_b(fake_a), b))
    loss = loss + cycle * identity * (F.l1_loss(to_b(b), b) + F.l1_loss(to_a(a), a))
    return loss


# %% pool-before-full: swapped before it is full | loses: pool
def from_pool(stored, fakes, size, coins, places):
    seen, kept = [], list(stored.detach())
    for fake, coin, place in zip(fakes.detach(), coins, places, strict=True):
        if len(kept) == 0:
            seen.append(fake)
            kept.append(fake)
        elif coin < 0.5 and place < len(kept):
            seen.append(kept[place])
            kept[place] = fake
        else:
            seen.append(fake)
            if len(kept) < size:
                kept.append(fake)
    return torch.stack(seen), torch.stack(kept)


# %% pool-never-old: the judge never sees an old one | loses: pool
def from_pool(stored, fakes, size, coins, places):
    seen, kept = [], list(stored.detach())
    for fake, coin, place in zip(fakes.detach(), coins, places, strict=True):
        if len(kept) < size:
            seen.append(fake)
            kept.append(fake)
        elif coin < 0.5:
            seen.append(fake)
            kept[place] = fake
        else:
            seen.append(fake)
    return torch.stack(seen), torch.stack(kept)


# %% pool-written-first: the new one in its place before the old one is out | loses: pool
def from_pool(stored, fakes, size, coins, places):
    seen, kept = [], list(stored.detach())
    for fake, coin, place in zip(fakes.detach(), coins, places, strict=True):
        if len(kept) < size:
            seen.append(fake)
            kept.append(fake)
        elif coin < 0.5:
            kept[place] = fake
            seen.append(kept[place])
        else:
            seen.append(fake)
    return torch.stack(seen), torch.stack(kept)


# %% pool-grows: the new one behind the others, for ever | loses: pool
def from_pool(stored, fakes, size, coins, places):
    seen, kept = [], list(stored.detach())
    for fake, coin, place in zip(fakes.detach(), coins, places, strict=True):
        if len(kept) < size:
            seen.append(fake)
            kept.append(fake)
        elif coin < 0.5:
            seen.append(kept[place])
            kept.append(fake)
        else:
            seen.append(fake)
    return torch.stack(seen), torch.stack(kept)


# %% pool-old-stays: the old one is shown, and stays | loses: pool
def from_pool(stored, fakes, size, coins, places):
    seen, kept = [], list(stored.detach())
    for fake, coin, place in zip(fakes.detach(), coins, places, strict=True):
        if len(kept) < size:
            seen.append(fake)
            kept.append(fake)
        elif coin < 0.5:
            seen.append(kept[place])
        else:
            seen.append(fake)
    return torch.stack(seen), torch.stack(kept)


# %% pool-coin-reversed: swapped on the other side of the coin | loses: pool
def from_pool(stored, fakes, size, coins, places):
    seen, kept = [], list(stored.detach())
    for fake, coin, place in zip(fakes.detach(), coins, places, strict=True):
        if len(kept) < size:
            seen.append(fake)
            kept.append(fake)
        elif coin >= 0.5:
            seen.append(kept[place])
            kept[place] = fake
        else:
            seen.append(fake)
    return torch.stack(seen), torch.stack(kept)


# %% pool-fill-by-coin: stored, while there is room, on heads only | loses: pool
def from_pool(stored, fakes, size, coins, places):
    seen, kept = [], list(stored.detach())
    for fake, coin, place in zip(fakes.detach(), coins, places, strict=True):
        if len(kept) < size:
            seen.append(fake)
            if coin < 0.5:
                kept.append(fake)
        elif coin < 0.5:
            seen.append(kept[place])
            kept[place] = fake
        else:
            seen.append(fake)
    return torch.stack(seen), torch.stack(kept)


# %% pool-always-stored: stored on tails, too | loses: pool
def from_pool(stored, fakes, size, coins, places):
    seen, kept = [], list(stored.detach())
    for fake, coin, place in zip(fakes.detach(), coins, places, strict=True):
        if len(kept) < size:
            seen.append(fake)
            kept.append(fake)
        elif coin < 0.5:
            seen.append(kept[place])
            kept[place] = fake
        else:
            seen.append(fake)
            kept[place] = fake
    return torch.stack(seen), torch.stack(kept)


# %% pool-queue: the oldest leaves | loses: pool
def from_pool(stored, fakes, size, coins, places):
    seen, kept = [], list(stored.detach())
    for fake, coin, place in zip(fakes.detach(), coins, places, strict=True):
        if len(kept) < size:
            seen.append(fake)
            kept.append(fake)
        elif coin < 0.5:
            seen.append(kept.pop(0))
            kept.append(fake)
        else:
            seen.append(fake)
    return torch.stack(seen), torch.stack(kept)


# %% pool-batch-decides: room is asked for once a batch | loses: pool
def from_pool(stored, fakes, size, coins, places):
    seen, kept = [], list(stored.detach())
    room = len(kept) < size
    for fake, coin, place in zip(fakes.detach(), coins, places, strict=True):
        if room:
            seen.append(fake)
            kept.append(fake)
        elif coin < 0.5:
            seen.append(kept[place])
            kept[place] = fake
        else:
            seen.append(fake)
    return torch.stack(seen), torch.stack(kept)


# %% pool-from-before: old ones are taken from the pool as it was | loses: pool
def from_pool(stored, fakes, size, coins, places):
    seen, kept = [], list(stored.detach())
    before = [*kept, *fakes.detach()][:size]
    for fake, coin, place in zip(fakes.detach(), coins, places, strict=True):
        if len(kept) < size:
            seen.append(fake)
            kept.append(fake)
        elif coin < 0.5:
            seen.append(before[place])
            kept[place] = fake
        else:
            seen.append(fake)
    return torch.stack(seen), torch.stack(kept)


# %% pool-one-coin: one coin for the whole batch | loses: pool
def from_pool(stored, fakes, size, coins, places):
    seen, kept = [], list(stored.detach())
    for fake, coin, place in zip(fakes.detach(), coins, places, strict=True):
        if len(kept) < size:
            seen.append(fake)
            kept.append(fake)
        elif coins[0] < 0.5:
            seen.append(kept[place])
            kept[place] = fake
        else:
            seen.append(fake)
    return torch.stack(seen), torch.stack(kept)


# %% pool-graph: stored with the generator's graph | loses: pool
def from_pool(stored, fakes, size, coins, places):
    seen, kept = [], list(stored.detach())
    for fake, coin, place in zip(fakes, coins, places, strict=True):
        if len(kept) < size:
            seen.append(fake)
            kept.append(fake)
        elif coin < 0.5:
            seen.append(kept[place])
            kept[place] = fake
        else:
            seen.append(fake)
    return torch.stack(seen), torch.stack(kept)


# %% pool-one-more: room for one more | loses: pool
def from_pool(stored, fakes, size, coins, places):
    seen, kept = [], list(stored.detach())
    for fake, coin, place in zip(fakes.detach(), coins, places, strict=True):
        if len(kept) <= size:
            seen.append(fake)
            kept.append(fake)
        elif coin < 0.5:
            seen.append(kept[place])
            kept[place] = fake
        else:
            seen.append(fake)
    return torch.stack(seen), torch.stack(kept)


# %% pool-in-place: the pool is changed in place | loses: pool
def from_pool(stored, fakes, size, coins, places):
    seen, kept = [], stored
    for fake, coin, place in zip(fakes.detach(), coins, places, strict=True):
        if len(kept) < size:
            seen.append(fake)
            kept = torch.cat([kept, fake[None]])
        elif coin < 0.5:
            seen.append(kept[place].clone())
            kept[place] = fake
        else:
            seen.append(fake)
    return torch.stack(seen), kept


# %% pool-view: the old one is a view of its place, which is written over | loses: pool
def from_pool(stored, fakes, size, coins, places):
    seen, kept = [], stored.clone()
    for fake, coin, place in zip(fakes.detach(), coins, places, strict=True):
        if len(kept) < size:
            seen.append(fake)
            kept = torch.cat([kept, fake[None]])
        elif coin < 0.5:
            seen.append(kept[place])
            kept[place] = fake
        else:
            seen.append(fake)
    return torch.stack(seen), kept


# %% patch-step-too-early: the stride counted one layer too early | loses: patch
def seen_by(i, layers):
    first = last = i
    for kernel, stride, padding in reversed(layers):
        first, last = first * stride - padding, (last + kernel - 1) * stride - padding
    return first, last


def map_side(side, layers):
    for kernel, stride, padding in layers:
        side = (side + 2 * padding - kernel) // stride + 1
    return side


# %% patch-step-before: a layer's window in the wrong unit | loses: patch
def seen_by(i, layers):
    side, step, start = 1, 1, 0
    for kernel, stride, padding in layers:
        step *= stride
        side, start = side + (kernel - 1) * step, start - padding * step
    return i * step + start, i * step + start + side - 1


def map_side(side, layers):
    for kernel, stride, padding in layers:
        side = (side + 2 * padding - kernel) // stride + 1
    return side


# %% patch-no-strides: windows added as if all strides were 1 | loses: patch
def seen_by(i, layers):
    first = last = i
    for kernel, _, padding in reversed(layers):
        first, last = first - padding, last - padding + kernel - 1
    return first, last


def map_side(side, layers):
    for kernel, stride, padding in layers:
        side = (side + 2 * padding - kernel) // stride + 1
    return side


# %% patch-forwards: from the picture's layer on | loses: patch
def seen_by(i, layers):
    first = last = i
    for kernel, stride, padding in layers:
        first, last = first * stride - padding, last * stride - padding + kernel - 1
    return first, last


def map_side(side, layers):
    for kernel, stride, padding in layers:
        side = (side + 2 * padding - kernel) // stride + 1
    return side


# %% patch-no-padding: padding forgotten | loses: patch
def seen_by(i, layers):
    first = last = i
    for kernel, stride, _ in reversed(layers):
        first, last = first * stride, last * stride + kernel - 1
    return first, last


def map_side(side, layers):
    for kernel, stride, padding in layers:
        side = (side + 2 * padding - kernel) // stride + 1
    return side


# %% patch-clipped: cut off at the picture's edge | loses: patch
def seen_by(i, layers):
    first = last = i
    for kernel, stride, padding in reversed(layers):
        first, last = first * stride - padding, last * stride - padding + kernel - 1
    return max(first, 0), last


def map_side(side, layers):
    for kernel, stride, padding in layers:
        side = (side + 2 * padding - kernel) // stride + 1
    return side


# %% patch-map-no-plus-one: the first window not counted | loses: patch
def seen_by(i, layers):
    first = last = i
    for kernel, stride, padding in reversed(layers):
        first, last = first * stride - padding, last * stride - padding + kernel - 1
    return first, last


def map_side(side, layers):
    for kernel, stride, padding in layers:
        side = (side + 2 * padding - kernel) // stride
    return side


# %% patch-map-one-side: padding at one end | loses: patch
def seen_by(i, layers):
    first = last = i
    for kernel, stride, padding in reversed(layers):
        first, last = first * stride - padding, last * stride - padding + kernel - 1
    return first, last


def map_side(side, layers):
    for kernel, stride, padding in layers:
        side = (side + padding - kernel) // stride + 1
    return side


# %% patch-map-ceil: windows that do not fit, too | loses: patch
def seen_by(i, layers):
    first = last = i
    for kernel, stride, padding in reversed(layers):
        first, last = first * stride - padding, last * stride - padding + kernel - 1
    return first, last


def map_side(side, layers):
    for kernel, stride, padding in layers:
        side = math.ceil((side + 2 * padding - kernel) / stride) + 1
    return side


# %% patch-map-float: divided by / | loses: patch
def seen_by(i, layers):
    first = last = i
    for kernel, stride, padding in reversed(layers):
        first, last = first * stride - padding, last * stride - padding + kernel - 1
    return first, last


def map_side(side, layers):
    for kernel, stride, padding in layers:
        side = (side + 2 * padding - kernel) / stride + 1
    return side


# %% patch-map-backwards: layers from the last to the first | loses: patch
def seen_by(i, layers):
    first = last = i
    for kernel, stride, padding in reversed(layers):
        first, last = first * stride - padding, last * stride - padding + kernel - 1
    return first, last


def map_side(side, layers):
    for kernel, stride, padding in reversed(layers):
        side = (side + 2 * padding - kernel) // stride + 1
    return side


# %% rate-too-early: a line from the very start | loses: rate
def rate(t, decay=0.5):
    return 1 - t


# %% rate-too-late: the fall begins halfway through the falling part | loses: rate
def rate(t, decay=0.5):
    start = 1 - decay / 2
    return 1.0 if t <= start else (1 - t) / (1 - start)


# %% rate-shares-exchanged: decay taken for the constant part | loses: rate
def rate(t, decay=0.5):
    return 1.0 if t < decay else (1 - t) / (1 - decay) if decay < 1 else 1.0


# %% rate-not-capped: more than 1 at the start | loses: rate
def rate(t, decay=0.5):
    return (1 - t) / decay if decay else 1.0


# %% rate-not-to-zero: ends at 1 - decay | loses: rate
def rate(t, decay=0.5):
    return min(1.0, 1 - t + 1 - decay)


# %% rate-jump: a jump where the fall begins | loses: rate
def rate(t, decay=0.5):
    return 1.0 if t < 1 - decay else 1 - t


# %% rate-cosine: a cosine in place of a line | loses: rate
def rate(t, decay=0.5):
    left = min(1.0, (1 - t) / decay) if decay else 1.0
    return (1 - math.cos(math.pi * left)) / 2


# %% rate-divided-by-zero: decay = 0 not thought of | loses: rate
def rate(t, decay=0.5):
    return min(1.0, (1 - t) / decay)


# %% rate-half-always: decay not read | loses: rate
def rate(t, decay=0.5):
    return min(1.0, (1 - t) / 0.5)


# %% rate-zero-at-the-end: with decay = 0 it falls at the very end | loses: rate
def rate(t, decay=0.5):
    return 1.0 if t <= 1 - decay and t < 1 else (1 - t) / (decay or 1.0)


# %% pad-edge-repeated: the pixel at the edge twice | loses: pad
def reflect(x, p):
    rows, columns = (
        torch.cat([torch.arange(p).flip(0), torch.arange(n), n - 1 - torch.arange(p)])
        for n in x.shape[2:]
    )
    return x[:, :, rows][:, :, :, columns]


# %% pad-replicated: the pixel at the edge again and again | loses: pad
def reflect(x, p):
    rows, columns = (torch.arange(-p, n + p).clamp(0, n - 1) for n in x.shape[2:])
    return x[:, :, rows][:, :, :, columns]


# %% pad-circular: the other end | loses: pad
def reflect(x, p):
    rows, columns = (torch.arange(-p, n + p) % n for n in x.shape[2:])
    return x[:, :, rows][:, :, :, columns]


# %% pad-zeros: zeros | loses: pad
def reflect(x, p):
    n, c, h, w = x.shape
    wide = x.new_zeros(n, c, h + 2 * p, w + 2 * p)
    wide[:, :, p : p + h, p : p + w] = x
    return wide


# %% pad-not-turned: strips that are not turned round | loses: pad
def reflect(x, p):
    x = torch.cat([x[:, :, 1 : p + 1], x, x[:, :, x.shape[2] - 1 - p : x.shape[2] - 1]], 2)
    return torch.cat([x[..., 1 : p + 1], x, x[..., x.shape[3] - 1 - p : x.shape[3] - 1]], 3)


# %% pad-columns-only: columns only | loses: pad
def reflect(x, p):
    columns = torch.arange(-p, x.shape[3] + p).abs()
    columns = (x.shape[3] - 1) - ((x.shape[3] - 1) - columns).abs()
    return x[:, :, :, columns]


# %% pad-left-for-right: the left strip on the right, too | loses: pad
def reflect(x, p):
    top, left = x[:, :, 1 : p + 1].flip(2), None
    x = torch.cat([top, x, top], 2)
    left = x[..., 1 : p + 1].flip(3)
    return torch.cat([left, x, left], 3)


# %% pad-right-edge-repeated: right and below the edge twice | loses: pad
def reflect(x, p):
    top, bottom = x[:, :, 1 : p + 1].flip(2), x[:, :, x.shape[2] - p :].flip(2)
    x = torch.cat([top, x, bottom], 2)
    left, right = x[..., 1 : p + 1].flip(3), x[..., x.shape[3] - p :].flip(3)
    return torch.cat([left, x, right], 3)


# %% pad-square: as if H were W | loses: pad
def reflect(x, p):
    rows = (x.shape[2] - 1) - ((x.shape[2] - 1) - torch.arange(-p, x.shape[2] + p).abs()).abs()
    return x[:, :, rows][:, :, :, rows]


# %% pad-corners: corners left at 0 | loses: pad
def reflect(x, p):
    n, c, h, w = x.shape
    wide = x.new_zeros(n, c, h + 2 * p, w + 2 * p)
    wide[:, :, p : p + h, p : p + w] = x
    wide[:, :, :p, p : p + w] = x[:, :, 1 : p + 1].flip(2)
    wide[:, :, p + h :, p : p + w] = x[:, :, h - 1 - p : h - 1].flip(2)
    wide[:, :, p : p + h, :p] = x[..., 1 : p + 1].flip(3)
    wide[:, :, p : p + h, p + w :] = x[..., w - 1 - p : w - 1].flip(3)
    return wide


# %% pad-torch: torch's own | loses: pad
def reflect(x, p):
    return F.pad(x, (p, p, p, p), mode="reflect")


# %% norm-batch: over the items, too | loses: norm
def instance_norm(x, eps=1e-5):
    centred = x - x.mean((0, 2, 3), keepdim=True)
    return centred / (centred.square().mean((0, 2, 3), keepdim=True) + eps).sqrt()


# %% norm-layer: over the channels, too | loses: norm
def instance_norm(x, eps=1e-5):
    centred = x - x.mean((1, 2, 3), keepdim=True)
    return centred / (centred.square().mean((1, 2, 3), keepdim=True) + eps).sqrt()


# %% norm-unbiased: the variance divided by H W - 1 | loses: norm
def instance_norm(x, eps=1e-5):
    return (x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), keepdim=True) + eps).sqrt()


# %% norm-eps-outside: eps beside the root | loses: norm
def instance_norm(x, eps=1e-5):
    centred = x - x.mean((2, 3), keepdim=True)
    return centred / (centred.square().mean((2, 3), keepdim=True).sqrt() + eps)


# %% norm-no-eps: eps forgotten | loses: norm
def instance_norm(x, eps=1e-5):
    centred = x - x.mean((2, 3), keepdim=True)
    return centred / centred.square().mean((2, 3), keepdim=True).sqrt()


# %% norm-no-root: divided by the variance | loses: norm
def instance_norm(x, eps=1e-5):
    centred = x - x.mean((2, 3), keepdim=True)
    return centred / (centred.square().mean((2, 3), keepdim=True) + eps)


# %% norm-second-moment: the mean square of what was not centred | loses: norm
def instance_norm(x, eps=1e-5):
    return (x - x.mean((2, 3), keepdim=True)) / (
        x.square().mean((2, 3), keepdim=True) + eps
    ).sqrt()


# %% norm-eps-fixed: eps not read | loses: norm
def instance_norm(x, eps=1e-5):
    centred = x - x.mean((2, 3), keepdim=True)
    return centred / (centred.square().mean((2, 3), keepdim=True) + 1e-5).sqrt()


# %% norm-in-place: the maps are changed in place | loses: norm
def instance_norm(x, eps=1e-5):
    x -= x.mean((2, 3), keepdim=True)
    return x / (x.square().mean((2, 3), keepdim=True) + eps).sqrt()


# %% norm-torch: torch's own | loses: norm
def instance_norm(x, eps=1e-5):
    return F.instance_norm(x, eps=eps)


# %% maps-identity-only: only the map that one has in mind | loses: maps
def fitting(a, b):
    return [tuple(range(len(a)))] if tuple(a) == tuple(b) else []


def undoable(a, b):
    return [m for m in fitting(a, b) if sorted(m) == list(range(len(b)))]


# %% maps-permutations: all permutations, whatever the shares | loses: maps
def fitting(a, b):
    return list(itertools.permutations(range(len(b)), len(a)))


def undoable(a, b):
    return [m for m in fitting(a, b) if sorted(m) == list(range(len(b)))]


# %% maps-inverse: the way back in place of the way there | loses: maps
def fitting(a, b):
    found = []
    for m in itertools.product(range(len(b)), repeat=len(a)):
        arrived = [sum(n for n, to in zip(a, m, strict=True) if to == j) for j in range(len(b))]
        if all(x * sum(b) == y * sum(a) for x, y in zip(arrived, b, strict=True)):
            found.append(
                tuple(m.index(j) for j in range(len(b)))
                if sorted(m) == list(range(len(a)))
                else m
            )
    return found


def undoable(a, b):
    return [m for m in fitting(a, b) if sorted(m) == list(range(len(b)))]


# %% maps-counts: numbers compared, not shares | loses: maps
def fitting(a, b):
    found = []
    for m in itertools.product(range(len(b)), repeat=len(a)):
        arrived = [sum(n for n, to in zip(a, m, strict=True) if to == j) for j in range(len(b))]
        if all(x == y for x, y in zip(arrived, b, strict=True)):
            found.append(m)
    return found


def undoable(a, b):
    return [m for m in fitting(a, b) if sorted(m) == list(range(len(b)))]


# %% maps-floats: shares as floats | loses: maps
def fitting(a, b):
    found = []
    for m in itertools.product(range(len(b)), repeat=len(a)):
        arrived = [
            sum(n / sum(a) for n, to in zip(a, m, strict=True) if to == j)
            for j in range(len(b))
        ]
        if all(x == y / sum(b) for x, y in zip(arrived, b, strict=True)):
            found.append(m)
    return found


def undoable(a, b):
    return [m for m in fitting(a, b) if sorted(m) == list(range(len(b)))]


# %% maps-only-one-to-one: no two kinds may become the same | loses: maps
def fitting(a, b):
    found = []
    for m in itertools.product(range(len(b)), repeat=len(a)):
        arrived = [sum(n for n, to in zip(a, m, strict=True) if to == j) for j in range(len(b))]
        if len(set(m)) == len(m) and all(
            x * sum(b) == y * sum(a) for x, y in zip(arrived, b, strict=True)
        ):
            found.append(m)
    return found


def undoable(a, b):
    return [m for m in fitting(a, b) if sorted(m) == list(range(len(b)))]


# %% maps-support: every kind of B occurs, whatever its share | loses: maps
def fitting(a, b):
    found = []
    for m in itertools.product(range(len(b)), repeat=len(a)):
        arrived = [sum(n for n, to in zip(a, m, strict=True) if to == j) for j in range(len(b))]
        if all(x > 0 for x, y in zip(arrived, b, strict=True)):
            found.append(m)
    return found


def undoable(a, b):
    return [m for m in fitting(a, b) if sorted(m) == list(range(len(b)))]


# %% maps-undo-all: as if all could be undone | loses: maps
def fitting(a, b):
    found = []
    for m in itertools.product(range(len(b)), repeat=len(a)):
        arrived = [sum(n for n, to in zip(a, m, strict=True) if to == j) for j in range(len(b))]
        if all(x * sum(b) == y * sum(a) for x, y in zip(arrived, b, strict=True)):
            found.append(m)
    return found


def undoable(a, b):
    return fitting(a, b)


# %% maps-undo-onto: every kind of B is reached, from one or more | loses: maps
def fitting(a, b):
    found = []
    for m in itertools.product(range(len(b)), repeat=len(a)):
        arrived = [sum(n for n, to in zip(a, m, strict=True) if to == j) for j in range(len(b))]
        if all(x * sum(b) == y * sum(a) for x, y in zip(arrived, b, strict=True)):
            found.append(m)
    return found


def undoable(a, b):
    return [m for m in fitting(a, b) if set(m) == set(range(len(b)))]


# %% maps-undo-itself: the map is its own way back | loses: maps
def fitting(a, b):
    found = []
    for m in itertools.product(range(len(b)), repeat=len(a)):
        arrived = [sum(n for n, to in zip(a, m, strict=True) if to == j) for j in range(len(b))]
        if all(x * sum(b) == y * sum(a) for x, y in zip(arrived, b, strict=True)):
            found.append(m)
    return found


def undoable(a, b):
    return [
        m for m in fitting(a, b) if max(m) < len(m) and all(m[m[k]] == k for k in range(len(m)))
    ]


# %% maps-undo-permutations: every permutation, whatever the shares | loses: maps
def fitting(a, b):
    found = []
    for m in itertools.product(range(len(b)), repeat=len(a)):
        arrived = [sum(n for n, to in zip(a, m, strict=True) if to == j) for j in range(len(b))]
        if all(x * sum(b) == y * sum(a) for x, y in zip(arrived, b, strict=True)):
            found.append(m)
    return found


def undoable(a, b):
    return list(itertools.permutations(range(len(b)))) if len(a) == len(b) else []


# %% labels-transposed: rows and columns exchanged | loses: labels
def confusion(labels, seen, classes):
    pairs = seen * classes + labels
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def agreement(table):
    return (table.trace() / table.sum()).item()


def best_relabelling(table):
    rows, columns = linear_sum_assignment(table.numpy(), maximize=True)
    return (table[rows, columns].sum() / table.sum()).item(), tuple(columns.tolist())


# %% labels-shares: shares of each row in place of counts | loses: labels
def confusion(labels, seen, classes):
    pairs = labels * classes + seen
    table = torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    return table / table.sum(1, keepdim=True).clamp(min=1)


def agreement(table):
    return (table.trace() / table.sum()).item()


def best_relabelling(table):
    rows, columns = linear_sum_assignment(table.numpy(), maximize=True)
    return (table[rows, columns].sum() / table.sum()).item(), tuple(columns.tolist())


# %% labels-assigned: an addition that repeated pairs overwrite | loses: labels
def confusion(labels, seen, classes):
    table = torch.zeros(classes, classes, dtype=torch.int64)
    table[labels, seen] += 1
    return table


def agreement(table):
    return (table.trace() / table.sum()).item()


def best_relabelling(table):
    rows, columns = linear_sum_assignment(table.numpy(), maximize=True)
    return (table[rows, columns].sum() / table.sum()).item(), tuple(columns.tolist())


# %% labels-classes-seen: a table for the classes that occur | loses: labels
def confusion(labels, seen, classes):
    classes = int(max(labels.max(), seen.max())) + 1
    pairs = labels * classes + seen
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def agreement(table):
    return (table.trace() / table.sum()).item()


def best_relabelling(table):
    rows, columns = linear_sum_assignment(table.numpy(), maximize=True)
    return (table[rows, columns].sum() / table.sum()).item(), tuple(columns.tolist())


# %% labels-agreement-per-class: a mean over classes | loses: labels
def confusion(labels, seen, classes):
    pairs = labels * classes + seen
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def agreement(table):
    return (table.diag() / table.sum(1).clamp(min=1)).mean().item()


def best_relabelling(table):
    rows, columns = linear_sum_assignment(table.numpy(), maximize=True)
    return (table[rows, columns].sum() / table.sum()).item(), tuple(columns.tolist())


# %% labels-agreement-largest: the largest of each row, wherever it stands | loses: labels
def confusion(labels, seen, classes):
    pairs = labels * classes + seen
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def agreement(table):
    return (table.max(1).values.sum() / table.sum()).item()


def best_relabelling(table):
    rows, columns = linear_sum_assignment(table.numpy(), maximize=True)
    return (table[rows, columns].sum() / table.sum()).item(), tuple(columns.tolist())


# %% labels-each-row: the largest of each row, not one-to-one | loses: labels
def confusion(labels, seen, classes):
    pairs = labels * classes + seen
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def agreement(table):
    return (table.trace() / table.sum()).item()


def best_relabelling(table):
    columns = table.argmax(1)
    return (table.max(1).values.sum() / table.sum()).item(), tuple(columns.tolist())


# %% labels-smallest: the smallest sum | loses: labels
def confusion(labels, seen, classes):
    pairs = labels * classes + seen
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def agreement(table):
    return (table.trace() / table.sum()).item()


def best_relabelling(table):
    rows, columns = linear_sum_assignment(table.numpy())
    return (table[rows, columns].sum() / table.sum()).item(), tuple(columns.tolist())


# %% labels-greedy: the largest first | loses: labels
def confusion(labels, seen, classes):
    pairs = labels * classes + seen
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def agreement(table):
    return (table.trace() / table.sum()).item()


def best_relabelling(table):
    left, pi = table.clone(), [0] * len(table)
    for _ in range(len(table)):
        row, column = divmod(int(left.argmax()), len(table))
        pi[row] = column
        left[row], left[:, column] = -1, -1
    return (table[torch.arange(len(pi)), pi].sum() / table.sum()).item(), tuple(pi)


# %% labels-inverse: which class became k, not what k became | loses: labels
def confusion(labels, seen, classes):
    pairs = labels * classes + seen
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def agreement(table):
    return (table.trace() / table.sum()).item()


def best_relabelling(table):
    rows, columns = linear_sum_assignment(table.numpy(), maximize=True)
    return (table[rows, columns].sum() / table.sum()).item(), tuple(columns.argsort().tolist())


# %% labels-best-is-agreement: the share of the diagonal | loses: labels
def confusion(labels, seen, classes):
    pairs = labels * classes + seen
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def agreement(table):
    return (table.trace() / table.sum()).item()


def best_relabelling(table):
    _, columns = linear_sum_assignment(table.numpy(), maximize=True)
    return agreement(table), tuple(columns.tolist())


# %% leak-floor: rounded down | loses: leak
def quantize(x, levels):
    return ((x + 1) / 2 * (levels - 1)).floor() / (levels - 1) * 2 - 1


def leak(to_b, to_a, a, disturb):
    fake = to_b(a)
    plain, disturbed = (to_a(y) - a for y in (fake, disturb(fake)))
    return plain.abs().mean().item(), disturbed.abs().mean().item()


# %% leak-levels: levels steps, one value too many | loses: leak
def quantize(x, levels):
    return ((x + 1) / 2 * levels).round() / levels * 2 - 1


def leak(to_b, to_a, a, disturb):
    fake = to_b(a)
    plain, disturbed = (to_a(y) - a for y in (fake, disturb(fake)))
    return plain.abs().mean().item(), disturbed.abs().mean().item()


# %% leak-levels-returned: numbers of levels, not brought back | loses: leak
def quantize(x, levels):
    return ((x + 1) / 2 * (levels - 1)).round()


def leak(to_b, to_a, a, disturb):
    fake = to_b(a)
    plain, disturbed = (to_a(y) - a for y in (fake, disturb(fake)))
    return plain.abs().mean().item(), disturbed.abs().mean().item()


# %% leak-input: the picture is disturbed | loses: leak
def quantize(x, levels):
    return ((x + 1) / 2 * (levels - 1)).round() / (levels - 1) * 2 - 1


def leak(to_b, to_a, a, disturb):
    return (to_a(to_b(a)) - a).abs().mean().item(), (
        to_a(to_b(disturb(a))) - a
    ).abs().mean().item()


# %% leak-output: what comes back is disturbed | loses: leak
def quantize(x, levels):
    return ((x + 1) / 2 * (levels - 1)).round() / (levels - 1) * 2 - 1


def leak(to_b, to_a, a, disturb):
    home = to_a(to_b(a))
    return (home - a).abs().mean().item(), (disturb(home) - a).abs().mean().item()


# %% leak-moved: the distance to the undisturbed way back | loses: leak
def quantize(x, levels):
    return ((x + 1) / 2 * (levels - 1)).round() / (levels - 1) * 2 - 1


def leak(to_b, to_a, a, disturb):
    fake = to_b(a)
    home = to_a(fake)
    return (home - a).abs().mean().item(), (to_a(disturb(fake)) - home).abs().mean().item()


# %% leak-rise: the rise in place of the error | loses: leak
def quantize(x, levels):
    return ((x + 1) / 2 * (levels - 1)).round() / (levels - 1) * 2 - 1


def leak(to_b, to_a, a, disturb):
    fake = to_b(a)
    plain, disturbed = (to_a(y) - a for y in (fake, disturb(fake)))
    plain, disturbed = plain.abs().mean().item(), disturbed.abs().mean().item()
    return plain, disturbed - plain


# %% leak-square: squared errors | loses: leak
def quantize(x, levels):
    return ((x + 1) / 2 * (levels - 1)).round() / (levels - 1) * 2 - 1


def leak(to_b, to_a, a, disturb):
    fake = to_b(a)
    plain, disturbed = (to_a(y) - a for y in (fake, disturb(fake)))
    return plain.square().mean().item(), disturbed.square().mean().item()


# %% leak-signed: errors that cancel | loses: leak
def quantize(x, levels):
    return ((x + 1) / 2 * (levels - 1)).round() / (levels - 1) * 2 - 1


def leak(to_b, to_a, a, disturb):
    fake = to_b(a)
    plain, disturbed = (to_a(y) - a for y in (fake, disturb(fake)))
    return plain.mean().abs().item(), disturbed.mean().abs().item()


# %% leak-undisturbed: the disturbance forgotten | loses: leak
def quantize(x, levels):
    return ((x + 1) / 2 * (levels - 1)).round() / (levels - 1) * 2 - 1


def leak(to_b, to_a, a, disturb):
    fake = to_b(a)
    plain, disturbed = (to_a(y) - a for y in (fake, fake))
    return plain.abs().mean().item(), disturbed.abs().mean().item()


# %% leak-in-b: the error in B | loses: leak
def quantize(x, levels):
    return ((x + 1) / 2 * (levels - 1)).round() / (levels - 1) * 2 - 1


def leak(to_b, to_a, a, disturb):
    fake = to_b(a)
    return (to_b(to_a(fake)) - fake).abs().mean().item(), (
        disturb(fake) - fake
    ).abs().mean().item()


# %% leak-tensors: tensors with a graph | loses: leak
def quantize(x, levels):
    return ((x + 1) / 2 * (levels - 1)).round() / (levels - 1) * 2 - 1


def leak(to_b, to_a, a, disturb):
    fake = to_b(a)
    plain, disturbed = (to_a(y) - a for y in (fake, disturb(fake)))
    return plain.abs().mean(), disturbed.abs().mean()
