"""
Many small networks at once, each fitted to its own rows by Levenberg's and Marquardt's method.

A network of one hidden layer and some rows is a least-squares problem of a few dozen unknowns. A
step solves its normal equations, damped until the error falls (Marquardt, 1963), for all networks
in one batch; a network whose step did not help takes a shorter one next time. Where there are
fewer rows than unknowns the equations of the rows are solved instead, which is the same step.

Covered:      any activation, several outputs, rows with weights, a ridge; when to stop, by rows
              that are held out.
Not covered:  classes; networks so wide that a matrix of their unknowns does not fit.

Shape letters: see `fff.weights`; L networks, r rows of each, p unknowns of each.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fff.activations import Activation

_FIRST_DAMPING, _EASED, _TIGHTENED = 1.0, 0.33, 4.0
_DAMPINGS = 1e-6, 1e6


@dataclass(frozen=True, slots=True)
class Problem:
    """
    Rows of `L` networks; a network of fewer rows than others has rows of weight 0.

    Attributes:
        x: `[L, r, i]`.
        y: `[L, r, o]`.
        weight: Of each row's squared error, `[L, r]`.
    """

    x: Tensor
    y: Tensor
    weight: Tensor


class Networks:
    """
    `L` networks `act(x @ w1 + b1) @ w2 + b2`, as one vector of unknowns each.

    Args:
        inputs: `i`.
        width: `l`.
        outputs: `o`.
        activation: Of the hidden neurons.
    """

    def __init__(self, inputs: int, width: int, outputs: int, activation: Activation):
        self._shapes = ((inputs, width), (width,), (width, outputs), (outputs,))
        self._act = activation
        self.unknowns = width * (inputs + 1 + outputs) + outputs

    def draw(self, networks: int, generator: torch.Generator) -> Tensor:
        """
        Draw networks for inputs in [-1, 1], `[L, p]`.

        Every hidden neuron's boundary crosses the box: a unit direction, an offset in [-1, 1].
        """
        (inputs, width), _, (_, outputs), _ = self._shapes
        direction = torch.randn(networks, inputs, width, generator=generator)
        direction /= direction.norm(dim=1, keepdim=True)
        offset = 2 * torch.rand(networks, width, generator=generator) - 1
        down = torch.randn(networks, width * outputs, generator=generator) / width**0.5
        return torch.cat((direction.flatten(1), offset, down, torch.zeros(networks, outputs)), 1)

    def parts(self, unknowns: Tensor) -> list[Tensor]:
        """`w1` `[L, i, l]`, `b1` `[L, l]`, `w2` `[L, l, o]` and `b2` `[L, o]`, as views."""
        sizes = [torch.Size(shape).numel() for shape in self._shapes]
        split = torch.split(unknowns, sizes, 1)
        return [part.view(-1, *shape) for part, shape in zip(split, self._shapes, strict=True)]

    def outputs(self, unknowns: Tensor, x: Tensor) -> Tensor:
        """`[L, r, i]` to `[L, r, o]`."""
        w1, b1, w2, b2 = self.parts(unknowns)
        return torch.baddbmm(b2[:, None], self._act(torch.baddbmm(b1[:, None], x, w1)), w2)

    def linearised(self, unknowns: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs, `[L, r, o]`, and how they change with each unknown, `[L, r, o, p]`."""
        w1, b1, w2, b2 = self.parts(unknowns)
        with torch.enable_grad():
            score = torch.baddbmm(b1[:, None], x, w1).requires_grad_()  # [L, r, l]
            hidden = self._act(score)
        (slope,) = torch.autograd.grad(hidden.sum(), score)
        hidden = hidden.detach()
        outputs = w2.shape[2]
        by_score = slope[:, :, None] * w2.mT[:, None]  # [L, r, o, l]
        one = torch.eye(outputs, dtype=x.dtype)
        by_parts = (
            (x[:, :, None, :, None] * by_score[:, :, :, None]).flatten(3),
            by_score,
            (hidden[:, :, None, :, None] * one[:, None]).flatten(3),
            one.expand(*x.shape[:2], outputs, outputs),
        )
        return torch.baddbmm(b2[:, None], hidden, w2), torch.cat(by_parts, 3)


def fit(
    networks: Networks,
    problem: Problem,
    held_out: Problem,
    start: Tensor,
    ridge: float,
    iterations: int,
    patience: int,
) -> Tensor:
    """
    Fit networks to their rows; of all steps, the one best on the rows held out is kept.

    Args:
        networks: Their shape.
        problem: What they learn from.
        held_out: What says when to stop; without rows nothing does.
        start: Unknowns to begin with, `[L, p]`.
        ridge: Weight of the sum of the unknowns' squares.
        iterations: Most steps.
        patience: Steps without less error on the held-out rows after which to stop.

    Returns:
        Unknowns, `[L, p]`.
    """
    unknowns, damping = start, torch.full((len(start), 1), _FIRST_DAMPING)
    cost = _cost(networks, unknowns, problem, ridge)
    best, least, since = unknowns, _total_error(networks, unknowns, held_out), 0
    for _ in range(iterations):
        tried = unknowns - _step(networks, unknowns, problem, ridge, damping)
        tried_cost = _cost(networks, tried, problem, ridge)
        better = (tried_cost < cost)[:, None]  # not of a step that is no number
        unknowns = torch.where(better, tried, unknowns)
        cost = torch.where(better[:, 0], tried_cost, cost)
        damping = torch.where(better, damping * _EASED, damping * _TIGHTENED).clamp(*_DAMPINGS)
        error = _total_error(networks, unknowns, held_out)
        best, least, since = (unknowns, error, 0) if error < least else (best, least, since + 1)
        if not held_out.x.shape[1]:
            best = unknowns
        elif since >= patience:
            break
    return best


def _step(
    networks: Networks, unknowns: Tensor, problem: Problem, ridge: float, damping: Tensor
) -> Tensor:
    """`(J'J + (ridge + damping) I)^-1 (J'e + ridge u)`, `[L, p]`, by whichever matrix is less."""
    outputs, slopes = networks.linearised(unknowns, problem.x)
    root = problem.weight.sqrt()[:, :, None]
    error = ((outputs - problem.y) * root).flatten(1)[:, :, None]  # [L, r * o, 1]
    slopes = (slopes * root[:, :, :, None]).flatten(1, 2)  # [L, r * o, p]
    shrink = ridge * unknowns[:, :, None]
    diagonal = ridge + damping
    if slopes.shape[1] < networks.unknowns:
        by_rows = _damped(slopes @ slopes.mT, diagonal)
        part = (ridge / diagonal)[:, :, None]
        given = error - part * (slopes @ unknowns[:, :, None])
        solved = torch.cholesky_solve(given, by_rows)
        return (slopes.mT @ solved + part * unknowns[:, :, None])[:, :, 0]
    by_unknowns = _damped(slopes.mT @ slopes, diagonal)
    return torch.cholesky_solve(slopes.mT @ error + shrink, by_unknowns)[:, :, 0]


def _damped(matrix: Tensor, diagonal: Tensor) -> Tensor:
    """Cholesky's factor with `diagonal` added; one that does not exist makes no useful step."""
    matrix.diagonal(dim1=1, dim2=2).add_(diagonal)
    factor: Tensor = torch.linalg.cholesky_ex(matrix)[0]
    return factor


def _cost(networks: Networks, unknowns: Tensor, problem: Problem, ridge: float) -> Tensor:
    squares = (networks.outputs(unknowns, problem.x) - problem.y).square().sum(2)
    cost: Tensor = (squares * problem.weight).sum(1) + ridge * unknowns.square().sum(1)
    return cost


def _total_error(networks: Networks, unknowns: Tensor, held_out: Problem) -> float:
    squares = (networks.outputs(unknowns, held_out.x) - held_out.y).square().sum(2)
    return float((squares * held_out.weight).sum())
