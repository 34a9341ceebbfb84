"""Optimizer, learning rate and weight average of the trainings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence


class Muon(torch.optim.Optimizer):
    """Momentum made nearly orthogonal by a Newton-Schulz iteration (Jordan et al., 2024).

    Steps have the same root mean square as AdamW's, so both can share one learning rate.
    """

    def __init__(self, params: Sequence[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002 - the base class has it
        """Move each matrix; convolutions are taken as (out, in * width)."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(parameter)
                momentum = state["momentum"].lerp_(parameter.grad, 1.0 - group["momentum"])
                ahead = parameter.grad.lerp(momentum, group["momentum"]).flatten(1)
                update = orthogonal(ahead) * (0.2 * max(ahead.shape) ** 0.5)
                parameter.mul_(1.0 - group["lr"] * group["weight_decay"])
                parameter.add_(update.view_as(parameter), alpha=-group["lr"])


def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """Approximate the nearest orthogonal matrix: (n, m) float32 -> the same shape."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix / (matrix.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.T
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = x.T if tall else x
    return result


class MovingAverage:
    """Exponential moving average of the weights of a network."""

    def __init__(self, network: nn.Module, max_decay: float) -> None:
        self.weights = {name: value.detach().clone() for name, value in network.state_dict().items()}
        self._max_decay = max_decay

    def follow(self, network: nn.Module, step: int) -> None:
        """Move the average towards the network, quickly in the first steps; counters are copied."""
        decay = min(self._max_decay, (1 + step) / (10 + step))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                self.weights[name].lerp_(value.detach(), 1 - decay)
            else:
                self.weights[name].copy_(value)


@dataclass
class Progress:
    """Steps and time of all runs of a training."""

    step: int = 0
    trained_s: float = 0.0


@dataclass(frozen=True)
class CosineRate:
    """Learning rate: a linear warm-up, then a cosine from `peak` to `last`."""

    peak: float
    last: float
    warm_up_steps: int

    def at(self, step: int, done: float) -> float:
        """Compute the rate; `done` is the part of the planned time, 0..1."""
        cosine = self.last + (self.peak - self.last) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
        return cosine * min(1.0, (step + 1) / self.warm_up_steps)
