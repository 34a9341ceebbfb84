"""Training of the speaker encoder for noise, telephone lines and new voices, by distillation.

    python -m training.speakers.recordings
    python -m training.speakers.train --minutes 22

The student begins with the weights of its teacher. Recorded and synthetic voices are changed to new people (`voices`).
The target is the teacher's embedding of clean and longer speech; the input of the student is two distorted halves of
it. Three losses: the angle to the teacher's target, the same similarities between the people of a batch, and a contrast
between the halves of one person and all others. The exported weights are the mean of the initial and the trained ones.
Stops after the given minutes, goes on from its checkpoint when started again.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from training.optimization import CosineRate, MovingAverage, Progress
from training.paths import CHECKPOINTS
from training.speakers import recordings
from training.speakers.student import DIMENSION, FOLDER, Student, export
from training.speakers.teacher import Targets, Teacher
from training.speakers.voices import Batch, Voices, make_batch

if TYPE_CHECKING:
    from collections.abc import Sequence

CHECKPOINT = CHECKPOINTS / "speaker_embedding.pt"
PEOPLE = 24
SECONDS = (0.8, 2.0)
RATE = CosineRate(peak=4e-4, last=1e-5, warm_up_steps=60)
AVERAGE_DECAY = 0.99
CONTRAST_WEIGHT, CONTRAST_TEMPERATURE = 0.05, 0.1
SIMILARITY_WEIGHT = 2.0
MEASURED_BATCHES = 24
INITIAL_SHARE = 0.5
"""Share of the initial weights in the exported ones.

It serves speech without examples in the training, such as real meetings (Wortsman et al., "Robust fine-tuning of
zero-shot models", CVPR 2022).
"""


@dataclass(frozen=True)
class Losses:
    """The three losses of a batch."""

    angle: torch.Tensor
    """Mean of 1 - cosine of the student's embedding and its target."""
    similarity: torch.Tensor
    """Mean square of the difference between the student's and the teacher's cosines of any two people."""
    contrast: torch.Tensor
    """Normalised temperature-scaled cross entropy of the halves (Chen et al., SimCLR, 2020)."""

    @property
    def total(self) -> torch.Tensor:
        """Weighted sum that is minimised."""
        return self.angle + SIMILARITY_WEIGHT * self.similarity + CONTRAST_WEIGHT * self.contrast

    @property
    def numbers(self) -> list[float]:
        """Values for the log, in the order of the fields."""
        return [float(loss.detach()) for loss in (self.angle, self.similarity, self.contrast)]


def losses_of(students: torch.Tensor, targets: torch.Tensor, names: Sequence[str]) -> Losses:
    """Compute the losses of one batch.

    Args:
        students: Embeddings of the halves, float32 [2 × people, dimension], of length 1.
        targets: float32 [people, dimension], of length 1.
        names: Names of the people; equal ones are never each other's contrast.
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
    """Fit the targets to the teacher's embeddings of a few hundred people."""
    rng = np.random.default_rng(0)
    embeddings = [teacher(make_batch(collections, PEOPLE, 2.0, rng).clean) for _ in range(MEASURED_BATCHES)]
    return Targets.measure(torch.cat(embeddings), DIMENSION)


def save(
    student: Student, optimizer: torch.optim.Optimizer, average: MovingAverage, targets: Targets, done: Progress
) -> None:
    """Write the checkpoint."""
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


def blend(start: dict[str, torch.Tensor], learned: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Average the initial and the trained weights, for export."""
    return {name: INITIAL_SHARE * value + (1 - INITIAL_SHARE) * learned[name] for name, value in start.items()}


def step_once(student: Student, optimizer: torch.optim.Optimizer, batch: Batch, targets: torch.Tensor) -> Losses:
    """Take one step of the optimizer."""
    losses = losses_of(student(batch.distorted), targets, batch.names)
    optimizer.zero_grad()
    losses.total.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
    optimizer.step()
    return losses


def train(minutes: float, save_every_s: float) -> None:
    """Train until `minutes` of training time, all runs together, are used up."""
    torch.manual_seed(0)
    collections = [Voices.of(recordings.load_recorded()), Voices.of(recordings.load_synthetic())]
    teacher = Teacher(recordings.fetch_teacher())
    state = torch.load(CHECKPOINT, weights_only=True) if CHECKPOINT.exists() else None
    targets = Targets(state["mean"], state["directions"]) if state else new_targets(teacher, collections)
    student = Student().train()
    student.start_as(teacher, targets)
    start = {name: value.clone() for name, value in student.network.state_dict().items()}
    optimizer = torch.optim.AdamW(student.parameters(), lr=RATE.peak, betas=(0.9, 0.98), weight_decay=0.0)
    average, done = MovingAverage(student.network, AVERAGE_DECAY), Progress()
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
            group["lr"] = RATE.at(done.step, done.trained_s / 60 / minutes)
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
            export(blend(start, average.weights), FOLDER)
            saved = time.monotonic()
    save(student, optimizer, average, targets, done)
    export(blend(start, average.weights), FOLDER)


def main() -> None:
    """Run the command line."""
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
