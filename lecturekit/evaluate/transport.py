"""Optimal transport between two weighted clouds of points, solved exactly: the cheapest plan, and the best critic.

[1] Villani (2009). Optimal Transport: Old and New. Springer. (Kantorovich's duality: chapter 5)
[2] Huangfu, Hall (2018). Parallelizing the Dual Revised Simplex Method. Math. Programming Computation 10 (the solver, HiGHS).

A plan gamma >= 0 sends mass p_i from a_i to the b_j, which receive q_j, and costs sum gamma_ij |a_i - b_j|. The least cost is
W1(p, q). Its dual: maximize p.u + q.v under u_i + v_j <= |a_i - b_j|, prices for loading and unloading.

>>> a, b = torch.tensor([[0.0], [1.0]]), torch.tensor([[3.0], [2.0]])
>>> best = optimal_transport(a, b)
>>> round(best.distance, 6), best.plan.sum(1)
(2.0, tensor([0.5000, 0.5000], dtype=torch.float64))
>>> cost, plan, u, v = solve(distances(a, b).double(), *torch.full((2, 2), 0.5).double())
>>> round(cost, 6)
2.0
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lecturekit import checks


@dataclass(frozen=True, eq=False)
class Transport:
    """An optimal plan and optimal prices, all float64 on the CPU.

    distance: W1, in the unit of the points.
    plan: (n, m) masses, with row sums p and column sums q; at most n + m - 1 of them are not 0.
    u, v: (n,) and (m,) prices; u_i + v_j = |a_i - b_j| wherever the plan sends something.
    b: (m, D) the points that receive.

    >>> a, b = torch.randn(5, 2), torch.randn(7, 2)
    >>> best = optimal_transport(a, b)
    >>> abs((best.critic(a).mean() - best.critic(b).mean()).item() - best.distance) < 1e-6  # duality
    True
    """

    distance: float
    plan: Tensor
    u: Tensor
    v: Tensor
    b: Tensor

    def critic(self, x: Tensor) -> Tensor:
        """Points (k, ...) -> (k,) values of a best critic, f(x) = min_j (|x - b_j| - v_j).

        It is 1-Lipschitz, and E_p f - E_q f is the distance: no 1-Lipschitz function has more [1]. Gradients flow to x.
        """
        if checks.tensor(x=x).ndim == 0 or x[:1].numel() != self.b.shape[1] * len(x[:1]):
            raise ValueError(f"x must be points of {self.b.shape[1]} numbers each, not of shape {tuple(x.shape)}")
        x = x.cpu().double().reshape(len(x), self.b.shape[1])
        return (distances(x, self.b) - self.v).amin(1)


def distances(a: Tensor, b: Tensor) -> Tensor:
    """(n, m) Euclidean distances; by differences, since the square's expansion loses half of the digits.

    >>> distances(torch.zeros(1, 2), torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[5., 0.]])
    """
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def optimal_transport(a: Tensor, b: Tensor, p: Tensor | None = None, q: Tensor | None = None) -> Transport:
    """W1 between masses p on points a and q on points b, by linear programming.

    a, b: (n, ...) and (m, ...), items of one shape; distances are Euclidean. p, q: (n,) and (m,), not negative, of
    equal sums; by default equal shares of 1. With n m in the hundred thousands this takes seconds, and n m numbers are
    held in memory.

    Raises ValueError for points that are not finite or of different shapes, and for masses that no plan can have.

    >>> round(optimal_transport(torch.tensor([[0.0], [1.0]]), torch.tensor([[4.0], [3.0]])).distance, 6)
    3.0
    """
    a, b = checks.tensor(a=a, b=b)
    if a.shape[1:] != b.shape[1:] or not a.numel() or not b.numel() or not a.ndim * b.ndim:
        raise ValueError(f"a and b are clouds of items of one shape, not {tuple(a.shape)} and {tuple(b.shape)}")
    clouds, masses = [], []
    for name, points, which, mass in (("a", a, "p", p), ("b", b, "q", q)):
        points = points.detach().cpu().double().reshape(len(points), -1)
        if not points.isfinite().all():
            raise ValueError(f"{name} has points that are not finite, to which nothing can be moved")
        mass = torch.ones(len(points), dtype=torch.float64) / len(points) if mass is None else mass
        mass = checks.tensor(**{which: mass}).detach().cpu().double()
        if mass.shape != (len(points),) or not (mass >= 0).all() or not 0 < mass.sum() < float("inf"):
            raise ValueError(
                f"{which} needs a mass for each of the {len(points)} points of {name}, not negative and with a positive "
                f"sum; its shape is {tuple(mass.shape)} and its least value {mass.min() if mass.numel() else 'missing'}"
            )
        clouds.append(points)
        masses.append(mass)
    (a, b), (p, q) = clouds, masses
    if abs(p.sum() - q.sum()) > 1e-4 * p.sum():
        raise ValueError(
            f"what leaves must arrive: p sums to {p.sum():.6g} and q to {q.sum():.6g}; divide each by its sum"
        )
    q = q * (p.sum() / q.sum())  # float32 masses sum to 1 only roughly, which a program takes for a contradiction
    return Transport(*solve(distances(a, b), p, q), b)


def solve(cost: Tensor, p: Tensor, q: Tensor) -> tuple[float, Tensor, Tensor, Tensor]:
    """(least cost, plan (n, m), u (n,), v (m,)) for costs (n, m) and masses of equal sums, all float64."""
    import numpy as np
    from scipy.optimize import linprog
    from scipy.sparse import eye_array, kron, vstack

    n, m = cost.shape
    rows = kron(eye_array(n), np.ones((1, m)))  # what leaves a_i
    columns = kron(np.ones((1, n)), eye_array(m))  # what arrives at b_j
    # the solver's tolerances are absolute: largest costs and masses within 0.2 to 180; powers of 1024 round nothing
    length, mass = (1024.0 ** round(math.log(unit or 1.0, 1024) - 0.25) for unit in (cost.max().item(), p.sum().item()))
    margins = torch.cat([p, q]).numpy() / mass
    found = linprog(cost.flatten().numpy() / length, A_eq=vstack([rows, columns], "csr"), b_eq=margins)
    if found.x is None:
        raise RuntimeError(f"the linear program has no solution: {found.message}")
    u, v = torch.from_numpy(found.eqlin.marginals * length).split([n, m])
    return found.fun * length * mass, torch.from_numpy(found.x * mass).reshape(n, m), u, v
