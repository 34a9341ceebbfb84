"""Batches of windows, longer and noisier as the training progresses."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from training.whisper.features import FRAMES_PER_S, MELS, LogMel
from training.whisper.windows import ENCODER_FRAMES_PER_S, IGNORE, Window, disturb, pack, silent

if TYPE_CHECKING:
    from torch import Tensor

    from training.whisper.corpus import Corpus
    from training.whisper.sequences import Sequence, Writer


@dataclass
class Batch:
    """Tensors of one step."""

    mels: Tensor
    """(batch, 80, frames of 10 ms), float32."""
    tokens: Tensor
    """(batch, n), int64: decoder input."""
    targets: Tensor
    """(batch, n), int64: the next token, or -100."""
    spans: Tensor
    """(batch, n, 2), float32: first and last encoder frame of the next token.

    Below 0 where unknown.
    """
    pieces: Tensor
    """(batch, frames of 20 ms), int64: token of each frame, `<|nospeech|>` for none, -100 if unknown."""
    letters: Tensor
    """(batch, frames of 20 ms), int64: letter class of each frame.

    0 for none, -100 if unknown.
    """


@dataclass(frozen=True)
class Stage:
    """Length and number of the windows of a batch."""

    seconds: float
    size: int


DISTURBED, DISTURBED_LATE = 0.5, 0.3
"""Part of the windows with a line, a room, noise and another loudness.

The rest is clean.
"""
LATE = 0.79
"""Progress from which on most windows are long and full.

The decoder learns from them to keep its place.
"""
TIMED = 0.6
"""Part of the windows that is written with timestamps."""
SHORT, MIDDLE, FULL = Stage(6.0, 14), Stage(14.0, 6), Stage(30.0, 4)


class Batches:
    """Source of batches; their stage depends on the progress of the training."""

    def __init__(self, corpus: Corpus, foreign: Corpus, writer: Writer, seed: int) -> None:
        self.corpus = corpus
        self.foreign = foreign
        self.writer = writer
        self.rng = random.Random(seed)
        self.log_mel = LogMel()
        self.late = False

    def draw(self, progress: float, *, encoder_only: bool = False) -> Batch:
        """Draw a batch for a training that is `progress` (0..1) done."""
        stage = self.stage(progress)
        strength = min(1.0, 0.1 + 1.2 * progress)
        self.late = progress >= LATE
        items = [self.item(stage, strength, encoder_only=encoder_only) for _ in range(stage.size)]
        return self.collate(items, stage)

    def stage(self, progress: float) -> Stage:
        """Draw a stage: short windows first, then longer ones, then all."""
        if progress < 0.22:
            return SHORT
        if progress < 0.38:
            return self.rng.choices([SHORT, MIDDLE], [1, 2])[0]
        return self.rng.choices([SHORT, MIDDLE, FULL], [2, 2, 4] if progress < LATE else [1, 1, 6])[0]

    def window(self, stage: Stage, *, encoder_only: bool) -> Window:
        """Draw speech of one or many sentences, sometimes foreign speech or none."""
        rng, kind = self.rng, self.rng.random()
        if kind < 0.04:
            return silent(rng, rng.uniform(0.5, stage.seconds))
        if kind < 0.065 and not encoder_only:
            seconds = rng.uniform(2.0, stage.seconds)
            return pack(rng, self.foreign, seconds, utterances=rng.randint(1, 8), max_voices=1)
        if stage is SHORT:
            return pack(rng, self.corpus, stage.seconds, utterances=rng.choice([1, 1, 99]))
        if stage is MIDDLE or kind < (0.2 if self.late else 0.4):
            return pack(rng, self.corpus, rng.uniform(4.0, stage.seconds), utterances=rng.choice([99, 99, 2, 3]))
        if kind < (0.3 if self.late else 0.65):
            return pack(rng, self.corpus, min(10.0, stage.seconds), utterances=rng.choice([1, 1, 1, 2]))
        return pack(rng, self.corpus, stage.seconds)

    def item(self, stage: Stage, strength: float, *, encoder_only: bool) -> tuple[Window, Tensor, Sequence]:
        """Draw a window with its padded features and its tokens."""
        rng = self.rng
        window = self.window(stage, encoder_only=encoder_only)
        frames = round(stage.seconds * FRAMES_PER_S)
        if window.language is not None and rng.random() < (DISTURBED_LATE if self.late else DISTURBED):
            disturb(rng, window, strength)
        # whisperx pads the sound with zeros, faster-whisper the features: the model meets both.
        pad_sound = rng.random() < 0.5
        mels = self.log_mel(window.wave, window.channel)
        count = mels.shape[1]
        padding = float(mels.max()) - 2.0 if pad_sound else 0.0
        mask_some(rng, mels)
        mels = torch.nn.functional.pad(mels, (0, frames - count), value=padding)
        sequence = self.writer.sequence(
            rng, window, timestamps=rng.random() < TIMED, padded=count < frames or stage is not FULL
        )
        return window, mels, sequence

    def collate(self, items: list[tuple[Window, Tensor, Sequence]], stage: Stage) -> Batch:
        """Pad the token sequences to one length."""
        longest = max(len(sequence.tokens) for _, _, sequence in items)
        tokens = torch.full((len(items), longest), self.writer.ids.endoftext)
        targets = torch.full((len(items), longest), IGNORE)
        spans = torch.full((len(items), longest, 2), -1.0)
        mels = torch.zeros(len(items), MELS, round(stage.seconds * FRAMES_PER_S))
        letters = torch.zeros(len(items), mels.shape[2] // 2, dtype=torch.int64)
        pieces = torch.empty_like(letters)
        for i, (window, mel, sequence) in enumerate(items):
            count = len(sequence.tokens)
            mels[i] = mel
            tokens[i, :count] = torch.tensor(sequence.tokens)
            targets[i, :count] = torch.tensor(sequence.targets)
            spans[i, :count] = torch.tensor(sequence.spans) * ENCODER_FRAMES_PER_S
            pieces[i] = torch.from_numpy(self.writer.frame_tokens(window, pieces.shape[1]))
            if window.letters is not None:
                letters[i, : len(window.letters)] = torch.from_numpy(window.letters[: letters.shape[1]])
        return Batch(mels, tokens, targets, spans, pieces, letters)


def mask_some(rng: random.Random, mels: Tensor) -> None:
    """Blank a few short stretches of time and bands of frequency (SpecAugment).

    They are replaced by the mean, in place.
    """
    frames, mean = mels.shape[1], float(mels.mean())
    for _ in range(rng.randint(0, max(1, frames // 200))):
        width = rng.randint(1, 14)
        at = rng.randint(0, max(0, frames - width))
        mels[:, at : at + width] = mean
    for _ in range(rng.randint(0, 2)):
        width = rng.randint(1, 9)
        at = rng.randint(0, MELS - width)
        mels[at : at + width] = mean
