"""Trains the speaker encoder: a real one learns to hear through noise, and to tell voices that never existed.

    python speaker_corpus.py
    python train_speaker_embedding.py --minutes 22

The student begins as its teacher. Recorded and synthetic voices are turned into ever new people (`speaker_voices.py`);
the teacher says how each of them sounds in clean and longer speech, the student hears two spoiled halves of it. Three
losses: the angle to the teacher's target, the same similarities between the people of a batch, and, so that the halves
of one person stay together, a contrast against all others. What is exported lies halfway between where the student
began and where it is. Stops after the given minutes, goes on from its checkpoint when started again.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import speaker_corpus
import torch
from speaker_student import DIMENSION, FOLDER, Student, export
from speaker_teacher import Targets, Teacher
from speaker_voices import Batch, Voices, make_batch

if TYPE_CHECKING:
    from collections.abc import Sequence

CHECKPOINT = Path(__file__).parent / "checkpoints" / "speaker_embedding.pt"
PEOPLE = 24
SECONDS = (0.8, 2.0)
PEAK_RATE, LAST_RATE = 4e-4, 1e-5
WARM_UP_STEPS = 60
AVERAGE_DECAY = 0.99
CONTRAST_WEIGHT, CONTRAST_TEMPERATURE = 0.05, 0.1
SIMILARITY_WEIGHT = 2.0
MEASURED_BATCHES = 24
KEPT_START = 0.5
"""Share of the weights at the start in the exported ones: it keeps what training has no examples of, such as real
meetings (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022)."""


@dataclass
class Progress:
    """What a checkpoint holds beside the weights."""

    step: int = 0
    trained_s: float = 0.0


@dataclass(frozen=True)
class Losses:
    """Three numbers to minimise together."""

    angle: torch.Tensor
    """Mean of 1 - cosine of the student's embedding and its target."""
    similarity: torch.Tensor
    """Mean square of the difference between the student's and the teacher's cosines of any two people."""
    contrast: torch.Tensor
    """Normalised temperature-scaled cross entropy (Chen et al., SimCLR, 2020): which half belongs to which."""

    @property
    def total(self) -> torch.Tensor:
        """The weighted sum."""
        return self.angle + SIMILARITY_WEIGHT * self.similarity + CONTRAST_WEIGHT * self.contrast

    @property
    def numbers(self) -> list[float]:
        """For the log, in the order of the fields."""
        return [float(loss.detach()) for loss in (self.angle, self.similarity, self.contrast)]


def losses_of(students: torch.Tensor, targets: torch.Tensor, names: Sequence[str]) -> Losses:
    """Losses of one batch.

    Args:
        students: Embeddings of the halves, float32 [2 × people, dimension], of length 1.
        targets: float32 [people, dimension], of length 1.
        names: Who the people are; equal ones are never each other's contrast.
    """
    doubled = targets.repeat_interleave(2, dim=0)
    cosines = students @ students.T
    who = np.repeat(np.asarray(names), 2)
    same = torch.from_numpy(who[:, None] == who[None, :])
    others = ~torch.eye(len(who), dtype=torch.bool)
    logits = (cosines / CONTRAST_TEMPERATURE).masked_fill(same, -math.inf)
    halves = torch.arange(len(who))
    positive = cosines[halves, halves ^ 1] / CONTRAST_TEMPERATURE
    contrast = (torch.logaddexp(logits.logsumexp(1), positive) - positive).mean()
    difference = (cosines - doubled @ doubled.T)[others]
    return Losses((1 - (students * doubled).sum(1)).mean(), difference.square().mean(), contrast)


def new_targets(teacher: Teacher, collections: Sequence[Voices]) -> Targets:
    """Measures the teacher's space on a few hundred people."""
    rng = np.random.default_rng(0)
    heard = [teacher(make_batch(collections, PEOPLE, 2.0, rng).clean) for _ in range(MEASURED_BATCHES)]
    return Targets.measure(torch.cat(heard), DIMENSION)


def learning_rate(step: int, done: float) -> float:
    """Warm-up, then a cosine down to `LAST_RATE` at the end of the planned minutes; `done` is 0..1."""
    cosine = LAST_RATE + (PEAK_RATE - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return cosine * min(1.0, (step + 1) / WARM_UP_STEPS)


class Average:
    """A slowly following average of the network's weights; it is what gets exported."""

    def __init__(self, network: torch.nn.Module) -> None:
        self.weights = {name: value.detach().clone() for name, value in network.state_dict().items()}

    def follow(self, network: torch.nn.Module, step: int) -> None:
        """Moves the average towards the network, quickly in the first steps. Counters are copied."""
        decay = min(AVERAGE_DECAY, (1 + step) / (10 + step))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                self.weights[name].lerp_(value.detach(), 1 - decay)
            else:
                self.weights[name].copy_(value)


def save(
    student: Student, optimizer: torch.optim.Optimizer, average: Average, targets: Targets, done: Progress
) -> None:
    """Writes the checkpoint and exports the averaged weights."""
    CHECKPOINT.parent.mkdir(exist_ok=True)
    state = {
        "network": student.network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "average": average.weights,
        "mean": targets.mean,
        "directions": targets.directions,
        "step": done.step,
        "trained_s": done.trained_s,
    }
    torch.save(state, CHECKPOINT.with_suffix(".new"))
    CHECKPOINT.with_suffix(".new").replace(CHECKPOINT)


def blended(start: dict[str, torch.Tensor], learned: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights to export."""
    return {name: KEPT_START * value + (1 - KEPT_START) * learned[name] for name, value in start.items()}


def step_once(student: Student, optimizer: torch.optim.Optimizer, batch: Batch, targets: torch.Tensor) -> Losses:
    """One step of the optimizer."""
    losses = losses_of(student(batch.spoiled), targets, batch.names)
    optimizer.zero_grad()
    losses.total.backward()
    torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
    optimizer.step()
    return losses


def train(minutes: float, save_every_s: float) -> None:
    """Trains until `minutes` of training time, all runs together, are used up."""
    torch.manual_seed(0)
    collections = [Voices.of(speaker_corpus.load_recorded()), Voices.of(speaker_corpus.load_synthetic())]
    teacher = Teacher(speaker_corpus.fetch_teacher())
    state = torch.load(CHECKPOINT, weights_only=True) if CHECKPOINT.exists() else None
    targets = Targets(state["mean"], state["directions"]) if state else new_targets(teacher, collections)
    student = Student().train()
    student.start_as(teacher, targets)
    start = {name: value.clone() for name, value in student.network.state_dict().items()}
    optimizer = torch.optim.AdamW(student.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.0)
    average, done = Average(student.network), Progress()
    if state:
        student.network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        average.weights, done = state["average"], Progress(state["step"], state["trained_s"])
    rng = np.random.default_rng(done.step + 1)
    started, saved = time.monotonic() - done.trained_s, time.monotonic()
    sums = np.zeros(3)
    while done.trained_s < minutes * 60:
        batch = make_batch(collections, PEOPLE, float(rng.uniform(*SECONDS)), rng)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(done.step, done.trained_s / 60 / minutes)
        losses = step_once(student, optimizer, batch, targets(teacher(batch.clean)))
        average.follow(student.network, done.step)
        done.step += 1
        done.trained_s = time.monotonic() - started
        sums += losses.numbers
        if done.step % 20 == 0:
            print(
                f"step {done.step}  {done.trained_s / 60:.1f} min  angle, similarity, contrast: {sums / 20}", flush=True
            )
            sums[:] = 0
        if time.monotonic() - saved > save_every_s:
            save(student, optimizer, average, targets, done)
            export(blended(start, average.weights), FOLDER)
            saved = time.monotonic()
    save(student, optimizer, average, targets, done)
    export(blended(start, average.weights), FOLDER)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Trains the speaker embedding.")
    parser.add_argument("--minutes", type=float, default=22, help="training time, earlier runs counted in")
    parser.add_argument("--save-every-s", type=float, default=120)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    train(arguments.minutes, arguments.save_every_s)


if __name__ == "__main__":
    main()
