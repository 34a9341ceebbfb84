"""Which letter is heard in each 20 ms of the corpus, found with the shipped alignment model: `letters.npy`.

    python frame_letters.py

An encoder that is told the letter of every frame learns in minutes what it takes CTC, which has to find the times by
itself, most of a short training to find.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from grammar import normalise
from transformers import Wav2Vec2ForCTC, Wav2Vec2Processor
from whisper_corpus import CORPUS, FRAME_SAMPLES, Corpus, Utterance
from whisper_windows import ALPHABET

from whisperx_worker_plugins.wav2vec2_alignment.ctc.viterbi import best_paths
from whisperx_worker_plugins.wav2vec2_alignment.errors import UnalignableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

ALIGNER = Path(__file__).parents[1] / "src" / "whisperx_worker_models" / "demo-wav2vec2-ru"
FRAME_S = 0.02
MARGIN_S = 0.1


class Aligner:
    """The shipped wav2vec2 model."""

    def __init__(self) -> None:
        self.model = Wav2Vec2ForCTC.from_pretrained(ALIGNER).eval()
        self.processor = Wav2Vec2Processor.from_pretrained(ALIGNER)
        self.vocabulary = self.processor.tokenizer.get_vocab()

    @torch.inference_mode()
    def spikes(self, wave: NDArray[np.float32], letters: str) -> NDArray[np.float64]:
        """When each letter is heard best, in seconds from the start of `wave`: (letters,)."""
        inputs = self.processor(wave, sampling_rate=16_000, return_tensors="pt")
        emission = self.model(inputs.input_values).logits[0].log_softmax(-1).numpy()
        tokens = [self.vocabulary[letter] for letter in letters]
        (path,) = best_paths([emission], [tokens], self.processor.tokenizer.pad_token_id)
        if isinstance(path, UnalignableError):
            raise path
        return (path.starts + 0.5) * FRAME_S


def frame_letters(aligner: Aligner, utterance: Utterance, wave: NDArray[np.float32]) -> NDArray[np.int8]:
    """Class of each 20 ms of an utterance, (samples // 320,): 0 where nothing is said, else 1 + place in the alphabet.

    A word's frames are those between its known times; a frame belongs to the letter whose spike is nearest.
    """
    classes = np.zeros(len(wave) // FRAME_SAMPLES, np.int8)
    times_s = (np.arange(len(classes)) + 0.5) * FRAME_S
    for word, start_s, end_s in utterance.words:
        letters = normalise(word).replace(" ", "")
        first_s = max(0.0, start_s - MARGIN_S)
        part = wave[int(first_s * 16_000) : int((end_s + MARGIN_S) * 16_000)]
        inside = np.flatnonzero((times_s >= start_s) & (times_s < end_s))
        try:
            spikes_s = first_s + aligner.spikes(part, letters)
        except ValueError:  # too short for its letters
            spikes_s = np.linspace(start_s, end_s, 2 * len(letters) + 1)[1::2]
        nearest = np.abs(times_s[inside, None] - spikes_s).argmin(axis=1)
        classes[inside] = [1 + ALPHABET.index(letters[i]) for i in nearest]
    return classes


def main() -> None:
    """Write the letters of the whole corpus beside its sound."""
    torch.set_num_threads(1)
    corpus, aligner = Corpus(), Aligner()
    classes = np.zeros(len(corpus.sound) // FRAME_SAMPLES + 1, np.int8)
    for number, utterance in enumerate(corpus.utterances):
        letters = frame_letters(aligner, utterance, corpus.wave(utterance))
        first = utterance.offset // FRAME_SAMPLES
        classes[first : first + len(letters)] = letters
        if number % 500 == 0:
            print(f"{number} of {len(corpus.utterances)}", flush=True)
    np.save(CORPUS / "letters.npy", classes)


if __name__ == "__main__":
    main()
