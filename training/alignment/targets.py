"""Timed CTC: only the paths that emit a word's letters within the word.

Plain CTC leaves open when a letter is emitted. Here the true times of the words are known, so only those CTC paths are
allowed in which a word's first letter is emitted in the word's first frame, its last letter in the last, "|" right
behind, and blanks in pauses.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from training.alignment.model import DELIMITER, VOCABULARY, frame_count
from training.speech import augmentation

FORBIDDEN = -1e4
"""Log-probability of forbidden emissions; finite, so that gradients stay numbers."""


@dataclass(frozen=True)
class Target:
    """Tokens of a window, and the frames in which each may be emitted."""

    tokens: list[int]
    """The letters of all words, each word followed by the delimiter."""
    allowed: NDArray[np.bool_]
    """[frames, vocabulary]: tokens that an allowed path may emit in each frame."""


def letters_of(word: str) -> list[int]:
    """Return the tokens of a word's letters, without punctuation."""
    return [VOCABULARY[letter] for letter in word.lower() if letter in VOCABULARY and letter != DELIMITER]


def frames_needed(letters: Sequence[int]) -> int:
    """Count the frames that CTC needs: one per letter, one more between two equal letters."""
    return len(letters) + sum(first == second for first, second in pairwise(letters))


def target_of(words: Sequence[augmentation.Word], samples: int) -> Target:
    """Place the words of a window on its frames.

    An aligner takes frame f for the time f / frames × duration, a word's start from its first letter and its end from
    the delimiter behind it. Where two words touch, the delimiter takes the frame before the boundary.
    """
    frames = frame_count(samples)
    frame_s = samples / augmentation.RATE_HZ / frames
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
    """Allow the first letter in the first frame and the last one before the delimiter only."""
    allowed[first:behind, list(letters)] = True
    last = behind - 1
    if 0 <= first < len(allowed):
        allowed[first] = False
        allowed[first, letters[0]] = True
    if len(letters) > 1 and first < last < len(allowed):
        allowed[last] = False
        allowed[last, letters[-1]] = True


def timed_ctc_loss(logits: torch.Tensor, targets: Sequence[Target]) -> tuple[torch.Tensor, float]:
    """Compute CTC over the allowed paths only.

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
