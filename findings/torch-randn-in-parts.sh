#!/usr/bin/env bash
# torch: normal numbers drawn in parts are the numbers drawn at once only if the parts are multiples of 16.
#
# Packages: torch 2.13.0, numpy 2.4.6 (Python 3.11, Linux, CPU).
#
# A careful expert expects: a seeded CPU generator to be a stream: the first n of 2n numbers are the n numbers, as for
# torch.rand. Noise for a batch then is the noise for its halves, one after the other.
#
# What happens: from 16 elements on, randn pairs numbers within blocks of 16 (Box-Muller), and below 16 it uses another
# algorithm; where the size is no multiple of 16, the last 16 numbers are drawn again. So randn(24) shares 8 numbers
# with randn(32), randn(17) shares one with randn(16), and two halves of 12 have none of the 24. The same seed gives
# other latents to a batch of 5 two-dimensional codes than to the first 5 of 10. A tensor with other strides gets other
# numbers too, filled by normal_() after the same seed.
#
# Seen:
#     12 and 12 against 24 at once: rand shares 24, randn  0 of 24
#     16 and 16 against 32 at once: rand shares 32, randn 32 of 32
#     24 and 24 against 48 at once: rand shares 48, randn  8 of 48
#     32 and 32 against 64 at once: rand shares 64, randn 64 of 64
#     randn(a) and the first a of randn(b) share: 1 of 16 (17), 8 of 24 (32), 16 of 16 (32)
#     codes of a batch of 5 found again in a batch of 10: 0
#     normal_() on another layout gives the same numbers: False
#
# Exits with 0 as long as this is so, and with another status when it changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
cd "$folder"

OMP_NUM_THREADS=1 "$folder/venv/bin/python" - <<'END'
import torch


def drawn(draw, *sizes):
    torch.manual_seed(0)
    return torch.cat([draw(n) for n in sizes])


for n in (12, 16, 24, 32):
    row = [(drawn(draw, n, n) == drawn(draw, 2 * n)).sum().item() for draw in (torch.rand, torch.randn)]
    print(f"{n} and {n} against {2 * n} at once: rand shares {row[0]:2}, randn {row[1]:2} of {2 * n}")
    assert row[0] == 2 * n and (row[1] == 2 * n) == (n % 16 == 0)

pairs = {(a, b): (drawn(torch.randn, a) == drawn(torch.randn, b)[:a]).sum().item() for a, b in ((16, 17), (24, 32), (16, 32))}
print("randn(a) and the first a of randn(b) share:", ", ".join(f"{n} of {a} ({b})" for (a, b), n in pairs.items()))
assert pairs[16, 32] == 16 and pairs[16, 17] < 16 and pairs[24, 32] < 24

few, many = drawn(lambda n: torch.randn(n, 2), 5), drawn(lambda n: torch.randn(n, 2), 10)[:5]
print("codes of a batch of 5 found again in a batch of 10:", (few == many).all(1).sum().item())
assert not (few == many).all(1).any()

torch.manual_seed(0)
rows = torch.empty(4, 8).normal_()
torch.manual_seed(0)
columns = torch.empty(8, 4).t().normal_()
print("normal_() on another layout gives the same numbers:", torch.equal(rows, columns))
assert not torch.equal(rows, columns)
END
