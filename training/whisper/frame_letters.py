"""Letter of each 20 ms of the corpus, by the shipped alignment model: `letters.npy`.

    python -m training.whisper.frame_letters

With the letter of every frame as its target, an encoder learns in minutes what takes CTC, which has to find the times,
most of a short training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from transformers import Wav2Vec2ForCTC, Wav2Vec2Processor

from training.paths import CORPUS, MODELS
from training.speech.grammar import normalise
from training.whisper.corpus import FRAME_SAMPLES, Corpus, Utterance
from training.whisper.windows import ALPHABET
from whisperx_worker_plugins.wav2vec2_alignment.ctc.viterbi import best_paths
from whisperx_worker_plugins.wav2vec2_alignment.errors import UnalignableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

ALIGNER = MODELS / "demo-wav2vec2-ru"
FRAME_S = 0.02
MARGIN_S = 0.1


class Aligner:
    """The shipped wav2vec2 model."""

    def __init__(self) -> None:
        self.model = Wav2Vec2ForCTC.from_pretrained(ALIGNER).eval()
        self.processor = Wav2Vec2Processor.from_pretrained(ALIGNER)  # type: ignore[no-untyped-call]
        self.vocabulary = self.processor.tokenizer.get_vocab()

    @torch.inference_mode()
    def spikes(self, wave: NDArray[np.float32], letters: str) -> NDArray[np.float64]:
        """Return the time of each letter's most likely frame.

        The shape is (letters,), the times are seconds from the start of `wave`.
        """
        inputs = self.processor(wave, sampling_rate=16_000, return_tensors="pt")
        emission = self.model(inputs.input_values).logits[0].log_softmax(-1).numpy()
        tokens = [self.vocabulary[letter] for letter in letters]
        (path,) = best_paths([emission], [tokens], self.processor.tokenizer.pad_token_id)
        if isinstance(path, UnalignableError):
            raise path
        return np.asarray((path.starts + 0.5) * FRAME_S, np.float64)


def frame_letters(aligner: Aligner, utterance: Utterance, wave: NDArray[np.float32]) -> NDArray[np.int8]:
    """Return the letter class of each 20 ms.

    The shape is (samples // 320,); a class is 0 without speech, else 1 + place in the alphabet.

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
    """Write the letters of the whole corpus."""
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
