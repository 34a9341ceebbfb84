"""Trains the wav2vec2 CTC model for alignment: its letters must stand where the words are.

    python train_wav2vec2.py --minutes 60

Plain CTC says what was spoken and leaves open when. Here the true times of the words are known, so only those CTC paths
are allowed in which a word's first letter is emitted in the word's first frame, its last letter in the last, "|" right
behind, and blanks in pauses. Stops after the given minutes, goes on from its checkpoint when started again, and writes
the averaged weights to the model's folder now and then.
"""

import argparse
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import augment
import corpus
import numpy as np
import torch
from muon import Muon
from numpy.typing import NDArray
from torch.nn import functional
from transformers import Wav2Vec2ForCTC
from wav2vec2_model import DELIMITER, VOCABULARY, first_convolution, frame_count, new_model, save_folder

HERE = Path(__file__).parent
CHECKPOINT = HERE / "checkpoints" / "wav2vec2.pt"
FOLDER = HERE.parent / "demo-wav2vec2-ru"
BATCH_S = 36.0
WINDOWS_S = (1.0, 1.8, 3.0, 4.5, 6.0, 9.0, 12.0, 20.0)
WINDOW_SHARES = (0.03, 0.07, 0.2, 0.25, 0.25, 0.12, 0.06, 0.02)
PEAK_RATE, LAST_RATE = 3e-3, 2e-5
WARM_UP_STEPS = 150
AVERAGE_DECAY = 0.998
FORBIDDEN = -1e4
"""Log-probability added to what no allowed path may emit; finite, so that gradients stay numbers."""


@dataclass(frozen=True)
class Target:
    """What one window should emit, and when."""

    tokens: list[int]
    """The letters of all words, each word followed by the delimiter."""
    allowed: NDArray[np.bool_]
    """[frames, vocabulary]: what an allowed path may emit in each frame."""


def letters_of(word: str) -> list[int]:
    """Token numbers of a word's letters; punctuation has none."""
    return [VOCABULARY[letter] for letter in word.lower() if letter in VOCABULARY and letter != DELIMITER]


def frames_needed(letters: Sequence[int]) -> int:
    """CTC needs one frame per letter and one more between two equal letters."""
    return len(letters) + sum(first == second for first, second in pairwise(letters))


def target_of(words: Sequence[augment.Word], samples: int) -> Target:
    """Lays the words of a window on its frames.

    An aligner takes frame f for the time f / frames × duration, a word's start from its first letter and its end from
    the delimiter behind it. Where two words touch, the delimiter takes the frame before the boundary.
    """
    frames = frame_count(samples)
    frame_s = samples / augment.RATE_HZ / frames
    allowed = np.zeros((frames, len(VOCABULARY)), bool)
    allowed[:, 0] = True
    tokens: list[int] = []
    free = 0
    for index, (word, start_s, end_s) in enumerate(words):
        letters = letters_of(word)
        next_start_s = words[index + 1][1] if index + 1 < len(words) else math.inf
        first = max(free, round(start_s / frame_s))
        behind = round(end_s / frame_s)
        if next_start_s - end_s < 1.5 * frame_s:
            behind = round(next_start_s / frame_s) - 1
        behind = min(max(behind, first + frames_needed(letters)), frames - 1)
        _allow_word(allowed, letters, first, behind)
        pause_frames = 2 if next_start_s - end_s > 4 * frame_s else 1
        allowed[behind : behind + pause_frames, VOCABULARY[DELIMITER]] = True
        allowed[behind, 0] = False
        tokens += [*letters, VOCABULARY[DELIMITER]]
        free = behind + 1
    return Target(tokens, allowed)


def _allow_word(allowed: NDArray[np.bool_], letters: Sequence[int], first: int, behind: int) -> None:
    """Pins the first letter to the first frame and the last one to the frame before the delimiter."""
    allowed[first:behind, list(letters)] = True
    last = behind - 1
    if 0 <= first < len(allowed):
        allowed[first] = False
        allowed[first, letters[0]] = True
    if len(letters) > 1 and first < last < len(allowed):
        allowed[last] = False
        allowed[last, letters[-1]] = True


@dataclass(frozen=True)
class Batch:
    """Windows of one length."""

    waves: torch.Tensor
    """float32 [batch, samples]"""
    targets: list[Target]
    words: int


def make_batch(records: Sequence[Any], rng: np.random.Generator, wave_of: Callable[[Any], augment.Wave]) -> Batch:
    """As many windows of one random length as fill `BATCH_S` seconds."""
    seconds = float(rng.choice(WINDOWS_S, p=WINDOW_SHARES)) * float(rng.uniform(0.9, 1.1))
    waves, targets, count = [], [], 0
    for _ in range(max(2, round(BATCH_S / seconds))):
        wave, _, words = augment.pack(records, rng, seconds, wave_of)
        waves.append(wave)
        targets.append(target_of(words, len(wave)))
        count += len(words)
    return Batch(torch.from_numpy(np.stack(waves)), targets, count)


def timed_ctc_loss(logits: torch.Tensor, targets: Sequence[Target]) -> tuple[torch.Tensor, float]:
    """CTC over the allowed paths only.

    Args:
        logits: float32 [batch, frames, vocabulary].
        targets: One per window.

    Returns:
        The loss to differentiate, summed over the windows, and the CTC part of it for the log.

    PyTorch's CTC gradient is exp(log-probability) minus the posterior, which is right only for normalised input. Masked
    input is not normalised; subtracting the masked probabilities' sum turns it into minus the posterior, as it should
    be.
    """
    allowed = torch.from_numpy(np.stack([target.allowed for target in targets]))
    masked = logits.log_softmax(-1).masked_fill(~allowed, FORBIDDEN)
    tokens = torch.tensor([token for target in targets for token in target.tokens], dtype=torch.long)
    lengths = torch.tensor([len(target.tokens) for target in targets])
    frames = torch.full((len(targets),), logits.shape[1])
    losses = functional.ctc_loss(masked.transpose(0, 1), tokens, frames, lengths, reduction="none", zero_infinity=True)
    possible = losses.detach() < -FORBIDDEN / 2
    loss = (losses - masked.exp().sum((1, 2)))[possible].sum()
    return loss, float(losses.detach()[possible].sum())


class Average:
    """A slowly following average of the weights; it aligns better than the last step's weights."""

    def __init__(self, model: Wav2Vec2ForCTC) -> None:
        self.weights = {name: value.detach().clone() for name, value in model.state_dict().items()}

    def follow(self, model: Wav2Vec2ForCTC, step: int) -> None:
        """Moves the average towards the model, quickly in the first steps."""
        decay = min(AVERAGE_DECAY, (1 + step) / (10 + step))
        for name, value in model.state_dict().items():
            self.weights[name].lerp_(value.detach(), 1 - decay)


@dataclass
class Progress:
    """What a checkpoint holds beside the weights."""

    step: int = 0
    trained_s: float = 0.0


def new_optimizers(model: Wav2Vec2ForCTC) -> list[torch.optim.Optimizer]:
    """Muon for the transformer's matrices, AdamW for everything else; the filter bank stays as it is."""
    first_convolution(model).weight.requires_grad = False
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    inside = [name for name, weight in trained.items() if ".layers." in name and weight.ndim == 2]
    outside = [weight for name, weight in trained.items() if name not in inside]
    return [
        Muon([trained[name] for name in inside], lr=PEAK_RATE),
        torch.optim.AdamW(outside, lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.01),
    ]


def save_checkpoint(
    model: Wav2Vec2ForCTC, optimizers: Sequence[torch.optim.Optimizer], average: Average, done: Progress
) -> None:
    """Writes the checkpoint and exports the averaged weights."""
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


def load_checkpoint(model: Wav2Vec2ForCTC, optimizers: Sequence[torch.optim.Optimizer], average: Average) -> Progress:
    """Goes on where the last run stopped; a fresh start if there was none."""
    if not CHECKPOINT.exists():
        return Progress()
    state = torch.load(CHECKPOINT, weights_only=True)
    model.load_state_dict(state["model"])
    for optimizer, optimizer_state in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(optimizer_state)
    average.weights = state["average"]
    return Progress(state["step"], state["trained_s"])


def learning_rate(step: int, done: float) -> float:
    """Warm-up, then a cosine down to `LAST_RATE` at the end of the planned minutes; `done` is 0..1."""
    cosine = LAST_RATE + (PEAK_RATE - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return cosine * min(1.0, (step + 1) / WARM_UP_STEPS)


def train(minutes: float, save_every_s: float) -> None:
    """Trains until `minutes` of training time, all runs together, are used up."""
    torch.manual_seed(0)
    model = new_model().train()
    optimizers = new_optimizers(model)
    average = Average(model)
    done = load_checkpoint(model, optimizers, average)
    rng = np.random.default_rng(done.step)
    speech = corpus.load()
    records = speech.split("train")
    started, saved = time.monotonic() - done.trained_s, time.monotonic()
    losses, words = 0.0, 0
    while done.trained_s < minutes * 60:
        batch = make_batch(records, rng, speech.wave)
        for group in (group for optimizer in optimizers for group in optimizer.param_groups):
            group["lr"] = learning_rate(done.step, done.trained_s / 60 / minutes)
        loss, ctc = timed_ctc_loss(model(batch.waves).logits, batch.targets)
        model.zero_grad()
        (loss / max(1, batch.words)).backward()
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
    """The command line."""
    parser = argparse.ArgumentParser(description="Trains the wav2vec2 CTC model.")
    parser.add_argument("--minutes", type=float, default=60, help="training time, earlier runs counted in")
    parser.add_argument("--save-every-s", type=float, default=240)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    train(arguments.minutes, arguments.save_every_s)


if __name__ == "__main__":
    main()
