"""Evaluation of the shipped Whisper and aligner on the speech in `tests/speech`, as a Markdown table.

    python -m training.evaluate

Needs no synthesiser and no corpus. Texts are compared in lower case, ё as е, without punctuation. Alignment follows
whisperx: one letter per change of state, blank while staying; an error is the distance of a word's start or end from
the truth.
"""

import argparse
import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import jiwer
import numpy as np
import soundfile
import torch
from faster_whisper import WhisperModel
from numpy.typing import NDArray
from transformers import Wav2Vec2ForCTC, Wav2Vec2Processor

from training.paths import MODELS, ROOT
from training.speech import augmentation
from training.speech.grammar import normalise

WHISPER, WAV2VEC2 = MODELS / "demo-whisper-ru", MODELS / "demo-wav2vec2-ru"
SPEECH = ROOT / "tests" / "speech"
RATE_HZ = 16_000
SILENCE_S = 0.25
WINDOW_S = 30.0
SPLITS = {
    "heldout": "known voices, new sentences",
    "unheard_voice": "unheard voice",
    "unheard_engine": "unheard engine",
}
Wave = NDArray[np.float32]
Span = tuple[float, float]


@dataclass(frozen=True)
class Utterance:
    """Sound with a little silence around it, its text and its word times."""

    wave: Wave
    text: str
    spans: list[Span]
    """Start and end of every word of `text.split()`, in seconds from the start of `wave`."""


def read_split(split: str) -> list[Utterance]:
    """Read the utterances of one split of the test speech."""
    silence = np.zeros(round(SILENCE_S * RATE_HZ), np.float32)
    utterances = []
    for entry in json.loads((SPEECH / "index.json").read_text(encoding="utf-8")):
        if entry["split"] == split:
            first, last = round(entry["start"] * RATE_HZ), round(entry["end"] * RATE_HZ)
            wave, _ = soundfile.read(SPEECH / entry["file"], start=first, stop=last, dtype="float32")
            spans = [(SILENCE_S + start, SILENCE_S + end) for _, start, end in entry["words"]]
            utterances.append(Utterance(np.concatenate([silence, wave, silence]), entry["text"], spans))
    return utterances


def over_telephone(utterances: Sequence[Utterance], seed: int = 0) -> list[Utterance]:
    """Pass utterances, with noise 12 dB below the speech, over a telephone line."""
    rng = np.random.default_rng(seed)
    return [
        Utterance(augmentation.telephone(one.wave + augmentation.noise(one.wave, rng, snr_db=12)), one.text, one.spans)
        for one in utterances
    ]


def windows(utterances: Sequence[Utterance]) -> Iterator[tuple[Wave, str]]:
    """Join neighbours to windows of at most `WINDOW_S` seconds."""
    joined: list[Utterance] = []
    length_s = 0.0
    for one in [*utterances, None]:
        if joined and (one is None or length_s + len(one.wave) / RATE_HZ > WINDOW_S):
            yield np.concatenate([part.wave for part in joined]), " ".join(part.text for part in joined)
            joined, length_s = [], 0.0
        if one is not None:
            joined.append(one)
            length_s += len(one.wave) / RATE_HZ


def word_error_rate(pairs: Sequence[tuple[str, str]]) -> float:
    """Compute the WER of (reference, hypothesis) pairs, in percent."""
    return 100 * float(
        jiwer.wer([normalise(reference) for reference, _ in pairs], [normalise(hypothesis) for _, hypothesis in pairs])
    )


def recognise(model: WhisperModel, wave: Wave) -> str:
    """Transcribe greedily, with the language given."""
    segments, _ = model.transcribe(wave, language="ru", beam_size=1, temperature=0.0, condition_on_previous_text=False)
    return " ".join(segment.text.strip() for segment in segments)


class Aligner:
    """The wav2vec2 CTC model with its vocabulary."""

    def __init__(self, folder: Path) -> None:
        self._model = Wav2Vec2ForCTC.from_pretrained(folder).eval()
        self._processor = Wav2Vec2Processor.from_pretrained(folder)  # type: ignore[no-untyped-call]
        self._vocabulary: dict[str, int] = self._processor.tokenizer.get_vocab()

    def emissions(self, wave: Wave) -> NDArray[np.float32]:
        """Compute log-probabilities, float32 [frames, vocabulary]."""
        inputs = self._processor(wave, sampling_rate=RATE_HZ, return_tensors="pt").input_values
        with torch.inference_mode():
            log_probabilities: NDArray[np.float32] = self._model(inputs).logits[0].log_softmax(-1).numpy()
        return log_probabilities

    def greedy(self, emissions: NDArray[np.float32]) -> str:
        """Decode the best letter of every frame, without repetitions and blanks."""
        return str(self._processor.decode(emissions.argmax(-1)))

    def align(self, emissions: NDArray[np.float32], text: str, duration_s: float) -> list[Span]:
        """Align a text; return start and end of every word, in seconds."""
        words = [re.sub(r"[^а-яё-]", "", word) for word in text.lower().split()]
        tokens = [self._vocabulary[letter] for letter in "|".join(words)]
        entered = enter_frames(emissions, tokens, blank=self._vocabulary["[PAD]"])
        frame_s = duration_s / len(emissions)
        spans, at = [], 0
        for word in words:
            behind = at + len(word)
            end = entered[behind] if behind < len(entered) else entered[-1] + 1
            spans.append((entered[at] * frame_s, end * frame_s))
            at = behind + 1
        return spans


def enter_frames(emissions: NDArray[np.float32], tokens: Sequence[int], blank: int) -> list[int]:
    """Find the frame in which the best path enters each token, by whisperx's trellis."""
    frames, count = len(emissions), len(tokens)
    trellis = np.full((frames + 1, count + 1), -math.inf)
    trellis[:, 0] = np.concatenate([[0.0], np.cumsum(emissions[:, blank])])
    for frame in range(frames):
        trellis[frame + 1, 1:] = np.maximum(
            trellis[frame, 1:] + emissions[frame, blank], trellis[frame, :-1] + emissions[frame, tokens]
        )
    entered = [0] * count
    frame, token = int(trellis[:, count].argmax()), count
    while token > 0 and frame > 0:
        stay = trellis[frame - 1, token] + emissions[frame - 1, blank]
        change = trellis[frame - 1, token - 1] + emissions[frame - 1, tokens[token - 1]]
        if change > stay:
            token -= 1
            entered[token] = frame - 1
        frame -= 1
    return entered


def boundary_errors_ms(aligner: Aligner, utterances: Sequence[Utterance]) -> NDArray[np.float64]:
    """Compute the distances of all word starts and ends from the truth, in milliseconds."""
    errors: list[float] = []
    for one in utterances:
        found = aligner.align(aligner.emissions(one.wave), one.text, len(one.wave) / RATE_HZ)
        for span, truth in zip(found, one.spans, strict=True):
            errors += [1_000 * abs(span[0] - truth[0]), 1_000 * abs(span[1] - truth[1])]
    return np.asarray(errors)


def row(whisper: WhisperModel | None, aligner: Aligner, utterances: Sequence[Utterance]) -> list[str]:
    """Compute the cells of one row of the table."""
    cells = ["–", "–"]
    if whisper:
        long = [(text, recognise(whisper, wave)) for wave, text in windows(utterances)]
        short = [(one.text, recognise(whisper, one.wave)) for one in utterances]
        cells = [f"{word_error_rate(pairs):.1f}" for pairs in (long, short)]
    letters = [(one.text, aligner.greedy(aligner.emissions(one.wave))) for one in utterances]
    errors = boundary_errors_ms(aligner, utterances)
    return [*cells, f"{word_error_rate(letters):.1f}", f"{np.median(errors):.0f}", f"{np.percentile(errors, 90):.0f}"]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Measures the shipped Russian models.")
    parser.add_argument("--no-whisper", action="store_true", help="only the CTC model")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    whisper = None
    if not arguments.no_whisper:
        whisper = WhisperModel(str(WHISPER), device="cpu", compute_type="float32", cpu_threads=1)
    aligner = Aligner(WAV2VEC2)
    print(
        "| speech | sound | Whisper, 30 s windows: WER % | Whisper, utterances: WER % | wav2vec2, greedy: WER % "
        "| alignment, median ms | alignment, 90th percentile ms |"
    )
    print("|---|---|---|---|---|---|---|")
    for split, name in SPLITS.items():
        clean = read_split(split)
        for sound, utterances in (("clean", clean), ("telephone and noise", over_telephone(clean))):
            print("| " + " | ".join([name, sound, *row(whisper, aligner, utterances)]) + " |", flush=True)


if __name__ == "__main__":
    main()
