"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner, for trainings that have to be short.

[1] Vyas, Morwani, Zhao, Kwun, Shapira, Brandfonbrener, Janson, Kakade (2024). SOAP: Improving and Stabilizing Shampoo
    using Adam. arXiv:2409.11321 (algorithms 3 and 4)

    symbol in [1]     here
    L, R              left, right: running means of G G' and G' G
    Q_L, Q_R          left_basis, right_basis: their eigenvectors, one step of power iteration and a QR at every f-th step
    M, V              mean, in the parameter's own axes; square, in the basis

Its state is tensors only, so that `fit` can save and resume it; that is why it is not taken from a library.
"""

import torch
from torch import Tensor
from torch.optim import Optimizer


class SOAP(Optimizer):
    """Matrices are preconditioned on the sides that have at most `largest` rows or columns; vectors get Adam.

    Weights of more dimensions, such as those of a convolution, count as matrices with a row for each output. As in the
    authors' code the first step makes the bases only, and moves nothing.
    """

    def __init__(self, params, lr=3e-3, betas=(0.95, 0.95), frequency=10, largest=256, eps=1e-8):
        super().__init__(params, {"lr": lr, "betas": betas, "frequency": frequency, "largest": largest, "eps": eps})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    rows = (lambda t: t.view(len(t), -1)) if p.ndim > 2 else (lambda t: t)
                    self.move(rows(p), rows(p.grad), self.state[p], group)

    def move(self, p: Tensor, gradient: Tensor, state: dict, group: dict) -> None:
        sizes = dict(zip(("left", "right"), p.shape)) if p.ndim == 2 else {}
        sides = [s for s, size in sizes.items() if size <= group["largest"]]
        beta, decay = group["betas"]
        if not state:
            state.update(step=torch.tensor(0.0), mean=torch.zeros_like(p), square=torch.zeros_like(p))
            state.update({s: p.new_zeros(sizes[s], sizes[s]) for s in sides})
            self.watch(gradient, state, sides, decay)
            state.update({f"{s}_basis": torch.linalg.eigh(state[s])[1].flip(1).contiguous() for s in sides})
            return
        state["step"] += 1
        steps = state["step"].item()
        turned = self.turn(gradient, state)
        state["mean"].lerp_(gradient, 1 - beta)
        state["square"].mul_(decay).addcmul_(turned, turned, value=1 - decay)
        move = self.turn(state["mean"], state) / (state["square"].sqrt() + group["eps"])
        rate = group["lr"] * (1 - decay**steps) ** 0.5 / (1 - beta**steps)
        p.sub_(self.turn(move, state, back=True), alpha=rate)
        self.watch(gradient, state, sides, decay)
        if steps % group["frequency"] == 0:
            for s in sides:
                self.refresh(state, s, axis=("left", "right").index(s))

    def watch(self, gradient: Tensor, state: dict, sides: list[str], decay: float) -> None:
        for s in sides:
            state[s].lerp_(gradient @ gradient.T if s == "left" else gradient.T @ gradient, 1 - decay)

    def turn(self, x: Tensor, state: dict, back: bool = False) -> Tensor:
        """Into the bases, or back."""
        if "left_basis" in state:
            x = (state["left_basis"] if back else state["left_basis"].T) @ x
        if "right_basis" in state:
            x = x @ (state["right_basis"].T if back else state["right_basis"])
        return x

    def refresh(self, state: dict, side: str, axis: int) -> None:
        product = state[side] @ state[f"{side}_basis"]
        order = (state[f"{side}_basis"] * product).sum(0).argsort(descending=True)
        state["square"].copy_(state["square"].index_select(axis, order))
        state[f"{side}_basis"].copy_(torch.linalg.qr(product[:, order])[0])
