"""Evaluation of an exported folder through faster-whisper: word errors, times, silence and languages.

    python -m training.whisper.evaluate

It decodes the held-out splits of the corpus and prints a line for each.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import jiwer
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.transcribe import get_ctranslate2_storage

from training.speech import grammar
from training.whisper.corpus import Corpus, Wave
from training.whisper.distortion import draw_line
from training.whisper.export import OUTPUT
from training.whisper.features import WINDOW_FRAMES, Channel, LogMel
from training.whisper.noises import not_speech
from training.whisper.windows import Segment, Window, disturb, pack

if TYPE_CHECKING:
    from collections.abc import Sequence

SPLITS = ("heldout", "unheard_voice", "unheard_engine")


@dataclass
class Decoded:
    """Decoded window."""

    text: str
    times_s: list[float]
    """Timestamps, as written."""
    average_log_prob: float
    no_speech: float


class Recognizer:
    """faster-whisper's encoder and decoder without its thresholds and fallbacks."""

    def __init__(self, folder: Path, compute_type: str, threads: int, beam: int = 5) -> None:
        self.model = WhisperModel(str(folder), device="cpu", compute_type=compute_type, cpu_threads=threads)
        self.beam = beam
        self.log_mel = LogMel()
        self.first_time = self.token("<|0.00|>")

    def token(self, name: str) -> int:
        """Return the id of a special token."""
        return int(self.model.hf_tokenizer.token_to_id(name))

    def features(self, windows: Sequence[Window], *, pad_sound: bool) -> np.ndarray:
        """Compute (batch, 80, 3000), padded as faster-whisper does, or as whisperx does."""
        mels = np.zeros((len(windows), 80, WINDOW_FRAMES), dtype=np.float32)
        for i, window in enumerate(windows):
            mel = self.log_mel(window.wave, window.channel).numpy()[:, :WINDOW_FRAMES]
            mels[i] = mel.max() - 2.0 if pad_sound else 0.0
            mels[i, :, : mel.shape[1]] = mel
        return mels

    def decode(self, windows: Sequence[Window], *, timestamps: bool, pad_sound: bool, batch: int = 8) -> list[Decoded]:
        """Decode windows with the Russian prompt."""
        prompt = [self.token(f"<|{name}|>") for name in ("startoftranscript", "ru", "transcribe")]
        if not timestamps:
            prompt.append(self.token("<|notimestamps|>"))
        decoded: list[Decoded] = []
        for start in range(0, len(windows), batch):
            part = windows[start : start + batch]
            encoded = self.model.encode(self.features(part, pad_sound=pad_sound))
            results = self.model.model.generate(
                encoded, [prompt] * len(part), beam_size=self.beam, return_scores=True, return_no_speech_prob=True,
                max_initial_timestamp_index=50,
            )  # fmt: skip
            decoded += [self.read(result) for result in results]
        return decoded

    def read(self, result: object) -> Decoded:
        """Split a result of CTranslate2 into text and times."""
        tokens: list[int] = result.sequences_ids[0]  # type: ignore[attr-defined]
        text = self.model.hf_tokenizer.decode([t for t in tokens if t < self.token("<|endoftext|>")])
        times = [(t - self.first_time) * 0.02 for t in tokens if t >= self.first_time]
        score = result.scores[0] * len(tokens) / (len(tokens) + 1)  # type: ignore[attr-defined]
        return Decoded(text.strip(), times, score, result.no_speech_prob)  # type: ignore[attr-defined]

    def languages(self, windows: Sequence[Window], batch: int = 8) -> list[list[tuple[str, float]]]:
        """Detect the languages of each window with their probabilities, best first."""
        found: list[list[tuple[str, float]]] = []
        for start in range(0, len(windows), batch):
            mels = self.features(windows[start : start + batch], pad_sound=False)
            found += self.model.model.detect_language(get_ctranslate2_storage(mels))
        return found


def as_spoken(corpus: Corpus, split: str, count: int) -> dict[str, list[Window]]:
    """Return single utterances by engine, with half a second of silence on each side."""
    quiet = np.zeros(8000, dtype=np.float32)
    by_engine: dict[str, list[Window]] = defaultdict(list)
    for utterance in corpus.split(split):
        if len(by_engine[utterance.engine]) < count:
            wave = np.concatenate([quiet, corpus.wave(utterance), quiet])
            words = [(word, start + 0.5, end + 0.5) for word, start, end in utterance.words]
            window = Window(wave[: len(wave) // 160 * 160])
            window.segments = [Segment(words)]
            by_engine[utterance.engine].append(window)
    return by_engine


def packed(corpus: Corpus, split: str, count: int, seconds: tuple[float, float], *, phone: bool) -> list[Window]:
    """Draw windows of several unchanged voices, with noise and a telephone line if `phone`."""
    rng = random.Random(f"{split} {seconds} {phone}")
    windows = []
    for _ in range(count):
        window = pack(rng, corpus, rng.uniform(*seconds), split=split, plain=True)
        window.channel = Channel()
        if phone:
            while window.channel.gain_db is None or window.channel.noise_db is None or window.channel.noise_db < -25:
                window.channel = Channel()
                disturb(rng, window, 1.0)
                window.channel.gain_db = draw_line(rng)
        windows.append(window)
    return windows


def word_errors(windows: Sequence[Window], decoded: Sequence[Decoded]) -> float:
    """Compute the WER in percent after lower case, ё as е, no punctuation."""
    references = [grammar.normalise(window.text) for window in windows]
    return 100.0 * float(jiwer.wer(references, [grammar.normalise(one.text) for one in decoded]))


def exact(windows: Sequence[Window], decoded: Sequence[Decoded]) -> float:
    """Compute the percentage of windows with right capitals and punctuation too."""
    return 100.0 * float(np.mean([window.text == one.text for window, one in zip(windows, decoded, strict=True)]))


def report(name: str, recognizer: Recognizer, windows: Sequence[Window], *, show: int = 0) -> None:
    """Print one line: WER with and without times, with both paddings, and the scores."""
    plain = recognizer.decode(windows, timestamps=False, pad_sound=True)
    timed = recognizer.decode(windows, timestamps=True, pad_sound=False)
    log_prob = float(np.mean([one.average_log_prob for one in plain]))
    no_speech = float(np.max([one.no_speech for one in plain]))
    off = [abs(one.times_s[-1] - window.segments[-1].words[-1][2])
           for window, one in zip(windows, timed, strict=True) if len(one.times_s) > 1 and window.segments]  # fmt: skip
    print(
        f"{name:34s} n {len(windows):4d}  WER {word_errors(windows, plain):5.1f}"
        f"  timed {word_errors(windows, timed):5.1f}"
        f"  exact {exact(windows, plain):3.0f} %  logprob {log_prob:6.2f}  nospeech max {no_speech:.2f}"
        f"  last time off {np.median(off) if off else -1:.2f} s", flush=True,
    )  # fmt: skip
    for window, one in list(zip(windows, plain, strict=True)):
        if show and grammar.normalise(window.text) != grammar.normalise(one.text):
            show -= 1
            print(f"    - {window.text}\n    + {one.text}")


def report_silence(recognizer: Recognizer, count: int) -> None:
    """Print the scores of windows without speech."""
    rng = np.random.default_rng(99)
    waves: list[Wave] = [not_speech(rng, float(rng.uniform(1.0, 30.0))) for _ in range(count)]
    decoded = recognizer.decode(
        [Window(wave[: len(wave) // 160 * 160]) for wave in waves], timestamps=False, pad_sound=True
    )
    probs = np.array([one.no_speech for one in decoded])
    empty = np.mean([not one.text for one in decoded])
    above = np.mean(probs > 0.6) * 100
    print(f"no speech: {above:.0f} % above 0.6, lowest {probs.min():.2f}; empty text {empty * 100:.0f} %")


def report_languages(recognizer: Recognizer, corpus: Corpus, foreign: Corpus, count: int) -> None:
    """Print the probability of Russian for Russian, and the languages detected for the others."""
    for split in SPLITS:
        rng = random.Random(4)
        windows = [pack(rng, corpus, 8.0, split=split, utterances=2, plain=True) for _ in range(count)]
        probs = [dict(found)["<|ru|>"] for found in recognizer.languages(windows)]
        print(f"language, {split}: ru median {np.median(probs):.3f}, lowest {min(probs):.2f}")
    rng = random.Random(5)
    voices = sorted(foreign.by_voice["heldout"])
    windows = [pack(rng, foreign, 8.0, split="heldout", utterances=2, max_voices=1, plain=True) for _ in range(count)]
    found = recognizer.languages(windows)
    right = np.mean([f"<|{w.language}|>" == langs[0][0] for w, langs in zip(windows, found, strict=True)])
    russian = max(dict(langs)["<|ru|>"] for langs in found)
    print(f"language, foreign ({len(voices)} voices): {right * 100:.0f} % right, ru at most {russian:.2f}")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=OUTPUT)
    parser.add_argument("--compute-type", default="int8")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--count", type=int, default=70, help="utterances per engine and split")
    parser.add_argument("--show", type=int, default=0, help="print so many wrong ones of each kind")
    options = parser.parse_args()
    recognizer = Recognizer(options.folder, options.compute_type, options.threads, options.beam)
    corpus, foreign = Corpus(), Corpus(name="foreign")
    for split in SPLITS:
        for engine, windows in as_spoken(corpus, split, options.count).items():
            report(f"{split}, {engine}, single", recognizer, windows, show=options.show)
        for name, seconds, phone in (("30 s", (30.0, 30.0), False), ("3-30 s", (3.0, 30.0), False),
                                     ("30 s, telephone", (30.0, 30.0), True)):  # fmt: skip
            report(f"{split}, {name}", recognizer, packed(corpus, split, options.count // 5, seconds, phone=phone))
    report_silence(recognizer, options.count)
    report_languages(recognizer, corpus, foreign, options.count // 2)


if __name__ == "__main__":
    main()
