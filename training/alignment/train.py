"""Training of the wav2vec2 CTC model for alignment.

    python -m training.alignment.train --minutes 60

Stops after the given minutes, goes on from its checkpoint when started again, and writes
the averaged weights to the model's folder now and then.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import Wav2Vec2ForCTC

from training.alignment.model import first_convolution, new_model, save_folder
from training.alignment.targets import Target, target_of, timed_ctc_loss
from training.optimization import CosineRate, MovingAverage, Muon, Progress
from training.paths import CHECKPOINTS, MODELS
from training.speech import augmentation, corpus
from training.speech.corpus import Record

CHECKPOINT = CHECKPOINTS / "wav2vec2.pt"
FOLDER = MODELS / "demo-wav2vec2-ru"
BATCH_S = 36.0
WINDOWS_S = (1.0, 1.8, 3.0, 4.5, 6.0, 9.0, 12.0, 20.0)
WINDOW_SHARES = (0.03, 0.07, 0.2, 0.25, 0.25, 0.12, 0.06, 0.02)
RATE = CosineRate(peak=3e-3, last=2e-5, warm_up_steps=150)
AVERAGE_DECAY = 0.998
"""The average aligns better than the last step's weights."""


@dataclass(frozen=True)
class Batch:
    """Windows of one length."""

    waves: torch.Tensor
    """float32 [batch, samples]"""
    targets: list[Target]
    words: int


def make_batch(
    records: Sequence[Record], rng: np.random.Generator, wave_of: Callable[[Record], augmentation.Wave]
) -> Batch:
    """Draw as many windows of one random length as fill `BATCH_S` seconds."""
    seconds = float(rng.choice(WINDOWS_S, p=WINDOW_SHARES)) * float(rng.uniform(0.9, 1.1))
    waves, targets, count = [], [], 0
    for _ in range(max(2, round(BATCH_S / seconds))):
        wave, _, words = augmentation.pack(records, rng, seconds, wave_of)
        waves.append(wave)
        targets.append(target_of(words, len(wave)))
        count += len(words)
    return Batch(torch.from_numpy(np.stack(waves)), targets, count)


def new_optimizers(model: Wav2Vec2ForCTC) -> list[torch.optim.Optimizer]:
    """Make Muon for the transformer's matrices and AdamW for the rest.

    The filter bank is not trained.
    """
    first_convolution(model).weight.requires_grad = False
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    inside = [name for name, weight in trained.items() if ".layers." in name and weight.ndim == 2]
    outside = [weight for name, weight in trained.items() if name not in inside]
    return [
        Muon([trained[name] for name in inside], lr=RATE.peak),
        torch.optim.AdamW(outside, lr=RATE.peak, betas=(0.9, 0.98), weight_decay=0.01),
    ]


def save_checkpoint(
    model: Wav2Vec2ForCTC, optimizers: Sequence[torch.optim.Optimizer], average: MovingAverage, done: Progress
) -> None:
    """Write the checkpoint and export the averaged weights."""
    CHECKPOINT.parent.mkdir(exist_ok=True)
    state = {
        "model": model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "average": average.weights,
        "step": done.step,
        "trained_s": done.trained_s,
    }
    torch.save(state, CHECKPOINT.with_suffix(".new"))
    CHECKPOINT.with_suffix(".new").replace(CHECKPOINT)
    exported = new_model()
    exported.load_state_dict(average.weights)
    save_folder(exported, FOLDER)


def load_checkpoint(
    model: Wav2Vec2ForCTC, optimizers: Sequence[torch.optim.Optimizer], average: MovingAverage
) -> Progress:
    """Restore the checkpoint, if there is one."""
    if not CHECKPOINT.exists():
        return Progress()
    state = torch.load(CHECKPOINT, weights_only=True)
    model.load_state_dict(state["model"])
    for optimizer, optimizer_state in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(optimizer_state)
    average.weights = state["average"]
    return Progress(state["step"], state["trained_s"])


def train(minutes: float, save_every_s: float) -> None:
    """Train until `minutes` of training time, all runs together, are used up."""
    torch.manual_seed(0)
    model = new_model().train()
    optimizers = new_optimizers(model)
    average = MovingAverage(model, AVERAGE_DECAY)
    done = load_checkpoint(model, optimizers, average)
    rng = np.random.default_rng(done.step)
    speech = corpus.load()
    records = speech.split("train")
    started, saved = time.monotonic() - done.trained_s, time.monotonic()
    losses, words = 0.0, 0
    while done.trained_s < minutes * 60:
        batch = make_batch(records, rng, speech.wave)
        for group in (group for optimizer in optimizers for group in optimizer.param_groups):
            group["lr"] = RATE.at(done.step, done.trained_s / 60 / minutes)
        loss, ctc = timed_ctc_loss(model(batch.waves).logits, batch.targets)
        model.zero_grad()
        (loss / max(1, batch.words)).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        average.follow(model, done.step)
        done.step += 1
        done.trained_s = time.monotonic() - started
        losses, words = losses + ctc, words + batch.words
        if done.step % 50 == 0:
            minute = done.trained_s / 60
            print(f"step {done.step}  {minute:.1f} min  loss per word {losses / max(1, words):.3f}", flush=True)
            losses, words = 0.0, 0
        if time.monotonic() - saved > save_every_s:
            save_checkpoint(model, optimizers, average, done)
            saved = time.monotonic()
            speech = corpus.load()
            records = speech.split("train")
    save_checkpoint(model, optimizers, average, done)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Trains the wav2vec2 CTC model.")
    parser.add_argument("--minutes", type=float, default=60, help="training time, earlier runs counted in")
    parser.add_argument("--save-every-s", type=float, default=240)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    train(arguments.minutes, arguments.save_every_s)


if __name__ == "__main__":
    main()
