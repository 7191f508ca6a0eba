#!/usr/bin/env bash
# torch.distributions: the KL divergence of two distributions given by logits is infinite from moderate logits on.
#
# Packages: torch 2.13.0, numpy 2.4.6 (Python 3.11, Linux, CPU).
#
# A careful expert expects: a divergence computed from the logits, as log_prob is: finite for all finite logits, with
# its gradient; and zero contributions, also to the gradient, from classes that both sides exclude with a logit of -inf.
#
# What happens: kl_divergence goes through the probabilities. Between Bernoulli(logits=0) and Bernoulli(logits=17) it is
# inf in float32, while -17 gives the exact value: the two sides of zero differ. The gradient stays finite, so nothing
# stops a training, but that of the second logit is 0 instead of 0.5, and that of the first has the wrong sign.
# Categorical does the same near -104, where log_prob is exact. With the same class masked by -inf on both sides the
# divergence is right and its gradient is NaN in every entry; the entropy's is fine.
#
# Seen:
#     Bernoulli 0 to  16: kl  7.307, gradient -4.000  0.500; from logits 7.307, gradient -4.000  0.500
#     Bernoulli 0 to  17: kl    inf, gradient  0.077 -0.000; from logits 7.807, gradient -4.250  0.500
#     Bernoulli 0 to -17: kl  7.807, gradient  4.250 -0.500; from logits 7.807, gradient  4.250 -0.500
#     Categorical: inf while log_prob of the rare class is -104.0
#     masked alike: kl 0.2574, its gradient [nan, nan, nan], the entropy's [0.1966, -0.1966, 0.0]
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
from torch.distributions import Bernoulli, Categorical, kl_divergence
from torch.nn.functional import logsigmoid


def by_logits(a, b):  # the same divergence in the same float32, from logits only
    p, q = torch.sigmoid(a), torch.sigmoid(-a)
    return p * (logsigmoid(a) - logsigmoid(b)) + q * (logsigmoid(-a) - logsigmoid(-b))


seen = {}
for logit in (16.0, 17.0, -17.0):
    a, b = (torch.tensor(v, requires_grad=True) for v in (0.0, logit))
    row = []
    for divergence in (lambda a, b: kl_divergence(Bernoulli(logits=a), Bernoulli(logits=b)), by_logits):
        kl = divergence(a, b)
        row += [v.item() for v in (kl, *torch.autograd.grad(kl, (a, b)))]
    seen[logit] = row
    print("Bernoulli 0 to {:3.0f}: kl {:6.3f}, gradient {:6.3f} {:6.3f}; from logits {:5.3f}, gradient {:6.3f} {:6.3f}".format(logit, *row))
assert all(abs(v - w) < 1e-3 for k in (16.0, -17.0) for v, w in zip(seen[k][:3], seen[k][3:]))
kl, da, db, exact, exact_a, exact_b = seen[17.0]
assert kl == float("inf") and abs(exact - 7.807) < 1e-3
assert da > 0 > exact_a and abs(db) < 1e-6 and abs(exact_b - 0.5) < 1e-3

even, rare = Categorical(logits=torch.zeros(2)), Categorical(logits=torch.tensor([0.0, -104.0]))
print("Categorical:", kl_divergence(even, rare).item(), "while log_prob of the rare class is", rare.log_prob(torch.tensor(1)).item())
assert kl_divergence(even, rare).isinf() and rare.log_prob(torch.tensor(1)) == -104

logits = torch.tensor([0.0, 1.0, -float("inf")], requires_grad=True)
p, q = Categorical(logits=logits), Categorical(logits=torch.tensor([0.5, 0.0, -float("inf")]))
kl = kl_divergence(p, q)
gradient, = torch.autograd.grad(kl, logits)
entropy, = torch.autograd.grad(Categorical(logits=logits).entropy(), logits)
print(f"masked alike: kl {kl.item():.4f}, its gradient {gradient.tolist()}, the entropy's {[round(v, 4) for v in entropy.tolist()]}")
assert kl.isfinite() and gradient.isnan().all() and entropy.isfinite().all()
END
