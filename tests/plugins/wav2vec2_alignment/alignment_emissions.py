"""Alphabets, and emissions of an imagined acoustic model, for the tests of the alignment."""

import string

import numpy as np

from whisperx_worker_plugins.wav2vec2_alignment.ctc.viterbi import best_paths
from whisperx_worker_plugins.wav2vec2_alignment.errors import UnalignableError
from whisperx_worker_plugins.wav2vec2_alignment.text.alphabet import Alphabet

BLANK, SEPARATOR = 0, 1
FRAME_S = 0.02
FRAMES_PER_LETTER = 3
LETTERS = "абвгдежзийклмнопрстуфхцчшщъыьэюя"
RUSSIAN = Alphabet({letter: column for column, letter in enumerate(LETTERS, start=2)}, BLANK, SEPARATOR)
UNSEPARATED = Alphabet(RUSSIAN.columns, BLANK, separator=None)
RUSSIAN_WITH_YO = Alphabet({**RUSSIAN.columns, "ё": len(LETTERS) + 2}, BLANK, SEPARATOR)
ENGLISH = Alphabet({letter: column for column, letter in enumerate(string.ascii_lowercase, start=2)}, BLANK, SEPARATOR)
WIDTH = len(LETTERS) + 2


def peaked_emission(peaks, frames, width=WIDTH):
    """Return emissions with a high probability of `{frame: column}`, and of the blank elsewhere."""
    scores = np.full((frames, width), np.log(0.1 / (width - 1)), dtype=np.float32)
    for frame in range(frames):
        scores[frame, peaks.get(frame, BLANK)] = np.log(0.9)
    return scores


def random_emission(rng, frames, width=WIDTH):
    logits = rng.normal(0, 2, (frames, width))
    return (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)


def spoken_emission(spoken, alphabet):
    """Return the emissions of words spoken one after another, and the times of each."""
    columns, edges = [BLANK] * 10, []
    for word in spoken:
        first = len(columns)
        for part in word.split():
            for letter in part:
                columns += [alphabet.columns[letter]] + [BLANK] * (FRAMES_PER_LETTER - 1)
            columns += [SEPARATOR, BLANK]
        edges.append((first * FRAME_S, (len(columns) - 2) * FRAME_S))
        columns += [BLANK] * 4
    columns += [BLANK] * 10
    width = len(alphabet.columns) + 2
    emission = np.full((len(columns), width), np.log(0.1 / (width - 1)), dtype=np.float32)
    emission[np.arange(len(columns)), columns] = np.log(0.9)
    return emission, edges


def best_path(emission, tokens, blank):
    """Return the best path of one recording, or raise why there is none."""
    (path,) = best_paths([emission], [tokens], blank)
    if isinstance(path, UnalignableError):
        raise path
    return path
