"""Training of the small Russian Whisper on one CPU core.

    python -m training.whisper.train --minutes 142

First the encoder alone, which names the letter of each frame; then all of it, with the letters as an auxiliary loss and
the cross-attention of a few heads guided to the known word times. Windows grow from 6 to 30 s. Stops after `--minutes`;
run again, it goes on.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that torch uses

from training.optimization import Muon
from training.paths import CHECKPOINTS, CORPUS
from training.whisper.batches import Batch, Batches
from training.whisper.corpus import Corpus, grammar_texts
from training.whisper.foreign import speak_foreign
from training.whisper.model import Shape, SmallWhisper, initialise
from training.whisper.sequences import Writer
from training.whisper.tokenizer import build_tokenizer, special_ids
from training.whisper.windows import ALPHABET, IGNORE

ENCODER_PART = 0.08
"""Part of the training in which only the encoder learns."""
DROPOUT = 0.05
"""Dropout in the decoder.

The encoder has SpecAugment, and drawing its masks would cost a tenth of the time.
"""
REPLACED_TOKENS = 0.03
"""Part of the text tokens replaced at random in the decoder's input.

With it one mistake does not cause the next.
"""


@dataclass
class Losses:
    """Mean losses of a batch."""

    text: Tensor
    pieces: Tensor
    letters: Tensor
    guide: Tensor

    @property
    def total(self) -> Tensor:
        """Weighted sum that is minimised."""
        return self.text + 0.4 * self.pieces + 0.2 * self.letters + 0.5 * self.guide


class Trainer:
    """Weights, their moving average, optimizers and the time spent."""

    def __init__(self, tokenizer: Tokenizer, rate: float) -> None:
        torch.manual_seed(1)
        self.tokenizer = tokenizer
        self.ids = special_ids(tokenizer)
        self.model = SmallWhisper(Shape(vocab=tokenizer.get_vocab_size()))
        initialise(self.model, self.ids.timestamp(0.0))
        self.head = nn.Linear(self.model.shape.width, len(ALPHABET) + 1)
        self.average = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.optimizers = make_optimizers(self.model, self.head, rate)
        self.rate = rate
        self.steps = 0
        self.spent_s = 0.0
        self.cpu_s = 0.0

    def step(self, batch: Batch, rate: float, *, encoder_only: bool) -> Losses:
        """Take one gradient step."""
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * group.get("factor", 1.0)
            optimizer.zero_grad(set_to_none=True)
        losses = self.losses(batch, encoder_only=encoder_only)
        losses.total.backward()  # type: ignore[no-untyped-call]
        parameters = [p for p in [*self.model.parameters(), *self.head.parameters()] if p.grad is not None]
        norm = nn.utils.clip_grad_norm_(parameters, 2.0)
        if torch.isfinite(norm):
            for optimizer in self.optimizers:
                optimizer.step()
            self.model.encoder.clear_reserved()
        self.steps += 1
        keep = min(0.997, 1.0 - 1.0 / (1.0 + self.steps / 6.0))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                self.average[name].lerp_(value, 1.0 - keep)
        return losses

    def losses(self, batch: Batch, *, encoder_only: bool) -> Losses:
        """Run the network on a batch."""
        audio = self.model.encoder(batch.mels)
        scores = self.head(audio)
        letters = F.cross_entropy(scores.flatten(0, 1), batch.letters.flatten(), ignore_index=IGNORE)
        # With the decoder's embeddings, what it attends to in a frame is nearly the token to write.
        scores = F.linear(audio, self.model.decoder.embed_tokens.weight[: self.ids.nospeech + 1])
        pieces = F.cross_entropy(scores.flatten(0, 1), batch.pieces.flatten(), ignore_index=IGNORE)
        if encoder_only:
            return Losses(torch.zeros(()), pieces, letters, torch.zeros(()))
        tokens = self.replace_some(batch)
        logits, attention = self.model.decoder(tokens, audio, DROPOUT)
        text = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORE)
        spans = [F.pad(batch.spans[:, :-1], (0, 0, 1, 0), value=-1.0), *[batch.spans] * (len(attention) - 1)]
        guide = torch.stack([guide_loss(*pair) for pair in zip(attention, spans, strict=True)]).mean()
        return Losses(text, pieces, letters, guide)

    def replace_some(self, batch: Batch) -> Tensor:
        """Replace some text tokens of the input by others."""
        tokens = batch.tokens
        replaced = (torch.rand(tokens.shape) < REPLACED_TOKENS) & (tokens < self.ids.endoftext)
        return torch.where(replaced, torch.randint(0, self.ids.endoftext, tokens.shape), tokens)

    def save(self, path: Path) -> None:
        """Write the checkpoint."""
        state = {
            "model": self.model.state_dict(), "head": self.head.state_dict(), "average": self.average,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "steps": self.steps, "spent_s": self.spent_s, "cpu_s": self.cpu_s,
            "tokenizer": self.tokenizer.to_str(),
        }  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    def load(self, saved: dict[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        self.model.load_state_dict(saved["model"])
        self.head.load_state_dict(saved["head"])
        self.average = saved["average"]
        for optimizer, state in zip(self.optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        self.steps, self.spent_s, self.cpu_s = saved["steps"], saved["spent_s"], saved["cpu_s"]

    def start_from(self, saved: dict[str, Any]) -> None:
        """Restore only the averaged weights of a checkpoint."""
        self.model.load_state_dict(saved["average"])
        self.head.load_state_dict(saved["head"])
        self.average = {name: value.clone() for name, value in saved["average"].items()}


def make_optimizers(model: SmallWhisper, head: nn.Module, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside, AdamW for embeddings, norms, biases and the head."""
    inside = [p for name, p in model.named_parameters() if p.ndim >= 2 and "embed" not in name]
    rest = [p for name, p in model.named_parameters() if (p.ndim < 2 or "embed" in name) and p.requires_grad]
    return [Muon(inside, lr=rate), torch.optim.AdamW([*rest, *head.parameters()], lr=rate, betas=(0.9, 0.98))]


def guide_loss(log_weights: Tensor, spans: Tensor) -> Tensor:
    """Compute the negative log of the attention on the frames of each token.

    Args:
        log_weights: (batch, heads, tokens, frames).
        spans: (batch, tokens, 2), first and last frame; below 0 where unknown.
    """
    frames = torch.arange(log_weights.shape[-1])
    outside = (frames < spans[..., :1].floor()) | (frames > spans[..., 1:].ceil())
    inside = log_weights.masked_fill(outside[:, None], -30.0).logsumexp(-1)
    known = (spans[..., 1] >= 0).float()[:, None]
    return -(inside * known).sum() / (known.sum() * log_weights.shape[1]).clamp_min(1.0)


def rate_at(progress: float, steps: int, rate: float) -> float:
    """Warm up over 60 steps, hold, then fall to a fiftieth over the second half."""
    warm = min(1.0, (steps + 1) / 60)
    fall = 1.0 if progress < 0.45 else max(0.02, (1.0 - progress) / 0.55)
    return rate * warm * fall


def open_corpora() -> tuple[Corpus, Corpus]:
    """Open the Russian and the foreign corpus; synthesise the foreign one if it is missing."""
    if not (CORPUS / "foreign.json").exists():
        speak_foreign()
    return Corpus(), Corpus(name="foreign")


def train(options: argparse.Namespace) -> None:
    """Train until the minutes are used up, with a checkpoint every few of them."""
    torch.set_num_threads(options.threads)
    # Sharp attention leaves weights so near zero that a step takes 3 to 8 times as long.
    torch.set_flush_denormal(True)
    saved = torch.load(options.checkpoint, weights_only=True) if options.checkpoint.exists() else None
    tokenizer = Tokenizer.from_str(saved["tokenizer"]) if saved else build_tokenizer(grammar_texts())
    trainer = Trainer(tokenizer, options.rate)
    if saved:
        trainer.load(saved)
    elif options.weights:
        trainer.start_from(torch.load(options.weights, weights_only=True))
    batches = Batches(*open_corpora(), Writer(tokenizer, trainer.ids), seed=trainer.steps + 11)
    last_save_s, sums, since_s, count = time.time(), torch.zeros(4), time.time(), 0
    while trainer.spent_s < options.minutes * 60:
        started_s, cpu_started_s = time.time(), time.process_time()
        progress = trainer.spent_s / (options.minutes * 60)
        encoder_only = progress < ENCODER_PART
        batch = batches.draw(progress, encoder_only=encoder_only)
        losses = trainer.step(batch, rate_at(progress, trainer.steps, options.rate), encoder_only=encoder_only)
        trainer.spent_s += time.time() - started_s
        trainer.cpu_s += time.process_time() - cpu_started_s
        sums += torch.stack([losses.text, losses.pieces, losses.letters, losses.guide]).detach()
        count += 1
        if count == 25:
            text, pieces, letters, guide = (sums / count).tolist()
            pace_s = (time.time() - since_s) / count
            print(
                f"{trainer.spent_s / 60:6.1f} min ({trainer.cpu_s / 60:.1f} CPU)  step {trainer.steps:5d}  "
                f"text {text:.3f}  pieces {pieces:.3f}  letters {letters:.3f}  guide {guide:.3f}  {pace_s:.2f} s/step",
                flush=True,
            )  # fmt: skip
            sums, since_s, count = torch.zeros(4), time.time(), 0
        if time.time() - last_save_s > options.save_every_s:
            trainer.save(options.checkpoint)
            last_save_s = time.time()
    trainer.save(options.checkpoint)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=75.0, help="training in all, earlier runs included")
    parser.add_argument("--weights", type=Path, help="a checkpoint to begin with, on a new schedule")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--save-every-s", type=float, default=120.0)
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINTS / "whisper.pt")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
